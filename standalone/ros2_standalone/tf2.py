# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`tf2_ros`: transforms looked up by frame and time."""

from __future__ import annotations

import threading
import time
from typing import Any

from .clock import Clock, JumpThreshold, TimeJump
from .logging import get_logger
from .messages import message_class
from .time import S_TO_NS, Duration, Time
from .transforms import (
    ConnectivityException,
    ExtrapolationException,
    FrameTree,
    InvalidArgumentException,
    LookupException,
    Rigid,
    TimeoutException,
    TransformException,
    seconds,
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
        header, shift, turn = (
            stamped.header,
            stamped.transform.translation,
            stamped.transform.rotation,
        )
        rigid = Rigid((shift.x, shift.y, shift.z), (turn.x, turn.y, turn.z, turn.w))
        stamp = header.stamp.sec * S_TO_NS + header.stamp.nanosec
        try:
            with self._changed:
                self._tree.put(
                    header.frame_id,
                    stamped.child_frame_id,
                    stamp,
                    rigid,
                    is_static=is_static,
                    authority=authority,
                )
                self._changed.notify_all()
        except InvalidArgumentException as error:
            self._logger.warning(str(error), throttle_duration_sec=2.5)

    def lookup_transform_core(self, target_frame: str, source_frame: str, time: Any) -> Any:
        """Like lookup_transform, but never waits."""
        with self._changed:
            rigid, stamp = self._tree.lookup(target_frame, source_frame, _nanoseconds(time))
        return _message(target_frame, source_frame, rigid, stamp)

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Any, timeout: Duration | None = None
    ) -> Any:
        """TransformStamped that takes coordinates in the source frame to the target frame.

        time     a Time; Time() is the newest time for which all links have data
        timeout  how long to wait for it. A node that waits in a callback stops its executor,
                 and gets nothing new unless the listener has a thread of its own

        Raises LookupException, ConnectivityException, ExtrapolationException or
        InvalidArgumentException; all are TransformExceptions and name both frames.
        """
        self.can_transform(target_frame, source_frame, time, timeout)
        return self.lookup_transform_core(target_frame, source_frame, time)

    def can_transform_core(
        self, target_frame: str, source_frame: str, time: Any
    ) -> tuple[bool, str]:
        """Whether lookup_transform would work now, and if not, why."""
        try:
            with self._changed:
                self._tree.lookup(target_frame, source_frame, _nanoseconds(time))
        except TransformException as error:
            return False, str(error)
        return True, ''

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Any,
        timeout: Duration | None = None,
        return_debug_tuple: bool = False,
    ) -> Any:
        """Whether lookup_transform works, now or within a timeout; with why not as a tuple."""
        limit = 0.0 if timeout is None else timeout.nanoseconds / S_TO_NS
        with self._changed:
            answer = self.can_transform_core(target_frame, source_frame, time)
            end = _now() + limit
            while not answer[0] and (left := end - _now()) > 0:
                self._changed.wait(left)
                answer = self.can_transform_core(target_frame, source_frame, time)
        return answer if return_debug_tuple else answer[0]

    def get_latest_common_time(self, target_frame: str, source_frame: str) -> Time:
        """Newest time for which all links between two frames have data; 0: all are static."""
        with self._changed:
            return Time(nanoseconds=self._tree.lookup(target_frame, source_frame, 0)[1])

    def all_frames_as_string(self) -> str:
        """The tree, one line per frame that has a parent."""
        with self._changed:
            lines = [
                f'Frame {child} exists with parent {link.parent or "NO_PARENT"}.\n'
                for child, link in self._tree.links.items()
            ]
        return ''.join(lines)

    def all_frames_as_yaml(self) -> str:
        """The tree as YAML: parent, broadcaster, rate (Hz), times (s) of each frame."""
        entries = []
        with self._changed:
            for child, link in self._tree.links.items():
                if link.parent is None:
                    continue
                length = (link.newest - link.oldest) / S_TO_NS
                entries.append(
                    f'{child}:\n'
                    f"  parent: '{link.parent}'\n"
                    f"  broadcaster: '{link.authority}'\n"
                    f'  rate: {link.count / max(length, 1e-4):.3f}\n'
                    f'  most_recent_transform: {seconds(link.newest)}\n'
                    f'  oldest_transform: {seconds(link.oldest)}\n'
                    f'  buffer_length: {length:.3f}\n'
                )
        return ''.join(entries) or '[]'

    def _frameExists(self, frame: str) -> bool:  # noqa: N802 (tf2's name)
        with self._changed:
            return frame in self._tree.frames()

    def _getFrameStrings(self) -> list[str]:  # noqa: N802 (tf2's name)
        with self._changed:
            return self._tree.frames()


def _now() -> float:
    return time.monotonic()


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


def public(module: str) -> dict[str, Any]:
    """The names that `tf2_ros` and its modules have."""
    from .tf2_topics import StaticTransformBroadcaster, TransformBroadcaster, TransformListener

    classes = (
        Buffer,
        TransformListener,
        TransformBroadcaster,
        StaticTransformBroadcaster,
        TransformException,
        LookupException,
        ConnectivityException,
        ExtrapolationException,
        InvalidArgumentException,
        TimeoutException,
    )
    return {cls.__name__: cls for cls in classes}
