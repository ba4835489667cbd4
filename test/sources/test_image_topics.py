# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the names of topics say, and what is said where they do not say it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import recordings
from recordings import SECOND

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.sources import open_source
from mdepth_ros.sources.topics import as_arrives, says_rectified

LENS = Camera(48, 32, 40, 40, 24, 16, 'plumb_bob', (-0.3, 0.1), rectified=(35, 35, 24, 16))


@pytest.mark.parametrize(
    'topic',
    ['/cam/image_rect', '/cam/image_rect_color', '/cam/rect_color', '/cam/image_mono_rect',
     '/cam/image_rectified', '/cam/imageRect', '/cam/imageRectified', '/cam/imageRectColor',
     '/cam/image_undistorted', '/cam/undistorted', '/cam/undist_image', '/cam/image_rect_raw',
     '/cam/image_rect/compressed', '/rect', 'image_rect', '/left/IMAGE_RECT', '/cam/imagerect'],
)  # fmt: skip
def test_names_that_surely_mean_rectified(topic: str) -> None:
    assert says_rectified(topic) == (True, True)


@pytest.mark.parametrize(
    'topic',
    ['/cam/rect/image', '/camera/rectified/image', '/cam/rect/image/compressed', '/rect/a/image',
     '/zed/left/color/rect/image', '/undistorted/image_color'],
)  # fmt: skip
def test_names_that_probably_mean_rectified(topic: str) -> None:
    assert says_rectified(topic) == (True, False)


@pytest.mark.parametrize(
    'topic',
    ['/cam/image_raw', '/not_rect/image_raw', '/cam/image_raw/compressed',
     '/cam/image_unrectified', '/cam/not_rectified', '/cam/image_to_be_rectified',
     '/cam/image_distorted'],
)  # fmt: skip
def test_names_that_surely_mean_not_rectified(topic: str) -> None:
    assert says_rectified(topic) == (False, True)


@pytest.mark.parametrize(
    'topic',
    ['/cam/image', '/direct/image', '/cam/rectangle', '/cam/correct_image', '/erect/image_color',
     '/cam/image_direct', '/raw/image', '/director/image', '/cam/corrected', '/', '',
     '/rect/image_raw', '/cam/rectified/image_raw', '/undistorted/image_raw/compressed'],
)  # fmt: skip
def test_names_that_do_not_say_it(topic: str) -> None:
    assert says_rectified(topic) == (False, False)


def test_a_guess_is_told_where_it_matters() -> None:
    pinhole = LENS.pinhole()
    assert as_arrives(LENS, '/a/image_rect', None) == (pinhole, '')
    assert as_arrives(LENS, '/a/image_raw', None) == (LENS, '')
    camera, line = as_arrives(LENS, '/a/image', None)
    assert camera == LENS and '/a/image is taken for not rectified' in line
    assert line.endswith('if its images are rectified, add --rectified')
    camera, line = as_arrives(LENS, '/rect/image', None, 'set rectification: {}')
    assert camera == pinhole and line.endswith('not rectified, set rectification: unrectified')
    for topic in ('/a/image', '/a/image_raw', '/a/image_rect', '/rect/image'):
        assert as_arrives(LENS, topic, True) == (pinhole, '')
        assert as_arrives(LENS, topic, False) == (LENS, '')
        assert as_arrives(pinhole, topic, None) == (pinhole, '')
    turned = Camera(48, 32, 40, 40, 24, 16, rectification=(1, 0, 0, 0, 0, -1, 0, 1, 0))
    assert as_arrives(turned, '/a/image', None)[1]  # no distortion, but a rotation


def bag_of(path, topic: str, d=(-0.3, 0.1, 0, 0, 0)):
    info = recordings.camera_info(SECOND)
    info.d[:] = d
    info.p[0] = info.p[5] = 35.0
    messages = [(topic.rpartition('/')[0] + '/camera_info', info, SECOND),
                (topic, recordings.image(SECOND), SECOND)]  # fmt: skip
    return recordings.write_ros2(path, messages)


def test_a_bag_is_rectified_once(tmp_path) -> None:
    bag = bag_of(tmp_path / 'bag', '/cam/rect/image')
    for said, model, lines in (
        (None, 'pinhole', 1),
        (True, 'pinhole', 0),
        (False, 'plumb_bob', 0),
    ):
        source = open_source(bag, rectified=said)
        (frame,) = source
        told = [line for line in source.losses if 'taken for rectified' in line]
        assert (frame.camera.model, len(told)) == (model, lines)
        assert frame.camera.fx == (35.0 if model == 'pinhole' else 40.0)


