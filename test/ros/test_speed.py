# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The speed of the vehicle, and the height of its camera, reach the scale of the live node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live import at, drive, node, said, statuses
from road import HEIGHT, seen_at

from mdepth_ros.ros.conversions import make_header

# isort: split
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image


def message(kind: Any, stamp: int, speed: float) -> Any:
    told = kind(header=make_header(stamp, 'base_link'))
    twist = told.twist.twist if kind is Odometry else told.twist
    twist.linear.x, twist.linear.y = 0.6 * speed, -0.8 * speed
    return told


QUICK = {'no_data_timeout': 0.3, 'diagnostic_updater.period': 0.2}


@pytest.mark.parametrize('kind', [TwistStamped, Odometry])
def test_the_scale_follows_the_speed(model: Path, kind: Any, monkeypatch: Any) -> None:
    # Random weights hardly move.
    monkeypatch.setattr('mdepth_ros.core.scale.delay.SLOWEST', 0.0)
    monkeypatch.setattr('mdepth_ros.core.scale.measured.STANDING', 0.0)
    with node(model, scale='speed', **QUICK) as running:
        depths = running.listen(Image, '/depth/image_rect')
        reports = running.listen(DiagnosticArray, '/diagnostics')
        running.info()
        words = 'none arrives on /speed'
        running.until(lambda: words in said(reports, 'scale'), words)
        publisher = running.publisher(kind, '/speed')
        speed, camera = running.node._speed, running.node.cameras[0]
        running.until(lambda: speed._subscription is not None, 'the subscription')
        running.until(publisher.get_subscription_count, 'the subscriber')
        seen: list[Any] = []
        publish = camera.publish
        monkeypatch.setattr(
            camera, 'publish', lambda e, names: (seen.append(e), publish(e, names))
        )
        drive(running, depths, [at(n) for n in range(4)])
        units = [np.linalg.norm(e.motion[:3, 3]) / e.scale.value / e.interval for e in seen[1:]]
        assert seen[-1].scale.value == pytest.approx(4.0)  # of the card
        for n in range(4, 50):
            before = speed.count
            publisher.publish(message(kind, at(n), 6.0 * float(np.median(units))))
            running.until(lambda b=before: speed.count > b, 'the speed')
            drive(running, depths, [at(n)])
        assert seen[-1].scale.sources == ('speed',)
        assert 4.8 < seen[-1].scale.value < 7.2
        running.until(
            lambda: {v.key: v.value for v in statuses(reports)['scale'].values}
            .get('measured from') == 'speed',
            'diagnostics',
        )  # fmt: skip
        running.node.set_parameters([Parameter('scale', value='model')])
        running.until(lambda: publisher.get_subscription_count() == 0, 'the end of listening')
        last = seen[-1].scale.value
        drive(running, depths, [at(50)])
        assert seen[-1].scale.value == pytest.approx(last, rel=0.06) and last != 4.0


def raised(metres: float) -> np.ndarray:
    pose = np.eye(4)
    pose[2, 3] = metres
    return pose


def test_the_height_comes_from_tf(model: Path) -> None:
    """It is asked for when the scale needs it, also when the node has stopped to listen to TF."""
    with node(model) as running:
        depths = running.listen(Image, '/depth/image_rect')
        reports = running.listen(DiagnosticArray, '/diagnostics')
        camera, mounts = running.node.cameras[0], running.node._mounts
        running.mount()
        running.info()
        drive(running, depths, [at(0)])
        running.until(lambda: mounts._listener is None, 'the end of listening')
        assert camera.height is None
        running.node.set_parameters([Parameter('scale', value='height')])
        drive(running, depths, [at(1), at(2)])

        def report() -> Any:
            return statuses(reports)['scale']

        running.until(lambda: 'base_footprint' in said(reports, 'scale'), 'the missing height')
        assert report().level == b'\x01' and 'that of camera above' in report().message
        assert report().message.startswith('initialising')
        scale = camera._tracker.scale._source.sources['height']
        assert scale.measure(*seen_at(0)) is None
        running.mount('base_link', 'base_footprint', raised(0.4))
        running.until(
            lambda: camera.height == (pytest.approx(1.9), 'TF from base_footprint'), 'it'
        )
        drive(running, depths, [at(3)])
        assert scale.measure(*seen_at(0)).value == pytest.approx(1.9 / HEIGHT, rel=0.02)
        running.until(
            lambda: {v.key: v.value for v in report().values}.get('camera height')
            == '1.90 m, TF from base_footprint',
            'diagnostics',
        )  # fmt: skip
        running.until(lambda: mounts._listener is None, 'the end of listening')
        running.node.set_parameters([Parameter('camera_height', value=1.2)])
        assert camera.height == (1.2, 'camera_height')


def test_what_tf_says_cannot_be_a_height(model: Path) -> None:
    with node(model, scale='height', ground_frame='map') as running:
        depths = running.listen(Image, '/depth/image_rect')
        running.mount()
        running.info()
        running.mount('base_link', 'map', raised(-1.6))
        camera, mounts = running.node.cameras[0], running.node._mounts
        drive(running, depths, [at(0)])
        running.until(lambda: mounts.find('camera', 'map') is not None, 'the mount')
        height, why = camera.height
        assert (
            height is None
            and 'above map' in why
            and 'it gives -0.10 m: a camera is 0.1 to 10 m above the road' in why
        )
        running.node.set_parameters([Parameter('camera_height', value=1.65)])
        assert camera.height == (1.65, 'camera_height')
