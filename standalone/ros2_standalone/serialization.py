# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.serialization` by rosbags: messages <-> CDR (XCDR1 with its 4-byte header)."""

from __future__ import annotations

from typing import Any

from .definitions import definitions
from .messages import wire_types


def serialize_message(message: Any) -> bytes:
    """CDR of a message, in the byte order of this machine."""
    return bytes(definitions().serialize_cdr(message._to_wire(), message.__msgtype__))


def deserialize_message(serialized_message: Any, message_type: Any) -> Any:
    """Message of a CDR buffer of either byte order.

    Raises RuntimeError, as rclpy does, for a buffer that does not hold such a message.
    """
    try:
        data = memoryview(serialized_message)  # slices of it are not copies
        return wire_types().deserialize_cdr(data, message_type.__msgtype__)
    except Exception as error:  # rosbags has one of its own for most, not for all that there is
        raise RuntimeError(f'failed to deserialize ROS message: {error}') from error
