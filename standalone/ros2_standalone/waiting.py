# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What executors wait for; `rclpy.guard_condition` is one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .callback_groups import CallbackGroup
from .context import Context
from .dds import Guard


class Waitable:
    """Something that an executor waits for: handles of DDS that wake it, and what to do then."""

    def __init__(self, callback_group: CallbackGroup | None) -> None:
        self.callback_group = callback_group
        self._destroyed = False
        if callback_group is not None:
            callback_group.add_entity(self)

    @property
    def handles(self) -> tuple[int, ...]:
        """DDS handles that wake an executor for this."""
        return ()

    def execute(self) -> bool:
        """Do one piece of work, such as one callback; False where there was nothing to do."""
        return False

    def destroy(self) -> None:
        """Give up; execute() does nothing from now on."""
        self._destroyed = True


class Receiver(Waitable):
    """Waits for messages: taking one and calling back are two steps.

    takes  name of the executor's method that takes, as in rclpy
    """

    takes: ClassVar[str]

    def take(self) -> Callable[[], Any] | None:
        """What is to be called for the oldest message that waits; None without one.

        Raises RuntimeError for bytes that are no such message; they are gone then.
        """
        raise NotImplementedError

    def execute(self) -> bool:
        """Take, and call."""
        work = self.take()
        if work is not None:
            work()
        return work is not None


class GuardCondition(Waitable):
    """Calls back in an executor after trigger() in any thread."""

    def __init__(
        self, callback: Callable[[], Any] | None, callback_group: Any, context: Context
    ) -> None:
        super().__init__(callback_group)
        self.callback = callback
        self._guard = Guard(context.participant)

    @property
    def handles(self) -> tuple[int, ...]:
        """The handle of the guard."""
        return (self._guard.handle,)

    def trigger(self) -> None:
        """Have the callback called soon, once for any number of triggers until then."""
        self._guard.trigger()

    def execute(self) -> bool:
        """Call back."""
        if self._destroyed:
            return False
        self._guard.clear()
        if self.callback is not None:
            self.callback()
        return True

    def destroy(self) -> None:
        """Delete the guard."""
        if not self._destroyed:
            self._guard.delete()
        super().destroy()


def public(module: str) -> dict[str, Any]:
    """The names that `rclpy.guard_condition` has."""
    return {'GuardCondition': GuardCondition}
