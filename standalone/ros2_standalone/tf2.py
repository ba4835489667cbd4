# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`tf2_ros`: transforms looked up by frame and time."""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any

from .clock import Clock, JumpThreshold, TimeJump
from .logging import get_logger
from .messages import message_class
from .rigid import Rigid
from .time import S_TO_NS, Duration, Time
from .transforms import (
    FrameTree,
    InvalidArgumentException,
    TransformException,
)

DEFAULT_CACHE = Duration(seconds=10)


class Buffer:
    """Transforms between frames, kept for a time (10 s).

    With a node, the buffer follows its clock: what moves is forgotten where time jumps back, as
    it does when a bag starts again. Any thread may ask.
    """

    def __init__(self, cache_time: Duration | None = None, node: Any = None) -> None:
        cache = DEFAULT_CACHE if cache_time is None else cache_time
        self._tree = FrameTree(cache.nanoseconds)
        self._changed = threading.Condition(threading.RLock())
        self._logger = get_logger('tf2_buffer')
        self.clock = Clock() if node is None else node.get_clock()
        back = JumpThreshold(
            min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=True
        )
        self.jump_handle = self.clock.create_jump_callback(back, post_callback=self._time_jumped)

    def _time_jumped(self, _: TimeJump) -> None:
        self._logger.warning('Time jumped back, or its source changed: the TF buffer is cleared')
        self.clear()

    def clear(self) -> None:
        """Forget all transforms but the static ones."""
        with self._changed:
            self._tree.clear()

    def set_transform(self, transform: Any, authority: str) -> None:
        """Add a TransformStamped of `authority`; what makes no sense is logged and ignored."""
        self._put(transform, authority, is_static=False)

    def set_transform_static(self, transform: Any, authority: str) -> None:
        """Add a TransformStamped that holds for all times; see set_transform."""
        self._put(transform, authority, is_static=True)

    def _put(self, stamped: Any, authority: str, *, is_static: bool) -> None:
        shift, turn = stamped.transform.translation, stamped.transform.rotation
        rigid = Rigid((shift.x, shift.y, shift.z), (turn.x, turn.y, turn.z, turn.w))
        frames = stamped.header.frame_id, stamped.child_frame_id
        stamp = _nanoseconds(stamped.header.stamp)
        try:
            with self._changed:
                self._tree.put(*frames, stamp, rigid, is_static=is_static, authority=authority)
                self._changed.notify_all()
        except InvalidArgumentException as error:
            self._logger.warning(str(error), throttle_duration_sec=2.5)

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Any, timeout: Duration | None = None
    ) -> Any:
        """TransformStamped that takes coordinates in the source frame to the target frame.

        time     a Time; Time() is the newest time for which all links have data
        timeout  how long to wait for it. A node that waits in a callback stops its executor, and
                 gets nothing new unless another thread spins the listener's node

        Raises LookupException, ConnectivityException, ExtrapolationException or
        InvalidArgumentException; all are TransformExceptions and name both frames.
        """
        asked = target_frame, source_frame, _nanoseconds(time)
        end = monotonic() + (0.0 if timeout is None else timeout.nanoseconds / S_TO_NS)
        with self._changed:
            while True:
                try:
                    rigid, stamp = self._tree.lookup(*asked)
                    return _message(target_frame, source_frame, rigid, stamp)
                except TransformException:
                    if (left := end - monotonic()) <= 0:
                        raise
                    self._changed.wait(left)

    def can_transform(
        self, target_frame: str, source_frame: str, time: Any, timeout: Duration | None = None
    ) -> bool:
        """Whether lookup_transform works, now or within a timeout."""
        try:
            self.lookup_transform(target_frame, source_frame, time, timeout)
        except TransformException:
            return False
        return True


def _nanoseconds(stamp: Any) -> int:
    """Nanoseconds of an rclpy Time or of a builtin_interfaces/Time."""
    if hasattr(stamp, 'nanosec'):
        return int(stamp.sec * S_TO_NS + stamp.nanosec)
    if not isinstance(stamp, Time):
        raise TypeError(f'time must be an rclpy.time.Time, not {type(stamp).__name__}')
    return stamp.nanoseconds


def _message(target: str, source: str, rigid: Rigid, stamp: int) -> Any:
    message = message_class('geometry_msgs/msg/TransformStamped')(child_frame_id=source)
    message.header.frame_id = target
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, S_TO_NS)
    shift, turn = message.transform.translation, message.transform.rotation
    shift.x, shift.y, shift.z = rigid.translation
    turn.x, turn.y, turn.z, turn.w = rigid.rotation
    return message
