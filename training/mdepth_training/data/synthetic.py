# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Triplets from rendered drives of the synthetic world: images and the camera, no truth."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from rich.progress import track

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.synthetic import Drive, WorldConfig, make_drive
from mdepth_ros.synthetic.config import Random
from mdepth_training.config import Data, Experiment, SyntheticData
from mdepth_training.data.sample import Frames, Key, Sample, TripletSource
from mdepth_training.machine import when_parent_ends

_LOOKS, _CAMERA = -1, -2  # streams of random numbers beside those of a drive
_FEW = 8  # drives for which another process is not worth its start


def experiment_camera(experiment: Experiment) -> Camera:
    """The pinhole camera at the network's input size."""
    height, width = experiment.input_size
    return Camera.from_normalised(width, height, *experiment.camera)


def synthetic_drive(data: Data, camera: Camera, seed: int, frames: int) -> Drive:
    """One drive of the world that the experiment describes."""
    appearance = data.synthetic.appearance
    if data.synthetic.least_appearance is not None:
        least = data.synthetic.least_appearance
        appearance = Random(seed, _LOOKS).uniform(min(least, appearance), appearance)
    world = WorldConfig(
        appearance=appearance, moving=data.synthetic.moving, frame_interval=data.frame_interval
    )
    return make_drive(seed, frames, camera, world)


def drive_camera(synthetic: SyntheticData, camera: Camera, seed: int) -> Camera:
    """The camera of one drive: the experiment's, or by `cameras` one that differs from it.

    Most drives see with 0.85 to 1.2 times its focal length, some with 0.7 to 2.2 times; the
    principal point moves by up to 6 % of the image's sides.
    """
    spread = synthetic.cameras
    if spread <= 0:
        return camera
    random = Random(seed, _CAMERA)
    low, high = (0.7, 2.2) if random.uniform(0, 1) < 0.35 else (0.85, 1.2)
    factor = float(np.exp(spread * random.uniform(np.log(low), np.log(high))))
    fx, fy, cx, cy = camera.normalised
    stretch, right, down = (spread * random.uniform(-r, r) for r in (0.03, 0.05, 0.06))
    return Camera.from_normalised(
        camera.width,
        camera.height,
        fx * factor,
        fy * factor * (1 + stretch),
        cx + right,
        cy + down,
    )


def named_drive(experiment: Experiment, name: str) -> Drive:
    """The drive of an experiment that its keys call so; MdepthError where it has none."""
    seed = name.rpartition('-')[2]
    for data in experiment.data.parts.values():
        world = data.synthetic
        if (
            not data.recordings
            and seed.isdecimal()
            and int(seed) - world.first_seed in range(world.drives)
        ):
            camera = drive_camera(world, experiment_camera(experiment), int(seed))
            return synthetic_drive(data, camera, int(seed), world.frames)
    raise MdepthError(f'the experiment has no drive {name}: give the one that was labelled')


