# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The conventions of ROS that users rely on; each test names its rule.

The networks are replaced by an oracle that says what it sees, so that the right answers are known;
everything else is the node as it is. Rules that other files test: odometry without extrinsics
(4), stamps that go back (19): test_depth_odometry_node.py; K[0] == 0, binning and ROI (9) and
names (12): test_inputs.py; both kinds of peer (13): test_qos.py; parameters (15, 16):
test_parameters.py; steady watchdogs (20): test_health.py; Ctrl-C (23): test_spin.py; launch, bags
and package: test/package.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import live
import numpy as np
import pytest
from live import CAMERA, MOUNT, SECOND, TENTH, stamp_of

import mdepth_ros.ros
from mdepth_ros.estimator import Estimator, Prediction
from mdepth_ros.ros.clouds import points_xyz
from mdepth_ros.ros.conversions import camera_from_info, pose_to_matrix, transform_to_matrix
from mdepth_ros.ros.depth_odometry import DepthOdometryNode
from mdepth_ros.ros.images import to_depth, to_rgb
from mdepth_ros.ros.parameters import DEPTH_ODOMETRY, NODES

# isort: split
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from nav_msgs.msg import Path as PathMessage
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from tf2_msgs.msg import TFMessage

OUTPUTS = {
    '/depth/image_rect': Image,
    '/depth/camera_info': CameraInfo,
    '/depth/image_rect_color': Image,
    '/depth/confidence': Image,
    '/depth/color': Image,
    '/depth/points': PointCloud2,
    '/odom': Odometry,
    '/path': PathMessage,
    '/tf': TFMessage,
}
SIZE = (64, 96)  # height and width of the model's images
FORWARD = np.eye(4)
FORWARD[2, 3] = 0.125  # units along the optical axis; 4 m per unit: 0.5 m in 0.1 s
NOISE = (0.01, 0.02)  # of the model's motion: share of the way, and rad


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('model') / 'small.safetensors'
    return live.write_model(path, noise=NOISE)


class Oracle:
    """What the networks are made to say: depth in units, motion of the camera."""

    depth: Any = np.full(SIZE, 1.25, np.float32)  # 5 m
    motion: Any = FORWARD

    def batch(self, estimator: Any, pairs: Sequence[Any], parts: Any = ()) -> list[Prediction]:
        """In the place of Estimator.batch."""
        seen = []
        for pair in pairs:
            view = estimator._view(pair.current.camera)
            seen.append(
                Prediction(
                    depth=np.array(self.depth, np.float32),
                    motion=np.eye(4) if pair.reason else np.array(self.motion, float),
                    confidence=np.ones(SIZE, np.float32),
                    camera=view.camera,
                    image=np.zeros((*SIZE, 3), np.uint8),
                    seen=view.seen,
                    timings={'sample': 0.0, 'network': 0.0, 'post': 0.0},
                )
            )
        return seen


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> Oracle:
    told = Oracle()
    monkeypatch.setattr(Estimator, 'batch', lambda *args: told.batch(*args))
    return told


@contextmanager
def node(model: Path, **values: Any) -> Iterator[tuple[live.Live, dict[str, list[Any]]]]:
    """The node with all its outputs heard, mounted and calibrated."""
    common = {'model': str(model), 'device': 'cpu', 'precision': 'fp32', 'path_every': 1}
    with live.live(DepthOdometryNode, **{**common, **values}) as running:
        heard = {topic: running.listen(kind, topic) for topic, kind in OUTPUTS.items()}
        running.mount()
        running.info()
        running.until(lambda: running.node._mounts.find('camera') is not None, 'the mount')
        publishers = running.node.cameras[0]._publishers.values()
        running.until(lambda: all(p.get_subscription_count() for p in publishers), 'subscribers')
        yield running, heard


def at(number: int) -> int:
    return 100 * SECOND + number * TENTH


