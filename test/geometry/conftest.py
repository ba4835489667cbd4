# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cameras of every model, and a world simple enough to be rendered exactly."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mdepth_ros.geometry import Camera, pixel_grid, se3_exp

TILT = tuple(
    se3_exp(torch.tensor([0, 0, 0, 0.02, -0.03, 0.01], dtype=torch.float64))[:3, :3]
    .flatten()
    .tolist()
)
CAMERAS = {
    'pinhole': Camera(320, 200, 210, 214, 161.3, 97.2),
    'mild': Camera(320, 200, 210, 214, 161.3, 97.2, 'plumb_bob', (-0.28, 0.07, 2e-4, 2e-5)),
    'kitti': Camera(
        1392, 512, 959.8, 956.9, 696, 224.2, 'plumb_bob', (-0.369, 0.197, 1.4e-3, 5e-4, -0.0577)
    ),
    'pincushion': Camera(320, 200, 210, 214, 161.3, 97.2, 'plumb_bob', (0.2, 0.05, 0, 0, 0.01)),
    'rational': Camera(
        320,
        200,
        130,
        131,
        158.1,
        102.4,
        'rational_polynomial',
        (1.2, 0.35, 3e-4, -4e-4, 0.012, 1.55, 0.62, 0.05),
    ),
    'fisheye': Camera(320, 200, 110, 111, 157, 101, 'equidistant', (-0.01, 0.02, -0.015, 0.003)),
    'ideal fisheye': Camera(320, 200, 110, 111, 157, 101, 'equidistant'),
}


@pytest.fixture(params=CAMERAS)
def camera(request: pytest.FixtureRequest) -> Camera:
    return CAMERAS[request.param]


class PlaneWorld:
    """A tilted plane n·X = 1 with a smooth texture."""

    normal = torch.tensor([0.02, 0.04, 0.2], dtype=torch.float64)

    def texture(self, points: Tensor) -> Tensor:
        """Colours [3, ...] in 0..1 at points [..., 3]."""
        x, y, z = points.unbind(-1)
        waves = [1.1 * x + 0.3 * y, 0.9 * y - 0.5 * z, 0.7 * x - 0.8 * y + 0.4 * z]
        return 0.5 + 0.4 * torch.stack([wave.sin() for wave in waves])

    def render(self, camera: Camera, pose: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Image [3, H, W] and depth [H, W] along z, both float64, as seen from `pose`."""
        pose = torch.eye(4, dtype=torch.float64) if pose is None else pose
        rays = camera.unproject(pixel_grid(camera.height, camera.width, dtype=torch.float64))
        R, t = pose[:3, :3], pose[:3, 3]
        depth = (1 - self.normal @ t) / (rays @ R.T @ self.normal)
        return self.texture((rays * depth[..., None]) @ R.T + t), depth


@pytest.fixture
def world() -> PlaneWorld:
    return PlaneWorld()


@pytest.fixture
def tilt() -> tuple[float, ...]:
    """A small rotation, row-major: a rectification as of a stereo pair."""
    return TILT
