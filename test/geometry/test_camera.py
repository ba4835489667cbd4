# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mdepth_ros.geometry import Camera, CameraError, pixel_grid

EYE = [1.0, 0, 0, 0, 1, 0, 0, 0, 1]
K = [400.0, 0, 319.5, 0, 410, 239.5, 0, 0, 1]
P = [380.0, 0, 310, 0, 0, 390, 235, 0, 0, 0, 1, 0]


def from_info(**changes: Any) -> Camera:
    fields = {
        'width': 640,
        'height': 480,
        'distortion_model': 'plumb_bob',
        'd': [-0.2, 0.05, 1e-3, -1e-3, 0.0],
        'k': K,
        'r': EYE,
        'p': P,
    }
    return Camera.from_info(**{**fields, **changes})


def pixels_of(camera: Camera, step: int = 7) -> torch.Tensor:
    grid = pixel_grid(camera.height, camera.width, dtype=torch.float64)
    return grid[::step, ::step].reshape(-1, 2)


def opencv_project(camera: Camera, points: np.ndarray) -> Any:
    matrix = camera.matrix(torch.float64).numpy()
    zero = np.zeros(3)
    if camera.model == 'equidistant':
        d = np.zeros(4)
        d[: len(camera.distortion)] = camera.distortion
        return cv2.fisheye.projectPoints(points[:, None], zero, zero, matrix, d)[0][:, 0]
    d = np.zeros(8)
    d[: len(camera.distortion)] = camera.distortion
    return cv2.projectPoints(points, zero, zero, matrix, d)[0][:, 0]


