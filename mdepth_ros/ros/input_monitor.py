# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds out from the graph why a camera has no output, and logs it; also when output is back."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from rclpy.qos import DurabilityPolicy

from mdepth_ros.errors import shown
from mdepth_ros.ros.camera import LiveCamera
from mdepth_ros.ros.mount import Mounts
from mdepth_ros.ros.no_output import (
    CHECK_PERIOD,
    GRACE,
    Announcer,
    Cause,
    Facts,
    why_no_odometry,
    why_no_output,
    why_no_speed,
)
from mdepth_ros.ros.qos import Endpoints
from mdepth_ros.ros.settings import Settings
from mdepth_ros.ros.speed import UNDERSTOOD, SpeedTopic
from mdepth_ros.ros.statistics import Snapshot
from mdepth_ros.ros.worker import Worker

TF_TOPICS = ('/tf', '/tf_static')
IMAGES = {'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'}


def transported(kind: str) -> bool:
    """Tell whether a type is that of a plugin of image_transport: theora, ffmpeg and so on."""
    return 'image_transport' in kind or kind.endswith('/CompressedVideo')


class InputMonitor:
    """Logs what one camera lacks, by `check_graph`, which is called every `CHECK_PERIOD` seconds.

    outputs  topics that the node publishes itself

    `cause` is why there is no output; none where there is, or may still have to come. Everything
    is called by the executor's thread.
    """

    def __init__(
        self,
        node: Any,
        camera: LiveCamera,
        settings: Settings,
        endpoints: Endpoints,
        mounts: Mounts,
        speed: SpeedTopic,
        worker: Worker,
        outputs: Collection[str],
    ) -> None:
        self._node, self._camera, self._settings = node, camera, settings
        self._endpoints, self._mounts, self._speed = endpoints, mounts, speed
        self._worker, self._outputs = worker, frozenset(outputs)
        self._of = f'{camera.name}: ' if camera.name else ''
        told = ('output', 'odometry', 'height', 'speed', 'cameras')
        self._told = {name: Announcer() for name in told}
        self.cause = Cause()
        self._enabled = True
        self._since = time.monotonic()  # from when on a missing output counts
        self._present: set[tuple[str, str]] = set()  # (topic, node) that publish what is needed
        self._new: set[tuple[str, str]] = set()  # those that came since the last output
        self._before: tuple[str, ...] = ()
        self._clock_before = False
        self._processed = 0
        self._last_depth: float | None = None

    def switch(self, enabled: bool) -> None:
        """Note that the node was enabled or disabled."""
        self._enabled = enabled
        self._since = time.monotonic()
        self.cause = self._why_no_output()

    def check_graph(self) -> None:
        """Look for what is missing, and say it."""
        now, images = time.monotonic(), self._camera.input.images
        state = self._camera.statistics.snapshot()
        late = state.since_input is None or state.since_input > 2 * CHECK_PERIOD
        if self._enabled:
            if late or not self._camera.input.camera_known:
                self._camera.start()
            if not late:
                self._see_cameras(images.publishers(images.topic, images.kind), now)
        self._clock_before = self._clock_before or bool(self._publishers('/clock'))
        self._see_depth(state, now)
        self._see_publishers(now)
        self.cause = self._why_no_output()
        if self.cause.expected:
            if self._told['output'].due(self.cause.line, now, again=False):
                self._node.get_logger().info(shown(f'{self._of}{self.cause.line}'))
        elif now - self._since >= GRACE:
            self._complain(now, late)

    def _see_cameras(self, names: tuple[str, ...], now: float) -> None:
        self._before = names or self._before
        line = ''
        if len(names) > 1:
            line = (
                f'{self._of}{self._camera.input.images.topic} is published by '
                f'{", ".join(sorted(names))}: their images are mixed: leave only one publisher'
            )
        if self._told['cameras'].due(line, now):
            self._node.get_logger().warning(shown(line))

    def _complain(self, now: float, late: bool) -> None:
        log = self._node.get_logger()
        line = self.cause.line
        if line and self._told['output'].due(line, now):
            log.warning(shown(f'{self._of}no depth: {line}'))
        problem, told = self.no_odometry(), self._told['odometry']
        if late and problem:
            return  # without images it does not matter, and the TF of a bag ends with the bag
        if told.holds and not problem:
            frames = f'{self._mounts.base_frame} with {self._camera.frame_id}'
            log.info(shown(f'{self._of}TF connects {frames} now: there is odometry'))
        if told.due(problem, now):
            log.error(shown(f'{self._of}{problem}'))
        metres, problem = self._camera.height or (None, '')
        if self._told['height'].due('' if metres else problem, now):
            log.warning(shown(f'{self._of}{problem}'))
        problem = self.no_speed() if self._camera.first else ''  # all cameras have the same speed
        if self._told['speed'].due(problem, now):
            log.warning(shown(f'{self._of}{problem}'))

    def _see_depth(self, state: Snapshot, now: float) -> None:
        """Log the first depth, and the first one after its absence was logged."""
        if state.processed == self._processed or state.since_output is None:
            return
        self._processed = state.processed
        if not self._enabled:
            return  # of the step that ran when the node was disabled
        before, self._last_depth = self._last_depth, now - state.since_output
        log, images = self._node.get_logger(), self._camera.input.images
        if before is None:
            log.info(
                shown(f'{self._of}the first depth is there, of {images.topic} ({images.kind})')
            )
        elif self._told['output'].holds:
            log.info(shown(f'{self._of}depth is back after {self._last_depth - before:.0f} s'))
        if before is None or self._last_depth - before > self._settings.values['no_data_timeout']:
            self._new.clear()
        self._told['output'].due('', now)

    def _see_publishers(self, now: float) -> None:
        """Give a new publisher time, but only once if it comes and goes without output."""
        source = self._camera.input
        topics = [topic for topic, _ in (*source.images.candidates, *source.infos.candidates)]
        topics += [*TF_TOPICS, self._speed.topic]
        present = {(topic, name) for topic in topics for name in self._publishers(topic)}
        if new := present - self._present - self._new:
            self._since = now
            self._new |= new
        self._present = present

    def _why_no_output(self) -> Cause:
        """Why the camera has no output; no cause where it has, or may still have to come."""
        if self._enabled:
            waited = time.monotonic() - self._since
            since = self._camera.statistics.snapshot().since_output
            quiet = waited if since is None else min(since, waited)
            if quiet < self._settings.values['no_data_timeout']:
                return Cause()
        return why_no_output(self._facts())

    def no_odometry(self) -> str:
        """Why TF gives no odometry; '' where it does, and before any frame."""
        problem = self._camera.odometry_problem
        if not problem:
            return ''
        unlatched = tuple(
            info.node_name
            for info in self._node.get_publishers_info_by_topic('/tf_static')
            if info.qos_profile.durability == DurabilityPolicy.VOLATILE
        )
        return why_no_odometry(self._mounts.base_frame, self._camera.frame_id, problem, unlatched)

    def no_speed(self) -> str:
        """Why the scale has no speed; '' where one came, is not asked for, or may still come."""
        if 'speed' not in self._settings.values['scale'] or self._speed.count:
            return ''
        if time.monotonic() - self._since < self._settings.values['no_data_timeout']:
            return ''
        kinds = {i.topic_type for i in self._node.get_publishers_info_by_topic(self._speed.topic)}
        return why_no_speed(self._speed.topic, tuple(sorted(kinds)), tuple(UNDERSTOOD))

    def _publishers(self, topic: str) -> tuple[str, ...]:
        infos = self._node.get_publishers_info_by_topic(topic)
        return tuple(info.node_name for info in infos)

    def _facts(self) -> Facts:
        source, images = self._camera.input, self._camera.input.images
        since = self._camera.statistics.snapshot().since_input
        timeout = self._settings.values['no_data_timeout']
        other = [(t, p) for t, k in images.others if (p := images.publishers(t, k))]
        busy = self._worker.busy_since
        pictures, unreadable = self._topics(images.topic)
        return Facts(
            enabled=self._enabled,
            model_problem=self._worker.fatal or self._worker.problem,
            model_ready=self._worker.estimator is not None,
            stuck=busy is not None and time.monotonic() - busy > timeout,
            image=images.topic,
            image_type=images.kind,
            images_arrive=since is not None and since < timeout,
            publishers=images.publishers(images.topic, images.kind),
            before=self._before,
            other=other[0][0] if other else '',
            other_publishers=other[0][1] if other else (),
            transport=self._settings.values['image_transport'],
            image_topics=pictures,
            unreadable=unreadable,
            incompatible=tuple((i.topic, i.policy) for i in self._endpoints.incompatible()),
            info=source.info,
            info_publishers=source.infos.publishers(source.info, 'CameraInfo'),
            camera_known=source.camera_known,
            camera_problem=source.camera_problem,
            use_sim_time=bool(self._node.get_parameter('use_sim_time').value),
            clock_publishers=self._publishers('/clock'),
            clock_before=self._clock_before,
        )

    def _topics(self, image: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """Topics of images that others publish; and what else is published on or below a topic."""
        pictures, unreadable = [], []
        for name, kinds in self._node.get_topic_names_and_types():
            others = name == image or name.startswith(f'{image}/')
            odd = [k for k in kinds if k not in IMAGES and (name == image or transported(k))]
            if name in self._outputs or not ((others and odd) or IMAGES & set(kinds)):
                continue
            if not self._node.count_publishers(name):
                continue
            if others and odd:
                unreadable.append((name, odd[0]))
            else:
                pictures.append(name)
        return tuple(pictures), tuple(unreadable)
