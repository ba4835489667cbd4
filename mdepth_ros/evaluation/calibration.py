# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measures the noise of a model's motions and scale on drives with truth, for its card."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.motion_noise import CHAIN, Errors, MotionNoise, errors_of, fit_noise, sizes_of
from mdepth_ros.core.perception import make_perception
from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.consistency import Consistency
from mdepth_ros.geometry import Camera
from mdepth_ros.model.card import SCALE_SPREAD
from mdepth_ros.synthetic import WorldConfig, make_drive

Array = NDArray[np.float64]


SHORTEST = 2 * CHAIN
"""Tracked pairs that are needed at least: to find out how alike the errors of a chain are."""
LONGEST_PART = 60.0
"""Seconds over which one factor is to suit the scale: longer drives are cut."""


@dataclass(frozen=True, eq=False)
class DrivePairs:
    """The tracked pairs of one drive.

    motions    [N, 4, 4], translations in network units
    truth      [N, 4, 4] true motions, metres
    residuals  [N]
    networks   [N, 4, 4], motions before corners or images corrected them
    stds       [N, 6] by the corners, network units and rad; NaN where a motion is not theirs

    `alarms` of `pairs` were not tracked. The drive took `seconds`.
    """

    motions: Array
    truth: Array
    residuals: Array
    networks: Array
    stds: Array
    alarms: int
    pairs: int
    seconds: float

    @property
    def length(self) -> float:
        """Of the true path, metres."""
        return float(np.linalg.norm(self.truth[:, :3, 3], axis=1).sum())

    @property
    def metres_per_unit(self) -> float:
        """Length of the true path over that of the estimated one."""
        units = float(np.linalg.norm(self.motions[:, :3, 3], axis=1).sum())
        return max(self.length, 1e-9) / max(units, 1e-9)

    def errors(self) -> Errors:
        """In network units.

        The one factor that suits the drive best makes units of the metres: the error of the
        scale is not one of the motion, it has a spread of its own.
        """
        truth = self.truth.copy()
        ours, theirs = self.motions[:, :3, 3], truth[:, :3, 3]
        truth[:, :3, 3] *= float(np.sum(ours * theirs)) / max(float(np.sum(theirs**2)), 1e-12)
        return Errors(
            errors_of(self.motions, truth),
            sizes_of(self.motions, self.residuals),
            self.stds,
            errors_of(self.networks, truth),
        )

    def parts(self, least: int = 1) -> list[DrivePairs]:
        """The tracked pairs in parts of equal size, none longer than LONGEST_PART."""
        number = max(least, math.ceil(self.seconds / LONGEST_PART))
        seconds, places = self.seconds / number, np.arange(len(self.motions))
        return [
            DrivePairs(
                self.motions[at],
                self.truth[at],
                self.residuals[at],
                self.networks[at],
                self.stds[at],
                alarms=0,
                pairs=len(at),
                seconds=seconds,
            )
            for at in np.array_split(places, number)
            if len(at)
        ]


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
        yield drive_pairs(estimator, zip(taken, np.asarray(drive.poses), strict=True))


def drive_pairs(estimator: Estimator, frames: Iterable[tuple[Frame, Array | None]]) -> DrivePairs:
    """The pairs of one drive, from its frames and the true poses [4, 4] of the camera at them.

    Pairs do not overlap: of a camera that is faster than the pairs, the same road would be counted
    several times. Frames whose pose is None belong to no pair. Raises MdepthError where there is
    no pair, or none that can be believed.
    """
    perception = make_perception(estimator)
    tracker = perception.trackers['']
    poses: dict[int, Array] = {}
    found, pairs, seconds, covered = [], 0, 0.0, 0
    for frame, pose in frames:
        pair = tracker.pair(frame)
        if pair.stale:
            continue
        before = poses.get(pair.previous.stamp)
        if pose is not None:
            poses[frame.stamp] = pose
        if pair.reason or pose is None or before is None:
            tracker.validator.forget()
            covered = frame.stamp if pair.reason else covered
        elif pair.previous.stamp >= covered:
            covered = frame.stamp
            (estimate,) = perception.step([pair], ())
            pairs, seconds = pairs + 1, seconds + pair.interval
            if estimate.status == 'tracking':
                said = estimate.prediction
                assert said.evidence is not None, 'of a real pair'
                motion, own = said.motion, said.unrefined
                std = np.full(6, np.nan) if said.std is None else said.std
                own = motion if own is None else own
                true = np.linalg.solve(before, pose)
                found.append((motion, true, said.evidence.residual, own, std))
    if not pairs:
        raise MdepthError('no two frames a frame interval apart have a true pose')
    if not found:
        raise MdepthError('no motion of this drive could be believed: nothing to calibrate with')
    motions, truth, residuals, networks, stds = map(np.array, zip(*found, strict=True))
    alarms = pairs - len(found)
    return DrivePairs(motions, truth, residuals, networks, stds, alarms, pairs, seconds)


@dataclass(frozen=True, eq=False)
class Calibration:
    """The noise, fitted to all drives, and how well one fitted to others describes a drive.

    scales, lengths  [N] metres per unit of every part of a drive, and its length in metres
    pairs, alarms    number of pairs, and the share of them that was not tracked
    """

    noise: MotionNoise
    held_out: Consistency
    scales: Array
    lengths: Array
    pairs: int
    alarms: float

    @property
    def metres_per_unit(self) -> float:
        """Mean of all drives."""
        return float(np.exp(np.average(np.log(self.scales), weights=self.lengths)))

    def scale_spread(self, metres_per_unit: float) -> float:
        """Relative std of the drives' scales about one that is used for all of them.

        Not about their mean: where the value that is used is wrong, that is a part of its error.
        """
        off = np.log(self.scales / metres_per_unit)
        return float(np.sqrt(np.average(off**2, weights=self.lengths)))

    def entries(self, metres_per_unit: float | None, spread: float = 0.0) -> dict[str, float]:
        """The `calibration` of a card with this scale, and at least this spread of it."""
        entries = self.noise.calibration()
        if metres_per_unit is not None:
            spread = max(spread, self.scale_spread(metres_per_unit))
            entries[SCALE_SPREAD] = float(f'{spread:.4g}')
        return entries


def calibrate(drives: Sequence[DrivePairs], folds: int = 4) -> Calibration:
    """Fit the noise; `held_out` by cross-validation over drives, of one drive over its parts.

    Raises MdepthError for less than two drives that are too short to be two parts.
    """
    grouped = [drive.parts() for drive in drives]
    if len(drives) == 1:
        grouped = [[part] for part in drives[0].parts(2)]
    parts = [part for group in grouped for part in group]
    tracked = sum(len(part.motions) for part in parts)
    if tracked < SHORTEST:
        raise MdepthError(
            f'{tracked} motions could be believed: calibrate with {SHORTEST} or more, better 1000'
        )
    measured = [[part.errors() for part in group] for group in grouped]
    normalised = []
    for fold in range(min(folds, len(measured))):
        others = [group for i, group in enumerate(measured) if i % folds != fold]
        noise = fit_noise([part for group in others for part in group])
        for group in measured[fold::folds]:
            normalised += [one.errors / noise.stds(one.sizes, one.by_corners) for one in group]
    pairs = sum(drive.pairs for drive in drives)
    return Calibration(
        fit_noise([part for group in measured for part in group]),
        Consistency.of(np.concatenate(normalised)),
        np.array([part.metres_per_unit for part in parts]),
        np.array([part.length for part in parts]),
        pairs,
        sum(drive.alarms for drive in drives) / pairs,
    )
