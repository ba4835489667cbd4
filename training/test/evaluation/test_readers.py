# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Readers of truth on generated trees: which images, which frames before them, which depths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import recordings
from mdepth_training.data.points import depth_of_points
from mdepth_training.data.split import read_split
from mdepth_training.evaluation import kitti
from mdepth_training.evaluation.make3d import centre_rows, laser_rows
from mdepth_training.evaluation.protocols import guess_protocol, open_shots
from mdepth_training.evaluation.shots import Options

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera

OPTIONS = Options(0.1, (0.58, 1.92, 0.5, 0.5))


def test_lidar_depth_point_by_point(trees: ModuleType) -> None:
    points = trees.scan(3000)[:, :3].astype(np.float64)
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = trees.R_CAMERA_LIDAR, trees.T_CAMERA_LIDAR
    projection = trees.P @ T
    expected = np.zeros((trees.HEIGHT, trees.WIDTH))
    shared = 0
    for x, y, z in points:
        if x < 0:
            continue
        u, v, w = projection @ [x, y, z, 1]
        u, v = int(np.round(u / w)) - 1, int(np.round(v / w)) - 1
        if 0 <= u < trees.WIDTH and 0 <= v < trees.HEIGHT:
            shared += expected[v, u] > 0
            expected[v, u] = min(x, expected[v, u] or np.inf)
    found = kitti.lidar_depth(points, projection, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert shared > 20 and (found > 0).sum() > 200


def test_a_scan_without_points_is_no_depth() -> None:
    camera = Camera.from_normalised(12, 8, 0.58, 1.2, 0.5, 0.5)
    for points in (np.zeros((0, 3)), np.array([[0.0, 0.0, -5.0], [50.0, 0.0, 5.0]])):
        depth, index = depth_of_points(points, camera)
        assert (depth == 0).all() and (index == -1).all()


def test_the_eigen_list_is_whole() -> None:
    listed = read_split(kitti.EIGEN)
    assert len(listed) == 697 and len({name for name, _, _ in listed}) == 28
    assert sum(number == 0 for _, number, _ in listed) == 22
    assert next(iter(listed)) == ('2011_09_26_drive_0002_sync', 69, 'l')


def test_kitti_images_of_the_list_with_their_neighbours(tmp_path: Path, trees: ModuleType) -> None:
    """0069 and 0054 are in the list; 0054 has no frame before."""
    trees.kitti_raw(tmp_path, '2011_09_26_drive_0002_sync', [54, 55, 68, 69, 70])
    assert guess_protocol(tmp_path) == 'kitti-eigen'
    shots = open_shots(tmp_path, 'kitti-eigen', OPTIONS)
    first, second = shots
    assert shots.total == 2 and '2 of the 697' in shots.notes[0]
    assert first.name.endswith('0000000069 l') and first.previous and first.following
    assert first.frame.stamp - first.previous.stamp == 100_000_000
    assert second.name.endswith('0000000054 l') and second.previous is None and second.following
    assert first.truth.shape == (trees.HEIGHT, trees.WIDTH)
    assert first.truth.max() < 60 and first.truth[first.truth > 0].min() > 0.3
    assert first.camera.fx == 72 and first.frame.camera.cx == 60.5


def test_kitti_drives_that_the_list_does_not_have(tmp_path: Path, trees: ModuleType) -> None:
    trees.kitti_raw(tmp_path, '2011_09_26_drive_0005_sync', [0, 1])
    shots = open_shots(tmp_path, 'kitti-eigen', OPTIONS)
    assert [shot.name[-4:] for shot in shots] == ['00 l', '01 l']
    assert 'none of the images' in shots.notes[0]
    split = tmp_path / 'mine.txt'
    split.write_text('2011_09_26/2011_09_26_drive_0005_sync 1 l\n')
    chosen = Options(0.1, OPTIONS.camera, split=split)
    (shot,) = open_shots(tmp_path, 'kitti-eigen', chosen)
    assert shot.name.endswith('0000000001 l')


@pytest.mark.parametrize('place', ['raw/data_depth_annotated/val', 'data_depth_annotated/train'])
def test_kitti_improved(tmp_path: Path, place: str, trees: ModuleType) -> None:
    raw, name = tmp_path / 'raw', '2011_09_26_drive_0002_sync'
    trees.kitti_raw(raw, name, [54, 69])
    truth = np.zeros((trees.HEIGHT, trees.WIDTH))
    truth[5, 7] = 12.25
    file = tmp_path / place / name / 'proj_depth/groundtruth/image_02/0000000069.png'
    trees.depth_image(file, truth, 256)
    (shot,) = open_shots(raw, 'kitti-improved', OPTIONS)
    assert shot.truth[5, 7] == 12.25 and shot.truth.sum() == 12.25
    file.unlink()
    with pytest.raises(MdepthError, match='no image has a truth'):
        open_shots(raw, 'kitti-improved', OPTIONS)


def test_cityscapes(tmp_path: Path, trees: ModuleType) -> None:
    trees.cityscapes(tmp_path)
    assert guess_protocol(tmp_path) == 'cityscapes'
    shots = open_shots(tmp_path, 'cityscapes', OPTIONS)
    with_sequence, alone = shots
    assert shots.total == 2 and shots.name.endswith('val')
    # Two frames of the 17 Hz make the 0.12 s that is nearest to the pair's interval.
    interval = with_sequence.frame.stamp - with_sequence.previous.stamp
    assert interval == pytest.approx(2e9 / 17, abs=1) and with_sequence.following is not None
    assert alone.previous is None and alone.following is None
    # The lowest quarter is cut off; of a quarter of the size the focal length is a quarter.
    assert alone.frame.image.shape == (96, 256, 3) and alone.truth.shape == (96, 256)
    assert alone.camera.fx == pytest.approx(2262 / 8)
    assert (alone.truth[:, :100] == 0).all()
    np.testing.assert_allclose(alone.truth[:, 100:], 0.209313 * 2262 / 40, rtol=1e-6)
    assert with_sequence.moving is None and alone.moving.sum() == 200
    assert (alone.things[50:60, 120:140] == 26001).all()
    assert shots.dynamic == 'what can move, things of at least 0.5 % of the image'


def test_cityscapes_with_smaller_images(tmp_path: Path, trees: ModuleType) -> None:
    """The truth keeps its size and its place."""
    trees.cityscapes(tmp_path)
    before = list(open_shots(tmp_path, 'cityscapes', OPTIONS))
    for file in tmp_path.glob('leftImg8bit*/val/bonn/*.png'):
        cv2.imwrite(str(file), cv2.resize(cv2.imread(str(file)), (128, 64)))
    for one, other in zip(before, open_shots(tmp_path, 'cityscapes', OPTIONS), strict=True):
        assert other.frame.image.shape == (48, 128, 3) and other.truth.shape == (96, 256)
        assert other.camera == one.camera and (other.truth == one.truth).all()
        assert other.frame.camera.scaled(256, 96) == one.camera


def test_rows_of_make3d() -> None:
    image = np.arange(2272, dtype=np.int32)[:, None].repeat(1704, 1)
    rows = centre_rows(image, 0.5)
    assert rows.shape == (852, 1704) and rows[0, 0] == 710
    grid = np.arange(55)[:, None].repeat(305, 1)
    assert laser_rows(grid)[:, 0].tolist() == list(range(17, 38))


def test_make3d(tmp_path: Path, trees: ModuleType) -> None:
    io = pytest.importorskip('scipy.io')
    trees.picture(tmp_path / 'Test134' / 'img-10.21math1-p-2.jpg', 0, 1704, 2272)
    grid = np.zeros((55, 305, 4))
    grid[17:38, :, 3] = np.linspace(3, 70, 21)[:, None]
    (tmp_path / 'Gridlaserdata').mkdir()
    file = tmp_path / 'Gridlaserdata' / 'depth_sph_corr-math1-p-2.mat'
    io.savemat(str(file), {'Position3DGrid': grid})
    io.savemat(str(file).replace('p-2', 'p-9'), {'Position3DGrid': grid})  # has no image
    assert guess_protocol(tmp_path) == 'make3d'
    (shot,) = open_shots(tmp_path, 'make3d', OPTIONS)
    assert shot.name == 'math1-p-2' and shot.frame.image.shape == (852, 1704, 3)
    np.testing.assert_allclose(shot.truth[:, 0], np.linspace(3, 70, 21), rtol=1e-6)
    assert (shot.camera.width, shot.camera.height) == (305, 21)
    assert shot.previous is None


@pytest.mark.parametrize(
    ('image', 'depth', 'per_metre'),
    [
        ('testing/color/0001.png', 'testing/depth/0001.png', 5000),
        ('color/0001.png', 'depth/0001.png', 5000),
        ('bathroom/rgb_00045.jpg', 'bathroom/sync_depth_00045.png', 1000),
        ('1.png', '1_depth.png', 5000),
    ],
)
def test_images_with_a_depth_image(
    tmp_path: Path, image: str, depth: str, per_metre: float, trees: ModuleType
) -> None:
    trees.picture(tmp_path / image, 1, 640, 480)
    trees.depth_image(tmp_path / depth, np.full((480, 640), 2.5), per_metre)
    assert guess_protocol(tmp_path) == 'rgbd'
    (shot,) = open_shots(tmp_path, 'nyu', OPTIONS)
    assert (shot.truth == 2.5).all() and shot.camera.fx == pytest.approx(518.857901)
    (shot,) = open_shots(tmp_path, 'rgbd', OPTIONS)
    assert shot.camera.fx == shot.camera.fy == pytest.approx(0.58 * 640)
    given = Options(0.1, OPTIONS.camera, intrinsics='500,510,320,240')
    (shot,) = open_shots(tmp_path, 'rgbd', given)
    assert shot.camera.fy == 510


def test_drives_of_extract(tmp_path: Path, trees: ModuleType) -> None:
    trees.extracted(tmp_path)
    assert guess_protocol(tmp_path) == guess_protocol(tmp_path / 'city') == 'recording'
    shots = list(open_shots(tmp_path, 'recording', OPTIONS))
    assert [shot.truth is not None for shot in shots] == [False, True] * 3
    assert (shots[1].truth == 7.5).all() and shots[1].drive == 'city'
    assert shots[3].pose[2, 3] == 3 and shots[3].previous is shots[2].frame
    assert shots[0].previous is None


def test_what_cannot_be_read_is_one_line(tmp_path: Path, trees: ModuleType) -> None:
    with pytest.raises(MdepthError, match='no such data'):
        guess_protocol(tmp_path / 'nothing')
    with pytest.raises(MdepthError, match='not laid out like data with a truth'):
        guess_protocol(tmp_path)
    for protocol in ('kitti-eigen', 'kitti-odometry', 'cityscapes', 'make3d', 'nyu', 'rgbd',
                     'ddad', 'recording'):  # fmt: skip
        with pytest.raises(MdepthError):
            open_shots(tmp_path, protocol, OPTIONS)
    trees.picture(tmp_path / 'color' / '1.png', 0)
    (tmp_path / 'depth').mkdir()
    cv2.imwrite(str(tmp_path / 'depth' / '1.png'), np.zeros((38, 124), np.uint8))
    shots = open_shots(tmp_path, 'rgbd', OPTIONS)
    assert [shot.truth for shot in shots] == [None]
    assert any('1.png is not a depth image of 16 bits' in note for note in shots.notes)


@pytest.mark.parametrize(
    ('protocol', 'options', 'complaint'),
    [
        ('rgbd', {'split': Path('mine.txt')}, '--split means nothing for the protocol rgbd'),
        ('cityscapes', {'topic': '/image'}, '--topic means nothing for the protocol cityscapes'),
        ('kitti-eigen', {'intrinsics': '1,1,1,1'}, '--intrinsics means nothing for'),
        ('recording', {'topic': '/image'}, '--topic means nothing for a folder that extract made'),
    ],
)
def test_an_option_that_a_reader_does_not_use(
    tmp_path: Path, protocol: str, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(MdepthError, match=complaint):
        open_shots(tmp_path, protocol, replace(OPTIONS, **options))


def test_the_pictures_of_a_bag_are_not_its_truth(tmp_path: Path) -> None:
    """A camera for heat sends 16UC1, as a depth camera does: the topic that is named is one."""
    stamps = [recordings.SECOND + n * recordings.SECOND // 10 for n in range(3)]
    messages = []
    for stamp in stamps:
        messages.append(('/heat/camera_info', recordings.camera_info(stamp), stamp))
        for number, topic in enumerate(('/heat/image_raw', '/z/depth')):
            pixels = (recordings.picture(number)[..., 1].astype('<u2') << 4).reshape(-1)
            image = recordings.image(stamp, encoding='16UC1', data=pixels.view(np.uint8))
            image.step = 2 * recordings.WIDTH
            messages.append((topic, image, stamp))
    bag = recordings.write_ros2(tmp_path / 'bag', messages)
    with pytest.raises(MdepthError, match='2 topics of depth images'):
        open_shots(bag, 'recording', OPTIONS)
    shots = open_shots(bag, 'recording', replace(OPTIONS, topic='/heat/image_raw'))
    np.testing.assert_array_equal(next(iter(shots)).frame.image[..., 1],
                                  recordings.picture(0)[..., 1])  # fmt: skip
    assert len(list(shots)) == 3
    assert shots.notes == ['16-bit images of 12 bits: 0 to 4095 becomes 0 to 255']
