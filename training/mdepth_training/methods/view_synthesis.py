# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Learning by view synthesis: a frame, explained by other views of the same place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import warp
from mdepth_training.data.sample import Sample
from mdepth_training.losses import (
    Moments,
    Photometric,
    auto_mask,
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
    photometric: Photometric = field(default_factory=Photometric)

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

    hidden  [B] bool: samples to which this view says nothing; another view must
    """

    image: Tensor
    T_view_current: Tensor
    hidden: Tensor | None = None


@dataclass(frozen=True)
class ViewGroup:
    """Views of which each pixel takes the one that explains it best.

    With trains_depth off they teach their motion only: the depth is taken as it is.
    """

    views: Sequence[View]
    trains_depth: bool = True


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
) -> tuple[Tensor, Reconstruction]:
    """Implicit Cues, Eq. 2: the mean over the scales, and what the first group made of it.

    current [B, 3, H, W] in 0..1 with K [B, 3, 3]; disparities [B, 1, H/2^i, W/2^i], full size
    first; `depth_of` makes depth of them. full_size_losses: each is enlarged to H x W before it
    warps, as the paper has it; else images and camera shrink to its size.
    """
    losses, height, shown = [], current.shape[-2], None
    targets: dict[int, _Target] = {}
    for scale, disparity in enumerate(disparities):
        disparity = disparity.float()
        shrink = height // disparity.shape[-2]
        at = 1 if settings.full_size_losses else shrink
        if at not in targets:
            targets[at] = _Target(current, K, groups, at, settings)
        target, guess = targets[at], disparity
        if at != shrink:
            guess = functional.interpolate(guess, current.shape[-2:], mode='bilinear')
        depth = depth_of(guess)[:, 0]
        loss = edge_aware_smoothness(disparity, shrunk(current, shrink))
        loss = loss * (settings.smoothness / 2**scale)
        for index, group in enumerate(groups):
            used = depth if group.trains_depth else depth.detach()
            error, mask, warped = target.explained(index, used)
            whole = settings.auto_mask == 'image'
            loss = loss + ((error * mask).mean() if whole else masked_mean(error, mask))
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
        self.photometric, self.masked = settings.photometric, settings.auto_mask != 'none'
        self.moments = Moments.of(shrunk(current, shrink), settings.photometric.window)
        self.K = scaled_camera(K, shrink)
        self.groups = [
            [(view, shrunk(view.image, shrink)) for view in group.views] for group in groups
        ]
        with torch.no_grad():
            self.identity = [
                self._best((view, self._error(image)) for view, image in group)
                for group in self.groups
                if self.masked
            ]

    def explained(self, group: int, depth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Error and auto-mask [B, 1, h, w], and the first view warped [B, 3, h, w]."""
        warped = [
            warp(image, depth, v.T_view_current, self.K)[0] for v, image in self.groups[group]
        ]
        error = self._best(
            (view, self._error(image))
            for (view, _), image in zip(self.groups[group], warped, strict=True)
        )
        mask = torch.ones_like(error)
        if self.masked:
            mask = auto_mask(error.detach(), self.identity[group])
        return error, mask, warped[0]

    def _error(self, image: Tensor) -> Tensor:
        return photometric_error(self.moments, image, self.photometric)

    @staticmethod
    def _best(errors: Iterable[tuple[View, Tensor]]) -> Tensor:
        return minimum_over_sources(
            [
                error
                if view.hidden is None
                else error.masked_fill(view.hidden[:, None, None, None], torch.inf)
                for view, error in errors
            ]
        )


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


def scaled_camera(K: Tensor, shrink: int) -> Tensor:
    """Camera matrices [B, 3, 3] of images that are `shrink` times smaller (pixel-centre rule)."""
    K = K / shrink
    K[:, :2, 2] += 0.5 / shrink - 0.5
    K[:, 2, 2] = 1
    return K