def drive(
    running: live.Live, heard: dict[str, list[Any]], count: int, first: int = 0, tf: bool = True
) -> None:
    """So many images, each when every output of the one before is there."""
    topics = [topic for topic in OUTPUTS if tf or topic != '/tf']
    for number in range(first, first + count):
        before = {topic: len(heard[topic]) for topic in topics}
        running.image(at(number))
        running.until(
            lambda b=before: all(len(heard[topic]) > b[topic] for topic in topics), 'all outputs'
        )


def turn(axis: str, angle: float) -> Any:
    """A rotation as 4x4."""
    c, s = math.cos(angle), math.sin(angle)
    matrix = np.eye(4)
    i, j = {'x': (1, 2), 'y': (2, 0), 'z': (0, 1)}[axis]
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix


def base_motion_seen_by_camera(base: Any, mount: Any, metres_per_unit: float = 4.0) -> Any:
    """Motion of the camera, in units, when the base moves by `base` [4, 4] in metres."""
    motion = np.linalg.inv(mount) @ base @ mount
    motion[:3, 3] /= metres_per_unit
    return motion


def test_1_forward_in_the_image_is_x_of_the_base(model: Path, oracle: Oracle) -> None:
    """Rule 1 (REP-103): optical z is x of the body; covariance is row-major, about fixed axes."""
    with node(model) as (running, heard):
        drive(running, heard, 5)
        pose = pose_to_matrix(heard['/odom'][-1].pose.pose)
        np.testing.assert_allclose(pose[:3, 3], [2.0, 0, 0], atol=1e-9)
        np.testing.assert_allclose(pose[:3, :3], np.eye(3), atol=1e-9)
        covariance = np.asarray(heard['/odom'][-1].pose.covariance).reshape(6, 6)
        np.testing.assert_allclose(covariance, covariance.T, atol=1e-12)


def test_1_the_covariance_is_that_of_a_cloud_of_drives(model: Path, oracle: Oracle) -> None:
    """Rule 1: position and fixed-axis rotation, compared with a Monte Carlo of the same drive."""
    rng = np.random.default_rng(0)
    step, samples = np.eye(4), []
    step[0, 3] = 0.5
    increment = np.linalg.inv(MOUNT) @ step @ MOUNT
    for _ in range(4000):
        pose = MOUNT
        for _ in range(4):
            x, y, z = rng.normal(0, NOISE[1], 3)
            error = turn('x', x) @ turn('y', y) @ turn('z', z)
            error[:3, 3] = rng.normal(0, NOISE[0] * 0.5, 3)
            pose = pose @ increment @ error
        base = pose @ np.linalg.inv(MOUNT)
        samples.append([*base[:3, 3], math.atan2(base[1, 0], base[0, 0])])
    expected = np.cov(np.array(samples).T)
    with node(model) as (running, heard):
        drive(running, heard, 5)
        covariance = np.asarray(heard['/odom'][-1].pose.covariance).reshape(6, 6)
    rows = [0, 1, 2, 5]
    got = covariance[np.ix_(rows, rows)]
    np.testing.assert_allclose(np.diag(got), np.diag(expected), rtol=0.15)
    # The base is behind the camera: y and yaw are uncertain together.
    assert got[1, 3] == pytest.approx(expected[1, 3], rel=0.2) and got[1, 3] < 0


def test_2_without_publish_tf_nothing_is_sent_on_tf(model: Path, oracle: Oracle) -> None:
    """Rule 2 (REP-105): one parent per frame; publish_tf:=false sends nothing at all."""
    with node(model, publish_tf=False) as (running, heard):
        drive(running, heard, 3, tf=False)
        running.spin(0.3)
        assert heard['/tf'] == [] and len(heard['/odom']) == 3


def test_2_tf_is_the_odometry_and_has_one_parent(model: Path, oracle: Oracle) -> None:
    """Rule 2 (REP-105): odom -> base_link, never inverted, no other transform."""
    with node(model) as (running, heard):
        drive(running, heard, 3)
        for odometry, message in zip(heard['/odom'], heard['/tf'], strict=True):
            (transform,) = message.transforms
            assert (transform.header.frame_id, transform.child_frame_id) == ('odom', 'base_link')
            np.testing.assert_array_equal(
                transform_to_matrix(transform.transform), pose_to_matrix(odometry.pose.pose)
            )


