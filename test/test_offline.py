# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The offline run with a step that needs no network."""

from __future__ import annotations

import errno
import json
import os
import signal
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import recordings
from recordings import ROS2, SECOND
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.storage_mcap import McapWriter

from mdepth_ros import offline
from mdepth_ros.core.pairing import Pairing
from mdepth_ros.core.types import Estimate, Scale
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.report.poses import find_base
from mdepth_ros.report.run import Run
from mdepth_ros.sources import open_source

OPTICAL = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
SPEED = 5.0  # m/s, straight on


class StraightOn:
    """A step that drives straight on whatever it sees; depth is the red channel."""

    warnings = ()

    def __init__(self, start: np.ndarray = OPTICAL) -> None:
        self.pairing = Pairing(0.1)
        self.pose = np.array(start, float)

    def step(self, frames):
        (frame,) = frames
        pair = self.pairing.pair(frame)
        motion = np.eye(4)
        motion[2, 3] = SPEED * pair.interval
        self.pose = self.pose @ motion
        image = frame.image[::2, ::2].copy()
        height, width = image.shape[:2]
        estimate = Estimate(
            stamp=frame.stamp,
            frame_id=frame.frame_id,
            image=image,
            depth=image[..., 0].astype(np.float32),
            camera=Camera(width, height, 20.0, 20.0, width / 2, height / 2),
            confidence=np.ones((height, width), np.float32),
            motion=motion,
            interval=pair.interval,
            pose=self.pose.copy(),
            twist=np.array([0, 0, SPEED, 0, 0, 0.0]),
            pose_covariance=np.eye(6),
            twist_covariance=np.eye(6),
            scale=Scale(1.0, 0.0, 'fixed'),
            status='held' if pair.reason else 'tracking',
            reason=pair.reason,
            timings={'step': 0.001},
            prediction=None,
            stale=pair.stale,
        )
        return [estimate]


def write_drive(tmp_path, count=5, **more):
    return recordings.write_ros2(tmp_path / 'drive', recordings.drive(count, **more))


def run_it(bag, output, **options):
    source = open_source(bag)
    mount = find_base(source, options.get('base_frame'))[1]
    return offline.run(source, StraightOn(OPTICAL if mount is None else mount), output, **options)


def read(bag):
    """{topic: [(log time, message)]} of an output bag."""
    found: dict[str, list] = {}
    with Reader(bag) as reader:
        for connection, time, data in reader.messages():
            message = ROS2.deserialize_cdr(data, connection.msgtype)
            found.setdefault(connection.topic, []).append((time, message))
    return found


def test_what_a_run_writes(tmp_path):
    output = tmp_path / 'out'
    report = run_it(write_drive(tmp_path), output, card='{"name": "a model"}')
    assert sorted(p.name for p in output.iterdir()) == [
        'bag', 'run.json', 'trajectory.kitti', 'trajectory.tum',
    ]  # fmt: skip
    assert sorted(p.name for p in (output / 'bag').iterdir()) == ['bag_0.mcap', 'metadata.yaml']
    found = read(output / 'bag')
    per_frame = ['camera_info', 'color', 'confidence', 'image_rect', 'points']
    assert all(len(found[f'/depth/{name}']) == 5 for name in per_frame)
    assert len(found['/odom']) == len(found['/tf']) == 5
    assert found['/path']
    assert found['/mdepth/model'][0][1].data == '{"name": "a model"}'
    edge = found['/tf_static'][0][1].transforms[0]
    assert (edge.header.frame_id, edge.child_frame_id) == ('base_link', 'cam')
    assert edge.transform.translation.z == 1.5
    for number in range(5):
        stamp = 100 * SECOND + number * SECOND // 10
        for name in ('image_rect', 'camera_info'):
            time, message = found[f'/depth/{name}'][number]
            header = message.header
            assert time == header.stamp.sec * SECOND + header.stamp.nanosec == stamp
            assert header.frame_id == 'cam'
            assert (message.width, message.height) == (24, 16)
    assert (report.frames, report.pairs, report.interrupted) == (5, 4, False)
    assert report.held == {'first frame': 1}
    assert report.distance == pytest.approx(4 * 0.5)
    assert dict(report.rows())['held'] == '1 (first frame)'


def test_trajectories(tmp_path):
    output = tmp_path / 'out'
    run_it(write_drive(tmp_path), output)
    tum = np.loadtxt(output / 'trajectory.tum')
    # base_link starts at the origin of odom and drives along its x axis.
    expected = [[0.5 * n, 0, 0, 0, 0, 0, 1] for n in range(5)]
    np.testing.assert_allclose(np.abs(tum[:, 1:]), expected, atol=1e-9)
    assert (output / 'trajectory.tum').read_text().startswith('100.000000000 ')
    kitti = np.loadtxt(output / 'trajectory.kitti').reshape(-1, 3, 4)
    np.testing.assert_allclose(kitti[:, :, :3], np.broadcast_to(np.eye(3), (5, 3, 3)), atol=1e-9)
    np.testing.assert_allclose(kitti[:, :, 3], [[0, 0, 0.5 * n] for n in range(5)], atol=1e-9)


