# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Masks of all things of a frame that come from elsewhere: the 'semantic prior' of the paper."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_ros.synthetic import Drive
from mdepth_training.config import Experiment
from mdepth_training.data.sample import Key, Sample
from mdepth_training.data.synthetic import drive_camera, experiment_camera, synthetic_drive
from mdepth_training.labels import Kind
from mdepth_training.methods.dynamic_regions.things import IDS
from mdepth_training.stages import LabelMaker

if TYPE_CHECKING:
    from mdepth_training.methods.dynamic_regions.settings import DynamicRegionsSettings
    from mdepth_training.stages import Stage

EXACT = 'exact'


def prior_maker(stage: Stage) -> LabelMaker:
    """`objects`: ids of all things of a frame, moving or not, from `method.masks`."""
    settings = cast('DynamicRegionsSettings', stage.settings.method)
    if settings.masks != EXACT:
        raise MdepthError(f'stage {stage.name} has no masks: set method.masks=exact')
    masks = ExactMasks(stage.experiment)
    kinds = {
        'objects': Kind(
            'ids', stage.experiment.input_size, dtype='uint8', description=masks.description
        )
    }

    def maps(sample: Sample) -> Mapping[str, Tensor]:
        found = [numbered(masks.of(key), key) for key in sample.keys]
        return {'objects': torch.from_numpy(np.stack(found))[:, None]}

    return LabelMaker(kinds, maps)


def numbered(ids: NDArray[np.integer], key: Key) -> NDArray[np.uint8]:
    """Any ids [H, W], 0 none, as 1, 2, ... in their order; MdepthError for too many."""
    values = np.unique(ids[ids > 0])
    if len(values) >= IDS:
        raise MdepthError(
            f'frame {key.frame} of {key.drive} has masks of {len(values)} things: at most '
            f'{IDS - 1} fit, leave out small ones'
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
            seed = int(name.rpartition('-')[2])
            data = next(
                data
                for data in experiment.data.parts.values()
                if 0 <= seed - data.synthetic.first_seed < data.synthetic.drives
            )
            camera = drive_camera(data.synthetic, experiment_camera(experiment), seed)
            return synthetic_drive(data, camera, seed, data.synthetic.frames)

        self._drive_of = drive_of

    def of(self, key: Key) -> NDArray[np.int32]:
        """Ids [H, W] of a frame."""
        ids: NDArray[np.int32] = self._drive_of(key.drive).movables(key.frame).numpy()
        return ids
