# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images and camera_info of one camera: what is made of them."""

from __future__ import annotations

from typing import Any

import live
import numpy as np
import pytest
from eye import eye, take
from live import CAMERA, SECOND, TENTH, camera_info, picture

from mdepth_ros.errors import MdepthError
from mdepth_ros.ros import inputs
from mdepth_ros.ros.conversions import make_header
from mdepth_ros.ros.images import image_message

# isort: split
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image


def test_only_the_newest_image_is_given() -> None:
    with live.live(eye()) as running:
        node = running.node
        node.input.images.choose()
        running.info()
        running.until(lambda: node.input.camera_known, 'the camera')
        for number in range(3):
            before = node.statistics.snapshot().received
            running.image((10 + number) * SECOND)
            running.until(
                lambda b=before: node.statistics.snapshot().received > b, 'the next image'
            )
        assert take(running).stamp == 12 * SECOND
        assert node.input.take() is None
        counts = node.statistics.snapshot()
        assert (counts.received, counts.superseded, node.notified) == (3, 2, 3)


def test_a_late_image_replaces_none_that_waits() -> None:
    with live.live(eye()) as running:
        node = running.node
        node.input.images.choose()
        node.input.remember(span=225_000_000, reach=5 * TENTH)
        running.info()
        running.until(lambda: node.input.camera_known, 'the camera')

        def arrive(*numbers: int) -> None:
            for number in numbers:
                before = node.statistics.snapshot().received
                running.image(10 * SECOND + number * TENTH)
                running.until(
                    lambda b=before: node.statistics.snapshot().received > b, 'the next image'
                )

        arrive(0, 1, 3, 2)
        assert take(running).stamp == 10 * SECOND + 3 * TENTH
        # What came before the late one is still there as a partner; alone, the late one is taken.
        assert node.input.earlier(10 * SECOND + TENTH, 0, 11 * SECOND) is not None
        arrive(2)
        assert take(running).stamp == 10 * SECOND + 2 * TENTH
        assert node.statistics.snapshot().superseded == 3
        # A bag that begins again: what is newest is what came last.
        arrive(9, -5)
        assert take(running).stamp == 10 * SECOND - 5 * TENTH
        assert node.input.earlier(10 * SECOND + 9 * TENTH, 0, 11 * SECOND) is None


