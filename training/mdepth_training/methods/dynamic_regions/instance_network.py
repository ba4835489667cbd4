# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Instances without anchors and boxes: each pixel says whether it is of a thing, and of which.

In the place of the Mask R-CNN of Mining Supervision (1.3): it needs no weights from elsewhere. A
pixel of a thing points at the middle of the thing (Neven et al. 2019, Panoptic-DeepLab 2020).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mdepth_ros.networks.resnet import ResNetEncoder
from mdepth_training.data.sample import Sample
from mdepth_training.methods.dynamic_regions.detector import LEAST_AREA, Detector

if TYPE_CHECKING:
    from mdepth_ros.networks import JointDepthPose

Seen = tuple[Tensor, Tensor]
SHRINK = 2
"""Its outputs are of half the size of the image."""
CELL = 2
"""Votes for a middle are counted in cells of so many pixels of the outputs."""
NEAR = 5
"""Cells, in both directions, that have one middle."""


class InstanceNetwork(Detector):
    """An image and a depth -> logit and offset of each pixel.

    encoder  of the depth; a copy of it learns: what depth needs is not what parts things
    weights  `weight` and `unsure_weight` of `instance_loss`
    hidden   channels of the layers here
    """

    def __init__(
        self, encoder: ResNetEncoder, weight: float, unsure_weight: float, hidden: int = 32
    ) -> None:
        super().__init__()
        self.weights = weight, unsure_weight
        self.encoder = copy.deepcopy(encoder).requires_grad_(True)
        channels = encoder.channels
        inputs = (channels[0] + 1, *channels[1:])
        self.lateral = nn.ModuleList(nn.Conv2d(c, hidden, 1) for c in inputs)
        self.smooth = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(hidden, hidden, 3, padding=1), nn.GroupNorm(8, hidden), nn.ReLU()
            )
            for _ in inputs
        )
        self.said = nn.Conv2d(hidden, 3, 3, padding=1)
        assert self.said.bias is not None
        nn.init.constant_(self.said.bias[0], -2.0)  # most of an image is no thing

    def forward(self, image: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        """image [B, 3, H, W] as the encoder takes it; depth [B, 1, H, W].

        Returns the logit of a thing [B, 1, H/2, W/2], and where its middle is as seen from the
        pixel [B, 2, H/2, W/2]: x and y, in heights of the image.
        """
        disparity = functional.avg_pool2d(1 / depth, SHRINK)
        disparity = disparity / disparity.amax((2, 3), keepdim=True)
        features = self.encoder(image)
        features = [torch.cat([features[0], disparity.to(features[0])], 1), *features[1:]]
        above: Tensor | None = None
        for feature, lateral, smooth in reversed(
            [*zip(features, self.lateral, self.smooth, strict=True)]
        ):
            level = lateral(feature)
            if above is not None:
                level = level + functional.interpolate(above, level.shape[-2:])
            above = smooth(level)
        assert above is not None
        said = self.said(above).float()
        return said[:, :1], said[:, 1:]

    def seen(self, network: JointDepthPose, image: Tensor, sample: Sample) -> Seen:
        """The image as its encoder takes it, and the depth."""
        return network.normalised(image), sample.labels['scene_depth'].float()

    def loss(self, seen: Seen, ids: Tensor, unsure: Tensor) -> Tensor:
        """As `instance_loss`."""
        said = self(*seen)
        with torch.autocast(ids.device.type, enabled=False):
            return instance_loss(said, ids, unsure, *self.weights)

    @torch.no_grad()
    def found(self, seen: Seen, least_score: float) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        """As `instances_of`, at full size."""
        learns = self.training
        logit, offset = self.eval()(*seen)
        self.train(learns)
        probability = logit[:, 0].sigmoid().cpu().numpy()
        pairs = zip(probability, offset.cpu().numpy(), strict=True)
        ids = np.stack([instances_of(p, o, least_score) for p, o in pairs])
        ids, probability = (a.repeat(SHRINK, 1).repeat(SHRINK, 2) for a in (ids, probability))
        return ids, probability


def middles(ids: Tensor) -> Tensor:
    """From each pixel of a thing to the mean of its pixels [B, 2, H, W], in heights; else 0.

    ids [B, 1, H, W], 0 is no thing.
    """
    b, _, h, w = ids.shape
    ids = ids.long()
    rows, columns = torch.meshgrid(
        torch.arange(h, device=ids.device), torch.arange(w, device=ids.device), indexing='ij'
    )
    places = torch.stack([columns, rows]).float().expand(b, -1, -1, -1).flatten(2) / h
    flat = ids.flatten(1)
    count = torch.zeros(b, int(ids.max()) + 1, device=ids.device)
    count = count.scatter_add(1, flat, torch.ones_like(places[:, 0]))
    mean = torch.stack([torch.zeros_like(count).scatter_add(1, flat, p) for p in places.unbind(1)])
    mean = mean / count.clamp(min=1)
    found = torch.stack([m.gather(1, flat) for m in mean], 1)
    return ((found - places) * (flat > 0)[:, None]).view(b, 2, h, w)


def instance_loss(
    said: tuple[Tensor, Tensor],
    ids: Tensor,
    unsure: Tensor,
    weight: float = 1.0,
    unsure_weight: float = 0.0,
) -> Tensor:
    """Cross entropy of thing or not, and the error of the middle where there is a thing.

    said  logit and offset as the network gives them; ids, unsure [B, 1, H, W] of full size.
    A pixel of a thing counts as `weight` others, one of which nobody knows whether it is of a
    thing as this share of one of no thing: most of these are of none, and few of what is like
    the things that were found.
    """
    logit, offset = said
    size = logit.shape[-2:]
    thing = functional.interpolate((~unsure & (ids > 0)).float(), size) > 0
    counts = functional.interpolate(unsure.float(), size)
    counts = 1 - (1 - unsure_weight) * counts
    ids = functional.interpolate(ids.float(), size)
    entropy = functional.binary_cross_entropy_with_logits(
        logit, (ids > 0).float(), reduction='none', pos_weight=logit.new_tensor(weight)
    )
    error = (offset - middles(ids)).abs().sum(1, keepdim=True)
    loss: Tensor = (entropy * counts).sum() / counts.sum().clamp(min=1)
    return loss + (error * thing).sum() / thing.sum().clamp(min=1)


def instances_of(
    probability: NDArray[np.floating],
    offset: NDArray[np.floating],
    least_score: float,
    least_area: float = LEAST_AREA,
    most: int = 255,
) -> NDArray[np.uint8]:
    """Ids [H, W] of half the image's size: 0 none, then 1, 2, ..., the largest votes first.

    probability [H, W] of a thing, offset [2, H, W] to its middle in heights. Pixels above one
    half vote for a middle; a middle has more votes than the cells around it. Each pixel is of the
    middle next to where it points. A thing counts if its mean probability is `least_score`, and
    its area that share of the image.
    """
    height, width = probability.shape
    found = np.zeros((height, width), np.uint8)
    rows, columns = np.nonzero(probability > 0.5)
    if not len(rows):
        return found
    x = columns + offset[0, rows, columns] * height
    y = rows + offset[1, rows, columns] * height
    cells = np.zeros((height // CELL + 1, width // CELL + 1), np.float32)
    inside = (
        (np.clip(y, 0, height - 1) // CELL).astype(int),
        (np.clip(x, 0, width - 1) // CELL).astype(int),
    )
    np.add.at(cells, inside, 1.0)
    cells = cv2.GaussianBlur(cells, (NEAR, NEAR), 0)
    cells += 1e-4 * np.arange(cells.size).reshape(cells.shape) / cells.size  # no two are equal
    peaks = (cells == cv2.dilate(cells, np.ones((NEAR, NEAR), np.uint8))) & (cells >= 1)
    tops = np.argwhere(peaks)
    tops = tops[np.argsort(-cells[peaks])][: 4 * most]
    if not len(tops):
        return found
    centres = (tops + 0.5) * CELL
    away = (y[:, None] - centres[:, 0]) ** 2 + (x[:, None] - centres[:, 1]) ** 2
    nearest = away.argmin(1)
    number = 0
    for top in range(len(tops)):
        mine = nearest == top
        of_thing = rows[mine], columns[mine]
        enough = mine.sum() >= least_area * probability.size
        if enough and probability[of_thing].mean() >= least_score and number < most:
            number += 1
            found[of_thing] = number
    return found