def test_a_calibration_that_is_given_is_that_of_the_image_before_too(tmp_path) -> None:
    file = tmp_path / 'camera.yaml'
    file.write_text(
        'image_width: 48\nimage_height: 32\ndistortion_model: plumb_bob\n'
        'camera_matrix: {data: [40, 0, 24, 0, 40, 16, 0, 0, 1]}\n'
        'distortion_coefficients: {data: [-0.3, 0.1, 0, 0, 0]}\n'
        'projection_matrix: {data: [35, 0, 24, 0, 0, 35, 16, 0, 0, 0, 1, 0]}\n'
    )
    bag = bag_of(tmp_path / 'bag', '/cam/image_undistorted')
    for said, focal in ((None, 35.0), (False, 40.0)):
        (frame,) = open_source(bag, intrinsics=file, rectified=said)
        assert frame.camera.fx == focal


@pytest.mark.parametrize('kind', ['folder', 'video'])
def test_images_of_files_are_rectified_where_a_person_says_so(tmp_path, kind: str) -> None:
    path = tmp_path / 'drive'
    path.mkdir()
    if kind == 'folder':
        cv2.imwrite(str(path / '0.png'), recordings.picture(0))
    else:
        path = path / 'a.avi'
        video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, (48, 32))
        video.write(recordings.picture(0))
        video.release()
    file = tmp_path / 'lens.txt'
    file.write_text('fx 40\nfy 40\ncx 24\ncy 16\nk1 -0.3\n')
    for said, model in ((None, 'plumb_bob'), (True, 'pinhole'), (False, 'plumb_bob')):
        (frame,) = open_source(path, intrinsics=file, rectified=said)
        assert frame.camera.model == model


def heat(number: int = 0) -> np.ndarray:
    return recordings.picture(number)[..., 0].astype('<u2') << 4


def raw(stamp: int, pixels: np.ndarray, encoding: str):
    size = pixels.shape[1::-1]
    message = recordings.image(
        stamp, size=size, encoding=encoding, data=pixels.reshape(-1).view(np.uint8)
    )
    message.step = pixels.strides[0]
    return message


def test_a_named_topic_of_16uc1_is_believed(tmp_path) -> None:
    messages = [('/heat/camera_info', recordings.camera_info(SECOND), SECOND)]
    messages += [('/heat/image_raw', raw(SECOND, heat(), '16UC1'), SECOND)]
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    with pytest.raises(MdepthError, match=r'/heat/image_raw may be depth or pictures.*--topic'):
        open_source(bag)
    source = open_source(bag, topic='heat/image_raw')
    (frame,) = source
    np.testing.assert_array_equal(frame.image[..., 1], recordings.picture(0)[..., 0])
    assert frame.levels == (0, 12)
    assert '16-bit images of 12 bits: 0 to 4095 becomes 0 to 255' in source.losses


def test_compressed_depth_is_no_camera_either(tmp_path) -> None:
    depth = recordings.jpeg(SECOND, data=cv2.imencode('.png', heat())[1].tobytes())
    depth.format = '16UC1; png compressed '
    messages = [*recordings.drive(1), ('/z/image/compressed', depth, SECOND),
                ('/z/camera_info', recordings.camera_info(SECOND), SECOND)]  # fmt: skip
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    assert open_source(bag).topic == '/camera/image_raw'
    (frame,) = open_source(bag, topic='/z/image')
    np.testing.assert_array_equal(frame.image[..., 1], recordings.picture(0)[..., 0])


def test_the_images_of_a_bag_have_one_gain_in_any_order_of_decoding(tmp_path) -> None:
    messages = [('/cam/camera_info', recordings.camera_info(SECOND), SECOND)]
    for number, shift in enumerate((3, 0, 3)):
        stamp = SECOND + number
        messages.append(('/cam/image_raw', raw(stamp, heat() >> shift, 'mono16'), stamp))
    source = open_source(recordings.write_ros2(tmp_path / 'bag', messages))
    frames = list(source)
    assert [frame.levels.bits for frame in frames] == [10, 12, 12]
    items = list(source.items())
    for item, frame in reversed(list(zip(items, frames, strict=True))):
        np.testing.assert_array_equal(item.image(), frame.image)
    # A pair is equally bright: the earlier frame is taken down to the gain of the later.
    darker = frames[0].as_dark_as(frames[1])
    np.testing.assert_array_equal(darker.image, frames[2].image)
    assert frames[1].as_dark_as(frames[2]) is frames[1]