class SyntheticTriplets(TripletSource):
    """All triplets of the experiment's drives; rendered once into a file in `folder`.

    A rendering that was interrupted goes on; runs that want the same drives share the file.
    """

    def __init__(self, experiment: Experiment, folder: Path) -> None:
        data = experiment.data.synthetic
        self.frames = data.frames
        self.frame_interval = experiment.data.frame_interval
        self.camera = experiment.camera
        looks = f'{data.appearance:g}'
        if data.least_appearance is not None:
            looks = f'{data.least_appearance:g} to {looks}'
        self._description = (
            f'synthetic world: {data.drives} drives of {data.frames} frames, '
            f'appearance {looks}, moving {data.moving:g}, seeds from {data.first_seed}'
        )
        camera = experiment_camera(experiment)
        self.seeds = range(data.first_seed, data.first_seed + data.drives)
        self.cameras = [drive_camera(data, camera, seed) for seed in self.seeds]
        self.matrices = torch.stack([camera.matrix() for camera in self.cameras])
        size, interval = experiment.input_size, self.frame_interval
        key = repr((sorted(asdict(data).items()), size, experiment.camera, interval))
        path = folder / f'drives-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npy'
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _render_all(experiment, path)
        self.images = torch.from_numpy(np.load(path, mmap_mode='c'))

    def __len__(self) -> int:
        return int(self.images.shape[0]) * (self.frames - 2)

    @property
    def description(self) -> str:
        """What a model's card says about the data."""
        return self._description

    def drive_frames(self) -> dict[str, Frames]:
        """All frames of each drive (see TripletSource)."""
        stamps = [self._key(0, number).stamp for number in range(self.frames)]
        return {
            self._key(drive, 0).drive: Frames(stamps, camera.normalised, camera)
            for drive, camera in enumerate(self.cameras)
        }

    def frame_keys(self) -> list[Key]:
        """The middle frame of each triplet."""
        drives, numbers = range(len(self.seeds)), range(1, self.frames - 1)
        return [self._key(drive, number) for drive in drives for number in numbers]

    def batch(self, indices: Sequence[int]) -> Sample:
        """Return the triplets of these indices (see TripletSource)."""
        index = torch.tensor(indices)
        drive, frame = index // (self.frames - 2), index % (self.frames - 2)
        previous, current, following = (
            self.images[drive, frame + step].permute(0, 3, 1, 2).contiguous() for step in range(3)
        )
        keys = map(self._key, drive.tolist(), (frame + 1).tolist())
        return Sample(previous, current, following, self.matrices[drive], keys=tuple(keys))

    def _key(self, drive: int, number: int) -> Key:
        stamp = number * round(self.frame_interval * 1e9)
        return Key(f'synthetic-{self.seeds[drive]}', number, stamp)


def _render_all(experiment: Experiment, path: Path) -> None:
    """Render what is missing; a list beside the unfinished file says which drives are done."""
    data = experiment.data.synthetic
    partial, done_path = path.with_suffix('.partial.npy'), path.with_suffix('.done.npy')
    if not (partial.exists() and done_path.exists()):
        shape = (data.drives, data.frames, *experiment.input_size, 3)
        open_memmap(partial, 'w+', np.uint8, shape).flush()
        with partial.open('r+b') as file:
            # Writing into a hole of a full disk would kill the process; this says so instead.
            os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)
        np.save(done_path, np.zeros(data.drives, bool))
    done = open_memmap(done_path, 'r+')
    missing = np.flatnonzero(~done).tolist()
    steps = track(
        _rendered(experiment, partial, missing),
        description='rendering drives',
        total=len(missing),
    )
    for index in steps:
        done[index] = True
    del done
    partial.rename(path)
    done_path.unlink()


def _rendered(experiment: Experiment, partial: Path, missing: list[int]) -> Iterator[int]:
    """Render these drives into the file, and tell which one is done; on a CPU in processes."""
    jobs = min(os.cpu_count() or 1, len(missing) // _FEW)
    if torch.cuda.is_available() or jobs <= 1:
        for index in missing:
            yield _render(experiment, partial, index)
        return
    context = multiprocessing.get_context('spawn')  # a fork would inherit torch's threads, stuck
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin_process) as pool:
        tasks = [pool.submit(_render, experiment, partial, index) for index in missing]
        for task in as_completed(tasks):
            try:
                yield task.result()
            except BrokenProcessPool:
                raise MdepthError(
                    'a process that renders drives was killed, perhaps for want of memory: run '
                    'the same command again with fewer processors (taskset); what is done stays'
                ) from None


def _begin_process() -> None:
    torch.set_num_threads(1)
    when_parent_ends(lambda: os._exit(1))  # a process without work waits for ever


def _render(experiment: Experiment, partial: Path, index: int) -> int:
    data = experiment.data
    seed = data.synthetic.first_seed + index
    camera = drive_camera(data.synthetic, experiment_camera(experiment), seed)
    drive = synthetic_drive(data, camera, seed, data.synthetic.frames)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    images = open_memmap(partial, 'r+')
    images[index] = drive.render(range(drive.frames), device).image.cpu().numpy()
    images.flush()
    return index
