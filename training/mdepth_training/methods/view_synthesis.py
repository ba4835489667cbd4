# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Learning by view synthesis: a frame, explained by other views of the same place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import scaled_camera, warp
from mdepth_training.data.sample import Sample
from mdepth_training.losses import (
    Moments,
    Photometric,
    auto_mask,
    depth_inconsistency,
    edge_aware_smoothness,
    masked_mean,
    minimum_over_sources,
    photometric_error,
)
from mdepth_training.methods.settings import MethodSettings
from mdepth_training.settings import setting

_LEARNED_FROM = {
    'M': 'monocular triplets',
    'S': 'stereo pairs (depth) and monocular triplets (motion)',
    'MS': 'monocular triplets and stereo pairs',
}


@dataclass(frozen=True)
class ViewSynthesis(MethodSettings):
    """What all methods set that learn by explaining a frame by other views."""

    sources: Literal['M', 'S', 'MS'] = setting(
        'M', 'what explains a frame: its neighbours (M), the stereo image (S), both (MS)'
    )
    metres_per_unit: float = setting(
        5.4, 'S and MS: metres in one unit of the network; the baseline in units sets it', 1e-3
    )
    smoothness: float = setting(
        1e-3, 'weight of the smoothness of the disparity; Mining Supervision: 2e-3', 0, 1e3
    )
    full_size_losses: bool = setting(
        False, 'enlarge every disparity to the full size, as the paper; else each at its own size'
    )
    auto_mask: Literal['area', 'image', 'none'] = setting(
        'area',
        'leave out pixels that the views explain as they are: mean over the rest (area; Mining '
        'Supervision), or over all pixels (image; Implicit Cues); none: leave out nothing',
    )
    auto_mask_error: Literal['photometric', 'l1'] = setting(
        'photometric',
        'what `auto_mask` compares: the photometric error (Implicit Cues, Mining Supervision), or '
        'its absolute difference alone (SC-DepthV3)',
    )
    photometric: Photometric = field(default_factory=Photometric)
    geometry_consistency: float = setting(
        0.0, 'weight of the disagreement of the depths of two frames; SC-DepthV3: 0.1', 0, 1e3
    )
    self_discovered_mask: bool = setting(
        False, 'each pixel counts less where the depths of two frames disagree (SC-Depth)'
    )

    @property
    def compares_depths(self) -> bool:
        """Whether views need a depth of their own."""
        return self.self_discovered_mask or self.geometry_consistency > 0

    @property
    def stereo(self) -> bool:
        """Whether it learns from stereo pairs."""
        return 'S' in self.sources

    @property
    def known_unit(self) -> float | None:
        """Metres in one unit: the baseline of a stereo pair decides it."""
        return self.metres_per_unit if self.stereo else None

    @property
    def learned_from(self) -> str:
        """What a card says of the sources."""
        return _LEARNED_FROM[self.sources]


@dataclass(frozen=True)
class View:
    """A source: image [B, 3, H, W] in 0..1 and T_view_current [B, 4, 4] in units of the depth.

    hidden       [B] bool: samples for which this view is not used; another view must be
    disparities  its own, as those of the frame; without them its depth is not compared
    translation  [B, 3, H, W]: what each pixel of the frame moves by itself, in the view's frame
    """

    image: Tensor
    T_view_current: Tensor
    hidden: Tensor | None = None
    disparities: Sequence[Tensor] = ()
    translation: Tensor | None = None


@dataclass(frozen=True)
class ViewGroup:
    """Views of which each pixel takes the one that explains it best.

    With trains_depth off the loss trains the motion only: the depth gets no gradient.
    """

    views: Sequence[View]
    trains_depth: bool = True

    @property
    def compared(self) -> list[View]:
        """Those with a depth of their own."""
        return [view for view in self.views if view.disparities]


@dataclass(frozen=True)
class Reconstruction:
    """What the first group made of the frame at full size, to look at: without gradient.

    warped [B, 3, H, W] of its first view; error and mask [B, 1, H, W].
    """

    warped: Tensor
    error: Tensor
    mask: Tensor


