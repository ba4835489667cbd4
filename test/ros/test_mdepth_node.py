# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The live node, fed frame by frame."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import live
import numpy as np
from live import CAMERA, MOUNT, TENTH, at, drive, node, picture, said, stamp_of, statuses

from mdepth_ros.core import mount_check
from mdepth_ros.core.perception import Perception, build_perception
from mdepth_ros.core.quality import MotionValidator
from mdepth_ros.core.types import Frame, TrackingStatus
from mdepth_ros.ros.conversions import pose_to_matrix
from mdepth_ros.ros.images import to_depth
from mdepth_ros.ros.outputs import Outputs

# isort: split
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from nav_msgs.msg import Path as PathMessage
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage


def test_the_node_gives_what_the_step_gives(model: Path) -> None:
    """Live equals offline: depth, pose and confidence are those of the step, bit by bit."""
    perception = build_perception(
        model, device='cpu', precision='fp32', threads=1, initial_pose=MOUNT
    )
    estimates = [
        perception.step([Frame(at(n), picture(at(n) // TENTH), CAMERA, 'camera')])[0]
        for n in range(4)
    ]
    with node(model) as running:
        depths = running.listen(Image, '/depth/image_rect')
        confidences = running.listen(Image, '/depth/confidence')
        infos = running.listen(CameraInfo, '/depth/camera_info')
        odometry = running.listen(Odometry, '/odom')
        running.info()
        running.mount()
        drive(running, depths, [at(n) for n in range(4)])
        for heard in (confidences, infos, odometry):
            running.until(lambda h=heard: len(h) == 4, 'all outputs')
    base = np.linalg.inv(MOUNT)
    for n, estimate in enumerate(estimates):
        np.testing.assert_array_equal(to_depth(depths[n]), estimate.depth)
        np.testing.assert_array_equal(to_depth(confidences[n]), estimate.confidence)
        expected = estimate.pose @ base
        np.testing.assert_allclose(pose_to_matrix(odometry[n].pose.pose), expected, atol=1e-9)
    assert np.allclose(pose_to_matrix(odometry[0].pose.pose), np.eye(4))
    assert not np.allclose(pose_to_matrix(odometry[3].pose.pose), np.eye(4), atol=1e-6)


def test_only_what_somebody_listens_to_is_made(model: Path, monkeypatch: Any) -> None:
    asked: list[set[str]] = []
    parts: list[set[str]] = []
    make = Outputs.make
    monkeypatch.setattr(
        Outputs, 'make', lambda self, e, names: asked.append(set(names)) or make(self, e, names)
    )
    step = Perception.step
    monkeypatch.setattr(
        Perception, 'step', lambda self, f, p: parts.append(set(p)) or step(self, f, p)
    )
    with node(model, publish_tf=False) as running:
        odometry = running.listen(Odometry, '/odom')
        running.mount()
        running.info()
        running.until(lambda: running.node.count_publishers('/odom'), 'the node')
        running.image(at(0))
        running.until(lambda: odometry, 'odometry')
        assert asked[-1] == {'odom'} and parts[-1] == set()
        # RViz and depth_image_proc want the depth with its camera_info.
        depths = running.listen(Image, '/depth/image_rect')
        running.listen(PointCloud2, '/depth/points')
        publishers = running.node.cameras[0]._publishers
        running.until(publishers['depth/points'].get_subscription_count, 'the subscriber')
        running.until(publishers['depth/image_rect'].get_subscription_count, 'the subscriber')
        drive(running, depths, [at(1)])
        assert asked[-1] == {'odom', 'depth/image_rect', 'depth/camera_info', 'depth/points'}
        assert parts[-1] == {'image'}


def test_odometry_waits_for_the_mount_and_begins_at_the_origin(model: Path) -> None:
    """Convention 4: missing extrinsics name both frames; identity is never assumed."""
    with node(model) as running:
        depths = running.listen(Image, '/depth/image_rect')
        odometry = running.listen(Odometry, '/odom')
        transforms = running.listen(TFMessage, '/tf')
        paths = running.listen(PathMessage, '/path')
        reports = running.listen(DiagnosticArray, '/diagnostics')
        running.info()
        drive(running, depths, [at(n) for n in range(3)])

        running.until(lambda: said(reports, 'odometry').startswith('no odometry'), 'the ERROR')
        status = statuses(reports)['odometry']
        assert status.level == b'\x02'
        assert 'base_link' in status.message and 'camera' in status.message
        assert odometry == transforms == paths == []
        # `ros2 bag play` of a bag without QoS: no listener of TF hears it.
        bag = running.peer.create_publisher(TFMessage, '/tf_static', live.qos())
        running.until(
            lambda: 'peer publishes /tf_static as volatile' in said(reports, 'odometry'), 'it'
        )
        running.peer.destroy_publisher(bag)
        running.mount()
        drive(running, depths, [at(n) for n in range(3, 6)])
        running.until(lambda: len(odometry) == 3 and len(transforms) == 3, 'the odometry')
        np.testing.assert_allclose(pose_to_matrix(odometry[0].pose.pose), np.eye(4), atol=1e-9)
        assert stamp_of(odometry[0]) == at(3)
        assert odometry[0].twist.twist.linear.x != 0.0  # it moves already
        moved = [pose_to_matrix(o.pose.pose)[:3, 3] for o in odometry]
        assert np.linalg.norm(moved[1] - moved[0]) > 1e-6
        running.until(lambda: said(reports, 'odometry').startswith('degraded'), 'noise')


def test_a_bag_loop_a_gap_and_another_size_do_not_move_the_odometry(model: Path) -> None:
    """Convention 19: backward stamp and gap reset the pair, and the pose is kept."""
    with node(model) as running:
        depths = running.listen(Image, '/depth/image_rect')
        odometry = running.listen(Odometry, '/odom')
        running.info()
        running.mount()
        events = [at(0), at(1), at(2), at(30), at(31), at(1), at(2)]
        drive(running, depths, events)
        small = CAMERA.scaled(60, 40)
        running.info(camera=small)
        known = running.node.cameras[0].input
        running.until(lambda: known._calibration[1] == small, 'the small camera')
        drive(running, depths, [at(3), at(4)], size=(60, 40))
        running.until(lambda: len(odometry) == 9, 'the odometry')
        poses = [pose_to_matrix(message.pose.pose)[:3, 3] for message in odometry]
        steps = [float(np.linalg.norm(b - a)) for a, b in pairwise(poses)]
        held = [False, False, True, False, True, False, True, False]
        assert [step == 0 for step in steps] == held
        assert max(steps) < 10 * min(step for step in steps if step)
        uncertain = [message.twist.covariance[0] > 100 for message in odometry[1:]]
        assert uncertain == held
        assert running.node.cameras[0].statistics.snapshot().held == {
            'first frame': 1, 'gap': 1, 'time ran backward': 1, 'camera changed': 1,
        }  # fmt: skip


def test_a_late_image_has_a_depth_and_no_odometry(model: Path) -> None:
    """Two images of a USB camera come in swapped order: what a listener of TF hears goes on."""
    events = [at(0), at(1), at(3), at(2), at(4), at(5)]
    perception = build_perception(
        model, device='cpu', precision='fp32', threads=1, initial_pose=MOUNT
    )
    expected = [
        perception.step([Frame(time, picture(time // TENTH), CAMERA, 'camera')])[0]
        for time in events
    ]
    with node(model, path_every=1) as running:
        depths = running.listen(Image, '/depth/image_rect')
        odometry = running.listen(Odometry, '/odom')
        transforms = running.listen(TFMessage, '/tf')
        paths = running.listen(PathMessage, '/path')
        running.info()
        running.mount()
        drive(running, depths, events)
        running.until(lambda: all(len(h) >= 5 for h in (odometry, transforms, paths)), 'odometry')
        running.spin(0.2)
        assert [stamp_of(depth) for depth in depths] == events
        assert [stamp_of(message) for message in odometry] == [at(n) for n in (0, 1, 3, 4, 5)]
        assert [stamp_of(message) for message in paths] == [at(n) for n in (0, 1, 3, 4, 5)]
        assert len(transforms) == 5
        on_path = [pose.header.stamp.nanosec for pose in paths[-1].poses]
        assert on_path == sorted(on_path) and len(on_path) == 5
        last = expected[-1].pose @ np.linalg.inv(MOUNT)
        np.testing.assert_allclose(pose_to_matrix(odometry[-1].pose.pose), last, atol=1e-9)
        held = running.node.cameras[0].statistics.snapshot().held
        assert held == {'first frame': 1, 'late': 1}


def test_a_mount_that_does_not_fit_is_said(model: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(mount_check, 'LOOKS', 2)
    monkeypatch.setattr(MotionValidator, '__call__', lambda *_: TrackingStatus('tracking'))
    asked: list[tuple[Any, ...]] = []

    def verdict(R: Any, looks: Any, base: str, camera: str) -> tuple[str, bool]:
        asked.append((R, len(looks), base, camera))
        return 'TF says that camera looks up', True

    monkeypatch.setattr(mount_check, 'verdict', verdict)
    with node(model) as running:
        depths = running.listen(Image, '/depth/image_rect')
        reports = running.listen(DiagnosticArray, '/diagnostics')
        running.info()
        running.mount()
        drive(running, depths, [at(n) for n in range(5)])
        running.until(
            lambda: said(reports, 'odometry') == 'tracking; TF says that camera looks up', 'it'
        )
        assert statuses(reports)['odometry'].level == b'\x01'
    ((R, looks, base, camera),) = asked  # of the five frames the first has no partner
    np.testing.assert_array_equal(R, MOUNT[:3, :3])
    assert (looks, base, camera) == (2, 'base_link', 'camera')


def test_going_down_waits_only_once_for_the_networks(model: Path, monkeypatch: Any) -> None:
    waited: list[float] = []
    with node(model) as running:
        stop = running.node._worker.stop
        monkeypatch.setattr(
            running.node._worker, 'stop', lambda timeout: waited.append(timeout) or stop(timeout)
        )
        assert running.node.close(live.DEADLINE)
    assert waited[0] == live.DEADLINE
    assert len(waited) > 1 and not any(waited[1:])


def test_reset_begins_anew(model: Path) -> None:
    with node(model, path_every=1) as running:
        depths = running.listen(Image, '/depth/image_rect')
        odometry = running.listen(Odometry, '/odom')
        paths = running.listen(PathMessage, '/path')
        running.info()
        running.mount()
        drive(running, depths, [at(n) for n in range(4)])
        answer = running.call(Trigger, '/mdepth/reset_odometry')
        assert answer.success and answer.message
        drive(running, depths, [at(4)])
        running.until(lambda: len(odometry) == 5 and len(paths) == 5, 'the odometry')
        before, after = (np.linalg.norm(pose_to_matrix(odometry[n].pose.pose)[:3, 3])
                         for n in (3, 4))  # fmt: skip
        one = np.linalg.norm(pose_to_matrix(odometry[1].pose.pose)[:3, 3])
        assert 0 < after < 3 * one and before > after
        assert [len(path.poses) for path in paths] == [1, 2, 3, 4, 1]


def test_the_model_card_is_latched(model: Path) -> None:
    with node(model) as running:
        running.until(lambda: running.node._worker.estimator is not None, 'the model')
        cards = running.listen(String, '/mdepth/model', live.qos(latched=True))
        running.until(lambda: cards, 'the card')
        assert json.loads(cards[0].data)['name'] == 'small'


def test_settings_take_effect_with_the_next_frame(model: Path) -> None:
    with node(model) as running:
        depths = running.listen(Image, '/depth/image_rect')
        clouds = running.listen(PointCloud2, '/depth/points')
        transforms = running.listen(TFMessage, '/tf')
        running.info()
        running.mount()
        drive(running, depths, [at(0), at(1)])
        running.until(lambda: len(transforms) == 2 and len(clouds) == 2, 'all outputs')
        metres = to_depth(depths[0])
        limit = float(np.median(metres))
        changes = {
            'depth_encoding': '16UC1',
            'max_range': limit,
            'cloud_stride': 2,
            'publish_tf': False,
        }
        results = running.node.set_parameters([Parameter(n, value=v) for n, v in changes.items()])
        assert all(result.successful for result in results)
        drive(running, depths, [at(12)])
        running.until(lambda: len(clouds) == 3, 'the cloud')
        assert depths[2].encoding == '16UC1' and clouds[2].width == clouds[1].width // 2
        assert 0.2 < np.isnan(to_depth(depths[2])).mean() < 0.8  # too far: 0 in 16UC1
        changes = {'depth_encoding': '32FC1', 'max_range': 1000.0, 'scale': '8.0'}
        running.node.set_parameters([Parameter(n, value=v) for n, v in changes.items()])
        # The clock goes back: paired with itself, as before. The scale glides, it does not jump.
        drive(running, depths, [at(0), at(10), at(20), at(0)])
        np.testing.assert_allclose(to_depth(depths[3]), metres, rtol=1e-6)
        np.testing.assert_allclose(to_depth(depths[6]), 2 * metres, rtol=1e-6)
        running.spin(0.3)
        assert len(transforms) == 2


def test_the_reason_for_no_output_is_on_diagnostics(model: Path) -> None:
    with node(model, no_data_timeout=0.3) as running:
        reports = running.listen(DiagnosticArray, '/diagnostics')

        def says(words: str) -> None:
            running.until(
                lambda: (
                    'input' in statuses(reports) and words in statuses(reports)['input'].message
                ),
                words,
            )

        says('nobody publishes /image')
        other = running.publisher(Image, '/elsewhere/image_raw')
        says('images are on /elsewhere/image_raw: remap')
        running.peer.destroy_publisher(other)
        running.publisher(Image, '/image')
        says('published by peer, but no image arrives')

        def keep_sending(words: str, **info: Any) -> None:
            number = [0]

            def done() -> bool:
                number[0] += 1
                running.image(at(number[0]))
                return words in said(reports, 'input')

            if info:
                running.info(**info)
            running.until(done, words)

        keep_sending('nobody publishes their camera_info on /camera_info')
        keep_sending('uncalibrated', k=[0.0] * 9)
        assert statuses(reports)['output'].level == b'\x02'


def test_what_is_on_the_wire_is_what_the_design_says(model: Path) -> None:
    with node(model) as running:
        expected = {
            '/image': 'sensor_msgs/msg/Image',
            '/camera_info': 'sensor_msgs/msg/CameraInfo',
            '/depth/image_rect': 'sensor_msgs/msg/Image',
            '/depth/camera_info': 'sensor_msgs/msg/CameraInfo',
            '/depth/image_rect_color': 'sensor_msgs/msg/Image',
            '/depth/confidence': 'sensor_msgs/msg/Image',
            '/depth/color': 'sensor_msgs/msg/Image',
            '/depth/points': 'sensor_msgs/msg/PointCloud2',
            '/odom': 'nav_msgs/msg/Odometry',
            '/path': 'nav_msgs/msg/Path',
            '/tf': 'tf2_msgs/msg/TFMessage',
            '/diagnostics': 'diagnostic_msgs/msg/DiagnosticArray',
            '/mdepth/model': 'std_msgs/msg/String',
        }
        there = running.peer.get_topic_names_and_types
        running.until(lambda: expected.keys() <= dict(there()).keys(), 'the node')
        kinds = dict(there())
        assert {name: kinds[name] for name in expected} == {n: [k] for n, k in expected.items()}
