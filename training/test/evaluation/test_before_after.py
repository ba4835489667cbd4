# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth-train compare`: what it draws of two models whose depths are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mdepth_training.cli import app
from mdepth_training.evaluation.compare import Labels, Reel, in_view, see
from mdepth_training.evaluation.compare_pictures import Panels, draw
from mdepth_training.evaluation.picture_commands import names_of
from mdepth_training.evaluation.shots import Shot
from mdepth_training.labels import Kind, LabelStore
from numpy.typing import NDArray
from typer.testing import CliRunner

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera

SIZE = (32, 64)
CAR = slice(10, 20), slice(40, 60)
STAMPS = [100_000_000 * number for number in range(6)]
Maps = list[NDArray[Any]]


def with_car(depth: float) -> NDArray[np.float32]:
    """A wall 10 m away, and a car before it at a depth."""
    whole = np.full(SIZE, 10, np.float32)
    whole[CAR] = depth
    return whole


@pytest.fixture
def reel(camera: Callable[[int, int], Camera]) -> Reel:
    """Six frames of the drive monday; the car is truly 5 m away, and moves."""
    shown, image = camera(*SIZE[::-1]), np.zeros((*SIZE, 3), np.uint8)
    frames = [Frame(stamp, image, shown) for stamp in STAMPS]
    shots = [
        Shot(
            str(number),
            frame,
            frames[number - 1] if number else None,
            truth=with_car(5.0),
            camera=shown,
            moving=with_car(5.0) == 5,
            drive='monday',
        )
        for number, frame in enumerate(frames)
    ]
    return Reel('monday', STAMPS, shots)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Labels of frames 1 to 4 at half the size: two things that move, their depth and motion."""
    half = SIZE[0] // 2, SIZE[1] // 2
    kinds = {
        'instances': Kind('ids', half),
        'depth_label': Kind('depth', half),
        'flow_previous': Kind('flow', half),
    }
    store = LabelStore.create(tmp_path / 'store', kinds, {'method': 'trial'})
    store.add_drive('monday', STAMPS)
    ids, flow = np.zeros(half, np.int16), np.zeros((2, *half))
    ids[5:10, 20:30], ids[2:6, 2:8] = 1, 2
    flow[0, 5:10, 20:30] = -9  # it was further to the left before
    for number in range(1, 5):
        maps = {'instances': ids, 'depth_label': with_car(2.5)[::2, ::2], 'flow_previous': flow}
        store.write(('monday', number, STAMPS[number]), maps)
    return store.path


def panels_of(sheet: NDArray[Any], rows: int, columns: int) -> list[Maps]:
    """The pictures in a sheet, without captions and bars."""
    high, wide = sheet.shape[0] // rows, sheet.shape[1] // columns
    return [
        [
            sheet[row * high + 22 : row * high + 22 + 160, column * wide : column * wide + 320]
            for column in range(columns)
        ]
        for row in range(rows)
    ]


def test_the_sheet_and_the_video(
    given: Callable[..., Any], reel: Reel, store: Path, tmp_path: Path
) -> None:
    """The car was at half of its depth, and is right after: blue is further, red is nearer."""
    models = [given([with_car(2.5)] * 5), given([with_car(5.0) * 7] * 5)]
    labels = Labels([store], reel.keys)
    panels = Panels(['a', 'b'], labels.names, truth=True)
    written = draw(models, panels, [reel], labels, tmp_path, None, alone=False)
    assert [path.name for path in written] == ['monday.mp4', 'before-after.png']
    sheet = np.asarray(cv2.imread(str(written[1])))
    rows = panels_of(sheet, 5, 8)
    image, before, after, change, wrong, right, label, motion = (
        panel.astype(int) for panel in rows[0]
    )
    car, wall = (75, 250), (140, 30)
    assert change[car][0] > change[car][2] + 50 and (change[wall] > 240).all()
    assert wrong[car][2] > wrong[car][0] + 50 and (wrong[wall] > 240).all()
    assert (right[car] > 240).all() and (right[wall] > 240).all()
    assert before[car][2] > before[car][0] and after[car][1] > after[car][0]  # red, then green
    assert label[car][2] > label[car][0]
    assert tuple(motion[car]) == (0, 0, 255) and tuple(motion[wall]) == (255, 255, 255)
    # The outline of the first label lies on the true one; the second is where nothing moves.
    colours = {tuple(pixel) for pixel in image.reshape(-1, 3) if pixel.any()}
    assert len(colours) == 2 and not image[car].any()
    assert image[20:60, 20:80].any()
    unlabelled = rows[4]  # frame 5: the tiles are grey
    assert len(np.unique(unlabelled[6])) == 1 and len(np.unique(unlabelled[7])) == 1

    video = cv2.VideoCapture(str(written[0]))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    assert len(frames) == 5 and video.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    assert frames[0].shape[1] == 2 * 324


def test_the_frames_that_changed_most(
    given: Callable[..., Any], reel: Reel, tmp_path: Path
) -> None:
    """Of eight drives each has one row; of a drive it is the frame of the largest change."""
    depths = [with_car(depth) for depth in (5, 6, 19, 7, 8)]
    models = [given([with_car(5.0)] * 40), given(depths * 8)]
    reels = [Reel(f'day {day}', STAMPS, reel.shots) for day in range(8)]
    labels = Labels([], [])
    written = draw(models, Panels(['a', 'b']), reels, labels, tmp_path, None, alone=False)
    assert [path.name for path in written[:2]] == ['day-0.mp4', 'day-1.mp4']
    rows = panels_of(np.asarray(cv2.imread(str(written[-1]))), 8, 4)
    darkest = np.asarray([row[3][75, 250].astype(int).sum() for row in rows])
    models = [given([with_car(5.0)] * 2), given([with_car(19)] * 2)]
    draw(models, Panels(['a', 'b']), [reel], labels, tmp_path, 3, alone=False)
    (only, _) = panels_of(np.asarray(cv2.imread(str(written[-1]))), 2, 4)
    assert (darkest == only[3][75, 250].astype(int).sum()).all()


def test_depths_are_over_the_median_of_what_all_know(
    given: Callable[..., Any], reel: Reel
) -> None:
    depth = with_car(20)
    seen = see([given([depth]), given([3 * depth])], list(reel.shots)[1], Labels([], []))
    np.testing.assert_allclose(seen.before, depth / 10)
    np.testing.assert_allclose(seen.change, 0, atol=1e-6)
    assert seen.truth is not None and seen.truth[CAR].max() == 0.5
    assert seen.amount == pytest.approx(0, abs=1e-6)


def test_another_view(camera: Callable[[int, int], Camera]) -> None:
    """A part of the image has the same pixels; beyond the image nothing is known."""
    whole = camera(64, 32)
    maps = np.arange(2 * 32 * 64, dtype=np.float32).reshape(2, 32, 64)
    part = whole.cropped(10, 4, 20, 8)
    np.testing.assert_array_equal(in_view(maps, whole, part), maps[:, 4:12, 10:30])
    back = in_view(maps[:, 4:12, 10:30], part, whole)
    np.testing.assert_array_equal(back[:, 4:12, 10:30], maps[:, 4:12, 10:30])
    assert np.isnan(back[:, :4]).all() and np.isnan(back[:, :, 30:]).all()
    twice = in_view(maps, whole, whole.scaled(128, 64))
    np.testing.assert_array_equal(twice, maps.repeat(2, 1).repeat(2, 2))


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ['compare', *map(str, arguments)], env={'COLUMNS': '200'})
    if result.exception is not None:
        raise result.exception
    return result.output


def test_the_command(model: Path, grey_drive: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'looks'
    run(model, model, '--data', grey_drive, '--limit', 3, '-o', folder)
    assert {file.name for file in folder.iterdir()} == {'grey.mp4', 'before-after.png'}
    assert 'synthetic-7.mp4' in run(model, model, '--synthetic', 7, '--limit', 3, '-o', folder)


def test_a_bag(model: Path, data_dir: Path, tmp_path: Path) -> None:
    run(model, model, '--data', data_dir / 'bags/kitti_city', '--limit', 3, '-o', tmp_path)
    sheet = np.asarray(cv2.imread(str(tmp_path / 'before-after.png')))
    assert sheet.shape[1] == 4 * 324 and (tmp_path / 'kitti_city.mp4').exists()


def test_what_cannot_be_compared(
    model: Path, grey_drive: Path, store: Path, tmp_path: Path
) -> None:
    both, out = (model, model), ('-o', tmp_path / 'looks')
    data = ('--data', grey_drive)
    for options, said in (
        ((), 'either --data'),
        ((*data, '--synthetic', 1), 'either --data'),
        ((*data, '--moving', 1), 'leave them out'),
        ((*data, '--drive', 'friday'), 'no drive friday: choose from grey'),
        ((*data, '--labels', store), 'has no label of grey'),
        ((*data, '--labels', tmp_path), 'is no label store'),
    ):
        with pytest.raises(MdepthError, match=said):
            run(*both, *options, *out)
    assert not (tmp_path / 'looks').exists()


def test_names() -> None:
    assert names_of([Path('a/x.safetensors'), Path('y.safetensors')]) == ['x', 'y']
    assert names_of([Path('/a/x.safetensors'), Path('/b/x.safetensors')]) == ['a/x', 'b/x']
