# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Trajectories as files, and two of them at common times, for the tests of several packages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mdepth_ros.evaluation.files import kitti_line
from mdepth_ros.evaluation.trajectory import Trajectory


def write_kitti(path: Path, trajectory: Trajectory) -> None:
    """Poses as `mdepth run` writes them."""
    path.write_text(''.join(map(kitti_line, trajectory.poses)))


def associate(estimate: Trajectory, truth: Trajectory) -> tuple[Trajectory, Trajectory]:
    """The poses that have one of the other trajectory within 10 ms, each nearest to the other."""
    nearest = np.array([np.abs(truth.stamps - stamp).argmin() for stamp in estimate.stamps])
    back = np.array([np.abs(estimate.stamps - stamp).argmin() for stamp in truth.stamps])
    close = np.abs(truth.stamps[nearest] - estimate.stamps) <= 10_000_000
    kept = np.flatnonzero(close & (back[nearest] == np.arange(len(estimate))))
    return estimate.select(kept), truth.select(nearest[kept])
