# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mask R-CNN (He et al. 2017) as the network of the instances, as in Mining Supervision (1.3).

Its parts are torchvision's, an extra. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models import resnet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.checkpoint_import import read_state
from mdepth_ros.networks.weights import is_counter, load_weights
from mdepth_training.data.sample import Sample
from mdepth_training.methods.dynamic_regions.detector import LEAST_AREA, Detector
from mdepth_training.methods.dynamic_regions.ground import CERTAIN, GROUND, ground_mask
from mdepth_training.methods.dynamic_regions.ground_network import ground_inputs

if TYPE_CHECKING:
    from mdepth_ros.networks import JointDepthPose
    from mdepth_training.methods.dynamic_regions.part_settings import InstanceSettings

MEAN, STD = (0.485, 0.456, 0.406, 0.0, 0.0), (0.229, 0.224, 0.225, 1.0, 1.0)
"""Of image (ImageNet's), disparity and ground."""
ANCHORS, RATIOS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0), (0.5, 1.0, 2.0)
"""Sides in heights of the image, one for each level (32 to 512 at 512 rows); height over width."""
LEVELS = ('0', '1', '2', '3')
LEAST = 0.05
"""Score below which a box is not looked at (torchvision's); what is unsure scores more."""
OPEN = 0.5
"""Share of a box from which on nothing is learned from it where nobody knows what is there."""


