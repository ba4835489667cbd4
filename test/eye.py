# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A node that has one CameraInput and nothing else."""

from __future__ import annotations

from typing import Any

import live

from mdepth_ros.ros.inputs import CameraInput
from mdepth_ros.ros.node import BaseNode
from mdepth_ros.ros.qos import Endpoints
from mdepth_ros.ros.statistics import Statistics

# isort: split


class Eye(BaseNode):
    """A node with one CameraInput; `namespace_` and `transport` are set by the test."""

    camera, transport, rectified = '', 'auto', None

    def __init__(self, **options: Any) -> None:
        super().__init__('eye', **options)
        self.notified = 0
        self.statistics = Statistics()
        self.input = CameraInput(
            self,
            Endpoints(self),
            self.camera,
            self.transport,
            self.statistics,
            self._notify,
            self.rectified,
        )

    def _notify(self) -> None:
        self.notified += 1


def eye(camera: str = '', transport: str = 'auto', rectified: bool | None = None) -> type[Eye]:
    values = {'camera': camera, 'transport': transport, 'rectified': rectified}
    return type('Eye', (Eye,), values)


def take(running: live.Live) -> Any:
    """The next frame."""
    running.until(lambda: running.node.input.waiting, 'an image with its camera')
    return running.node.input.frame(running.node.input.take())