def test_skipped_images_can_be_had_as_partners() -> None:
    with live.live(eye()) as running:
        node = running.node
        node.input.images.choose()
        node.input.remember(span=225_000_000)
        running.info()
        running.until(lambda: node.input.camera_known, 'the camera')
        stamps = [SECOND + number * TENTH for number in range(5)]
        for count, stamp in enumerate(stamps, 1):
            size = (60, 40) if stamp == stamps[2] else (120, 80)
            running.image(stamp, size=size)
            running.until(lambda c=count: node.statistics.snapshot().received == c, 'the image')

        def found(stamp: int, within: int, before: int = 2 * SECOND) -> int | None:
            frame = node.input.earlier(stamp, within, before)
            return None if frame is None else frame.stamp

        assert found(stamps[3], 0) == stamps[3]
        assert found(stamps[3] + 5, 5) == stamps[3]
        assert found(stamps[3] + 6, 5) is None
        assert found(stamps[4], 2 * TENTH, before=stamps[4]) == stamps[3]
        # One that cannot be used is none, and was no loss: it was not taken.
        assert found(stamps[2], 0) is None
        assert node.statistics.snapshot().unreadable == 0 and node.input.camera_problem == ''
        assert found(stamps[1], TENTH // 2) is None  # too long ago to be kept
        running.info(d=[0.1, 0.0, 0.0, 0.0, 0.0])
        running.until(lambda: node.input._calibration[1] != CAMERA, 'another calibration')
        assert found(stamps[3], 0) is None
        running.image(stamps[4] + 1)
        running.until(lambda: found(stamps[4] + 1, 0), 'the next image')
        node.input.drop()
        assert found(stamps[4] + 1, 0) is None


def test_an_image_waits_for_its_camera_info() -> None:
    with live.live(eye()) as running:
        node = running.node
        node.input.images.choose()
        running.image(SECOND)
        running.until(lambda: node.statistics.snapshot().received, 'the image')
        assert not node.input.waiting and node.input.take() is None and node.notified == 0
        running.info(SECOND)
        assert take(running).stamp == SECOND and node.notified == 1


def test_another_camera_in_mid_stream() -> None:
    """Size and camera_info change without a restart; an image of the old size is not used."""
    with live.live(eye()) as running:
        node = running.node
        node.input.images.choose()
        running.info()
        running.image(SECOND)
        assert take(running).camera == CAMERA
        running.image(2 * SECOND, size=(60, 40))
        running.until(lambda: node.input.waiting, 'the small image')
        with pytest.raises(MdepthError, match=r'images of 60x40, but /camera_info is for 120x80'):
            node.input.frame(node.input.take())
        assert '60x40' in node.input.camera_problem
        assert node.statistics.snapshot().unreadable == 1
        small = CAMERA.scaled(60, 40)
        running.info(camera=small)
        running.until(lambda: node.input._calibration[1] == small, 'the new camera')
        running.image(3 * SECOND, size=(60, 40))
        assert take(running).camera == small
        assert node.input.camera_problem == ''


def test_an_uncalibrated_camera_gives_no_frame() -> None:
    """Convention 9: K[0] == 0 is refused."""
    with live.live(eye()) as running:
        node = running.node
        node.input.images.choose()
        running.info(k=[0.0] * 9)
        running.until(lambda: node.input.camera_problem, 'the refusal')
        assert 'uncalibrated' in node.input.camera_problem
        running.image(SECOND)
        running.until(lambda: node.statistics.snapshot().received, 'the image')
        assert node.input.take() is None and not node.input.camera_known
        running.info()
        assert take(running).camera == CAMERA and node.input.camera_problem == ''


@pytest.mark.parametrize(('sec', 'nanosec'), [(2**31 - 1, 10**9), (-1, 0), (-(2**31), 0)])
def test_an_image_whose_stamp_no_output_can_have_is_not_usable(sec: int, nanosec: int) -> None:
    with live.live(eye()) as running:
        node = running.node
        node.input.images.choose()
        running.info()
        message = image_message(picture(1), make_header(SECOND, 'camera'), 'rgb8')
        message.header.stamp = Time(sec=sec, nanosec=nanosec)
        publisher = running.publisher(Image, 'image')
        running.connect('image')
        publisher.publish(message)
        with pytest.raises(MdepthError, match=r'^/image: an image is at .* s, but ROS'):
            take(running)
        assert node.statistics.snapshot().unreadable == 1
        assert 'correct the clock' in node.input.camera_problem
        running.image(SECOND)
        assert take(running).stamp == SECOND and node.input.camera_problem == ''


def test_binning_and_roi_count() -> None:
    """Convention 9: binning and ROI are honoured."""
    with live.live(eye()) as running:
        running.node.input.images.choose()
        running.info(binning_x=2, binning_y=2)
        running.image(SECOND, size=(60, 40))
        assert take(running).camera == CAMERA.scaled(60, 40)


def test_rectified_images_have_the_camera_of_p() -> None:
    with live.live(eye(), ['-r', 'image:=/cam/image_rect']) as running:
        running.node.input.images.choose()
        p = [90.0, 0.0, 59.5, 0.0, 0.0, 90.0, 39.5, 0.0, 0.0, 0.0, 1.0, 0.0]
        running.info(topic='/cam/camera_info', d=[-0.1, 0.0, 0.0, 0.0, 0.0], p=p)
        running.image(SECOND, '/cam/image_rect')
        camera = take(running).camera
        assert (camera.model, camera.fx) == ('pinhole', 90.0)


@pytest.mark.parametrize(
    ('sent', 'of_info', 'words', 'wanted'),
    [
        ({'stamp': 0}, 'camera', 'stamp 0', 'camera'),
        ({'stamp': SECOND, 'frame_id': ''}, 'camera', 'no frame_id', 'camera'),
        ({'stamp': SECOND, 'frame_id': ''}, '', 'no frame_id', 'camera_optical_frame'),
        (
            {'stamp': SECOND, 'frame_id': 'elsewhere'},
            'camera',
            'of the frame camera, but the images are of',
            'elsewhere',
        ),
    ],
)
def test_what_is_odd_is_said_once(
    sent: dict[str, Any], of_info: str, words: str, wanted: str
) -> None:
    with live.live(eye()) as running:
        node = running.node
        node.input.images.choose()
        running.info(frame_id=of_info)
        for _ in range(2):
            running.image(**sent)
            frame = take(running)
        (line,) = node.warned
        assert words in line
        assert frame.frame_id == wanted


def test_eight_coefficients_of_plumb_bob_are_said_once() -> None:
    with live.live(eye()) as running:
        running.node.input.images.choose()
        for k1 in (-0.3, -0.2):
            running.info(d=[k1, 0.1, 0.0, 0.0, 0.02, 0.05, 0.01, 0.004])
        running.image(SECOND)
        camera = take(running).camera
        assert (camera.model, camera.distortion[0]) == ('rational_polynomial', -0.2)
        (line,) = [line for line in running.node.warned if 'says plumb_bob' in line]
        assert 'but has eight' in line


def test_a_camera_info_that_changes_to_and_fro_has_several_publishers() -> None:
    with live.live(eye()) as running:
        node = running.node
        running.info()
        running.until(lambda: node.input.camera_known, 'the camera')
        for number in range(6):
            node.input._on_info(
                camera_info(camera=CAMERA.scaled(*((60, 40), (120, 80))[number % 2]))
            )
        (line,) = [line for line in node.warned if 'back and forth' in line]
        assert line.startswith('/camera_info changes back and forth, published by peer: ')


def test_the_same_camera_info_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with live.live(eye()) as running:
        read: list[Any] = []
        whole = inputs.camera_from_info
        monkeypatch.setattr(
            inputs, 'camera_from_info', lambda info: read.append(info) or whole(info)
        )
        for stamp in range(5):
            running.node.input._on_info(camera_info(stamp))
        assert len(read) == 1
        running.node.input._on_info(camera_info(6, d=[0.1, 0.0, 0.0, 0.0, 0.0]))
        assert len(read) == 2


@pytest.mark.parametrize(
    ('image', 'said', 'model', 'guess'),
    [('/cam/image_undistorted', None, 'pinhole', ''), ('/cam/image_raw', None, 'plumb_bob', ''),
     ('/rect/image', None, 'pinhole', 'set rectification: unrectified'),
     ('/cam/image', None, 'plumb_bob', 'set rectification: rectified'),
     ('/cam/image', True, 'pinhole', ''), ('/cam/image_rect', False, 'plumb_bob', '')],
)  # fmt: skip
def test_images_are_rectified_once(image: str, said: bool | None, model: str, guess: str) -> None:
    info = image.rpartition('/')[0] + '/camera_info'
    with live.live(eye(rectified=said), ['-r', f'image:={image}']) as running:
        node = running.node
        node.input.images.choose()
        running.info(topic=info, d=[-0.3, 0.1, 0.0, 0.0, 0.0])
        running.image(SECOND, image)
        assert take(running).camera.model == model
        assert node.input.assumed.endswith(guess) and bool(node.input.assumed) == bool(guess)
        assert node.warned == {node.input.assumed} - {''}
        # Where it is all the same, nothing is assumed any more.
        running.info(topic=info)
        running.until(lambda: node.input.assumed == '', 'the other calibration')


def test_pictures_of_heat_are_read_as_offline_and_it_is_told() -> None:
    """12 bits in 16UC1: the gain of the brightest so far, for raw and compressed alike."""
    bright = picture(3)[..., 1].astype(np.uint16) << 4
    with live.live(eye()) as running:
        node = running.node
        running.info()
        running.publisher(Image, '/image')
        node.input.images.choose()
        running.connect('/image')
        frames = []
        for number, pixels in enumerate((bright, bright >> 3), 1):
            message = image_message(pixels, make_header(number * SECOND, 'camera'), '16UC1')
            running.publisher(Image, '/image').publish(message)
            frames.append(take(running))
        assert [frame.levels for frame in frames] == [(0, 12)] * 2
        np.testing.assert_array_equal(frames[0].image[..., 0], picture(3)[..., 1])
        np.testing.assert_array_equal(frames[1].image[..., 0], picture(3)[..., 1] >> 3)
        assert node.warned == {'/image: 16-bit images of 12 bits: 0 to 4095 becomes 0 to 255'}
