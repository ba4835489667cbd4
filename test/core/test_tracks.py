# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Corners that are followed: against a shift that is known, and a drive with exact truth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mdepth_ros.core.tracks import (
    CORNERS,
    CornerTracker,
    Depths,
    apart,
    corners,
    follow,
    rectified,
)
from mdepth_ros.core.types import Frame, Mask
from mdepth_ros.geometry import Camera, project_depth
from mdepth_ros.synthetic import WorldConfig, make_drive

SIZE = 480, 160
CAMERA = Camera.from_normalised(*SIZE, 0.58, 1.74, 0.5, 0.5)


def texture(width: int = SIZE[0], height: int = SIZE[1]) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.0))


def frame(image: NDArray[np.uint8], mask: Mask | None = None, stamp: int = 0) -> Frame:
    camera = CAMERA.scaled(image.shape[1], image.shape[0])
    return Frame(stamp, np.repeat(image[..., None], 3, 2), camera, mask=mask)


@pytest.mark.parametrize('shift', [(0.0, 0.0), (3.25, -1.5), (-21.0, 7.5)])
def test_a_shift_is_found_to_a_tenth_of_a_pixel(shift: tuple[float, float]) -> None:
    """The shifted image is made by OpenCV's own warp."""
    before = texture()
    M = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    now = np.asarray(cv2.warpAffine(before, M, SIZE, flags=cv2.INTER_CUBIC))
    start = corners(before)
    found, end = follow(before, now, start)
    stays = ((start + shift > 20) & (start + shift < np.array(SIZE) - 20)).all(1)
    assert found[stays].mean() > 0.6
    moved = (end - start)[found & stays]
    np.testing.assert_allclose(np.median(moved, 0), shift, atol=0.1)
    assert np.percentile(np.abs(moved - shift).max(1), 90) < 0.15


def test_corners_are_spread_and_nothing_is_none() -> None:
    found = corners(texture())
    assert 150 < len(found) <= 600
    thirds = np.histogram(found[:, 0], 3, (0, SIZE[0]))[0]
    assert thirds.min() > 0.25 * len(found)
    for plain in (np.zeros((160, 480), np.uint8), np.full((160, 480), 200, np.uint8)):
        assert len(corners(plain)) == 0
        nothing = CornerTracker().match(frame(plain), frame(plain, stamp=1))
        assert len(nothing.current) == 0 and np.isnan(nothing.shift)


def test_one_edge_is_no_corner() -> None:
    """Along an edge nothing says how far it went."""
    edge = np.zeros((160, 480), np.uint8)
    edge[:, 240:] = 255
    assert len(corners(edge)) == 0


def test_what_is_seen_no_more_is_not_matched() -> None:
    other = np.random.default_rng(5).integers(0, 256, (160, 480), dtype=np.uint8)
    start = corners(texture())
    found, _ = follow(texture(), np.asarray(cv2.GaussianBlur(other, (0, 0), 2.0)), start)
    assert found.mean() < 0.25


def test_a_drive_is_matched_where_the_depth_says() -> None:
    """Truth: depth and poses of the synthetic world."""
    drive = make_drive(30003, 6, CAMERA, WorldConfig())
    views = drive.render([4, 5])
    previous, current = (
        Frame(i, image.numpy(), CAMERA) for i, image in enumerate(views.image.to(torch.uint8))
    )
    matches = CornerTracker().match(previous, current)
    assert len(matches.current) > 100
    poses = torch.as_tensor(np.asarray(drive.poses))
    T = torch.linalg.solve(poses[4], poses[5])[None].float()
    pixels, _ = project_depth(views.depth[1:], T, CAMERA.matrix())
    u, v = (matches.current * [CAMERA.fx, CAMERA.fy] + [CAMERA.cx, CAMERA.cy]).T
    at = np.round(u).astype(int), np.round(v).astype(int)
    expected = pixels[0].numpy()[at[1], at[0]] + np.stack([u - at[0], v - at[1]], 1)
    got = matches.previous * [CAMERA.fx, CAMERA.fy] + [CAMERA.cx, CAMERA.cy]
    error = np.linalg.norm(got - expected, axis=1)
    assert np.nanmedian(error) < 0.5


