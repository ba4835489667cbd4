# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Flips and colour jitter (methods of the Monodepth2 family), and noise.

Brightness, contrast, saturation and hue are all linear in RGB, so the whole jitter is one
3x3 matrix and one offset for each sample: ten times faster on a CPU than a library's chain
through HSV, which took a quarter of a training step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from mdepth_training.config import Training
from mdepth_training.data.sample import Sample

_NOISE_OCTAVES = 4
_GREY = (0.299, 0.587, 0.114)
_RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def augmented(
    sample: Sample,
    settings: Training,
    chances: Sequence[float] = (),
    part: tuple[int, int] = (0, 1),
    layout: torch.memory_format = torch.contiguous_format,
) -> tuple[Sample, Sample, list[Tensor]]:
    """The batch mirrored by chance, the same as the networks see it, and a coin for each chance.

    Only the networks see jitter and noise: the losses compare clean images. coins: bool [B], true
    with that chance. part: of how many processes which this is; all draw for all samples alike
    and each takes its part, so that one process with all samples would draw the same (but for
    the grains of the noise).
    """
    batch, (process, processes) = len(sample.K), part
    everyone = batch * processes
    flipped = torch.rand(everyone) < 0.5
    change = random_colour(everyone, settings.colour, settings.hue)
    coins = [torch.rand(everyone) < chance for chance in chances]
    deviation = random_noise(everyone, settings.noise)
    flipped, matrix, mean_weight, deviation, *coins = (
        values[process * batch : (process + 1) * batch].to(sample.K.device, non_blocking=True)
        for values in (flipped, *change, deviation, *coins)
    )
    sample = flip(sample, flipped)
    views = [
        apply_colour(image, matrix, mean_weight)
        for image in (sample.previous, sample.current, sample.following)
    ]
    if settings.noise:
        views = [apply_noise(image, deviation) for image in views]
    previous, current, following = (view.contiguous(memory_format=layout) for view in views)
    seen = replace(sample, previous=previous, current=current, following=following)
    return sample, seen, coins


def flip(sample: Sample, flipped: Tensor) -> Sample:
    """Mirror the samples where flipped [B] is true: images, labels, principal point, stereo.

    cx -> W-1-cx, and T_stereo_current -> F T F with F = diag(-1, 1, 1, 1): in the mirror a
    camera to the right is one to the left, and so is a flow. `flipped` lies on the device of the
    sample.
    """

    def mirrored(image: Tensor) -> Tensor:
        return torch.where(flipped[:, None, None, None], image.flip(-1), image)

    K = sample.K.clone()
    K[:, 0, 2] = torch.where(flipped, sample.current.shape[-1] - 1 - K[:, 0, 2], K[:, 0, 2])
    stereo, T = sample.stereo, sample.T_stereo_current
    if stereo is not None and T is not None:
        stereo = mirrored(stereo)
        sign = T.new_tensor([-1.0, 1.0, 1.0, 1.0])
        T = torch.where(flipped[:, None, None], T * sign * sign[:, None], T)
    usable = None if sample.usable is None else mirrored(sample.usable)
    labels = {name: mirrored(label) for name, label in sample.labels.items()}
    for name in sample.flows:
        x, y = labels[name][:, :1], labels[name][:, 1:]
        labels[name] = torch.cat([torch.where(flipped[:, None, None, None], -x, x), y], 1)
    return replace(
        sample,
        previous=mirrored(sample.previous),
        current=mirrored(sample.current),
        following=mirrored(sample.following),
        K=K,
        stereo=stereo,
        T_stereo_current=T,
        usable=usable,
        labels=labels,
    )


def random_colour(batch: int, strength: float, hue: float) -> tuple[Tensor, Tensor]:
    """Draw one colour change a sample: a matrix [B, 3, 3] and the weight of the mean [B].

    Brightness, contrast and saturation are factors in 1 +- strength, hue turns by +- hue of a
    full circle. Half of the samples stay as they are.
    """

    def factor() -> Tensor:
        return 1 + strength * (2 * torch.rand(batch) - 1)

    brightness, contrast, saturation = factor(), factor(), factor()
    angle = 2 * math.pi * hue * (2 * torch.rand(batch) - 1)
    unchanged = torch.rand(batch) < 0.5
    for value, neutral in ((brightness, 1), (contrast, 1), (saturation, 1), (angle, 0)):
        value[unchanged] = neutral
    grey = torch.tensor(_GREY).expand(3, 3)
    yiq = torch.tensor(_RGB_TO_YIQ)
    turn = torch.eye(3).repeat(batch, 1, 1)
    turn[:, 1, 1] = turn[:, 2, 2] = angle.cos()
    turn[:, 1, 2], turn[:, 2, 1] = -angle.sin(), angle.sin()
    saturate = saturation[:, None, None] * torch.eye(3) + (1 - saturation)[:, None, None] * grey
    matrix = torch.linalg.inv(yiq) @ turn @ yiq @ saturate
    return (brightness * contrast)[:, None, None] * matrix, brightness * (1 - contrast)


def apply_colour(image: Tensor, matrix: Tensor, mean_weight: Tensor) -> Tensor:
    """Apply a colour change to images [B, 3, H, W] in 0..1."""
    # Weights as plain numbers: a tensor of them would make the device wait for its copy.
    mean = sum(w * m for w, m in zip(_GREY, image.mean((2, 3)).unbind(1), strict=True))
    mean = mean * mean_weight
    return (torch.einsum('bij,bjhw->bihw', matrix, image) + mean[:, None, None, None]).clamp(0, 1)


def random_noise(batch: int, strongest: float) -> Tensor:
    """Draw the deviation of the noise in each octave for each sample [B, octaves].

    Up to `strongest` in each, of images in 0..1. Half of the samples get none.
    """
    noisy = torch.rand(batch, 1) < 0.5
    return strongest * torch.rand(batch, _NOISE_OCTAVES) * noisy


def apply_noise(image: Tensor, deviation: Tensor) -> Tensor:
    """Add grey noise to images [B, 3, H, W] in 0..1: grains of 1, 2, 4 and 8 pixels.

    Deviation [B, octaves] is that of the grains, before they are smoothed to their size. A real
    image has more fine detail than a rendered one, and the depth must not hang on it.
    """
    (batch, _, *size), noise = image.shape, torch.zeros_like(image[:, :1])
    for octave, strength in enumerate(deviation.unbind(1)):
        grain = [-(-side // 2**octave) for side in size]
        grey = torch.randn(batch, 1, *grain, device=image.device) * strength[:, None, None, None]
        noise = noise + functional.interpolate(grey, size, mode='bilinear', align_corners=False)
    return (image + noise).clamp(0, 1)
