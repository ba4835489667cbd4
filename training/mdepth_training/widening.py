# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A wide network that says what a narrow one says (Net2WiderNet, arXiv 1511.05641)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def widened(narrow: Mapping[str, Tensor], wide: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a JointDepthPose, repeated to the shapes of a wider one; parts in both alone.

    Channel j of a wide layer repeats channel j modulo the narrow layer's channels. What reads
    repeated channels divides its weight among them, at random and for each of its outputs anew:
    the wide network says what the narrow one says, but the gradients of the repeats differ, so
    they learn different things from the first step on.
    """
    result = {}
    for name in filter(wide.__contains__, narrow):  # in their order: chance comes from the seed
        value, shape = narrow[name], wide[name].shape
        if value.ndim:
            value = value[_repeats(len(value), shape[0])]
        if value.ndim == 4:
            inputs = [(value.shape[1], shape[1])]
            if '.fuse.' in name:  # it reads the decoder's own channels, beside them the encoder's
                own = name.replace('.fuse.', '.reduce.')
                first = len(narrow[own]), len(wide[own])
                inputs = [first, (value.shape[1] - first[0], shape[1] - first[1])]
            if '.merge.' in name:  # of a dense decoder: the encoder's, then so many times its own
                own = name.replace('.merge.', '.below.')
                times, few, many = int(name.split('.')[-2][1:]), len(narrow[own]), len(wide[own])
                first = value.shape[1] - times * few, shape[1] - times * many
                inputs = [first, *[(few, many)] * times]
            parts = torch.split_with_sizes(value, [few for few, _ in inputs], 1)
            value = torch.cat(
                [_divided(part, many) for part, (_, many) in zip(parts, inputs, strict=True)], 1
            )
        result[name] = value
    return result


def _repeats(few: int, many: int) -> Tensor:
    """Which of `few` channels each of `many` repeats."""
    return torch.arange(many) % max(few, 1)


def _divided(weight: Tensor, many: int) -> Tensor:
    """Weights [O, few, h, w] -> [O, many, h, w] that give the same on repeated inputs."""
    few = weight.shape[1]
    if few == many:
        return weight
    source = _repeats(few, many)
    share = 0.5 + torch.rand(len(weight), many)
    whole = torch.zeros(len(weight), few).index_add_(1, source, share)
    return weight[:, source] * (share / whole[:, source])[:, :, None, None]
