# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which topics the images of one camera and its camera_info are taken from."""

from __future__ import annotations

import live
import numpy as np
import pytest
from eye import eye, take
from live import CAMERA, SECOND, picture

# isort: split
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

RAW, JPEG = 'Image', 'CompressedImage'


@pytest.mark.parametrize(
    ('camera', 'rules', 'places', 'info'),
    [
        ('', [], [('/image', RAW), ('/image/compressed', JPEG), ('/image', JPEG)], '/camera_info'),
        ('', ['image:=/cam/image_raw'],
         [('/cam/image_raw', RAW), ('/cam/image_raw/compressed', JPEG), ('/cam/image_raw', JPEG)],
         '/cam/camera_info'),
        ('', ['image:=/cam/image_raw', '__ns:=/robot'],
         [('/cam/image_raw', RAW), ('/cam/image_raw/compressed', JPEG), ('/cam/image_raw', JPEG)],
         '/cam/camera_info'),
        ('', ['__ns:=/robot'],
         [('/robot/image', RAW), ('/robot/image/compressed', JPEG), ('/robot/image', JPEG)],
         '/robot/camera_info'),
        ('', ['image:=/cam/image_raw', 'camera_info:=/calibration'],
         [('/cam/image_raw', RAW), ('/cam/image_raw/compressed', JPEG), ('/cam/image_raw', JPEG)],
         '/calibration'),
        ('', ['image/compressed:=/cam/jpeg'],
         [('/image', RAW), ('/cam/jpeg', JPEG), ('/image', JPEG), ('/cam/jpeg', RAW)],
         '/camera_info'),
        ('', ['image:=/cam/image_raw/compressed'],
         [('/cam/image_raw/compressed', JPEG), ('/cam/image_raw/compressed', RAW)],
         '/cam/camera_info'),
        ('front', [],
         [('/front/image', RAW), ('/front/image/compressed', JPEG), ('/front/image', JPEG)],
         '/front/camera_info'),
        ('front', ['front/image:=/f/image_raw'],
         [('/f/image_raw', RAW), ('/f/image_raw/compressed', JPEG), ('/f/image_raw', JPEG)],
         '/f/camera_info'),
    ],
)  # fmt: skip
def test_the_camera_info_is_the_sibling_of_the_resolved_image(
    camera: str, rules: list[str], places: list[tuple[str, str]], info: str
) -> None:
    """Convention 12: names are relative, and remapped before anything is derived from them."""
    args = [word for rule in rules for word in ('-r', rule)]
    with live.live(eye(camera), args) as running:
        images = running.node.input.images
        assert list(images.candidates) == places
        assert running.node.input.info == info
        # The graph of a node follows its own endpoints a little later.
        running.until(lambda: running.node.count_subscribers(info) == 1, 'one subscription')


@pytest.mark.parametrize(
    ('rule', 'transport', 'topic', 'compressed', 'info'),
    [
        ('image:=/cam/video', 'auto', '/cam/video', True, '/cam/camera_info'),
        ('image:=/cam/video', 'compressed', '/cam/video', True, '/cam/camera_info'),
        ('image:=/cam/compressed', 'auto', '/cam/compressed', True, '/cam/camera_info'),
        ('image:=/cam/compressed', 'auto', '/cam/compressed', False, '/cam/camera_info'),
        ('image:=/cam/compressed', 'raw', '/cam/compressed', False, '/cam/camera_info'),
        ('image:=/cam/a/compressed', 'raw', '/cam/a', False, '/cam/camera_info'),
        ('image:=/cam/a/compressed', 'auto', '/cam/a/compressed', True, '/cam/a/camera_info'),
        ('image/compressed:=/cam/jpeg', 'auto', '/cam/jpeg', True, '/cam/camera_info'),
        ('image/compressed:=/cam/jpeg', 'auto', '/cam/jpeg', False, '/cam/camera_info'),
    ],
)
def test_types_decide_and_not_names(
    rule: str, transport: str, topic: str, compressed: bool, info: str
) -> None:
    """Drivers name topics as they like; the camera_info is beside them, or beside the base."""
    with live.live(eye(transport=transport), ['-r', rule]) as running:
        node, kind = running.node, JPEG if compressed else RAW
        node.input.start()
        running.publisher(CameraInfo, info)
        running.publisher(CompressedImage if compressed else Image, topic)
        running.until(lambda: node.input.images.publishers(topic, kind), 'the publisher')
        running.until(lambda: node.input.infos.publishers(info, 'CameraInfo'), 'its camera_info')
        node.input.start()
        assert (node.input.images.topic, node.input.images.kind) == (topic, kind)
        assert node.input.info == info
        running.info(topic=info)
        running.image(5 * SECOND, topic, compressed=compressed)
        assert take(running).stamp == 5 * SECOND


