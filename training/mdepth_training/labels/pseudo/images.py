# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Single frames as large as a provider wants them, from their files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.sources.folder import read_image
from mdepth_training.data import Drive, Sample, TripletSource
from mdepth_training.data.resampling import resampled
from mdepth_training.data.sample import Frames, Key
from mdepth_training.data.triplets import PATIENCE

Size = tuple[int, int]


class FrameImages(TripletSource):
    """The middle frames of a source, in its view, at another size: samples of `current` alone.

    wanted  the native size (height, width) of the largest drive in this view -> that of the
            images; None: none, `current` has one pixel
    reopen  the same drives from larger files: asked for where `wanted` is larger than the files
            of the source are. What they lack comes from the source's own

    Recorded frames come from their files, rendered ones are those of the source, resized. A frame
    that cannot be read is left out of its batch.
    """

    def __init__(
        self,
        source: TripletSource,
        wanted: Callable[[Size], Size | None],
        reopen: Callable[[], Sequence[Drive]] = tuple,
    ) -> None:
        self.frame_interval, self.camera = source.frame_interval, source.camera
        self._source, self._drives = source, source.drive_frames()
        self._keys = source.frame_keys()
        native = max(native_size(frames.camera, frames.view) for frames in self._drives.values())
        self.size = wanted(native)
        self._larger: dict[tuple[str, int], tuple[Path, Camera]] = {}
        if self.size is not None and self.size > native:
            for drive in reopen():
                files = zip(drive.stamps, drive.images, strict=True)
                self._larger |= {(drive.name, t): (file, drive.camera) for t, file in files}
                if drive.name in self._drives:
                    view = self._drives[drive.name].view
                    native = max(native, native_size(drive.camera, view))
            self.size = wanted(native)
        self._unread = 0

    @property
    def description(self) -> str:
        """What a model's card says about the data."""
        return self._source.description

    def __len__(self) -> int:
        return len(self._source)

    def drive_frames(self) -> dict[str, Frames]:
        """All frames of each drive."""
        return self._drives

    def frame_keys(self) -> list[Key]:
        """The middle frame of each triplet."""
        return self._keys

    def batch(self, indices: Sequence[int]) -> Sample:
        """Return the frames of these indices (see TripletSource)."""
        images, matrices, keys = list[Tensor](), list[Tensor](), list[Key]()
        height, width = self.size or (1, 1)
        for index in indices:
            key = self._keys[index]
            frames = self._drives[key.drive]
            view = Camera.from_normalised(width, height, *frames.view)
            image = self._image(index, frames, view)
            if image is not None:
                images.append(image)
                matrices.append(view.matrix())
                keys.append(key)
        none = torch.empty(0, 3, height, width, dtype=torch.uint8)
        current = torch.stack(images) if images else none
        K = torch.stack(matrices) if matrices else torch.empty(0, 3, 3)
        return Sample(none, current, none, K, keys=tuple(keys))

    def _image(self, index: int, frames: Frames, view: Camera) -> Tensor | None:
        """A frame [3, H, W] as uint8; None where it cannot be read."""
        if self.size is None:
            return torch.zeros(3, 1, 1, dtype=torch.uint8)
        if not frames.images:
            image = self._source.batch([index]).current.float()
            fit = functional.interpolate(image, self.size, mode='bilinear', antialias=True)[0]
            return fit.round().clamp(0, 255).byte()
        try:
            key = self._keys[index]
            own = frames.images[key.frame], frames.camera
            file, camera = self._larger.get((key.drive, key.stamp), own)
            image = torch.from_numpy(resampled(read_image(file), camera, view))
        except MdepthError:
            self._unread += 1
            if self._unread >= PATIENCE:
                raise
            return None
        self._unread = 0
        return image


def native_size(camera: Camera, view: Sequence[float]) -> Size:
    """Height and width at which a view (see Frames) shows images of a camera as they are."""
    return round(camera.fy / view[1]), round(camera.fx / view[0])
