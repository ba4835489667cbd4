# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""NaN, infinite and absurd numbers, from wherever they come, reach no pose, odometry or cloud."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recordings
from estimators import CAMERA, card, oracle, pair_of, picture
from live import at, drive, node, said, statuses
from recordings import OPTICAL, SECOND
from rosbags.rosbag2 import Reader
from typer.testing import CliRunner

from mdepth_ros.cli.main import app
from mdepth_ros.core.odometry import Odometry
from mdepth_ros.core.perception import build_perception, make_perception
from mdepth_ros.core.quality import MotionValidator
from mdepth_ros.core.scale import scale_source
from mdepth_ros.core.types import Evidence, Frame, FramePair, Scale, TrackingStatus
from mdepth_ros.errors import MdepthError
from mdepth_ros.report.bags import Bag
from mdepth_ros.ros.conversions import make_header, speed_of, transform_to_matrix
from mdepth_ros.ros.parameters import MDEPTH
from mdepth_ros.ros.recording import BagWriter
from mdepth_ros.sources import open_source

# isort: split
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, TwistStamped, Vector3
from nav_msgs.msg import Odometry as OdometryMessage
from sensor_msgs.msg import Image

NAN, INF, HUGE = math.nan, math.inf, 1e300
BAD = [NAN, INF, -INF, HUGE, -HUGE, 1.1e7]


@pytest.mark.parametrize('value', BAD)
def test_a_transform_that_cannot_be(value: float) -> None:
    good = Transform(translation=Vector3(x=6.3e6), rotation=Quaternion(w=1.0))
    assert transform_to_matrix(good)[0, 3] == 6.3e6  # from the centre of the earth
    for axis in 'xyz':
        bad = Transform(translation=Vector3(**{axis: value}), rotation=Quaternion(w=1.0))
        with pytest.raises(MdepthError, match=r'translation of .* correct its source'):
            transform_to_matrix(bad)
    bad = Transform(rotation=Quaternion(x=value, w=1.0))
    with pytest.raises(MdepthError, match='no unit quaternion'):
        transform_to_matrix(bad)


@pytest.mark.parametrize('value', [NAN, INF, -INF, HUGE, 301.0])
def test_a_speed_that_cannot_be(value: float) -> None:
    message = TwistStamped()
    message.twist.linear.x = -30.0
    assert speed_of(message) == 30.0
    message.twist.linear.y = value
    with pytest.raises(MdepthError, match=r'm/s, which cannot be \(at most 300\)'):
        speed_of(message)


@pytest.mark.parametrize('scale', ['nan', 'inf', '-inf', '1e300', '1e-300', '0', '-1', '1e999'])
def test_a_scale_that_cannot_be(scale: str) -> None:
    with pytest.raises(MdepthError, match=r'above zero: 0\.0001 to 10000'):
        scale_source(scale, card())


@pytest.mark.parametrize('height', [NAN, INF, HUGE, -1.0, 0.01])
def test_a_height_that_cannot_be_even_where_it_is_not_used(height: float) -> None:
    with pytest.raises(MdepthError, match='camera height'):
        scale_source('none', card(), height)


@pytest.mark.parametrize('value', [NAN, INF, HUGE, 0.0, -1.0])
def test_a_range_that_cannot_be(value: float) -> None:
    with pytest.raises(MdepthError, match='maximal range'):
        make_perception(oracle(2.0, [0.0] * 6), max_range=value)


@pytest.mark.parametrize('scale', ['1e300', '1e999', '100000', '1e-9'])
def test_a_parameter_that_cannot_be(scale: str) -> None:
    parameter = next(one for one in MDEPTH if one.name == 'scale')
    good = ['model', 'none', 'height+speed', '4.', '.5', '+2e0']
    assert not any(parameter.reason_against(text) for text in good)
    assert parameter.reason_against(scale) == (
        f'scale is {scale!r}: use model, none, height, speed, height+speed, 0.0001 to 10000'
    )


def as_run(*words: Any) -> Any:
    return CliRunner().invoke(app, ['run', *map(str, words)])


