# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of all things of a frame that come from elsewhere: the 'semantic prior' of the paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.synthetic import Drive
from mdepth_ros.terminal import say
from mdepth_training.config import Experiment
from mdepth_training.data.frame_files import checked_size, names_in, nearest_pixels, of_frames
from mdepth_training.data.masks import png_ids
from mdepth_training.data.sample import Key, Sample, TripletSource
from mdepth_training.data.synthetic import named_drive
from mdepth_training.labels import Kind
from mdepth_training.methods.dynamic_regions.coco import CocoMasks
from mdepth_training.methods.dynamic_regions.things import IDS
from mdepth_training.stages import LabelMaker

if TYPE_CHECKING:
    from mdepth_training.methods.dynamic_regions.settings import DynamicRegionsSettings
    from mdepth_training.stages import Stage

EXACT = 'exact'


class Masks(Protocol):
    """Where masks come from."""

    description: str

    def begin(self, source: TripletSource) -> None:
        """Look at all frames; MdepthError where there are no masks of them."""
        ...

    def of(self, key: Key) -> NDArray[np.integer]:
        """Any ids [H, W] of the things of a frame, in its view and size; 0 none."""
        ...


def prior_maker(stage: Stage) -> LabelMaker:
    """`objects`: ids of all things of a frame, moving or not, from `method.masks`."""
    settings = cast('DynamicRegionsSettings', stage.settings.method)
    size = stage.experiment.input_size
    masks = _masks(stage.experiment, settings)
    kinds = {'objects': Kind('ids', size, dtype='uint8', description=masks.description)}

    def maps(sample: Sample) -> Mapping[str, Tensor]:
        found = [numbered(masks.of(key), key) for key in sample.keys]
        return {'objects': torch.from_numpy(np.stack(found))[:, None]}

    return LabelMaker(kinds, maps, begin=masks.begin)


def _masks(experiment: Experiment, settings: DynamicRegionsSettings) -> Masks:
    """Where `method.masks` says they are; MdepthError where nothing is there."""
    path, size = Path(settings.masks).expanduser(), experiment.input_size
    classes = settings.mask_classes
    if path.suffix == '.json' and path.is_file():
        coco = CocoMasks(path, classes)
        return GivenMasks(path, list(coco.images), coco.ids, size)
    if not settings.masks or not (settings.masks == EXACT or path.is_dir()):
        there = settings.masks and path.exists()
        lack = 'neither a folder nor a .json' if there else 'not there'
        raise MdepthError(
            f'method.masks={settings.masks} is {lack}: give a folder of PNGs, a json of COCO, or '
            'exact for those of data.synthetic'
        )
    if classes:
        raise MdepthError('method.mask_classes is of a json of COCO alone: leave it out')
    if settings.masks == EXACT:
        return ExactMasks(experiment)
    names = names_in(path, '.png')
    if not names:
        raise MdepthError(
            f'method.masks: {path} has no PNG: give a folder of masks, a json of COCO, or exact'
        )
    return GivenMasks(path, names, lambda name: png_ids(path / name), size)


def numbered(ids: NDArray[np.integer], key: Key) -> NDArray[np.uint8]:
    """Any ids [H, W], 0 none, as 1, 2, ... in their order; MdepthError for too many."""
    values = np.unique(ids[ids > 0])
    if len(values) >= IDS:
        raise MdepthError(
            f'frame {key.frame} of {key.drive} has masks of {len(values)} things, at most '
            f'{IDS - 1} fit: leave out small ones; an image is no mask'
        )
    return np.where(ids > 0, np.searchsorted(values, ids) + 1, 0).astype(np.uint8)


class ExactMasks:
    """What can move in the synthetic world, vehicles and people, as it was rendered: truth."""

    description = 'truth: the exact masks of the synthetic world, of what can move'

    def __init__(self, experiment: Experiment) -> None:
        if experiment.data.recorded:
            raise MdepthError(
                'method.masks=exact is of data.synthetic alone: give a folder of PNGs or a json '
                'of COCO for recordings'
            )

        @lru_cache(2)
        def drive_of(name: str) -> Drive:
            return named_drive(experiment, name)

        self._drive_of = drive_of

    def begin(self, source: TripletSource) -> None:
        """Nothing has to be looked for."""

    def of(self, key: Key) -> NDArray[np.int32]:
        """Ids [H, W] of a frame."""
        ids: NDArray[np.int32] = self._drive_of(key.drive).movables(key.frame).numpy()
        return ids


class GivenMasks:
    """A person's masks, seen as the images are.

    names  of the files in `where`
    read   ids [H, W] of one, 0 none
    size   height and width of what `of` returns
    """

    def __init__(
        self,
        where: Path,
        names: Sequence[str],
        read: Callable[[str], NDArray[np.integer]],
        size: tuple[int, int],
    ) -> None:
        self.description = f'masks of things from {where}'
        self._where, self._names, self._read, self._size = where, names, read, size

    def begin(self, source: TripletSource) -> None:
        """Find the masks of all frames, and say how many have none."""
        self._drives, keys = source.drive_frames(), source.frame_keys()
        self._found = of_frames(self._names, keys, self._drives, self._where)
        if without := len(keys) - len(self._found):
            say(f'{without} of {len(keys)} frames have no mask in {self._where}: no things there')

    def of(self, key: Key) -> NDArray[np.integer]:
        """Ids [h, w] of a frame; MdepthError for a mask of another shape than its image."""
        name, frames = self._found.get(key), self._drives[key.drive]
        if name is None:
            return np.zeros(self._size, np.int32)
        ids = self._read(name)
        source = checked_size(f'{name} in {self._where}', ids.shape, frames.camera)
        view = Camera.from_normalised(self._size[1], self._size[0], *frames.view)
        rows, columns, seen = nearest_pixels(source, view)
        return np.where(seen, ids[rows, columns], 0)