def opencv_unproject(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    """Pixels -> points at depth 1, [N, 2], as exactly as this version of OpenCV can.

    OpenCV 4 takes the number of iterations in a function of another name than OpenCV 5, and for
    fisheye cameras not before 4.6.
    """
    criteria = {'criteria': (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 500, 1e-13)}
    matrix, same = camera.matrix(torch.float64).numpy(), np.eye(3)
    if camera.model == 'equidistant':
        d = np.zeros(4)
        undistort, keywords = cv2.fisheye.undistortPoints, criteria
        if 'criteria' not in undistort.__doc__:
            keywords = {}
    else:
        d = np.zeros(8)
        undistort = getattr(cv2, 'undistortPointsIter', cv2.undistortPoints)
        keywords = criteria
    d[: len(camera.distortion)] = camera.distortion
    found: np.ndarray = undistort(pixels[:, None], matrix, d, R=same, P=same, **keywords)
    return found[:, 0]


def test_projects_as_opencv(camera: Camera) -> None:
    rays = camera.unproject(pixels_of(camera))
    points = rays[rays.isfinite().all(-1)] * torch.linspace(1, 30, 5).double()[:, None, None]
    points = points.reshape(-1, 3)
    assert len(points) > 1000
    ours = camera.project(points).numpy()
    np.testing.assert_allclose(ours, opencv_project(camera, points.numpy()), atol=1e-7)


def test_unprojects_as_opencv(camera: Camera) -> None:
    pixels = pixels_of(camera)
    rays = camera.unproject(pixels)
    ok = rays.isfinite().all(-1)
    theirs = opencv_unproject(camera, pixels[ok].numpy())
    ours = rays[ok][:, :2].numpy()
    # OpenCV's fixed point drifts off in far corners: judge where it solved its own equation.
    lifted = np.concatenate([theirs, np.ones_like(theirs[:, :1])], 1)
    solved = np.abs(opencv_project(camera, lifted) - pixels[ok].numpy()).max(1) < 1e-6
    assert solved.mean() > 0.95
    np.testing.assert_allclose(ours[solved], theirs[solved], rtol=1e-6, atol=1e-7)


def test_projection_inverts_unprojection(camera: Camera) -> None:
    pixels = pixels_of(camera, step=3)
    rays = camera.unproject(pixels)
    seen = rays.isfinite().all(-1)
    assert seen.double().mean() > 0.95
    torch.testing.assert_close(camera.project(rays[seen]), pixels[seen], rtol=0, atol=1e-7)
    assert (rays[seen][:, 2] == 1).all()


def test_unprojection_in_float32(camera: Camera) -> None:
    pixels = pixels_of(camera)
    exact, rough = camera.unproject(pixels), camera.unproject(pixels.float())
    near = exact.isfinite().all(-1) & (exact[:, :2].norm(dim=-1) < 2)
    torch.testing.assert_close(rough[near].double(), exact[near], rtol=1e-4, atol=1e-5)


def test_centre_of_a_fisheye_is_straight_ahead() -> None:
    fisheye = Camera(100, 100, 50, 50, 50, 50, 'equidistant', (0.1,))
    axis = torch.tensor([[0.0, 0, 3]])
    torch.testing.assert_close(fisheye.project(axis), torch.tensor([[50.0, 50]]))
    torch.testing.assert_close(fisheye.unproject(torch.tensor([[50.0, 50]])), axis / 3)


def test_equidistant_angle() -> None:
    fisheye = Camera(400, 400, 100, 100, 200, 200, 'equidistant')
    point = torch.tensor([math.sin(1.2), 0, math.cos(1.2)], dtype=torch.float64)
    assert fisheye.project(point)[0].item() == pytest.approx(200 + 120, abs=1e-12)


def test_what_no_lens_shows_is_nan() -> None:
    folding = Camera(640, 480, 400, 400, 320, 240, 'plumb_bob', (-0.3,))
    edge = 1 / math.sqrt(0.9)  # r (1 - 0.3 r²) grows up to here
    points = torch.tensor([[0.99 * edge, 0, 1], [1.01 * edge, 0, 1], [0, 0, -1], [1, 1, 0.0]])
    shown = folding.project(points.double()).isfinite().all(-1)
    assert shown.tolist() == [True, False, False, False]
    highest = 400 * edge * (1 - 0.3 * edge**2)
    pixels = torch.tensor([[320 + 0.999 * highest, 240], [320 + 1.001 * highest, 240]])
    assert folding.unproject(pixels.double()).isfinite().all(-1).tolist() == [True, False]


def test_from_info_plain() -> None:
    camera = from_info()
    assert (camera.width, camera.height, camera.model) == (640, 480, 'plumb_bob')
    assert camera.distortion == (-0.2, 0.05, 1e-3, -1e-3)
    assert camera.rectified == (380, 390, 310, 235)
    assert camera.pinhole() == Camera(640, 480, 380, 390, 310, 235)
    assert hash(camera) == hash(from_info()) and camera == from_info()
    assert camera != from_info(d=[-0.2001, 0.05, 1e-3, -1e-3, 0])


def test_from_info_takes_arrays() -> None:
    arrays = {'d': np.array([-0.2, 0.05, 1e-3, -1e-3, 0.0]), 'k': np.array(K)}
    assert from_info(**arrays, r=np.array(EYE), p=np.array(P)) == from_info()


@pytest.mark.parametrize('model', ['plumb_bob', 'rational_polynomial', 'equidistant', '', 'odd'])
@pytest.mark.parametrize('d', [[], [0.0] * 5])
def test_no_distortion_is_a_pinhole(model: str, d: list[float]) -> None:
    camera = from_info(distortion_model=model, d=d)
    assert camera.model == 'pinhole' and camera.distortion == ()
    assert camera.rectified == (380, 390, 310, 235), 'P may differ from K all the same'


def test_zero_p_and_r() -> None:
    camera = from_info(p=[0.0] * 12, r=[0.0] * 9)
    assert camera.pinhole() == Camera(640, 480, 400, 410, 319.5, 239.5)
    assert camera.rectification == tuple(EYE)


def test_model_names_and_lengths() -> None:
    assert from_info(distortion_model='fisheye', d=[0.1, 0, 0, 0]).model == 'equidistant'
    twelve = [0.1, 0.2, 0, 0, 0.1, 0.3, 0.1, 0.05]
    padded = from_info(distortion_model='rational_polynomial', d=twelve + [0.0] * 4)
    assert padded == from_info(distortion_model='rational_polynomial', d=twelve)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'k': [0.0] * 9}, 'uncalibrated'),
        ({'distortion_model': 'odd'}, 'unknown distortion model'),
        ({'distortion_model': 'rational_polynomial', 'd': [0.1] * 12}, 'thin prism'),
        ({'distortion_model': 'equidistant', 'd': [0.1] * 5}, 'takes 4'),
        ({'k': [math.nan] + K[1:]}, 'NaN'),
        ({'k': [-400.0] + K[1:]}, 'focal length'),
        ({'r': [1.0] * 9}, 'not a rotation'),
        ({'width': 0}, '0 x 480'),
    ],
)
def test_refuses(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(CameraError, match=words) as caught:
        from_info(**changes)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('binning', [(0, 0), (1, 1), (2, 2), (4, 2)])
@pytest.mark.parametrize('roi', [(0, 0, 0, 0, False), (100, 40, 240, 320, False)])
def test_binning_and_roi(binning: tuple[int, int], roi: tuple[int, int, int, int, bool]) -> None:
    full = from_info()
    camera = from_info(binning_x=binning[0], binning_y=binning[1], roi=roi)
    bin_x, bin_y = max(binning[0], 1), max(binning[1], 1)
    left, top, height, width, _ = roi
    assert (camera.width, camera.height) == ((width or 640) // bin_x, (height or 480) // bin_y)
    # A sensor pixel (u, v) is inside delivered pixel floor((u - left) / bin), and its centre at
    # ((u - left) + 1/2) / bin - 1/2.
    rays = full.unproject(pixels_of(full, step=40))
    scale, offset = torch.tensor([bin_x, bin_y]), torch.tensor([left, top])
    for sensor, delivered in ((full, camera), (full.pinhole(), camera.pinhole())):
        expected = (sensor.project(rays) - offset + 0.5) / scale - 0.5
        torch.testing.assert_close(delivered.project(rays), expected, rtol=0, atol=1e-9)


def test_binned_image_is_what_the_binned_camera_sees(world: Any) -> None:
    info = {'binning_x': 2, 'binning_y': 2, 'roi': (100, 40, 240, 320, False)}
    full, _ = world.render(from_info())
    delivered, _ = world.render(from_info(**info))
    block = torch.nn.functional.avg_pool2d(full[:, 40:280, 100:420], 2)
    torch.testing.assert_close(block, delivered, rtol=0, atol=2e-3)


def test_odd_size_binning_keeps_the_factor() -> None:
    camera = from_info(width=641, height=481, binning_x=2, binning_y=2)
    assert (camera.width, camera.height) == (320, 240)
    assert (camera.fx, camera.cx) == (200, (319.5 + 0.5) / 2 - 0.5)


@pytest.mark.parametrize('size', [(160, 120), (333, 77), (1280, 960)])
def test_plane_stays_a_plane(size: tuple[int, int]) -> None:
    """Depth sampled by any resized or cropped camera back-projects to the same plane."""
    normal = torch.tensor([0.1, 0.3, 0.05], dtype=torch.float64)
    camera = Camera(640, 480, 400, 410, 300, 200)
    view = camera.cropped(31, 17, 500, 400).scaled(*size)
    # The world point that the full camera sees at a place of the image ...
    u, v = pixel_grid(size[1], size[0], dtype=torch.float64).unbind(-1)
    in_full = torch.stack(
        [(u + 0.5) * 500 / size[0] - 0.5 + 31, (v + 0.5) * 400 / size[1] - 0.5 + 17], -1
    )
    depth = 1 / (camera.unproject(in_full) @ normal)
    # ... is where the resized camera puts it.
    points = view.unproject(torch.stack([u, v], -1)) * depth[..., None]
    torch.testing.assert_close(points @ normal, torch.ones_like(depth), rtol=0, atol=1e-9)


def test_normalised_is_the_same_for_every_size() -> None:
    camera = Camera(640, 480, 400, 410, 300, 200)
    for size in ((320, 240), (111, 57)):
        assert camera.scaled(*size).normalised == pytest.approx(camera.normalised, abs=1e-12)
        again = Camera.from_normalised(*size, *camera.normalised)
        assert again.cx == pytest.approx(camera.scaled(*size).cx)
        assert again.fy == pytest.approx(camera.scaled(*size).fy)
    assert camera.scaled(640, 480) == camera


def test_scaling_keeps_distortion_and_rectified_view() -> None:
    camera = from_info()
    half = camera.scaled(320, 240)
    rays = camera.unproject(pixels_of(camera, 40))
    torch.testing.assert_close(half.project(rays), (camera.project(rays) + 0.5) / 2 - 0.5)
    assert half.pinhole() == camera.pinhole().scaled(320, 240)


@pytest.mark.parametrize('aspect', [1.0, 4 / 3, 10 / 3, 0.3, 100.0])
def test_largest_crop(aspect: float) -> None:
    camera = Camera(640, 480, 400, 410, 300, 200)
    left, top, width, height = camera.largest_crop(aspect)
    assert width == 640 or height == 480
    assert abs(width - height * aspect) <= max(1, aspect) / 2 + 1e-9
    assert abs((640 - width) - 2 * left) <= 1 and abs((480 - height) - 2 * top) <= 1
    assert camera.largest_crop(aspect, vertical=0)[1] == 0
    _, top, _, height = camera.largest_crop(aspect, vertical=1)
    assert top + height == 480


def test_matrix() -> None:
    camera = Camera(640, 480, 400, 410, 300, 200)
    expected = torch.tensor([[400, 0, 300], [0, 410, 200], [0, 0, 1.0]])
    torch.testing.assert_close(camera.matrix(), expected)
    assert camera.matrix(torch.float64).dtype == torch.float64
