# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Does the confidence rank the errors? Sparsification curves (Ilg et al. 2018, section 4).

The pixels of an image are taken away, the least confident first; a good confidence takes the large
errors away first, so the mean error of what is left falls. The oracle takes them away by the error
itself; at random the mean stays what it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.evaluation.depth import Array

KEPT = np.linspace(1.0, 0.01, 100)
"""Shares of the pixels at which a curve is kept."""


@dataclass(frozen=True, eq=False)
class Sparsification:
    """The curve of one image, or the mean over images (then `images` says of how many).

    curve   mean error of the KEPT share that is the most confident, [100]
    oracle  the same of the share with the smallest errors
    random  mean error of all: what is left at random, whatever the share
    area    under the curve, `area_oracle` under the oracle's, over all shares kept from 0 to 1;
            at random it is `random`
    ratio   area / random: 1 at random; the oracle, too, has one above 0
    ause    (area - area_oracle) / (random - area_oracle), the area between the curve and the
            oracle's relative to that of a random order: 0 perfect, 1 random, more is worse
    """

    curve: NDArray[np.float64]
    oracle: NDArray[np.float64]
    random: float
    area: float
    area_oracle: float
    ratio: float
    ause: float
    images: int = 1


def sparsification(errors: Array, confidence: Array) -> Sparsification:
    """Curve of one image from the errors [N] of its pixels and their confidence [N].

    Only the order of the confidences counts. Equal ones are removed in random order: the
    expectation of that is taken, so a constant confidence is just as good as a random one. A
    confidence that is NaN is the lowest. `ause` is NaN where all errors are equal: then no order
    is better than another. Raises ValueError for no pixel, or errors that are not finite.
    """
    errors = np.asarray(errors, np.float64).ravel()
    confidence = np.asarray(confidence, np.float64).ravel()
    if errors.shape != confidence.shape or not errors.size or not np.isfinite(errors).all():
        raise ValueError(f'{errors.size} finite errors with {confidence.size} confidences')
    confidence = np.where(np.isnan(confidence), -np.inf, confidence)
    values, group = np.unique(-confidence, return_inverse=True)
    count = np.bincount(group, minlength=len(values))
    expected = np.bincount(group, errors, len(values)) / count
    ours, best = _means(np.repeat(expected, count)), _means(np.sort(errors))
    random, area, area_oracle = float(errors.mean()), float(ours.mean()), float(best.mean())
    span = random - area_oracle
    # Rounding: sums of equal numbers differ in their last digits.
    differs = span > 1e-9 * random
    kept = np.ceil(KEPT * errors.size - 1e-9).astype(np.intp) - 1
    return Sparsification(
        ours[kept],
        best[kept],
        random,
        area,
        area_oracle,
        area / random if random > 0 else math.nan,
        (area - area_oracle) / span if differs else math.nan,
    )


def mean_sparsification(images: Sequence[Sparsification]) -> Sparsification | None:
    """Mean over images: each counts once, and those without an order not at all; None for none."""
    ranked = [image for image in images if math.isfinite(image.ause)]
    if not ranked:
        return None

    names = [one.name for one in fields(Sparsification) if one.name != 'images']
    means = {name: np.mean([getattr(image, name) for image in ranked], 0) for name in names}
    return Sparsification(**means, images=len(ranked))


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of the first 1, 2, ... values."""
    means: NDArray[np.float64] = np.cumsum(values) / np.arange(1, len(values) + 1)
    return means
