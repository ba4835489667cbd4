# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which topics the images of a camera and its camera_info are on; types decide, not names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mdepth_ros.ros.qos import Endpoints
from mdepth_ros.sources.topics import base_topic, sibling_infos

TYPES = {'Image': Image, 'CompressedImage': CompressedImage, 'CameraInfo': CameraInfo}
Place = tuple[str, str]  # absolute topic, and a name of TYPES


def resolved(node: Any, name: str) -> tuple[str, bool]:
    """Absolute topic of a relative name, and whether a rule remaps it."""
    topic = node.resolve_topic_name(name)
    return topic, topic != node.resolve_topic_name(name, only_expand=True)


class TopicChoice:
    """Listens to one of several topics and types: to the first that somebody publishes.

    candidates  in order of preference
    start       index of the one that is listened to while nobody publishes any

    `topic` and `kind` say what is listened to; `choose` looks again.
    """

    def __init__(
        self,
        node: Any,
        endpoints: Endpoints,
        candidates: Sequence[Place],
        callback: Callable[[Any], None],
        start: int = 0,
    ) -> None:
        self._node, self._endpoints, self._callback = node, endpoints, callback
        self.candidates = tuple(candidates)
        self.topic, self.kind = self.candidates[start]
        self._subscription: Any = None

    def choose(self) -> None:
        """Listen to the first candidate that is published; stay where none is."""
        now = self.topic, self.kind
        published = (place for place in self.candidates if self.publishers(*place))
        chosen = next(published, None)
        if chosen is not None:
            self._endpoints.warn_of_others(chosen[0], [topic for topic, _ in self.candidates])
        topic, kind = chosen or now
        if self._subscription is None or (topic, kind) != now:
            self.stop()
            self.topic, self.kind = topic, kind
            self._subscription = self._endpoints.subscription(TYPES[kind], topic, self._callback)

    def stop(self) -> None:
        """Listen no more, until `choose`."""
        if self._subscription is not None:
            self._endpoints.unsubscribe(self._subscription)
            self._subscription = None

    def publishers(self, topic: str, kind: str) -> tuple[str, ...]:
        """Names of the nodes that publish a topic as sensor_msgs `kind`."""
        return tuple(
            info.node_name
            for info in self._node.get_publishers_info_by_topic(topic)
            if info.topic_type == f'sensor_msgs/msg/{kind}'
        )

    def __str__(self) -> str:
        """The topics, for a person: '/image or /image/compressed'."""
        return ' or '.join(dict.fromkeys(topic for topic, _ in self.candidates))


class ImageTopic(TopicChoice):
    """The images of a camera, in the transport that somebody publishes.

    name       relative name of the images; `<name>/compressed` follows its remapping, unless it is
               remapped itself. Either may be of either type: drivers name topics as they like
    transport  'raw', 'compressed', or 'auto': raw where it is published, else compressed. Whoever
               remaps `image` to `/camera/image_raw/compressed` means just that topic

    `others` are the topics that `transport` leaves out.
    """

    def __init__(
        self,
        node: Any,
        endpoints: Endpoints,
        name: str,
        transport: str,
        callback: Callable[[Any], None],
    ) -> None:
        base, _ = resolved(node, name)
        packed, own = resolved(node, f'{name}/compressed')
        one_alone = base != base_topic(base) and not own
        raw_beside = [(base_topic(base), 'Image')] if one_alone else []
        if one_alone:
            places = [(base, 'CompressedImage'), (base, 'Image')]
            places += raw_beside if transport == 'raw' else []
        else:
            packed = packed if own else f'{base}/compressed'
            places = [(base, 'Image'), (packed, 'CompressedImage'), (base, 'CompressedImage')]
            places += [(packed, 'Image')] if own else []
        wanted = {'raw': ['Image'], 'compressed': ['CompressedImage']}.get(transport, [*TYPES])
        super().__init__(node, endpoints, [p for p in places if p[1] in wanted], callback)
        self.others = [p for p in places if p[1] not in wanted]
        self.others += [p for p in raw_beside if p not in places]


def info_places(node: Any, image: str, info: str) -> list[Place]:
    """Where the camera_info of an image may be: its own remapping, else a sibling of the image.

    image, info  relative names. The siblings are those of the *resolved* image topic, also where
                 this is a compressed one (image_transport: the camera_info is in the namespace of
                 the base topic). The last is the likeliest
    """
    topic, remapped = resolved(node, info)
    if remapped:
        return [(topic, 'CameraInfo')]
    packed, own = resolved(node, f'{image}/compressed')
    topics = [*(sibling_infos(packed) if own else ()), *sibling_infos(resolved(node, image)[0])]
    return [(topic, 'CameraInfo') for topic in dict.fromkeys(topics)]


def info_choice(
    node: Any, endpoints: Endpoints, image: str, info: str, callback: Callable[[Any], None]
) -> TopicChoice:
    """The camera_info of an image; see `info_places`."""
    return TopicChoice(node, endpoints, info_places(node, image, info), callback, start=-1)
