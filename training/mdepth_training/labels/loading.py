# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Labels as training reads them: with the images of a batch, and of their size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mdepth_ros.errors import MdepthError
from mdepth_training.data.sample import Frames, Key, Sample, TripletSource
from mdepth_training.labels.drive import same_view
from mdepth_training.labels.store import LabelStore


class Labelled(TripletSource):
    """A source whose samples have labels, which the loader's workers read.

    names   of the labels; each is read from the first of `stores` that has it of a drive

    Raises MdepthError where a label is missing or of another view than the images.
    """

    def __init__(
        self, source: TripletSource, stores: Sequence[LabelStore], names: Sequence[str]
    ) -> None:
        self.frame_interval, self.camera = source.frame_interval, source.camera
        self._source, self._stores = source, dict[str, dict[str, LabelStore]]()
        views, keys = source.drive_frames(), dict[str, list[Key]]()
        for key in source.frame_keys():
            keys.setdefault(key.drive, []).append(key)
        for name in names:
            of_drives = {drive: _store_of(stores, name, drive) for drive in keys}
            for drive, store in of_drives.items():
                _check(store, name, keys[drive], views[drive])
            if len({(s.kinds[name].what, s.kinds[name].channels) for s in of_drives.values()}) > 1:
                raise MdepthError(f'the labels {name} of data.labels are of several kinds')
            self._stores[name] = of_drives
        found = [(name, next(iter(stores.values()))) for name, stores in self._stores.items()]
        self._flows = tuple(name for name, store in found if store.kinds[name].what == 'flow')

    @property
    def description(self) -> str:
        """What a model's card says about the data."""
        return self._source.description

    def __len__(self) -> int:
        return len(self._source)

    def drive_frames(self) -> dict[str, Frames]:
        """All frames of each drive."""
        return self._source.drive_frames()

    def frame_keys(self) -> list[Key]:
        """The middle frame of each triplet."""
        return self._source.frame_keys()

    def epoch(self, number: int, seed: int) -> Tensor:
        """The indices of epoch `number` [len(self)], in the order in which they come."""
        return self._source.epoch(number, seed)

    def parts(self) -> list[tuple[int, int]]:
        """First index and length of each of the sources of which it is made."""
        return self._source.parts()

    def damage(self) -> list[str]:
        """Lines about images that could not be read so far."""
        return self._source.damage()

    def batch(self, indices: Sequence[int]) -> Sample:
        """Return the triplets of these indices, with the labels of their middle frames."""
        sample = self._source.batch(indices)
        size = sample.current.shape[-2], sample.current.shape[-1]
        labels = {}
        for name, stores in self._stores.items():
            maps = [load_labels(stores[key.drive], [key], [name], size) for key in sample.keys]
            labels[name] = torch.cat([of_one[name] for of_one in maps])
        return replace(sample, labels=labels, flows=self._flows)


def _store_of(stores: Sequence[LabelStore], name: str, drive: str) -> LabelStore:
    those = [store for store in stores if name in store.kinds]
    if not those:
        where = ', '.join(str(store.path) for store in stores)
        raise MdepthError(
            f'no store of data.labels has {name} ({where}): give the store of the stage that '
            'makes it'
        )
    return next((store for store in those if store.drive(drive)), those[0])


def _check(store: LabelStore, name: str, keys: Sequence[Key], frames: Frames) -> None:
    """See that the labels of a drive are there, and show the view of its images."""
    stored = store.drive(keys[0].drive)
    if stored is None:
        raise MdepthError(f'{store.path} has no drive {keys[0].drive}: {store.how_to_make}')
    if missing := store.missing(keys, [name]):
        raise MdepthError(
            f'{store.path} has no {name} of {len(missing)} of the {len(keys)} frames of '
            f'{keys[0].drive}, the first is {missing[0][1]}: {store.how_to_make}'
        )
    if stored.view is not None and not same_view(frames.view, stored.view):
        raise MdepthError(
            f'the labels of {keys[0].drive} in {store.path} show another view than the images: '
            'make them again with this input_size and calibration'
        )


def load_labels(
    store: LabelStore, keys: Sequence[Key], names: Sequence[str], size: tuple[int, int]
) -> dict[str, Tensor]:
    """Read the labels of some frames: each [B, C, h, w] at `size` (h, w).

    Floats come as float32 with NaN where unknown, masks as bool, ids as they are stored. A
    flow is in pixels of `size`. Raises MdepthError where a label is missing or damaged.
    """
    batch = {n: np.empty((len(keys), *store.kinds[n].shape), store.kinds[n].dtype) for n in names}
    for place, key in enumerate(keys):
        for name, array in store.read(key, names).items():
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
