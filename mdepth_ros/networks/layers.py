# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What several networks share: the width rule and the convolution that stays in float32."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def scaled_channels(channels: int, width: float) -> int:
    """Channels times width, rounded (half up) to a multiple of 8, at least 8."""
    return max(8, 8 * int(channels * width / 8 + 0.5))


class FloatConv2d(nn.Conv2d):
    """A convolution that computes in float32 whatever the network around it is cast to.

    For the last layer before a sigmoid or a mean. A bfloat16 logit near -4 has steps of 0.03, that
    is 3 % of the disparity, and a rounded bias is a wrong scale of the whole depth map; at one
    output channel float32 costs next to nothing. Autocast is switched off inside, and casts of the
    module (`network.to(torch.bfloat16)`) move these weights to the device only.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FloatConv2d:
        def keep_dtype(tensor: Tensor) -> Tensor:
            result = fn(tensor)
            return result if result.dtype == tensor.dtype else tensor.to(result.device)

        super()._apply(keep_dtype, recurse)  # type: ignore[no-untyped-call]
        return self

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, h, w] of any floating type -> float32 [B, out, h, w]."""
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())
