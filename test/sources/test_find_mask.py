# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bonnets that are painted into generated drives are found; drives without one have no mask."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from mdepth_ros.cli.main import app
from mdepth_ros.core.types import Mask
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.sources.base import ImageSource, Item
from mdepth_ros.sources.find_mask import FEWEST, drawn, find_mask
from mdepth_ros.sources.mask import read_mask
from mdepth_ros.sources.still_parts import still_edges, still_parts
from mdepth_ros.synthetic import WorldConfig, make_drive

WIDTH, HEIGHT, FRAMES = 160, 80, 40
CAMERA = Camera.from_normalised(WIDTH, HEIGHT, 0.6, 1.2, 0.5, 0.45)
V, U = np.mgrid[:HEIGHT, :WIDTH]
BONNET = V > 0.8 * HEIGHT + 0.15 * HEIGHT * (2 * U / WIDTH - 1) ** 2
MIRROR = (0.12 * HEIGHT > V) & (abs(U - 0.55 * WIDTH) < 0.12 * WIDTH)


@lru_cache(maxsize=2)
def images(seed: int) -> list[NDArray[np.uint8]]:
    """RGB, half a second apart: what FEWEST images tell in less time."""
    world = WorldConfig(frame_interval=0.5)
    drive = make_drive(seed, FRAMES, CAMERA, world)
    return [drive.render([i]).image[0].numpy() for i in range(FRAMES)]


def with_parts(seed: int, hidden: NDArray[np.bool_]) -> list[NDArray[np.uint8]]:
    """Painted dark, with the noise of a sensor everywhere."""
    rng = np.random.default_rng(seed)
    painted = []
    for image in images(seed):
        grey = np.where(hidden[..., None], 35.0, image) + rng.normal(0, 2, image.shape)
        painted.append(np.clip(grey, 0, 255).astype(np.uint8))
    return painted


class Drive(ImageSource):
    """Images in memory, over and over until there are so many."""

    def __init__(self, pictures: list[NDArray[np.uint8]], count: int) -> None:
        super().__init__('drive', total=count)
        self.pictures, self.count = pictures, count

    def items(self) -> Iterator[Item]:
        for number in range(self.count):
            image = self.pictures[number % len(self.pictures)]
            yield Item(number * 10**8, lambda image=image: image, lambda w, h: CAMERA)


@pytest.mark.parametrize('seed', [1, 2])
def test_a_bonnet_and_a_mirror_are_found(seed: int) -> None:
    hidden = BONNET | MIRROR
    found = find_mask(Drive(with_parts(seed, hidden), FEWEST))
    said = ~found.mask.usable
    assert said.shape == hidden.shape
    both = (said & hidden).sum()
    assert both / hidden.sum() > 0.97 and both / said.sum() > 0.85
    # It may be a little larger, and nowhere much: no sky and no road.
    assert not (said & ~cv2.dilate(hidden.astype(np.uint8), np.ones((7, 7))).astype(bool)).any()
    red = drawn(found)
    np.testing.assert_array_equal(red[~said], found.image[~said])
    assert (red[said][:, 0] >= 127).all()


@pytest.mark.parametrize('seed', [1, 2])
def test_sky_and_road_are_no_part_of_the_vehicle(seed: int) -> None:
    nothing = np.zeros((HEIGHT, WIDTH), bool)
    assert find_mask(Drive(with_parts(seed, nothing), FEWEST)).mask.usable.all()


def test_a_contour_with_gaps_is_closed_and_specks_are_none() -> None:
    """By hand: a step from side to side that is seen on three of four pixels, and dust."""
    edges = np.zeros((100, 160), bool)
    edges[80, :90] = edges[70, 90:] = edges[70:81, 90] = True
    expected = np.zeros_like(edges)
    expected[80:, :90] = expected[70:, 90:] = True
    edges[:, np.arange(160) % 40 < 10] = False
    edges[60:64, 70:74] = edges[:6, 30:36] = True
    found = still_parts(edges)
    assert found[expected].all()
    grown = cv2.dilate(expected.astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
    assert not found[~grown].any()
    assert not still_parts(np.zeros_like(edges)).any()


def test_edges_that_move_by_a_pixel_are_of_the_world() -> None:
    rng = np.random.default_rng(0)
    texture = cv2.resize(rng.uniform(120, 255, (12, 20)).astype(np.float32), (320, 192))
    kept = texture.copy()
    kept[150:] = 20
    seen = []
    for _ in range(30):
        x, y = rng.normal(0, 1.5, 2)
        moved = cv2.warpAffine(texture, np.float32([[1, 0, x], [0, 1, y]]), (320, 192))
        moved[150:] = kept[150:]
        seen.append(np.clip(moved, 0, 255).astype(np.uint8))
    edges = still_edges(seen)
    rows = np.flatnonzero(edges.any(1))
    assert rows.size and abs(rows - 149.5).max() < 3
    assert edges[148:152].any(0).mean() > 0.8


def test_too_few_images_and_a_standing_vehicle_are_one_line() -> None:
    pictures = images(1)
    with pytest.raises(MdepthError, match=f'it has 40 images, but a mask is found in {FEWEST}'):
        find_mask(Drive(pictures, FRAMES))
    with pytest.raises(MdepthError, match='119 of its 120 images are of a standing vehicle'):
        find_mask(Drive(pictures[:1], 120))
    other = cv2.resize(pictures[0], (80, 40))
    with pytest.raises(MdepthError, match='images of 160x80 and of 80x40'):
        find_mask(Drive([pictures[0], np.asarray(other)], FEWEST))


def folder(path: Path, pictures: list[NDArray[np.uint8]]) -> Path:
    path.mkdir()
    for number in range(FEWEST):
        image = pictures[number % len(pictures)][..., ::-1]
        cv2.imwrite(str(path / f'{number:06d}.png'), image)
    return path


def test_the_command(tmp_path: Path) -> None:
    def run(*words: object) -> str:
        result = CliRunner().invoke(app, ['mask', *map(str, words)])
        return result.output if result.exit_code == 0 else str(result.exception)

    # No intrinsics: nothing is projected.
    drive = folder(tmp_path / 'drive', with_parts(1, BONNET))
    output = tmp_path / 'bonnet.png'
    assert ' of the image is of the vehicle' in run(drive, '-o', output)
    mask: Mask = read_mask(output)
    assert abs((~mask.usable).mean() - BONNET.mean()) < 0.03
    shown = cv2.imread(str(tmp_path / 'bonnet-shown.jpg'))
    assert shown.shape == (HEIGHT, WIDTH, 3)
    assert 'exists already: add --overwrite' in run(drive, '-o', output)
    assert 'of which it is no image: call it mask.png' in run(drive, '-o', drive / 'bonnet.png')
    # Beside the images it is theirs, and no image.
    assert f'written: {drive / "mask.png"}' in run(drive, '-o', drive / 'mask.png').replace(
        '\n', ''
    )
    assert 'is of the vehicle' in run(drive, '-o', output, '--overwrite')
    clean = folder(tmp_path / 'clean', images(1))
    assert 'no mask is needed' in run(clean, '-o', tmp_path / 'none.png')
    assert not (tmp_path / 'none.png').exists()
    assert 'a mask is a PNG' in run(clean, '-o', tmp_path / 'none.jpg')
