# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What executors wait for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Waitable:
    """Something that an executor waits for: handles of DDS that wake it, and what to do then."""

    def __init__(self) -> None:
        self._destroyed = False

    @property
    def handles(self) -> tuple[int, ...]:
        """DDS handles that wake an executor for this."""
        return ()

    def take(self) -> Callable[[], Any] | None:
        """What is to be called for the oldest message that waits; None without one.

        Raises RuntimeError for bytes that are no such message; they are gone then.
        """
        return None

    def execute(self) -> bool:
        """Do one piece of work, such as one callback; False where there was nothing to do."""
        if (work := self.take()) is None:
            return False
        work()
        return True

    def destroy(self) -> None:
        """Give up; execute() does nothing from now on."""
        self._destroyed = True
