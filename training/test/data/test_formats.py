# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from mdepth_training.data import Triplets, open_drives
from mdepth_training.data.checks import Findings

from mdepth_ros.errors import MdepthError


def names(drives: list) -> list[str]:
    return [drive.name for drive in drives]


@pytest.mark.parametrize('below', ['', '2011_09_26', '2011_09_26/2011_09_26_drive_0001_sync'])
def test_kitti_raw_at_every_level(kitti_raw: Path, below: str) -> None:
    drives = open_drives([kitti_raw / below], cache=kitti_raw)
    one = ['2011_09_26_drive_0001_sync/image_02', '2011_09_26_drive_0001_sync/image_03']
    two = [] if 'drive' in below else ['2011_09_26_drive_0002_sync/image_02']
    assert names(drives) == one + two
    left = drives[0]
    assert len(left.images) == 8 and left.centres is None and left.stereo is None
    assert {b - a for a, b in pairwise(left.stamps)} == {104_000_000}
    camera = left.camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (72.0, 71.0, 60.5, 17.5)
    assert (camera.width, camera.height) == (124, 38)


def test_a_drive_called_by_a_dot_or_a_link(
    kitti_raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = next(kitti_raw.glob('*/*_sync'))
    named = open_drives([drive], cache=tmp_path)
    monkeypatch.chdir(drive)
    here = open_drives(['.'], cache=tmp_path)
    assert [d.name for d in here] == [d.name for d in named]
    links = tmp_path / 'links'
    links.mkdir()
    (links / drive.name).symlink_to(drive)
    (by_link, *_) = open_drives([links], cache=tmp_path)
    assert by_link.camera == named[0].camera


def test_kitti_cameras_see_each_other(kitti_raw: Path) -> None:
    findings = Findings()
    left, right = open_drives([kitti_raw], stereo=True, cache=kitti_raw, findings=findings)
    assert left.stereo is not None and right.stereo is not None
    assert left.stereo.images == right.images and right.stereo.images == left.images
    # A point straight ahead of the left camera lies 0.54 m to the left of the right one's axis.
    np.testing.assert_allclose(left.stereo.T_stereo_current[:3, 3], [-0.54, 0, 0], atol=1e-9)
    both = left.stereo.T_stereo_current @ right.stereo.T_stereo_current
    np.testing.assert_allclose(both, np.eye(4), atol=1e-9)
    assert findings.lines() == [
        '1 drives without a second camera left out: 2011_09_26_drive_0002_sync/image_02'
    ]


def test_a_split_chooses_frames_and_sides(kitti_raw: Path, tmp_path: Path) -> None:
    split = tmp_path / 'train.txt'
    split.write_text(
        '2011_09_26/2011_09_26_drive_0001_sync 3 l\n'
        '2011_09_26/2011_09_26_drive_0001_sync 5 l\n'
        '2011_09_26/2011_09_26_drive_0001_sync 4 r\n'
        '2011_09_26/2011_09_26_drive_0099_sync 4 r\n'
    )
    findings = Findings()
    left, right = open_drives([kitti_raw], split=split, cache=kitti_raw, findings=findings)
    assert left.centres == [3, 5] and right.centres == [4]
    (line,) = findings.lines()
    assert line.startswith('1 lines of train.txt that name no image: 2011_09_26/2011_09_26_drive_')


def test_a_lost_frame_shifts_no_time(kitti_raw: Path) -> None:
    folder = kitti_raw / '2011_09_26/2011_09_26_drive_0001_sync/image_02/data'
    (folder / '0000000003.png').unlink()
    shutil.copy(folder / '0000000004.png', folder / '0000000004.jpg')  # PNG beside JPEG
    drive = open_drives([kitti_raw], cache=kitti_raw)[0]
    assert [image.stem[-1] for image in drive.images] == list('0124567')
    assert drive.stamps[3] - drive.stamps[2] == 208_000_000
    triplets = Triplets([drive], (64, 96), 0.1, False, cache=kitti_raw)
    assert len(triplets) == 3  # around 1, 5 and 6
    assert triplets.selections[0].triplets.tolist() == [[0, 1, 2], [3, 4, 5], [4, 5, 6]]


@pytest.mark.parametrize('below', ['', 'sequences', 'sequences/00'])
def test_kitti_odometry(kitti_odometry: Path, tmp_path: Path, below: str) -> None:
    drives = open_drives([kitti_odometry / below], cache=tmp_path)
    assert names(drives)[:2] == ['00/image_2', '00/image_3']
    assert names(drives)[2:] == ([] if below.endswith('00') else ['04/image_0'])
    assert drives[0].stamps[1] == 100_000_000
    left, _ = open_drives([kitti_odometry / 'sequences/00'], stereo=True, cache=tmp_path)
    assert left.stereo is not None
    np.testing.assert_allclose(left.stereo.T_stereo_current[:3, 3], [-0.5, 0, 0], atol=1e-9)


def test_the_odometry_list_writes_numbers_without_zeros(
    kitti_odometry: Path, tmp_path: Path
) -> None:
    split = tmp_path / 'odom.txt'
    split.write_text('4 2 l\n0 3 r\n')
    drives = open_drives([kitti_odometry], split=split, cache=tmp_path)
    assert {drive.name: drive.centres for drive in drives} == {
        '00/image_3': [3],
        '04/image_0': [2],
    }


@pytest.mark.parametrize(
    ('below', 'expected'),
    [
        ('', ['aachen_000000_000000', 'aachen_000001_000000', 'bochum_000000_000100',
              'bochum_000000_000300']),
        ('leftImg8bit_sequence/val', ['lindau_000000_000000']),
        ('leftImg8bit_sequence/train/bochum', ['bochum_000000_000100', 'bochum_000000_000300']),
    ],
)  # fmt: skip
def test_cityscapes_snippets(cityscapes: Path, below: str, expected: list[str]) -> None:
    drives = open_drives([cityscapes / below], cache=cityscapes)
    assert names(drives) == expected
    assert drives[0].camera.cx == 68.0 and drives[0].kept_rows == 0.75


def test_cityscapes_neighbours_are_two_frames_away(cityscapes: Path) -> None:
    drive = open_drives([cityscapes], cache=cityscapes)[0]
    triplets = Triplets([drive], (64, 128), 2 / 17, False, cache=cityscapes)
    assert triplets.selections[0].triplets.tolist() == [[n - 2, n, n + 2] for n in range(2, 6)]
    # 128 x 64 without its lowest quarter is 128 x 48: of that the middle 96 columns.
    fx, fy, cx, cy = triplets.camera
    assert (fx, fy) == pytest.approx((140 / 96, 141 / 48))
    assert (cx, cy) == pytest.approx((52.5 / 96, 32.5 / 48))


def test_cityscapes_stereo_and_list(cityscapes: Path, tmp_path: Path) -> None:
    split = tmp_path / 'train.txt'
    split.write_text('aachen aachen_000001_000004\n')
    (drive,) = open_drives([cityscapes], split=split, stereo=True, cache=cityscapes)
    assert drive.name == 'aachen_000001_000000' and drive.centres == [4]
    assert drive.stereo is not None
    assert drive.stereo.images[4].name == 'aachen_000001_000004_rightImg8bit.png'
    assert all(image.is_file() for image in drive.stereo.images)
    np.testing.assert_allclose(drive.stereo.T_stereo_current[:3, 3], [-0.21, 0, 0])


def test_cityscapes_without_camera_file_is_reported(cityscapes: Path) -> None:
    (cityscapes / 'camera/train/aachen/aachen_000001_000002_camera.json').unlink()
    findings = Findings()
    drives = open_drives([cityscapes], cache=cityscapes, findings=findings)
    assert len(drives) == 3
    assert 'snippets without a file in camera/' in findings.lines()[0]


def test_a_folder_and_a_folder_of_folders(make_drive, tmp_path: Path) -> None:
    for name in ('a', 'b'):
        folder = make_drive(f'drives/{name}').images[0].parent
        (folder / 'intrinsics.txt').write_text('fx 72\nfy 71\ncx 60.5\ncy 17.5\n')
        (folder / 'times.txt').write_text('\n'.join(str(0.05 * n) for n in range(6)))
    drives = open_drives([tmp_path / 'drives'], cache=tmp_path)
    assert names(drives) == ['a', 'b'] and drives[0].stamps[1] == 50_000_000
    assert drives[0].camera.fx == 72
    assert names(open_drives([tmp_path / 'drives' / 'b'], cache=tmp_path)) == ['b']
    pattern = open_drives([str(tmp_path / 'drives' / '[ab]')], cache=tmp_path)
    assert names(pattern) == ['a', 'b']


def test_ddad_layout(make_drive, tmp_path: Path) -> None:
    scene = tmp_path / 'ddad' / '000001'
    source = make_drive('ddad/000001/rgb/CAMERA_01', count=3).images
    data = []
    for number, image in enumerate(source):
        moved = image.rename(image.with_name(f'1556919593841523{number}.png'))
        data.append((f'rgb/CAMERA_01/{moved.name}', 'CAMERA_01'))
    data.append(('rgb/CAMERA_05/1.png', 'CAMERA_05'))
    tree = {
        'data': [{'id': {'name': name}, 'datum': {'image': {'filename': f}}} for f, name in data]
        + [{'id': {'name': 'LIDAR'}, 'datum': {'point_cloud': {}}}],
        'samples': [{'calibration_key': 'abc'}],
    }
    (scene / 'scene_1.json').write_text(json.dumps(tree))
    (scene / 'calibration').mkdir()
    zeros = {'fx': 0.0, 'fy': 0.0, 'cx': 0.0, 'cy': 0.0}
    own = {'fx': 72.0, 'fy': 71.0, 'cx': 60.5, 'cy': 17.5}
    (scene / 'calibration/abc.json').write_text(
        json.dumps({'names': ['LIDAR', 'CAMERA_01'], 'intrinsics': [zeros, own]})
    )
    (drive,) = open_drives([tmp_path / 'ddad'], cache=tmp_path)
    assert drive.name == '000001/CAMERA_01' and drive.camera.fx == 72
    assert len(drive.images) == 3 and drive.stamps[1] - drive.stamps[0] == 100


@pytest.mark.parametrize(
    ('path', 'message'),
    [('nowhere', 'no such recording'), ('.', 'holds no drive: give KITTI raw')],
)
def test_what_fits_nothing_is_named(tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(MdepthError, match=message):
        open_drives([tmp_path / path], cache=tmp_path)


def test_stereo_without_a_second_camera_is_an_error(make_drive, tmp_path: Path) -> None:
    folder = make_drive().images[0].parent
    (folder / 'intrinsics.txt').write_text('fx 72\nfy 71\ncx 60.5\ncy 17.5\n')
    with pytest.raises(MdepthError, match='no second camera'):
        open_drives([folder], stereo=True, cache=tmp_path)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'is empty'),
        ('2011_09_26_drive_0001_sync three l', "cannot read the line '2011_09_26_drive_0001_sync"),
        ('2011_09_26_drive_0001_sync 3 x', 'with l or r as the side'),
        ('2011_09_26_drive_0777_sync 3 l', 'no image of the drives is named by'),
    ],
)
def test_a_wrong_list_is_named(kitti_raw: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / 'split.txt').write_text(text)
    with pytest.raises(MdepthError, match=message):
        open_drives([kitti_raw], split=tmp_path / 'split.txt', cache=tmp_path)


