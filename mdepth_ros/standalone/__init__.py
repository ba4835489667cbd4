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

from mdepth_ros.errors import MdepthError

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
    'rclpy': 'mdepth_ros.standalone.top_level',
    'rclpy.callback_groups': 'mdepth_ros.standalone.callback_groups',
    'rclpy.client': 'mdepth_ros.standalone.services',
    'rclpy.clock': 'mdepth_ros.standalone.clock',
    'rclpy.clock_type': 'mdepth_ros.standalone.time',
    'rclpy.context': 'mdepth_ros.standalone.context',
    'rclpy.duration': 'mdepth_ros.standalone.time',
    'rclpy.event_handler': 'mdepth_ros.standalone.events',
    'rclpy.exceptions': 'mdepth_ros.standalone.exceptions',
    'rclpy.executors': 'mdepth_ros.standalone.executors',
    'rclpy.expand_topic_name': 'mdepth_ros.standalone.names',
    'rclpy.guard_condition': 'mdepth_ros.standalone.waiting',
    'rclpy.logging': 'mdepth_ros.standalone.logging',
    'rclpy.node': 'mdepth_ros.standalone.node',
    'rclpy.parameter': 'mdepth_ros.standalone.parameters',
    'rclpy.publisher': 'mdepth_ros.standalone.topics',
    'rclpy.qos': 'mdepth_ros.standalone.qos',
    'rclpy.qos_event': 'mdepth_ros.standalone.events',
    'rclpy.qos_overriding_options': 'mdepth_ros.standalone.qos_overrides',
    'rclpy.service': 'mdepth_ros.standalone.services',
    'rclpy.signals': 'mdepth_ros.standalone.signals',
    'rclpy.subscription': 'mdepth_ros.standalone.topics',
    'rclpy.task': 'mdepth_ros.standalone.task',
    'rclpy.time': 'mdepth_ros.standalone.time',
    'rclpy.timer': 'mdepth_ros.standalone.timers',
    'rclpy.topic_endpoint_info': 'mdepth_ros.standalone.node_graph',
    'rclpy.utilities': 'mdepth_ros.standalone.top_level',
    'rclpy.validate_full_topic_name': 'mdepth_ros.standalone.names',
    'rclpy.validate_namespace': 'mdepth_ros.standalone.names',
    'rclpy.validate_node_name': 'mdepth_ros.standalone.names',
    'rclpy.validate_topic_name': 'mdepth_ros.standalone.names',
    'rclpy.serialization': 'mdepth_ros.standalone.serialization',
    **dict.fromkeys(MESSAGE_PACKAGES),
    **{f'{package}.msg': 'mdepth_ros.standalone.messages' for package in MESSAGE_PACKAGES},
    'tf2_ros': 'mdepth_ros.standalone.tf2',
    'tf2_ros.buffer': 'mdepth_ros.standalone.tf2',
    'tf2_ros.static_transform_broadcaster': 'mdepth_ros.standalone.tf2',
    'tf2_ros.transform_broadcaster': 'mdepth_ros.standalone.tf2',
    'tf2_ros.transform_listener': 'mdepth_ros.standalone.tf2',
    'diagnostic_updater': 'mdepth_ros.standalone.diagnostics',
    'std_srvs': None,
    'std_srvs.srv': 'mdepth_ros.standalone.service_types',
    'rcl_interfaces.srv': 'mdepth_ros.standalone.service_types',
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

    Raises MdepthError where rclpy is on the path but does not work with this interpreter: half of
    ROS 2 and half of this would fail later, and less clearly.
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
        raise MdepthError(
            f'ROS 2 is on the path but its rclpy does not load in Python {version}: run with the '
            'Python of that ROS 2, or in a shell that has not sourced it '
            f'({str(error).splitlines()[0]})'
        ) from error
    return False