def multi_scale_loss(
    current: Tensor,
    K: Tensor,
    disparities: Sequence[Tensor],
    depth_of: Callable[[Tensor], Tensor],
    groups: Sequence[ViewGroup],
    settings: ViewSynthesis,
    usable: Tensor | None = None,
) -> tuple[Tensor, Reconstruction]:
    """Implicit Cues, Eq. 2: the mean over the scales, and what the first group made of it.

    current [B, 3, H, W] in 0..1 with K [B, 3, 3]; disparities [B, 1, H/2^i, W/2^i], full size
    first; `depth_of` makes depth of them. full_size_losses: each is enlarged to H x W before it
    warps, as the paper has it; else images and camera shrink to its size. SC-Depth's geometry
    consistency is of the first scale alone. Pixels that are not `usable`, bool [B, 1, H, W], are
    explained by no view, and count nothing.
    """
    losses, height, shown = [], current.shape[-2], None
    targets: dict[int, _Target] = {}

    def depth_at(disparity: Tensor) -> Tensor:
        if settings.full_size_losses and disparity.shape[-2] != height:
            disparity = functional.interpolate(disparity, current.shape[-2:], mode='bilinear')
        return depth_of(disparity)[:, 0]

    for scale, disparity in enumerate(disparities):
        disparity = disparity.float()
        shrink = height // disparity.shape[-2]
        at = 1 if settings.full_size_losses else shrink
        if at not in targets:
            targets[at] = _Target(current, K, groups, at, settings)
        depth = depth_at(disparity)
        loss = edge_aware_smoothness(disparity, shrunk(current, shrink))
        loss = loss * (settings.smoothness / 2**scale)
        for index, group in enumerate(groups):
            depths = [depth]
            if settings.compares_depths:
                depths += [depth_at(v.disparities[scale].float()) for v in group.compared]
            if not group.trains_depth:
                depths = [one.detach() for one in depths]
            error, mask, warped, inconsistency = targets[at].explained(index, *depths)
            if usable is not None:
                mask = mask * (shrunk(usable.float(), at) > 0.99)
            whole = settings.auto_mask == 'image'
            loss = loss + ((error * mask).mean() if whole else masked_mean(error, mask))
            if scale == 0 and settings.geometry_consistency:
                consistency = torch.stack([masked_mean(d, w * mask) for d, w in inconsistency])
                weight = settings.geometry_consistency * len(disparities)  # of their mean
                loss = loss + weight * consistency.mean()
            shown = shown or Reconstruction(warped.detach(), error.detach(), mask)
        losses.append(loss)
    assert shown is not None, 'no views'
    return torch.stack(losses).mean(), shown


class _Target:
    """The frame at one size, with what does not depend on the depth."""

    def __init__(
        self,
        current: Tensor,
        K: Tensor,
        groups: Sequence[ViewGroup],
        shrink: int,
        settings: ViewSynthesis,
    ) -> None:
        self.settings, self.views = settings, [group.views for group in groups]
        self.moments = Moments.of(shrunk(current, shrink), settings.photometric.window)
        self.K, self.shrink = scaled_camera(K, shrink), shrink
        self.images = [[shrunk(view.image, shrink) for view in group] for group in self.views]
        with torch.no_grad():
            self.identity = [
                minimum_over_sources(self._errors(group, images, settings.auto_mask_error))
                for group, images in enumerate(self.images)
                if settings.auto_mask != 'none'
            ]

    def explained(
        self, group: int, depth: Tensor, *view_depths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
        """Error and auto-mask [B, 1, h, w], and the first view warped [B, 3, h, w].

        With the depths [B, h, w] of the views that have one: for each of them the disagreement,
        and the pixels where there is one, [B, 1, h, w] both.
        """
        views, kind = self.views[group], self.settings.auto_mask_error
        warped = [
            warp(
                image,
                depth,
                view.T_view_current,
                self.K,
                translation=None if moved is None else shrunk(moved, self.shrink),
            )[0]
            for view, image in zip(views, self.images[group], strict=True)
            for moved in [view.translation]
        ]
        errors = self._errors(group, warped)
        error = minimum_over_sources(errors)
        mask = torch.ones_like(error)
        if self.settings.auto_mask != 'none':
            compared = error
            if kind != 'photometric':
                compared = minimum_over_sources(self._errors(group, warped, kind))
            mask = auto_mask(compared.detach(), self.identity[group])
        inconsistency, weights = [], [torch.ones_like(error)] * len(views)
        left = list(view_depths)
        for index, view in enumerate(views):
            if left and view.disparities:
                found, visible = depth_inconsistency(
                    depth, left.pop(0), view.T_view_current, self.K
                )
                if view.hidden is not None:
                    visible = visible & ~view.hidden[:, None, None, None]
                inconsistency.append((found, visible))
                weights[index] = 1 - found.detach()
        if self.settings.self_discovered_mask:  # of the view that explains the pixel
            best = torch.stack(errors).argmin(0, keepdim=True)
            error = error * torch.stack(weights).gather(0, best)[0]
        return error, mask, warped[0], inconsistency

    def _errors(
        self, group: int, images: Sequence[Tensor], kind: str = 'photometric'
    ) -> list[Tensor]:
        """The error of each view [B, 1, h, w]; infinite for samples for which it is hidden."""
        errors = []
        for view, image in zip(self.views[group], images, strict=True):
            if kind == 'l1':
                error = (self.moments.image - image).abs().mean(1, keepdim=True)
            else:
                error = photometric_error(self.moments, image, self.settings.photometric)
            if view.hidden is not None:
                error = error.masked_fill(view.hidden[:, None, None, None], torch.inf)
            errors.append(error)
        return errors


def stereo_view(sample: Sample, settings: ViewSynthesis) -> View:
    """The second camera as a source, at its place in units of the network.

    Raises MdepthError where there is none.
    """
    if sample.stereo is None or sample.T_stereo_current is None:
        raise MdepthError(
            f'method.sources is {settings.sources}, but the recordings have no second camera: '
            'set method.sources=M, or give recordings of a stereo pair'
        )
    transform = sample.T_stereo_current.clone()
    transform[:, :3, 3] /= settings.metres_per_unit
    return View(sample.stereo, transform)


def shrunk(image: Tensor, shrink: int) -> Tensor:
    """Images [B, C, H, W], `shrink` times smaller by averaging."""
    return image if shrink == 1 else functional.avg_pool2d(image, shrink)
