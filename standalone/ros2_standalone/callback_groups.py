# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.callback_groups`: which callbacks may run at the same time."""

from __future__ import annotations

import weakref
from typing import Any


class CallbackGroup:
    """Callbacks that belong together; with executors of one thread none run at the same time."""

    def __init__(self) -> None:
        self._entities: weakref.WeakSet[Any] = weakref.WeakSet()

    def add_entity(self, entity: Any) -> None:
        """Put something that calls back into this group."""
        self._entities.add(entity)

    def has_entity(self, entity: Any) -> bool:
        """Whether something is in this group."""
        return entity in self._entities


class MutuallyExclusiveCallbackGroup(CallbackGroup):
    """Callbacks of this group run one after the other."""


class ReentrantCallbackGroup(CallbackGroup):
    """Callbacks of this group may run at the same time, where an executor has several threads."""


def public(module: str) -> dict[str, Any]:
    """The names that `rclpy.callback_groups` has."""
    groups = (CallbackGroup, MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup)
    return {item.__name__: item for item in groups}
