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
    'rosgraph_msgs',
    'sensor_msgs',
    'std_msgs',
    'tf2_msgs',
)
# Module of ROS 2 -> the module here whose public names it gets; None: an empty package.
MODULES: dict[str, str | None] = {
    'rclpy': None,
    'rclpy.serialization': 'mdepth_ros.standalone.serialization',
    **dict.fromkeys(MESSAGE_PACKAGES),
    **{f'{package}.msg': 'mdepth_ros.standalone.messages' for package in MESSAGE_PACKAGES},
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
        return ModuleSpec(fullname, self, is_package=MODULES[fullname] is None)

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
