# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How wrong the motion of a pair is: a variance of each axis, with coefficients of the card.

Where corners gave the motion (`two_views`), their least squares has a std s_k of each axis. It
takes their errors for independent and the depth of the networks for as wrong in each of them by
itself, so it is too small, by much the same factor with images of 320 and of 640 pixels:

    var_k = f_k^2 s_k^2

Where there were too few corners:

    var_k = c_k0 + c_k1 length^2 + c_k2 angle^2 + c_k3 residual^2

Independent causes add up (Barfoot and Furgale 2014 compose them the same way): one that is always
there, one per length of the motion, one per angle, and one that grows with what the motion leaves
of the difference of the images. All c >= 0, so every variance is finite and positive.
`fit_noise` finds the c of Gaussian errors that make the observed ones most likely. Errors are not
Gaussian, their tails are heavier: the fit makes their mean square right (NEES), which leaves the
95 % intervals somewhat too wide for most pairs, the safe side for a filter.

Errors of consecutive pairs are alike (the network errs the same way on the same road), so a chain
of n pairs is off by more than the root of n. `correlation` is the ratio of its variance to that of
independent errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import inverse_transform, se3_log
from mdepth_ros.model.card import ModelCard

Array = NDArray[np.float64]
AXES = ('x', 'y', 'z', 'rx', 'ry', 'rz')
CAUSES = ('always', 'length', 'angle', 'residual')
CORRELATION, CORNERS = 'motion correlation', 'corners'
CHAIN = 20
"""Pairs over which the correlation is measured."""


@dataclass(frozen=True, eq=False)
class MotionNoise:
    """The variance model.

    causes       [6, 4] std of each axis (x y z rx ry rz) by cause: always, per unit of length, per
                 rad, per unit of residual; lengths in network units, angles in rad
    correlation  variance of a chain over that of independent errors, from 1
    corners      [6] factors of the std by corners; None where they were not measured
    """

    causes: Array
    correlation: float = 1.0
    corners: Array | None = None

    @staticmethod
    def simple(length: float, angle: float) -> MotionNoise:
        """Of a translation std relative to the length and a rotation std in rad."""
        causes = np.zeros((6, 4))
        causes[:3, 1], causes[:3, 0], causes[3:, 0] = length, 2e-5, angle
        return MotionNoise(causes)

    @staticmethod
    def from_calibration(values: Mapping[str, float]) -> MotionNoise:
        """Of the entries of a card; raises MdepthError where some are missing or negative."""
        try:
            causes = np.array([[values[f'motion {a} {c}'] for c in CAUSES] for a in AXES])
            correlation = values[CORRELATION]
            names = [f'motion {axis} {CORNERS}' for axis in AXES]
            known = any(name in values for name in names)  # not on the card of an older release
            corners = np.array([values[name] for name in names]) if known else None
        except KeyError as error:
            raise MdepthError(
                f'the calibration of the card lacks {error}: calibrate the model again'
            ) from None
        every = causes if corners is None else np.column_stack([causes, corners])
        if not (np.isfinite(every).all() and every.min() >= 0 and correlation >= 1):
            raise MdepthError('the calibration of the card is not positive: calibrate again')
        return MotionNoise(causes, correlation, corners)

    def calibration(self) -> dict[str, float]:
        """The entries for a card."""
        entries = {
            f'motion {axis} {cause}': float(f'{self.causes[i, j]:.4g}')
            for i, axis in enumerate(AXES)
            for j, cause in enumerate(CAUSES)
        }
        if self.corners is not None:
            for axis, factor in zip(AXES, self.corners, strict=True):
                entries[f'motion {axis} {CORNERS}'] = float(f'{factor:.4g}')
        return {**entries, CORRELATION: float(f'{self.correlation:.4g}')}

    def std(
        self,
        length: float,
        angle: float,
        residual: float = 0.0,
        by_corners: Array | None = None,
    ) -> Array:
        """Std [6] of the error e of a motion T exp(e), translation in network units.

        by_corners  [6], what their least squares has; None: the motion is not theirs
        """
        said = None if by_corners is None else by_corners[None]
        one: Array = self.stds(np.array([[1.0, length, angle, residual]]), said)[0]
        return one

    def stds(self, sizes: Array, by_corners: Array | None = None) -> Array:
        """Std [N, 6] for rows (1, length, angle, residual) [N, 4].

        by_corners  [N, 6], NaN where the motion is not theirs
        """
        found = np.sqrt(sizes**2 @ (self.causes**2).T)
        if by_corners is not None and self.corners is not None:
            found = np.where(np.isfinite(by_corners), self.corners * by_corners, found)
        return np.asarray(found)


