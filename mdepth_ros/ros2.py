# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where `rclpy` and the messages come from: an installed ROS 2, else ros2_standalone."""

from __future__ import annotations

import importlib.util
import sys

from mdepth_ros.errors import MdepthError

INSTALL = (
    'source /opt/ros/DISTRO/setup.bash; where there is no ROS 2: pip install ./standalone in a '
    "clone of mdepth_ros, or the extra 'mdepth_ros[standalone]'"
)


def ensure() -> bool:
    """Make `rclpy` and `sensor_msgs.msg` importable; True where they are not those of ROS 2.

    Raises MdepthError where there is neither of the two, or where the ROS 2 on the path does not
    work with this Python.
    """
    if not has_standalone():
        if importlib.util.find_spec('rclpy') is None:
            raise MdepthError(
                f'this needs the messages of ROS 2, and neither ROS 2 nor ros2_standalone is '
                f'installed: {INSTALL}'
            )
        return False
    import ros2_standalone

    try:
        return bool(ros2_standalone.ensure())
    except ros2_standalone.StandaloneError as error:
        raise MdepthError(str(error)) from error


def has_standalone() -> bool:
    """Whether ros2_standalone is installed."""
    return importlib.util.find_spec('ros2_standalone') is not None


def is_for_a_person(error: BaseException) -> bool:
    """Whether an error's text says what its user should do: ours, or one of ros2_standalone."""
    standalone = sys.modules.get('ros2_standalone')
    return isinstance(error, MdepthError) or (
        standalone is not None and isinstance(error, standalone.StandaloneError)
    )
