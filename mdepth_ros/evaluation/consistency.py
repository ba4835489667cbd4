# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether errors are as large as their covariances say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
INTERVAL = 1.959963984540054
"""Standard deviations of a two-sided 95 % interval of a Gaussian."""


def normalised(errors: Array, covariances: Array) -> Array:
    """Errors [N, d] in the units of their covariances [N, d, d]: L^-1 e with C = L L^T.

    Their squares add up to the normalised estimation error squared, e^T C^-1 e (Bar-Shalom, Li and
    Kirubarajan 2001, section 5.4).
    """
    lower = np.linalg.cholesky(covariances)
    return np.asarray(np.linalg.solve(lower, errors[..., None])[..., 0])


@dataclass(frozen=True)
class Consistency:
    """Of errors of d dimensions.

    nees      mean of e^T C^-1 e, over d: 1 where the covariance is right, above it where errors
              are larger than they claim to be
    coverage  share of the errors, axis by axis, that lie in their 95 % interval
    count     number of errors
    """

    nees: float
    coverage: float
    count: int

    @staticmethod
    def of(normalised_errors: Array) -> Consistency:
        """Of errors in units of their standard deviation [N, d]."""
        z = normalised_errors
        inside = np.mean(np.abs(z) <= INTERVAL)
        return Consistency(float(np.mean(z**2)), float(inside), len(z))
