# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Held-out drives of the synthetic world, rendered once, on which many models are scored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.machine import choose_device
from mdepth_ros.core.perception import make_perception
from mdepth_ros.core.types import Frame, FramePair, Prediction
from mdepth_ros.evaluation.depth import errors_by_kind, means_by_kind
from mdepth_ros.evaluation.trajectory import relative
from mdepth_ros.geometry import Camera
from mdepth_ros.model.file import load_model
from mdepth_ros.synthetic import Drive
from mdepth_training.config import Data
from mdepth_training.data.synthetic import synthetic_drive
from mdepth_training.evaluation.predict import at_pixels
from mdepth_training.evaluation.synthetic import flat_numbers
from mdepth_training.evaluation.traffic import Traffic, mean_traffic, traffic_of

_PARTS = ('image', 'depth', 'moving', 'instance', 'pose')


class Seen(NamedTuple):
    """A frame as a model sees it.

    seed, frame  the drive, and the frame in it
    views        what a View has of all frames of the drive, by name
    depth        [H, W] metres, or network units of a model that has no metres; NaN is unknown
    motion       T_previous_current [4, 4], network units
    """

    seed: int
    frame: int
    views: dict[str, NDArray[Any]]
    depth: NDArray[Any]
    motion: NDArray[np.float64]


@dataclass(frozen=True)
class HeldOut:
    """Drives of the training's world with seeds that no training has; the camera's own size."""

    data: Data
    camera: Camera
    drives: int
    frames: int
    first_seed: int = 10_000

    @property
    def seeds(self) -> range:
        """The seed of each drive."""
        return range(self.first_seed, self.first_seed + self.drives)

    def drive(self, seed: int) -> Drive:
        """One of the drives, not rendered."""
        return synthetic_drive(self.data, self.camera, seed, self.frames)

    def describe(self) -> str:
        """Say what it is, for a report."""
        world = self.data.synthetic
        return (
            f'{self.drives} held-out drives of {self.frames} frames, seeds from '
            f'{self.first_seed}, appearance {world.appearance:g}, moving {world.moving:g}, '
            f'{self.camera.height}x{self.camera.width}'
        )

    def key(self) -> str:
        """A name that differs where the pictures do."""
        world = asdict(self.data.synthetic) | {'interval': self.data.frame_interval}
        for size in ('drives', 'frames', 'first_seed'):  # those of the training
            world.pop(size)
        text = repr((sorted(world.items()), self.camera, self.drives, self.frames))
        return hashlib.sha256(f'{text} {self.first_seed}'.encode()).hexdigest()[:12]

    def render(self, cache: Path) -> Path:
        """Render what is not there yet, drive by drive, and return the folder."""
        folder = cache / f'held-out-{self.key()}'
        folder.mkdir(parents=True, exist_ok=True)
        device = choose_device('auto')
        missing = [seed for seed in self.seeds if not _whole(folder / f'{seed}.npz')]
        for seed in track(missing, description='held-out drives', disable=not missing):
            drive = self.drive(seed)
            view = drive.render(range(self.frames), device)
            partial = folder / f'{seed}.partial.npz'
            arrays = {part: getattr(view, part).cpu().numpy() for part in _PARTS}
            np.savez(partial, camera=_intrinsics(drive.camera), **arrays)
            partial.rename(folder / f'{seed}.npz')
        return folder

    def views(self, cache: Path) -> Iterator[tuple[Camera, dict[str, NDArray[Any]]]]:
        """The camera of each drive and what a View has of all its frames, by name."""
        folder = self.render(cache)
        for seed in self.seeds:
            with np.load(folder / f'{seed}.npz') as file:
                views = {part: file[part] for part in _PARTS}
                yield Camera(self.camera.width, self.camera.height, *file['camera']), views

    def traffic(self, cache: Path) -> Traffic:
        """What moves in the frames that are scored."""
        return mean_traffic(
            [
                traffic_of(things)
                for _, views in self.views(cache)
                for things in (views['instance'] * views['moving'])[1:]
            ]
        )

    def seen_by(self, model: Path, cache: Path, cues: bool = True) -> Iterator[Seen]:
        """Every frame that has one before it as a model sees it, drive by drive.

        The model runs as on the vehicle; a model of another size is compared at this size.
        """
        network, card = load_model(model)
        # The networks are compared, so their motion is not refined.
        perception = make_perception(Estimator(network, card, refined=False, cues=cues))
        interval, unit = self.data.frame_interval, card.metres_per_unit or 1.0
        for seed, (camera, views) in zip(self.seeds, self.views(cache), strict=True):
            frames = [
                Frame(round(index * interval * 1e9), image, camera)
                for index, image in enumerate(views['image'])
            ]
            for index in range(1, self.frames):
                pair = FramePair(frames[index], frames[index - 1], '', interval)
                prediction = perception.step([pair], ())[0].prediction
                depth = unit * _on_pixels_of(camera, prediction)
                yield Seen(seed, index, views, depth, prediction.motion)

    def score(self, model: Path, cache: Path, cues: bool = True) -> dict[str, float]:
        """Depth and motion of a model on the drives, see `flat_numbers`."""
        errors, chains = [], []
        for _, of_drive in groupby(self.seen_by(model, cache, cues), lambda seen: seen.seed):
            motions = []
            for seen in of_drive:
                views, frame = seen.views, seen.frame
                truth, moving = views['depth'][frame], views['moving'][frame]
                errors.append(errors_by_kind(seen.depth, truth, moving))
                motions.append(seen.motion)
            poses = views['pose']
            chains.append((np.stack(motions), relative(poses[:-1], poses[1:])))
        return flat_numbers(means_by_kind(errors), chains)


def _whole(file: Path) -> bool:
    if not file.exists():
        return False
    with np.load(file) as there:
        return set(_PARTS) <= set(there.files)


def _on_pixels_of(camera: Camera, prediction: Prediction) -> NDArray[Any]:
    """The predicted depth at every pixel of a camera, NaN where the network does not see it."""
    depth, own = prediction.depth, prediction.camera
    same_size = depth.shape == (camera.height, camera.width)
    if same_size and np.allclose(_intrinsics(own), _intrinsics(camera), rtol=0, atol=1e-3):
        return depth
    rows, columns = np.indices((camera.height, camera.width)).reshape(2, -1)
    found = at_pixels(depth, own, camera, rows, columns)
    return found.reshape(camera.height, camera.width)


def _intrinsics(camera: Camera) -> NDArray[np.float64]:
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy])