def test_two_runs_are_the_same_bytes(tmp_path):
    bag = write_drive(tmp_path)
    for name in ('one', 'two'):
        run_it(bag, tmp_path / name, keep_inputs=True, namespace='mono')
    files = [p.relative_to(tmp_path / 'one') for p in (tmp_path / 'one').rglob('*') if p.is_file()]
    assert len(files) == 5
    for file in files:
        assert (tmp_path / 'one' / file).read_bytes() == (tmp_path / 'two' / file).read_bytes()


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_chosen_topics_under_a_namespace(tmp_path, storage):
    topics = ['depth/image_rect', 'odom']
    run_it(write_drive(tmp_path), tmp_path / 'out', topics=topics, namespace='a', storage=storage)
    assert set(read(tmp_path / 'out' / 'bag')) == {'/a/depth/image_rect', '/a/odom', '/tf_static'}
    with pytest.raises(MdepthError, match='unknown topic'):
        run_it(tmp_path / 'drive', tmp_path / 'other', topics=['depth'])
    assert not (tmp_path / 'other').exists()


def test_inputs_are_kept_as_recorded(tmp_path):
    run_it(write_drive(tmp_path), tmp_path / 'out', keep_inputs=True, topics=['odom'])
    found = read(tmp_path / 'out' / 'bag')
    for topic in ('/camera/image_raw', '/camera/camera_info'):
        original = [(t, m) for name, m, t in recordings.drive() if name == topic]
        assert [time for time, _ in found[topic]] == [time for time, _ in original]
        kind = original[0][1].__msgtype__
        for (_, kept), (_, message) in zip(found[topic], original, strict=True):
            assert ROS2.serialize_cdr(kept, kind) == ROS2.serialize_cdr(message, kind)


def test_input_with_the_name_of_an_output(tmp_path):
    messages = [(t.replace('/camera/', '/depth/').replace('image_raw', 'image_rect'), m, s)
                for t, m, s in recordings.drive()]  # fmt: skip
    bag = recordings.write_ros2(tmp_path / 'drive', messages)
    source = open_source(bag, topic='/depth/image_rect')
    with pytest.raises(MdepthError, match=r'/depth/camera_info is an input and .* --namespace'):
        offline.run(source, StraightOn(), tmp_path / 'out', keep_inputs=True)
    assert [p.name for p in tmp_path.iterdir()] == ['drive']


def test_unknown_mount_withholds_odometry(tmp_path):
    messages = [m for m in recordings.drive() if m[0] != '/tf_static']
    report = run_it(recordings.write_ros2(tmp_path / 'drive', messages), tmp_path / 'out')
    assert not report.has_odometry
    assert 'no transform base_link -> cam' in report.warnings[0]
    found = read(tmp_path / 'out' / 'bag')
    assert len(found['/depth/image_rect']) == 5
    assert not {'/odom', '/path', '/tf', '/tf_static'} & set(found)
    assert not list((tmp_path / 'out').glob('trajectory.*'))
    report = run_it(tmp_path / 'drive', tmp_path / 'other', base_frame='mast')
    assert 'no transform mast -> cam' in report.warnings[0]
    # Odometry of the camera itself needs no transform.
    report = run_it(tmp_path / 'drive', tmp_path / 'third', base_frame='cam')
    assert report.has_odometry
    assert report.warnings == []


def test_source_without_transforms_uses_camera_link(tmp_path):
    import cv2

    folder = tmp_path / 'images'
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f'{number}.png'), recordings.picture(number))
    source = open_source(folder, intrinsics='40,40,24,16')
    report = offline.run(source, StraightOn(), tmp_path / 'out', keep_inputs=True)
    assert report.base_frame == 'camera_link'
    assert report.warnings == ['no inputs are kept: only a bag has messages to copy']
    assert read(tmp_path / 'out' / 'bag')['/odom'][2][1].child_frame_id == 'camera_link'
    tum = np.loadtxt(tmp_path / 'out' / 'trajectory.tum')
    np.testing.assert_allclose(tum[:, 1:4], [[0, 0, 0], [0.5, 0, 0], [1, 0, 0]], atol=1e-9)


