# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The terms of the pseudo-depth, where nothing moves (our reconstruction of SS-MDE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_training.data.sample import Sample
from mdepth_training.losses import (
    align,
    edge_normal_loss,
    log_depth_loss,
    normal_loss,
    ranking_loss,
)
from mdepth_training.methods.dynamic_regions.things import Maps, without
from mdepth_training.methods.self_distillation.settings import SelfDistillationSettings

EDGE_POINTS = 0.02
"""Lines across edges for each image, as a share of its pixels."""


@dataclass(frozen=True)
class PseudoDepth:
    """A pseudo-depth at the scale of the depth.

    depth        [B, H, W]; anything where it is not known
    known        [B, H, W] bool
    usable       [B] bool: the image could be aligned
    correlation  [B] of the label and what it was aligned to
    """

    depth: Tensor
    known: Tensor
    usable: Tensor
    correlation: Tensor


@torch.no_grad()
def aligned(
    label: Tensor,
    depth: Tensor,
    static: Tensor,
    limits: tuple[Tensor, Tensor],
    settings: SelfDistillationSettings,
) -> PseudoDepth:
    """Bring a label [B, 1, H, W] to the scale of a depth [B, H, W], by what stands still.

    static bool [B, H, W]; limits: least and largest depth [B]. Disparities are aligned as such.
    """
    values, inverse = label[:, 0].float(), settings.pseudo == 'disparity'
    known = values.isfinite() if inverse else values.isfinite() & (values > 0)
    reference = 1 / depth if inverse else depth
    found = align(values, reference, static & known, settings.alignment)
    target = found.of(values)
    target = 1 / target if inverse else target
    near, far = (limit[:, None, None] for limit in limits)
    known = known & (target >= near) & (target <= far)
    return PseudoDepth(target.where(known, 1.0), known, found.usable, found.correlation)


def pseudo_loss(
    depth: Tensor,
    pseudo: PseudoDepth,
    static: Tensor,
    sample: Sample,
    settings: SelfDistillationSettings,
) -> Tensor:
    """All terms for a depth [B, H, W], without the factor of forgetting; static bool [B, H, W]."""
    counts, target = pseudo.known & static, pseudo.depth
    loss = depth.new_zeros(())
    if weight := settings.pseudo_log_depth:
        loss = loss + weight * log_depth_loss(depth, target, counts)
    if weight := settings.pseudo_normals:
        loss = loss + weight * normal_loss(depth, target, sample.K, counts)
    if weight := settings.pseudo_edges:
        points = max(1, round(EDGE_POINTS * depth[0].numel()))
        image = sample.current
        loss = loss + weight * edge_normal_loss(depth, target, image, sample.K, counts, points)
    if weight := settings.pseudo_ranking:
        loss = loss + weight * ranking_loss(depth, target, ~static, pseudo.known)
    return loss


def require_usable(stores: Sequence[str], name: str) -> None:
    """Raise MdepthError where the pseudo-depth is constant or unknown in every frame."""

    def varies(maps: Maps, _: object) -> bool:
        values = maps[name][:, 0].float()
        anything = torch.linspace(1, 10, values.numel()).view_as(values)
        return bool(align(values, anything, anything > 0).usable.any())

    if (store := without(stores, [name], varies)) is not None:
        raise MdepthError(
            f'{name} in {store} is constant or unknown in every frame: look at it with '
            f'mdepth-train labels {store} --sheet labels.png, and make it again'
        )
