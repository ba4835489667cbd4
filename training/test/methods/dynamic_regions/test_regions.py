# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import torch
from mdepth_training.methods.dynamic_regions.contact import contact_depth, depth_label
from mdepth_training.methods.dynamic_regions.ground import ground_mask, surface_normals
from mdepth_training.methods.dynamic_regions.objects import (
    ObjectRules,
    components,
    dynamic_mask,
    stands,
)

from mdepth_ros.geometry import Camera, backproject
from mdepth_ros.synthetic import WorldConfig, make_drive

CAMERA = Camera(320, 96, 185.6, 184.3, 159.5, 47.5)
K = CAMERA.matrix()[None]


def box_on_plane(distance: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
    """Depth of a plane 1.6 m below the camera with a box on it, 2 m wide and high; its mask."""
    v, u = np.mgrid[:96, :320]
    rays = (v - CAMERA.cy) / CAMERA.fy
    depth = np.where(rays > 0.02, 1.6 / np.maximum(rays, 0.02), 80.0).astype(np.float32)
    x, y = (u - CAMERA.cx) / CAMERA.fx * distance, rays * distance
    box = (np.abs(x) < 1) & (y > -0.4) & (y < 1.6)
    depth[box] = distance
    return depth, box


def test_a_plane_has_its_normal() -> None:
    depth, _ = box_on_plane()
    normals = surface_normals(backproject(torch.from_numpy(depth)[None], K), 3)
    torch.testing.assert_close(
        normals[0, 1, 75:90, 20:100].abs(), torch.ones(15, 80), atol=1e-4, rtol=0
    )


def test_the_ground_is_what_lies_level_and_low() -> None:
    depth, box = box_on_plane()
    ground = ground_mask(torch.from_numpy(depth)[None], K)[0].numpy()
    assert not ground[box].any()
    assert not ground[:48].any()
    assert ground[75:90, 20:100].all()


def test_a_level_roof_is_no_ground() -> None:
    depth, _ = box_on_plane()
    roof = depth.copy()
    v = np.mgrid[60:80, 140:180][0]
    roof[60:80, 140:180] = 0.8 / ((v - CAMERA.cy) / CAMERA.fy)  # half as far below the camera
    ground = ground_mask(torch.from_numpy(roof)[None], K)[0].numpy()
    assert not ground[66:74, 146:174].any()


def test_the_ground_of_the_synthetic_world() -> None:
    view = make_drive(1, 2, CAMERA, WorldConfig()).render([0])
    depth = view.depth.clamp(max=80)
    found, truth = ground_mask(depth, K)[0], view.instance[0] == 1
    near = depth[0] < 25
    assert (found & truth & near).sum() / (truth & near).sum() > 0.6
    assert (found & truth & near).sum() / (found & near).sum() > 0.95


def test_motion_counts_by_its_mean_over_both_directions() -> None:
    flows = np.zeros((2, 2, 4, 512), np.float32)
    flows[0, 0, 0], flows[1, 1, 0] = 1.5, -0.6
    flows[0, 0, 1] = 1.5
    moves = dynamic_mask(flows, 1.0)
    assert moves[0].all() and not moves[1:].any()


def test_two_things_one_behind_the_other_are_two() -> None:
    depth, box = box_on_plane(10.0)
    _, far = box_on_plane(20.0)
    far = np.roll(far, 22, 1) & ~box
    depth[far] = 20.0
    ground = ground_mask(torch.from_numpy(depth)[None], K)[0].numpy()
    found = components(box | far, depth, ground, ObjectRules())
    assert found.max() == 2
    near, behind = found[70, 160], found[55, 185]
    assert near != behind
    assert ((found == near) == box).mean() > 0.995


def test_specks_and_what_hangs_in_the_air_are_nothing() -> None:
    depth, box = box_on_plane()
    ground = ground_mask(torch.from_numpy(depth)[None], K)[0].numpy()
    speck, sign = np.zeros_like(box), np.zeros_like(box)
    speck[80:82, 10:12] = True
    sign[5:20, 200:230] = True
    assert not components(speck, depth, ground, ObjectRules()).any()
    assert not components(sign, depth, ground, ObjectRules()).any()
    assert not components(box & False, depth, ground, ObjectRules()).any()
    assert stands(box, ground) and not stands(sign, ground)


def test_the_ground_below_says_how_deep_a_thing_is() -> None:
    for distance in (8.0, 10.0, 18.0):
        depth, box = box_on_plane(distance)
        wrong = depth.copy()
        wrong[box] *= 3.0  # what a network says of a car that drives ahead
        assert abs(contact_depth(box, wrong) / distance - 1) < 0.08
    assert np.isnan(contact_depth(np.ones((96, 320), bool), depth))


def test_a_label_has_things_at_their_own_depth() -> None:
    depth, box = box_on_plane(10.0)
    instances = box.astype(np.int32)
    flat = depth_label(depth * 2, instances, {1: 7.0}, None)
    assert (flat[box] == 7.0).all() and (flat[~box] == 2 * depth[~box]).all()
    shape = np.linspace(1, 2, depth.size, dtype=np.float32).reshape(depth.shape)
    shaped = depth_label(depth, instances, {1: 7.0}, shape)
    np.testing.assert_allclose(shaped[box].mean(), 7.0, rtol=1e-5)
    np.testing.assert_allclose(shaped[box] / shaped[box][0], shape[box] / shape[box][0], rtol=1e-5)
    unknown = depth_label(depth, instances, {1: float('nan')}, None)
    assert (unknown == depth).all()
