# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of the training share."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='session')
def data_dir() -> Path:
    """Real recordings: the folder that MDEPTH_DATA names; tests that need it skip without it."""
    folder = Path(os.environ.get('MDEPTH_DATA', ROOT / '../shared/data'))
    if not folder.is_dir():
        pytest.skip(f'no real recordings at {folder}: set MDEPTH_DATA')
    return folder


@pytest.fixture
def no_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unit of each model is measured on rendered drives; nothing here asks for it."""
    monkeypatch.setattr('mdepth_training.fit.metres_per_unit', lambda *_: 5.0)


@pytest.fixture
def few_priors(monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs no learning is told from two drives of the synthetic world, not from 24."""
    monkeypatch.setattr('mdepth_training.evaluation.synthetic._PRIOR_DRIVES', range(2))


@pytest.fixture
def grey_drive(tmp_path: Path) -> Path:
    """A folder of eight grey images of 120x40, 0.1 s apart."""
    folder = tmp_path / 'grey'
    folder.mkdir()
    noise = np.random.default_rng(0).uniform(0, 255, (14, 60)).astype(np.float32)
    large = cv2.resize(noise, (480, 40), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    for number in range(8):
        view = large[:, 4 * number : 4 * number + 120].astype(np.uint8)
        cv2.imwrite(str(folder / f'{number:06d}.png'), view)
    (folder / 'times.txt').write_text(''.join(f'{0.1 * number:.9f}\n' for number in range(8)))
    (folder / 'intrinsics.txt').write_text('fx 80\nfy 80\ncx 59.5\ncy 19.5\n')
    return folder