@pytest.mark.parametrize(
    'options',
    [('--scale', '1e300'), ('--start', 'nan'), ('--start', 'inf'), ('--max-range', '1e300'),
     ('--camera-height', 'nan'), ('--min-confidence', 'nan'), ('--frame-interval', 'inf')],
)  # fmt: skip
def test_an_option_that_cannot_be_is_one_line(tmp_path: Path, model: Path, options: Any) -> None:
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive(2))
    result = as_run(bag, '-o', tmp_path / 'out', '-m', model, *options)
    assert isinstance(result.exception, MdepthError) or result.exit_code == 2
    assert '\n' not in str(result.exception) and not (tmp_path / 'out').exists()


def moved(messages: list[Any], x: float) -> list[Any]:
    tree = recordings.static_transforms(('base_link', 'cam', (x, 0.0, 1.5), OPTICAL))
    return [('/tf_static', tree, messages[0][2]), *messages[1:]]


@pytest.mark.parametrize('x', [NAN, INF, HUGE])
def test_a_mount_that_cannot_be_is_said_and_none(tmp_path: Path, model: Path, x: float) -> None:
    bag = recordings.write_ros2(tmp_path / 'bag', moved(recordings.drive(3), x))
    result = as_run(bag, '-o', tmp_path / 'out', '-m', model)
    assert result.exit_code == 0, result.output
    facts = json.loads((tmp_path / 'out' / 'run.json').read_text())
    assert facts['losses'][0].startswith('1 static transforms skipped: a transform has a trans')
    assert 'no transform base_link -> cam' in facts['warnings'][0]
    assert not list((tmp_path / 'out').glob('trajectory.*'))
    with Reader(tmp_path / 'out' / 'bag') as reader:
        assert not {'/odom', '/tf', '/path'} & set(reader.topics)


def test_a_camera_kilometres_from_its_vehicle(tmp_path: Path, model: Path) -> None:
    bag = recordings.write_ros2(tmp_path / 'bag', moved(recordings.drive(3), 2000.0))
    result = as_run(bag, '-o', tmp_path / 'out', '-m', model)
    assert isinstance(result.exception, MdepthError)
    assert 'would be 2000 m from the base frame' in str(result.exception)


def test_speeds_of_a_bag_that_cannot_be_are_counted(tmp_path: Path) -> None:
    messages = recordings.drive(4)
    for number, speed in enumerate((5.0, NAN, INF, HUGE, 6.0)):
        stamp = 100 * SECOND + number * SECOND // 20
        vector = recordings.make('geometry_msgs/msg/Vector3', x=speed, y=0.0, z=0.0)
        none = recordings.make('geometry_msgs/msg/Vector3', x=0.0, y=0.0, z=0.0)
        twist = recordings.make('geometry_msgs/msg/Twist', linear=vector, angular=none)
        header = recordings.header(stamp)
        told = recordings.make('geometry_msgs/msg/TwistStamped', header=header, twist=twist)
        messages.append(('/speed', told, stamp))
    messages.sort(key=lambda message: message[2])
    source = open_source(recordings.write_ros2(tmp_path / 'bag', messages), speed='/speed')
    assert [speed for frame in source for _, speed in frame.speeds] == [5.0, 6.0]
    assert sum('speeds skipped' in line for line in source.losses) == 3


def test_true_poses_that_cannot_be_are_left_out(tmp_path: Path) -> None:
    messages = []
    for number, x in enumerate((0.0, NAN, 2.0, HUGE, 4.0)):
        message = OdometryMessage(header=make_header((number + 1) * SECOND, 'odom'))
        message.child_frame_id = 'base_link'
        message.pose.pose.position.x, message.pose.pose.orientation.w = x, 1.0
        messages.append(message)
    with BagWriter(tmp_path / 'bag') as writer:
        for number, message in enumerate(messages):
            writer.write('/truth', message, (number + 1) * SECOND)
        writer.write('/none', messages[1], SECOND)
    bag = Bag(tmp_path / 'bag')
    poses, child = bag.odometry('/truth')
    assert child == 'base_link' and poses.poses[:, 0, 3].tolist() == [0.0, 2.0, 4.0]
    assert [line[:26] for line in bag.recording.losses.lines()] == [
        '1 poses of /truth skipped:'
    ] * 2
    with pytest.raises(MdepthError, match='/none holds no pose that can be'):
        bag.odometry('/none')