def test_the_real_layouts(data_dir: Path, tmp_path: Path) -> None:
    (raw,) = open_drives([data_dir / 'kitti_raw_sample'], cache=tmp_path)
    assert raw.name == '2011_09_26_drive_0005_sync/image_02' and len(raw.images) == 1
    assert raw.camera.fx == pytest.approx(721.5377) and raw.camera.width == 1242
    (odometry,) = open_drives([data_dir / 'kitti_odometry_06'], cache=tmp_path)
    assert len(odometry.images) == 51 and odometry.camera.fx == pytest.approx(707.09, abs=0.01)
    (ddad,) = open_drives([data_dir / 'ddad_scene_01'], cache=tmp_path)
    assert ddad.name == 'ddad_scene_01/CAMERA_01' and ddad.camera.width == 1936
    assert [round((b - a) / 1e6) for a, b in pairwise(ddad.stamps)] == [100, 100]
    (euroc,) = open_drives([data_dir / 'euroc_v1_01'], cache=tmp_path)
    assert euroc.camera.model == 'plumb_bob' and len(euroc.images) == 16
    for drive in (odometry, ddad, euroc):
        sample = Triplets([drive], (96, 320), 0.1, False, cache=tmp_path).batch([0])
        assert sample.current.float().std() > 10


def test_real_folders_with_intrinsics(data_dir: Path, tmp_path: Path) -> None:
    for name, files in (('rgbd', 'rgbd/color/*.png'), ('tum', 'tum/?.png')):
        folder = tmp_path / name
        folder.mkdir()
        for file in sorted(data_dir.glob(files)):
            shutil.copy(file, folder)
        (folder / 'intrinsics.txt').write_text('fx 518\nfy 519\ncx 325.5\ncy 253.5\n')
        (drive,) = open_drives([folder], cache=tmp_path)
        assert (drive.camera.width, drive.camera.height) == (640, 480)
        image = cv2.imread(str(drive.images[0]))
        assert image.shape == (480, 640, 3)
    triplets = Triplets(open_drives([tmp_path / 'rgbd'], cache=tmp_path), (96, 320), 0.1, False,
                        cache=tmp_path)  # fmt: skip
    assert len(triplets) == 3
