# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The thread that owns the networks: newest frames, failures, several cameras, memory."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import live
import numpy as np
import pytest
from live import at, drive, node, said, stamp_of, statuses

from mdepth_ros.core.perception import Perception
from mdepth_ros.ros import worker
from mdepth_ros.ros.conversions import make_header, pose_to_matrix
from mdepth_ros.ros.images import to_depth
from mdepth_ros.ros.mdepth_node import MdepthNode

# isort: split
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CompressedImage, Image, PointCloud2
from std_srvs.srv import SetBool
from tf2_msgs.msg import TFMessage


def test_disable_frees_the_network_and_enable_brings_it_back(model: Path) -> None:
    with node(model) as running:
        depths = running.listen(Image, '/depth/image_rect')
        odometry = running.listen(Odometry, '/odom')
        reports = running.listen(DiagnosticArray, '/diagnostics')
        running.info()
        running.mount()
        drive(running, depths, [at(0), at(1), at(2)])
        answer = running.call(SetBool, '/mdepth/enable', SetBool.Request(data=False))
        assert answer.success and 'disabled' in answer.message
        running.until(lambda: running.node._worker.estimator is None, 'the end of the network')
        running.until(lambda: not running.peer.count_subscribers('/image'), 'no subscription')
        names = ('input', 'output', 'odometry', 'scale', 'model')
        running.until(
            lambda: all(said(reports, name).startswith('disabled') for name in names),
            'diagnostics',
        )
        assert {statuses(reports)[name].level for name in names} == {b'\x00'}
        assert running.call(SetBool, '/mdepth/enable', SetBool.Request(data=True)).success
        drive(running, depths, [at(n) for n in range(10, 13)])
        running.until(lambda: len(odometry) == 6, 'the odometry')
        poses = [pose_to_matrix(message.pose.pose) for message in odometry]
        np.testing.assert_array_equal(poses[3], poses[2])  # held, not begun anew
        assert not np.array_equal(poses[4], poses[3])


def test_a_node_that_starts_disabled_loads_nothing(model: Path) -> None:
    with node(model, enabled=False) as running:
        running.spin(0.5)
        assert running.node._worker.estimator is None
        assert running.peer.count_subscribers('/image') == 0
        running.call(SetBool, '/mdepth/enable', SetBool.Request(data=True))
        running.until(lambda: running.node._worker.estimator is not None, 'the network')


@pytest.mark.parametrize('enabled', [True, False])
def test_a_model_that_does_not_load_ends_the_node_with_2(tmp_path: Path, enabled: bool) -> None:
    """At the start as when it is enabled: launch sees it, and may start the node again."""
    missing = tmp_path / 'none.safetensors'
    with node(missing, enabled=enabled) as running:
        if not enabled:
            running.spin(0.3)
            assert running.node.failure == ''
            running.call(SetBool, '/mdepth/enable', SetBool.Request(data=True))
        running.until(lambda: running.node.failure, 'the end')
        assert running.node.failure.startswith('the model is not loaded: ')
        assert 'none.safetensors' in running.node.failure
        assert running.node.exit_status == 2


def test_a_driver_that_fails_is_no_mistake_of_the_user(model: Path, monkeypatch: Any) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError('CUDA error: out of memory\nmore')

    monkeypatch.setattr(MdepthNode, '_load', broken)
    with node(model) as running:
        running.until(lambda: running.node.failure, 'the end')
        assert running.node.failure == (
            'the model is not loaded: RuntimeError: CUDA error: out of memory'
        )
        assert running.node.exit_status == 1


def test_steps_that_fail_again_and_again_end_the_node(model: Path, monkeypatch: Any) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError('CUDA error: device lost\nmore')

    with node(model) as running:
        depths = running.listen(Image, '/depth/image_rect')
        running.info()
        drive(running, depths, [at(0)])
        whole = Perception.step
        monkeypatch.setattr(Perception, 'step', broken)
        current = running.node._worker
        running.image(at(1))
        running.until(lambda: current.problem, 'the problem')
        assert current.problem == 'a frame is lost: RuntimeError: CUDA error: device lost'
        monkeypatch.setattr(Perception, 'step', whole)
        drive(running, depths, [at(2)])  # one failure is no end
        running.until(lambda: current.problem == '', 'the end of the problem')
        assert running.node.failure == ''
        monkeypatch.setattr(Perception, 'step', broken)
        for number in range(worker.MAX_FAILURES):
            failures = current._failures
            running.image(at(3 + number))
            running.until(lambda f=failures: current._failures > f, 'the failure')
        running.until(lambda: running.node.failure, 'the end')
        assert running.node.failure.startswith('5 steps failed in a row')
        assert running.node.exit_status == 1


