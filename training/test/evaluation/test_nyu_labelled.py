# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The labelled file of NYU Depth v2, made small by h5py and scipy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mdepth_training.evaluation.evaluate import evaluate
from mdepth_training.evaluation.protocols import guess_protocol, open_shots
from mdepth_training.evaluation.shots import Options

from mdepth_ros.errors import MdepthError

h5py = pytest.importorskip('h5py', reason='pip install "mdepth-training[nyu]"')
io = pytest.importorskip('scipy.io', reason='pip install "mdepth-training[nyu]"')
OPTIONS = Options(0.1, (0.58, 1.92, 0.5, 0.5))
FILE = 'nyu_depth_v2_labeled.mat'


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Three images, test images are 3 and 2; depth is 1 + row / 100 + column / 1000, 3 twice."""
    row, column = np.mgrid[:480, :640]
    depth = (1 + row / 100 + column / 1000).astype(np.float32)
    depth[:, 300] = 0
    image = np.stack([row % 256, column % 256, np.full_like(row, 7)]).astype(np.uint8)
    with h5py.File(tmp_path / FILE, 'w') as file:
        # MATLAB writes [480, 640, 3, N] with the first index fastest.
        file['images'] = np.stack([image.transpose(0, 2, 1)] * 3)
        file['rawDepths'] = np.stack([depth.T * factor for factor in (1, 1, 2)])
        file['depths'] = np.ones((3, 640, 480), np.float32)
    io.savemat(tmp_path / 'splits.mat', {'testNdxs': np.array([[3], [2]], np.uint16)})
    return tmp_path


def test_its_test_images(labelled: Path, model: Path) -> None:
    assert guess_protocol(labelled) == guess_protocol(labelled / FILE) == 'nyu'
    for path in (labelled, labelled / FILE):
        shots = open_shots(path, 'nyu', OPTIONS)
        third, second = shots
        assert shots.total == 2 and (third.name, second.name) == ('0003', '0002')
    assert second.frame.image.shape == (480, 640, 3)
    assert second.frame.image[200, 100].tolist() == [200, 100, 7]
    assert second.truth[200, 100] == pytest.approx(3.1) and second.truth[0, 300] == 0
    np.testing.assert_allclose(third.truth, 2 * second.truth)
    assert second.camera.fx == pytest.approx(518.857901) and second.previous is None
    # Rows 45:471 and columns 41:601, without the column that nobody measured; no pixel is at 10 m.
    result = evaluate(model, labelled)
    assert result.images[1].errors['tiny'][''].pixels == 426 * 559


def truncated(folder: Path) -> None:
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:1000])


def no_splits(folder: Path) -> None:
    (folder / 'splits.mat').unlink()


def bad_splits(folder: Path) -> None:
    (folder / 'splits.mat').write_bytes(b'testNdxs')


def other_file(folder: Path) -> None:
    with h5py.File(folder / FILE, 'w') as file:
        file['images'] = np.zeros((1, 3, 640, 480), np.uint8)


def too_few(folder: Path) -> None:
    with h5py.File(folder / FILE, 'a') as file:
        for name in ('images', 'rawDepths'):
            kept = file[name][:2]
            del file[name]
            file[name] = kept


@pytest.mark.parametrize(
    ('spoil', 'complaint'),
    [
        (truncated, 'is no whole file of MATLAB 7.3: fetch it again'),
        (no_splits, 'splits.mat, the list of the test images: fetch it'),
        (bad_splits, 'has no list testNdxs'),
        (other_file, 'has no images and rawDepths: give nyu_depth_v2_labeled.mat'),
        (too_few, 'holds other images than splits.mat lists'),
    ],
)
def test_one_that_cannot_be_used_is_one_line(
    labelled: Path, spoil: Callable[[Path], None], complaint: str
) -> None:
    spoil(labelled)
    with pytest.raises(MdepthError, match=complaint):
        open_shots(labelled, 'nyu', OPTIONS)


@pytest.mark.parametrize('module', ['h5py', 'scipy.io'])
def test_what_reads_it_may_be_missing(
    labelled: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MdepthError, match=r'needs .*pip install "mdepth-training\[nyu\]"'):
        open_shots(labelled, 'nyu', OPTIONS)
