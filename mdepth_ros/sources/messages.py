# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A bag as deserialised messages; those that cannot be read are counted as lost."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros import conversions  # before any message: makes them importable
from mdepth_ros.sources.base import Losses, RawMessage, StaticTransforms
from mdepth_ros.sources.recording import Recording
from mdepth_ros.sources.stored import first_line

# isort: split
from rclpy.serialization import deserialize_message


class Messages:
    """The messages of a bag that is open for reading."""

    def __init__(self, path: Path) -> None:
        self.recording = Recording(path)

    def topics(self, *kinds: str) -> list[str]:
        """Names of the topics of some types that hold messages, sorted."""
        found = self.recording.topics.values()
        return sorted(t.name for t in found if t.type in kinds and t.messages)

    def read(self, *topics: str) -> Iterator[tuple[RawMessage, Any]]:
        """Every message of some topics, as it was recorded and as one of rclpy, in bag order."""
        for raw in self.recording.messages(topics):
            try:
                message = deserialize_message(raw.data, _message_class(raw.type))
            except Exception as error:  # rclpy and its stand-in have errors of their own
                self.recording.skip(raw.topic, raw.time, first_line(error))
            else:
                yield raw, message

    def first(self, topic: str) -> Any:
        """The first message of a topic that can be read, None without any."""
        return next((message for _, message in self.read(topic)), None)

    def static_transforms(self, *topics: str) -> StaticTransforms:
        """The tree of the messages of some topics, which are of tf2_msgs/TFMessage."""
        messages = (message for _, message in self.read(*topics))
        return static_transforms(messages, self.recording.losses)


def static_transforms(messages: Iterable[Any], losses: Losses) -> StaticTransforms:
    """The tree of TFMessages; transforms that are none are counted as lost."""
    tree = StaticTransforms()
    for edge in (edge for message in messages for edge in message.transforms):
        try:
            matrix = conversions.transform_to_matrix(edge.transform)
        except MdepthError as error:
            losses.add('static transforms skipped', str(error))
            continue
        tree.add(edge.header.frame_id, edge.child_frame_id, matrix)
    return tree


@functools.cache
def _message_class(kind: str) -> Any:
    package, _, name = kind.partition('/msg/')
    return getattr(importlib.import_module(f'{package}.msg'), name)