def test_no_image_waits_behind_an_older_one(model: Path, monkeypatch: Any) -> None:
    """The networks are slower than the camera: the next frame is always the newest there is."""
    busy, free = threading.Event(), threading.Event()
    step = Perception.step

    def slow(*arguments: Any) -> Any:
        busy.set()
        assert free.wait(live.DEADLINE)
        return step(*arguments)

    with node(model) as running:
        depths = running.listen(Image, '/depth/image_rect')
        running.info()
        drive(running, depths, [at(0)])
        monkeypatch.setattr(Perception, 'step', slow)
        statistics = running.node.cameras[0].statistics
        for number in range(1, 7):
            running.image(at(number))
            running.until(
                lambda n=number: statistics.snapshot().received == n + 1, 'the image to arrive'
            )
            running.until(busy.is_set, 'the step')
        free.set()
        running.until(lambda: len(depths) == 3, 'two more depths')
        running.spin(0.2)
        assert [stamp_of(depth) for depth in depths] == [at(0), at(1), at(6)]
        counts = statistics.snapshot()
        assert (counts.received, counts.superseded, counts.processed) == (7, 4, 3)


def test_the_odometry_runs_with_networks_slower_than_a_pair(model: Path, monkeypatch: Any) -> None:
    """Every fifth frame is stepped, but each is paired with the one 0.1 s before it."""
    turns = threading.Semaphore(0)
    step = Perception.step
    intervals: list[float] = []

    def slow(*arguments: Any) -> Any:
        estimates = step(*arguments)
        intervals.append(estimates[0].interval)
        assert turns.acquire(timeout=live.DEADLINE)
        return estimates

    with node(model) as running:
        odometry = running.listen(Odometry, '/odom')
        depths = running.listen(Image, '/depth/image_rect')
        running.info()
        running.mount()
        running.until(lambda: running.node._worker.estimator is not None, 'the model')
        running.until(lambda: running.node.cameras[0].input.camera_known, 'camera_info')
        monkeypatch.setattr(Perception, 'step', slow)
        statistics = running.node.cameras[0].statistics
        for number in range(21):
            running.image(at(number))
            running.until(
                lambda n=number: statistics.snapshot().received == n + 1, 'the image to arrive'
            )
            if number % 5 == 0:
                if number:
                    turns.release()  # the step before ends
                running.until(lambda n=number: len(intervals) == n // 5 + 1, 'the next step')
        turns.release()
        running.until(lambda: len(odometry) == len(depths) == 5, 'depth and odometry')
        assert [stamp_of(depth) for depth in depths] == [at(n) for n in (0, 5, 10, 15, 20)]
        assert intervals[0] == 0.0
        assert intervals[1:] == pytest.approx([0.1] * (len(intervals) - 1))
        assert statistics.snapshot().held == {'first frame': 1}
        recent = running.node.cameras[0].input._recent
        assert len(recent._items) <= 3  # 0.225 s of a camera of 10 Hz


def test_many_frames_leave_nothing_behind(model: Path) -> None:
    with node(model, path_every=1) as running:
        heard = [
            running.listen(kind, topic, live.qos(depth=1))
            for kind, topic in (
                (Image, '/depth/image_rect'),
                (PointCloud2, '/depth/points'),
                (Image, '/depth/color'),
                (Odometry, '/odom'),
            )
        ]
        running.mount()
        running.info()
        statistics = running.node.cameras[0].statistics
        tracemalloc.start()
        try:
            sizes = []
            for number in range(60):
                running.image(at(number), number=number % 5)
                running.until(
                    lambda n=number: statistics.snapshot().processed == n + 1, 'the step'
                )
                for messages in heard:
                    messages.clear()
                if number % 20 == 19:
                    gc.collect()
                    descriptors = len(list(Path('/proc/self/fd').iterdir()))
                    sizes.append((tracemalloc.get_traced_memory()[0], descriptors))
        finally:
            tracemalloc.stop()
    # What is kept of every frame is bounded: statistics and the path, a few hundred bytes each.
    assert sizes[2][0] - sizes[1][0] < 20 * 10_000
    assert sizes[2][1] <= sizes[1][1] + 2


def test_a_corrupt_picture_is_counted_and_left_out(model: Path) -> None:
    with node(model, image_transport='compressed') as running:
        depths = running.listen(Image, '/depth/image_rect')
        running.info()
        topic = '/image/compressed'
        drive(running, depths, [at(0)], topic=topic, compressed=True)
        bad = CompressedImage(header=make_header(at(1), 'camera'), format='jpeg')
        bad.data.frombytes(b'\xff\xd8\xff nothing')
        running.publisher(CompressedImage, topic).publish(bad)
        statistics = running.node.cameras[0].statistics
        running.until(lambda: statistics.snapshot().unreadable == 1, 'the count')
        drive(running, depths, [at(2)], topic=topic, compressed=True)
        assert running.node._worker._failures == 0


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'p': np.eye(3, 4).reshape(12)}, 'wrong projection P'),
        ({'k': np.array([1e30, 0, 59.5, 0, 100, 39.5, 0, 0, 1])}, 'wrong intrinsics'),
        ({'k': np.array([100, 0, 1e9, 0, 100, 39.5, 0, 0, 1])}, 'wrong intrinsics'),
        ({'width': 2**32 - 1, 'height': 2**32 - 1}, 'pixels has no camera'),
        ({'r': np.diag([-1.0, 1.0, -1.0]).reshape(9)}, 'sees nothing'),  # looks backward
    ],
)
def test_a_camera_that_cannot_be_holds_the_node_until_it_is_mended(
    model: Path, changes: dict[str, Any], words: str
) -> None:
    with node(model, no_data_timeout=0.5) as running:
        depths = running.listen(Image, '/depth/image_rect')
        current = running.node.cameras[0].input
        running.info(**changes)
        running.until(lambda: running.node._worker.estimator is not None, 'the network')
        for number in range(worker.MAX_FAILURES + 2):
            running.image(at(number))
            running.spin(0.05)
        running.until(lambda: words in current.camera_problem, 'the problem')
        running.info()
        running.until(lambda: current.camera_problem == '', 'the end of the problem')
        drive(running, depths, [at(20)])
        assert running.node.failure == '' and running.node._worker._failures == 0


