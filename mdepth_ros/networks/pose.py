# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From motion features to the six numbers of a rigid motion."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdepth_ros.networks.attention import make_attention
from mdepth_ros.networks.layers import FloatConv2d, scaled_channels
from mdepth_ros.networks.resnet import initialise


class PoseDecoder(nn.Module):
    """1x1, 3x3, 3x3, 1x1 to 12 channels of votes, attention on the votes, mean over the image.

    Only the first six of the 12 are the motion; the other six are those of the usual layout,
    which has a second motion there, and take part in the attention only. Without `hidden` layers
    the 1x1 convolution to six channels of votes stands alone, as it does after a MotionCNN.
    """

    def __init__(
        self,
        in_channels: int,
        width: float = 1.0,
        attention: str = 'elementwise',
        rotation_scale: float = 0.01,
        translation_scale: float = 0.01,
        hidden: bool = True,
    ) -> None:
        super().__init__()
        self.rotation_scale = rotation_scale
        self.translation_scale = translation_scale
        self.hidden = hidden
        channels, votes = (scaled_channels(256, width), 12) if hidden else (in_channels, 6)
        if hidden:
            self.squeeze = nn.Conv2d(in_channels, channels, 1)
            self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
            self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.votes = FloatConv2d(channels, votes, 1)
        self.attention = make_attention(attention, votes)

    def forward(self, motion_features: Tensor) -> Tensor:
        """[B, C, h, w] -> float32 [B, 6]: axis-angle (rad), translation (network units)."""
        x = motion_features
        if self.hidden:
            for layer in (self.squeeze, self.conv1, self.conv2):
                x = functional.relu(layer(x))
        votes = self.votes(x)
        if self.attention is not None:
            votes = self.attention(votes)
        rotation, translation = votes.mean((2, 3))[:, :6].split(3, 1)
        return torch.cat([rotation * self.rotation_scale, translation * self.translation_scale], 1)


class MotionCNN(nn.Module):
    """Seven convolutions of stride 2 with ReLU: PoseCNN of Zhou et al. 2017 (arXiv 1704.07813).

    The motion encoder of table VI's second half, without norms and without anything pre-trained.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        shapes = ((16, 7), (32, 5), (64, 3), (128, 3), (256, 3), (256, 3), (256, 3))
        layers: list[nn.Module] = []
        before = 6
        for base, size in shapes:
            layers.append(nn.Conv2d(before, scaled_channels(base, width), size, 2, size // 2))
            before = scaled_channels(base, width)
        self.layers = nn.ModuleList(layers)
        self.channels = [before]
        initialise(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, 6, H, W] -> one map of features at 1/128 of the size, rounded up."""
        for layer in self.layers:
            x = functional.relu(layer(x))
        return [x]
