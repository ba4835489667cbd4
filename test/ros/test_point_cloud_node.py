# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The point cloud node: any depth, colours where there are any."""

from __future__ import annotations

from typing import Any

import live
import numpy as np
import pytest
from live import CAMERA, SECOND, camera_info, picture, stamp_of

from mdepth_ros.geometry import Camera
from mdepth_ros.ros import point_cloud_node
from mdepth_ros.ros.clouds import points_xyz
from mdepth_ros.ros.conversions import make_header
from mdepth_ros.ros.images import depth_message, image_message
from mdepth_ros.ros.point_cloud_node import PointCloudNode

# isort: split
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

DEPTH = np.random.default_rng(1).uniform(2, 50, (80, 120)).astype(np.float32)
DEPTH[0, :3] = [np.nan, np.inf, 0]


def feed(
    running: live.Live,
    stamp: int,
    *,
    depth: Any = DEPTH,
    camera: Camera = CAMERA,
    encoding: str = '32FC1',
    place: str = '/depth',
    image: str = 'image_rect',
    **changes: Any,
) -> None:
    """A depth and its camera_info."""
    running.publisher(Image, f'{place}/{image}')
    running.publisher(CameraInfo, f'{place}/camera_info')
    running.connect(f'{place}/{image}', f'{place}/camera_info')
    running.publisher(CameraInfo, f'{place}/camera_info').publish(
        camera_info(stamp, camera=camera, **changes)
    )
    message = depth_message(depth, make_header(stamp, 'camera'), encoding)
    running.publisher(Image, f'{place}/{image}').publish(message)


def cloud_at(running: live.Live, clouds: list[Any], stamp: int) -> Any:
    running.until(lambda: clouds and stamp_of(clouds[-1]) == stamp, 'the cloud')
    return clouds[-1]


def colours(cloud: Any) -> Any:
    """rgb [h, w, 3] of a cloud."""
    packed = np.frombuffer(cloud.data, np.uint8).reshape(cloud.height, cloud.width, 16)
    return packed[..., [14, 13, 12]]


@pytest.mark.parametrize('encoding', ['32FC1', '16UC1'])
def test_depth_alone_gives_points_without_colours(encoding: str) -> None:
    with live.live(PointCloudNode, cloud_max_step=0.0) as running:
        clouds = running.listen(PointCloud2, '/points')
        feed(running, SECOND, encoding=encoding)
        cloud = cloud_at(running, clouds, SECOND)
        assert [field.name for field in cloud.fields] == ['x', 'y', 'z']
        assert (cloud.header.frame_id, cloud.height, cloud.width) == ('camera', 80, 120)
        x, y, z = points_xyz(cloud).reshape(80, 120, 3).transpose(2, 0, 1)
        v, u = np.mgrid[:80, :120]
        good = np.isfinite(DEPTH) & (DEPTH > 0)
        assert (np.isfinite(z) == good).all() and not cloud.is_dense
        np.testing.assert_allclose(z[good], DEPTH[good], atol=1e-3)
        np.testing.assert_allclose((x / z * CAMERA.fx + CAMERA.cx)[good], u[good], atol=1e-3)
        np.testing.assert_allclose((y / z * CAMERA.fy + CAMERA.cy)[good], v[good], atol=1e-3)


