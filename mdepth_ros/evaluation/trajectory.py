# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Errors of a trajectory: absolute, relative, KITTI drift and the 5-frame error; numpy in float64.

Two trajectories have the same stamps; `align` the estimate to the truth (or not), then measure. A
pose maps points of the moving frame to the fixed frame. Both trajectories must describe the same
moving frame (`Trajectory.of_frame` changes it): relative errors of different frames cannot be
compared.
"""

from __future__ import annotations

from dataclasses import dataclass
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


def relative_errors(estimate: Trajectory, truth: Trajectory) -> tuple[Array, Array]:
    """Relative pose errors from each pose to the next: translation (m) [N-1], rotation (deg).

    With Q of the truth and P of the estimate: E = (Qi^-1 Qj)^-1 (Pi^-1 Pj) (Sturm et al. 2012,
    eq. 2).
    """
    error = relative(truth.motions, estimate.motions)
    return np.linalg.norm(error[:, :3, 3], axis=1), rotation_angle(error[:, :3, :3])
