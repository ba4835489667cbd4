# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The height of the camera above the road, in whatever unit the depth has."""

from __future__ import annotations

import math

import numpy as np
import pytest
from road import CAMERA, HEIGHT, road_depth

from mdepth_ros.core.scale import ground_plane


@pytest.mark.parametrize('unit', [0.2, 1.0, 5.4])
@pytest.mark.parametrize(('pitch', 'roll'), [(0, 0), (4, 0), (-4, 0), (0, 6), (3, -6)])
def test_height_and_normal_of_a_plane(unit: float, pitch: float, roll: float) -> None:
    depth = road_depth(math.radians(pitch), math.radians(roll)) / np.float32(unit)
    plane = ground_plane(depth, CAMERA)
    assert plane is not None
    assert plane.height * unit == pytest.approx(HEIGHT, rel=1e-4)
    assert math.degrees(math.atan2(plane.normal[2], plane.normal[1])) == pytest.approx(
        pitch, abs=0.6
    )
    assert plane.spread < 1e-4 and plane.share > 0.1


def test_traffic_kerb_and_noise_do_not_move_it() -> None:
    depth = road_depth()
    depth[55:80, 200:300] = np.minimum(depth[55:80, 200:300], 7.0)  # a van's side
    depth[:, :90] = np.minimum(depth[:, :90], road_depth(height=1.5)[:, :90])  # a pavement
    depth *= np.random.default_rng(0).normal(1.0, 0.01, depth.shape).astype(np.float32)
    plane = ground_plane(depth, CAMERA)
    assert plane is not None and plane.height == pytest.approx(HEIGHT, rel=0.02)


def test_a_slope_ahead_is_another_plane() -> None:
    """From 25 m on the road climbs by 5 percent."""
    depth = road_depth(wall=30.0)
    v = np.arange(96)[:, None]
    slope = np.tan(0.05)
    climbing = (HEIGHT + 25 * slope) / np.maximum((v - CAMERA.cy) / CAMERA.fy + slope, 1e-3)
    depth = np.where((depth > 25) & (v > CAMERA.cy), np.minimum(depth, climbing), depth)
    plane = ground_plane(depth.astype(np.float32), CAMERA)
    assert plane is not None and plane.height == pytest.approx(HEIGHT, rel=0.01)


@pytest.mark.parametrize('depth', [5.0, 80.0])
def test_a_wall_is_no_road(depth: float) -> None:
    assert ground_plane(np.full((96, 320), depth, np.float32), CAMERA) is None


def test_pixels_without_an_image_do_not_count() -> None:
    depth, visible = road_depth(), np.ones((96, 320), bool)
    depth[80:], visible[80:] = 1.0, False
    plane = ground_plane(depth, CAMERA, None, visible)
    assert plane is not None and plane.height == pytest.approx(HEIGHT, rel=1e-3)
    assert ground_plane(depth, CAMERA, None, np.zeros_like(visible)) is None


@pytest.mark.parametrize(('pitch', 'roll'), [(0, 0), (3, 0), (-4, 0), (0, 6)])
def test_the_direction_of_travel_takes_the_tilt_of_a_wrong_depth_away(
    pitch: float, roll: float
) -> None:
    """Depth that is now too long and now too short along the road, as a network's."""
    depth = road_depth(math.radians(pitch), math.radians(roll))
    exact = ground_plane(depth, CAMERA)
    assert exact is not None
    travel = 0.8 * np.cross([1.0, 0.0, 0.0], exact.normal)
    errors = []
    for phase in range(6):
        wave = 1 + 0.05 * np.sin(4 * np.log(depth) + phase)
        planes = [
            ground_plane((depth * wave).astype(np.float32), CAMERA, None, None, way)
            for way in (None, travel)
        ]
        assert planes[1] is not None and abs(planes[1].normal @ travel) < 1e-9
        errors.append([abs(plane.height / HEIGHT - 1) for plane in planes if plane])
    free, led = np.mean(errors, 0)
    assert led < 0.6 * free and led < 0.05
    again = ground_plane(depth, CAMERA, None, None, travel)
    assert again is not None and again.height == pytest.approx(HEIGHT, rel=1e-4)


@pytest.mark.parametrize('travel', [np.zeros(3), np.array([0.0, 0.5, 0.5])])
def test_a_travel_that_no_vehicle_makes_is_not_believed(travel: np.ndarray) -> None:
    free, told = (ground_plane(road_depth(), CAMERA, None, None, way) for way in (None, travel))
    assert free is not None and told is not None
    assert told.height == free.height and (told.normal == free.normal).all()
