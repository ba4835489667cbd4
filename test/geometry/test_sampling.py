# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mdepth_ros.geometry import Camera, CameraError, ImageSampler, pixel_grid, target_camera


def to_uint8(image: torch.Tensor) -> torch.Tensor:
    """Float [3, H, W] -> uint8 [H, W, 3]."""
    return (image.nan_to_num(0) * 255).round().byte().permute(1, 2, 0)


def smooth_image(height: int, width: int) -> np.ndarray:
    v, u = np.mgrid[:height, :width]
    planes = [np.sin(u / 9), np.cos(v / 8), np.sin((u + v) / 11)]
    return np.stack([127.5 + 120 * plane for plane in planes], -1).round().astype(np.uint8)


def test_same_camera_changes_nothing() -> None:
    camera = Camera(37, 23, 30, 31, 17.2, 11.9)
    image = torch.randint(0, 256, (23, 37, 3), generator=torch.Generator().manual_seed(0))
    out = ImageSampler(camera, target_camera(camera, 23, 37))(image.byte())
    assert out.shape == (1, 3, 23, 37) and out.dtype == torch.float32 and out.is_contiguous()
    torch.testing.assert_close(out[0], image.permute(2, 0, 1) / 255, rtol=0, atol=1e-5)


def test_rectifies_as_opencv(camera: Camera, tilt: tuple[float, ...]) -> None:
    view = (camera.fx * 0.9, camera.fy * 0.95, camera.cx + 4.3, camera.cy - 2.6)
    source = replace(camera, rectification=tilt, rectified=view)
    target = source.pinhole()
    image = smooth_image(source.height, source.width)
    K, P = source.matrix(torch.float64).numpy(), target.matrix(torch.float64).numpy()
    R, size = np.array(tilt).reshape(3, 3), (source.width, source.height)
    if source.model == 'equidistant':
        d = np.zeros(4)
        d[: len(source.distortion)] = source.distortion
        maps = cv2.fisheye.initUndistortRectifyMap(K, d, R, P, size, cv2.CV_32FC1)
    else:
        d = np.zeros(8)
        d[: len(source.distortion)] = source.distortion
        maps = cv2.initUndistortRectifyMap(K, d, R, P, size, cv2.CV_32FC1)
    theirs = cv2.remap(image.astype(np.float32), *maps, cv2.INTER_LINEAR) / 255
    ours = ImageSampler(source, target)(torch.from_numpy(image))[0].permute(1, 2, 0).numpy()
    # Edge pixels blend with black in OpenCV; beyond the reach of the lens it folds the image.
    rays = target.unproject(pixel_grid(target.height, target.width, dtype=torch.float64))
    known = source.project(rays @ torch.from_numpy(R)).isfinite().all(-1).numpy()
    u, v = maps
    inside = (u > 0) & (u < source.width - 1) & (v > 0) & (v < source.height - 1) & known
    outside = (u < -0.6) | (u > source.width - 0.4) | (v < -0.6) | (v > source.height - 0.4)
    assert inside.mean() > 0.6
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=2e-3)
    assert not ours[outside | ~known].any()


@pytest.mark.parametrize('size', [(96, 320), (100, 160), (48, 160), (20, 32), (300, 480)])
def test_sees_what_the_target_camera_sees(
    world: Any, camera: Camera, tilt: tuple[float, ...], size: tuple[int, int]
) -> None:
    """A textured plane, rendered through the lens, comes out as the pinhole camera renders it."""
    source = replace(camera, rectification=tilt)
    target = target_camera(source, *size)
    R = torch.eye(4, dtype=torch.float64)
    R[:3, :3] = torch.tensor(tilt, dtype=torch.float64).view(3, 3)
    image, _ = world.render(source, R)  # the rectified frame is the world's
    expected, depth = world.render(target)
    out = ImageSampler(source, target)(to_uint8(image))[0].double()
    rays = target.unproject(pixel_grid(*size, dtype=torch.float64))
    pixels = source.project(rays @ R[:3, :3])
    limit = torch.tensor([source.width, source.height]) - 1
    # Pixels at the rim are partly black.
    margin = source.fx / target.fx
    seen = ((pixels >= margin) & (pixels <= limit - margin)).all(-1)
    if source.model == 'equidistant':  # far out the plane is seen at a grazing angle
        seen &= (rays[..., :2].norm(dim=-1) < 1.5) & (depth > 0) & (depth < 15)
    assert seen.double().mean() > 0.3
    error = (out - expected).abs().amax(0)[seen]
    # Quantisation, bilinear interpolation, and the texture's curvature within a target pixel.
    assert error.max() < 0.006 + 2 / target.fx**2


