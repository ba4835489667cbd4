# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.callback_groups`: which callbacks may run at once. In one thread no two ever do."""

from __future__ import annotations


class CallbackGroup:
    """Callbacks that belong together."""


class MutuallyExclusiveCallbackGroup(CallbackGroup):
    """Callbacks of this group run one after the other."""


class ReentrantCallbackGroup(CallbackGroup):
    """Callbacks of this group may run at the same time, where an executor has several threads."""
