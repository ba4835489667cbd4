# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which message belongs to which."""

from __future__ import annotations

import numpy as np

from mdepth_ros.evaluation.association import match


def test_each_scan_of_a_slow_lidar_goes_to_its_nearest_image() -> None:
    images = [round(n * 1e9 / 30) for n in range(12)]
    scans = images[1::3]
    assert match(images, scans, 0.05) == dict(zip(scans, scans, strict=True))
    late = [scan + 4_000_000 for scan in scans]
    assert match(images, late, 0.05) == dict(zip(scans, late, strict=True))
    assert match(images, late, 0.003) == match(images, [], 1.0) == match([], late, 1.0) == {}


def test_every_match_is_the_nearest_of_both_sides() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        ones, others = (np.unique(random.integers(0, 10**9, 30)).tolist() for _ in range(2))
        found = match(ones, others, 0.02)
        assert list(found) == sorted(found) and len({*found.values()}) == len(found) > 0
        for one, other in found.items():
            distance = abs(one - other)
            assert distance == min(abs(one - o) for o in others) <= 20_000_000
            claims = [o for o in ones if abs(o - other) < distance]
            assert not any(abs(o - other) == min(abs(o - x) for x in others) for o in claims)
