# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The step, from a model file to metres."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_model import write_model

from mdepth_ros.core.perception import build_perception, make_perception
from mdepth_ros.core.types import Estimate, Frame, FramePair, Scale
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera

SOURCE = Camera(120, 80, 100.0, 100.0, 59.5, 39.5)
NOISE = 'most of what is seen moves by itself'
"""What is said of images that have nothing in common: those of `frames`."""
NAMES = ('image', 'depth', 'confidence', 'motion', 'pose', 'twist')


def frames(times: list[float]) -> list[Frame]:
    rng = np.random.default_rng(0)
    return [
        Frame(round(t * 1e9), rng.integers(0, 256, (80, 120, 3), dtype=np.uint8), SOURCE, 'cam')
        for t in times
    ]


def run(model: Path, times: list[float], **options: Any) -> list[Estimate]:
    perception = build_perception(model, device='cpu', **options)
    return [perception.step([frame])[0] for frame in frames(times)]


def test_one_estimate_for_each_frame(model: Path) -> None:
    first, second = run(model, [1.0, 1.1])
    assert (first.status, first.reason) == ('held', 'first frame')
    assert (second.status, second.reason) == ('degraded', NOISE)
    assert second.stamp == 1_100_000_000 and second.frame_id == 'cam'
    assert second.depth.shape == second.confidence.shape == second.image.shape[:2] == (64, 96)
    assert (second.camera.width, second.camera.height) == (96, 64)
    assert second.interval == pytest.approx(0.1)
    # With frames one interval apart the pose is the metric motion, from where the first stood.
    np.testing.assert_allclose(second.pose, first.pose @ second.motion, atol=1e-12)
    stages = {'pairing', 'estimator', 'scale', 'odometry', 'step'}
    stages |= {'sample', 'network', 'refine', 'post'}
    assert set(second.timings) == stages
    parts = sum(second.timings[name] for name in ('pairing', 'estimator', 'scale', 'odometry'))
    assert 0 < parts <= second.timings['step']


def test_scale_multiplies_lengths_and_nothing_else(model: Path) -> None:
    times = [0.0, 0.1, 0.2]
    unit, four, six = (run(model, times, scale=s)[-1] for s in ('none', 'model', 6.0))
    assert [e.scale.state for e in (unit, four, six)] == ['none', 'fixed', 'fixed']
    for estimate, factor in ((four, 4.0), (six, 6.0)):
        np.testing.assert_allclose(estimate.depth, unit.depth * factor, rtol=1e-6)
        np.testing.assert_allclose(estimate.motion[:3, 3], unit.motion[:3, 3] * factor)
        np.testing.assert_array_equal(estimate.motion[:3, :3], unit.motion[:3, :3])
        np.testing.assert_allclose(estimate.twist[:3], unit.twist[:3] * factor)
        np.testing.assert_allclose(estimate.twist[3:], unit.twist[3:])
        np.testing.assert_array_equal(estimate.confidence, unit.confidence)


def test_a_model_without_a_scale_says_so(tmp_path: Path) -> None:
    path = write_model(tmp_path / 'scaleless.safetensors', metres_per_unit=None)
    perception = build_perception(path, device='cpu')
    assert 'does not know its scale' in perception.warnings[0]
    assert perception.step(frames([0.0]))[0].scale.state == 'none'
    assert build_perception(path, device='cpu', scale='2.5').warnings == []


def test_beyond_the_range_is_infinite(model: Path) -> None:
    everything = run(model, [0.0])[0].depth
    limit = float(np.median(everything))
    near = run(model, [0.0], max_range=limit)[0].depth
    np.testing.assert_array_equal(near, np.where(everything > limit, np.inf, everything))
    assert 0.2 < np.isinf(near).mean() < 0.8


