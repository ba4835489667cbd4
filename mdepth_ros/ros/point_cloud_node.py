# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`ros2 run mdepth_ros point_cloud_node`: see PointCloudNode in point_cloud.py."""

from __future__ import annotations

from collections.abc import Sequence

from mdepth_ros.ctrl_c import ctrl_c
from mdepth_ros.ros.command_line import answered
from mdepth_ros.ros.spin import Make, start


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until Ctrl-C; returns the exit status.

    args  as rclpy.init takes them; None: the command line
    """
    status = answered('point_cloud_node', args)
    return start(_load, args) if status is None else status


def program() -> None:
    """Run the node as a process of its own: the executable."""
    ctrl_c.leave(main())


def _load() -> Make:
    from mdepth_ros.ros.point_cloud import PointCloudNode

    return PointCloudNode


if __name__ == '__main__':
    program()
