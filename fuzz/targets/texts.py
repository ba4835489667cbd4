# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Text files: cameras, stamps, poses, experiments, parameters, the index files of folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
from mdepth_training.config import load_experiment, save_experiment
from mdepth_training.data.extract import read_dataset_file
from mdepth_training.run_folder import first_origin, read_starts
from ros2_standalone.parameter_files import (
    ParameterFileError,
    file_parameters,
    parameter_value,
)

from fuzz.mutations import LAUGHTER, NUMBERS, WORDS, text_like, values_like
from fuzz.runner import Files, Target, sound, write_files
from fuzz.targets.bags import bag_files
from mdepth_ros.evaluation.files import read_trajectory
from mdepth_ros.report.run import Run
from mdepth_ros.sources.folder import read_times
from mdepth_ros.sources.intrinsics import read_intrinsics

CAMERA = """image_width: 24
image_height: 16
camera_name: front
camera_matrix: {rows: 3, cols: 3, data: [20.0, 0.0, 11.5, 0.0, 20.0, 7.5, 0.0, 0.0, 1.0]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [-0.2, 0.05, 0.001, 0.001, 0.01]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [20, 0, 11.5, 0, 0, 20, 7.5, 0, 0, 0, 1, 0]}
"""
EUROC = """sensor_type: camera
resolution: [24, 16]
distortion_model: radial-tangential
distortion_coefficients: [-0.28, 0.07, 0.0002, 1.8e-05]
intrinsics: [20.0, 20.0, 11.5, 7.5]
"""
CAMERA_TEXT = 'fx 20\nfy 20\ncx 11.5\ncy 7.5\nk1 k2 p1 p2 -0.2 0.05 0 0\n'
TIMES = '0.0\n0.1\n0.2\n0.3\n0.4\n'
TUM = ''.join(f'{1 + i / 10:.9f} {i}.5 0.25 -1e-3 0 0 0 1\n' for i in range(5))
KITTI = ''.join(f'1 0 0 {i} 0 1 0 0 0 0 1 {i}.5\n' for i in range(5))
EXPERIMENT = """name: own
input_size: [96, 320]
network: {width: 0.375, attention: elementwise}
data:
  recordings: [drives/*.mcap]
  frame_interval: 0.1
  synthetic: {drives: 20}
training:
  steps: 600
  learning_rate: 1e-3
"""
PARAMETERS = """/**:
  ros__parameters:
    model: shipped
    frame_interval: 0.1
    base_frames: ['base_link', camera_link]
    nested: {a: 1, b: [1.5, 2.0]}
"""
RUN = {'source': 'drive.mcap', 'base_frame': 'base_link', 'frame_interval': 0.1, 'frames': 3}
DATASET = {'format': 1, 'drives': {'monday': {'source': 'a', 'options': {}, 'frames': 8}}}


def _make(name: str, seeds: tuple[str, ...], rng: Random) -> Files:
    seed = rng.choice(seeds)
    if rng.random() < 0.03:
        return {name: rng.choice((LAUGHTER, '[' * 100_000, '{"a":' * 100_000, '')).encode()}
    return {name: text_like(rng, seed)}


def _camera(path: Path, rng: Random) -> None:
    camera = read_intrinsics(path).camera(24, 16)
    sound(np.isfinite(camera.normalised).all(), 'a camera that is not finite')


def _camera_option(path: Path, rng: Random) -> None:
    words = ['20', '20', '11.5', '7.5']
    for _ in range(rng.choice((0, 1, 2))):
        words[rng.randrange(4)] = rng.choice((*NUMBERS, '11', '3.25'))
    words += rng.choice(([], [], [], ['1'], words))
    text = ','.join(words)
    if '\0' not in text:
        camera = read_intrinsics(text).camera(24, 16)
        sound(np.isfinite(camera.normalised).all(), 'a camera that is not finite')


def _times(path: Path, rng: Random) -> None:
    sound(all(stamp >= 0 for stamp in read_times(path, 5, None)), 'a stamp below zero')


def _poses(path: Path, rng: Random) -> None:
    times = path.parent / 'times.txt'
    times.write_bytes(text_like(rng, TIMES) if rng.random() < 0.3 else TIMES.encode())
    trajectory = read_trajectory(path, rng.choice((None, times)))
    sound(np.isfinite(trajectory.poses).all(), 'a pose that is not finite')


def _experiment(path: Path, rng: Random) -> None:
    names = ('training.steps', 'data.recordings', 'a', 'network.width', 'input_size', 'name', '..')
    value = rng.choice((*NUMBERS, *WORDS))
    sets = [f'{rng.choice(names)}={value}'] if rng.random() < 0.5 else []
    experiment = load_experiment(path, sets)
    saved = path.with_name('saved.yaml')
    save_experiment(experiment, saved)
    sound(load_experiment(saved) == experiment, 'the experiment is another after it was saved')


def _parameters(path: Path, rng: Random) -> None:
    list(file_parameters(str(path)))
    parameter_value(rng.choice((*NUMBERS, *WORDS)))


def _run(path: Path, rng: Random) -> None:
    if rng.random() < 0.5:
        path.write_text(json.dumps(values_like(rng, RUN)))
    write_files(path.parent / 'bag', bag_files('mcap'))
    run = Run(path.parent)
    _ = run.source


def _dataset(path: Path, rng: Random) -> None:
    (path.parent / 'monday').mkdir()
    if rng.random() < 0.5:
        path.write_text(json.dumps(values_like(rng, DATASET)))
    read_dataset_file(path.parent)


def _starts(path: Path, rng: Random) -> None:
    if rng.random() < 0.5:
        path.write_text(json.dumps(values_like(rng, [{'weights': 'chance', 'licence': ''}])))
    read_starts(path.parent)
    first_origin(path.parent)


Use = Callable[[Path, Random], None]
KINDS: dict[str, tuple[str, tuple[str, ...], Use]] = {
    'camera': ('camera.yaml', (CAMERA, EUROC), _camera),
    'intrinsics': ('intrinsics.txt', (CAMERA_TEXT,), _camera),
    'intrinsics-option': ('none', ('',), _camera_option),
    'times': ('times.txt', (TIMES,), _times),
    'poses': ('poses.txt', (TUM, KITTI), _poses),
    'experiment': ('experiment.yaml', (EXPERIMENT,), _experiment),
    'parameters': ('parameters.yaml', (PARAMETERS,), _parameters),
    'run': ('run.json', (json.dumps(RUN),), _run),
    'dataset': ('dataset.json', (json.dumps(DATASET),), _dataset),
    'training-run': ('run.json', ('[{"weights": "chance"}]',), _starts),
}


def _use(name: str, use: Use, folder: Path, rng: Random) -> None:
    use(folder / name, rng)


TARGETS = {
    f'text-{kind}': Target(
        partial(_make, name, seeds), partial(_use, name, use), (ParameterFileError,)
    )
    for kind, (name, seeds, use) in KINDS.items()
}