def test_losses_gaps_and_changes_are_reported(tmp_path):
    messages = recordings.drive(3)
    later = [(200, 3, (24, 16)), (300, 4, (24, 16)), (50, 5, (24, 16))]
    for second, number, size in later:
        stamp = second * SECOND
        messages.append(('/camera/camera_info', recordings.camera_info(stamp, 9.0, size), stamp))
        image = recordings.image(stamp, number, size)
        messages.append(('/camera/image_raw', image, 400 * SECOND + number))
    bad = recordings.image(500 * SECOND, data=np.zeros(3, np.uint8))
    messages.append(('/camera/image_raw', bad, 500 * SECOND))
    bag = recordings.write_ros2(tmp_path / 'drive', messages)
    report = run_it(bag, tmp_path / 'out')
    assert report.frames == 6
    assert report.pairs == 2
    assert report.cameras == 1
    assert sum('camera changed' in line for line in report.warnings) == 1
    assert report.losses[0].startswith('1 images skipped')
    facts = json.loads((tmp_path / 'out' / 'run.json').read_text())
    assert facts['held'] == {
        'first frame': 1, 'camera changed': 1, 'gap of 100.00 s': 1,
        'time ran backward by 250.00 s': 1,
    }  # fmt: skip
    assert facts['losses'] == report.losses


