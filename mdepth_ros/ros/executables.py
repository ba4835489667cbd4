# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The executables of the package: node NAME is started by `ros2 run mdepth_ros NAME_node`.

Exit status 0 for Ctrl-C, 1 for a failure, 2 for a mistake of the user. Importing this module loads
nothing that takes time.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mdepth_ros.ctrl_c import ctrl_c
from mdepth_ros.errors import MdepthError, shown
from mdepth_ros.ros.parameter import help_text
from mdepth_ros.ros.parameters import NODES

CHECK = 0.5  # seconds: how often the main loop checks whether the node has failed
USAGE = """usage: ros2 run mdepth_ros {name} --ros-args -r TOPIC:=OTHER -p PARAMETER:=VALUE

Topics to remap: {topics}. Or start it by
ros2 launch mdepth_ros mdepth.launch.py; --show-args lists its arguments.

Parameters, for -p and --params-file, with their defaults:

"""


class Executable(NamedTuple):
    """Where the class of a node is, and the topics that its --help names."""

    module: str
    node_class: str
    topics: str


EXECUTABLES = {
    'mdepth_node': Executable(
        'mdepth_ros.ros.mdepth_node', 'MdepthNode', 'image (camera_info is beside it), speed'
    ),
    'point_cloud_node': Executable(
        'mdepth_ros.ros.point_cloud_node',
        'PointCloudNode',
        'depth/image_rect, image (camera_info is beside each)',
    ),
}
OLD_NAMES = {'depth_odometry_node': 'mdepth_node'}
"""Executables of version 0.0; they work with a warning until the next version."""


def current_name(name: str) -> str:
    """The name of an executable today; an old one is warned of. MdepthError for an unknown one."""
    if name in OLD_NAMES:
        print(f'warning: {name} is now called {OLD_NAMES[name]}', file=sys.stderr)
        return OLD_NAMES[name]
    if name not in EXECUTABLES:
        raise MdepthError(f'there is no executable {name}: use {" or ".join(EXECUTABLES)}')
    return name


def main(name: str, args: Sequence[str] | None = None) -> int:
    """Run the node of an executable until Ctrl-C or its failure; returns the exit status.

    args  as rclpy.init takes them; None: the command line
    """
    given = sys.argv[1:] if args is None else args
    name = current_name(name)
    if {'-h', '--help'} & set(given):
        usage = USAGE.format(name=name, topics=EXECUTABLES[name].topics)
        print(usage + help_text(NODES[name]), end='')
        return 0
    if unknown := _not_for_ros(given):
        print(
            f'error: {shown(unknown[0])} is not understood: write --ros-args -r image:=TOPIC for '
            'topics, --ros-args -p NAME:=VALUE for parameters; --help lists them',
            file=sys.stderr,
        )
        return 2
    # Idle OpenMP threads that spin take the cores from everybody else. libgomp reads this once,
    # when torch is loaded.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    ctrl_c.leave_at_once()
    module, node_class, _ = EXECUTABLES[name]
    return run_node(getattr(importlib.import_module(module), node_class), args)


def program(name: str = '') -> None:
    """Run a node as a process of its own, by default the one that the process is named after."""
    ctrl_c.leave(main(name or os.path.basename(sys.argv[0])))  # noqa: PTH119 (loads pathlib)


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


def run_node(make: Callable[[], Any], args: Sequence[str] | None = None) -> int:
    """Make a node and spin it until Ctrl-C or its failure; returns the exit status.

    make  gives the node, a `BaseNode`; called after rclpy.init(args)
    """
    import rclpy
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor

    node, status, initialised = None, 0, False
    try:
        ctrl_c.interrupt()
        rclpy.init(args=None if args is None else list(args))
        initialised = True
        node = make()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while rclpy.ok() and not node.failure:
            executor.spin_once(timeout_sec=CHECK)
        if node.failure:
            node.get_logger().fatal(shown(node.failure))
            status = node.exit_status
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except MdepthError as error:
        status = _refuse(error)
    except Exception as error:
        if not initialised:  # arguments, or a parameter file, that do not parse
            status = _refuse(error)
        elif rclpy.ok():
            raise
        # Else Ctrl-C came while the node was made: rclpy was shut down beneath it.
    finally:
        _end(node, status, rclpy.try_shutdown)
    return status


def _refuse(error: Exception) -> int:
    print(f'error: {shown(str(error).strip().splitlines()[0])}', file=sys.stderr)
    return 2


def _end(node: Any, status: int, shutdown: Callable[[], object]) -> None:
    ctrl_c.ignore()
    done = True
    try:
        if node is not None:
            done = node.close()
            node.destroy_node()
        shutdown()
    except KeyboardInterrupt:  # a second one, where somebody else listens to it
        done = False
    ctrl_c.ignore()  # rclpy has put back what was before it
    if not done:
        # The networks are in a call that does not end soon, such as the start of CUDA. Python does
        # not wait for their thread, but would take torch away beneath it.
        ctrl_c.leave(status)


def mdepth_node() -> None:
    """Entry point."""
    program('mdepth_node')


def point_cloud_node() -> None:
    """Entry point."""
    program('point_cloud_node')


def depth_odometry_node() -> None:
    """Entry point of an old name."""
    program('depth_odometry_node')


if __name__ == '__main__':
    program(sys.argv.pop(1))
