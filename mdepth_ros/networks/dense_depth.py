# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A depth decoder with dense skips, after HR-Depth (arXiv 2012.07356) and UNet++ (1807.10165)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdepth_ros.networks.depth import SCALES, DepthDecoder, reflected
from mdepth_ros.networks.layers import FloatConv2d, scaled_channels

LEVELS = 4


class DenseDepthDecoder(nn.Module):
    """Every level gets all that was made of it before, and what is below it.

    Node j of level i (i + j <= 4; node 0 is the encoder's F_i) is made of nodes 0 .. j - 1 of its
    level and of node j - 1 of the level below, twice as large: `below` (3x3) brings that to the
    channels of the level, `merge` (1x1) makes one of all. Levels have [32, 64, 128, 256] * width
    channels. The last node of level i gives the disparity at 1/2^(i+1) of the size by its head;
    that of the full size is made of the last node of level 0 as in DepthDecoder.
    """

    def __init__(
        self, encoder_channels: list[int], width: float = 1.0, disparity_bias: float = 0.0
    ) -> None:
        super().__init__()
        channels = [scaled_channels(base, width) for base in (32, 64, 128, 256)]
        full = scaled_channels(16, width)
        self.below, self.merge = nn.ModuleDict(), nn.ModuleDict()
        for i in range(LEVELS):
            for j in range(1, LEVELS + 1 - i):
                first = encoder_channels[i + 1] if j == 1 else channels[i + 1]
                self.below[f'{i}{j}'] = nn.Conv2d(first, channels[i], 3)
                given = encoder_channels[i] + j * channels[i]
                self.merge[f'{i}{j}'] = nn.Conv2d(given, channels[i], 1)
        self.reduce_full = nn.Conv2d(channels[0], full, 3)
        self.fuse_full = nn.Conv2d(full, full, 3)
        self.heads = nn.ModuleList(FloatConv2d(of, 1, 3) for of in (full, *channels[: SCALES - 1]))
        for head in self.heads:
            assert isinstance(head, FloatConv2d) and head.bias is not None
            nn.init.constant_(head.bias, disparity_bias)

    def forward(self, features: list[Tensor], scales: int = SCALES) -> list[Tensor]:
        """[F0, ..., F4] -> the `scales` largest disparities (0..1), full size first.

        Each is float32 [B, 1, H/2^i, W/2^i].
        """
        nodes = [[feature] for feature in features]
        for j in range(1, LEVELS + 1):
            for i in range(LEVELS + 1 - j):
                x = functional.elu(self.below[f'{i}{j}'](reflected(nodes[i + 1][j - 1])))
                x = functional.interpolate(x, scale_factor=2.0, mode='nearest')
                x = torch.cat([*nodes[i], x], 1)
                nodes[i].append(functional.elu(self.merge[f'{i}{j}'](x)))
        x = functional.elu(self.reduce_full(reflected(nodes[0][-1])))
        x = functional.interpolate(x, scale_factor=2.0, mode='nearest')
        x = functional.elu(self.fuse_full(reflected(x)))
        last = [x, *(nodes[i][-1] for i in range(SCALES - 1))]
        return [
            torch.sigmoid(self.heads[i](reflected(last[i]))) for i in range(min(scales, SCALES))
        ]


DECODERS: dict[str, type[DepthDecoder] | type[DenseDepthDecoder]] = {
    'plain': DepthDecoder,
    'dense': DenseDepthDecoder,
}