def test_a_publisher_that_becomes_another_is_heard() -> None:
    """The same topic, first of one type, then of the other, then of both."""
    with live.live(eye()) as running:
        node, images = running.node, running.node.input.images
        running.info()
        for stamp, compressed in enumerate((True, False, True), 1):
            kind = JPEG if compressed else RAW
            running.publisher(CompressedImage if compressed else Image, '/image')
            running.until(lambda k=kind: images.publishers('/image', k), 'the publisher')
            node.input.start()
            assert (images.topic, images.kind) == ('/image', kind)
            running.image(stamp * SECOND, '/image', compressed=compressed)
            assert take(running).stamp == stamp * SECOND
            running.peer.destroy_publisher(running._publishers.pop('/image'))
            running.until(lambda k=kind: not images.publishers('/image', k), 'its end')
        for kind in (CompressedImage, Image):
            running.peer.create_publisher(kind, '/image', live.qos())
        running.until(lambda: images.publishers('/image', RAW), 'raw')
        running.until(lambda: images.publishers('/image', JPEG), 'compressed')
        images.choose()
        assert images.kind == RAW


def test_an_override_of_the_other_transport_is_said_to_do_nothing() -> None:
    name = 'qos_overrides./image.subscription.reliability'
    with live.live(eye(), **{name: 'reliable'}) as running:
        images = running.node.input.images
        images.choose()
        assert not running.node.warned  # nothing is published so far
        running.publisher(CompressedImage, '/image/compressed')
        running.until(lambda: images.publishers('/image/compressed', JPEG), 'the publisher')
        for _ in range(2):
            images.choose()
        assert running.node.warned == {
            f'{name} has no effect, because /image/compressed is listened to: set '
            'qos_overrides./image/compressed.subscription.reliability'
        }


@pytest.mark.parametrize('compressed', [False, True])
def test_the_transport_is_what_is_published(compressed: bool) -> None:
    with live.live(eye()) as running:
        images = running.node.input.images
        running.node.input.images.choose()
        assert (images.topic, images.kind) == ('/image', 'Image')
        topic = '/image/compressed' if compressed else '/image'
        kind = 'CompressedImage' if compressed else 'Image'
        running.publisher(CompressedImage if compressed else Image, topic)
        running.until(lambda: images.publishers(topic, kind), 'the publisher')
        assert images.publishers(topic, kind) == ('peer',)
        images.choose()
        assert (images.topic, images.kind) == (topic, kind)
        running.info()
        running.image(5 * SECOND, topic, compressed=compressed, number=3)
        frame = take(running)
        error, other = (np.abs(frame.image.astype(int) - picture(n)).mean() for n in (3, 4))
        assert error < 0.8 * other if compressed else error == 0
        assert (frame.stamp, frame.camera, frame.frame_id) == (5 * SECOND, CAMERA, 'camera')


def test_raw_comes_before_compressed_and_a_parameter_forces_one() -> None:
    for transport, wanted in (('auto', 'Image'), ('compressed', 'CompressedImage')):
        with live.live(eye(transport=transport)) as running:
            images = running.node.input.images
            running.publisher(Image, '/image')
            running.publisher(CompressedImage, '/image/compressed')
            running.until(lambda i=images: i.publishers('/image', 'Image'), 'a publisher')
            other = ('/image/compressed', 'CompressedImage')
            running.until(lambda i=images, o=other: i.publishers(*o), 'a publisher')
            images.choose()
            assert images.kind == wanted
            assert len(images.candidates) + len(images.others) == 3
            images.stop()
            running.until(
                lambda r=running: (
                    not r.peer.count_subscribers('/image')
                    and not r.peer.count_subscribers('/image/compressed')
                ),
                'the end of the subscription',
            )