def test_nothing_is_followed_in_or_near_a_mask() -> None:
    usable = np.ones((160, 480), np.bool_)
    usable[100:] = False
    mask = Mask(usable)
    image = texture()
    changed = image.copy()
    changed[100:] = 255 - changed[100:]
    tracker = CornerTracker()
    plain = tracker.match(frame(image, mask), frame(image, mask, 1))
    other = tracker.match(frame(changed, mask), frame(image, mask, 1))
    np.testing.assert_array_equal(plain.current, other.current)
    rows = plain.current[:, 1] * CAMERA.fy + CAMERA.cy
    assert len(rows) > 50 and rows.max() < 95


def test_wide_images_are_shrunk_and_give_the_same_directions() -> None:
    small = texture()
    large = np.asarray(cv2.resize(small, (1920, 640), interpolation=cv2.INTER_CUBIC))
    shifted = np.roll(large, 8, 1)
    matches = CornerTracker().match(frame(large), frame(shifted, stamp=1))
    moved = np.median((matches.current - matches.previous) * CAMERA.scaled(1920, 640).fx, 0)
    np.testing.assert_allclose(moved, [8, 0], atol=0.2)
    assert matches.pixel == pytest.approx(1 / CAMERA.scaled(1280, 427).fx, rel=0.01)
    assert matches.shift == pytest.approx(8 * 1280 / 1920, abs=0.2)


def test_directions_are_those_of_opencv() -> None:
    camera = Camera(
        480,
        160,
        250.0,
        255.0,
        238.0,
        81.0,
        'plumb_bob',
        (-0.3, 0.1, 1e-3, -2e-3, 0.01),
        tuple(cv2.Rodrigues(np.array([0.01, -0.02, 0.03]))[0].ravel()),
    )
    pixels = np.random.default_rng(1).uniform(20, 140, (30, 2)).astype(np.float32)
    K = np.array([[250.0, 0, 238], [0, 255, 81], [0, 0, 1]])
    R = np.reshape(camera.rectification, (3, 3))
    expected = cv2.undistortPoints(
        pixels[:, None].astype(np.float64), K, np.array(camera.distortion), R=R
    )[:, 0]
    np.testing.assert_allclose(rectified(camera, pixels), expected, atol=1e-4)


def test_corners_are_followed_on_and_new_ones_fill_the_gaps() -> None:
    image = texture()
    frames = [frame(np.roll(image, 2 * i, 1), stamp=i) for i in range(3)]
    tracker = CornerTracker()
    first = tracker.match(frames[0], frames[1])
    assert np.isnan(first.before.log).all()
    kept = np.arange(len(first.places)) % 2 == 0
    log = np.arange(len(first.places), dtype=np.float64)
    depths = Depths(log, np.full(len(log), 0.1), 0.05)
    tracker.keep(frames[1], first.places[kept], depths.of(kept))
    second = tracker.match(frames[1], frames[2])
    seen = np.isfinite(second.before.log)
    assert 0.8 * kept.sum() < seen.sum() <= kept.sum() < len(seen)
    assert second.before.shared == 0.05
    index = second.before.log[seen].astype(int)
    np.testing.assert_allclose(second.places[seen], first.places[index] + [2, 0], atol=0.3)


def test_a_new_corner_lies_where_there_is_none() -> None:
    old = np.array([[10.0, 10.0], [200.0, 100.0]], np.float32)
    new = np.array([[11.0, 11.0], [300.0, 50.0]], np.float32)
    assert apart(new, old, (160, 480)).tolist() == [False, True]
    assert apart(new, old[:0], (160, 480)).all()
    assert len(apart(new[:0], old, (160, 480))) == 0
    assert CORNERS > 100
