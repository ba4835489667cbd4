# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The part of a node's command line that is not ROS's: `--help`, and what nobody understands.

Nothing is loaded here that takes time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mdepth_ros.errors import shown
from mdepth_ros.ros.parameter import help_text
from mdepth_ros.ros.parameters import NODES

USAGE = """usage: ros2 run mdepth_ros {name} --ros-args -r TOPIC:=OTHER -p PARAMETER:=VALUE

Topics that one mostly remaps: {topics}. Or start it by
ros2 launch mdepth_ros mdepth.launch.py, whose arguments --show-args lists.

Parameters, for -p and --params-file, with their defaults:

"""
TOPICS = {
    'depth_odometry_node': 'image (camera_info is beside it), speed',
    'point_cloud_node': 'depth/image_rect, image (camera_info is beside each)',
}


def answered(name: str, args: Sequence[str] | None = None) -> int | None:
    """The exit status where the command line asks for no node; None: start it.

    name  of the executable
    args  as rclpy.init takes them; None: the command line
    """
    given = sys.argv[1:] if args is None else args
    if {'-h', '--help'} & set(given):
        print(USAGE.format(name=name, topics=TOPICS[name]) + help_text(NODES[name]), end='')
        return 0
    foreign = _not_for_ros(given)
    if not foreign:
        return None
    print(
        f'error: {shown(foreign[0])} is not understood: write --ros-args -r image:=TOPIC for '
        'topics, --ros-args -p NAME:=VALUE for parameters; --help lists them',
        file=sys.stderr,
    )
    return 2


def _not_for_ros(args: Sequence[str]) -> list[str]:
    """The arguments outside of `--ros-args ... [--]`."""
    found, for_ros = [], False
    for word in args:
        if word == '--ros-args':
            for_ros = True
        elif for_ros and word == '--':
            for_ros = False
        elif not for_ros:
            found.append(word)
    return found
