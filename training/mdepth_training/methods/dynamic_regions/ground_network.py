# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ground as a small network sees it, and how that learns (Mining Supervision, 1.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy


class GroundNetwork(nn.Sequential):
    """What `ground_inputs` makes [B, 4, H, W] -> logit of ground [B, 1, H, W], any H and W.

    Group norms of one group: the authors' layer norms hold one size of images, and have 37 of
    their 38 million parameters.
    """

    def __init__(self, channels: int = 64) -> None:
        super().__init__(
            nn.Conv2d(4, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.GroupNorm(1, channels),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.GroupNorm(1, 2 * channels),
            nn.ReLU(),
            nn.Conv2d(2 * channels, 1, 1),
        )


def ground_inputs(image: Tensor, depth: Tensor) -> Tensor:
    """The image [B, 3, H, W] in 0..1, and the disparity over its largest: [B, 4, H, W].

    depth [B, 1, H, W], positive.
    """
    disparity = 1 / depth
    return torch.cat([image, disparity / disparity.amax((2, 3), keepdim=True)], 1)


def lower_thirds(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The middle and the bottom third of maps [B, C, H, W], each enlarged to H x W."""
    size, third = maps.shape[-2:], maps.shape[-2] // 3
    middle, bottom = torch.split(maps[..., -2 * third :, :], third, 2)
    return (
        functional.interpolate(middle, size, mode='bilinear', align_corners=False),
        functional.interpolate(bottom, size, mode='bilinear', align_corners=False),
    )


def thirds_loss(network: nn.Module, inputs: Tensor, logits: Tensor, label: Tensor) -> Tensor:
    """What the network says of the enlarged thirds, against what it says of the whole.

    inputs [B, 4, H, W], its logits and the label (0 or 1) [B, 1, H, W]. The enlarged bottom third
    learns from the label. Enlarged, the ground of the middle third looks as that of the bottom;
    what is said of both, cut at one half, is the target of the lower two thirds.
    """
    middle, bottom = lower_thirds(inputs)
    near = network(bottom).float()
    learned = cross_entropy(near, lower_thirds(label)[1])
    with torch.no_grad():
        said = torch.cat([network(middle).float(), near], 2)
        rows = 2 * (logits.shape[-2] // 3)
        target = functional.interpolate(said, (rows, said.shape[-1]), mode='area') > 0
    return learned + cross_entropy(logits[..., -rows:, :], target.to(logits.dtype))
