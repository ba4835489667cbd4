# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The whole way, at the smallest size: variants learn in processes, fail or stop, are compared."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from mdepth_training.ablation.ablate import ablate
from mdepth_training.ablation.plan import Variant
from mdepth_training.cli import app
from mdepth_training.methods.implicit_cues.method import ImplicitCues
from typer.testing import CliRunner

from mdepth_ros.errors import MdepthError

TEXT = """
name: tiny
input_size: [64, 96]
network: {width: 0.125, disparity_bias: -3.0, translation_scale: 0.1}
data: {workers: 0, synthetic: {drives: 2, frames: 6}}
method: {joint_from: 1}
training: {steps: 2, batch_size: 2}
"""
SIZE = ['--seeds', '1', '--drives', '1', '--frames', '5', '--table', 'ham']


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / 'tiny.yaml'
    path.write_text(TEXT)
    return path


def test_what_can_be_learned_is_compared_and_what_fails_is_one_line(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = [
        Variant('plain', ('network.attention=none',)),
        Variant('lost', ('training.initial=no-such-model.safetensors',)),
    ]
    monkeypatch.setitem(ImplicitCues.tables, 'ham', lambda _: table)
    output = config.parent / 'runs'
    arguments = ['ablate', str(config), '-o', str(output), '--jobs', '2', *SIZE]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, MdepthError)
    assert '1 of 2 runs failed' in str(result.exception)
    text = (output / 'ham.md').read_text()
    assert re.search(r'\| plain +\| 1 +\| \d', text)
    assert re.search(r'Failed: lost-seed0: error: .*no-such-model', text)
    # The drives were rendered once, for all.
    assert len(list(output.glob('cache/drives-*.npy'))) == 1
    assert not list(output.glob('*-seed0/drives-*'))
    with (output / 'ham.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [row['variant'] for row in rows] == ['plain'] and 0 < float(rows[0]['abs_rel']) < 2
    # Without time nothing starts, and what was finished is still compared.
    again = ablate(config, output, table='ham', seeds=1, minutes=0.0, drives=1, frames=5)
    assert re.search(r'\| plain +\| 1 +\| \d', again.read_text())
    assert 'Not finished: lost-seed0.' in again.read_text()


def test_training_on_what_is_held_out_is_refused(config: Path) -> None:
    overrides = ['data.synthetic.first_seed=9999']
    with pytest.raises(MdepthError, match='are held out'):
        ablate(config, config.parent / 'runs', overrides=overrides, drives=1, frames=5)
