# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What all networks from elsewhere need: sizes, colours, and where they compute."""

from __future__ import annotations

import importlib
from types import ModuleType

import torch
from torch import Tensor

from mdepth_ros.errors import MdepthError

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
NONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
MEANS = {'imagenet': IMAGENET, 'half': HALF, 'none': NONE}
Means = tuple[tuple[float, ...], tuple[float, ...]]


def optional(module: str, extra: str, what: str) -> ModuleType:
    """Import an optional dependency; MdepthError, with how to install it, where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MdepthError(
            f'{what} needs {module} ({error}): pip install "mdepth-training[{extra}]"'
        ) from None


def normalised(images: Tensor, means: Means) -> Tensor:
    """Images [B, 3, H, W] of 0..1 less the means, through the deviations, of each colour."""
    mean, deviation = (images.new_tensor(one)[:, None, None] for one in means)
    return (images - mean) / deviation


def fitted(
    native: tuple[int, int], wanted: tuple[int, int], keep_aspect: bool, multiple: int
) -> tuple[int, int]:
    """Height and width of the images that a network sees, each a multiple, as DPT's code has it.

    native  of the images as they are
    wanted  what the network was made for; with `keep_aspect` only that side of it counts that
            changes the images less
    """
    scales = [want / have for want, have in zip(wanted, native, strict=True)]
    if keep_aspect:
        scales = [min(scales, key=lambda scale: abs(1 - scale))] * 2
    height, width = (
        max(round(scale * have / multiple), 1) * multiple
        for scale, have in zip(scales, native, strict=True)
    )
    return height, width


def as_maps(output: Tensor) -> Tensor:
    """An output [B, h, w] or with one channel -> [B, h, w]; MdepthError for another shape."""
    if output.ndim == 4 and output.shape[1] == 1:
        output = output[:, 0]
    if output.ndim != 3 or not torch.is_floating_point(output):
        shape = 'x'.join(map(str, output.shape))
        raise MdepthError(f'its output is {shape} of {output.dtype}, no map of each image')
    return output
