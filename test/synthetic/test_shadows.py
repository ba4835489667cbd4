# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cast shadows: where the light of the sun is blocked, and where it is not."""

import math

import pytest
import torch
from torch import Tensor

from mdepth_ros.synthetic.render import Placed
from mdepth_ros.synthetic.scene import AXLE, BOX, CYLINDER, ELLIPSOID, TANK
from mdepth_ros.synthetic.shadows import Shadows

POSES = torch.eye(4, dtype=torch.float64)[None]
POSES[0, :3, 2] = torch.tensor([1.0, 0.0, 0.0])  # looks along x
SUN = tuple((torch.tensor([0.6, -0.3, 0.7]) / math.sqrt(0.94)).tolist())


def placed(kind: int, pose: list[float], half: list[float]) -> Placed:
    return Placed(
        torch.tensor([0]),
        torch.tensor([kind]),
        torch.tensor([pose], dtype=torch.float64),
        torch.tensor([half], dtype=torch.float64),
    )


NOTHING = Placed(
    torch.zeros(0, dtype=torch.long),
    torch.zeros(0, dtype=torch.long),
    torch.zeros(0, 4, dtype=torch.float64),
    torch.zeros(0, 3, dtype=torch.float64),
)


def inside(kind: int, unit: Tensor) -> Tensor:
    """Whether points [..., 3] of the unit cube's frame are in the solid."""
    a, b, d = unit.abs().unbind(-1)
    return {
        BOX: torch.stack([a, b, d]).amax(0) <= 1,
        ELLIPSOID: unit.norm(dim=-1) <= 1,
        CYLINDER: torch.maximum(torch.hypot(a, b), d) <= 1,
        AXLE: torch.maximum(torch.hypot(a, d), b) <= 1,
        TANK: torch.maximum(torch.hypot(b, d), a) <= 1,
    }[kind]


@pytest.mark.parametrize('kind', [BOX, ELLIPSOID, CYLINDER, AXLE, TANK])
def test_ground_is_dark_where_the_way_to_the_sun_leads_through_a_solid(kind: int) -> None:
    pose, half = [12.0, 3.0, 2.5, 0.7], [2.0, 1.0, 1.5]
    shadows = Shadows(SUN, POSES, placed(kind, pose, half))
    x, y = (20 * torch.rand(2, 4000, generator=torch.Generator().manual_seed(0))).unbind()
    y = y - 7
    lit = shadows.lit(shadows.static, x, y, torch.zeros_like(x))
    steps = torch.linspace(0, 8, 400)[:, None]  # march along the light, point by point
    px, py, pz = (
        point + steps * part - centre
        for point, part, centre in zip((x, y, 0 * x), SUN, pose[:3], strict=True)
    )
    c, s = math.cos(pose[3]), math.sin(pose[3])
    unit = torch.stack([(c * px + s * py), (c * py - s * px), pz], -1) / torch.tensor(half)
    expected = inside(kind, unit).any(0)
    assert 50 < expected.sum() < 2000
    wrong = (lit < 0.5) != expected
    assert wrong.float().mean() < 0.04  # the map's points lie 0.25 m apart
    assert lit[expected].mean() < 0.1 and lit[~expected].mean() > 0.97


def test_a_surface_is_not_in_its_own_shadow_and_what_is_above_a_thing_is_lit() -> None:
    shadows = Shadows(SUN, POSES, placed(BOX, [12.0, 3.0, 1.0, 0.0], [2.0, 1.0, 1.0]))
    grid = torch.linspace(-0.9, 0.9, 15)
    a, b = (part.flatten() for part in torch.meshgrid(grid, grid, indexing='ij'))
    roof = shadows.lit(shadows.static, 12 + 2 * a, 3 + b, torch.full_like(a, 2.0))
    sunny = shadows.lit(shadows.static, torch.full_like(a, 14.0), 3 + b, 1 + a)
    above = shadows.lit(shadows.static, 12 + 2 * a, 3 + b, torch.full_like(a, 4.0))
    assert min(roof.min(), sunny.mean(), above.min()) > 0.99
    behind = shadows.lit(shadows.static, torch.full_like(a, 9.9), 3.4 + 0.3 * b, 0.2 + 0.1 * a)
    assert behind.max() < 0.01


def test_what_moves_takes_its_shadow_along() -> None:
    shadows = Shadows(SUN, POSES, NOTHING)
    foot = torch.tensor([10.5]), torch.tensor([0.2]), torch.tensor([0.0])
    here = shadows.at(placed(BOX, [11.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0]))
    there = shadows.at(placed(BOX, [21.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0]))
    assert shadows.lit(here, *foot) < 0.1 and shadows.lit(there, *foot) == 1
    assert (shadows.static == 0).all()


def test_beyond_the_map_it_is_bright() -> None:
    shadows = Shadows(SUN, POSES, placed(BOX, [12.0, 3.0, 1.0, 0.0], [2.0, 1.0, 1.0]))
    far = torch.tensor([1e4, -1e4])
    assert (shadows.lit(shadows.static, far, far, torch.zeros(2)) == 1).all()
