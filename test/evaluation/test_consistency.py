# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Errors that have the covariance that they claim are consistent with it."""

from __future__ import annotations

import numpy as np
import pytest

from mdepth_ros.evaluation.consistency import Consistency, normalised


@pytest.mark.parametrize('claimed', [0.5, 1.0, 2.0])
def test_the_error_squared_is_one_per_dimension_where_the_claim_is_right(claimed: float) -> None:
    generator = np.random.default_rng(0)
    root = generator.normal(size=(20000, 6, 6)) + 3 * np.eye(6)
    covariances = root @ np.swapaxes(root, 1, 2)
    errors = (root @ generator.normal(size=(20000, 6, 1)))[..., 0]
    found = Consistency.of(normalised(errors, covariances * claimed**2))
    assert found.nees == pytest.approx(1 / claimed**2, rel=0.02)
    assert found.count == 20000
    inside = {0.5: 0.673, 1.0: 0.95, 2.0: 0.99991}[claimed]  # of a Gaussian at 1.96 * claimed
    assert found.coverage == pytest.approx(inside, abs=0.005)
