# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What keeps a warp from numbers that are not finite."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def not_finite(parts: Sequence[Tensor]) -> Tensor:
    """NaN where a number in any of the tensors is not finite, else 0: a scalar.

    No loss need be NaN then, for a warp to nowhere reads the image's corner, and on a CPU its
    gradient would read outside of all memory.
    """
    found: Tensor = 0 * torch.stack([part.float().sum() for part in parts]).sum()
    return found
