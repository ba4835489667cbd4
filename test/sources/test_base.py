# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the sources share, and what they do not load."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from mdepth_ros.sources.base import Losses, StaticTransforms


def rigid(seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3, :3] = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    matrix[:3, 3] = generator.normal(size=3)
    return matrix


def test_lookup_along_against_and_across_the_tree():
    tree = StaticTransforms()
    a, b, c = rigid(1), rigid(2), rigid(3)
    tree.add('base', 'mast', a)
    tree.add('/mast', '/camera', b)
    tree.add('base', 'lidar', c)
    np.testing.assert_allclose(tree.lookup('base', 'camera'), a @ b)
    np.testing.assert_allclose(tree.lookup('camera', 'base'), np.linalg.inv(a @ b))
    np.testing.assert_allclose(tree.lookup('lidar', 'camera'), np.linalg.inv(c) @ a @ b)
    np.testing.assert_allclose(tree.lookup('mast', 'mast'), np.eye(4))


def test_lookup_never_assumes():
    tree = StaticTransforms()
    tree.add('base', 'camera', rigid(1))
    tree.add('map', 'odom', rigid(2))
    assert tree.lookup('base', 'odom') is None
    assert tree.lookup('base', 'nothing') is None
    assert tree.lookup('nothing', 'nothing') is None


def test_losses_stay_bounded():
    losses = Losses()
    for number in range(1000):
        losses.add('messages skipped', f'reason {number}')
    assert len(losses.lines()) <= 21
    assert sum(int(line.split()[0]) for line in losses.lines()) == 1000
    assert losses.lines()[0] == '1 messages skipped: reason 0'


def test_a_bag_player_does_not_load_torch():
    """It takes seconds, and `mdepth play` and `mdepth record` have no use for it."""
    code = 'import mdepth_ros.ros.player, mdepth_ros.ros.recorder, mdepth_ros.sources, sys\n'
    code += 'print([name for name in ("torch", "cv2") if name in sys.modules])'
    found = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True, timeout=120
    )
    assert found.stdout == '[]\n'