def test_3_every_output_has_the_stamp_of_the_image(model: Path, oracle: Oracle) -> None:
    """Rule 3: stamps are the image's, never now()."""
    with node(model) as (running, heard):
        drive(running, heard, 3)
        stamps = [at(n) for n in range(3)]
        for topic, messages in heard.items():
            headers = [m.transforms[0] if topic == '/tf' else m for m in messages]
            assert [stamp_of(h) for h in headers] == stamps, topic


def test_3_the_lever_arm_is_in_pose_and_twist(model: Path, oracle: Oracle) -> None:
    """Rule 3: a vehicle that turns on the spot does not move, though its camera does."""
    rate = 0.05  # rad in 0.1 s
    oracle.motion = base_motion_seen_by_camera(turn('z', rate), MOUNT)
    assert np.linalg.norm(oracle.motion[:3, 3]) > 0.01
    with node(model) as (running, heard):
        drive(running, heard, 4)
        odometry = heard['/odom'][-1]
        pose = pose_to_matrix(odometry.pose.pose)
        np.testing.assert_allclose(pose, turn('z', 3 * rate), atol=1e-9)
        twist = odometry.twist.twist
        linear = [twist.linear.x, twist.linear.y, twist.linear.z]
        angular = [twist.angular.x, twist.angular.y, twist.angular.z]
        np.testing.assert_allclose(linear, 0, atol=1e-9)
        np.testing.assert_allclose(angular, [0, 0, 10 * rate], atol=1e-9)


def test_5_the_twist_is_in_the_frame_of_the_base(model: Path, oracle: Oracle) -> None:
    """Rule 5: after a left turn the vehicle drives along +y of odom, and its twist says +x."""
    with node(model) as (running, heard):
        oracle.motion = base_motion_seen_by_camera(turn('z', math.pi / 2), MOUNT)
        drive(running, heard, 2)
        oracle.motion = FORWARD
        drive(running, heard, 2, first=2)
        odometry = heard['/odom'][-1]
        moved = pose_to_matrix(odometry.pose.pose)[:3, 3]
        np.testing.assert_allclose(moved, [0, 1.0, 0], atol=1e-9)
        twist = odometry.twist.twist.linear
        np.testing.assert_allclose([twist.x, twist.y, twist.z], [5.0, 0, 0], atol=1e-9)
        assert (odometry.header.frame_id, odometry.child_frame_id) == ('odom', 'base_link')


def test_6_covariances_are_finite_and_positive(model: Path, oracle: Oracle) -> None:
    """Rule 6: also when the pose is held; robot_localization and Nav2 refuse anything else."""
    with node(model) as (running, heard):
        drive(running, heard, 3)
        drive(running, heard, 2, first=50)  # a gap
        assert len(heard['/odom']) == 5
        for odometry in heard['/odom']:
            for covariance in (odometry.pose.covariance, odometry.twist.covariance):
                matrix = np.asarray(covariance).reshape(6, 6)
                assert np.isfinite(matrix).all() and np.abs(matrix).max() < 1e9
                assert np.linalg.eigvalsh(matrix).min() > 0


def test_7_depth_is_in_metres_along_z(model: Path, oracle: Oracle) -> None:
    """Rule 7 (REP-118): a wall at 5 m is 5.0 in every pixel, not the length of the ray."""
    with node(model) as (running, heard):
        drive(running, heard, 1)
        (depth,) = heard['/depth/image_rect']
        assert depth.encoding == '32FC1'
        assert (depth.height, depth.width, depth.step) == (64, 96, 4 * 96)
        assert len(depth.data) == depth.step * depth.height
        assert (to_depth(depth) == 5.0).all()


