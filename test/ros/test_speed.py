# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The speed of the vehicle reaches the scale of the live node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import live
import numpy as np
import pytest
from live import at, drive, node, statuses

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros.conversions import make_header

# isort: split
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from nav_msgs.msg import Odometry
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return live.write_model(tmp_path_factory.mktemp('model') / 'small.safetensors')


def message(kind: Any, stamp: int, speed: float) -> Any:
    told = kind(header=make_header(stamp, 'base_link'))
    twist = told.twist.twist if kind is Odometry else told.twist
    twist.linear.x, twist.linear.y = 0.6 * speed, -0.8 * speed
    return told


@pytest.mark.parametrize('kind', [TwistStamped, Odometry])
def test_the_scale_follows_the_speed(model: Path, kind: Any, monkeypatch: Any) -> None:
    # Random weights hardly move.
    monkeypatch.setattr('mdepth_ros.scale.delay.SLOWEST', 0.0)
    monkeypatch.setattr('mdepth_ros.scale.measured.STANDING', 0.0)
    with node(model, scale='speed') as running:
        depths = running.listen(Image, '/depth/image_rect')
        reports = running.listen(DiagnosticArray, '/diagnostics')
        running.info()
        running.until(lambda: 'scale' in statuses(reports), 'a report')
        assert 'no speed comes on /speed' in statuses(reports)['scale'].message
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


def test_a_height_that_is_not_given_is_refused(model: Path) -> None:
    with pytest.raises(MdepthError, match='camera_height'), node(model, scale='height'):
        pass
    with node(model) as running:
        wanted = Parameter('scale', value='height+speed')
        result = running.node.set_parameters([wanted])[0]
        assert not result.successful and 'camera_height' in result.reason
        height = Parameter('camera_height', value=1.65)
        assert running.node.set_parameters([height])[0].successful
        assert running.node.set_parameters([wanted])[0].successful
        result = running.node.set_parameters([Parameter('camera_height', value=0.0)])[0]
        assert not result.successful
