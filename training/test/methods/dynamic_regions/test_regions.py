# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import torch
from mdepth_training.losses import surface_normals
from mdepth_training.methods.dynamic_regions.contact import (
    contact_depth,
    depth_label,
    feet_depth,
    ground_below,
)
from mdepth_training.methods.dynamic_regions.ground import ground_around, ground_mask
from mdepth_training.methods.dynamic_regions.objects import (
    ObjectRules,
    components,
    dynamic_mask,
    stands,
)
from mdepth_training.methods.dynamic_regions.static import static_things

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
        assert abs(ground_below(box, wrong) / distance - 1) < 0.08
    assert np.isnan(ground_below(np.ones((96, 320), bool), depth))


def test_the_line_of_contact_lies_between_the_feet_and_the_ground() -> None:
    depth, box = box_on_plane(10.0)
    wrong = depth.copy()
    rows = np.nonzero(box.any(1))[0]
    wrong[box] = 40.0
    low = box & (np.arange(96)[:, None] > rows[-1] - 4)  # 4 of 20 rows or more
    wrong[low] = 8.0
    assert feet_depth(box, wrong) == 8.0
    assert abs(ground_below(box, wrong) / 10 - 1) < 0.08
    found = np.log(contact_depth(box, wrong))
    np.testing.assert_allclose(found, np.log([8.0, ground_below(box, wrong)]).mean())
    nothing = np.zeros_like(box)
    assert contact_depth(box, wrong, nothing) == 8.0  # no ground is seen below
    assert np.isnan(contact_depth(nothing, wrong))


def test_a_label_has_things_at_their_own_depth_and_the_nearer_one_on_top() -> None:
    depth = torch.tensor([[10.0, 10.0, 10.0, 10.0]])
    masks = torch.tensor([[[True, True, False, False]], [[False, True, True, False]]])
    own = torch.tensor([[[4.0, 4.0, 99.0, 99.0]], [[99.0, 6.0, 7.0, 99.0]]])
    wanted = torch.tensor([[4.0, 4.0, 7.0, 10.0]])
    assert torch.equal(depth_label(depth, masks, own), wanted)
    assert torch.equal(depth_label(depth, masks.flip(0), own.flip(0)), wanted)
    assert torch.equal(depth_label(depth, masks[:0], own[:0]), depth)


def standing(depth: np.ndarray, moves: np.ndarray) -> np.ndarray:
    given = torch.from_numpy(depth)[None]
    ground = ground_mask(given, K)
    around = ground_around(ground, given, K)
    return static_things(moves, depth, around[0].numpy(), ObjectRules())


def test_things_that_stand_still_are_compact_stand_and_are_not_ahead() -> None:
    depth, box = box_on_plane(10.0)
    aside, nothing = np.roll(box, 80, 1), np.zeros_like(box)
    assert not standing(depth, nothing).any()  # what drives ahead hardly moves in the images
    depth = box_on_plane(1000.0)[0]  # a plane and the sky
    assert not standing(depth, nothing).any()
    depth[aside] = 10.0
    found = standing(depth, nothing)
    assert found.max() == 1 and ((found == 1) == aside).mean() > 0.99
    assert not standing(depth, aside).any()
    # A wall along the road has no one depth.
    wall = depth.copy()
    wall[aside] = (5 + 0.4 * (np.mgrid[:96, :320][1] - 220))[aside]
    assert not (standing(wall, nothing) > 0)[aside].any()


def test_the_ground_goes_on_to_the_feet_of_things() -> None:
    """The row below a box: its normal is of two surfaces, but it is as low as the ground."""
    depth, box = box_on_plane(10.0)
    given = torch.from_numpy(depth)[None]
    ground = ground_mask(given, K)
    around = ground_around(ground, given, K)[0].numpy()
    lowest = np.flatnonzero(box.any(1))[-1]
    assert not ground[0, lowest + 1, 150:170].any() and around[lowest + 1, 150:170].all()
    high = np.flatnonzero(box.any(1))[:-4]
    assert not around[high].any(where=box[high])
    contact = ground_below(box, np.where(box, 30.0, depth), around)
    assert abs(contact / 10 - 1) < 0.08
