# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A short run of the fuzzer; that it finds what it looks for; and no way to code from data."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ('mdepth_ros', 'training/mdepth_training', 'standalone/ros2_standalone', 'launch')
MODULES = {'pickle', 'cPickle', 'dill', 'cloudpickle', 'shelve', 'marshal', 'joblib', 'yaml'}
CALLS = {'eval', 'exec', 'compile', '__import__'}
ALLOWED = {
    ('mdepth_ros/texts.py', 'json.loads(text, parse_int=_integer)'),  # within limits
}


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, '-m', 'fuzz', *arguments]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    done = fuzz('--count', '8', '--failures', str(tmp_path), '--limit', '20')
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert len(rows) > 20 and all(int(row[1]) > 0 for row in rows)
    # Not all is refused: what is little spoilt is read.
    assert sum(int(row[2]) for row in rows) > len(rows)


def run(case: str) -> list[Any]:
    """Results, refusals by their kind, and faults of a case of breakers.py."""
    words = [sys.executable, str(Path(__file__).with_name('breakers.py')), case]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100, check=True)
    return list(json.loads(done.stdout))


@pytest.mark.parametrize(
    ('case', 'found'),
    [
        ('divides', 'ZeroDivisionError'),
        ('memory', 'MemoryError'),
        ('dies', 'the process died: signal 9'),
        ('program', 'os.system'),
        ('elsewhere', 'writes'),
        ('spins', 'it took more than 1 s of processor time'),
    ],
)
def test_what_breaks_the_rule_is_found(case: str, found: str) -> None:
    _, _, ((_, what),) = run(case)
    assert found in what


def test_results_and_lines_are_no_faults() -> None:
    assert run('result') == [1, {}, []]
    assert run('line') == [0, {'MdepthError': 1}, []]


def test_no_source_has_a_way_from_data_to_code() -> None:
    found = []
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob('*.py')):
            name = str(path.relative_to(ROOT))
            found += [
                f'{name}: {what}'
                for node in ast.walk(ast.parse(path.read_text('utf-8')))
                for what in ways(node)
                if (name, what) not in ALLOWED
            ]
    assert not found


@pytest.mark.parametrize(
    ('code', 'number'),
    [
        ('import pickle', 1),
        ('from pickle import loads', 1),
        ('torch.load(path)', 1),
        ('torch.load(path, weights_only=False)', 1),
        ('torch.load(path, weights_only=True)', 0),
        ('trainer.fit(method, ckpt_path=last)', 1),
        ('trainer.fit(method, ckpt_path=last, weights_only=True)', 0),
        ('np.load(path, allow_pickle=True)', 1),
        ('np.load(path)', 0),
        ("YAML(typ='unsafe')", 1),
        ('YAML()', 1),
        ("YAML(typ='safe', pure=True)", 0),
        ('eval(text)', 1),
        ('network.eval()', 0),
        ('subprocess.run(words, shell=True)', 1),
        ('os.system(text)', 1),
        ('json.loads(text)', 1),
    ],
)
def test_such_ways_are_recognised(code: str, number: int) -> None:
    assert len([what for node in ast.walk(ast.parse(code)) for what in ways(node)]) == number


def ways(node: ast.AST) -> Iterator[str]:
    """What in a piece of source reads data in another way than the two that SECURITY.md names."""
    if isinstance(node, ast.Import):
        yield from (one.name for one in node.names if one.name.split('.')[0] in MODULES)
    elif isinstance(node, ast.ImportFrom):
        if (node.module or '').split('.')[0] in MODULES:
            yield str(node.module)
    elif isinstance(node, ast.Call):
        function = ast.unparse(node.func)
        said = {one.arg: ast.unparse(one.value) for one in node.keywords}
        safe = said.get('weights_only') == 'True'
        bad = (
            function in CALLS,
            function in ('os.system', 'os.popen', 'json.load', 'json.loads'),
            function == 'torch.load' and not safe,
            'ckpt_path' in said and not safe,
            said.get('allow_pickle', 'False') != 'False',
            said.get('shell', 'False') != 'False',
            function == 'YAML' and said.get('typ') != "'safe'",
        )
        if any(bad):
            yield ast.unparse(node)
