# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From motion features to the six numbers of a rigid motion."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdepth_ros.networks.attention import HAM
from mdepth_ros.networks.layers import FloatConv2d, scaled_channels


class PoseDecoder(nn.Module):
    """1x1, 3x3, 3x3, 1x1 to 12 channels of votes, attention on the votes, mean over the image.

    Only the first six of the 12 are the motion; the other six are those of the usual layout,
    which has a second motion there, and take part in the attention only.
    """

    def __init__(
        self,
        in_channels: int,
        width: float = 1.0,
        attention: str = 'elementwise',
        rotation_scale: float = 0.01,
        translation_scale: float = 0.01,
    ) -> None:
        super().__init__()
        channels = scaled_channels(256, width)
        self.rotation_scale = rotation_scale
        self.translation_scale = translation_scale
        self.squeeze = nn.Conv2d(in_channels, channels, 1)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.votes = FloatConv2d(channels, 12, 1)
        self.attention = None if attention == 'none' else HAM(12, attention)

    def forward(self, motion_features: Tensor) -> Tensor:
        """[B, C, h, w] -> float32 [B, 6]: axis-angle (rad), translation (network units)."""
        x = functional.relu(self.squeeze(motion_features))
        x = functional.relu(self.conv1(x))
        x = functional.relu(self.conv2(x))
        votes = self.votes(x)
        if self.attention is not None:
            votes = self.attention(votes)
        rotation, translation, _ = votes.mean((2, 3)).split((3, 3, 6), 1)
        return torch.cat([rotation * self.rotation_scale, translation * self.translation_scale], 1)
