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
from ros2_standalone.served import MESSAGE_PACKAGES, MODULES

__all__ = ['MESSAGE_PACKAGES', 'MODULES', 'StandaloneError', 'ensure']
__version__ = '0.1.0'


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
        found: dict[str, object] = {}
        for source, names in MODULES[module.__name__].items():
            here = importlib.import_module(f'{__name__}.{source}')
            served = {name: getattr(here, name) for name in names.split()}
            found |= served or here.public(module.__name__)
        module.__dict__.update(found, __all__=sorted(found))


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
