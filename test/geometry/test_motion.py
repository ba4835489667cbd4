# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from mdepth_ros.geometry import (
    adjoint,
    axis_angle_from_rotation,
    interpolate,
    inverse_transform,
    quaternion_from_rotation,
    rotation_from_axis_angle,
    rotation_from_quaternion,
    se3_exp,
    se3_log,
    transform_from_axis_angle,
)

ANGLES = [0.0, 1e-12, 1e-8, 1e-5, 1e-3, 0.03, 0.5, 0.999, 1.001, 2.0, 3.0, 3.1415, math.pi - 1e-8]
TOLERANCE = {torch.float32: 5e-6, torch.float64: 1e-13}


def axes(count: int = 20) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    random = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(torch.cat([random, torch.eye(3), -torch.eye(3)]), dim=-1)


def twists(angle: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    rho = torch.randn(len(axes()), 3, generator=generator, dtype=torch.float64)
    return torch.cat([rho, angle * axes()], -1)


@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('angle', ANGLES)
def test_rotation_round_trip(angle: float, dtype: torch.dtype) -> None:
    phi = (angle * axes()).to(dtype)
    rotation = rotation_from_axis_angle(phi)
    eye = torch.eye(3, dtype=dtype).expand_as(rotation)
    atol = TOLERANCE[dtype]
    torch.testing.assert_close(rotation @ rotation.mT, eye, rtol=0, atol=atol)
    torch.testing.assert_close(
        torch.linalg.det(rotation), torch.ones_like(rotation[:, 0, 0]), rtol=0, atol=atol
    )
    back = axis_angle_from_rotation(rotation)
    if angle > 3.14159 and dtype == torch.float32:  # here the float32 angle may pass π
        back = back * torch.where((back * phi).sum(-1, keepdim=True) < 0, -1, 1)
    # Small angles keep their relative precision.
    torch.testing.assert_close(back, phi, rtol=10 * atol, atol=max(angle, 1e-7) * 2 * atol)


@pytest.mark.parametrize('angle', ANGLES)
def test_rotation_as_opencv(angle: float) -> None:
    for phi in angle * axes():
        expected = cv2.Rodrigues(phi.numpy())[0]
        np.testing.assert_allclose(rotation_from_axis_angle(phi).numpy(), expected, atol=1e-12)


def test_log_at_pi() -> None:
    rotation = torch.diag(torch.tensor([-1.0, 1, -1], dtype=torch.float64))
    phi = axis_angle_from_rotation(rotation).abs()
    torch.testing.assert_close(phi, torch.tensor([0, math.pi, 0], dtype=torch.float64))


@pytest.mark.parametrize('angle', ANGLES)
def test_quaternions(angle: float) -> None:
    phi = angle * axes()
    q = quaternion_from_rotation(rotation_from_axis_angle(phi))
    expected = torch.cat(
        [
            math.sin(angle / 2) * axes(),
            torch.full((len(phi), 1), math.cos(angle / 2), dtype=torch.float64),
        ],
        -1,
    )
    torch.testing.assert_close(q, expected, rtol=0, atol=1e-13)
    for scaled in (q, -q, 3 * q):
        torch.testing.assert_close(
            rotation_from_quaternion(scaled), rotation_from_axis_angle(phi), rtol=0, atol=1e-13
        )


def test_quaternion_order_is_x_y_z_w() -> None:
    quarter = rotation_from_axis_angle(torch.tensor([0, 0, math.pi / 2]))
    expected = torch.tensor([0, 0, math.sqrt(0.5), math.sqrt(0.5)])
    torch.testing.assert_close(quaternion_from_rotation(quarter), expected)
    torch.testing.assert_close(quarter @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]))


