# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags made here -> drives: what the files hold, what is left out, what interruptions leave."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import films
import numpy as np
import pytest
import recordings
from mdepth_training.data.extract import Dataset, extract
from mdepth_training.data.extract_drive import Options
from mdepth_training.data.folder import recordings_in
from mdepth_training.data.recordings import extracted, is_dataset, read_dataset
from mdepth_training.data.view import choose_view
from recordings import SECOND

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, target_camera
from mdepth_ros.sources import open_source

EXACT = Options(size=(recordings.WIDTH, recordings.HEIGHT), png=True)
START = 100 * SECOND


def bag(path: Path, count: int = 5, **kw: int) -> Path:
    return recordings.write_ros2(path, recordings.drive(count, **kw))


def pictures(folder: Path) -> list[np.ndarray]:
    return [cv2.imread(str(path))[..., ::-1] for path in sorted(folder.glob('0*'))]


def facts(dataset: Dataset) -> dict:
    assert len(dataset.drives) == 1 and not dataset.failures
    return next(iter(dataset.drives.values()))


def test_a_drive_is_what_the_bag_holds(tmp_path: Path) -> None:
    dataset = extract([bag(tmp_path / 'town')], tmp_path / 'data', EXACT)
    assert facts(dataset)['frames'] == 5 and facts(dataset)['median_interval'] == 0.1
    folder = tmp_path / 'data' / 'town'
    for number, picture in enumerate(pictures(folder)):
        np.testing.assert_array_equal(picture, recordings.picture(number))
    # The runtime reads it too, with the same stamps and camera.
    frames = list(open_source(folder))
    assert [frame.stamp for frame in frames] == [START + n * SECOND // 10 for n in range(5)]
    assert frames[0].camera == next(iter(open_source(tmp_path / 'town'))).camera.pinhole()
    (drive,) = read_dataset(tmp_path / 'data')
    assert (drive.name, len(drive.images), drive.camera) == ('town', 5, frames[0].camera)
    assert is_dataset(folder) and [d.name for d in read_dataset(folder)] == ['town']
    assert not is_dataset(tmp_path / 'town')


def test_the_size_follows_from_the_network_but_nothing_is_enlarged() -> None:
    large = Camera(1920, 1080, 1000, 1000, 960, 540)
    view = choose_view(large, (192, 640))
    assert view == target_camera(large, 288, 960)
    small = Camera(640, 480, 500, 510, 320, 240, 'plumb_bob', (-0.2, 0.05))
    view = choose_view(small, (192, 640))
    assert (view.width, view.height) == (640, 192)
    assert (view.fx, view.fy, view.cx, view.cy) == (500, 510, 320, 240 - 144)
    assert (view.model, view.distortion) == ('pinhole', ())
    assert choose_view(small, (192, 640), (160, 120)) == target_camera(small, 120, 160)


def test_jpeg_is_close_and_ros1_and_sqlite_are_bags_too(tmp_path: Path) -> None:
    smooth = cv2.resize(recordings.picture(1, 6, 4), (48, 32), interpolation=cv2.INTER_CUBIC)
    messages = recordings.drive(4)
    for number, (topic, _, stamp) in enumerate(messages):
        if topic.endswith('image_raw'):
            shifted = np.roll(smooth, number, 1)
            picture = recordings.image(stamp, data=shifted.reshape(-1))
            messages[number] = topic, picture, stamp
    recordings.write_ros2(tmp_path / 'sqlite', messages, 'sqlite3')
    recordings.write_ros1(tmp_path / 'one.bag', recordings.drive(4, store=recordings.ROS1))
    dataset = extract(
        [tmp_path / 'sqlite', tmp_path / 'one.bag'],
        tmp_path / 'data',
        replace(EXACT, png=False, keep_static=True),
        jobs=1,
    )
    assert {name: drive['frames'] for name, drive in dataset.drives.items()} == {
        'sqlite': 4,
        'one': 4,
    }
    found = pictures(tmp_path / 'data' / 'sqlite')[0].astype(int)
    assert np.abs(found - np.roll(smooth, 2, 1)).mean() < 4


def test_thinning_keeps_the_interval_on_the_average(tmp_path: Path) -> None:
    messages = recordings.drive(0)
    random = np.random.default_rng(0)
    for number in range(90):  # 30 Hz with jitter
        stamp = START + round((number + random.uniform(-0.2, 0.2)) * SECOND / 30)
        messages.append(('/camera/camera_info', recordings.camera_info(stamp), stamp))
        messages.append(('/camera/image_raw', recordings.image(stamp, number), stamp))
    recordings.write_ros2(tmp_path / 'bag', messages)
    extract([tmp_path / 'bag'], tmp_path / 'data', replace(EXACT, interval=0.1))
    stamps = [frame.stamp for frame in open_source(tmp_path / 'data' / 'bag')]
    steps = np.diff(stamps) / SECOND
    assert len(stamps) == 30 and abs(steps.mean() - 0.1) < 0.002
    assert steps.min() > 0.075 and steps.max() < 0.125


def test_what_is_of_no_use_is_left_out_and_counted(tmp_path: Path) -> None:
    messages = recordings.drive(10)
    short = recordings.image(START + 3 * SECOND // 10, 3)
    short.data = short.data[:100]
    other = recordings.camera_info(START + 5 * SECOND // 10, focal=50.0)
    for place, (topic, _, stamp) in enumerate(messages):
        number = (stamp - START) // (SECOND // 10)
        if topic.endswith('image_raw') and number == 3:
            messages[place] = topic, short, stamp
        if topic.endswith('camera_info') and number == 5:
            messages[place] = topic, other, stamp
        if topic.endswith('image_raw') and number == 8:  # the clock stepped back
            messages[place] = topic, recordings.image(START, 8), stamp
    recordings.write_ros2(tmp_path / 'bag', messages)
    found = facts(extract([tmp_path / 'bag'], tmp_path / 'data', EXACT))
    assert found['frames'] == 7
    reasons = ' | '.join(found['dropped'])
    assert sum(found['dropped'].values()) == 3
    assert 'image data has 100 bytes' in reasons
    assert 'another camera_info' in reasons and 'not later than' in reasons


def test_a_standing_camera_is_left_out_unless_wanted(tmp_path: Path) -> None:
    messages = recordings.drive(12)
    wall = cv2.resize(recordings.picture(5, 12, 8), (48, 32), interpolation=cv2.INTER_CUBIC)
    for place, (topic, _, stamp) in enumerate(messages):
        if topic.endswith('image_raw') and 3 <= (stamp - START) // (SECOND // 10) < 9:
            messages[place] = topic, recordings.image(stamp, data=wall.reshape(-1)), stamp
    recordings.write_ros2(tmp_path / 'bag', messages)
    found = facts(extract([tmp_path / 'bag'], tmp_path / 'data', EXACT))
    # The first and the last frame of the stop have a neighbour that differs.
    assert (found['frames'], found['dropped']) == (8, {'of a standing camera': 4})
    kept = extract([tmp_path / 'bag'], tmp_path / 'all', replace(EXACT, keep_static=True))
    assert facts(kept)['frames'] == 12
    recordings.write_ros2(tmp_path / 'parked', messages[7:18])
    with pytest.raises(MdepthError, match=r'0 images are of use, .*; 5 of a standing camera'):
        extract([tmp_path / 'parked'], tmp_path / 'none', EXACT)


def test_threads_and_processes_give_the_same_bytes(tmp_path: Path) -> None:
    bags = [bag(tmp_path / name, 8) for name in ('a', 'b')]
    extract(bags[:1], tmp_path / 'one', EXACT, jobs=1)
    extract(bags[:1], tmp_path / 'four', EXACT, jobs=4)
    dataset = extract(bags, tmp_path / 'two', EXACT, jobs=2)
    assert sorted(dataset.drives) == ['a', 'b']
    for folder in ('four/a', 'two/a', 'two/b'):
        files = sorted((tmp_path / 'one' / 'a').iterdir())
        assert [f.name for f in files] == sorted(f.name for f in (tmp_path / folder).iterdir())
        for file in files:
            if file.name == 'drive.json':  # names the recording
                continue
            assert file.read_bytes() == (tmp_path / folder / file.name).read_bytes(), file


def test_recordings_of_one_name_become_drives_of_different_names(tmp_path: Path) -> None:
    (tmp_path / 'x').mkdir()
    (tmp_path / 'y').mkdir()
    bags = [bag(tmp_path / 'x' / 'bag', 3), bag(tmp_path / 'y' / 'bag', 4)]
    assert set(extract(bags[:1], tmp_path / 'data', EXACT).drives) == {'bag'}
    dataset = extract(bags, tmp_path / 'data', EXACT)
    assert {name: drive['frames'] for name, drive in dataset.drives.items()} == {
        'bag': 3,
        'y-bag': 4,
    }


def test_an_unusable_recording_costs_a_line_and_no_other(tmp_path: Path) -> None:
    good = bag(tmp_path / 'good')
    dataset = extract([tmp_path / 'missing', good], tmp_path / 'data', EXACT)
    assert list(dataset.drives) == ['good']
    assert dataset.failures == [f'no such recording: {tmp_path / "missing"}']
    with pytest.raises(MdepthError, match='nothing to extract: no such recording'):
        extract([tmp_path / 'missing'], tmp_path / 'none', EXACT)
    assert not [path for path in (tmp_path / 'none').iterdir() if path.name != '.lock']


def test_a_bag_that_was_cut_off_gives_what_is_left(tmp_path: Path) -> None:
    whole = bag(tmp_path / 'whole', 40) / 'whole.mcap'
    data = whole.read_bytes()
    (tmp_path / 'cut.mcap').write_bytes(data[: len(data) * 2 // 3])
    found = facts(extract([tmp_path / 'cut.mcap'], tmp_path / 'data', EXACT))
    assert 3 <= found['frames'] < 40
    assert any('damaged' in note for note in found['notes'])


def test_finished_drives_stay_and_unfinished_ones_are_made_again(tmp_path: Path) -> None:
    bags = [bag(tmp_path / name) for name in ('a', 'b')]
    data = tmp_path / 'data'
    extract(bags[:1], data, EXACT)
    before = (data / 'a' / '000000.png').stat().st_mtime_ns
    # What a killed process leaves: half a drive, and a whole one that was not noted yet.
    (data / '.b.partial').mkdir()
    (data / '.b.partial' / '000099.png').write_bytes(b'half')
    whole = json.loads((data / 'dataset.json').read_text())
    (data / 'dataset.json').unlink()
    extract(bags[:1], data, EXACT)
    assert [drive.name for drive in read_dataset(data)] == ['a']
    dataset = extract(bags, data, EXACT)
    assert sorted(dataset.drives) == ['a', 'b']
    assert dataset.drives['a'] == whole['drives']['a']
    assert (data / 'a' / '000000.png').stat().st_mtime_ns == before
    assert not (data / '.b.partial').exists() and len(pictures(data / 'b')) == 5
    with pytest.raises(MdepthError, match='with other options: delete it'):
        extract(bags, data, replace(EXACT, keep_static=True))
    (data / 'dataset.json').write_text('{}')
    with pytest.raises(MdepthError, match='damaged, or not of this program'):
        extract(bags, data, EXACT)


def test_nothing_is_deleted_that_was_not_made_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as the recording itself, where the output is the folder that it lies in."""
    drives = tmp_path / 'drives'
    for name in ('monday', 'tuesday'):
        bag(drives / name)
    (drives / 'drives-tuesday.partial').mkdir()
    before = {file: file.read_bytes() for file in drives.rglob('*') if file.is_file()}
    monkeypatch.chdir(drives)
    dataset = extract(['monday', Path('tuesday')], Path(), EXACT)
    assert sorted(dataset.drives) == ['drives-monday', 'drives-tuesday']
    assert all(file.read_bytes() == data for file, data in before.items())
    assert (drives / 'drives-tuesday.partial').is_dir()
    assert extract(['monday', 'tuesday'], Path(), EXACT).drives.keys() == dataset.drives.keys()


def test_a_recording_that_was_changed_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calibration = tmp_path / 'camera.txt'
    calibration.write_text('fx 40\nfy 40\ncx 24\ncy 16\n')
    options = replace(EXACT, intrinsics=str(calibration))
    recording, data = bag(tmp_path / 'town'), tmp_path / 'data'
    extract([recording], data, options)
    extract([recording], data, options)
    assert 'was changed since' not in capsys.readouterr().err
    calibration.write_text('fx 400\nfy 40\ncx 24\ncy 16\n')
    extract([recording], data, options)
    assert 'town was changed since: delete' in capsys.readouterr().err.replace('\n', '')


def test_a_folder_of_recordings_stands_for_them(tmp_path: Path) -> None:
    """Monday comes after Friday by name, and before it in time: they are two drives."""
    flat, nested = tmp_path / 'flat', tmp_path / 'nested'
    for day, start in (('monday', 100), ('friday', 900)):
        made = recordings.write_ros2(nested / day, recordings.drive(6, start=start * SECOND))
        flat.mkdir(exist_ok=True)
        shutil.copy(made / f'{day}.mcap', flat)
    for folder in (flat, nested):
        dataset = extract([folder], tmp_path / f'data_{folder.name}', EXACT)
        assert {name: d['frames'] for name, d in dataset.drives.items()} == {
            'monday': 6,
            'friday': 6,
        }
    parts = tmp_path / 'parts'
    parts.mkdir()
    for number, day in enumerate(('monday', 'friday')):
        shutil.copy(flat / f'{day}.mcap', parts / f'trip_{number}.mcap')
    assert recordings_in(parts) == recordings_in(flat / 'monday.mcap') == []
    assert facts(extract([parts], tmp_path / 'data_parts', EXACT))['frames'] == 12


def test_one_stamp_from_the_future_costs_one_image(tmp_path: Path) -> None:
    messages = recordings.drive(9)
    images = [n for n, (topic, _, _) in enumerate(messages) if topic.endswith('image_raw')]
    topic, _, time = messages[images[4]]
    future = 2_000_000_000 * SECOND
    messages[images[4]] = topic, recordings.image(future, 4), time
    recordings.write_ros2(tmp_path / 'bag', messages)
    found = facts(extract([tmp_path / 'bag'], tmp_path / 'data', EXACT))
    assert found['frames'] == 8 and found['dropped'] == {'later than the two after it': 1}


@pytest.mark.parametrize('order', ([0, 2, 1, 3, 4, 5, 7, 6], [3, 0, 1, 2, 7, 6, 5, 4]))
def test_late_images_take_their_place(tmp_path: Path, order: list[int]) -> None:
    """As a USB camera gives them: what was recorded late is not lost to training."""
    messages = recordings.drive(8, start=START)
    images = [message[1] for message in messages if message[0] == '/camera/image_raw']
    messages = [message for message in messages if message[0] != '/camera/image_raw']
    messages += [
        ('/camera/image_raw', images[n], START + place * SECOND // 10)
        for place, n in enumerate(order)
    ]
    recordings.write_ros2(tmp_path / 'bag', sorted(messages, key=lambda message: message[2]))
    found = facts(extract([tmp_path / 'bag'], tmp_path / 'data', EXACT))
    assert found['frames'] == 8 and found['dropped'] == {}
    seen = [frame.image[0, 0, 0] for frame in open_source(tmp_path / 'data' / 'bag')]
    assert seen == list(range(8))


def test_an_image_that_was_taken_out_shifts_no_other(tmp_path: Path) -> None:
    extract([bag(tmp_path / 'town', 8)], tmp_path / 'data', EXACT)
    folder = tmp_path / 'data' / 'town'
    stamps = [START + n * SECOND // 10 for n in range(8)]
    for number in (2, 3):
        (folder / f'{number:06d}.png').unlink()
    (drive,) = read_dataset(tmp_path / 'data')
    assert drive.stamps == [*stamps[:2], *stamps[4:]]
    assert [frame.stamp for frame in open_source(folder)] == drive.stamps


def test_a_full_disk_costs_one_drive_and_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bags = [bag(tmp_path / 'a'), bag(tmp_path / 'b')]
    extract(bags[:1], tmp_path / 'data', EXACT)
    written = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == '000003.png':
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return written(path, data)

    monkeypatch.setattr(Path, 'write_bytes', full)
    with pytest.raises(MdepthError, match=r'No space left .* what is finished stays'):
        extract(bags, tmp_path / 'data', EXACT)
    assert sorted(p.name for p in (tmp_path / 'data').glob('[!.]*')) == ['a', 'dataset.json']
    monkeypatch.undo()
    assert sorted(extract(bags, tmp_path / 'data', EXACT).drives) == ['a', 'b']


def test_ctrl_c_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr('mdepth_training.data.extract._line', pressed)
    bags = [bag(tmp_path / name) for name in ('a', 'b')]
    with pytest.raises(KeyboardInterrupt):
        extract(bags, tmp_path / 'data', EXACT, jobs=1)
    found = json.loads((tmp_path / 'data' / 'dataset.json').read_text())['drives']
    assert list(found) == ['a'] and not list((tmp_path / 'data').glob('*.partial'))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'size': (4, 4)}, 'sides of 16 to 8192'),
        ({'interval': -1.0}, 'seconds from 0 to 60'),
        ({'stereo_topic': '/b', 'intrinsics': '1,1,1,1'}, 'leave --intrinsics away'),
    ],
)
def test_options_that_make_no_sense(options: dict, message: str) -> None:
    with pytest.raises(MdepthError, match=message):
        Options(**options)


def test_a_video_needs_its_calibration_beside_it(tmp_path: Path) -> None:
    video = tmp_path / 'clip.avi'
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*'MJPG'), 10, (64, 48))
    for number in range(6):
        writer.write(recordings.picture(number, 64, 48))
    writer.release()
    with pytest.raises(MdepthError, match=r'put clip\.yaml or intrinsics\.txt beside it'):
        extracted(video, tmp_path / 'cache')
    (tmp_path / 'clip.txt').write_text('fx 50\nfy 50\ncx 32\ncy 24\n')
    folder = extracted(video, tmp_path / 'cache', (64, 96))
    (drive,) = read_dataset(folder)
    assert len(drive.images) == 6 and all(b - a == 10**8 for a, b in pairwise(drive.stamps))
    assert (drive.camera.width, drive.camera.height, drive.camera.fx) == (64, 43, 50)
    assert extracted(video, tmp_path / 'cache', (64, 96)) == folder


def test_the_times_of_a_video_are_those_in_the_file(tmp_path: Path) -> None:
    times = [0, 33, 67, 167, 267, 367, 400, 433]
    images = [recordings.picture(n, 96, 64) for n in range(8)]
    film = films.write_film(tmp_path / 'dusk.webm', times, images, claimed=1000.0)
    options = Options(intrinsics='70,70,48,32', keep_static=True)
    dataset = extract([film], tmp_path / 'data', options)
    assert facts(dataset)['frames'] == 8
    lines = (tmp_path / 'data' / 'dusk' / 'times.txt').read_text().split()
    assert [round(1000 * float(line)) for line in lines] == times
