# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Twists whose errors are drawn from their covariances are consistent, others are not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mdepth_ros.evaluation.trajectory import Trajectory
from mdepth_ros.geometry import se3_exp
from mdepth_ros.report.plots import plot_twists
from mdepth_ros.report.uncertainty import score_twists
from mdepth_ros.ros import conversions

COUNT, STEP = 400, 100_000_000
STD = np.array([0.3, 0.1, 0.1, 0.01, 0.02, 0.01])


def made(size=1.0, factor=1.0, lost=(), child='base_link'):
    """A run and its truth: the errors are `size` times what the covariances say."""
    generator = np.random.default_rng(0)
    twist, pose = np.array([8.0, 0.2, 0.0, 0.0, 0.0, 0.3]), np.eye(4)
    poses, messages = [], []
    factors = np.array([factor] * 3 + [1.0] * 3)
    for i in range(COUNT):
        poses.append(pose)
        estimate = (twist + generator.normal(size=6) * STD * size) / factors
        covariance = np.diag((STD / factors) ** 2 if i not in lost else np.full(6, 900.0))
        header = conversions.make_header(i * STEP, 'odom')
        known = (pose, np.eye(6)), (estimate, covariance)
        messages.append((i * STEP, conversions.odometry_message(*known, header, child)))
        pose = pose @ se3_exp(torch.from_numpy(twist * 0.1)).numpy()
    bag = SimpleNamespace(messages=lambda topic: iter(messages))
    truth = Trajectory(np.arange(COUNT) * STEP, np.array(poses))
    return SimpleNamespace(bag=bag, odometry_topic='/odom'), truth


@pytest.mark.parametrize('size', [0.5, 1.0, 3.0])
def test_nees_is_the_square_of_how_much_larger_errors_are(size, tmp_path):
    found = score_twists(*made(size), 'base_link', 1.0)
    assert found.metrics['nees'] == found.metrics['nees_raw'] == pytest.approx(size**2, rel=0.08)
    assert found.scaled.count == COUNT - 1 and found.unknown == 0
    inside = {0.5: 0.99991, 1.0: 0.95, 3.0: 0.486}[size]
    assert found.metrics['interval_coverage'] == pytest.approx(inside, abs=0.02)
    plot_twists(tmp_path / 'twist.png', found)
    assert (tmp_path / 'twist.png').stat().st_size > 10_000


def test_the_error_of_the_scale_is_told_apart():
    found = score_twists(*made(factor=1.25), 'base_link', 1.25)
    assert found.scaled.nees == pytest.approx(1.0, rel=0.08)
    assert found.raw.nees > 5


def test_twists_that_are_unknown_are_counted_and_not_judged():
    found = score_twists(*made(lost=range(100, 110)), 'base_link', 1.0)
    assert found.unknown == 10 and found.scaled.count == COUNT - 11
    assert score_twists(*made(child='other'), 'base_link', 1.0) is None
