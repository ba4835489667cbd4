# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""IDCE, the implicit depth cues: arXiv 2006.09876, section III-B."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mdepth_ros.networks.resnet import Bottleneck, initialise


class IDCE(nn.Module):
    """Four bottlenecks that turn the motion features of a frame pair into depth features.

    The output is to be added to the deepest features of the depth encoder. With `gate` it is
    multiplied by a learned number that starts at 0, so that adding the module to a trained
    network changes nothing at first; the paper has no such gate.
    """

    def __init__(self, channels: int, gate: bool = True) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Bottleneck(channels, channels // 4) for _ in range(4)))
        self.gate = nn.Parameter(torch.zeros(())) if gate else None
        initialise(self)

    def forward(self, motion_features: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, C, h, w]."""
        cues: Tensor = self.blocks(motion_features)
        return cues if self.gate is None else cues * self.gate
