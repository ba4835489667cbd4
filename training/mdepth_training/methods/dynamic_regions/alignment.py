# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How deep a thing is, from the ground around it: the network of DSA (Eq. 15)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdepth_ros.networks import JointDepthPose, ResNetEncoder
from mdepth_training.losses import masked_median

MARGIN = 4 / 512
"""How far the box of a thing is widened, as a share of the width: twice 5x5 at 512."""


class ScaleAlignment(nn.Module):
    """A ResNet with group norms, its mean over the cells that show the thing, and three layers.

    The authors take the mean over the image. There a small thing hardly shows, and nothing is
    learned for hundreds of steps.

    encoder, width  as in NetworkConfig. Group norms of one group: a batch has few things, which
    have little in common.
    """

    def __init__(self, encoder: str = 'resnet18', width: float = 1.0) -> None:
        super().__init__()
        self.encoder = ResNetEncoder(encoder, 5, width)
        use_group_norms(self.encoder)
        channels = self.encoder.channels[-1]
        self.head = nn.Sequential(
            nn.Linear(channels, channels // 2),
            nn.ReLU(),
            nn.Linear(channels // 2, channels // 4),
            nn.ReLU(),
            nn.Linear(channels // 4, 1),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs [N, 5, H, W] of `alignment_inputs` -> log of the mean depth, over its unit [N].

        The authors' network says the depth itself; in the log all things weigh alike, and it is
        positive.
        """
        weight = self.encoder.conv1.weight
        features: Tensor = self.encoder(inputs.to(weight.dtype))[-1]
        shown = functional.adaptive_max_pool2d(inputs[:, 4:], features.shape[-2:]) > 0
        mean = (features * shown).sum((2, 3)) / shown.sum((2, 3)).clamp(min=1)
        log_scale: Tensor = self.head(mean)[:, 0]
        return log_scale.float()

    def scale(
        self, image: Tensor, mask: Tensor, own: Tensor, depth: Tensor, ground: Tensor
    ) -> Tensor:
        """Mean depth [N] of each thing, in units of `depth`; arguments as `alignment_inputs`."""
        inputs, unit = alignment_inputs(image, mask, own, depth, ground)
        scale: Tensor = self(inputs).exp() * unit
        return scale


def use_group_norms(module: nn.Module) -> None:
    """Replace every batch norm by a group norm of one group."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(1, child.num_features))
        else:
            use_group_norms(child)


def alignment_inputs(
    image: Tensor, mask: Tensor, own: Tensor, depth: Tensor, ground: Tensor
) -> tuple[Tensor, Tensor]:
    """What the network sees [N, 5, H, W], and the unit [N] of what it says.

    image [N, 3, H, W] in 0..1; mask bool [N, H, W] of the thing; own [N, H, W]: its depth, of
    which only the shape inside the mask counts; depth [N, H, W] of the scene and ground bool
    [N, H, W]. Channels: the image; the ground's depth outside of the thing's box, and the own
    depth inside of it; the own depth. The ground in the box is left out: what is hidden cannot
    be read off it. The unit is the median depth of the ground: a factor on the depth of the
    scene is one on what the network says.
    """
    own = normalised(own, mask)
    around = ground & ~widened_box(mask)
    unit = masked_median(depth, ground)
    unit = unit.where(unit.isfinite(), masked_median(depth, torch.ones_like(ground)))
    outside = (depth / unit[:, None, None]).where(around, 0.0)
    combined = own.where(mask, outside)
    colours = (image - 0.45) / 0.225
    return torch.cat([colours, combined[:, None], own[:, None]], 1), unit


def normalised(own: Tensor, mask: Tensor) -> Tensor:
    """Depth [N, H, W] over its mean inside the mask; 0 outside."""
    own = own.where(mask, 0.0)
    mean = own.sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)
    return own / mean.clamp(min=1e-6)[:, None, None]


def widened_box(mask: Tensor) -> Tensor:
    """The box around each mask [N, H, W] (bool), and a little more."""
    margin = max(1, round(MARGIN * mask.shape[-1]))
    spans = []
    for axis in (1, 2):
        some = mask.any(3 - axis).float()
        wide = functional.max_pool1d(some, 2 * margin + 1, 1, margin)
        spans.append((wide.cummax(1).values * wide.flip(1).cummax(1).values.flip(1)) > 0)
    rows, columns = spans
    return rows[:, :, None] & columns[:, None, :]


def shapes(
    how: str, network: JointDepthPose | None, previous: Tensor, current: Tensor, depth: Tensor
) -> Tensor:
    """Depth [N, H, W] of things, up to a factor for each (`method.shape`).

    flat: all alike. scene: as the depth [N, H, W] of the scene. object: as the network of the
    object stage sees the images [N, 3, H, W] of each thing alone; a thing that the previous one
    does not show gets no cues.
    """
    if how == 'flat':
        return torch.ones_like(depth)
    if how == 'scene':
        return depth
    assert network is not None
    cued = previous.flatten(1).any(1)
    disparities, _ = network(previous, current, cued, scales=1)
    return network.depth(disparities[0].float())[:, 0]
