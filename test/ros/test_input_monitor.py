# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is said of a camera that comes, goes, comes back, or is switched off."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live import DEADLINE, at, drive, logged, node, qos, said, stamp_of, statuses

from mdepth_ros.core.perception import Perception
from mdepth_ros.ros import input_monitor, mdepth_node
from mdepth_ros.ros.conversions import make_header

# isort: split
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistWithCovarianceStamped
from rclpy.logging import LoggingSeverity
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, PointCloud2
from std_srvs.srv import SetBool


class Ears:
    """The lines that a node logs on stderr."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self._said = ''

    def lines(self, words: str) -> list[str]:
        self._said += logged(self._capfd)
        return [line for line in self._said.splitlines() if words in line]


@pytest.fixture
def ears(capfd: pytest.CaptureFixture[str]) -> Ears:
    return Ears(capfd)


CHECK_PERIOD = 0.1  # seconds: nobody shall wait
QUICK = {'no_data_timeout': 0.5, 'diagnostic_updater.period': 0.2}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_monitor, 'CHECK_PERIOD', CHECK_PERIOD)
    monkeypatch.setattr(mdepth_node, 'CHECK_PERIOD', CHECK_PERIOD)
    monkeypatch.setattr(input_monitor, 'GRACE', 0.0)


def test_a_camera_that_starts_late_is_given_time(
    model: Path, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    with node(model, **QUICK) as running:
        depths = running.listen(Image, '/depth/image_rect')
        running.mount()
        running.until(lambda: ears.lines('nobody publishes /image'), 'the line')
        running.until(lambda: running.node._worker.estimator is not None, 'the model')
        assert ears.lines('images from /image or /image/compressed with /camera_info')
        # Now it advertises, and later it sends.
        monkeypatch.setattr(input_monitor, 'GRACE', 4.0)
        running.publisher(Image, '/image')
        running.until(lambda: running.node.count_publishers('/image'), 'the publisher')
        running.spin(0.7)
        running.info()
        # It goes on sending: on a slow machine no output would be a fault again.
        for number in range(8):
            drive(running, depths, [at(number)])
            running.spin(CHECK_PERIOD)
        assert len(ears.lines('the first depth is there, of /image (Image)')) == 1
        assert not ears.lines('no image arrives') and not ears.lines('camera_info on')


def test_a_camera_that_stays_silent_is_named_after_that_time(model: Path, ears: Ears) -> None:
    with node(model, **QUICK) as running:
        running.publisher(Image, '/image')
        running.until(lambda: ears.lines('published by peer, but no image arrives'), 'the line')
        (monitor,) = running.node._monitors
        since = monitor._since
        # Whoever crashes and comes again and again gets no more time.
        for _ in range(2):
            running.peer.destroy_publisher(running._publishers.pop('/image'))
            running.until(lambda: not running.node.count_publishers('/image'), 'its end')
            running.spin(2 * CHECK_PERIOD)
            running.publisher(Image, '/image')
            running.until(lambda: running.node.count_publishers('/image'), 'the publisher')
            running.spin(2 * CHECK_PERIOD)
        assert monitor._since == since


def test_depth_that_comes_back_is_said_once(model: Path, ears: Ears) -> None:
    with node(model, **QUICK) as running:
        depths = running.listen(Image, '/depth/image_rect')
        reports = running.listen(DiagnosticArray, '/diagnostics')
        running.info()
        drive(running, depths, [at(0), at(1)])
        running.until(lambda: ears.lines('the first depth'), 'the first depth')
        before = len(ears.lines('no depth: '))
        running.until(lambda: len(ears.lines('no depth: ')) > before, 'a line')
        # What the odometry said last is not what it says now.
        running.until(lambda: said(reports, 'odometry').startswith(('no odom', 'nothing')), 'it')
        drive(running, depths, [at(20)])
        running.until(lambda: ears.lines('depth is back after'), 'the line')
        running.spin(2 * CHECK_PERIOD)
        assert len(ears.lines('depth is back after')) == 1


def test_what_is_switched_off_on_purpose_is_said_once_and_is_no_fault(
    model: Path, ears: Ears
) -> None:
    with node(model, **QUICK) as running:
        depths = running.listen(Image, '/depth/image_rect')
        reports = running.listen(DiagnosticArray, '/diagnostics')
        running.info()
        running.mount()
        drive(running, depths, [at(0), at(1)])
        running.until(lambda: ears.lines('the first depth'), 'the first depth')
        running.call(SetBool, '/mdepth/enable', SetBool.Request(data=False))
        said_before = len(ears.lines('WARN') + ears.lines('ERROR'))
        running.until(lambda: said(reports, 'odometry').startswith('disabled'), 'diagnostics')
        for monitor in running.node._monitors:
            for announcer in monitor._told.values():
                announcer._repeat = 0.1
        running.spin(4 * CHECK_PERIOD)
        assert len(ears.lines('disabled: ')) == 1
        assert len(ears.lines('WARN') + ears.lines('ERROR')) == said_before
        assert all(s.level == b'\x00' for s in statuses(reports).values()), statuses(reports)
        running.call(SetBool, '/mdepth/enable', SetBool.Request(data=True))
        running.until(lambda: running.node._worker.estimator is not None, 'the model')
        drive(running, depths, [at(10), at(11)])
        running.until(lambda: ears.lines('depth is back after'), 'the line')
        # These pictures are noise, which fits no motion.
        running.until(lambda: said(reports, 'odometry').startswith('degraded'), 'the odometry')


def test_the_step_at_hand_when_it_is_switched_off_is_no_depth_that_is_back(
    model: Path, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, step = threading.Event(), Perception.step

    def slow(*arguments: Any) -> Any:
        assert free.wait(DEADLINE)
        return step(*arguments)

    with node(model, **QUICK) as running:
        depths = running.listen(Image, '/depth/image_rect')
        running.info()
        drive(running, depths, [at(0)])
        running.until(lambda: ears.lines('the first depth'), 'the first depth')
        monkeypatch.setattr(Perception, 'step', slow)
        running.image(at(1))
        running.until(lambda: running.node._worker.busy_since is not None, 'the step')
        running.call(SetBool, '/mdepth/enable', SetBool.Request(data=False))
        running.until(lambda: ears.lines('disabled: '), 'the line')
        free.set()
        running.until(lambda: len(depths) == 2, 'the depth')
        running.spin(4 * CHECK_PERIOD)
        assert not ears.lines('depth is back') and len(ears.lines('disabled: ')) == 1


def test_a_camera_that_is_odd_is_warned_of_once(model: Path, ears: Ears) -> None:
    """It is known with the first image, when the model has long been loaded."""
    k = np.array([1000.0, 0, 59.5, 0, 1000.0, 39.5, 0, 0, 1])
    with node(model, **QUICK) as running:
        depths = running.listen(Image, '/depth/image_rect')
        running.info(k=k, p=np.insert(k, [3, 6, 9], 0.0))
        drive(running, depths, [at(0), at(1)])
        running.until(lambda: ears.lines('times the focal length'), 'the line')
        running.spin(4 * CHECK_PERIOD)
        assert len(ears.lines('times the focal length')) == 1


def test_of_several_cameras_the_one_with_bad_images_is_named(model: Path, ears: Ears) -> None:
    with node(model, cameras=['front', 'rear'], **QUICK) as running:
        running.info(topic='/rear/camera_info')
        running.until(lambda: running.node._worker.estimator is not None, 'the model')
        topic = '/rear/image/compressed'
        bad = CompressedImage(header=make_header(at(1), 'camera'), format='jpeg')
        running.publisher(CompressedImage, topic)
        running.connect(topic)
        running._publishers[topic].publish(bad)
        running.until(lambda: ears.lines(f'{topic}: a compressed image of 0 bytes'), 'the line')


def test_an_image_that_is_late_does_not_hold_the_odometry(model: Path, ears: Ears) -> None:
    with node(model, **QUICK) as running:
        depths = running.listen(Image, '/depth/image_rect')
        running.info()
        running.mount()
        drive(running, depths, [at(0), at(1), at(3), at(2)])
        running.until(lambda: ears.lines('has depth, but no odometry: late by 0.10 s'), 'the line')
        assert ears.lines('the odometry is unsure: most of what is seen moves by itself')
        assert not ears.lines('holds its pose')


def test_tf_that_comes_late_is_said_to_be_there(model: Path, ears: Ears) -> None:
    with node(model, **QUICK) as running:
        depths = running.listen(Image, '/depth/image_rect')
        running.info()
        drive(running, depths, [at(0), at(1)])
        running.until(lambda: ears.lines('no odometry: TF does not connect'), 'the line')
        running.mount()
        drive(running, depths, [at(2)])
        words = 'TF connects base_link with camera now: there is odometry'
        running.until(lambda: ears.lines(words), 'the line')
        running.spin(4 * CHECK_PERIOD)
        assert len(ears.lines(words)) == 1


def test_the_level_of_the_node_shows_its_frames(model: Path, ears: Ears) -> None:
    with node(model, **QUICK) as running:
        log = running.node.get_logger()
        log.set_level(LoggingSeverity.DEBUG)
        try:
            depths = running.listen(Image, '/depth/image_rect')
            running.info()
            drive(running, depths, [at(0), at(1)])
            running.until(lambda: ears.lines('frame 100.100: '), 'the line')
        finally:
            log.set_level(LoggingSeverity.INFO)
        assert [line.count('[DEBUG]') for line in ears.lines('frame 100.')] == [1, 1]


def test_the_end_of_a_bag_is_known(model: Path, ears: Ears) -> None:
    with node(model, **QUICK, use_sim_time=True) as running:
        depths = running.listen(Image, '/depth/image_rect')
        reports = running.listen(DiagnosticArray, '/diagnostics')
        running.publisher(Clock, '/clock')
        running.info()
        drive(running, depths, [at(0), at(1)])
        running.spin(2 * CHECK_PERIOD)
        before = len(ears.lines('play the bag with --clock'))
        for topic in ('/clock', '/image'):
            running.peer.destroy_publisher(running._publishers.pop(topic))
        running.until(lambda: said(reports, 'input').startswith('the bag or sim'), 'the end')
        assert statuses(reports)['input'].level == b'\x00'
        (monitor,) = running.node._monitors
        monitor._told['output']._repeat = 0.1
        running.spin(4 * CHECK_PERIOD)
        assert len(ears.lines('the bag or simulation is over')) == 1
        assert len(ears.lines('play the bag with --clock')) == before
        # It is played again.
        running.publisher(Clock, '/clock')
        drive(running, depths, [at(5)])
        running.until(lambda: ears.lines('depth is back after'), 'the line')


def test_two_cameras_on_one_topic_are_named(model: Path, ears: Ears) -> None:
    with node(model, **QUICK) as running:
        depths = running.listen(Image, '/depth/image_rect')
        running.info()
        drive(running, depths, [at(0)])
        other = running.peer.create_publisher(Image, '/image', qos())
        words = '/image is published by peer, peer: their images are mixed'
        number = [1]

        def said_so() -> bool:
            number[0] += 1
            running.image(at(number[0]))
            return bool(ears.lines(words))

        running.until(said_so, words)
        running.peer.destroy_publisher(other)


def test_a_topic_of_another_type_is_named(model: Path) -> None:
    with node(model, **QUICK) as running:
        reports = running.listen(DiagnosticArray, '/diagnostics')
        running.publisher(PointCloud2, '/image')
        words = '/image is published as sensor_msgs/msg/PointCloud2'
        running.until(lambda: words in said(reports, 'input'), words)


def test_a_compressed_image_on_the_plain_name_is_depth(model: Path) -> None:
    """The name does not end in /compressed: a driver calls its topics as it likes."""
    with node(model) as running:
        depths = running.listen(Image, '/depth/image_rect')
        running.publisher(CompressedImage, '/image')
        running.info()
        running.until(lambda: running.node.cameras[0].input.images.kind != 'Image', 'the choice')
        running.image(at(0), '/image', compressed=True)
        running.until(lambda: depths and stamp_of(depths[-1]) == at(0), 'the depth')


def test_a_speed_of_another_type_is_named(model: Path, ears: Ears) -> None:
    with node(model, scale='speed', **QUICK) as running:
        running.until(lambda: ears.lines('which nobody publishes: remap speed'), 'the line')
        publisher: Any = TwistWithCovarianceStamped
        running.publisher(publisher, '/speed')
        words = 'which is geometry_msgs/msg/TwistWithCovarianceStamped: remap speed to nav_msgs'
        running.until(lambda: ears.lines(words), 'the line')
