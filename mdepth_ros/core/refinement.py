# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The networks' motion, refined until the two images fit: a few Gauss-Newton steps.

With the depth D of the current image, a motion T = exp(x) T_0 near that of the networks T_0 says
where each point of the current image was in the previous one (warping, Zhou et al. 2017, Eq. 2).
The steps make

    sum_p w_p (a I_prev(p'(x)) + b - I_cur(p))^2 / s^2 * EVIDENCE / N  +  x^T diag(std)^-2 x

smaller, over x and the change of exposure a, b (direct alignment: Lucas and Kanade 1981; Engel,
Koltun and Cremers 2018 for a, b and the choice of points). The second term is what is known
without the images: how large the error of the networks usually is. w are Student's t weights
(Kerl, Sturm and Cremers 2013), so that moving and hidden things count little; s is the spread of
the residuals (1.4826 times their median). Errors of neighbouring pixels are alike: all points
together count as `EVIDENCE` independent ones.

The length of the result is as right as the depth is, so motion and depth agree better.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from mdepth_ros.core.quality import WHOLE
from mdepth_ros.geometry import backproject, in_view, project, sample

STEPS = 4
SHRINK = 2
USABLE = 3
"""Which channel of `brightness` says what is usable, where something is not."""
POINTS = 4000
"""About so many at most: of each square of pixels, the one with the steepest edge is used."""
EVIDENCE = 200.0
FREEDOM = 5.0
"""Degrees of freedom of Student's distribution."""
NETWORK_STD = torch.tensor([0.008, 0.02, 0.15], dtype=torch.float64)
"""Error of the networks' translation over its length, along x, y and z (forward).

They assume a pitch of the camera as in their training. Forward it is 7 % from frame to
frame, and 11 to 17 % from drive to drive.
"""
NETWORK_TURN = 1e-3
"""Error of their rotation, rad."""
EXPOSURE = (0.3, 0.1)
"""How far gain and offset (of brightness 0..1) of two frames may differ."""
SHORTEST = 0.01
"""Of the middle depth: a motion that is shorter counts as this long."""


def refine(current: Tensor, previous: Tensor, depth: Tensor, motion: Tensor, K: Tensor) -> Tensor:
    """Refine the motion of a pair; returns T_previous_current, float64 [4, 4] on the CPU.

    current, previous  `brightness` of the images, both with what is usable or both without
    depth              [1, h, w] of the current one, of the same size
    motion             T_previous_current in the unit of the depth, float64 [4, 4] on the CPU
    K                  [3, 3] of that size
    """
    chosen = steepest(current, max(2, math.ceil(math.sqrt(depth.numel() / POINTS))))
    if current.shape[1] > USABLE:
        chosen = chosen[current[0, USABLE].flatten()[chosen] > 0]
    points = backproject(depth, K).flatten(2)[:, :, chosen]
    target = current[0, 0].flatten()[chosen]

    length = torch.maximum(motion[:3, 3].norm(), SHORTEST * depth.median().double().cpu())
    turns = torch.tensor([NETWORK_TURN] * 3 + [*EXPOSURE], dtype=torch.float64)
    known = torch.cat([NETWORK_STD * length, turns]) ** -2
    share = EVIDENCE / max(len(chosen), 1)
    x = start = torch.tensor([0.0] * 6 + [1.0, 0.0], dtype=torch.float64)  # twist, gain, offset
    for _ in range(STEPS):
        T = exp(x[:6]) @ motion
        matrix, vector = normal_equations(*residuals(points, previous, target, T, x[6:], K))
        matrix, vector = matrix * share + known.diag(), vector * share + known * (x - start)
        x = x - torch.linalg.solve(matrix, vector)
    return exp(x[:6]) @ motion


def exp(twist: Tensor) -> Tensor:
    """Transform [4, 4] of a twist [6]: `se3_exp` of one small one, in a tenth of the time."""
    x, y, z, rx, ry, rz = twist.tolist()
    rows = [[0.0, -rz, ry, x], [rz, 0.0, -rx, y], [-ry, rx, 0.0, z], [0.0] * 4]
    transform: Tensor = torch.linalg.matrix_exp(torch.tensor(rows, dtype=twist.dtype))
    return transform


def brightness(image: Tensor, usable: Tensor | None = None) -> Tensor:
    """An image [1, 3, h, w] in 0..1, shrunk and grey, and its two gradients: [1, 3, h/2, w/2].

    With what is usable, [1, 1, h/2, w/2] of 0 and 1, that is the fourth.
    """
    grey = avg_pool2d(image, SHRINK).mean(1, True)
    return torch.cat([grey, *gradient(grey), *([] if usable is None else [usable])], 1)


def gradient(image: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences of an image [..., h, w] along u and v; 0 at the border."""
    du, dv = torch.zeros_like(image), torch.zeros_like(image)
    du[..., 1:-1] = (image[..., 2:] - image[..., :-2]) / 2
    dv[..., 1:-1, :] = (image[..., 2:, :] - image[..., :-2, :]) / 2
    return du, dv


def steepest(image: Tensor, cell: int) -> Tensor:
    """Flat indices [N] of the steepest pixel of each cell, of `brightness`; usable ones first."""
    steep = image[:, 1:USABLE].square().sum(1, True)
    if image.shape[1] > USABLE:
        steep = steep * image[:, USABLE:] - (1 - image[:, USABLE:])
    _, indices = max_pool2d(steep, cell, return_indices=True)
    return indices.flatten()


def residuals(
    points: Tensor, previous: Tensor, target: Tensor, T: Tensor, exposure: Tensor, K: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Difference of brightness between the previous image and the current one at each point.

    points    [1, 3, N] of the current camera, and their brightness, target [N]
    previous  `brightness` of the previous image
    T         T_previous_current, [4, 4]
    exposure  gain and offset [2] of the previous image

    Returns the residuals [N]; their derivatives [8, N] by x y z rx ry rz, gain and offset, where a
    change of the motion is exp(dx) T; and which points the previous camera sees where it is
    usable, bool [N].
    """
    gain, offset = exposure.tolist()
    R, t = T[:3, :3].to(points), T[:3, 3].to(points)
    moved = (R @ points[0] + t[:, None])[None, :, None]
    pixels, depth = project(moved, K)
    value, du, dv, *usable = sample(previous, pixels)[0, :, 0]
    x, y, z = moved[0, :, 0]
    # d residual / d (x, y, z): the gradient of the image times that of the projection.
    inverse = 1 / z.clamp(min=1e-3)
    gx, gy = gain * du * K[0, 0] * inverse, gain * dv * K[1, 1] * inverse
    gz = -(gx * x + gy * y) * inverse
    turned = (y * gz - z * gy, z * gx - x * gz, x * gy - y * gx)
    J = torch.stack([gx, gy, gz, *turned, value, torch.ones_like(value)])
    inside = in_view(pixels, depth, *previous.shape[-2:])[0, 0]
    for whole in usable:
        inside = inside & (whole > WHOLE)
    return gain * value + offset - target, J, inside


def normal_equations(residual: Tensor, J: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """J^T W J [8, 8] and J^T W r [8], over the variance; float64 on the CPU.

    Zero where no point is inside.
    """
    # The median of nothing is NaN, and NaN times no weight is NaN still.
    spread = (1.4826 * residual[inside].abs().median()).nan_to_num(1.0) + 1e-4
    weight = inside / (1 + (residual / spread) ** 2 / FREEDOM) / spread**2
    both = ((J * weight) @ torch.cat([J, residual[None]]).T).double().cpu()
    return both[:, :8], both[:, 8]
