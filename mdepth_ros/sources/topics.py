# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which topics of a bag are the camera: names only (REP-103/118 and image_transport habits)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from mdepth_ros.core.types import CAMERA_FRAME
from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.base import absolute
from mdepth_ros.sources.recording import Topic

if TYPE_CHECKING:
    from mdepth_ros.geometry import Camera

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
_WORD = re.compile('[A-Z]+(?![a-z])|[A-Z]?[a-z]+')
_RECTIFIED = {'rect', 'rectified', 'rectify', 'imagerect', 'undist', 'undistort', 'undistorted'}
_DISTORTED = {'raw', 'distorted', 'unrect'}
_NOT = {'not', 'no', 'non', 'un', 'pre', 'before', 'to', 'be'}


def base_topic(topic: str) -> str:
    """Return the topic of the raw image that image_transport made this one from."""
    return topic.removesuffix('/compressed')


def says_rectified(topic: str) -> tuple[bool, bool]:
    """Whether the images of a topic are rectified already, by its name, and whether that is sure.

    image_rect_color, imageRect, image_undistorted are, image_raw is not: that is sure. rect/image,
    whose last part does not say it, is a guess, and so is what no part says, or what one part says
    and another denies (rectified/image_raw): not rectified.
    """
    said = [_says(part) for part in base_topic(topic).split('/') if part][::-1]
    known = [one for one in said if one is not None]
    if not known:
        return False, False
    return known[0], said[0] is not None and (known[0] or not any(known))


def _says(part: str) -> bool | None:
    """Whether a part of a topic's name means rectified images; None: it does not say."""
    words = [word.lower() for word in _WORD.findall(part)]
    for before, word in zip(['', *words], words, strict=False):
        if word in _RECTIFIED or word.endswith(('rectified', 'undistorted')):
            opposite = word not in _RECTIFIED and word.startswith(('un', 'non', 'not'))
            return not opposite and before not in _NOT
    return False if _DISTORTED & set(words) else None


def as_arrives(
    camera: Camera, topic: str, said: bool | None, option: str = 'add --{}'
) -> tuple[Camera, str]:
    """The camera of the images of a topic as they arrive, from that of their camera_info.

    The camera_info of a rectified image describes the image before; P is what is left.

    said    whether the images are rectified, where a person said it; None: the name tells
    option  how a person says it, with {} for 'rectified' or 'unrectified'

    Also a line for a person; '' where nothing was guessed, or where it is all the same.
    """
    rectified, sure = says_rectified(topic) if said is None else (said, True)
    pinhole = camera.pinhole()
    if sure or camera == pinhole:
        return (pinhole if rectified else camera), ''
    states = ['rectified', 'not rectified']
    taken, other = states if rectified else states[::-1]
    remedy = option.format(other.replace('not ', 'un'))
    return (pinhole if rectified else camera), (
        f'{topic} is taken for {taken}, which its name does not tell for sure and makes a '
        f'difference: if its images are {other}, {remedy}'
    )


def sibling_infos(topic: str) -> tuple[str, ...]:
    """Return where the camera_info of an image topic may be, the nearest first.

    The last is the one of image_transport, beside the base topic. What ends in /compressed may
    also be the name of a camera's own topic, whose camera_info is then beside that.
    """
    beside = (f'{t.rpartition("/")[0]}/camera_info' for t in (topic, base_topic(topic)))
    return tuple(dict.fromkeys(beside))


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
        name, there = absolute(wanted), {image.name for image in images}
        for topic in (name, f'{name}/compressed'):
            if topic in there:
                return topic
        raise MdepthError(f'no images on {name}; {_inventory(images, topics)}')
    cameras = [t.name for t in images if not _is_depth(t.name) and t.name not in not_cameras]
    if not cameras:
        raise MdepthError(f'no camera in this bag; {_inventory([], topics)}')
    bases = sorted({base_topic(name) for name in cameras})
    if len(bases) > 1 and len({base.rpartition('/')[0] for base in bases}) == 1:
        raw = [base for base in bases if base.endswith('/image_raw')]
        bases = raw or bases
    if len(bases) > 1:
        found = ' or '.join(bases)
        raise MdepthError(f'{len(bases)} cameras in this bag: choose one by --topic {found}')
    return bases[0] if bases[0] in cameras else f'{bases[0]}/compressed'


def _is_depth(name: str) -> bool:
    words = {'depth', 'disparity', 'compressedDepth', 'confidence', 'mask', 'semantic', 'instance'}
    return any(words & set(part.split('_')) for part in name.split('/'))


def _inventory(images: list[Topic], topics: Mapping[str, Topic]) -> str:
    if images:
        return 'image topics: ' + ', '.join(sorted(t.name for t in images))
    names = sorted(f'{t.name} ({_short(t.type)}, {t.messages})' for t in topics.values())
    return 'its topics are ' + ', '.join(names)


def _short(kind: str) -> str:
    """The name of a type; with its package where that is all that makes it no camera's."""
    name = kind.rpartition('/')[2]
    return kind if name.endswith('Image') else name
