# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An ONNX file as a provider."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mdepth_ros.core.machine import usable_cores
from mdepth_ros.errors import MdepthError
from mdepth_training.data import Sample, TripletSource
from mdepth_training.labels.pseudo.network import MEANS, as_maps, normalised, optional
from mdepth_training.labels.pseudo.provider import AFFINE, METRIC, Space
from mdepth_training.labels.pseudo.settings import PseudoSettings


class OnnxFile:
    """A network with one input, images [B, 3, H, W] of float32, whose first output is the map.

    The file does not say what its numbers are, nor how it wants colours: the settings do. Sizes
    that it leaves open are `image_size`. Raises MdepthError where it is another network.
    """

    def __init__(self, path: Path, settings: PseudoSettings) -> None:
        runtime = optional('onnxruntime', 'onnx', str(path))
        if not settings.space:
            raise MdepthError(f'nobody says what {path} gives: set space=depth or space=disparity')
        options = runtime.SessionOptions()
        options.intra_op_num_threads = usable_cores()
        there = runtime.get_available_providers()
        devices = [f'{name}ExecutionProvider' for name in ('CUDA', 'CPU')]
        devices = [device for device in devices if device in there]
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=devices)
        except Exception as error:  # of classes of their own, made in C++
            reason = str(error).splitlines()[0]
            raise MdepthError(f'{path} cannot be used: {reason}') from None
        inputs = self._session.get_inputs()
        shape = inputs[0].shape
        if len(inputs) != 1 or len(shape) != 4 or inputs[0].type != 'tensor(float)':
            asked = ', '.join(f'{one.name} {one.type} {one.shape}' for one in inputs)
            raise MdepthError(f'{path} takes {asked}: give one that takes images [B, 3, H, W]')
        self._input, self._batch = inputs[0].name, shape[0]
        sides = [side if isinstance(side, int) else None for side in shape[2:]]
        wanted = settings.image_size
        if None in sides and wanted is None:
            raise MdepthError(
                f'{path} takes images of any size: set image_size=[HEIGHT, WIDTH], as it was '
                'trained with'
            )
        self._size = wanted or (sides[0] or 0, sides[1] or 0)
        if any(side not in (None, own) for side, own in zip(sides, self._size, strict=True)):
            raise MdepthError(f'{path} takes images of {sides} alone: leave image_size out')
        self._means = MEANS[settings.normalise]
        self.name, self.licence = path.name, settings.licence
        self.space: Space = settings.space
        self.known = METRIC if settings.metric else AFFINE
        self._path = path
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.origin: dict[str, Any] = {'provider model': digest}

    def begin(self, source: TripletSource) -> None:
        """Nothing has to be looked for."""

    def image_size(self, native: tuple[int, int]) -> tuple[int, int]:
        """As the file says, or the settings."""
        return self._size

    def maps(self, sample: Sample) -> list[Tensor | None]:
        """The map [h, w] of each image."""
        images = normalised(sample.current, self._means).cpu().numpy()
        # One with a fixed batch takes its images one by one.
        parts = [images] if not isinstance(self._batch, int) else np.split(images, len(images))
        try:
            outputs = [self._session.run(None, {self._input: part})[0] for part in parts]
            maps = torch.cat([as_maps(torch.from_numpy(np.asarray(one))) for one in outputs])
        except Exception as error:  # of classes of their own, made in C++
            reason = str(error).splitlines()[0]
            raise MdepthError(f'{self._path} cannot be used: {reason}') from None
        return list(maps.float())
