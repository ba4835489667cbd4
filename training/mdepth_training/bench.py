# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Throughput: our training step against the same step written plainly, and against the loader.

Both steps learn the same experiment from the same recordings. Ours is as `fit` runs it (number
format, memory layout and workers of the experiment); the plain one computes in float32 with
contiguous memory and decodes its images itself, on all cores. They take turns every few steps, so
that other load hits both alike, and what counts is the ratio of the medians.
"""

from __future__ import annotations

import json as json_format
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.table import Table

from mdepth_ros.core.machine import choose_device
from mdepth_ros.geometry import Camera
from mdepth_ros.synthetic import WorldConfig, make_drive
from mdepth_ros.terminal import Console
from mdepth_training.config import Data, Experiment, load_experiment
from mdepth_training.data import Sample, StepOrder, TripletSource, make_loader
from mdepth_training.machine import autocast_dtype, keep_memory, share_cores
from mdepth_training.optimiser import Timetable
from mdepth_training.source import open_source

KITTI_CAMERA = Camera(1242, 375, 721.5, 721.5, 609.6, 172.9)
ENOUGH_AHEAD, FAST_ENOUGH, LITTLE_WAITING = 1.5, 1.5, 0.05


@dataclass
class Steps:
    """Seconds of every step, and how much of them was waiting for data."""

    seconds: list[float] = field(default_factory=list)
    waiting: list[float] = field(default_factory=list)

    def rate(self, batch_size: int) -> float:
        """Samples per second, by the median step."""
        return batch_size / statistics.median(self.seconds)

    def waiting_share(self) -> float:
        """Share of the whole time that went into waiting."""
        return sum(self.waiting) / sum(self.seconds)


@dataclass(frozen=True)
class Throughput:
    """What `bench` measures; rates in samples per second."""

    ours: float
    plain: float
    step: float
    loader: float
    waiting: float

    def rows(self) -> list[tuple[str, str, str]]:
        """(what, value, what is wanted) for a table."""
        return [
            ('our step, with its loader', f'{self.ours:.1f} samples/s', ''),
            ('the plain step', f'{self.plain:.1f} samples/s', ''),
            ('ratio', f'{self.ours / self.plain:.2f}', f'>= {FAST_ENOUGH} on a CPU'),
            ('our step alone', f'{self.step:.1f} samples/s', ''),
            ('the loader alone', f'{self.loader:.1f} samples/s', ''),
            ('ratio', f'{self.loader / self.step:.2f}', f'>= {ENOUGH_AHEAD}'),
            (
                'waiting for data',
                f'{self.waiting:.1%} of the time',
                f'< {LITTLE_WAITING:.0%} on a GPU',
            ),
        ]


class Learner:
    """One way to learn: networks, optimiser and loader, a step at a time."""

    def __init__(self, experiment: Experiment, source: TripletSource) -> None:
        settings = experiment.training
        self.device = choose_device('auto')
        torch.manual_seed(settings.seed)
        table = Timetable.of(settings, experiment.method, 1)
        last = replace(table, stages=(0,) * len(table.stages))  # from the first step on
        self.method = experiment.method.learner()(experiment, last).to(self.device)
        self.optimizer = self.method.optimizer()
        self.dtype = autocast_dtype(settings.precision)
        self.workers = experiment.data.workers
        order = StepOrder(len(source), settings.batch_size, settings.seed)
        self.batches: Iterator[Sample] = iter(make_loader(source, order, self.workers))

    def step(self, sample: Sample) -> None:
        """Learn from a sample, and wait until it is done."""
        enabled = self.dtype != torch.float32
        with torch.autocast(self.device.type, self.dtype, enabled, cache_enabled=False):
            loss = self.method(sample.on(self.device))
        self.optimizer.zero_grad()
        loss.backward()
        self.method.rest()
        self.optimizer.step()
        if self.device.type == 'cuda':
            torch.cuda.synchronize()

    def block(self, count: int, into: Steps) -> None:
        """Measure some steps."""
        share_cores(self.workers)
        self.use_up()
        self.step(next(self.batches))
        for _ in range(count):
            began = time.perf_counter()
            sample = next(self.batches)
            waited = time.perf_counter() - began
            self.step(sample)
            into.seconds.append(time.perf_counter() - began)
            into.waiting.append(waited)

    def use_up(self) -> None:
        """Take what the workers got ahead while nobody asked."""
        for _ in range(2 * self.workers):
            next(self.batches)


def measure(experiment: Experiment, source: TripletSource, rounds: int, steps: int) -> Throughput:
    """Measure an experiment on a source: `rounds` turns of `steps` steps of each kind."""
    training = replace(experiment.training, epochs=0, images_every=0)
    torch.backends.cudnn.benchmark = True  # as `fit` has it: sizes never change
    keep_memory()
    ours = Learner(replace(experiment, training=training), source)
    plainly = replace(training, precision='fp32', channels_last=False, compile=False)
    by_itself = replace(experiment.data, workers=0)
    plain = Learner(replace(experiment, training=plainly, data=by_itself), source)
    fed, plainly_fed, alone, loading = Steps(), Steps(), Steps(), Steps()
    for _ in range(rounds):
        ours.block(steps, fed)
        plain.block(steps, plainly_fed)
    ours.use_up()
    for _ in range(rounds * steps):
        began = time.perf_counter()
        sample = next(ours.batches)
        loading.seconds.append(time.perf_counter() - began)
    del ours.batches  # the workers end
    share_cores(ours.workers)
    for _ in range(rounds * steps):
        began = time.perf_counter()
        ours.step(sample)
        alone.seconds.append(time.perf_counter() - began)
    batch = training.batch_size
    return Throughput(
        ours=fed.rate(batch),
        plain=plainly_fed.rate(batch),
        step=alone.rate(batch),
        # Workers deliver in turns, so the mean counts here: a median would miss who waits.
        loader=batch / statistics.fmean(loading.seconds),
        waiting=fed.waiting_share(),
    )


def kitti_sized_folder(folder: Path, images: int = 64, suffix: str = '.jpg') -> Path:
    """Write a drive of KITTI's image size, with a calibration, and return its folder.

    Rendered small, enlarged, and given the noise of a sensor: without noise the files would be
    smaller than those of a camera, and decoding them faster.
    """
    folder.mkdir(parents=True, exist_ok=True)
    small = Camera.from_normalised(310, 94, *KITTI_CAMERA.normalised)
    drive = make_drive(1, images, small, WorldConfig())
    generator = np.random.default_rng(0)
    size = (KITTI_CAMERA.width, KITTI_CAMERA.height)
    for index in range(images):
        image = cv2.resize(
            drive.render([index]).image[0].numpy(), size, interpolation=cv2.INTER_CUBIC
        )
        noisy = image + generator.normal(0, 3, image.shape)
        cv2.imwrite(str(folder / f'{index:06d}{suffix}'), noisy.clip(0, 255).astype(np.uint8))
    times = (f'{index * 0.1:.9f}\n' for index in range(images))
    (folder / 'times.txt').write_text(''.join(times))
    lines = [f'{name} {getattr(KITTI_CAMERA, name)}' for name in ('fx', 'fy', 'cx', 'cy')]
    (folder / 'intrinsics.txt').write_text('\n'.join(lines) + '\n')
    return folder


def bench(
    experiment: Experiment,
    cache: Path,
    *,
    data: str | None = None,
    png: bool = False,
    rounds: int = 8,
    steps: int = 4,
) -> Throughput:
    """Measure an experiment on `data`, else on its own recordings, else on a made-up KITTI."""
    changes: dict[str, Any] = {}
    if data is not None:
        changes = {'recordings': (data,), 'split': ''}
    elif not experiment.data.recordings:
        made = kitti_sized_folder(cache / 'drive', suffix='.png' if png else '.jpg')
        # Files want workers, also where the experiment's own drives lie in memory and have none.
        workers = experiment.data.workers or Data().workers
        changes = {'recordings': (str(made),), 'split': '', 'skip_static': False}
        changes['workers'] = workers
    experiment = replace(experiment, data=replace(experiment.data, **changes))
    return measure(experiment, open_source(experiment, cache), rounds, steps)


def bench_command(
    config: Path,
    data: str | None,
    png: bool,
    rounds: int,
    json: Path | None,
    overrides: list[str] | None,
) -> None:
    """Measure, print the table, and write the numbers where that is asked for."""
    experiment = load_experiment(config, overrides)
    with tempfile.TemporaryDirectory() as cache:
        result = bench(experiment, Path(cache), data=data, png=png, rounds=rounds)
    table = Table(title=f'{config.name}, batch {experiment.training.batch_size}')
    for heading in ('what', 'measured', 'wanted'):
        table.add_column(heading)
    for row in result.rows():
        table.add_row(*row)
    Console(highlight=False).print(table)
    if json is not None:
        json.write_text(json_format.dumps(asdict(result), indent=1) + '\n')
