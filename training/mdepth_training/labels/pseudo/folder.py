# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A folder of maps that a person made with whatever network."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.sources.picture import PictureError, decode_file
from mdepth_ros.terminal import say
from mdepth_training.data import Key, Sample, TripletSource
from mdepth_training.data.frame_files import checked_size, names_in, nearest_pixels, of_frames
from mdepth_training.labels.pseudo.provider import AFFINE, METRIC, Space
from mdepth_training.labels.pseudo.settings import PseudoSettings


class FolderOfMaps:
    """Maps of whole images, of any size, called as the images are (see `of_frames`).

    PNG: its numbers by `png_unit`, or by the largest that it can hold; where they are depth, 0 is
    unknown. npy: numbers as they are, NaN is unknown. Each pixel of the label is the nearest one
    of the map.

    size  height and width of the labels

    Raises MdepthError where there is no map, and where the settings do not say the space.
    """

    def __init__(self, folder: Path, settings: PseudoSettings, size: tuple[int, int]) -> None:
        names = names_in(folder, '.png', '.npy')
        if not names:
            raise MdepthError(
                f'{folder} has no map: give a folder of PNG or npy files, or one of a model of '
                'transformers, with its config.json'
            )
        if not settings.space:
            raise MdepthError(
                f'nobody says what the maps in {folder} are: set space=depth or space=disparity'
            )
        self.space: Space = settings.space
        self.name, self.licence = f'maps in {folder}', settings.licence
        self.known = METRIC if settings.metric else AFFINE
        self._folder, self._names, self._size, self._unit = folder, names, size, settings.png_unit
        sizes = '\n'.join(f'{name} {(folder / name).stat().st_size}' for name in names)
        digest = hashlib.sha256(sizes.encode()).hexdigest()[:16]
        self.origin: dict[str, Any] = {'maps': f'{len(names)} files, {digest}'}

    def begin(self, source: TripletSource) -> None:
        """Find the maps of all frames, and say how many have none."""
        self._drives, keys = source.drive_frames(), source.frame_keys()
        self._found = of_frames(self._names, keys, self._drives, self._folder, 'map')
        if without := len(keys) - len(self._found):
            say(f'{without} of {len(keys)} frames have no map in {self._folder}: unknown there')

    def image_size(self, native: tuple[int, int]) -> tuple[int, int] | None:
        """No images are needed."""
        return None

    def maps(self, sample: Sample) -> list[Tensor | None]:
        """The map [h, w] of each frame, in the view of the labels, not smaller than these."""
        return [self._map(key) for key in sample.keys]

    def _map(self, key: Key) -> Tensor | None:
        name, frames = self._found.get(key), self._drives[key.drive]
        if name is None:
            return None
        values = self._read(self._folder / name)
        source = checked_size(f'{self._folder / name}', values.shape, frames.camera, 'map')
        times = max(1, round(source.fx / (frames.view[0] * self._size[1])))
        height, width = (times * side for side in self._size)
        view = Camera.from_normalised(width, height, *frames.view)
        rows, columns, seen = nearest_pixels(source, view)
        return torch.from_numpy(np.where(seen, values[rows, columns], np.nan))

    def _read(self, path: Path) -> NDArray[np.float32]:
        """The map [H, W] in a file; MdepthError where it is none."""
        try:
            if path.suffix.lower() == '.npy':
                array = np.load(path, allow_pickle=False)
            else:
                array = decode_file(path).pixels
        except (PictureError, OSError, ValueError, EOFError) as error:
            raise MdepthError(
                f'{path} cannot be read ({str(error).splitlines()[0]}): make this map again'
            ) from None
        if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
            array = array.reshape([side for side in array.shape if side != 1] or [1, 1])
        if array.ndim != 2 or array.dtype.kind not in 'fui':
            what = 'x'.join(map(str, array.shape))
            raise MdepthError(
                f'{path} is {what} of {array.dtype}: give maps of numbers [H, W], not pictures of '
                'them'
            )
        values: NDArray[np.float32] = array.astype(np.float32)
        if path.suffix.lower() != '.npy':
            if self.space == 'depth':
                values[array == 0] = np.nan
            values /= self._unit or np.iinfo(array.dtype).max
        return values
