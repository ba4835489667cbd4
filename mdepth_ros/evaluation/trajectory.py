# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Errors of a trajectory: absolute, relative, KITTI drift and the 5-frame error; numpy in float64.

The order of use is always the same: `associate` two trajectories by time stamp, `align` the
estimate to the truth (or not), then measure. A pose maps points of the moving frame to the fixed
frame. Both trajectories must describe the same moving frame (`Trajectory.of_frame` changes it):
relative errors of different frames cannot be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError

Array = NDArray[Any]
Alignment = Literal['none', 'first', 'scale', 'se3', 'sim3']


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Poses [N,4,4] (moving frame in fixed frame, metres) at ascending stamps [N] in ns."""

    stamps: NDArray[np.int64]
    poses: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.stamps)

    @property
    def positions(self) -> Array:
        """[N,3]."""
        return self.poses[:, :3, 3]

    @property
    def distances(self) -> Array:
        """Length of the path up to each pose [N], metres."""
        steps = np.linalg.norm(np.diff(self.positions, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def motions(self) -> Array:
        """Pose of each moving frame in the one before it [N-1,4,4]."""
        return relative(self.poses[:-1], self.poses[1:])

    def select(self, indices: Array) -> Trajectory:
        """The poses with these indices."""
        return Trajectory(self.stamps[indices], self.poses[indices])

    def moved(self, transform: Array, scale: float = 1.0) -> Trajectory:
        """Positions times `scale`, then all into another fixed frame by `transform` [4,4]."""
        poses = self.poses.copy()
        poses[:, :3, 3] *= scale
        return Trajectory(self.stamps, transform @ poses)

    def of_frame(self, T_moving_other: Array) -> Trajectory:
        """The trajectory of another frame whose constant pose in the moving one is given."""
        return Trajectory(self.stamps, self.poses @ T_moving_other)


@dataclass(frozen=True)
class Statistics:
    """What is usually quoted of a list of errors, in their unit."""

    rmse: float
    mean: float
    median: float
    max: float

    @staticmethod
    def of(errors: Array) -> Statistics:
        """Of at least one error; MdepthError without any."""
        if not len(errors):
            raise MdepthError(
                'no errors to take statistics of: the trajectories have no common part'
            )
        return Statistics(
            float(np.sqrt(np.mean(errors**2))),
            float(np.mean(errors)),
            float(np.median(errors)),
            float(np.max(errors)),
        )


def inverse(transform: Array) -> Array:
    """Inverse of rigid transforms [...,4,4]."""
    result = np.zeros_like(transform)
    rotation = np.swapaxes(transform[..., :3, :3], -1, -2)
    result[..., :3, :3] = rotation
    result[..., :3, 3:] = -rotation @ transform[..., :3, 3:]
    result[..., 3, 3] = 1
    return result


def relative(first: Array, second: Array) -> Array:
    """Pose of `second` in `first`, both [...,4,4] in one fixed frame."""
    return np.asarray(inverse(first) @ second)


def rotation_angle(rotation: Array) -> Array:
    """Angle of rotations [...,3,3] in degrees, accurate near 0 and near 180."""
    R = rotation
    axis = np.stack(
        [R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]], -1
    )
    trace = np.trace(R, axis1=-2, axis2=-1)
    return np.asarray(np.degrees(np.arctan2(np.linalg.norm(axis, axis=-1), trace - 1)))


def associate(
    estimate: Trajectory, truth: Trajectory, max_difference: float = 0.01
) -> tuple[Trajectory, Trajectory]:
    """Each pose of the estimate with the nearest in time of the truth, within `max_difference` s.

    No pose of the truth serves twice: the nearest claim wins. Raises MdepthError where nothing
    matches.
    """
    if not len(estimate) or not len(truth):
        raise MdepthError('a trajectory is empty: nothing to compare')
    after = np.clip(np.searchsorted(truth.stamps, estimate.stamps), 1, max(len(truth) - 1, 1))
    after = np.minimum(after, len(truth) - 1)
    before = np.maximum(after - 1, 0)
    to_after = np.abs(truth.stamps[after] - estimate.stamps)
    to_before = np.abs(truth.stamps[before] - estimate.stamps)
    nearest = np.where(to_before <= to_after, before, after)
    difference = np.minimum(to_before, to_after)
    order = np.lexsort((difference, nearest))  # by pose of the truth, nearest claim first
    first_claim = np.unique(nearest[order], return_index=True)[1]
    kept = np.sort(order[first_claim])
    kept = kept[difference[kept] <= round(max_difference * 1e9)]
    if not len(kept):
        span = [(t.stamps[0] / 1e9, t.stamps[-1] / 1e9) for t in (estimate, truth)]
        raise MdepthError(
            f'no pose of the estimate ({span[0][0]:.3f} to {span[0][1]:.3f} s) is within '
            f'{max_difference} s of one of the truth ({span[1][0]:.3f} to {span[1][1]:.3f} s)'
        )
    return estimate.select(kept), truth.select(nearest[kept])


def umeyama(source: Array, target: Array, with_scale: bool) -> tuple[float, Array]:
    """Scale s and transform [4,4] that minimise sum |target - (s R source + t)|^2; points [N,3].

    Umeyama 1991, eqs. 40-43. On a straight line the rotation about it is arbitrary.
    """
    source_mean, target_mean = source.mean(0), target.mean(0)
    covariance = (target - target_mean).T @ (source - source_mean) / len(source)
    U, singular, Vt = np.linalg.svd(covariance)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(U) * np.linalg.det(Vt))])
    variance = np.mean(np.sum((source - source_mean) ** 2, axis=1))
    scale = float(singular @ sign / variance) if with_scale and variance > 0 else 1.0
    transform = np.eye(4)
    transform[:3, :3] = (U * sign) @ Vt
    transform[:3, 3] = target_mean - scale * transform[:3, :3] @ source_mean
    return scale, transform


def align(
    estimate: Trajectory, truth: Trajectory, alignment: Alignment
) -> tuple[Trajectory, float]:
    """The estimate, moved onto the truth, and the factor its positions were multiplied by.

    none   as it is
    first  first poses made equal
    scale  first poses made equal, then the best factor: sum(g.p) / sum(p.p) over the positions
    se3    rotation and translation by least squares over the positions (6 degrees of freedom)
    sim3   the same with a factor (7 degrees of freedom)
    """
    if alignment == 'none':
        return estimate, 1.0
    if alignment in ('se3', 'sim3'):
        scale, transform = umeyama(estimate.positions, truth.positions, alignment == 'sim3')
        return estimate.moved(transform, scale), scale
    local = estimate.moved(inverse(estimate.poses[0]))
    scale = 1.0
    if alignment == 'scale':
        scale = best_scale(local.positions, truth.moved(inverse(truth.poses[0])).positions)
    return local.moved(truth.poses[0], scale), scale


def best_scale(estimate: Array, truth: Array) -> float:
    """The factor that brings vectors [...,3] nearest to the true ones; 1 for zeros."""
    square = float(np.sum(estimate**2))
    return float(np.sum(truth * estimate)) / square if square > 0 else 1.0


def absolute_errors(estimate: Trajectory, truth: Trajectory) -> Array:
    """Distance between associated, aligned positions [N], metres (its rmse is the ATE)."""
    return np.asarray(np.linalg.norm(estimate.positions - truth.positions, axis=1))


def relative_errors(
    estimate: Trajectory,
    truth: Trajectory,
    delta: float = 1,
    unit: Literal['frames', 'metres'] = 'frames',
    all_pairs: bool = True,
    tolerance: float = 0.1,
) -> tuple[Array, Array]:
    """Relative pose errors over `delta` frames or metres: translation (m), rotation (deg).

    With Q of the truth and P of the estimate: E = (Qi^-1 Qj)^-1 (Pi^-1 Pj) (Sturm et al. 2012,
    eq. 2). `all_pairs` starts at every pose, otherwise a pair starts where the last one ended.
    Over metres, counted along the truth, a pair of `all_pairs` ends at the pose whose distance
    is nearest to delta, and counts if that is within `tolerance` * delta.
    """
    if unit == 'frames':
        step = int(delta)
        first = np.arange(0, len(truth) - step, 1 if all_pairs else step)
        second = first + step
    else:
        first, second = _pairs_by_distance(truth.distances, delta, all_pairs, tolerance)
    error = relative(
        relative(truth.poses[first], truth.poses[second]),
        relative(estimate.poses[first], estimate.poses[second]),
    )
    return np.linalg.norm(error[:, :3, 3], axis=1), rotation_angle(error[:, :3, :3])


def _pairs_by_distance(
    distances: Array, delta: float, all_pairs: bool, tolerance: float
) -> tuple[Array, Array]:
    pairs: list[tuple[int, int]] = []
    if all_pairs:
        for i in range(len(distances) - 1):
            off = np.abs(distances[i + 1 :] - distances[i] - delta)
            j = int(np.argmin(off))
            if off[j] <= tolerance * delta:
                pairs.append((i, i + 1 + j))
    else:
        ends = [0]
        for i, distance in enumerate(distances):
            if distance - distances[ends[-1]] >= delta:
                ends.append(i)
        pairs = list(pairwise(ends))
    indices = np.array(pairs, np.intp).reshape(-1, 2)
    return indices[:, 0], indices[:, 1]
