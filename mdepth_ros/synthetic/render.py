# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ray casting: what each ray meets, and where."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mdepth_ros.geometry import Camera, pixel_grid
from mdepth_ros.synthetic.hills import Hills
from mdepth_ros.synthetic.scene import AXLE, BOX, ELLIPSOID, TANK

SKY, GROUND, FIRST = 0, 1, 2  # surface numbers; primitive i is surface FIRST + i
THINNEST = 0.7  # pixels below which a primitive is left out
NEAR = 0.05  # metres in front of the camera from which on things are drawn

# Axes in which a primitive is round (the others are flat).
ROUND = {BOX: (), ELLIPSOID: (0, 1, 2), AXLE: (0, 2), TANK: (1, 2)}
CORNERS = torch.cartesian_prod(*3 * [torch.tensor([-1.0, 1.0], dtype=torch.float64)])
EDGES = torch.tensor(
    [[i, j] for i in range(8) for j in range(i) if int((CORNERS[i] != CORNERS[j]).sum()) == 1]
)


@dataclass(frozen=True)
class Placed:
    """Some primitives in odom at one instant.

    index: [P] their numbers in the world; kind: [P]; pose: [P, 4] (x, y, z, heading) and half
    size: [P, 3], float64. On hills ground: [P, 3], the plane z = a x + b y + c that the object
    stands on. Things lean with it by a shear: what is upright stays upright, and a ray stays a ray
    with the same parameter when the slope is taken off it.
    """

    index: Tensor
    kind: Tensor
    pose: Tensor
    half: Tensor
    ground: Tensor | None = None


def camera_rays(camera: Camera, supersample: int) -> Tensor:
    """Ray directions [S, H, W, 3] with z = 1 in the optical frame: sub-samples of each pixel.

    Sample 0 is the pixel's centre; for supersample > 1 a regular grid of as many samples in each
    direction follows.
    """
    offsets = [(0.0, 0.0)]
    if supersample > 1:
        steps = [(i + 0.5) / supersample - 0.5 for i in range(supersample)]
        offsets += [(x, y) for y in steps for x in steps]
    centres = pixel_grid(camera.height, camera.width, dtype=torch.float64)
    shifts = torch.tensor(offsets, dtype=torch.float64)[:, None, None]
    return camera.unproject(centres + shifts).float()


def windows(placed: Placed, camera: Camera, pose: Tensor) -> tuple[Tensor, Tensor]:
    """Image rectangles [P, 4] of primitives, and the depth [P] at which they begin.

    Rectangles are left, top, right, bottom; right and bottom exclusive. Empty rectangles
    (right <= left) belong to primitives that are out of sight or thinner than a pixel.
    """
    c, s = placed.pose[:, 3].cos(), placed.pose[:, 3].sin()
    x, y, z = (CORNERS[None] * placed.half[:, None]).unbind(-1)
    corner = torch.stack([c[:, None] * x - s[:, None] * y, s[:, None] * x + c[:, None] * y, z], -1)
    if placed.ground is not None:
        corner[..., 2] += (corner[..., :2] * placed.ground[:, None, :2]).sum(-1)
    corner = (corner + placed.pose[:, None, :3] - pose[:3, 3]) @ pose[:3, :3]
    first, second = corner[:, EDGES[:, 0]], corner[:, EDGES[:, 1]]
    depth_1, depth_2 = first[..., 2] - NEAR, second[..., 2] - NEAR
    crosses = depth_1 * depth_2 < 0
    part = torch.where(crosses, depth_1 / (depth_1 - depth_2), 0.0)
    clipped = first + part[..., None] * (second - first)
    points = torch.cat([corner, clipped], 1)
    seen = torch.cat([corner[..., 2] >= NEAR, crosses], 1)
    u = camera.fx * points[..., 0] / points[..., 2].clamp_min(NEAR) + camera.cx
    v = camera.fy * points[..., 1] / points[..., 2].clamp_min(NEAR) + camera.cy
    low, high = -math.inf, math.inf
    left, top = torch.where(seen, u, high).amin(1), torch.where(seen, v, high).amin(1)
    right, bottom = torch.where(seen, u, low).amax(1), torch.where(seen, v, low).amax(1)
    thin = (right - left < THINNEST) | (bottom - top < THINNEST)
    left, top = left.floor().clamp(0, camera.width), top.floor().clamp(0, camera.height)
    right = right.ceil().clamp(-1, camera.width - 1) + 1
    bottom = bottom.ceil().clamp(-1, camera.height - 1) + 1
    right = torch.where(thin | (bottom <= top), left, right)
    return torch.stack([left, top, right, bottom], -1).long(), corner[..., 2].amin(1)