def test_depth_of_little_confidence_is_unknown(model: Path) -> None:
    times = [0.0, 0.1]
    plain = run(model, times)
    limit = float(np.median(plain[1].confidence))
    assert plain[1].confidence.min() < limit < plain[1].confidence.max()
    sure = run(model, times, min_confidence=limit, max_range=5.0)
    for before, after in zip(plain, sure, strict=True):
        low = before.confidence < limit
        np.testing.assert_array_equal(np.isnan(after.depth), low)
        near = np.where(before.depth > 5.0, np.inf, before.depth)
        np.testing.assert_array_equal(after.depth[~low], near[~low])
        np.testing.assert_array_equal(before.pose, after.pose)
    # Also where nobody asked to see the confidence, and beside a camera that does not need it.
    perceptions = [build_perception(model, device='cpu', min_confidence=m) for m in (limit, 0)]
    for frame in frames(times):
        (alone,) = perceptions[0].step([frame], ())
    np.testing.assert_array_equal(np.isnan(alone.depth), plain[1].confidence < limit)
    both = make_perception(perceptions[1].estimator, cameras=['sure', 'any'])
    both.trackers['sure'].min_confidence = limit
    (frame,) = frames([0.0])
    first, second = both.step([replace(frame, camera_name=n) for n in both.trackers], ())
    assert np.isnan(first.depth).any() and not np.isnan(second.depth).any()


def test_without_an_image_depth_is_unknown(model: Path) -> None:
    wide = Camera(
        120, 80, 100, 100, 59.5, 39.5, 'plumb_bob', (1e-9,), rectified=(50, 50, 59.5, 39.5)
    )
    step = build_perception(model, device='cpu').step
    (estimate,) = step([Frame(0, frames([0.0])[0].image, wide)])
    known = np.isfinite(estimate.depth)
    assert np.isnan(estimate.depth[~known]).all()
    assert known[32, 48] and not known[0, 0] and 0.2 < known.mean() < 0.3


def test_what_happens_on_the_road(model: Path) -> None:
    """Gap, repeated stamp, clock that jumps back: depth goes on, the pose does not jump."""
    estimates = run(model, [5.0, 5.1, 5.2, 9.0, 9.1, 9.1, 2.0, 2.1])
    statuses = [estimate.status for estimate in estimates]
    held, used = 'held', 'degraded'
    assert statuses == [held, used, used, held, used, held, held, used]
    longest = max(np.linalg.norm(estimate.motion[:3, 3]) for estimate in estimates)
    for before, after in pairwise(estimates):
        step = np.linalg.norm(after.pose[:3, 3] - before.pose[:3, 3])
        assert step == 0 if after.status == held else 0 < step <= longest * (1 + 1e-9)
    assert all(np.isfinite(estimate.depth).all() for estimate in estimates)


def test_a_late_frame_has_a_depth_and_changes_nothing_else(model: Path) -> None:
    """Its speeds are not lost: they are heard with the next frame."""
    heard: list[tuple[int, tuple[tuple[int, float], ...]]] = []

    class Listener:
        def update(self, prediction: Any, pair: FramePair) -> Scale:
            heard.append((pair.current.stamp, pair.current.speeds))
            return Scale(2.0 + len(heard), 0.1, 'good')

    perception = build_perception(model, device='cpu')
    perception.trackers[''].scale = Listener()
    taken = frames([5.0, 5.1, 5.3, 5.2, 5.2, 5.4])
    taken = [replace(f, speeds=((f.stamp, float(i)),)) for i, f in enumerate(taken)]
    estimates = [perception.step([frame])[0] for frame in taken]
    assert [e.stale for e in estimates] == [False] * 3 + [True] * 2 + [False]
    assert [e.reason for e in estimates[3:]] == ['late by 0.10 s', 'late by 0.10 s', NOISE]
    for late in estimates[3:5]:
        assert late.stamp == 5_200_000_000 and np.isfinite(late.depth).all()
        assert late.scale == estimates[2].scale and late.status == 'held'
        np.testing.assert_array_equal(late.pose, estimates[2].pose)
        np.testing.assert_array_equal(late.motion, np.eye(4))
    assert [stamp for stamp, _ in heard] == [taken[i].stamp for i in (0, 1, 2, 5)]
    assert heard[-1][1] == (*taken[3].speeds, *taken[4].speeds, *taken[5].speeds)