@pytest.mark.parametrize('compressed', [False, True])
def test_colours_are_those_of_the_image_with_the_same_stamp(compressed: bool) -> None:
    with live.live(PointCloudNode) as running:
        clouds = running.listen(PointCloud2, '/points')
        topic = '/image/compressed' if compressed else '/image'
        for order in (1, -1):
            stamp = (10 + order) * SECOND
            send = [
                lambda s=stamp: running.image(s, topic, compressed=compressed, number=s // SECOND),
                lambda s=stamp: feed(running, s),
            ][::order]
            for one in send:
                one()
            if len(clouds) == 0 and order == 1:
                running.until(lambda: running.node._coloured, 'the image topic to be seen')
            cloud = cloud_at(running, clouds, stamp)
        assert [field.name for field in cloud.fields] == ['x', 'y', 'z', 'rgb']
        right = np.abs(colours(cloud).astype(int) - picture(9)).mean()
        wrong = np.abs(colours(cloud).astype(int) - picture(11)).mean()
        assert right < 0.8 * wrong if compressed else right == 0


def test_stamps_may_differ_by_the_tolerance() -> None:
    with live.live(PointCloudNode, stamp_tolerance=0.02) as running:
        clouds = running.listen(PointCloud2, '/points')
        running.image(SECOND)
        running.until(lambda: running.node._coloured, 'the image topic to be seen')
        feed(running, SECOND + 50_000_000)
        running.spin(0.3)
        assert not clouds  # 50 ms apart: not the same time
        feed(running, SECOND + 15_000_000)
        cloud = cloud_at(running, clouds, SECOND + 15_000_000)
        np.testing.assert_array_equal(colours(cloud), picture(10))


def test_colours_of_another_size_and_crop_fall_on_their_points() -> None:
    """The depth is a crop at half the size, as this package's own is."""
    left, top, width, height = CAMERA.largest_crop(96 / 64)
    camera = CAMERA.cropped(left, top, width, height).scaled(60, 40)
    image = np.zeros((80, 120, 3), np.uint8)
    image[..., 0] = np.arange(120) * 2
    image[..., 1] = np.arange(80)[:, None] * 3
    with live.live(PointCloudNode) as running:
        clouds = running.listen(PointCloud2, '/points')
        running.info()
        running.publisher(Image, '/image')
        running.connect('/image')
        running.until(lambda: running.node._of_image.known, 'the camera of the image')
        running.until(lambda: running.node._coloured, 'the image topic to be seen')
        header = make_header(SECOND, 'camera')
        running.publisher(Image, '/image').publish(image_message(image, header, 'rgb8'))
        feed(running, SECOND, depth=np.full((40, 60), 5, np.float32), camera=camera)
        cloud = cloud_at(running, clouds, SECOND)
        points = points_xyz(cloud).reshape(40, 60, 3)
        u = points[..., 0] / 5 * CAMERA.fx + CAMERA.cx
        v = points[..., 1] / 5 * CAMERA.fy + CAMERA.cy
        inner = np.s_[1:-1, 1:-1]
        np.testing.assert_allclose(colours(cloud)[inner][..., 0], 2 * u[inner], atol=1.5)
        np.testing.assert_allclose(colours(cloud)[inner][..., 1], 3 * v[inner], atol=1.5)


def test_depth_of_a_distorted_image_keeps_its_rays() -> None:
    rule = ['-r', 'depth/image_rect:=/aligned/image_raw']
    d = (-0.3, 0.1, 0.0, 0.0, 0.0)
    with live.live(PointCloudNode, rule, cloud_max_step=0.0) as running:
        clouds = running.listen(PointCloud2, '/points')
        feed(running, SECOND, place='/aligned', image='image_raw', d=list(d))
        cloud = cloud_at(running, clouds, SECOND)
        points = points_xyz(cloud).reshape(80, 120, 3)
        x, y = points[..., 0] / points[..., 2], points[..., 1] / points[..., 2]
        r = x * x + y * y
        v, u = np.mgrid[:80, :120]
        bent = 1 + d[0] * r + d[1] * r * r
        good = np.isfinite(points).all(-1)
        assert good.sum() > 9000
        np.testing.assert_allclose((x * bent * CAMERA.fx + CAMERA.cx)[good], u[good], atol=1e-2)
        np.testing.assert_allclose((y * bent * CAMERA.fy + CAMERA.cy)[good], v[good], atol=1e-2)


def test_depth_and_image_may_have_one_camera_info() -> None:
    """As this package's own outputs have it: depth/image_rect and depth/image_rect_color."""
    with live.live(PointCloudNode, ['-r', 'image:=/depth/image_rect_color']) as running:
        clouds = running.listen(PointCloud2, '/points')
        running.image(SECOND, '/depth/image_rect_color', number=5)
        running.until(lambda: running.node._coloured, 'the image topic to be seen')
        feed(running, SECOND)
        np.testing.assert_array_equal(colours(cloud_at(running, clouds, SECOND)), picture(5))


def test_it_says_at_its_start_what_it_listens_to(capfd: pytest.CaptureFixture[str]) -> None:
    with live.live(PointCloudNode, ['-r', 'image:=/cam/image_raw']):
        pass
    said = capfd.readouterr().err
    assert 'depth from /depth/image_rect with /depth/camera_info' in said
    assert 'colours from /cam/image_raw or /cam/image_raw/compressed with /cam/camera_info' in said


def test_it_says_why_there_is_no_cloud(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(point_cloud_node, 'GRACE', 0.2)
    heard: list[str] = []

    def says(words: str) -> bool:
        heard.append(live.logged(capfd))
        return words in ''.join(heard)

    with live.live(PointCloudNode) as running:
        running.listen(PointCloud2, '/points')
        words = 'nobody publishes an Image on /depth/image_rect: remap depth/image_rect'
        running.until(lambda: says(words), words)
        running.publisher(CompressedImage, '/depth/image_rect')
        words = 'Image on /depth/image_rect, which is sensor_msgs/msg/CompressedImage'
        running.until(lambda: says(words), words)


def test_nothing_is_listened_to_while_nobody_listens() -> None:
    with live.live(PointCloudNode) as running:
        running.spin(0.3)
        topics = ('/depth/image_rect', '/depth/camera_info', '/image')
        assert [running.peer.count_subscribers(topic) for topic in topics] == [0, 0, 0]
        running.listen(PointCloud2, '/points')
        for topic in topics:
            running.until(lambda t=topic: running.peer.count_subscribers(t), topic)
        for subscription in list(running.peer.subscriptions):
            if subscription.topic_name == '/points':
                running.peer.destroy_subscription(subscription)
        for topic in topics:
            running.until(lambda t=topic: not running.peer.count_subscribers(t), topic)


def test_stride_and_ranges_can_be_set_while_it_runs() -> None:
    with live.live(PointCloudNode, cloud_stride=2) as running:
        clouds = running.listen(PointCloud2, '/points')
        feed(running, SECOND)
        cloud = cloud_at(running, clouds, SECOND)
        # All of this depth is edges.
        assert cloud.width == 60 and np.isfinite(points_xyz(cloud)[:, 2]).sum() < 10
        from rclpy.parameter import Parameter

        changes = {'cloud_stride': 4, 'cloud_max_range': 10.0, 'cloud_max_step': 0.0}
        running.node.set_parameters([Parameter(n, value=v) for n, v in changes.items()])
        feed(running, 2 * SECOND)
        cloud = cloud_at(running, clouds, 2 * SECOND)
        z = points_xyz(cloud)[:, 2]
        assert cloud.width == 30 and 0 < np.isfinite(z).sum() < 300 and np.nanmax(z) <= 10


def test_an_uncalibrated_depth_gives_no_cloud() -> None:
    """Convention 9: K[0] == 0 is refused."""
    with live.live(PointCloudNode) as running:
        clouds = running.listen(PointCloud2, '/points')
        feed(running, SECOND, k=[0.0] * 9)
        running.spin(0.5)
        assert not clouds
        feed(running, 2 * SECOND)
        cloud_at(running, clouds, 2 * SECOND)


def test_images_are_as_a_person_says() -> None:
    """The name of the topic says nothing, the camera_info has a lens: said, it is P alone."""
    lens = {'d': [-0.3, 0.1, 0.0, 0.0, 0.0]}
    for said, equal in (('rectified', True), ('auto', False)):
        with live.live(PointCloudNode, rectification=said) as running:
            clouds = running.listen(PointCloud2, '/points')
            running.info(SECOND, **lens)
            running.image(SECOND, number=3)
            running.until(lambda r=running: r.node._coloured, 'the image topic to be seen')
            feed(running, SECOND)
            cloud = cloud_at(running, clouds, SECOND)
            assert np.array_equal(colours(cloud), picture(3)) == equal
            assert len(running.node.warned) == (not equal)
