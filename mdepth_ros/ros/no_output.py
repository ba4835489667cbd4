# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Why is there no output? One line for each cause, with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

# For bags that do not say that their /tf_static is latched.
PLAY_QOS = (
    '--qos-profile-overrides-path $(ros2 pkg prefix --share mdepth_ros)/config/play_qos.yaml'
)
GRACE = 5.0  # s without output, from the start or a new publisher on, that are no fault
CHECK_PERIOD = 0.5  # s between two checks of the graph
PLAYERS = ('rosbag2_player', 'mdepth_player')  # how the names of such nodes begin


class Cause(NamedTuple):
    """Why there is no output.

    line      '' where there is no cause
    expected  it is as somebody wanted it: no fault, and logged once
    """

    line: str = ''
    expected: bool = False


@dataclass(frozen=True)
class Facts:
    """What is known about one camera and its inputs; the defaults are those of a healthy one."""

    image: str  # topic that is listened to
    info: str  # topic of its camera_info
    enabled: bool = True  # what `~/enable` said
    model_problem: str = ''  # why the model did not load, or why its steps fail
    model_ready: bool = True  # it is loaded and warm
    stuck: bool = False  # a step has been going on for longer than the timeout
    image_type: str = 'Image'  # or 'CompressedImage'
    images_arrive: bool = True  # an image came within the timeout
    publishers: tuple[str, ...] = ('camera',)  # nodes that publish `image` in that type
    before: tuple[str, ...] = ()  # those that did when the last image came
    other: str = ''  # topic of the transport that is not listened to
    other_publishers: tuple[str, ...] = ()  # its nodes
    transport: str = 'auto'  # parameter image_transport
    image_topics: tuple[str, ...] = ()  # all topics of images that others publish
    # (topic, type) of what is published on `image`, or below it by an image_transport, and cannot
    # be read here
    unreadable: tuple[tuple[str, str], ...] = ()
    incompatible: tuple[tuple[str, str], ...] = ()  # (topic, policy) of incompatible QoS
    info_publishers: tuple[str, ...] = ('camera',)  # nodes that publish `info`
    camera_known: bool = True  # a camera_info came that can be used
    camera_problem: str = ''  # why the last camera_info, or its image, cannot be used
    use_sim_time: bool = False  # the node's clock is /clock
    clock_publishers: tuple[str, ...] = ()  # nodes that publish it
    clock_before: bool = False  # somebody did


def why_no_output(facts: Facts) -> Cause:
    """The first reason that is found; none where none is known."""
    if not facts.enabled:
        return Cause('disabled: call the service ~/enable with data: true to go on', expected=True)
    if not facts.images_arrive and not facts.model_problem and (line := _over(facts)):
        return Cause(line, expected=True)
    return Cause(next(_faults(facts), ''))


def _over(facts: Facts) -> str:
    """The line for a bag that has ended, from which the images came; '' where that is not known.

    Where none came, something is wrong, such as the name of their topic: see `_no_images`.
    """
    if facts.publishers or facts.other_publishers or not facts.before:
        return ''
    players = [name for name in facts.before if name.startswith(PLAYERS)]
    if players:
        return f'the bag is over: {", ".join(players)} has ended; {facts.image} may start again'
    if facts.use_sim_time and facts.clock_before and not facts.clock_publishers:
        return f'the bag or simulation is over: nobody publishes {facts.image} and /clock any more'
    return ''


def _faults(facts: Facts) -> Iterator[str]:
    if facts.model_problem:
        yield facts.model_problem
    if not facts.images_arrive:
        yield from _no_images(facts)
    if facts.camera_problem:
        yield facts.camera_problem
    if not facts.camera_known:
        yield from _no_camera_info(facts)
    if not facts.model_ready:
        yield 'the model is being loaded and warmed up: wait'
    if facts.stuck:
        yield 'a step of the networks does not end: the device is busy or hangs'


def _incompatible(facts: Facts, topic: str) -> Iterator[str]:
    policy = dict(facts.incompatible).get(topic)
    if policy is not None:
        yield (
            f'{topic}: its publisher has an incompatible QoS, policy {policy}: set '
            f'qos_overrides.{topic}.subscription.{policy}, or change the publisher'
        )


