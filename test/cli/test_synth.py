# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from rosbags.rosbag2 import Reader
from typer.testing import CliRunner

from mdepth_ros.cli.synth import START, synth
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import se3_log
from mdepth_ros.ros import conversions, images

# isort: split
from rclpy.serialization import deserialize_message

APP = typer.Typer()
APP.command()(synth)
SMALL = ['--frames', '4', '--width', '80', '--height', '32', '--seed', '3']


def make(folder: Path, *options: str) -> dict[str, list[Any]]:
    """The messages of the bag that the command writes, by topic."""
    result = CliRunner().invoke(APP, [str(folder), *SMALL, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert f'wrote {folder}: 4 images of 80 x 32' in result.output.replace('\n', '')
    messages: dict[str, list[Any]] = {}
    with Reader(folder) as reader:
        for connection, _, data in reader.messages():
            package, _, name = connection.msgtype.split('/')
            cls = getattr(import_module(f'{package}.msg'), name)
            message = deserialize_message(data, cls)
            messages.setdefault(connection.topic, []).append(message)
    return messages


@pytest.fixture(scope='module')
def drive(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    return make(tmp_path_factory.mktemp('synth') / 'bag')


def test_every_topic_is_there_with_the_same_stamps(drive: dict[str, list[Any]]) -> None:
    assert {topic: len(messages) for topic, messages in drive.items()} == {
        '/tf_static': 1,
        '/camera/image_raw': 4,
        '/camera/camera_info': 4,
        '/camera/depth': 4,
        '/camera/moving': 4,
        '/ground_truth/odom': 4,
    }
    for topic, messages in drive.items():
        if topic != '/tf_static':
            stamps = [conversions.stamp_to_nanoseconds(m.header.stamp) for m in messages]
            assert stamps == [START + i * 100_000_000 for i in range(4)]
        if topic.startswith('/camera'):
            assert {m.header.frame_id for m in messages} == {'camera_optical_frame'}


def test_images_and_camera_fit_each_other(drive: dict[str, list[Any]]) -> None:
    rgb = images.to_rgb(drive['/camera/image_raw'][0])
    depth = images.to_depth(drive['/camera/depth'][0])
    camera = conversions.camera_from_info(drive['/camera/camera_info'][0])
    assert rgb.shape == (32, 80, 3) and depth.shape == (32, 80) and rgb.std() > 5
    assert (camera.width, camera.height, camera.cx, camera.cy) == (80, 32, 39.5, 15.5)
    # Half the width over the focal length is the tangent of half the field of view.
    assert np.degrees(2 * np.arctan(40 / camera.fx)) == pytest.approx(81.5)
    assert not np.isnan(depth).any() and depth.min() > 0.5
    moving = np.asarray(drive['/camera/moving'][0].data)
    assert set(np.unique(moving)) <= {0, 255}


def test_the_mount_is_above_the_ground_that_the_depth_shows(drive: dict[str, list[Any]]) -> None:
    """The road in front of the camera, carried to base_link, lies at z = 0."""
    (edge,) = drive['/tf_static'][0].transforms
    assert (edge.header.frame_id, edge.child_frame_id) == ('base_link', 'camera_optical_frame')
    mount = conversions.transform_to_matrix(edge.transform)
    np.testing.assert_allclose(mount[:3, :3] @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(mount[:3, :3] @ [0, 1, 0], [0, 0, -1], atol=1e-12)
    camera = conversions.camera_from_info(drive['/camera/camera_info'][0])
    depth = images.to_depth(drive['/camera/depth'][0])[-1, 40]
    ray = camera.unproject(torch.tensor([40.0, 31.0])).numpy()
    ground = mount @ [*(ray * depth), 1]
    assert ground[2] == pytest.approx(0, abs=0.25)  # the suspension pitches the camera a little
    assert ground[0] > 1.0


def test_odometry_is_that_of_the_base(drive: dict[str, list[Any]]) -> None:
    odometry = drive['/ground_truth/odom']
    poses = [torch.from_numpy(conversions.pose_to_matrix(m.pose.pose)) for m in odometry]
    assert {(m.header.frame_id, m.child_frame_id) for m in odometry} == {('odom', 'base_link')}
    np.testing.assert_allclose(poses[0][:3, 3], 0, atol=0.2)
    for i in (1, 2):
        twist = odometry[i].twist.twist
        linear = [twist.linear.x, twist.linear.y, twist.linear.z]
        angular = [twist.angular.x, twist.angular.y, twist.angular.z]
        motion = se3_log(torch.linalg.inv(poses[i - 1]) @ poses[i + 1]) / 0.2
        np.testing.assert_allclose([*linear, *angular], motion, atol=1e-9)
        assert linear[0] > 1 and abs(linear[1]) < 0.3 * linear[0]
    assert (np.linalg.eigvalsh(odometry[0].pose.covariance.reshape(6, 6)) > 0).all()


def test_compressed_images_show_the_same(drive: dict[str, list[Any]], tmp_path: Path) -> None:
    other = make(tmp_path / 'bag', '--compressed')
    assert '/camera/image_raw' not in other
    raw = images.to_rgb(drive['/camera/image_raw'][2]).astype(int)
    jpeg = images.to_rgb(other['/camera/image_raw/compressed'][2]).astype(int)
    assert np.abs(raw - jpeg).mean() < 6
    assert other['/camera/depth'] == drive['/camera/depth']


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    make(tmp_path / 'a/bag')
    make(tmp_path / 'b/bag')
    for file in (tmp_path / 'a/bag').iterdir():
        assert file.read_bytes() == (tmp_path / 'b/bag' / file.name).read_bytes()


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    make(tmp_path / 'bag')
    with pytest.raises(MdepthError, match='exists already'):
        make(tmp_path / 'bag')
    with pytest.raises(MdepthError, match='unknown device'):
        make(tmp_path / 'other', '--device', 'gpu')
    assert len(make(tmp_path / 'bag', '--overwrite', '--moving', '0')['/camera/depth']) == 4