def cast(
    placed: Placed, camera: Camera, pose: Tensor, rays: Tensor, hills: Hills | None = None
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Cast rays [S, H, W, 3] from the camera at `pose` into the world.

    Returns the depth along optical z [S, H, W] (+inf for sky), the surface [S, H, W] and
    the three components of the rays in odom. As the rays have z = 1, depth is the ray parameter.
    """
    r = pose[:3, :3].tolist()
    across, down, _ = rays.unbind(-1)
    direction = tuple(across * r[i][0] + down * r[i][1] + r[i][2] for i in range(3))
    if hills is None:
        falls = direction[2] < -1e-5
        depth = torch.where(falls, -float(pose[2, 3]) / direction[2], math.inf)
    else:
        x, y, z = pose[:3, 3].tolist()
        depth = hills.cast((x, y, z), *direction)
        falls = depth < math.inf
    surface = falls.int()  # GROUND or SKY
    rectangles, begins = windows(placed, camera, pose)
    visible = (rectangles[:, 2] > rectangles[:, 0]).nonzero()[:, 0]
    visible = visible[begins[visible].argsort()]  # from near to far, so that much is hidden
    offset = pose[:3, 3] - placed.pose[:, :3]
    lean = torch.zeros_like(offset[:, :2]) if placed.ground is None else placed.ground[:, :2]
    offset[:, 2] -= (lean * offset[:, :2]).sum(-1)
    numbers = torch.cat([offset, placed.pose[:, 3:], placed.half, lean, begins[:, None]], -1)
    columns = (visible, *(column[visible] for column in (rectangles, placed.kind, numbers)))
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for i, (left, top, right, bottom), kind, (x, y, z, heading, *half, a, b, begin) in rows:
        window = (slice(None), slice(top, bottom), slice(left, right))
        so_far = depth[window]
        if begin > float(so_far.amax()):
            continue
        c, s = math.cos(heading), math.sin(heading)
        dx, dy, dz = (part[window] for part in direction)
        if placed.ground is not None:
            dz = dz - a * dx - b * dy
        d = (
            torch.add(dx * (c / half[0]), dy, alpha=s / half[0]),
            torch.add(dy * (c / half[1]), dx, alpha=-s / half[1]),
            dz * (1 / half[2]),
        )
        o = ((c * x + s * y) / half[0], (c * y - s * x) / half[1], z / half[2])
        enter, leave = _interval(d, o, ROUND.get(kind, (0, 1)))
        seen = (enter < torch.minimum(leave, so_far)) & (enter > NEAR)
        so_far.copy_(torch.where(seen, enter, so_far))
        surface[window].masked_fill_(seen, FIRST + i)
    return depth, surface, (direction[0], direction[1], direction[2])


def _interval(
    d: tuple[Tensor, Tensor, Tensor], o: tuple[float, float, float], round_axes: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """Ray parameters at which the rays o + t d enter and leave a unit solid.

    The solid is |p_i| <= 1 along each flat axis and sum p_i^2 <= 1 over the round axes.
    """
    enter: Tensor | None = None
    leave: Tensor | None = None
    for axis in range(3):
        if axis in round_axes:
            continue
        inverse = d[axis].reciprocal()
        middle, reach = inverse * -o[axis], inverse.abs()
        near, far = middle - reach, middle + reach
        enter = near if enter is None else torch.maximum(enter, near)
        leave = far if leave is None else torch.minimum(leave, far)
    if round_axes:
        first, *others = round_axes
        a, b = d[first] * d[first], d[first] * -o[first]
        for axis in others:
            a, b = torch.addcmul(a, d[axis], d[axis]), torch.add(b, d[axis], alpha=-o[axis])
        middle = b / a  # from the point nearest to the centre on: no cancellation far away
        room = torch.ones_like(a)
        for axis in round_axes:
            nearest = (middle * d[axis]).add_(o[axis])
            room = room.addcmul_(nearest, nearest, value=-1.0)
        reach = room.clamp_min_(0.0).div_(a).sqrt_()  # 0 where the ray misses
        near, far = middle - reach, middle + reach
        enter = near if enter is None else torch.maximum(enter, near)
        leave = far if leave is None else torch.minimum(leave, far)
    assert enter is not None and leave is not None
    return enter, leave


def worth_shading(depth: Tensor, surface: Tensor) -> Tensor:
    """Choose the samples [S, H, W] (bool) that make up the image.

    A pixel that shows one flat face needs its centre alone, as textures are filtered; one with
    an edge in it needs its sub-samples. On a plane the inverse depth is linear in the image.
    """
    chosen = torch.ones_like(surface, dtype=torch.bool)
    if len(surface) > 1:
        inverse = depth.reciprocal()
        bend = (inverse[1:].mean(0) - inverse[0]).abs() > 1e-4 * inverse[0]
        chosen[1:] = bend | (surface[1:] != surface[:1]).any(0)
        chosen[0] = ~chosen[1]
    return chosen