def test_7_millimetres_never_wrap(model: Path, oracle: Oracle) -> None:
    """Rule 7: in 16UC1 unknown and what is beyond 65.535 m are 0."""
    oracle.depth = np.full(SIZE, 2.5, np.float32)
    oracle.depth[0, :3] = [65.5355 / 4, 70 / 4, 1000]
    with node(model, depth_encoding='16UC1') as (running, heard):
        drive(running, heard, 1)
        (depth,) = heard['/depth/image_rect']
        values = np.frombuffer(depth.data, '<u2').reshape(SIZE)
        assert depth.encoding == '16UC1' and (values[1:] == 10000).all()
        assert not values[0, 1:3].any() and values[0, 0] in (0, 65535)


def test_8_unknown_is_nan_and_too_far_is_infinite(model: Path, oracle: Oracle) -> None:
    """Rule 8 (REP-117): NaN and +Inf, never 0 or the maximal range."""
    oracle.depth = np.full(SIZE, 2.5, np.float32)
    oracle.depth[5] = 1000.0
    with node(model) as (running, heard):
        # P sees more than the sensor: the border of the rectified view has no image.
        wide = [50.0, 0.0, 59.5, 0.0, 0.0, 50.0, 39.5, 0.0, 0.0, 0.0, 1.0, 0.0]
        source = running.node.cameras[0].input
        before = source._calibration
        running.info(d=[1e-9, 0.0, 0.0, 0.0, 0.0], p=wide)
        running.until(lambda: source._calibration is not before, 'the camera')
        drive(running, heard, 1)
        depth = to_depth(heard['/depth/image_rect'][0])
        assert np.isnan(depth[0, 0]) and depth[32, 48] == 10.0
        oracle.depth = np.full(SIZE, 1000.0, np.float32)
        drive(running, heard, 1, first=1)
        depth = to_depth(heard['/depth/image_rect'][1])
        assert np.isposinf(depth[32, 48]) and np.isnan(depth[0, 0])
        assert not (np.isfinite(depth)).any()
        cloud = heard['/depth/points'][1]
        assert np.isnan(points_xyz(cloud)).all() and not cloud.is_dense


def test_9_the_camera_info_belongs_to_the_depth(model: Path, oracle: Oracle) -> None:
    """Rule 9: stamp, frame and size of the depth; K by the rule of pixel centres, P = K, D = 0."""
    with node(model) as (running, heard):
        drive(running, heard, 1)
        (info,), (depth,) = heard['/depth/camera_info'], heard['/depth/image_rect']
        assert info.header == depth.header and info.header.frame_id == 'camera'
        assert (info.width, info.height) == (depth.width, depth.height)
        expected = CAMERA.cropped(*CAMERA.largest_crop(96 / 64)).scaled(96, 64)
        assert camera_from_info(info) == expected
        k, p = np.reshape(info.k, (3, 3)), np.reshape(info.p, (3, 4))
        np.testing.assert_array_equal(p[:, :3], k)
        np.testing.assert_array_equal(np.reshape(info.r, (3, 3)), np.eye(3))
        assert not np.any(info.d) and k[0, 2] == pytest.approx((59.5 + 0.5) * 0.8 - 0.5)


