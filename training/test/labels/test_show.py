# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `mdepth-train labels` shows."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from mdepth_training.cli import app
from mdepth_training.labels import Kind, LabelStore
from mdepth_training.labels.pictures import colours
from typer.testing import CliRunner

from mdepth_ros.errors import MdepthError

SIZE = (12, 40)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A drive of six red images, 0.1 s apart."""
    folder = tmp_path / 'monday'
    folder.mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f'{number:06d}.png'), np.full((*SIZE, 3), (0, 0, 200), np.uint8))
    (folder / 'times.txt').write_text(''.join(f'{number * 0.1:.9f}\n' for number in range(6)))
    (folder / 'intrinsics.txt').write_text('fx 24\nfy 24\ncx 19.5\ncy 5.5\n')
    return folder


@pytest.fixture
def store(tmp_path: Path) -> LabelStore:
    kinds = {
        'depth': Kind('depth', SIZE, description='network units'),
        'moving': Kind('mask', SIZE),
        'flow': Kind('flow', SIZE),
        'code': Kind('value', (1, 1), channels=2),
    }
    origin = {'method': 'trial', 'settings': {'threshold': 0.5}, 'code': '1234'}
    store = LabelStore.create(tmp_path / 'store', kinds, origin)
    stamps = [100_000_000 * number for number in range(6)]
    store.add_drive('monday', stamps)
    store.add_drive('[red]tues\x1bday', stamps)
    for number in range(5):
        depth = np.linspace(1, 50, 480).reshape(SIZE)
        maps = {'depth': depth, 'moving': np.arange(40) < 20 + np.zeros((12, 1))}
        maps |= {'flow': np.ones((2, *SIZE)), 'code': np.array([[[0]], [[1]]], np.float16)}
        store.write(('monday', number, stamps[number]), maps)
    return store


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ['labels', *map(str, arguments)], env={'COLUMNS': '200'})
    if result.exception is not None:
        raise result.exception
    return result.output


def test_the_table(store: LabelStore) -> None:
    table = run(store.path)
    assert '"threshold": 0.5' in table and '"trial"' in table and 'network units' in table
    rows = [[cell.strip() for cell in line.split('│')[1:-1]] for line in table.splitlines()]
    assert ['monday', '6', '5', '5', '5', '5', '0.0'] in rows
    assert ['[red]tues\\x1bday', '6', '0', '0', '0', '0', '0.0'] in rows
    assert any('depth float16 1x12x40' in row for row in rows)


def test_the_sheet(store: LabelStore, recording: Path, tmp_path: Path) -> None:
    run(store.path, '--sheet', tmp_path / 'sheet.png', '--recording', recording)
    sheet = np.asarray(cv2.imread(str(tmp_path / 'sheet.png')))
    height = sheet.shape[0] // 5
    image, depth, moving, _, code = np.split(sheet[24 : height - 4], 5, 1)
    np.testing.assert_allclose(image[20, 150], (0, 0, 200), atol=2)
    assert depth[0, 20, 2] > depth[0, 20, 0] and depth[-1, 300, 0] > depth[-1, 300, 2]
    assert code[50, 40].sum() < code[50, 280].sum()
    assert (moving[:, 10:150] == 255).all() and (moving[:, 170:310] == 0).all()


@pytest.mark.parametrize('name', ['drive.mp4', 'drive.avi'])
def test_the_video(store: LabelStore, tmp_path: Path, name: str) -> None:
    run(store.path, '--video', tmp_path / name)
    video = cv2.VideoCapture(str(tmp_path / name))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    assert len(frames) == 5
    middle = frames[2].shape[1] // 2
    moving = frames[2][40:100, middle:]  # depth and moving are the first row
    assert moving[:, 20:140].mean() > 230 and moving[:, 180:300].mean() < 25


def test_the_times(store: LabelStore, recording: Path) -> None:
    for options, images in (((), 'JPEGs of the first'), (('--recording', recording), 'recording')):
        table = run(store.path, '--bench', *options)
        rows = {
            row[1].strip(): row
            for row in (line.split('│') for line in table.splitlines())
            if len(row) > 3
        }
        reference = next(row for name, row in rows.items() if images in name)
        assert '40x12' in reference[1] and float(reference[3]) == 1
        read = rows['read all labels']
        assert float(read[3]) == pytest.approx(float(read[2]) / float(reference[2]), rel=0.3)
        assert {'read depth', 'read moving', 'read flow'} <= rows.keys()


def test_what_cannot_be_shown(store: LabelStore, tmp_path: Path) -> None:
    for arguments, said in (
        ((tmp_path,), 'is no label store'),
        ((store.path, '--sheet', tmp_path / 'a.png', '--drive', 'friday'), 'no frame of friday'),
        ((store.path, '--video', tmp_path / 'nowhere' / 'a.mp4'), 'cannot be written as a video'),
        ((store.path, '--sheet', tmp_path / 'a.xyz'), 'name in .png'),
    ):
        with pytest.raises(MdepthError, match=said):
            run(*arguments)


def test_colours() -> None:
    """Red is near and a flow to the right; white is no motion; grey is unknown."""
    depth = np.array([[[1, 10, np.nan, np.inf]]], np.float16)
    near, far, unknown, beyond = colours(depth, Kind('depth', (1, 4)), (0.1, 1.0))[0].astype(int)
    assert near[2] > near[0] + 50 and far[0] > far[2] and len({*unknown}) == 1
    np.testing.assert_array_equal(beyond, far)
    flow = np.array([[[5, 0, -5, np.nan]], [[0, 0, 0, 1]]], np.float16)
    right, still, left, unknown = colours(flow, Kind('flow', (1, 4)), (0.0, 5.0))[0].tolist()
    assert (right, still, left) == ([0, 0, 255], [255, 255, 255], [255, 255, 0])
    assert len({*unknown}) == 1
    ids = np.array([[[0, 1, 2, 300]]], np.int16)
    none, *others = colours(ids, Kind('ids', (1, 4)), (0.0, 1.0))[0].tolist()
    assert none == [0, 0, 0] and len({*map(tuple, others)}) == 3
    score = np.array([[[0, 1]], [[9, 9]]], np.float16)
    low, high = colours(score, Kind('value', (1, 2), channels=2), (0.0, 1.0))[0].tolist()
    assert sum(low) < sum(high)