def test_roi_and_binning_need_no_special_care(world: Any) -> None:
    info: dict[str, Any] = {
        'width': 640,
        'height': 400,
        'distortion_model': 'plumb_bob',
        'd': [-0.2, 0.03, 1e-3, 0, 0],
        'k': [420, 0, 322, 0, 421, 195, 0, 0, 1],
        'r': [0] * 9,
        'p': [390, 0, 320, 0, 0, 392, 199, 0, 0, 0, 1, 0],
    }
    full = Camera.from_info(**info)
    delivered = Camera.from_info(**info, binning_x=2, binning_y=2, roi=(80, 40, 320, 480, False))
    image = to_uint8(world.render(full)[0])
    cut = image[40:360, 80:560].reshape(160, 2, 240, 2, 3).float().mean((1, 3)).round().byte()
    target = target_camera(delivered, 80, 200)
    out = ImageSampler(delivered, target)(cut)[0].double()
    expected, _ = world.render(target)
    torch.testing.assert_close(out[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2], rtol=0, atol=0.01)


@pytest.mark.parametrize('factor', [3, 4, 7])
def test_no_source_pixel_is_passed_over(factor: int) -> None:
    """A fine chequer shrinks to grey instead of aliasing, and the mean brightness stays."""
    target = Camera(32, 16, 20, 20, 15.5, 7.5)
    source = target.scaled(32 * factor, 16 * factor)
    u, v = np.meshgrid(np.arange(source.width), np.arange(source.height))
    chequer = np.repeat((255 * ((u + v) % 2)).astype(np.uint8)[..., None], 3, -1)
    out = ImageSampler(source, target)(torch.from_numpy(chequer))
    assert (out - 0.5).abs().max() < 0.13
    noise = torch.randint(0, 256, (*chequer.shape,), generator=torch.Generator().manual_seed(2))
    mean = ImageSampler(source, target)(noise.byte())
    block = torch.nn.functional.avg_pool2d(noise.permute(2, 0, 1)[None] / 255, factor)
    assert (mean - block).abs().mean() < 0.04
    assert abs(mean.mean() - block.mean()) < 2e-3


def test_outside_is_black_and_the_rim_is_not() -> None:
    source = Camera(40, 30, 30, 30, 19.5, 14.5)
    white = torch.full((30, 40, 3), 255, dtype=torch.uint8)
    wider = Camera(80, 60, 30, 30, 39.5, 29.5)
    out = ImageSampler(source, wider)(white)[0]
    assert out[:, 15:45, 20:60].min() > 0.999 and out.sum() == pytest.approx(3 * 30 * 40, rel=1e-4)
    larger = ImageSampler(source, source.scaled(120, 90))(white)
    assert larger.min() > 0.999


def test_batches() -> None:
    camera = Camera(64, 48, 50, 50, 31.5, 23.5)
    images = torch.randint(0, 256, (3, 48, 64, 3), generator=torch.Generator().manual_seed(5))
    sampler = ImageSampler(camera, target_camera(camera, 20, 40))
    out = sampler(images.byte())
    assert out.shape == (3, 3, 20, 40)
    for i in range(3):
        torch.testing.assert_close(out[i : i + 1], sampler(images[i].byte()), rtol=0, atol=0)


def test_target_camera_of_kitti() -> None:
    source = Camera(1242, 375, 721.5, 721.5, 609.6, 172.9)
    target = target_camera(source, 192, 640)
    assert (target.width, target.height, target.model) == (640, 192, 'pinhole')
    assert target.fx == pytest.approx(721.5 * 640 / 1242)
    assert target.fy == pytest.approx(target.fx, rel=2e-3)
    tall = target_camera(Camera(640, 480, 500, 500, 320, 240), 192, 640)
    assert tall.fx == tall.fy == 500
    assert tall.cy == 240 - 144


def test_refuses_what_does_not_fit(tilt: tuple[float, ...]) -> None:
    camera = Camera(64, 48, 50, 50, 31.5, 23.5)
    with pytest.raises(CameraError, match='64 x 48'):
        ImageSampler(camera, camera)(torch.zeros(40, 64, 3, dtype=torch.uint8))
    with pytest.raises(CameraError, match='pinhole'):
        ImageSampler(camera, replace(camera, model='equidistant'))
    with pytest.raises(CameraError, match='sees nothing'):
        ImageSampler(camera, replace(camera, cx=5000.0))


@pytest.mark.parametrize('focal', [1e-300, 1e-5, 1e6])
@pytest.mark.parametrize('of_target', [False, True])
def test_focal_lengths_that_cannot_be_take_no_memory(focal: float, of_target: bool) -> None:
    """Bytes on the network may say anything of K and P, and one image was to take 900 GB."""
    usual, odd = Camera(120, 80, 100, 100, 60, 40), Camera(120, 80, focal, focal, 60, 40)
    source, target = (usual, odd) if of_target else (odd, usual)
    if source.fx > target.fx:
        with pytest.raises(CameraError, match='correct K and P of the camera_info'):
            ImageSampler(source, target)
    else:  # less than a pixel of the source fills the view
        assert ImageSampler(source, target).samples == (1, 1)