class MaskRcnn(Detector):
    """Image, disparity over its largest and probability of ground -> things and their masks.

    size  height and width of the images

    Raises MdepthError where the weights of the settings cannot be used.
    """

    def __init__(self, settings: InstanceSettings, size: tuple[int, int]) -> None:
        super().__init__()
        channels = settings.detector_channels  # at 256 all of this is as in torchvision
        # Batches are small: means of a batch say little of the next one. Those of ImageNet stay.
        norm = FrozenBatchNorm2d if settings.detector_weights else partial(nn.GroupNorm, 32)
        body = getattr(resnet, settings.detector_encoder)(weights=None, norm_layer=norm)
        body.conv1 = nn.Conv2d(len(MEAN), 64, 7, stride=2, padding=3, bias=False)
        if settings.detector_weights:
            _take(body, Path(settings.detector_weights).expanduser())
        layers = {f'layer{place + 1}': level for place, level in enumerate(LEVELS)}
        widths = [body.fc.in_features // 2**step for step in (3, 2, 1, 0)]
        sides = tuple((max(1, round(share * size[0])),) for share in ANCHORS)
        many = {'training': 2000, 'testing': 1000}
        self.net = GeneralizedRCNN(
            BackboneWithFPN(body, layers, widths, channels),
            _Proposals(
                AnchorGenerator(sides, (RATIOS,) * len(sides)),
                RPNHead(channels, len(RATIOS)),
                fg_iou_thresh=0.7,
                bg_iou_thresh=0.3,
                batch_size_per_image=channels,
                positive_fraction=0.5,
                pre_nms_top_n=many,
                post_nms_top_n=many,
                nms_thresh=0.7,
            ),
            _Heads(
                MultiScaleRoIAlign(LEVELS, 7, 2),
                TwoMLPHead(channels * 7**2, 4 * channels),
                FastRCNNPredictor(4 * channels, 2),
                fg_iou_thresh=0.5,
                bg_iou_thresh=0.5,
                batch_size_per_image=2 * channels,
                positive_fraction=0.25,
                bbox_reg_weights=None,
                score_thresh=LEAST,
                nms_thresh=0.5,
                detections_per_img=100,
                mask_roi_pool=MultiScaleRoIAlign(LEVELS, 14, 2),
                mask_head=MaskRCNNHeads(channels, (channels,) * 4, 1),
                mask_predictor=MaskRCNNPredictor(channels, channels, 2),
            ),
            GeneralizedRCNNTransform(min(size), max(size), MEAN, STD),  # it enlarges nothing
        )

    def seen(self, network: JointDepthPose, image: Tensor, sample: Sample) -> Tensor:
        """The inputs [B, 5, H, W]: the ground is the label, or closed form where there is none."""
        depth = sample.labels['scene_depth'].float()
        if GROUND in sample.labels:
            ground = sample.labels[GROUND].float() / CERTAIN
        else:
            ground = ground_mask(depth[:, 0], sample.K)[:, None].float()
        return torch.cat([ground_inputs(image, depth), ground], 1)

    def loss(self, seen: Tensor, ids: Tensor, unsure: Tensor) -> Tensor:
        """The five losses of Mask R-CNN; boxes of which half is unsure are no background."""
        learns = self.training
        self.train()  # the losses are said only so; nothing in it changes by being asked
        targets = [_target(*of_one) for of_one in zip(ids[:, 0], unsure[:, 0], strict=True)]
        with torch.autocast(seen.device.type, enabled=False):  # its boxes need all their digits
            losses = self.net(list(seen.float()), targets)
        self.train(learns)
        loss: Tensor = sum(losses.values())
        return loss

    @torch.no_grad()
    def found(self, seen: Tensor, least_score: float) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        """The surest things first; of one that has less than half of its mask left, it is one."""
        learns = self.training
        with torch.autocast(seen.device.type, enabled=False):
            said = self.eval().net(list(seen.float()))
        self.train(learns)
        found = [_as_ids(one, least_score, seen.shape[-2:]) for one in said]
        ids, probability = zip(*found, strict=True)
        return np.stack(ids), np.stack(probability)


class _Proposals(RegionProposalNetwork):  # type: ignore[misc]
    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        labels, boxes = super().assign_targets_to_anchors(anchors, targets)
        return _left_open(labels, anchors, [target['unsure'] for target in targets]), boxes


class _Heads(RoIHeads):  # type: ignore[misc]
    def select_training_samples(
        self, proposals: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> Any:
        self.unsure = [target['unsure'] for target in targets]
        return super().select_training_samples(proposals, targets)

    def assign_targets_to_proposals(
        self, proposals: list[Tensor], *of_things: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        matched, labels = super().assign_targets_to_proposals(proposals, *of_things)
        return matched, _left_open(labels, proposals, self.unsure)


def _left_open(
    labels: Sequence[Tensor], boxes: Sequence[Tensor], unsure: Sequence[Tensor]
) -> list[Tensor]:
    """Labels [N] of each image, -1 (torchvision draws none of these) for boxes that are unsure.

    labels  0 background, 1 a thing; boxes [N, 4]; unsure bool [H, W]
    """
    left = []
    for label, corners, mask in zip(labels, boxes, unsure, strict=True):
        share = share_in(mask, corners)
        open_ = (label == 0) & (share >= OPEN)
        kept = label.masked_fill(open_, -1)
        if not (kept >= 0).any():  # the mean loss of no box is no number
            kept[share.argmin()] = 0
        left.append(kept)
    return left


def share_in(mask: Tensor, boxes: Tensor) -> Tensor:
    """Share [N] of the pixels of boxes [N, 4] (x, y, x, y) that are in a mask [H, W].

    Of the part of the box that is in the image, to the nearest pixel.
    """
    height, width = mask.shape
    total = nn.functional.pad(mask.double().cumsum(0).cumsum(1), (1, 0, 1, 0))
    x0, y0, x1, y1 = boxes.round().long().unbind(1)
    x0, x1 = x0.clamp(0, width), x1.clamp(0, width)
    y0, y1 = y0.clamp(0, height), y1.clamp(0, height)
    inside = total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0]
    return (inside / ((x1 - x0) * (y1 - y0)).clamp(min=1)).float()


def _target(ids: Tensor, unsure: Tensor) -> dict[str, Tensor]:
    """What torchvision learns from: boxes [N, 4] and masks [N, H, W] of ids [H, W]."""
    numbers = torch.unique(ids)
    masks = ids == numbers[numbers > 0][:, None, None]
    boxes = ids.new_zeros((len(masks), 4), dtype=torch.float32)
    for axis, along in enumerate((1, 2)):  # columns, rows
        there = masks.any(along).byte()
        boxes[:, axis] = there.argmax(1)
        boxes[:, axis + 2] = there.shape[1] - there.flip(1).argmax(1)
    labels = ids.new_ones(len(masks), dtype=torch.int64)
    return {'boxes': boxes, 'labels': labels, 'masks': masks.byte(), 'unsure': unsure}


def _as_ids(
    said: dict[str, Tensor], least_score: float, size: Sequence[int]
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Ids [H, W] and probability of a thing [H, W] of what torchvision says of an image."""
    scores = said['scores'].cpu().numpy()
    masks = said['masks'][:, 0].cpu().numpy()
    found = np.zeros(tuple(size), np.uint8)
    probability = (scores[:, None, None] * masks).max(0, initial=0)
    number = 0
    for place in np.argsort(-scores, kind='stable'):
        mask = masks[place] > 0.5
        free = mask & (found == 0)
        if scores[place] < least_score or free.sum() < max(LEAST_AREA * free.size, mask.sum() / 2):
            continue
        number += 1
        found[free] = number
    return found, probability


def _take(body: nn.Module, path: Path) -> None:
    """Weights of an ImageNet ResNet; what the stem sees beside the image begins with none."""
    given = {name.removeprefix('module.'): value for name, value in read_state(path).items()}
    own = body.state_dict()
    stem = given.get('conv1.weight')
    if stem is not None and stem.ndim == 4 and stem.shape[1] == 3:
        beside = torch.zeros_like(stem[:, :1]).repeat(1, len(MEAN) - 3, 1, 1)
        given['conv1.weight'] = torch.cat([stem, beside], 1)
    given = {name: value for name, value in given.items() if not is_counter(name)}
    given |= {name: value for name, value in own.items() if name.startswith('fc.')}
    try:
        load_weights(body, given)
    except MdepthError as error:
        raise MdepthError(f'method.detector_weights={path}: {error}') from None