def _no_images(facts: Facts) -> Iterator[str]:
    yield from _incompatible(facts, facts.image)
    if not facts.publishers and facts.other_publishers:
        remedy = (
            f'remap image to {facts.other}'
            if facts.transport == 'auto'
            else f'image_transport is {facts.transport}, set it to auto'
        )
        yield (
            f'nobody publishes {facts.image} as {facts.image_type}, but {facts.other} is '
            f'published: {remedy}'
        )
    if not facts.publishers:
        for topic, kind in facts.unreadable:
            yield (
                f'{topic} is published as {kind}, but images are read as sensor_msgs Image or '
                'CompressedImage: remap image, or convert it (ros2 run image_transport republish)'
            )
    if not (facts.publishers or facts.clock_publishers or facts.before) and facts.clock_before:
        yield (
            f'the bag or simulation is over and had no images on {facts.image}: remap image to a '
            'topic that it has (ros2 bag info)'
        )
    if facts.use_sim_time and not facts.clock_publishers:
        gone = ' any more' if facts.clock_before else ''
        yield (
            f'no image arrives on {facts.image}, and use_sim_time is true but nobody publishes '
            f'/clock{gone}: play the bag with --clock, or set use_sim_time to false'
        )
    if not facts.publishers and facts.before:
        yield (
            f'{", ".join(facts.before)} published {facts.image}, but not any more: it has ended '
            'or cannot be reached; start it again'
        )
    if not facts.publishers:
        there = ', '.join(topic for topic in facts.image_topics if topic != facts.image)
        remedy = (
            f'images are on {there}: remap image to one of them'
            if there
            else 'and no images are published at all: start the camera, and check ROS_DOMAIN_ID'
        )
        yield f'nobody publishes {facts.image}; {remedy}'
    yield (
        f'{facts.image} is published by {", ".join(facts.publishers)}, but no image arrives: is '
        'the camera running, or the bag paused? Large images may need larger network buffers'
    )


def _no_camera_info(facts: Facts) -> Iterator[str]:
    yield from _incompatible(facts, facts.info)
    if facts.info_publishers:
        yield f'images arrive, but no camera_info on {facts.info}, which is published: wait for it'
    yield (
        f'images arrive, but nobody publishes their camera_info on {facts.info}: remap '
        'camera_info to the right topic, or make the camera publish it'
    )


def why_no_odometry(
    base_frame: str, camera_frame: str, problem: str, unlatched: tuple[str, ...] = ()
) -> str:
    """One line about extrinsics that TF does not have.

    unlatched  nodes whose /tf_static is volatile: no listener of TF takes it
    """
    start = f'no odometry: TF does not connect {base_frame} with {camera_frame}'
    if unlatched:
        return (
            f'{start}, and {", ".join(unlatched)} publishes /tf_static as volatile, which TF '
            f'listeners refuse: add to `ros2 bag play`: {PLAY_QOS} (mdepth play needs nothing)'
        )
    return (
        f'{start}; publish the static transform of the camera, or set base_frame to a frame that '
        f'is connected ({problem})'
    )


def why_no_height(ground_frame: str, camera_frame: str, problem: str) -> str:
    """One line about the height of a camera that TF does not give."""
    return (
        f'the scale needs the height of the camera, but TF does not give that of {camera_frame} '
        f'above {ground_frame}: set camera_height, or ground_frame to a frame on the road '
        f'({problem})'
    )


def why_no_speed(topic: str, kinds: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    """One line about a speed that the scale needs and that does not come.

    kinds   types in which the topic is published
    wanted  types that are understood
    """
    start = f'the scale needs a speed, but none arrives on {topic}'
    if not kinds:
        return f'{start}, which nobody publishes: remap speed to an odometry of the vehicle'
    if not set(kinds) & set(wanted):
        return f'{start}, which is {", ".join(kinds)}: remap speed to {" or ".join(wanted)}'
    return f'{start}, which is published: wait for it'


class Announcer:
    """Says a line when it is new, and again every so many seconds for as long as it holds.

    repeat  seconds; a line that changes is said at once
    """

    def __init__(self, repeat: float = 30.0) -> None:
        self._repeat = repeat
        self._line = ''
        self._said = 0.0

    @property
    def holds(self) -> bool:
        """Whether something was said that still holds."""
        return bool(self._line)

    def due(self, line: str, now: float, again: bool = True) -> bool:
        """Whether to say `line` at `now`, in seconds of any clock that only goes forward.

        again  False: once is enough
        """
        if not line:
            self._line = ''
            return False
        if line == self._line and not (again and now - self._said >= self._repeat):
            return False
        self._line, self._said = line, now
        return True
