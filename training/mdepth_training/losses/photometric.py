# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""View-reconstruction losses (Implicit Cues, Eq. 3-5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, distributed
from torch.nn import functional

from mdepth_ros.errors import MdepthError
from mdepth_training.settings import setting

# Stabilisers of SSIM for images in 0..1 (Wang et al. 2004); that of the form without luminance.
_C1, _C2, _C2_STRUCTURE = 0.01**2, 0.03**2, 9e-6


@dataclass(frozen=True)
class Photometric:
    """How a reconstructed view is compared with the frame."""

    ssim: float = setting(
        0.85, 'weight of (1 - SSIM) / 2, 0.85 in Implicit Cues, 3 in Mining Supervision', 0, 1e3
    )
    l1: float = setting(
        0.15, 'weight of the absolute difference, 0.15 and 2 in these papers', 0, 1e3
    )
    form: Literal['full', 'structure'] = setting(
        'full', 'SSIM as it is (Implicit Cues), or without luminance (Mining Supervision)'
    )
    window: int = setting(
        3, 'side of the windows of SSIM, odd: 3 in these papers, 7 in SC-DepthV3', 3, 31
    )

    def __post_init__(self) -> None:
        if self.window % 2 == 0:
            raise MdepthError(f'method.photometric.window is {self.window}: it must be odd')


_DEFAULT = Photometric()


class _WindowSum(torch.autograd.Function):
    """Sums over 3x3 windows inside the image; the gradient is the same sum of the padded gradient.

    Sums of slices are three times faster than a pooling layer on a CPU, and this backward is
    twice as fast as that of the slices, each of which would fill an image with zeros.
    """

    @staticmethod
    def forward(_context: Any, x: Tensor) -> Tensor:
        rows = x[..., :-2, :] + x[..., 1:-1, :]
        rows += x[..., 2:, :]
        windows = rows[..., :-2] + rows[..., 1:-1]
        windows += rows[..., 2:]
        return windows

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        return _windows(functional.pad(gradient, (2, 2, 2, 2)))


def _windows(x: Tensor) -> Tensor:
    return _WindowSum.apply(x)  # type: ignore[no-any-return, no-untyped-call]


def box_mean(x: Tensor, window: int = 3) -> Tensor:
    """Mean over square windows, reflected at the border: [B, C, H, W] -> [B, C, H, W]."""
    padded = functional.pad(x, (window // 2,) * 4, mode='reflect')
    if window != 3:
        return functional.avg_pool2d(padded, window, 1)
    return _windows(padded) / 9


@dataclass(frozen=True)
class Moments:
    """An image [B, C, H, W] in 0..1 with mean and variance of its windows.

    A target is compared with every source, warped and as it is: its moments are found once.
    """

    image: Tensor
    mean: Tensor
    variance: Tensor
    window: int = 3

    @staticmethod
    def of(image: Tensor, window: int = 3) -> Moments:
        """Find them."""
        mean = box_mean(image, window)
        return Moments(image, mean, box_mean(image * image, window) - mean * mean, window)


def ssim_error(a: Moments, b: Moments, form: str = 'full') -> Tensor:
    """(1 - SSIM) / 2 in 0..1, [B, C, H, W] (Eq. 5; SSIM: Wang et al. 2004, Eq. 13).

    Form `structure` leaves out the luminance, as an infinite C1 does.
    """
    means = a.mean * b.mean
    covariance = box_mean(a.image * b.image, a.window) - means
    if form == 'structure':
        ssim = (2 * covariance + _C2_STRUCTURE) / (a.variance + b.variance + _C2_STRUCTURE)
        return ((1 - ssim) / 2).clamp(0, 1)
    numerator = (2 * means + _C1) * (2 * covariance + _C2)
    denominator = (a.mean.square() + b.mean.square() + _C1) * (a.variance + b.variance + _C2)
    return ((1 - numerator / denominator) / 2).clamp(0, 1)


def photometric_error(
    image: Moments, reconstruction: Tensor, how: Photometric = _DEFAULT
) -> Tensor:
    """Error of a reconstructed view [B, C, H, W] at each pixel: [B, 1, H, W] (inside Eq. 4)."""
    difference = (image.image - reconstruction).abs()
    structure = ssim_error(image, Moments.of(reconstruction, how.window), how.form)
    return (how.ssim * structure + how.l1 * difference).mean(1, keepdim=True)


def minimum_over_sources(errors: list[Tensor]) -> Tensor:
    """Per-pixel minimum over the source views (Eq. 4): a list of [B, 1, H, W] -> [B, 1, H, W]."""
    return torch.stack(errors).amin(0)


def auto_mask(
    reprojection: Tensor, identity: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """1 where the warped views explain a pixel better than the views as they are (Eq. 3).

    Both [B, 1, H, W]. The identity error gets 1e-5 of Gaussian noise, which breaks ties.
    """
    noise = 1e-5 * torch.randn(
        identity.shape, generator=generator, device=identity.device, dtype=identity.dtype
    )
    return (reprojection < identity + noise).to(reprojection.dtype)


def masked_mean(error: Tensor, mask: Tensor) -> Tensor:
    """Mean of the error over the mask's area (0 where the mask is empty).

    Where several processes learn together it is the mean over all their masks, so that the mean
    of the processes' gradients is the gradient of one process with all the samples.
    """
    return (error * mask).sum() / mean_over_processes(mask.sum()).clamp(min=1e-6)


def mean_over_processes(value: Tensor) -> Tensor:
    """Mean of a value, without gradient, over the processes that learn together."""
    if distributed.is_available() and distributed.is_initialized():
        value = value.detach().clone()
        distributed.all_reduce(value)
        value = value / distributed.get_world_size()
    return value
