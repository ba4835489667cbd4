# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rigid motion: SO(3) and SE(3), their exponentials and logarithms, batched and differentiable.

Twists and axis-angle vectors follow Lie-algebra notation; a twist is (x y z rx ry rz), translation
part first, as in ROS. Formulas: Barfoot, State Estimation for Robotics, chapter 7. Nothing here
uses a matrix product: products of geometry must not fall to bf16 under autocast or to TF32.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_SERIES_TERMS = 9


def _stumpff(k: int, s: Tensor) -> Tensor:
    """c_k(s) = Σ (-s)ⁿ / (2n + k)! for k = 1, 2, 3 and s = θ² >= 0, smooth through zero.

    c_1 = sin θ / θ, c_2 = (1 - cos θ) / θ², c_3 = (θ - sin θ) / θ³.
    """
    small = s < 1
    near = torch.full_like(s, 1 / math.factorial(2 * _SERIES_TERMS + k))
    inside = torch.where(small, s, 0.0)
    for n in reversed(range(_SERIES_TERMS)):
        near = 1 / math.factorial(2 * n + k) - inside * near
    far_s = torch.where(small, 1.0, s)
    theta = far_s.sqrt()
    if k == 1:
        far = theta.sin() / theta
    elif k == 2:
        far = (1 - theta.cos()) / far_s
    else:
        far = (theta - theta.sin()) / (theta * far_s)
    return torch.where(small, near, far)


