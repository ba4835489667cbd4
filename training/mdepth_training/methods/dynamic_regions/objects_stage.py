# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth and motion of single things (Mining Supervision, stage 2, Eq. 11-14).

A thing is rigid, and alone in its images: what moves is then it and the camera together, and its
depth is found up to a factor, as that of a static scene. It begins with the networks of the
scene stage.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mdepth_ros.geometry import warp
from mdepth_training.data.sample import Sample
from mdepth_training.losses import (
    Moments,
    auto_mask,
    masked_mean,
    masked_smoothness,
    mean_over_processes,
    minimum_over_sources,
    not_finite,
    photometric_error,
)
from mdepth_training.methods.dynamic_regions.settings import DynamicObjectsSettings
from mdepth_training.methods.dynamic_regions.things import Things, require_things, things_of
from mdepth_training.methods.implicit_cues.method import ImplicitCues
from mdepth_training.methods.view_synthesis import Reconstruction, ViewSynthesis

NOTHING = (
    'no thing can be learned from: leave this stage out and set method.shape=scene or flat, or '
    'lower method.least_area'
)


class DynamicObjects(ImplicitCues):
    """The joint network on images of one thing each."""

    settings: DynamicObjectsSettings
    columns = ('things', 'thing_area', 'mask_share', 'log_depth_spread')
    progress = {'things': 'things'}  # noqa: RUF012

    def prepare(self) -> None:
        """Lay out the network for any number of things."""
        super().prepare()
        if not torch.cuda.is_available():
            # The number of things differs from step to step, and on a CPU a convolution of
            # channels last writes outside of its memory for 3, 5 or 7 small images (torch 2.13).
            self.layout = torch.contiguous_format
            self.network.to(memory_format=self.layout)  # type: ignore[call-overload]

    def describe(self) -> tuple[str, dict[str, str]]:
        """Say what it is."""
        return 'depth and motion of single things (Mining Supervision, stage 2)', {}

    def chances(self) -> tuple[float, ...]:
        """No frame is seen twice, and all have cues."""
        return ()

    def resting(self) -> list[nn.Module]:
        """All learn."""
        return []

    def loss(self, sample: Sample, jittered: Sample, *_: Tensor) -> Tensor:
        """Eq. 14 of one thing of each frame, or of all."""
        return self._loss(sample, jittered, self.settings.things)

    def validation_loss(self, sample: Sample) -> Tensor:
        """Eq. 14 of all things."""
        return self._loss(sample, sample, 'all')

    def _loss(self, sample: Sample, jittered: Sample, how: str) -> Tensor:
        things = self._things(sample, how)
        clean, seen = things.images(sample), things.images(jittered)
        disparities, pose = self.network(seen.previous, seen.current, scales=1)
        pose_ahead = self.network.pose(seen.current, seen.following)
        unfinite = not_finite((clean.K, pose, pose_ahead, *disparities))
        if self.device.type == 'cpu' and mean_over_processes(unfinite).isnan():
            return unfinite
        with torch.autocast(self.device.type, enabled=False):
            disparity = disparities[0].float()
            s, transforms = self.in_camera(clean, pose, pose_ahead)
            depth = self.network.depth(disparity)[:, 0] * s[:, None, None]
            loss, shown = thing_loss(
                clean, things.current, depth, disparity, transforms, self.settings
            )
        if self.watched:
            self._watch_things(things, depth.detach(), shown)
        if self.pictured:
            shape = disparity.detach() * things.current
            self.pictures = {'image': clean.current, 'disparity': shape, **vars(shown)}
        return loss + unfinite.detach()

    def _things(self, sample: Sample, how: str) -> Things:
        labels, least = sample.labels, self.settings.least_area
        ids = torch.maximum(labels['instances'], labels['static_things'])
        things = things_of(ids, labels['things_previous'], labels['things_following'], least, how)
        self.look_at(things.ids)
        return things

    def if_nothing(self) -> None:
        """Raise MdepthError where no frame has a thing that is seen in all three."""
        settings, stores = self.settings, self.experiment.data.labels
        require_things(stores, settings.labels, settings.least_area, NOTHING)

    def _watch_things(self, things: Things, depth: Tensor, shown: Reconstruction) -> None:
        inside = things.current[:, 0]
        area = inside.sum((1, 2)).clamp(min=1)
        log_depth = depth.log() * inside
        mean = log_depth.sum((1, 2), keepdim=True) / area[:, None, None]
        variance = ((log_depth - mean) * inside).square().sum((1, 2)) / area
        self.log(
            {
                'things': (things.ids > 0).sum(),
                'thing_area': inside.float().mean(),
                'mask_share': shown.mask.sum() / inside.sum().clamp(min=1),
                'log_depth_spread': variance.sqrt().mean(),
            }
        )


def thing_loss(
    images: Sample,
    mask: Tensor,
    depth: Tensor,
    disparity: Tensor,
    transforms: Sequence[Tensor],
    settings: ViewSynthesis,
) -> tuple[Tensor, Reconstruction]:
    """Eq. 13-14 at full size, and what it looks like; nothing outside of the mask counts.

    images of N things, black around them; mask bool [N, 1, H, W] of the current one; depth
    [N, H, W]; disparity [N, 1, H, W]; transforms T_previous_current and T_following_current
    [N, 4, 4], of thing and camera together.
    """
    target = Moments.of(images.current, settings.photometric.window)
    sources = (images.previous, images.following)

    def errors(views: Sequence[Tensor], how: str) -> Tensor:
        if how == 'l1':
            each = [(images.current - view).abs().mean(1, keepdim=True) for view in views]
        else:
            each = [photometric_error(target, view, settings.photometric) for view in views]
        return minimum_over_sources(each)

    # A depth outside of the mask reaches no pixel that counts, and so it gets no gradient.
    warped = [
        warp(source, depth, T, images.K)[0] * mask
        for source, T in zip(sources, transforms, strict=True)
    ]
    error, counts = errors(warped, 'photometric'), mask.to(depth.dtype)
    if settings.auto_mask != 'none':
        kind = settings.auto_mask_error
        with torch.no_grad():
            compared = errors(warped, kind)
            counts = counts * auto_mask(compared, errors([s * mask for s in sources], kind))
    loss = masked_mean(error, counts)
    if settings.auto_mask == 'image':
        loss = (error * counts).sum() / mean_over_processes(mask.sum().float()).clamp(min=1)
    loss = loss + settings.smoothness * masked_smoothness(disparity, mask)
    return loss, Reconstruction(warped[0].detach(), error.detach(), counts)
