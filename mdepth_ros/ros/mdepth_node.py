# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The live node: images in; depth, odometry, clouds and TF out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.errors import shown
from mdepth_ros.model.file import load_model
from mdepth_ros.model.shipped import shipped_model
from mdepth_ros.ros import reports
from mdepth_ros.ros.bridge import bridge_problem
from mdepth_ros.ros.camera import LiveCamera
from mdepth_ros.ros.diagnostics import Diagnostics, steady_timer
from mdepth_ros.ros.input_monitor import InputMonitor
from mdepth_ros.ros.mount import Mounts
from mdepth_ros.ros.no_output import CHECK_PERIOD
from mdepth_ros.ros.node import BaseNode
from mdepth_ros.ros.parameters import MDEPTH
from mdepth_ros.ros.qos import Endpoints, latched_qos
from mdepth_ros.ros.settings import Settings, unknown_keys
from mdepth_ros.ros.speed import SpeedTopic
from mdepth_ros.ros.worker import Worker
from mdepth_ros.sources.mask import read_masks


class MdepthNode(BaseNode):
    """One or several cameras, one model.

    Topics, services and parameters are those of docs/vehicle.md. Keyword arguments go to rclpy's
    Node.

    Raises MdepthError for a parameter that cannot be.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('mdepth', **options)
        self._closing = False
        self.settings = Settings(self, MDEPTH)
        values = self.settings.values
        self._enabled = values['enabled']
        self._endpoints = Endpoints(self)
        self._mounts = Mounts(self, values['base_frame'])
        self._speed = SpeedTopic(self, self._endpoints)
        self.cameras = self._make_cameras(values['cameras'], values['mask'])
        self._card = self._endpoints.publisher(String, '~/model', latched_qos)
        self.create_service(Trigger, '~/reset_odometry', self._reset_odometry)
        self.create_service(SetBool, '~/enable', self._enable)
        self._worker = Worker(
            self.cameras,
            self._load,
            self.get_logger(),
            on_ready=self._model_ready,
            on_fatal=self._give_up,
            quiet=lambda: self._closing or not self.context.ok(),
        )
        self._monitors = [self._monitor(camera) for camera in self.cameras]
        self._diagnostics = Diagnostics(self, self._tasks())
        for line in unknown_keys(self, MDEPTH, self._topics()):
            self.warn_once(line)
        for camera in self.cameras:
            inputs, depth = camera.input, camera.outputs()[0]
            line = f'images from {inputs.images} with {inputs.infos}: depth to {depth}'
            self.get_logger().info(shown(line))
        steady_timer(self, CHECK_PERIOD, self._check_graph)
        self._worker.start()
        self._switch(self._enabled)

    def destroy_node(self) -> Any:
        """Stop the networks, within a second, then the node."""
        self.close()
        return super().destroy_node()

    def close(self, timeout: float = 1.0) -> bool:
        """Stop the networks; False where they are still at it after `timeout` seconds.

        Only the first call waits: who goes on without them need not wait twice.
        """
        timeout = 0.0 if self._closing else timeout
        self._closing = True
        worker = getattr(self, '_worker', None)  # none where a parameter was refused
        return worker is None or worker.stop(timeout)

    def _make_cameras(self, names: list[str], masks: str) -> list[LiveCamera]:
        names = list(dict.fromkeys(names))
        return [
            LiveCamera(
                self,
                self._endpoints,
                self.settings,
                self._mounts,
                self._speed,
                name,
                first=index == 0,
                notify=lambda: self._worker.notify(),
                mask=mask,
            )
            for index, (name, mask) in enumerate(
                zip(names, read_masks(masks, len(names)), strict=True)
            )
        ]

    def _monitor(self, camera: LiveCamera) -> InputMonitor:
        outputs = [topic for each in self.cameras for topic in each.outputs()]
        parts = (self.settings, self._endpoints, self._mounts, self._speed, self._worker)
        return InputMonitor(self, camera, *parts, outputs)

    # The model, in the thread of the networks.

    def _load(self) -> Estimator:
        if problem := bridge_problem():
            self.warn_once(f'{problem}. Only images of unusual encodings need it')
        values = self.settings.values
        wanted = values['model']
        path = shipped_model() if wanted == 'shipped' else Path(wanted).expanduser()
        self.get_logger().info(shown(f'loading {path}'))
        network, card = load_model(path)
        threads = values['threads']
        device, precision = values['device'], values['precision']
        refined, cues = values['refine_motion'], values['use_cues']
        return Estimator(network, card, device, precision, threads, refined, cues)

    def _model_ready(self, estimator: Estimator) -> None:
        device = reports.device_name(estimator)
        self._diagnostics.set_device(device)
        self._card.publish(String(data=estimator.card.to_json()))
        self.get_logger().info(
            shown(
                f'{estimator.card.name} on {device}, {estimator.precision}, warm after '
                f'{estimator.warm_up_seconds:.1f} s'
            )
        )

    def _give_up(self) -> None:
        self.exit_status = self._worker.exit_status
        self.failure = self._worker.fatal

    # Services.

    def _reset_odometry(self, request: Any, response: Any) -> Any:
        for camera in self.cameras:
            camera.reset()
        response.success = True
        response.message = 'the odometry begins anew with the next image'
        return response

    def _enable(self, request: Any, response: Any) -> Any:
        self._switch(request.data)
        response.success = True
        response.message = 'enabled' if request.data else 'disabled: its memory is free'
        return response

    def _switch(self, enabled: bool) -> None:
        self._enabled = enabled
        for camera, monitor in zip(self.cameras, self._monitors, strict=True):
            monitor.switch(enabled)
            if enabled:
                camera.start()
            else:
                camera.stop()
        self._choose_speed()
        self._worker.enable(enabled)

    def _choose_speed(self) -> None:
        self._speed.choose(self._enabled and 'speed' in self.settings.values['scale'])

    # Why is there no output?

    def _check_graph(self) -> None:
        """Look at the graph where something is missing, and say what."""
        self._mounts.listen()
        self._choose_speed()
        for monitor in self._monitors:
            monitor.check_graph()
        self._warn()

    def _warn(self) -> None:
        """Say what the estimator warns of, when it is new: of a camera with its first image."""
        estimator = self._worker.estimator
        for line in () if estimator is None else (*estimator.warnings,):
            self.warn_once(line)

    # Diagnostics.

    def _tasks(self) -> dict[str, Any]:
        tasks: dict[str, Any] = {}
        for index, (camera, monitor) in enumerate(zip(self.cameras, self._monitors, strict=True)):
            prefix = f'{camera.name} ' if camera.name else ''
            tasks[f'{prefix}input'] = partial(self._input_report, camera, monitor)
            tasks[f'{prefix}output'] = partial(self._output_report, camera, monitor)
            tasks[f'{prefix}odometry'] = partial(
                self._odometry_report, camera, monitor, index == 0
            )
        tasks['scale'] = self._scale_report
        tasks['topics'] = lambda: reports.topics_report(
            self._endpoints.incompatible(), self.losses
        )
        tasks['model'] = self._model_report
        return tasks

    def _input_report(self, camera: LiveCamera, monitor: InputMonitor) -> reports.Report:
        given, now = camera.input, camera.statistics.snapshot()
        mask, images = given.mask.name if given.mask else '', given.images
        return reports.input_report(
            now, monitor.cause, images.topic, images.kind, given.assumed, mask
        )

    def _output_report(self, camera: LiveCamera, monitor: InputMonitor) -> reports.Report:
        return reports.output_report(camera.statistics.snapshot(), monitor.cause)

    def _odometry_report(
        self, camera: LiveCamera, monitor: InputMonitor, first: bool
    ) -> reports.Report:
        estimator = self._worker.estimator
        on = first and self.settings.values['publish_tf']
        return reports.odometry_report(
            camera.statistics.snapshot(),
            monitor.cause,
            monitor.no_odometry(),
            'broadcast' if on else 'off',
            (self._mounts.base_frame, camera.frame_id),
            estimator.card.frame_interval if estimator else 0.0,
            camera.mount_problem,
        )

    def _scale_report(self) -> reports.Report:
        cause = self._monitors[0].cause
        if cause.expected:
            return reports.Report(reports.OK, cause.line)
        scales = {
            camera.name: scale
            for camera in self.cameras
            if (scale := camera.statistics.snapshot().scale) is not None
        }
        speed = self._speed.topic if 'speed' in self.settings.values['scale'] else ''
        heights = {c.name: height for c in self.cameras if (height := c.height) is not None}
        refused = self._speed.refused, self._speed.problem
        no_speed = self._monitors[0].no_speed()
        return reports.scale_report(scales, speed, self._speed.count, heights, refused, no_speed)

    def _model_report(self) -> reports.Report:
        worker = self._worker
        problem = worker.fatal or worker.problem
        return reports.model_report(self._enabled, worker.estimator, problem)

    def _topics(self) -> list[str]:
        """Absolute names of everything that the node may listen to."""
        topics = [topic for camera in self.cameras for topic in camera.topics()]
        return [*topics, self._speed.topic]
