# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ROS 2's Python interface where ROS 2 is not installed.

After `ensure()`, message code is written once, in plain rclpy idiom, and runs on both:

    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import Image

Where rclpy is installed these are the real ones, always; else a finder at the very end of
`sys.meta_path` serves the same names from here.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from ros2_standalone.errors import StandaloneError

__all__ = ['MESSAGE_PACKAGES', 'MODULES', 'StandaloneError', 'ensure']
__version__ = '0.1.0'

MESSAGE_PACKAGES = (
    'builtin_interfaces',
    'diagnostic_msgs',
    'geometry_msgs',
    'nav_msgs',
    'rcl_interfaces',
    'rmw_dds_common',
    'rosgraph_msgs',
    'sensor_msgs',
    'std_msgs',
    'tf2_msgs',
)
# Module of ROS 2 -> the module here whose public names it gets; None: an empty package.
MODULES: dict[str, str | None] = {
    'rclpy': 'ros2_standalone.top_level',
    'rclpy.callback_groups': 'ros2_standalone.callback_groups',
    'rclpy.client': 'ros2_standalone.services',
    'rclpy.clock': 'ros2_standalone.clock',
    'rclpy.clock_type': 'ros2_standalone.time',
    'rclpy.context': 'ros2_standalone.context',
    'rclpy.duration': 'ros2_standalone.time',
    'rclpy.event_handler': 'ros2_standalone.events',
    'rclpy.exceptions': 'ros2_standalone.exceptions',
    'rclpy.executors': 'ros2_standalone.executors',
    'rclpy.expand_topic_name': 'ros2_standalone.names',
    'rclpy.guard_condition': 'ros2_standalone.waiting',
    'rclpy.logging': 'ros2_standalone.logging',
    'rclpy.node': 'ros2_standalone.node',
    'rclpy.parameter': 'ros2_standalone.parameters',
    'rclpy.publisher': 'ros2_standalone.topics',
    'rclpy.qos': 'ros2_standalone.qos',
    'rclpy.qos_event': 'ros2_standalone.events',
    'rclpy.qos_overriding_options': 'ros2_standalone.qos_overrides',
    'rclpy.service': 'ros2_standalone.services',
    'rclpy.signals': 'ros2_standalone.signals',
    'rclpy.subscription': 'ros2_standalone.topics',
    'rclpy.task': 'ros2_standalone.task',
    'rclpy.time': 'ros2_standalone.time',
    'rclpy.timer': 'ros2_standalone.timers',
    'rclpy.topic_endpoint_info': 'ros2_standalone.node_graph',
    'rclpy.utilities': 'ros2_standalone.top_level',
    'rclpy.validate_full_topic_name': 'ros2_standalone.names',
    'rclpy.validate_namespace': 'ros2_standalone.names',
    'rclpy.validate_node_name': 'ros2_standalone.names',
    'rclpy.validate_topic_name': 'ros2_standalone.names',
    'rclpy.serialization': 'ros2_standalone.serialization',
    **dict.fromkeys(MESSAGE_PACKAGES),
    **{f'{package}.msg': 'ros2_standalone.messages' for package in MESSAGE_PACKAGES},
    'tf2_ros': 'ros2_standalone.tf2',
    'tf2_ros.buffer': 'ros2_standalone.tf2',
    'tf2_ros.static_transform_broadcaster': 'ros2_standalone.tf2',
    'tf2_ros.transform_broadcaster': 'ros2_standalone.tf2',
    'tf2_ros.transform_listener': 'ros2_standalone.tf2',
    'cv_bridge': 'ros2_standalone.cv_bridge',
    'diagnostic_updater': 'ros2_standalone.diagnostics',
    'sensor_msgs_py': None,
    'sensor_msgs_py.point_cloud2': 'ros2_standalone.point_cloud2',
    'std_srvs': None,
    'std_srvs.srv': 'ros2_standalone.service_types',
    'rcl_interfaces.srv': 'ros2_standalone.service_types',
}


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname not in MODULES:
            return None
        is_package = any(name.startswith(f'{fullname}.') for name in MODULES)
        return ModuleSpec(fullname, self, is_package=is_package)

    def exec_module(self, module: ModuleType) -> None:
        source = MODULES[module.__name__]
        if source is not None:
            names = importlib.import_module(source).public(module.__name__)
            module.__dict__.update(names, __all__=sorted(names))


def ensure() -> bool:
    """Make `sensor_msgs.msg` and its kin importable; True where they come from here, not from ROS.

    Raises StandaloneError where rclpy is on the path but does not work with this interpreter:
    half of ROS 2 and half of this would fail later, and less clearly.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return True
    if importlib.util.find_spec('rclpy') is None:
        sys.meta_path.append(_Finder())
        return True
    try:
        importlib.import_module('rclpy')
    except ImportError as error:
        version = f'{sys.version_info.major}.{sys.version_info.minor}'
        raise StandaloneError(
            f'ROS 2 is on the path but its rclpy does not load in Python {version}: run with the '
            'Python of that ROS 2, or in a shell that has not sourced it '
            f'({str(error).splitlines()[0]})'
        ) from error
    return False
