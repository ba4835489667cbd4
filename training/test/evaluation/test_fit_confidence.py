# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch
from mdepth_training.evaluation.fit_confidence import Pixels, fit

from mdepth_ros.core.confidence import ALONE, PAIRED, Terms, expected_error


def drawn(pixels: int, seed: int, share: float | None = None) -> tuple[Pixels, torch.Tensor]:
    """Pixels whose errors have the expectation that `expected_error` says."""
    generator = torch.Generator().manual_seed(seed)
    rough, change, seen = torch.rand(3, pixels, generator=generator, dtype=torch.float64)
    seen = torch.full_like(seen, share) if share is not None else seen
    expected = expected_error(Terms(0.1 * rough, change, seen))
    error = -expected * torch.log(torch.rand(pixels, generator=generator, dtype=torch.float64))
    logs = (0.1 * rough + 0.003).log(), (change + 0.01).log()
    return Pixels(*logs, seen, error), expected


def test_the_expected_error_is_found_again() -> None:
    """Seen pairs fix a, b, c; with no pair seen a', b' alone decide."""
    lone, _ = drawn(400_000, 0, share=0.0)
    _, alone = fit([lone])
    torch.testing.assert_close(alone, torch.tensor(ALONE).double(), atol=0.02, rtol=0)
    both, expected = drawn(400_000, 1, share=1.0)
    paired, alone = fit([both])
    torch.testing.assert_close(paired, torch.tensor(PAIRED).double(), atol=0.03, rtol=0)
    torch.testing.assert_close(both.log_error(paired, alone).exp(), expected, atol=0, rtol=0.05)
