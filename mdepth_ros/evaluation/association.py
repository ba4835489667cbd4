# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What belongs together in time: messages of two sensors, poses at the times of images."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import numpy as np
import torch

from mdepth_ros.evaluation.trajectory import Array, Trajectory, relative
from mdepth_ros.geometry import se3_exp, se3_log

LONGEST_HOLE = 0.25
"""Seconds between two true poses across which nothing is interpolated."""
AT_ONCE = 0.01
"""Seconds from a true pose within which it counts where nothing can be interpolated."""


def nearest(stamps: Sequence[int], stamp: int) -> int:
    """Index of the nearest of at least one sorted stamp."""
    after = bisect.bisect_left(stamps, stamp)
    candidates = [i for i in (after - 1, after) if 0 <= i < len(stamps)]
    return min(candidates, key=lambda i: abs(stamps[i] - stamp))


def match(stamps: Sequence[int], others: Sequence[int], tolerance: float) -> dict[int, int]:
    """For every stamp the nearest of the others, if that is at most `tolerance` seconds away.

    None of the others serves twice: of a slow sensor beside a fast camera each message goes to the
    image that is nearest.
    """
    others, best = sorted(others), dict[int, int]()
    for stamp in sorted(stamps) if others else ():
        other = others[nearest(others, stamp)]
        near = abs(other - stamp) <= round(tolerance * 1e9)
        if near and (other not in best or abs(other - stamp) < abs(other - best[other])):
            best[other] = stamp
    return dict(sorted((stamp, other) for other, stamp in best.items()))


def pose_at(truth: Trajectory, stamp: int) -> Array | None:
    """Pose [4, 4] at a time, see `poses_at`; None where it is not known."""
    known, poses = poses_at(truth, np.array([stamp], np.int64))
    return np.asarray(poses[0]) if known[0] else None


def poses_at(truth: Trajectory, stamps: Array) -> tuple[Array, Array]:
    """Whether the pose is known at times [N] ns, bool [N], and the poses [N, 4, 4].

    Between two poses no further apart than LONGEST_HOLE the twist is constant; elsewhere a pose
    no further than AT_ONCE counts for the time. Where it is not known, the pose is the identity.
    """
    poses = np.tile(np.eye(4), (len(stamps), 1, 1))
    if not len(truth) or not len(stamps):
        return np.zeros(len(stamps), bool), poses
    after = np.searchsorted(truth.stamps, stamps).clip(1, max(len(truth) - 1, 1))
    before, after = after - 1, np.minimum(after, len(truth) - 1)
    start, end = truth.stamps[before], truth.stamps[after]
    nearest = np.where(stamps - start <= end - stamps, before, after)
    known = np.abs(truth.stamps[nearest] - stamps) <= AT_ONCE * 1e9
    poses[known] = truth.poses[nearest[known]]
    between = (start < stamps) & (stamps < end) & (end - start <= LONGEST_HOLE * 1e9)
    if between.any():
        first, second = truth.poses[before[between]], truth.poses[after[between]]
        share = (stamps - start)[between] / (end - start)[between]
        twists = se3_log(torch.from_numpy(relative(first, second)))
        poses[between] = first @ se3_exp(twists * torch.from_numpy(share)[:, None]).numpy()
    return known | between, poses