def full_precision(x: Tensor) -> Tensor:
    """Half precision -> float32; geometry has no use for less."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    """Matrix [..., 3, 3] times vector [..., 3]."""
    return (matrix * vector.unsqueeze(-2)).sum(-1)


def _skew(v: Tensor) -> Tensor:
    """Matrix [..., 3, 3] of the cross product with v [..., 3]."""
    x, y, z = v.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).reshape(*v.shape, 3)


def rotation_from_axis_angle(axis_angle: Tensor) -> Tensor:
    """Axis times angle [..., 3] in radians -> rotation [..., 3, 3] (Rodrigues' formula).

    Exact to rounding and differentiable everywhere, zero included.
    """
    phi = full_precision(axis_angle)
    s = (phi * phi).sum(-1)[..., None, None]
    outer = phi.unsqueeze(-1) * phi.unsqueeze(-2)
    eye = torch.eye(3, dtype=phi.dtype, device=phi.device)
    # [φ]² = φφᵀ - θ² I
    return eye + _stumpff(1, s) * _skew(phi) + _stumpff(2, s) * (outer - s * eye)


def axis_angle_from_rotation(rotation: Tensor) -> Tensor:
    """Rotation [..., 3, 3] -> axis times angle [..., 3], the angle in 0..π; stable near both ends.

    At exactly π the sign of the axis is arbitrary.
    """
    q = quaternion_from_rotation(rotation)
    v, w = q[..., :3], q[..., 3:]
    square = (v * v).sum(-1, keepdim=True)
    # angle / sin(angle / 2) = 2 atan(n / w) / n: by its series where n is small, w being near 1.
    small = square < 1e-3
    ratio = torch.where(small, square / torch.where(small, w * w, 1.0), 0.0)
    near = torch.full_like(ratio, 1 / 13)
    for n in reversed(range(6)):
        near = 1 / (2 * n + 1) - ratio * near
    norm = torch.where(small, 1.0, square).sqrt()
    far = torch.atan2(norm, w) / norm
    return 2 * v * torch.where(small, near / torch.where(small, w, 1.0), far)


def focal_correction(s: Tensor) -> Tensor:
    """Factors [..., 6] of a network's pose, axis-angle and translation, at another focal length.

    s  [...] f_view / f_trained, by which the depth is multiplied

    The image is the one that the training camera would take of a world whose depths are divided by
    s, X and Y unchanged (u - c = f_view X / Z = f_trained X / (Z / s)). The network's depth and
    translation along z belong to that world, so they are multiplied by s. A small rotation w about
    x or y shifts the middle of the image by f_view w = f_trained (s w): the network's rotation is
    divided by s. Rotation about z and translation along x and y stay.
    """
    one = torch.ones_like(s)
    return torch.stack([1 / s, 1 / s, one, one, one, s], -1)


def quaternion_from_rotation(rotation: Tensor) -> Tensor:
    """Rotation [..., 3, 3] -> unit quaternion [..., 4] in ROS order x y z w, with w >= 0."""
    r = full_precision(rotation).flatten(-2)
    r00, r01, r02, r10, r11, r12, r20, r21, r22 = r.unbind(-1)
    # 4 q qᵀ is linear in R. Its row with the largest diagonal is q times a factor of at least 2.
    xy, xz, yz = r01 + r10, r02 + r20, r12 + r21
    xw, yw, zw = r21 - r12, r02 - r20, r10 - r01
    xx, yy, zz = 1 + r00 - r11 - r22, 1 - r00 + r11 - r22, 1 - r00 - r11 + r22
    ww = 1 + r00 + r11 + r22
    rows = torch.stack(
        [xx, xy, xz, xw, xy, yy, yz, yw, xz, yz, zz, zw, xw, yw, zw, ww], -1
    ).reshape(*xx.shape, 4, 4)
    largest = rows.diagonal(dim1=-2, dim2=-1).argmax(-1)
    index = largest[..., None, None].expand(*largest.shape, 1, 4)
    q = torch.nn.functional.normalize(rows.gather(-2, index).squeeze(-2), dim=-1)
    return torch.where(q[..., 3:] < 0, -q, q)


def rotation_from_quaternion(quaternion: Tensor) -> Tensor:
    """Quaternion [..., 4] in ROS order x y z w, of any length but zero -> rotation [..., 3, 3]."""
    q = torch.nn.functional.normalize(full_precision(quaternion), dim=-1)
    v, w = q[..., :3], q[..., 3, None, None]
    outer = v.unsqueeze(-1) * v.unsqueeze(-2)
    eye = torch.eye(3, dtype=q.dtype, device=q.device)
    square = (v * v).sum(-1)[..., None, None]
    return (w * w - square) * eye + 2 * outer + 2 * w * _skew(v)


def _transform(rotation: Tensor, translation: Tensor) -> Tensor:
    """Rotation [..., 3, 3] and translation [..., 3] -> transform [..., 4, 4]."""
    top = torch.cat([rotation, translation.unsqueeze(-1)], -1)
    bottom = torch.eye(4, dtype=top.dtype, device=top.device)[3:].expand(*top.shape[:-2], 1, 4)
    return torch.cat([top, bottom], -2)


def transform_from_axis_angle(axis_angle: Tensor, translation: Tensor) -> Tensor:
    """Axis-angle [..., 3], translation [..., 3] -> transform [..., 4, 4]: turn, then move.

    This is how the pose network speaks; `se3_exp` moves and turns at once.
    """
    return _transform(rotation_from_axis_angle(axis_angle), full_precision(translation))


def inverse_transform(transform: Tensor) -> Tensor:
    """T_a_b [..., 4, 4] -> T_b_a."""
    transposed = transform[..., :3, :3].transpose(-1, -2)
    return _transform(transposed, -_times(transposed, transform[..., :3, 3]))


def _left_jacobian(phi: Tensor) -> Tensor:
    """V of SE(3), [..., 3, 3]: carries the translation part of a twist to the translation."""
    s = (phi * phi).sum(-1)[..., None, None]
    outer = phi.unsqueeze(-1) * phi.unsqueeze(-2)
    eye = torch.eye(3, dtype=phi.dtype, device=phi.device)
    return eye + _stumpff(2, s) * _skew(phi) + _stumpff(3, s) * (outer - s * eye)


def se3_exp(twist: Tensor) -> Tensor:
    """Twist [..., 6] (x y z rx ry rz) -> transform [..., 4, 4]."""
    twist = full_precision(twist)
    rho, phi = twist[..., :3], twist[..., 3:]
    return _transform(rotation_from_axis_angle(phi), _times(_left_jacobian(phi), rho))


def se3_log(transform: Tensor) -> Tensor:
    """Transform [..., 4, 4] -> twist [..., 6] (x y z rx ry rz), the rotation angle in 0..π."""
    transform = full_precision(transform)
    phi = axis_angle_from_rotation(transform[..., :3, :3])
    rho = torch.linalg.solve(_left_jacobian(phi), transform[..., :3, 3:]).squeeze(-1)
    return torch.cat([rho, phi], -1)


def adjoint(transform: Tensor) -> Tensor:
    """Ad of T [..., 4, 4] -> [..., 6, 6] with T exp(x) T⁻¹ = exp(Ad x), x = (x y z rx ry rz).

    Ad_T_a_b carries a twist in b to a, and a covariance C in b to Ad C Adᵀ in a.
    """
    rotation, translation = transform[..., :3, :3], transform[..., :3, 3]
    # Row by row: (t x) R has the columns t x r_i.
    moved = torch.linalg.cross(translation.unsqueeze(-1), rotation, dim=-2)
    top = torch.cat([rotation, moved], -1)
    bottom = torch.cat([torch.zeros_like(rotation), rotation], -1)
    return torch.cat([top, bottom], -2)


def interpolate(transform: Tensor, fraction: float | Tensor) -> Tensor:
    """The part `fraction` (a number or [...]) of a motion [..., 4, 4] at constant velocity."""
    if isinstance(fraction, Tensor):
        fraction = fraction.unsqueeze(-1)
    return se3_exp(fraction * se3_log(transform))
