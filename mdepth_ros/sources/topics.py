# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which topics of a bag are the camera: names only (REP-103/118 and image_transport habits)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.base import CAMERA_FRAME
from mdepth_ros.sources.recording import Topic

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'


def base_topic(topic: str) -> str:
    """Return the topic of the raw image that image_transport made this one from."""
    return topic.removesuffix('/compressed')


def is_rectified(topic: str) -> bool:
    """Tell whether the images of a topic are rectified already (image_rect, image_rect_color)."""
    return 'rect' in base_topic(topic).rpartition('/')[2].split('_')


def sibling_info(topic: str) -> str:
    """Return the camera_info topic that belongs to an image topic."""
    return base_topic(topic).rpartition('/')[0] + '/camera_info'


def camera_frame(of_image: str, of_info: str) -> str:
    """Return the optical frame of a camera from the frame_ids of its image and its camera_info.

    The image's counts (CameraInfo.msg wants both equal), the other where that is empty, and
    CAMERA_FRAME where both are. ROS 1 wrote a leading slash.
    """
    return of_image.lstrip('/') or of_info.lstrip('/') or CAMERA_FRAME


def choose_image(
    topics: Mapping[str, Topic], wanted: str | None, not_cameras: Collection[str] = ()
) -> str:
    """Return the image topic to read.

    Of one camera, image_raw comes before other images and raw before compressed. `not_cameras` are
    topics whose images turned out to be something else (depth).

    Raises MdepthError, listing the choices, where there is no camera or more than one.
    """
    images = [t for t in topics.values() if t.type in {IMAGE, COMPRESSED} and t.messages]
    if wanted is not None:
        name = '/' + wanted.lstrip('/')
        found = [t for t in (name, f'{name}/compressed', wanted) if t in {i.name for i in images}]
        if not found:
            raise MdepthError(f'no images on {name}; {_inventory(images, topics)}')
        return found[0]
    cameras = [t.name for t in images if not _is_depth(t.name) and t.name not in not_cameras]
    if not cameras:
        raise MdepthError(f'no camera in this bag; {_inventory([], topics)}')
    bases = sorted({base_topic(name) for name in cameras})
    if len(bases) > 1 and len({base.rpartition('/')[0] for base in bases}) == 1:
        raw = [base for base in bases if base.endswith('/image_raw')]
        bases = raw or bases
    if len(bases) > 1:
        raise MdepthError(f'{len(bases)} cameras in this bag: choose one by --topic {_or(bases)}')
    return bases[0] if bases[0] in cameras else f'{bases[0]}/compressed'


def _is_depth(name: str) -> bool:
    words = {'depth', 'disparity', 'compressedDepth', 'confidence', 'mask', 'semantic', 'instance'}
    return any(words & set(part.split('_')) for part in name.split('/'))


def _inventory(images: list[Topic], topics: Mapping[str, Topic]) -> str:
    if images:
        return 'image topics: ' + ', '.join(sorted(t.name for t in images))
    names = sorted(
        f'{t.name} ({t.type.rpartition("/")[2]}, {t.messages})' for t in topics.values()
    )
    return 'its topics are ' + ', '.join(names)


def _or(names: Collection[str]) -> str:
    return ' or '.join(names)