def test_10_depth_and_camera_info_are_what_depth_image_proc_wants(
    model: Path, oracle: Oracle
) -> None:
    """Rule 10: equal stamps and sizes, and its formula on our topics gives our cloud.

    x = (u - cx) z / fx with K of the camera_info (depth_image_proc/depth_conversions.hpp).
    """
    oracle.depth = np.random.default_rng(0).uniform(1, 10, SIZE).astype(np.float32)
    with node(model, cloud_max_step=0.0) as (running, heard):
        drive(running, heard, 1)
        (info,), (depth,) = heard['/depth/camera_info'], heard['/depth/image_rect']
        (colour,) = heard['/depth/image_rect_color']
        assert stamp_of(info) == stamp_of(depth) == stamp_of(colour)
        assert info.header.frame_id == depth.header.frame_id == colour.header.frame_id
        assert {(m.height, m.width) for m in (info, depth, colour)} == {SIZE}
        k = np.reshape(info.k, (3, 3))
        z = np.frombuffer(depth.data, '<f4').reshape(SIZE)
        v, u = np.mgrid[: SIZE[0], : SIZE[1]]
        expected = np.stack([(u - k[0, 2]) * z / k[0, 0], (v - k[1, 2]) * z / k[1, 1], z], -1)
        points = points_xyz(heard['/depth/points'][0]).reshape(*SIZE, 3)
        np.testing.assert_allclose(points, expected, rtol=1e-5, atol=1e-5)
        packed = np.frombuffer(heard['/depth/points'][0].data, np.uint8).reshape(*SIZE, 16)
        np.testing.assert_array_equal(packed[..., [14, 13, 12]], to_rgb(colour))


def test_11_the_cloud_is_organised_as_the_depth(model: Path, oracle: Oracle) -> None:
    """Rule 11: height, width and row_step are not swapped (common_interfaces#236)."""
    with node(model, cloud_stride=2) as (running, heard):
        drive(running, heard, 1)
        (cloud,) = heard['/depth/points']
        assert (cloud.height, cloud.width) == (32, 48)
        assert cloud.row_step == 48 * cloud.point_step
        assert len(cloud.data) == cloud.row_step * cloud.height


def test_12_no_name_is_absolute() -> None:
    """Rule 12: names are relative; only what is global in ROS 2 begins with a slash."""
    allowed = {'/tf', '/tf_static', '/clock', '/diagnostics', '/rosout', '/parameter_events'}
    for path in sorted(Path(mdepth_ros.ros.__file__).parent.glob('*.py')):
        nodes = list(ast.walk(ast.parse(path.read_text('utf-8'))))
        # What comes behind a placeholder begins no name: f'{name}/compressed'.
        behind = {id(v) for n in nodes if isinstance(n, ast.JoinedStr) for v in n.values[1:]}
        constants = [n for n in nodes if isinstance(n, ast.Constant) and id(n) not in behind]
        names = {n.value for n in constants if isinstance(n.value, str)}
        absolute = {n for n in names if re.fullmatch(r'(/[a-z]\w*)+', n)}
        topics = {n for n in absolute if not Path('/', n.split('/')[1]).exists()}
        assert topics <= allowed, path.name


def test_12_no_parameter_is_the_name_of_a_topic() -> None:
    """Rule 12: topics are remapped, not set."""
    for described in NODES.values():
        for one in described:
            assert 'topic' not in one.name and not str(one.value).startswith('/')


def test_14_incompatible_qos_is_on_diagnostics_with_topic_and_policy(model: Path) -> None:
    """Rule 14: silence by QoS names the topic and the policy."""
    values = {
        'model': str(model),
        'device': 'cpu',
        'no_data_timeout': 0.2,
        'qos_overrides./image.subscription.reliability': 'reliable',
    }
    with live.live(DepthOdometryNode, **values) as running:
        reports = running.listen(DiagnosticArray, '/diagnostics')
        running.publisher(Image, '/image', live.qos(reliable=False))

        def messages(task: str) -> str:
            return next(
                (s.message for m in reversed(reports) for s in m.status if s.name.endswith(task)),
                '',
            )

        running.until(lambda: 'incompatible' in messages('topics'), 'diagnostics')
        assert '/image' in messages('topics') and 'reliability' in messages('topics')
        running.until(lambda: 'policy reliability' in messages('input'), 'the reason')


def test_16_defaults_are_those_of_the_description(model: Path) -> None:
    """Rule 16: what the node declares is what the table says; use_sim_time is left alone."""
    with live.live(DepthOdometryNode, enabled=False) as running:
        for one in DEPTH_ODOMETRY:
            if one.name != 'enabled':
                assert running.node.get_parameter(one.name).value == one.value
        assert running.node.get_parameter('use_sim_time').value is False
