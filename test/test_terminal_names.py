# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hostile names and numbers at the place where a command meets its user."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer
from rich.table import Table
from small_model import write_model

from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import Console, checked, print_rows, run_app, say

HOSTILE = 'a\x1b[31m\nb\u202e[red]'
SHOWN = r'a\x1b[31m\nb\u202e[red]'
ROOT = Path(__file__).resolve().parents[1]


def end_of(app: object, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        run_app(app)  # type: ignore[arg-type]
    assert end.value.code == 2
    return capsys.readouterr().err


def test_errors(capsys: pytest.CaptureFixture[str]) -> None:
    def app() -> None:
        raise MdepthError(HOSTILE)

    assert end_of(app, capsys) == f'error: {SHOWN}\n'


def test_errors_are_cut_where_they_have_no_end(capsys: pytest.CaptureFixture[str]) -> None:
    def app() -> None:
        raise MdepthError('x' * 10**6)

    assert len(end_of(app, capsys)) < 5000


def test_rows_lines_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([(HOSTILE, HOSTILE)])
    say(HOSTILE)
    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    Console(width=100).print(table)
    out = capsys.readouterr().out
    assert out.count(SHOWN) == 6
    assert not set(out) & {'\x1b', '\u202e'}


def command(
    number: Annotated[float, typer.Option()] = 1.0,
    count: Annotated[int, typer.Option()] = 1,
    place: Annotated[Path | None, typer.Option()] = None,
) -> None:
    """Take anything."""
    print(f'took {number} {count} {place}')


@pytest.mark.parametrize(
    ('arguments', 'line'),
    [
        (['--number', 'nan'], '--number nan: give a finite number'),
        (['--number', '1e300'], 'give 1e+09 at most'),
        (['--number', '1e-300'], 'give 1e-09 at least'),
        (['--count', str(2**31)], 'the number is too large'),
        (['--number', 'inf'], '--number inf: give a finite number'),
        (['--number', '-1e400'], '--number -inf: give a finite number'),
        (['--count', '1' + '0' * 400], 'the number is too large'),
        (['--count', '9' * 5000], '--count'),
        (['--number', 'x'], '--number'),
        (['--\x1b[31m'], r'\x1b[31m'),
        (['--place', 'circle'], '--place circle: the path leads in a circle'),
        (['--place', 'circle/inside'], '--place circle/inside: the path leads in a circle'),
        (['--place', 'x' * 5000], 'File name too long'),
    ],
)
def test_options(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path('circle').symlink_to('circle')
    monkeypatch.setattr(sys, 'argv', ['own', *arguments])
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(checked(command))
    error = end_of(app, capsys)
    assert line in error and error.startswith('error: ') and error.count('\n') == 1


def test_what_is_sound_is_taken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, 'argv', ['own', '--number', '1e8', '--place', 'not/there'])
    app = typer.Typer()
    app.command()(checked(command))
    run_app(app)
    assert capsys.readouterr().out == 'took 100000000.0 1 not/there\n'


def test_a_status_of_a_command_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def one() -> None:
        raise typer.Exit(1)

    app = typer.Typer()
    app.command()(one)
    monkeypatch.setattr(sys, 'argv', ['own'])
    with pytest.raises(SystemExit) as end:
        run_app(app)
    assert end.value.code == 1


def test_a_bug_stays_a_traceback() -> None:
    def app() -> None:
        raise RecursionError

    with pytest.raises(RecursionError):
        run_app(app)


def test_the_card_of_a_stranger_as_a_user_sees_it(tmp_path: Path) -> None:
    """As a process, on a terminal that cannot write all letters."""
    model = write_model(tmp_path / 'a.safetensors', name=HOSTILE, details={HOSTILE: '東'})
    words = [sys.executable, '-m', 'mdepth_ros.cli.main', 'info', str(model)]
    done = subprocess.run(
        words, capture_output=True, env={'COLUMNS': '200', 'PYTHONIOENCODING': 'ascii'}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(SHOWN.encode()) == 2 and b'\x1b' not in done.stdout
    assert rb'\u6771' in done.stdout


def test_every_line_of_a_log_is_shown() -> None:
    """There is no place of our own between a node and ROS 2's log."""
    levels = {'debug', 'info', 'warning', 'error', 'fatal'}
    found, obeyed = 0, []
    for path in sorted((ROOT / 'mdepth_ros' / 'ros').glob('*.py')):
        for node in ast.walk(ast.parse(path.read_text('utf-8'))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            log = ast.unparse(node.func.value).endswith(('get_logger()', '_log'))
            if node.func.attr in levels and log:
                text = ast.unparse(node.args[0])
                found += 1
                if not text.startswith(('shown(', 'traceback.')):
                    obeyed.append(f'{path.name}: {text}')
    assert found > 15 and not obeyed


def test_no_other_console_and_no_bare_print() -> None:
    allowed = {'mdepth_ros/terminal.py'}
    allowed |= {f'mdepth_ros/ros/{name}.py' for name in ('executables', 'parameters')}
    allowed |= {'training/mdepth_training/config.py'}  # python -m: the tables of the docs
    for folder in ('mdepth_ros', 'training/mdepth_training'):
        for path in sorted((ROOT / folder).rglob('*.py')):
            name, text = str(path.relative_to(ROOT)), path.read_text('utf-8')
            if name in allowed:
                continue
            assert 'from rich.console import' not in text, name
            calls = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call)]
            assert 'print' not in [ast.unparse(call.func) for call in calls], name
