# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measures the noise of a model's motions on drives with truth, for its card."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.estimator import Estimator
from mdepth_ros.evaluation.consistency import Consistency
from mdepth_ros.frame import Frame
from mdepth_ros.geometry import Camera
from mdepth_ros.motion_noise import MotionNoise, errors_of, fit_noise, sizes_of
from mdepth_ros.pairing import FramePair, Pairing
from mdepth_ros.quality import Judge
from mdepth_ros.scale import Scale
from mdepth_ros.synthetic import WorldConfig, make_drive

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DrivePairs:
    """The tracked pairs of one drive: motions and true motions [N, 4, 4], residuals [N].

    Estimated translations are in network units, true ones in metres. `alarms` of `pairs` were not
    tracked.
    """

    motions: Array
    truth: Array
    residuals: Array
    alarms: int
    pairs: int

    def errors(self) -> tuple[Array, Array]:
        """Errors [N, 6] and sizes [N, 4] in network units.

        The one factor that suits the drive best makes units of the metres: the error of the
        scale is not one of the motion, it has a spread of its own.
        """
        truth = self.truth.copy()
        ours, theirs = self.motions[:, :3, 3], truth[:, :3, 3]
        truth[:, :3, 3] *= float(np.sum(ours * theirs)) / max(float(np.sum(theirs**2)), 1e-12)
        return errors_of(self.motions, truth), sizes_of(self.motions, self.residuals)


def synthetic_pairs(
    estimator: Estimator, seeds: Iterable[int], frames: int, appearance: float = 0.0
) -> Iterator[DrivePairs]:
    """The pairs of drives of the synthetic world, as the training camera sees them."""
    card = estimator.card
    camera = Camera.from_normalised(*card.input_size[::-1], *card.camera)
    world = WorldConfig(appearance=appearance, frame_interval=card.frame_interval)
    for seed in seeds:
        drive = make_drive(seed, frames, camera, world)
        images = (drive.render([index]).image[0].numpy() for index in range(frames))
        taken = (Frame(stamp, i, camera) for stamp, i in zip(drive.stamps, images, strict=True))
        yield drive_pairs(estimator, taken, np.asarray(drive.poses))


def drive_pairs(estimator: Estimator, frames: Iterable[Frame], poses: Array) -> DrivePairs:
    """The pairs of one drive with the true poses [N, 4, 4] of its camera, one for each frame."""
    pairing, judge = Pairing(estimator.card.frame_interval), Judge()
    scale = Scale(estimator.card.metres_per_unit or 1.0, 0.0, 'fixed')
    if estimator.card.metres_per_unit is None:
        scale = Scale(1.0, 0.0, 'none')
    by_stamp: dict[int, Array] = {}
    found, pairs = [], 0
    for frame, pose in zip(frames, poses, strict=True):
        by_stamp[frame.stamp] = pose
        pair: FramePair = pairing.pair(frame)
        seen = estimator(pair, ())
        trust = judge(seen.evidence, seen.motion, scale, pair)
        pairs += not pair.reason
        if trust.status == 'tracking':
            true = np.linalg.solve(by_stamp[pair.previous.stamp], pose)
            found.append((seen.motion, true, trust.residual))
    if not found:
        raise MdepthError('no motion of this drive could be believed: nothing to calibrate with')
    motions, truth, residuals = (np.array(part) for part in zip(*found, strict=True))
    return DrivePairs(motions, truth, residuals, pairs - len(found), pairs)


@dataclass(frozen=True, eq=False)
class Calibration:
    """The noise, fitted to all drives, and how well one fitted to others describes a drive.

    alarms  share of the pairs that were not tracked
    """

    noise: MotionNoise
    held_out: Consistency
    alarms: float


def calibrate(drives: Sequence[DrivePairs], folds: int = 4) -> Calibration:
    """Fit the noise; `held_out` by cross-validation over drives.

    Raises MdepthError for less than two drives.
    """
    if len(drives) < 2:
        raise MdepthError('one drive says nothing of another: calibrate with two or more')
    measured = [drive.errors() for drive in drives]
    normalised = []
    for fold in range(min(folds, len(drives))):
        noise = fit_noise([d for i, d in enumerate(measured) if i % folds != fold])
        for errors, sizes in measured[fold::folds]:
            normalised.append(errors / noise.stds(sizes))
    alarms = sum(d.alarms for d in drives) / sum(d.pairs for d in drives)
    held_out = Consistency.of(np.concatenate(normalised))
    return Calibration(fit_noise(measured), held_out, alarms)
