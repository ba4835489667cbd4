# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Videos, image folders, KITTI and intrinsics."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import recordings
from recordings import SECOND

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources import open_source, read_intrinsics
from mdepth_ros.sources.folder import list_images

PINHOLE = '40,41,24,16'


def write_images(folder: Path, count: int = 3) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        cv2.imwrite(str(folder / f'{number:010d}.png'), recordings.picture(number)[..., ::-1])
    return folder


def check_images(source, count: int = 3) -> list[int]:
    """The frames are the pictures, in order; returns their stamps."""
    frames = list(source)
    assert len(frames) == source.total == count
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.image, recordings.picture(number))
    return [frame.stamp for frame in frames]


def test_nothing_there(tmp_path):
    with pytest.raises(MdepthError, match='no such recording'):
        open_source(tmp_path / 'nothing')


def test_unknown_thing_says_what_is_accepted(tmp_path):
    (tmp_path / 'a.txt').write_text('hello')
    for path in (tmp_path, tmp_path / 'a.txt'):
        with pytest.raises(MdepthError, match=r'give a ROS 2 bag .* a KITTI odometry sequence'):
            open_source(path)


def test_folder(tmp_path):
    folder = write_images(tmp_path / 'images')
    with pytest.raises(MdepthError, match='--intrinsics'):
        open_source(folder)
    source = open_source(folder, intrinsics=PINHOLE)
    assert check_images(source) == [0, SECOND // 10, 2 * SECOND // 10]
    assert check_images(open_source(folder, intrinsics=PINHOLE, rate=4))[1] == SECOND // 4
    camera = next(iter(source)).camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (40, 41, 24, 16)


def test_folder_with_times_and_calibration(tmp_path):
    folder = write_images(tmp_path / 'images')
    (folder / 'times.txt').write_text('0.5\n0.7\n1.25\n')
    (folder / 'intrinsics.txt').write_text('fx 40\nfy 41\ncx 24\ncy 16\n')
    assert check_images(open_source(folder)) == [500000000, 700000000, 1250000000]
    (folder / 'times.txt').write_text('0.5\n')
    with pytest.raises(MdepthError, match='1 stamps for 3 images'):
        open_source(folder)


def test_images_that_were_lost_shift_no_time(tmp_path):
    folder = write_images(tmp_path / 'images', 6)
    (folder / 'intrinsics.txt').write_text('fx 40\nfy 41\ncx 24\ncy 16\n')
    images = sorted(folder.glob('*.png'))
    for number, image in enumerate(images):
        image.rename(folder / f'{number:06d}.png')
    (folder / 'times.txt').write_text('\n'.join(f'{n / 10}' for n in range(6)))
    (folder / '000002.png').unlink()
    assert [f.stamp // (SECOND // 10) for f in open_source(folder)] == [0, 1, 3, 4, 5]
    (folder / '000003.png').rename(folder / 'third.png')
    with pytest.raises(MdepthError, match='6 stamps for 5 images, whose names are not numbers'):
        open_source(folder)


def test_times_in_nanoseconds(tmp_path):
    folder = write_images(tmp_path / 'images')
    (folder / 'times.txt').write_text('\n'.join(str(1403715276262142976 + n) for n in range(3)))
    assert check_images(open_source(folder, intrinsics=PINHOLE))[0] == 1403715276262142976


def test_images_are_in_the_order_that_people_count(tmp_path):
    folder = write_images(tmp_path / 'images', 1)
    (image,) = folder.glob('*.png')
    for number in (0, 1, 2, 9, 10, 11):
        shutil.copy(image, folder / f'frame_{number}.png')
    shutil.copy(image, folder / '._frame_3.png')  # what macOS leaves beside files
    image.unlink()
    names = [path.name for path in list_images(folder)]
    assert names == [f'frame_{number}.png' for number in (0, 1, 2, 9, 10, 11)]


def test_folder_has_the_optical_frame_under_camera_link(tmp_path):
    source = open_source(write_images(tmp_path / 'images'), intrinsics=PINHOLE)
    assert source.frame_id == 'camera_optical_frame'
    pose = source.extrinsics.lookup('camera_link', 'camera_optical_frame')
    np.testing.assert_array_equal(pose @ [0, 0, 1, 1], [1, 0, 0, 1])  # forward
    np.testing.assert_array_equal(pose @ [1, 0, 0, 1], [0, -1, 0, 1])  # right


def test_bad_image_in_a_folder(tmp_path):
    folder = write_images(tmp_path / 'images')
    (folder / '0000000001.png').write_bytes(b'no picture')
    source = open_source(folder, intrinsics=PINHOLE, rate=10)
    assert [int(frame.image[0, 0, 0]) for frame in source] == [0, 2]
    assert source.losses[0].startswith(
        '1 images skipped: the file is not an image that can be read'
    )


def test_size_change_in_a_folder_is_counted(tmp_path):
    folder = write_images(tmp_path / 'images')
    cv2.imwrite(str(folder / '0000000002.png'), recordings.picture(2, 24, 16))
    source = open_source(folder, intrinsics=PINHOLE, rate=10)
    assert len(list(source)) == 2
    assert '48x32 but the image is 24x16' in source.losses[0]


def test_euroc(data_dir):
    source = open_source(data_dir / 'euroc_v1_01')
    frames = list(source)
    assert len(frames) == 16
    assert frames[0].stamp == 1403715276262142976
    assert frames[0].camera.model == 'plumb_bob'
    assert (frames[0].camera.width, frames[0].camera.height) == (752, 480)
    assert frames[0].camera.fx == 458.654


def write_raw(root: Path, count: int = 3) -> Path:
    drive = root / '2011_09_26' / '2011_09_26_drive_0005_sync'
    write_images(drive / 'image_02' / 'data', count)
    lines = [f'2011-09-26 13:04:32.{n}00000001\n' for n in range(5)]
    (drive / 'image_02' / 'timestamps.txt').write_text(''.join(lines))
    (root / '2011_09_26' / 'calib_cam_to_cam.txt').write_text(
        'calib_time: 09-Jan-2012 13:57:47\nP_rect_02: 40 0 24 4 0 41 16 0 0 0 1 0\n'
    )
    return drive


def test_kitti_raw(tmp_path):
    drive = write_raw(tmp_path)
    for path in (drive, drive.parent):
        source = open_source(path)
        assert source.name == drive.name
        stamps = check_images(source)
        assert stamps[0] == 1317042272 * SECOND + 1
        assert np.diff(stamps).tolist() == [SECOND // 10] * 2
        camera = next(iter(source)).camera
        assert (camera.fx, camera.fy, camera.cx, camera.cy) == (40, 41, 24, 16)


def test_speeds_of_kitti_raw(tmp_path):
    drive = write_raw(tmp_path)
    assert not open_source(drive).has_speed
    (drive / 'oxts' / 'data').mkdir(parents=True)
    times = (drive / 'image_02' / 'timestamps.txt').read_text()
    (drive / 'oxts' / 'timestamps.txt').write_text(times)
    for number in range(3):
        values = [0.0] * 30
        values[8] = 5.0 + number
        text = ' '.join(map(str, values))
        (drive / 'oxts' / 'data' / f'{number:010d}.txt').write_text(text)
    source = open_source(drive)
    frames = list(source)
    assert source.has_speed
    assert [frame.speeds for frame in frames] == [
        ((frame.stamp, 5.0 + number),) for number, frame in enumerate(frames)
    ]


def test_kitti_raw_without_calibration(tmp_path):
    drive = write_raw(tmp_path)
    (drive.parent / 'calib_cam_to_cam.txt').unlink()
    with pytest.raises(MdepthError, match=r'no projection matrix P_rect_02.*--intrinsics'):
        open_source(drive)
    assert len(list(open_source(drive, intrinsics=PINHOLE))) == 3


@pytest.mark.parametrize(
    'row', ['nan 0 24 4 0 41 16 0 0 0 1 0', '1e400 0 24 4 0 41 16 0 0 0 1 0', ' '.join('0' * 12)]
)
def test_kitti_raw_whose_projection_is_none(tmp_path, row):
    drive = write_raw(tmp_path)
    (drive.parent / 'calib_cam_to_cam.txt').write_text(f'P_rect_02: {row}\n')
    with pytest.raises(MdepthError, match=r'no projection matrix P_rect_02.*--intrinsics'):
        open_source(drive)


def test_kitti_raw_with_too_few_times(tmp_path):
    drive = write_raw(tmp_path, 6)
    with pytest.raises(MdepthError, match='does not give a time for every image'):
        open_source(drive)


@pytest.mark.parametrize('labels', [True, False])
def test_kitti_odometry(tmp_path, labels):
    folder = tmp_path / '09'
    write_images(folder / 'image_2')
    rows = [f'{40 + n} 0 24 0 0 {50 + n} 16 0 0 0 1 0' for n in range(4)]
    if labels:
        rows = [f'P{n}: {row}' for n, row in enumerate(rows)]
    (folder / 'calib.txt').write_text('\n'.join(rows))
    assert check_images(open_source(folder)) == [0, SECOND // 10, 2 * SECOND // 10]
    (folder / 'times.txt').write_text('0.0\n1.038e-01\n2.076e-01\n')
    source = open_source(folder)
    assert check_images(source) == [0, 103800000, 207600000]
    assert (next(iter(source)).camera.fx, next(iter(source)).camera.fy) == (42, 52)


def test_a_lost_image_of_a_sequence_shifts_no_time(tmp_path):
    folder = write_images(tmp_path / 'image_2', 4)
    (folder / '0000000002.png').unlink()
    (tmp_path / 'calib.txt').write_text('P2: 70 0 32 4 0 70 24 0 0 0 1 0\n')
    (tmp_path / 'times.txt').write_text('0\n0.1\n0.2\n0.3\n')
    frames = list(open_source(tmp_path))
    assert [frame.stamp for frame in frames] == [0, 100_000_000, 300_000_000]


def test_kitti_samples(data_dir):
    odometry = open_source(data_dir / 'kitti_odometry_06')
    frame = next(iter(odometry))
    assert odometry.total == 51
    assert frame.image.shape == (frame.camera.height, frame.camera.width, 3)
    assert frame.camera.fx == pytest.approx(707.0912)
    raw = open_source(data_dir / 'kitti_raw_sample' / '2011_09_26')
    (frame,) = list(raw)
    assert frame.stamp == 1317042272345808896
    assert frame.camera.cy == pytest.approx(172.854)


def write_video(path: Path, count: int = 6) -> Path:
    codec = cv2.VideoWriter.fourcc(*'MJPG')
    video = cv2.VideoWriter(str(path), codec, 20.0, (48, 32))
    for number in range(count):
        video.write(np.full((32, 48, 3), (200, 100, 20 * number), np.uint8))
    video.release()
    return path


def test_video(tmp_path):
    path = write_video(tmp_path / 'drive.avi')
    with pytest.raises(MdepthError, match='--intrinsics'):
        open_source(path)
    source = open_source(path, intrinsics=PINHOLE)
    frames = list(source)
    assert source.total == 6
    assert [frame.stamp for frame in frames] == [n * SECOND // 20 for n in range(6)]
    for number, frame in enumerate(frames):
        np.testing.assert_allclose(frame.image[16, 24], (20 * number, 100, 200), atol=8)
    stamps = [frame.stamp for frame in open_source(path, intrinsics=PINHOLE, start=0.1, frames=2)]
    assert stamps == [SECOND // 10, 3 * SECOND // 20]
    assert [f.stamp for f in open_source(path, intrinsics=PINHOLE, rate=10)][1] == SECOND // 10


def test_file_that_is_no_video(tmp_path):
    path = tmp_path / 'drive.mp4'
    path.write_bytes(b'nonsense')
    with pytest.raises(MdepthError, match=r'cannot read .* as a video'):
        open_source(path, intrinsics=PINHOLE)


def test_real_video(data_dir):
    folder = data_dir / 'videos'
    source = open_source(
        folder / 'CarND-Vehicle-Detection_test_video.mp4',
        intrinsics=folder / 'carnd_intrinsics_1280x720.txt',
        frames=3,
    )
    frames = list(source)
    assert [frame.image.shape for frame in frames] == [(720, 1280, 3)] * 3
    camera = frames[0].camera
    assert camera.model == 'plumb_bob'
    assert camera.distortion == (-0.246670, -0.025441, -0.000670, 0.000134, 0.010666)


CALIBRATION = """
image_width: 48
image_height: 32
camera_name: front
camera_matrix: {rows: 3, cols: 3, data: [40, 0, 24, 0, 41, 16, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [-0.1, 0.01, 0, 0, 0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [38, 0, 23, 0, 0, 39, 15, 0, 0, 0, 1, 0]}
"""


def test_calibration_file_of_ros(tmp_path):
    path = tmp_path / 'front.yaml'
    path.write_text(CALIBRATION)
    camera = read_intrinsics(path).camera(48, 32)
    assert (camera.model, camera.fx, camera.distortion[:2]) == ('plumb_bob', 40, (-0.1, 0.01))
    assert camera.pinhole().fx == 38
    with pytest.raises(MdepthError, match='for 48x32 but the image is 24x16'):
        read_intrinsics(path).camera(24, 16)


@pytest.mark.parametrize('text', ['1,2,3', '40,41,24,16,0', '0,41,24,16', '/no/such/file.yaml'])
def test_bad_intrinsics(text):
    with pytest.raises(MdepthError, match='fx,fy,cx,cy'):
        read_intrinsics(text)


@pytest.mark.parametrize('name, content', [
    ('a.yaml', 'image_width: 3'), ('a.yaml', ': ['), ('a.yaml', ''), ('a.txt', 'fx 40\nfy 30'),
    ('a.txt', 'hello world'), ('a.yaml', 'camera_matrix: {data: [1, 2]}'),
])  # fmt: skip
def test_bad_intrinsics_file(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(MdepthError, match='cannot read intrinsics') as error:
        read_intrinsics(tmp_path / name)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('option', [{'rate': 0.0}, {'rate': -5.0}, {'rate': float('nan')},
                                    {'start': float('inf')}])  # fmt: skip
def test_rate_and_start_that_make_no_sense(tmp_path, option):
    folder = write_images(tmp_path / 'images')
    with pytest.raises(MdepthError, match=f'give (a )?--{next(iter(option))}'):
        open_source(folder, intrinsics=PINHOLE, **option)


CLOCK = 1403715273262142976


@pytest.mark.parametrize(
    ('text', 'stamps'),
    [
        ('0.5\r\n0.7\r\n1.25\r\n', [500000000, 700000000, 1250000000]),
        ('0,5\n0,7\n1,25\n', [500000000, 700000000, 1250000000]),
        ('\ufeff# time [ms]\n5\n10\n15\n', [5000000, 10000000, 15000000]),
        ('0 0.5\n1 0.7\n2 1.25\n', [500000000, 700000000, 1250000000]),
        ('0.5 0.7 1.25', [500000000, 700000000, 1250000000]),
        ('0\n33333333\n66666667\n', [0, 33333333, 66666667]),
        (f'{CLOCK}\n{CLOCK + 100}\n{CLOCK + 200}\n', [CLOCK, CLOCK + 100, CLOCK + 200]),
    ],
)  # fmt: skip
def test_times_in_every_writing(tmp_path, text, stamps):
    folder = write_images(tmp_path / 'images')
    (folder / 'times.txt').write_text(text, 'utf-8')
    assert check_images(open_source(folder, intrinsics=PINHOLE)) == stamps


@pytest.mark.parametrize(
    'bad', ['1e400', 'inf', 'nan', '9' * 5000, str(10**400), '-1', '3e9', 'x']
)
@pytest.mark.parametrize('name', ['times.txt', 'data.csv'])
def test_times_that_cannot_be_cost_a_line(tmp_path, name, bad):
    folder = write_images(tmp_path / 'images')
    more = [f',{n:010d}.png' if name == 'data.csv' else '' for n in range(3)]
    (folder / name).write_text(f'0{more[0]}\n0.1{more[1]}\n{bad}{more[2]}\n')
    with pytest.raises(MdepthError, match=name) as error:
        open_source(folder, intrinsics=PINHOLE)
    assert '\n' not in str(error.value) and len(str(error.value)) < 300
    assert len(list(open_source(folder, intrinsics=PINHOLE, rate=5))) == 3


@pytest.mark.parametrize(
    'text',
    [
        '#time [ns],filename\r\n{0},0000000000.png\r\n{1},0000000001.png\r\n{2},0000000002.png',
        '\ufefftimestamp;filename\n{0};0000000000.png\n{1};0000000001.png\n{2};0000000002.png\n',
        'filename,time\n0000000000.png,{0}\n0000000001.png,{1}\n0000000002.png,{2}\n',
        '# time, exposure, file\n{0},9,0000000000.png\n{1},9,0000000001.png\n{2},9,0000000002.png',
        '{0} data/0000000000.png\n{1} data/0000000001.png\n{2} data\\0000000002.png\n',
    ],
)
def test_data_csv_in_every_writing(tmp_path, text):
    stamps = [CLOCK + n * 50_000_000 for n in range(3)]
    folder = write_images(tmp_path / 'images')
    (folder / 'data.csv').write_text(text.format(*stamps), 'utf-8')
    assert check_images(open_source(folder, intrinsics=PINHOLE)) == stamps
    seconds = text.format(*(f'{t / 1e9:.6f}' for t in stamps))
    if '[ns]' in seconds:
        (folder / 'data.csv').write_text(seconds, 'utf-8')
        with pytest.raises(MdepthError, match=r'its first line names ns, but the times are 0\.05'):
            open_source(folder, intrinsics=PINHOLE)
    (folder / 'data.csv').write_text(seconds.replace(' [ns]', ''), 'utf-8')
    found = check_images(open_source(folder, intrinsics=PINHOLE))
    assert np.abs(np.subtract(found, stamps)).max() < 2000


def test_times_of_kitti_raw_that_cannot_be(tmp_path):
    drive = write_raw(tmp_path)
    for line in ('2011-09-26 13:04:32.x', '2040-01-01 00:00:00.0', '1403715273', ''):
        (drive / 'image_02' / 'timestamps.txt').write_text(f'{line}\n' * 3)
        with pytest.raises(MdepthError, match='does not give a time for every image'):
            open_source(drive)


def test_wrong_intrinsics_end_at_the_first_image(tmp_path):
    folder = write_images(tmp_path / 'images', 5)
    source = open_source(folder, intrinsics='0.58,1.92,0.5,0.5', rate=10)
    with pytest.raises(MdepthError, match=r'^images: wrong intrinsics: .* are normalised'):
        list(source)
    assert source.losses == []
