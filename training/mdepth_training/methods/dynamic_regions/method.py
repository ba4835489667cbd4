# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth, pose and motion of every pixel, learned together (Mining Supervision, stages 1 and 4).

Stage 1 learns them from views alone. Depth and motion of a thing that moves cannot be told apart
there (Eq. 4), so its depth may be wrong by any factor. Stage 4 goes on with labels that say it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdepth_ros.geometry import forward_warp, project_depth
from mdepth_ros.geometry import sample as sampled
from mdepth_training.data.sample import Sample
from mdepth_training.losses import label_loss, motion_sparsity
from mdepth_training.methods.dynamic_regions.label_maker import label_maker
from mdepth_training.methods.dynamic_regions.makers import scene_maker, things_maker
from mdepth_training.methods.dynamic_regions.motion import MotionNetwork
from mdepth_training.methods.dynamic_regions.prior import prior_maker
from mdepth_training.methods.dynamic_regions.settings import DynamicRegionsSettings
from mdepth_training.methods.dynamic_regions.tables import TABLES
from mdepth_training.methods.dynamic_regions.things import says_if_nothing_moves
from mdepth_training.methods.implicit_cues.method import ImplicitCues
from mdepth_training.methods.view_synthesis import View

SMALLEST = 1e-5


class DynamicRegions(ImplicitCues):
    """Implicit cues, whose pixels may move by themselves, and whose depth may have labels."""

    settings: DynamicRegionsSettings
    columns = (*ImplicitCues.columns, 'moving_share', 'label_loss')
    makers = {  # noqa: RUF012
        'scene': scene_maker,
        'things': things_maker,
        'labels': label_maker,
        'prior': prior_maker,
    }
    tables = TABLES

    def prepare(self) -> None:
        """Add the network of the motion."""
        super().prepare()
        self.motion: MotionNetwork | None = None
        if self.settings.motion != 'none':
            channels = int(self.settings.motion[0])
            self.motion = MotionNetwork(channels, self.settings.motion_iterations)

    def resting(self) -> list[nn.Module]:
        """Motion first rests, then learns alone."""
        rests = super().resting()
        if self.motion is None or self.begun('together_from'):
            return rests
        return [self.network] if self.begun('motion_from') else [*rests, self.motion]

    def loss(self, sample: Sample, jittered: Sample, *drawn: Tensor) -> Tensor:
        """Eq. 10, and with labels Eq. 18."""
        self.translations: list[Tensor] = []
        loss = super().loss(sample, jittered, *drawn)
        moved = self.translations
        if self.watched:
            share = torch.stack([(m != 0).any(1).float().mean() for m in moved] or [loss * 0])
            self.log({'moving_share': share.mean().detach()})
        if moved and self.begun('together_from'):
            loss = loss + self.settings.sparsity * sum(map(motion_sparsity, moved)) / len(moved)
        return loss

    def depth_loss(self, sample: Sample, depths: Sequence[Tensor]) -> Tensor:
        """Eq. 19 at every scale; labels are those of the frame, so nearest values are taken.

        Ours, not the paper's: the scene's own depth, where nothing has a label, holds it there.
        """
        if 'depth_label' not in self.settings.labels:
            return super().depth_loss(sample, depths)
        label, dynamic = sample.labels['depth_label'], sample.labels['dynamic'] > 0
        self.look_at(dynamic)
        losses, log = [], self.settings.label_error == 'log'
        for depth in depths:
            size = depth.shape[-2:]
            at_size = functional.interpolate(label.float(), size)[:, 0]
            moves = functional.interpolate(dynamic.float(), size)
            reach = math.ceil(self.settings.ring * size[1] / 512)
            moves = functional.max_pool2d(moves, 2 * reach + 1, 1, reach)[:, 0] > 0
            on_moving = label_loss(depth, at_size, moves, log)
            on_scene = on_moving.new_zeros(())
            if self.settings.scene_weight:
                on_scene = label_loss(depth, at_size, ~moves & (at_size > 0), log)
            losses.append(torch.stack([on_moving, on_scene]))
        on_moving, on_scene = torch.stack(losses).mean(0).unbind()
        if self.watched:
            self.log({'label_loss': on_moving.detach()})
        return self.settings.label_weight * on_moving + self.settings.scene_weight * on_scene

    def if_nothing(self) -> None:
        """Say that nothing moves: it may be meant so."""
        says_if_nothing_moves(self.experiment.data.labels)

    def with_motion(self, sample: Sample, depth: Tensor, views: list[View]) -> list[View]:
        """The neighbours, and from `motion_from` on what moves by itself between them."""
        if self.motion is None or not self.begun('motion_from'):
            return views
        transforms = [view.T_view_current for view in views]
        moved = self.own_motions(sample, depth, transforms, self.begun('together_from'))
        for view in views:  # a frame seen twice has no neighbour to compare with
            if view.hidden is not None:
                moved = [m.masked_fill(view.hidden[:, None, None, None], 0.0) for m in moved]
        self.translations = moved
        return [replace(v, translation=m) for v, m in zip(views, moved, strict=True)]

    def own_motions(
        self, sample: Sample, depth: Tensor, transforms: Sequence[Tensor], chosen: bool = True
    ) -> list[Tensor]:
        """Eq. 6-7 for both neighbours: translations [B, 3, H, W] in the frames of the neighbours.

        Zero where the rigid warp has a hole. `chosen`: zero too where the motion is below the
        mean of its image, and where only one neighbour sees any; most of an image stands, and what
        moves does so in both directions of time.
        """
        moved = [
            self._own_motion(sample, image, depth.detach(), T.detach(), chosen)
            for image, T in zip((sample.previous, sample.following), transforms, strict=True)
        ]
        if chosen:
            both = torch.stack([(m.detach() != 0).any(1, keepdim=True) for m in moved]).all(0)
            moved = [m * both for m in moved]
        return moved

    def _own_motion(
        self, sample: Sample, other: Tensor, depth: Tensor, T: Tensor, chosen: bool
    ) -> Tensor:
        rigid, warped_depth = forward_warp(sample.current, depth, T, sample.K)
        assert self.motion is not None
        motion = self.motion(rigid, other) * (warped_depth > 0)[:, None]
        if chosen:
            size = motion.detach().abs().sum(1, keepdim=True)
            motion = motion * (size >= size.mean((2, 3), keepdim=True).clamp(min=SMALLEST))
        pixels, _ = project_depth(depth, T, sample.K)
        motion = sampled(motion, pixels, 'zeros')
        if motion.shape[1] == 3:
            return motion
        # Pixels times depth, added before the division by it: a translation parallel to the image.
        focal = torch.stack([sample.K[:, 0, 0], sample.K[:, 1, 1]], 1)[..., None, None]
        return torch.cat([motion / focal, torch.zeros_like(motion[:, :1])], 1)