def test_several_cameras_share_the_model(model: Path, monkeypatch: Any) -> None:
    groups: list[int] = []
    step = Perception.step
    monkeypatch.setattr(
        Perception, 'step', lambda self, f, p: groups.append(len(f)) or step(self, f, p)
    )
    with node(model, cameras=['front', 'rear']) as running:
        depths = {
            name: running.listen(Image, f'/{name}/depth/image_rect') for name in ('front', 'rear')
        }
        odometry = {name: running.listen(Odometry, f'/{name}/odom') for name in depths}
        transforms = running.listen(TFMessage, '/tf')
        running.mount('front')
        running.mount('rear')
        for name in depths:
            running.info(topic=f'/{name}/camera_info', frame_id=name)
        for camera in running.node.cameras:
            running.until(lambda c=camera: c.input.camera_known, 'camera_info')
        running.until(lambda: running.node._worker.estimator is not None, 'the model')
        estimator = running.node._worker.estimator
        for number in range(3):
            with running.node._worker._wake:  # both wait before the thread looks
                for name in depths:
                    running.image(at(number), f'/{name}/image', frame_id=name)
                for camera in running.node.cameras:
                    running.until(
                        lambda c=camera, n=number: c.statistics.snapshot().received == n + 1,
                        'the image',
                    )
            for name in depths:
                running.until(
                    lambda n=name, k=number: len(depths[n]) == k + 1, 'the depth of both'
                )
        assert groups == [2, 2, 2]
        assert all(c._estimator is estimator for c in running.node.cameras)
        np.testing.assert_array_equal(to_depth(depths['front'][2]), to_depth(depths['rear'][2]))
        for name in depths:
            running.until(lambda n=name: len(odometry[n]) == 3, 'the odometry')
        frames = {name: heard[0].header.frame_id for name, heard in odometry.items()}
        assert frames == {'front': 'odom', 'rear': 'rear/odom'}
        running.until(lambda: len(transforms) == 3, 'TF')
        running.spin(0.2)
        assert {t.header.frame_id for m in transforms for t in m.transforms} == {'odom'}
        assert len(transforms) == 3  # of the first camera only
        # Frames of different times go alone.
        groups.clear()
        running.image(at(10), '/front/image', frame_id='front')
        running.until(lambda: len(depths['front']) == 4, 'the depth')
        assert groups == [1]