def test_another_size_in_mid_stream(model: Path) -> None:
    perception = build_perception(model, device='cpu')
    perception.step(frames([0.0]))
    other = Camera(60, 40, 50.0, 50.0, 29.5, 19.5)
    (changed,) = perception.step([Frame(10**8, np.zeros((40, 60, 3), np.uint8), other)])
    assert changed.reason == 'camera changed' and changed.depth.shape == (64, 96)


def test_cameras_step_together_as_they_step_alone(model: Path) -> None:
    estimator = build_perception(model, device='cpu', precision='fp32').estimator
    alone = [make_perception(estimator, max_range=limit) for limit in (80.0, 9.0)]
    both = make_perception(estimator, cameras=['front', 'rear'])
    both.trackers['rear'].max_range = 9.0
    for frame in frames([0.0, 0.1, 0.2]):
        expected = [perception.step([frame])[0] for perception in alone]
        got = both.step([replace(frame, camera_name=name) for name in both.trackers])
        for one, other in zip(expected, got, strict=True):
            np.testing.assert_allclose(other.depth, one.depth, rtol=1e-4)
            np.testing.assert_allclose(other.pose, one.pose, atol=1e-5)
            assert (one.status, one.interval) == (other.status, other.interval)
    assert np.isinf(got[1].depth).any() and not np.isinf(got[0].depth).all()
    (single,) = alone[0].step([frame], parts=())
    assert single.image.size == 0 and single.reason == 'repeated stamp'


def test_two_runs_are_bit_identical(model: Path) -> None:
    times = [0.0, 0.1, 0.2, 0.3]
    for one, two in zip(run(model, times), run(model, times), strict=True):
        assert all(getattr(one, n).tobytes() == getattr(two, n).tobytes() for n in NAMES)
        assert one.pose_covariance.tobytes() == two.pose_covariance.tobytes()


def test_settings(model: Path) -> None:
    perception = build_perception(
        model, device='cpu', frame_interval=0.2, tolerance=0.01, initial_pose=np.eye(4)
    )
    estimates = [perception.step([frame])[0] for frame in frames([0.0, 0.1, 0.2])]
    assert [estimate.interval for estimate in estimates] == pytest.approx([0, 0, 0.2])
    np.testing.assert_array_equal(estimates[0].pose, np.eye(4))
    with pytest.raises(MdepthError, match="use 'model', 'none'"):
        build_perception(model, scale='large')
    with pytest.raises(MdepthError, match='above zero'):
        build_perception(model, device='cpu', scale=-1.0)
    with pytest.raises(MdepthError, match='maximal range'):
        build_perception(model, device='cpu', max_range=0.0)
    with pytest.raises(MdepthError, match='from 0 to 1'):
        build_perception(model, device='cpu', min_confidence=1.1)
    with pytest.raises(MdepthError, match='nowhere'):
        build_perception(Path('nowhere.safetensors'))


def test_a_pair_that_is_given_is_taken_as_it_is(model: Path) -> None:
    """A data set chooses its pairs: what the networks say of one does not hang on the pairing."""
    first, second = frames([0.0, 0.1])
    expected = run(model, [0.0, 0.1])[1]
    pair = FramePair(second, first, '', 0.1)
    (got,) = build_perception(model, device='cpu').step([pair])
    assert got.depth.tobytes() == expected.depth.tobytes()
    assert got.prediction.motion.tobytes() == expected.prediction.motion.tobytes()
    np.testing.assert_array_equal(got.motion[:3, 3], 4.0 * got.prediction.motion[:3, 3])
    assert (got.status, got.interval) == (expected.status, expected.interval)


def test_the_data_types_load_no_torch() -> None:
    code = 'import sys, mdepth_ros.core.types; sys.exit("torch" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
