# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One camera of the live node: its input, its step and its outputs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.motion_noise import card_noise
from mdepth_ros.core.mount_check import MountCheck
from mdepth_ros.core.odometry import Odometry
from mdepth_ros.core.pairing import Pairing
from mdepth_ros.core.perception import Perception, Tracker
from mdepth_ros.core.scale import RateLimitedScale, ScaleSource, is_height, scale_source
from mdepth_ros.core.types import Estimate, Frame, FramePair, Mask, MaskError, Matrix, Scale
from mdepth_ros.errors import MdepthError, shown
from mdepth_ros.limits import CAMERA_HEIGHT, NANO
from mdepth_ros.ros.clouds import cloud_builder
from mdepth_ros.ros.inputs import Arrival, CameraInput
from mdepth_ros.ros.mount import Mounts
from mdepth_ros.ros.no_output import why_no_height
from mdepth_ros.ros.outputs import TOPICS, Outputs
from mdepth_ros.ros.parameter import Values
from mdepth_ros.ros.parameters import RECTIFIED
from mdepth_ros.ros.qos import Endpoints, output_qos, tf_qos
from mdepth_ros.ros.settings import Settings
from mdepth_ros.ros.speed import SpeedTopic
from mdepth_ros.ros.statistics import Statistics

DEPTH = {'depth/image_rect', 'depth/camera_info'}


