# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth demo` with an untrained network: every part in one go."""

from __future__ import annotations

from pathlib import Path

import cv2
from small_model import write_model
from typer.testing import CliRunner

from mdepth_ros.cli.main import app


def test_demo_leaves_a_picture_a_bag_a_report_and_numbers(tmp_path: Path) -> None:
    write_model(
        tmp_path / 'tiny.safetensors',
        name='tiny',
        camera=(0.58, 1.92, 0.5, 0.5),
        metres_per_unit=5.0,
        method='untrained',
    )
    words = ['demo', '-o', str(tmp_path / 'demo'), '-m', str(tmp_path / 'tiny.safetensors')]
    result = CliRunner().invoke(app, [*words, '--frames', '10'])
    assert result.exit_code == 0, repr(result.exception)
    picture = cv2.imread(str(tmp_path / 'demo' / 'demo.png'))
    assert picture.shape[0] > 400 and picture.shape[1] > 800 and picture.std() > 20
    for made in ('drive/metadata.yaml', 'run/bag/metadata.yaml', 'run/report/report.md'):
        assert (tmp_path / 'demo' / made).is_file()
    for word in ('abs_rel', 'trajectory against', 'demo.png'):
        assert word in result.output