@pytest.mark.parametrize('angle', ANGLES)
def test_se3_exp_is_the_matrix_exponential(angle: float) -> None:
    twist = twists(angle)
    x, y, z, a, b, c = twist.unbind(-1)
    o = torch.zeros_like(x)
    algebra = torch.stack([o, -c, b, x, c, o, -a, y, -b, a, o, z, o, o, o, o], -1)
    expected = torch.linalg.matrix_exp(algebra.reshape(-1, 4, 4))
    torch.testing.assert_close(se3_exp(twist), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('angle', ANGLES[:-2])
def test_se3_round_trip(angle: float, dtype: torch.dtype) -> None:
    twist = twists(angle).to(dtype)
    atol = 20 * TOLERANCE[dtype]
    torch.testing.assert_close(se3_log(se3_exp(twist)), twist, rtol=0, atol=atol)


def test_inverse() -> None:
    T = se3_exp(twists())
    eye = torch.eye(4, dtype=torch.float64).expand_as(T)
    torch.testing.assert_close(inverse_transform(T) @ T, eye, rtol=0, atol=1e-13)
    torch.testing.assert_close(inverse_transform(T), se3_exp(-twists()), rtol=0, atol=1e-13)


def test_adjoint_carries_twists() -> None:
    T, x = se3_exp(twists(2.0)), twists(0.7).flip(0)
    left = T @ se3_exp(x) @ inverse_transform(T)
    right = se3_exp((adjoint(T) @ x.unsqueeze(-1)).squeeze(-1))
    torch.testing.assert_close(left, right, rtol=0, atol=1e-12)
    torch.testing.assert_close(adjoint(T) @ adjoint(T), adjoint(T @ T), rtol=0, atol=1e-12)


def test_interpolation() -> None:
    T = se3_exp(twists(1.3))
    half = interpolate(T, 0.5)
    torch.testing.assert_close(half @ half, T, rtol=0, atol=1e-12)
    torch.testing.assert_close(interpolate(T, 1.0), T, rtol=0, atol=1e-12)
    eye = torch.eye(4, dtype=torch.float64).expand_as(T)
    torch.testing.assert_close(interpolate(T, 0.0), eye, rtol=0, atol=0)
    each = interpolate(T, torch.linspace(0, 1, len(T), dtype=torch.float64))
    torch.testing.assert_close(each[-1], T[-1], rtol=0, atol=1e-12)


def test_transform_turns_then_moves() -> None:
    phi, t = axes(), axes().flip(0)
    T = transform_from_axis_angle(phi, t)
    point = torch.tensor([1.0, 2, 3, 1], dtype=torch.float64)
    expected = rotation_from_axis_angle(phi) @ point[:3] + t
    torch.testing.assert_close((T @ point)[:, :3], expected)
    torch.testing.assert_close(T[:, 3], torch.tensor([0, 0, 0, 1.0]).double().expand(len(T), 4))


@pytest.mark.parametrize('angle', [0.0, 1e-9, 1e-4, 0.5, 1.0, 2.5])
def test_gradients(angle: float) -> None:
    twist = twists(angle)[:3].clone().requires_grad_()
    assert torch.autograd.gradcheck(
        rotation_from_axis_angle, twist[:, 3:].detach().requires_grad_()
    )
    assert torch.autograd.gradcheck(se3_exp, twist)
    assert torch.autograd.gradcheck(lambda x: se3_log(se3_exp(x)), twist, atol=1e-4)


def test_gradient_at_zero_is_that_of_the_skew_matrix() -> None:
    zero = torch.zeros(3)
    jacobian = torch.func.jacrev(rotation_from_axis_angle)(zero)
    expected = torch.zeros(3, 3, 3)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        expected[i, j, k], expected[j, i, k] = -1, 1
    torch.testing.assert_close(jacobian, expected)
    assert se3_log(torch.eye(4)).abs().max() == 0


def test_half_precision_is_lifted() -> None:
    phi = torch.tensor([0.01, 0.02, -0.03], dtype=torch.bfloat16)
    assert transform_from_axis_angle(phi, phi).dtype == torch.float32
    with torch.autocast('cpu', dtype=torch.bfloat16):
        twist = twists(0.1).float()
        torch.testing.assert_close(se3_log(se3_exp(twist)), twist, rtol=0, atol=1e-5)
