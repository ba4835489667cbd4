# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of pseudo-depth share: a recording, and the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from mdepth_training.cli import app
from typer.testing import CliRunner

from mdepth_ros.errors import MdepthError

Picture = Callable[..., np.ndarray]


@pytest.fixture
def shown() -> Picture:
    """Of a frame: a box on a ramp, of any size; 20 to 240, another place in each frame."""

    def picture(number: int, width: int = 240, height: int = 120) -> np.ndarray:
        ramp = np.linspace(20, 120, 120)[:, None].repeat(240, 1)
        ramp[30:90, 40 + 6 * number : 120 + 6 * number] = 240
        grey = cv2.resize(ramp, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return np.asarray(grey.round(), np.uint8)

    return picture


@pytest.fixture
def recording(tmp_path: Path, shown: Picture) -> Path:
    """A drive of five images of 240x120, seen through a lens."""
    folder = tmp_path / 'data' / 'drive'
    folder.mkdir(parents=True)
    for number in range(5):
        cv2.imwrite(str(folder / f'{number + 7:04d}.png'), shown(number))
    (folder / 'camera.yaml').write_text(
        'image_width: 240\nimage_height: 120\ndistortion_model: plumb_bob\n'
        'camera_matrix: {rows: 3, cols: 3, data: [150, 0, 121, 0, 150, 58, 0, 0, 1]}\n'
        'distortion_coefficients: {rows: 1, cols: 5, data: [-0.2, 0.02, 0, 0, 0]}\n'
    )
    return folder


@pytest.fixture
def go(tmp_path: Path) -> Callable[..., str]:
    """Run `mdepth-train pseudo` of a provider into a store at 64x96; what it prints."""

    def run(provider: object, *arguments: object, store: str = 'store') -> str:
        fixed = ['--set', 'input_size=[64, 96]', '--set', 'data.workers=0']
        fixed += ['--set', 'data.skip_static=false', '--set', 'training.batch_size=2']
        command = ['pseudo', '--provider', str(provider), '-o', str(tmp_path / store), *fixed]
        result = CliRunner().invoke(app, [*command, *map(str, arguments)])
        if isinstance(result.exception, MdepthError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return ' '.join(result.output.split())

    return run