@pytest.mark.parametrize('late', [[3], [3, 7], [1], [2, 4]])
def test_late_images_make_the_way_no_longer(tmp_path, late):
    """Header stamps out of order, times of recording in order: 5 m/s for 0.9 s are 4.5 m."""
    order = sorted(range(10), key=lambda n: n + 2.5 * (n in late))
    messages = recordings.drive(10)
    images = [message[1] for message in messages if message[0] == '/camera/image_raw']
    swapped = [message for message in messages if message[0] != '/camera/image_raw']
    swapped += [
        ('/camera/image_raw', images[n], 100 * SECOND + place * SECOND // 10)
        for place, n in enumerate(order)
    ]
    swapped.sort(key=lambda message: message[2])
    bag = recordings.write_ros2(tmp_path / 'drive', swapped)
    report = run_it(bag, tmp_path / 'out', keep_inputs=True)
    assert report.frames == 10 and report.pairs == 9 - len(late)
    assert report.distance == pytest.approx(4.5)
    found = read(tmp_path / 'out' / 'bag')
    assert len(found['/depth/image_rect']) == 10
    kept = [100 * SECOND + n * SECOND // 10 for n in range(10) if n not in late]
    tum = np.loadtxt(tmp_path / 'out' / 'trajectory.tum')[:, 0]
    np.testing.assert_allclose(tum, np.array(kept) / 1e9)
    headers = [message.header.stamp for _, message in found['/odom']]
    assert [stamp.sec * SECOND + stamp.nanosec for stamp in headers] == kept
    assert [time for time, _ in found['/tf']] == kept
    assert {time for time, _ in found['/path']} <= set(kept)
    facts = json.loads((tmp_path / 'out' / 'run.json').read_text())
    assert any(reason.startswith('late by 0.') for reason in facts['held'])
    assert not any('backward' in reason for reason in facts['held'])


def test_existing_output(tmp_path):
    bag = write_drive(tmp_path)
    output = tmp_path / 'out'
    run_it(bag, output)
    (output / 'report').mkdir()
    with pytest.raises(MdepthError, match='--overwrite'):
        run_it(bag, output)
    run_it(bag, output, overwrite=True)
    assert not (output / 'report').exists()
    precious = tmp_path / 'precious'
    precious.mkdir()
    run_it(bag, precious)  # an empty directory is as good as none
    (precious / 'run.json').unlink()
    with pytest.raises(MdepthError, match='not the output of a run'):
        run_it(bag, precious, overwrite=True)
    assert (precious / 'bag').is_dir()


def test_ctrl_c_keeps_what_is_done(tmp_path):
    class Pressed(StraightOn):
        def step(self, frames):
            if frames[0].stamp == 100 * SECOND + 2 * SECOND // 10:
                signal.raise_signal(signal.SIGINT)
            return super().step(frames)

    before = signal.getsignal(signal.SIGINT)
    report = offline.run(open_source(write_drive(tmp_path)), Pressed(), tmp_path / 'out')
    assert signal.getsignal(signal.SIGINT) is before
    assert report.interrupted
    assert report.frames == 3
    assert 'interrupted' in dict(report.rows())['frames']
    found = read(tmp_path / 'out' / 'bag')
    assert all(len(found[topic]) == 3 for topic in ('/depth/image_rect', '/odom', '/tf'))
    assert len((tmp_path / 'out' / 'trajectory.tum').read_text().splitlines()) == 3
    assert json.loads((tmp_path / 'out' / 'run.json').read_text())['interrupted'] is True


def test_second_ctrl_c_ends_at_once(tmp_path):
    class Pressed(StraightOn):
        def step(self, frames):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            return super().step(frames)

    with pytest.raises(KeyboardInterrupt):
        offline.run(open_source(write_drive(tmp_path)), Pressed(), tmp_path / 'out')
    assert [p.name for p in tmp_path.iterdir()] == ['drive']


def test_full_disk_leaves_nothing(tmp_path, monkeypatch):
    bag = write_drive(tmp_path)
    count = iter(range(100))

    def write(self, connection, timestamp, data):
        if next(count) == 12:
            raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(McapWriter, 'write', write)
    with pytest.raises(MdepthError, match='disk is full'):
        run_it(bag, tmp_path / 'out')
    assert [p.name for p in tmp_path.iterdir()] == ['drive']


def test_full_disk_at_the_last_file(tmp_path, monkeypatch):
    bag = write_drive(tmp_path)
    write_text = Path.write_text

    def write(self, *args, **kwargs):
        if self.name == 'run.json':
            raise OSError(errno.ENOSPC, 'No space left on device')
        return write_text(self, *args, **kwargs)

    monkeypatch.setattr(Path, 'write_text', write)
    with pytest.raises(MdepthError, match='No space left on device'):
        run_it(bag, tmp_path / 'out')
    assert [p.name for p in tmp_path.iterdir()] == ['drive']


def test_failing_step_leaves_nothing(tmp_path):
    class Failing(StraightOn):
        def step(self, frames):
            raise MdepthError('the network gave NaN')

    with pytest.raises(MdepthError, match='gave NaN'):
        offline.run(open_source(write_drive(tmp_path)), Failing(), tmp_path / 'out')
    assert [p.name for p in tmp_path.iterdir()] == ['drive']


def test_damaged_bag_is_processed_and_the_loss_said(tmp_path):
    bag = write_drive(tmp_path, 60)
    path = bag / 'drive.mcap'
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    report = run_it(bag, tmp_path / 'out')
    assert 20 < report.frames < 40
    assert any('is damaged' in line for line in report.losses)


def test_memory_does_not_grow_with_frames(tmp_path):
    """600 frames of 4.6 kB pass by; what stays is less than a third of that."""
    bag = write_drive(tmp_path, 800)
    held = []

    def on_progress(done, total):
        assert total == 800
        if done in (200, 800):
            held.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    try:
        run_it(bag, tmp_path / 'out', topics=['odom'], on_progress=on_progress)
    finally:
        tracemalloc.stop()
    # rosbags gathers what it writes (odometry: 0.4 MB here) in chunks of 1 MB.
    assert held[1] - held[0] < 0.9e6


def test_a_run_that_was_killed_is_not_lost(tmp_path):
    """What it wrote can be read, and the next run deletes it only where that is asked for."""
    bag, output = write_drive(tmp_path, 400), tmp_path / 'out'

    def kill(done, total):
        if done == 350:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            options = {'topics': ['odom'], 'keep_inputs': True, 'storage': 'sqlite3'}
            run_it(bag, output, on_progress=kill, **options)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    left = tmp_path / 'out.partial' / 'bag.partial' / 'bag_0'
    source = open_source(left)
    assert [f.stamp for f in source] == [
        100 * SECOND + n * SECOND // 10 for n in range(source.total)
    ]
    assert 150 < source.total <= 350
    assert len(np.loadtxt(tmp_path / 'out.partial' / 'trajectory.tum')) == 350
    with pytest.raises(MdepthError, match=r'out.partial/.*bag_0.db3 is of an earlier run'):
        run_it(bag, output)
    with pytest.raises(
        MdepthError, match=r'out.partial is of a run that was killed: run it again'
    ):
        Run(output)
    assert len(list(open_source(left))) == source.total
    run_it(bag, output, topics=['odom'], overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ['drive', 'out']


def test_an_output_that_is_a_link(tmp_path):
    (tmp_path / 'disk').mkdir()
    (tmp_path / 'out').symlink_to('disk')
    for overwrite in (False, True):
        run_it(write_drive(tmp_path / str(overwrite)), tmp_path / 'out', overwrite=overwrite)
        assert (tmp_path / 'out').is_symlink() and (tmp_path / 'disk' / 'run.json').is_file()


def test_kitti_city(data_dir, tmp_path):
    report = run_it(data_dir / 'bags' / 'kitti_city', tmp_path / 'out', topics=['odom'])
    assert report.frames == 40
    assert report.base_frame == 'base_link'
    assert report.has_odometry
    assert report.losses == []


def test_output_without_a_name(tmp_path, monkeypatch):
    bag = recordings.write_ros2(tmp_path / 'bag', recordings.drive(2))
    (tmp_path / 'here').mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    with pytest.raises(MdepthError, match='name a directory to be made'):
        offline.run(open_source(bag), StraightOn(), Path())