@pytest.mark.parametrize('value', [NAN, INF, HUGE, 31.0])
def test_a_motion_that_cannot_be_is_lost(value: float) -> None:
    """31 units in 0.1 s are 310 m/s."""
    motion, scale = np.eye(4), Scale(1.0, 0.0, 'fixed')
    motion[2, 3] = value
    fits = Evidence(0.015, 0.035, 0.035, same=False)
    tracking = MotionValidator()(fits, motion, scale, pair_of(CAMERA))
    assert tracking == TrackingStatus('lost', 'no vehicle is as fast', 0.015)
    pose = Odometry().advance(motion, scale, pair_of(CAMERA), tracking)
    assert pose.status == 'lost' and np.isfinite(pose.pose_covariance).all()
    if not math.isfinite(value):
        tracking = TrackingStatus('tracking')
    pose = Odometry().advance(motion, scale, pair_of(CAMERA), tracking)
    np.testing.assert_array_equal(pose.pose[:3, 3], 0.0)
    assert np.isfinite(pose.twist).all() and pose.status == 'lost'


@pytest.mark.parametrize(('depth', 'pose'), [(NAN, 0.0), (2.0, NAN), (2.0, INF)])
def test_networks_that_give_no_number(depth: float, pose: float) -> None:
    says = oracle(2.0, [0.0] * 6)
    says._network.inverse.fill_(1 / depth)
    says._network.says.fill_(pose)
    perception = make_perception(says)
    first, second = (Frame(i * 10**8, picture(CAMERA, i), CAMERA) for i in range(2))
    odometry = perception.trackers[''].odometry
    before = odometry._pose.copy()
    with pytest.raises(MdepthError, match='non-finite'):
        perception.step([first])
        perception.step([second])
    np.testing.assert_array_equal(odometry._pose, before)


def test_what_refines_the_motion_may_fail(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Frame(i * 10**8, picture(CAMERA, i), CAMERA) for i in range(2)]
    plain = build_perception(model, device='cpu', refined=False)
    monkeypatch.setattr('mdepth_ros.core.estimator.bundle', lambda *args: None)
    monkeypatch.setattr('mdepth_ros.core.estimator.refine', lambda *args: args[3] * NAN)
    refining = build_perception(model, device='cpu', refined=True)
    for frame in frames:
        (expected,), (got,) = plain.step([frame]), refining.step([frame])
    np.testing.assert_array_equal(got.motion, expected.motion)


def test_the_live_node_says_and_counts_what_cannot_be(model: Path) -> None:
    with node(model, scale='speed') as running:
        depths = running.listen(Image, '/depth/image_rect')
        odometry = running.listen(OdometryMessage, '/odom')
        reports = running.listen(DiagnosticArray, '/diagnostics')
        running.info()
        edge = TransformStamped(header=make_header(0, 'base_link'), child_frame_id='camera')
        edge.transform.translation.x, edge.transform.rotation.w = 1e8, 1.0
        running._tf.sendTransform(edge)
        publisher = running.publisher(TwistStamped, '/speed')
        speed = running.node._speed
        running.until(publisher.get_subscription_count, 'the subscriber')
        for value in (NAN, INF, HUGE, 5.0):
            message = TwistStamped(header=make_header(at(0), 'base_link'))
            message.twist.linear.x = value
            publisher.publish(message)
        running.until(lambda: speed.count == 1 and speed.refused == 3, 'the speeds')
        drive(running, depths, [at(0), at(1)])
        running.until(lambda: 'translation of 1e+08' in said(reports, 'odometry'), 'the mount')
        running.until(lambda: 'left out on /speed' in said(reports, 'scale'), 'the speed')
        values = {v.key: v.value for v in statuses(reports)['scale'].values}
        assert values['speeds left out'] == '3' and odometry == []
        running.mount()
        drive(running, depths, [at(2), at(3)])
        running.until(lambda: len(odometry) == 2, 'the odometry')
        assert all(np.isfinite(message.pose.covariance).all() for message in odometry)


def test_a_pair_with_a_reason_needs_no_number() -> None:
    motion = np.full((4, 4), NAN)
    frame = Frame(0, picture(CAMERA), CAMERA)
    pose = Odometry().advance(motion, Scale(1.0, 0.0, 'none'), FramePair(frame, frame, 'gap'))
    assert pose.status == 'held' and np.isfinite(pose.pose).all()
