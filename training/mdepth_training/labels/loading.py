# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Labels as a batch of samples wants them: stacked, at its size, mirrored with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mdepth_ros.errors import MdepthError
from mdepth_training.labels.drive import same_view
from mdepth_training.labels.kind import Kind
from mdepth_training.labels.store import Key, LabelStore


def load_labels(
    store: LabelStore,
    keys: Sequence[Key],
    names: Sequence[str],
    size: tuple[int, int],
    *,
    K: Tensor | None = None,
    absent_ok: bool = False,
) -> dict[str, Tensor]:
    """Read the labels of the frames of a batch: each [B, C, h, w] at `size` (h, w).

    Floats come as float32 with NaN where unknown, masks as bool, ids as they are stored. A
    flow is in pixels of `size`. With the camera matrices K [B, 3, 3] of the samples, before they
    are flipped, the views are compared. Raises MdepthError where a label is missing (not with
    `absent_ok`), damaged, or of another view than its sample.
    """
    if K is not None:
        _check_views(store, keys, size, K)
    batch = {name: np.empty((len(keys), *k.shape), k.dtype) for name, k in store.kinds.items()}
    for place, key in enumerate(keys):
        for name, array in store.read(key, names, absent_ok=absent_ok).items():
            batch[name][place] = array
    return {n: resample(torch.from_numpy(batch[n]), store.kinds[n].what, size) for n in names}


def resample(label: Tensor, what: str, size: tuple[int, int]) -> Tensor:
    """Maps [B, C, H, W] of a meaning (see Kind) -> [B, C, h, w] of the same view.

    Masks and ids: the nearest pixel. Others: bilinear, with an average where it shrinks, over the
    known pixels; unknown (NaN) where the nearest pixel is. Depth in disparity, +Inf is 0 there.
    """
    height, width = label.shape[-2:]
    if what not in ('mask', 'ids'):
        label = label.float()
    if size == (height, width) or (height, width) == (1, 1):
        return label
    rows = ((torch.arange(size[0]) + 0.5) * (height / size[0])).long()
    columns = ((torch.arange(size[1]) + 0.5) * (width / size[1])).long()
    if what in ('mask', 'ids'):
        return label[..., rows[:, None], columns]
    value = 1 / label if what == 'depth' else label
    known = ~value.isnan()
    some = torch.cat([value.nan_to_num(0), known.float()], 1)
    some = functional.interpolate(some, size, mode='bilinear', align_corners=False, antialias=True)
    mean, weight = some.chunk(2, 1)
    nearest = known[..., rows[:, None], columns]
    mean = torch.where(nearest, mean / weight, torch.nan)
    if what == 'flow':
        return mean * torch.tensor([size[1] / width, size[0] / height])[:, None, None]
    return 1 / mean if what == 'depth' else mean


def flip_labels(
    labels: Mapping[str, Tensor], kinds: Mapping[str, Kind], flipped: Tensor
) -> dict[str, Tensor]:
    """Mirror labels [B, C, H, W] as `augmentation.flip` mirrors the samples where flipped [B].

    In the mirror a flow to the right is one to the left. All lie on one device.
    """
    mirrored = {}
    for name, label in labels.items():
        mirror = label.flip(-1)
        if kinds[name].what == 'flow':
            mirror = torch.cat([-mirror[:, :1], mirror[:, 1:]], 1)
        mirrored[name] = torch.where(flipped[:, None, None, None], mirror, label)
    return mirrored


def _check_views(store: LabelStore, keys: Sequence[Key], size: tuple[int, int], K: Tensor) -> None:
    height, width = size
    for (drive, *_), matrix in zip(keys, K.double().tolist(), strict=True):
        (fx, _, cx), (_, fy, cy), _ = matrix
        view = fx / width, fy / height, (cx + 0.5) / width, (cy + 0.5) / height
        stored = store.view(drive)
        if stored is not None and not same_view(view, stored):
            raise MdepthError(
                f'the labels of {drive} in {store.path} show another view than the images: make '
                'them again with this input_size and calibration'
            )