class LiveCamera:
    """Everything that belongs to one camera.

    name        its namespace below the node's; '' for the node's own
    first       whether it is the camera that may broadcast TF: a frame has one parent only
                (REP-105), so the odometry of the others is in a frame of its own, <name>/odom
    notify      see CameraInput
    mask        which pixels of its images are never used

    `start`, `stop` and `reset` are called by the executor's thread, everything from `connect` on
    by the thread of the networks.
    """

    def __init__(
        self,
        node: Any,
        endpoints: Endpoints,
        settings: Settings,
        mounts: Mounts,
        speed: SpeedTopic,
        name: str,
        first: bool,
        notify: Callable[[], None],
        mask: Mask | None = None,
    ) -> None:
        values = settings.values
        self.name, self.first, self.frame_id = name, first, ''
        self.statistics = Statistics()
        transport = values['image_transport']
        rectified = RECTIFIED[values['rectification']]
        self.input = CameraInput(
            node, endpoints, name, transport, self.statistics, notify, rectified, mask
        )
        self._node, self._settings, self._mounts = node, settings, mounts
        self._prefix = f'{name}/' if name else ''
        names = [topic for topic in TOPICS if topic != 'tf' or first]
        self._publishers = {topic: self._publisher(endpoints, topic) for topic in names}
        odom_frame = values['odom_frame'] if first else f'{name}/{values["odom_frame"]}'
        self._outputs = Outputs(names, odom_frame=odom_frame, base_frame=values['base_frame'])
        self._tracker: Tracker | None = None
        self._estimator: Estimator | None = None
        self._kept: tuple[Pairing, Odometry] | None = None
        self._applied: Values | None = None
        self._speeds = speed.reader()
        self._scale: tuple[tuple[str, float], ScaleSource] | None = None
        self._last_scale: Scale | None = None
        self._mount_before: Matrix | None = None
        self._mount_check: MountCheck | None = None
        self._mount_told = ''
        self._reset = False
        self._tf_stamp: int | None = None

    def _publisher(self, endpoints: Endpoints, topic: str) -> Any:
        package, _, kind = TOPICS[topic].split('/')
        message = getattr(import_module(f'{package}.msg'), kind)
        if topic == 'tf':
            return endpoints.publisher(message, '/tf', tf_qos)
        return endpoints.publisher(message, f'{self._prefix}{topic}', output_qos)

    def start(self) -> None:
        """Listen to images, in the transport that is published now, and their camera_info."""
        self.input.start()

    def stop(self) -> None:
        """Listen to images no more."""
        self.input.images.stop()
        self.statistics.pause()

    def reset(self) -> None:
        """Begin the odometry anew with the next frame."""
        self._reset = True

    def topics(self) -> list[str]:
        """Absolute names of what it may listen to."""
        images = self.input.images
        heard = (*images.candidates, *images.others, *self.input.infos.candidates)
        return [*dict.fromkeys(topic for topic, _ in heard)]

    def outputs(self) -> list[str]:
        """Absolute names of what it publishes."""
        return [publisher.topic_name for publisher in self._publishers.values()]

    @property
    def odometry_problem(self) -> str:
        """Why TF does not give the mount of the camera; '' where it does, and before any frame."""
        return self._mounts.problems.get((self._mounts.base_frame, self.frame_id), '')

    @property
    def mount_problem(self) -> str:
        """What of the mount in TF does not fit the images; '' where nothing, or not known."""
        return self._mount_check.line if self._mount_check is not None else ''

    @property
    def height(self) -> tuple[float | None, str] | None:
        """Metres above the road that the scale uses, and where they come from, or why not known.

        None where the scale does not use them, and before any frame.
        """
        values, frame = self._settings.values, self.frame_id
        if 'height' not in values['scale'] or not frame:
            return None
        if values['camera_height']:
            return values['camera_height'], 'camera_height'
        ground = values['ground_frame']
        mount = self._mounts.find(frame, ground)
        if mount is None:
            problem = self._mounts.problems.get((ground, frame), '')
        elif is_height(metres := float(mount[2, 3])):
            return metres, f'TF from {ground}'
        else:
            low, high = CAMERA_HEIGHT
            problem = f'it gives {metres:.2f} m: a camera is {low:g} to {high:g} m above the road'
        return None, why_no_height(ground, frame, problem)

    def _height_by_tf(self) -> float | None:
        mount = self._mounts.find(self.frame_id, self._settings.values['ground_frame'])
        return float(mount[2, 3]) if mount is not None and is_height(mount[2, 3]) else None

    def connect(self, perception: Perception) -> None:
        """Be one of the cameras of a step; the pose goes on from where it was."""
        values, estimator = self._settings.values, perception.estimator
        tracker = Tracker(
            estimator.card,
            warnings=estimator.warnings,
            mount=self._mount_check,
            scale=values['scale'],
            camera_height=values['camera_height'] or self._height_by_tf,
            frame_interval=values['frame_interval'],
            tolerance=values['pair_tolerance'],
            keyframes=values['keyframes'],
            max_range=values['max_range'],
        )
        if self._kept is not None:
            tracker.pairing, tracker.odometry = self._kept
        tracker.pairing.skipped = self.input.earlier
        self.input.remember(tracker.pairing.span, tracker.pairing.reach)
        self._kept = tracker.pairing, tracker.odometry
        perception.trackers[self.name] = self._tracker = tracker
        self._estimator, self._applied = estimator, None

    def disconnect(self) -> None:
        """Let go of the estimator and of every image."""
        self._tracker = self._estimator = None
        if self._kept is not None:
            self._kept[0].reset()
        self.input.drop()

    def prepare(self, arrival: Arrival) -> Frame:
        """What the step takes; raises MdepthError, counted, for an image that cannot be used."""
        frame = replace(self.input.frame(arrival), speeds=self._speeds(), camera_name=self.name)
        tracker, estimator = self._tracker, self._estimator
        assert tracker is not None and estimator is not None, 'the camera is not connected'
        try:
            estimator.views.of(frame.camera, frame.mask)
        except MdepthError as error:  # a camera that shows nothing must not stop the others
            self.statistics.lost('unreadable')
            whose = arrival.topic if isinstance(error, MaskError) else self.input.info
            self.input.camera_problem = f'{whose}: {error}'
            raise MdepthError(self.input.camera_problem) from error
        if self._applied is not self._settings.values:
            self._apply(tracker, estimator, self._settings.values)
        if frame.frame_id != self.frame_id:
            self.frame_id = frame.frame_id
            self._outputs.T_base_camera = None
        if self._outputs.T_base_camera is None:
            self._mount(tracker, estimator, frame)
        if self._reset:
            self._reset = False
            tracker.odometry.reset()
            self._outputs.start_again()
        return frame

    def _apply(self, tracker: Tracker, estimator: Estimator, values: Values) -> None:
        tracker.max_range = values['max_range']
        tracker.min_confidence = values['min_confidence']
        tracker.scale = self._chosen_scale(estimator, values)
        outputs = self._outputs
        outputs.encoding, outputs.path_every = values['depth_encoding'], values['path_every']
        outputs.cloud = cloud_builder(values)
        self._applied = values

    def _chosen_scale(self, estimator: Estimator, values: Values) -> ScaleSource:
        """Begin with another scale where it was set; one that is being measured goes on."""
        asked = values['scale'], values['camera_height']
        if self._scale is None or self._scale[0] != asked:
            height = asked[1] or self._height_by_tf
            source = scale_source(asked[0], estimator.card, height, estimator.warnings)
            # The source before may have asked TF for the height; this one may not.
            self._mounts.problems.pop((values['ground_frame'], self.frame_id), None)
            if self._last_scale is not None:
                source = RateLimitedScale(source, self._last_scale)
            self._scale = asked, source
        return self._scale[1]

    def _mount(self, tracker: Tracker, estimator: Estimator, frame: Frame) -> None:
        """Begin the odometry, or go on with it, where TF tells how the camera is mounted."""
        mount = self._mounts.find(frame.frame_id)
        if mount is None:
            return
        if self._mount_before is None:
            # The base is at the origin of odom at this frame, whatever the camera did before.
            tracker.odometry = Odometry(mount, card_noise(estimator.card))
            here = FramePair(frame, frame, 'odometry begins')
            tracker.odometry.advance(np.eye(4), Scale(1.0, 0.0, 'none'), here)
            self._kept = tracker.pairing, tracker.odometry
        elif not np.array_equal(mount, self._mount_before):
            change: Matrix = np.linalg.inv(self._mount_before) @ mount
            tracker.odometry.remount(change)
        before = self._mount_before
        if before is None or not np.array_equal(mount, before):
            base = self._mounts.base_frame
            self._mount_check = MountCheck(mount, base, frame.frame_id)
            tracker.mount = self._mount_check
        self._mount_before = self._outputs.T_base_camera = mount

    def wanted(self) -> set[str]:
        """Outputs that somebody listens to."""
        names = {n for n, p in self._publishers.items() if p.get_subscription_count()}
        if names & DEPTH:  # RViz and depth_image_proc want both, and get them with one stamp
            names |= DEPTH
        names.discard('tf')
        if 'tf' in self._publishers and self._settings.values['publish_tf']:
            names.add('tf')
        return names

    def publish(self, estimate: Estimate, names: Collection[str]) -> None:
        """Send the outputs named, the depth first."""
        self._last_scale = estimate.scale
        if self.mount_problem != self._mount_told:
            self._mount_told = self.mount_problem
            if self._mount_told:
                self._node.get_logger().warning(shown(self._mount_told))
        for name, message in self._outputs.make(estimate, names):
            if name == 'tf':
                # tf2 warns of a transform that is sent twice.
                if estimate.stamp == self._tf_stamp:
                    continue
                self._tf_stamp = estimate.stamp
            self._publishers[name].publish(message)
            if name == 'depth/image_rect':
                self._count(estimate)
        if 'depth/image_rect' not in names:
            self._count(estimate)

    def _count(self, estimate: Estimate) -> None:
        now = self._node.get_clock().now().nanoseconds
        self.statistics.published((now - estimate.stamp) / NANO)
