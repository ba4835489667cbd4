# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From encoder features to disparity, and from disparity to depth."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdepth_ros.networks.layers import FloatConv2d, scaled_channels

SCALES = 4


def disparity_to_depth(disparity: Tensor, depth_range: tuple[float, float]) -> Tensor:
    """Disparity in 0..1 -> depth between the ends of `depth_range`: 0 is the far end.

    depth = 1 / (1/far + (1/near - 1/far) * disparity)
    """
    near, far = depth_range
    return 1 / (1 / far + (1 / near - 1 / far) * disparity)


def reflected(x: Tensor) -> Tensor:
    """One more pixel on each side. Autocast of a CPU would do it in float32, and cast twice."""
    with torch.autocast(x.device.type, enabled=False):
        return functional.pad(x, (1, 1, 1, 1), mode='reflect')


class DepthDecoder(nn.Module):
    """U-shaped decoder with reflection padding, ELU, nearest upsampling and skip connections.

    Stage i (4 to 0) has [16, 32, 64, 128, 256][i] * width channels: `reduce[i]`, twice the size,
    the encoder's F(i-1) beside it, `fuse[i]`; `heads[i]` gives disparity at 1/2^i of the size.
    `encoder_channels` are those of F0..F4.
    """

    def __init__(
        self, encoder_channels: list[int], width: float = 1.0, disparity_bias: float = 0.0
    ) -> None:
        super().__init__()
        channels = [scaled_channels(base, width) for base in (16, 32, 64, 128, 256)]
        below = [*channels[1:], encoder_channels[4]]
        skips = [0, *encoder_channels[:4]]
        self.reduce = nn.ModuleList(nn.Conv2d(below[i], channels[i], 3) for i in range(5))
        self.fuse = nn.ModuleList(
            nn.Conv2d(channels[i] + skips[i], channels[i], 3) for i in range(5)
        )
        self.heads = nn.ModuleList(FloatConv2d(channels[i], 1, 3) for i in range(SCALES))
        for head in self.heads:
            assert isinstance(head, FloatConv2d) and head.bias is not None
            nn.init.constant_(head.bias, disparity_bias)

    def forward(self, features: list[Tensor], scales: int = SCALES) -> list[Tensor]:
        """[F0, ..., F4] -> the `scales` largest disparities (0..1), full size first.

        Each is float32 [B, 1, H/2^i, W/2^i].
        """
        disparities: list[Tensor] = []
        x = features[4]
        for i in range(4, -1, -1):
            x = functional.elu(self.reduce[i](reflected(x)))
            x = functional.interpolate(x, scale_factor=2.0, mode='nearest')
            if i > 0:
                x = torch.cat([x, features[i - 1]], 1)
            x = functional.elu(self.fuse[i](reflected(x)))
            if i < scales:
                disparities.insert(0, torch.sigmoid(self.heads[i](reflected(x))))
        return disparities