def card_noise(card: ModelCard) -> MotionNoise | None:
    """Noise of a model: calibrated, else of its metrics, else unknown."""
    if CORRELATION in card.calibration:
        return MotionNoise.from_calibration(card.calibration)
    return MotionNoise.simple(*card.motion_noise) if card.motion_noise else None


def sizes_of(motions: Array, residuals: Array) -> Array:
    """Rows (1, length, angle, residual) [N, 4] of motions [N, 4, 4]."""
    twists = se3_log(torch.from_numpy(motions)).numpy()
    length, angle = (np.linalg.norm(part, axis=1) for part in (twists[:, :3], twists[:, 3:]))
    return np.stack([np.ones_like(length), length, angle, residuals], 1)


def errors_of(estimate: Array, truth: Array) -> Array:
    """e [N, 6] with truth = estimate exp(e), of motions [N, 4, 4]."""
    return np.asarray(
        se3_log(inverse_transform(torch.from_numpy(estimate)) @ torch.from_numpy(truth)).numpy()
    )


class Errors(NamedTuple):
    """Of the consecutive pairs of a drive.

    errors      [N, 6] of the motions
    sizes       [N, 4], rows (1, length, angle, residual)
    by_corners  [N, 6] std by corners, NaN where the motion is not theirs
    of_networks [N, 6] errors of the motions before corners or images corrected them
    """

    errors: Array
    sizes: Array
    by_corners: Array
    of_networks: Array


def fit_noise(drives: Sequence[Errors], rounds: int = 500) -> MotionNoise:
    """Fit the model to drives.

    Maximum likelihood of independent Gaussian axes. The factors of corners: mean squares. For
    pairs with too few corners, by the motions of the networks where corners corrected them, for
    there are hardly others: multiplicative steps that never increase the negative log-likelihood
    (majorisation: log is concave, 1/v is convex in the c).
    """
    every = Errors(*(np.concatenate(part) for part in zip(*drives, strict=True)))
    theirs = np.isfinite(every.by_corners)
    factors = None
    if theirs.all(1).sum() >= CHAIN:
        ratio = np.where(theirs, every.errors / every.by_corners, np.nan)
        factors = np.sqrt(np.nanmean(ratio**2, 0))
    parts = every.sizes**2
    squared = np.where(theirs, every.of_networks, every.errors) ** 2 + 1e-12
    c = np.mean(squared, 0)[:, None] / (len(CAUSES) * np.mean(parts, 0) + 1e-12)
    for _ in range(rounds):
        variance = np.maximum(parts @ c.T, 1e-14)
        ratio = parts.T @ (squared / variance**2) / (parts.T @ (1 / variance))
        c *= np.sqrt(ratio.T)
    noise = MotionNoise(np.sqrt(c), 1.0, factors)
    together = [
        (each.errors / noise.stds(each.sizes, each.by_corners))[start : start + CHAIN].sum(0)
        for each in drives
        for start in range(0, len(each.errors) - CHAIN + 1, 5)
    ]
    correlation = float(np.mean(np.square(together))) / CHAIN if together else 1.0
    return MotionNoise(noise.causes, max(1.0, correlation), factors)
