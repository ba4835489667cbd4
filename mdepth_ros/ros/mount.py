# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the cameras sit on the vehicle, from TF; never assumed."""

from __future__ import annotations

from typing import Any

import numpy as np
from rclpy.time import Time
from tf2_ros import Buffer, TransformException, TransformListener

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros.conversions import Matrix, check_mount, transform_to_matrix


class Mounts:
    """T_base_camera of every camera frame that is asked for, and its pose in other frames.

    A mount is rigid: once found it stays. When all frames that were asked for are found, the node
    stops listening to TF: on many vehicles it has hundreds of messages per second, which cost
    Python more than anything else here.
    """

    def __init__(self, node: Any, base_frame: str) -> None:
        self.base_frame = base_frame
        # (frame, camera frame) -> why the pose of the one in the other is not known
        self.problems: dict[tuple[str, str], str] = {}
        self._node = node
        self._buffer = Buffer()
        self._found: dict[tuple[str, str], Matrix] = {}
        self._listener: Any = TransformListener(self._buffer, node)

    def find(self, camera_frame: str, frame: str = '') -> Matrix | None:
        """Pose [4, 4] of the camera in a frame; None: TF does not connect them (yet).

        frame  '': the base frame

        Any thread may ask.
        """
        frame = frame or self.base_frame
        if camera_frame == frame:
            return np.eye(4)
        asked = frame, camera_frame
        mount = self._found.get(asked)
        if mount is None:
            try:
                stamped = self._buffer.lookup_transform(*asked, Time())
                mount = transform_to_matrix(stamped.transform)
                mount = check_mount(mount) if frame == self.base_frame else mount
            except (TransformException, MdepthError) as error:
                self.problems[asked] = (str(error).splitlines() or [''])[0]
                return None
            self._found[asked] = mount
            self.problems.pop(asked, None)
        return mount

    def listen(self) -> None:
        """Listen to TF for as long as a mount is missing; called by the executor's thread."""
        missing = bool(self.problems) or not self._found
        if missing and self._listener is None:
            self._listener = TransformListener(self._buffer, self._node)
        elif not missing and self._listener is not None:
            self._listener.unregister()
            self._listener = None
