# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth bench`: time per stage, as ratios of what runs beside it in the same minute."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mdepth_ros.cli import bench_live, bench_live_table
from mdepth_ros.model.shipped import shipped_model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mdepth_ros.core.types import Frame
    from mdepth_ros.geometry import Camera
    from mdepth_ros.model.file import ModelCard
    from mdepth_ros.networks import JointDepthPose, NetworkConfig

LARGEST_RATIO = 0.6
LARGEST_REST = 0.1
LARGEST_DIFFERENCE = 0.005
STAGES = ('sample', 'network', 'refine', 'post', 'pairing', 'scale', 'odometry')


def bench(
    model: Annotated[
        Path | None,
        typer.Argument(help='A model file to measure too; the shipped one where not given.'),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, max=100_000, help='How often everything is measured.')
    ] = 20,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help='Threads of torch.')] = None,
    live: Annotated[
        float | None,
        typer.Option(min=1, help='Measure the live node instead, for so many seconds.'),
    ] = None,
    json: Annotated[Path | None, typer.Option(help='Write the numbers to this file too.')] = None,
) -> None:
    """Measure the step on this machine's CPU against plain networks in fp32.

    The plain depth and pose networks (ResNet-18, no cues, no attention, fp32, eager) and the full
    step (joint network at auto precision, from a 1242x375 image to depth and pose) take turns, so
    that other load hits both alike. Weights are random: they do not change the time.

    With --live: how old depth is when it leaves the node, for images of KITTI's size at 10 Hz.

    Examples: mdepth bench --json bench.json

    mdepth bench --live 30
    """
    import json as json_format

    from mdepth_ros.errors import MdepthError
    from mdepth_ros.networks import NetworkConfig
    from mdepth_ros.terminal import Console

    console = Console()
    if live is not None:
        with console.status('measuring'):
            numbers = bench_live.measure_live(model or shipped_model(), live)
        bench_live_table.print_live(console, numbers)
    else:
        with console.status('measuring'):
            numbers = measure(NetworkConfig(), (192, 640), rounds, threads)
            numbers['model'] = measure_model(model or shipped_model(), rounds, threads)
        _print(console, numbers)
    if json is not None:
        try:
            json.write_text(json_format.dumps(numbers, indent=2) + '\n', encoding='utf-8')
        except OSError as error:
            raise MdepthError(f'{json} cannot be written: {error.strerror}') from error


def measure(
    config: NetworkConfig, size: tuple[int, int], rounds: int, threads: int | None = None
) -> dict[str, Any]:
    """Times of the plain networks and of the full step of `config`, in turns; random weights.

    size is (height, width) of the networks' input. The result has 'medians_ms', 'ratio' (step to
    plain networks), 'rest' (share of the step outside networks and refinement) and
    'depth_difference' (median relative difference of the step's precision from fp32).
    """
    from dataclasses import replace
    from statistics import median
    from time import perf_counter

    import torch

    from mdepth_ros.geometry import Camera
    from mdepth_ros.model.file import ModelCard
    from mdepth_ros.networks import JointDepthPose

    torch.manual_seed(0)
    plain = JointDepthPose(replace(config, cues=False, attention='none')).eval()
    network = _calibrated(JointDepthPose(config), size)
    height, width = size
    camera = Camera(round(width * 1.94), round(height * 1.953), 721.5, 721.5, 609.6, 172.9)
    view = Camera(width, height, 371.8, 371.8, width / 2, height / 2)
    card = ModelCard(
        name='random weights',
        network=config,
        input_size=size,
        camera=view.normalised,
        frame_interval=0.1,
        method='none',
        data='none',
        licence='Apache-2.0',
    )
    perception = _perception(network, card, threads)
    images = [torch.rand(1, 3, height, width) for _ in range(2)]
    frames = _frames(camera, rounds + 4)
    plain_times: list[float] = []
    timings: list[dict[str, float]] = []
    for index, frame in enumerate(frames):
        start = perf_counter()
        with torch.inference_mode():
            plain(*images, scales=1)
        elapsed = perf_counter() - start
        estimate = perception.step(frame)
        if index >= 4:
            plain_times.append(elapsed)
            timings.append(estimate.timings)
    return {
        'machine': _machine(perception.estimator),
        'size': list(size),
        'rounds': rounds,
        'medians_ms': {
            'plain networks': 1e3 * median(plain_times),
            **_medians(timings),
        },
        'ratio': median(t['step'] for t in timings) / median(plain_times),
        'rest': median(1 - (t['network'] + t['refine']) / t['step'] for t in timings),
        'depth_difference': _difference(network, card, frames),
    }


def measure_model(path: Path, rounds: int, threads: int | None = None) -> dict[str, Any]:
    """Times of the step of a model file at its own size, and its 'depth_difference' from fp32."""
    from mdepth_ros.geometry import Camera
    from mdepth_ros.model.file import load_model

    network, card = load_model(path)
    height, width = card.input_size
    camera = Camera.from_normalised(2 * width, 2 * height, *card.camera)
    frames = _frames(camera, rounds + 4)
    perception = _perception(network, card, threads)
    timings = [perception.step(frame).timings for frame in frames][4:]
    return {
        'name': card.name,
        'size': list(card.input_size),
        'medians_ms': _medians(timings),
        'depth_difference': _difference(network, card, frames),
    }


def _perception(network: JointDepthPose, card: ModelCard, threads: int | None) -> Any:
    from mdepth_ros.core.estimator import Estimator
    from mdepth_ros.core.odometry import Odometry
    from mdepth_ros.core.pairing import Pairing
    from mdepth_ros.core.perception import Perception
    from mdepth_ros.core.scale import NoScale

    estimator = Estimator(network, card, device='cpu', threads=threads)
    return Perception(Pairing(card.frame_interval), estimator, NoScale(), Odometry())


def _calibrated(network: JointDepthPose, size: tuple[int, int]) -> JointDepthPose:
    """Make random weights behave like trained ones, so that rounding errors are of their size.

    Batch norms learn their inputs, else signals grow from layer to layer; cues are switched on;
    the disparity's logits get a spread of 1, else the depth is nearly flat.
    """
    import torch
    from torch import nn

    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    if network.cues is not None and network.cues.gate is not None:
        nn.init.ones_(network.cues.gate)
    with torch.no_grad():
        images = torch.from_numpy(_pictures(*size, 4)).permute(0, 3, 1, 2).float() / 255
        network.train()(images[:2], images[2:])
        disparity = network.eval()(images[:2], images[2:], scales=1)[0][0]
        for weight in network.depth_decoder.heads[0].parameters():
            weight.div_(disparity.logit().std())
    return network


def _pictures(height: int, width: int, count: int) -> NDArray[np.uint8]:
    """Random pictures with details of all sizes, as real ones have: uint8 [count, h, w, 3]."""
    import numpy as np
    import torch
    from torch.nn.functional import interpolate

    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(count, 3, height, width)
    for octave in range(2, 8):
        coarse = torch.randn(count, 3, 2**octave, 2 ** (octave + 1), generator=generator)
        total += interpolate(coarse, size=(height, width), mode='bilinear') / 2 ** (octave / 2)
    pictures = (total / (4 * total.std()) + 0.5).clamp(0, 1).mul(255).byte()
    result: NDArray[np.uint8] = np.ascontiguousarray(pictures.permute(0, 2, 3, 1).numpy())
    return result


def _frames(camera: Camera, count: int) -> list[Frame]:
    """Frames a tenth of a second apart; the pictures repeat."""
    from mdepth_ros.core.types import Frame

    pictures = _pictures(camera.height, camera.width, 4)
    return [Frame(10**8 * index, pictures[index % 4], camera) for index in range(count)]


def _difference(network: JointDepthPose, card: ModelCard, frames: list[Frame]) -> float:
    """Median over pixels of |depth / depth in fp32 - 1|, over the first pairs."""
    from itertools import pairwise

    import numpy as np

    from mdepth_ros.core.estimator import Estimator
    from mdepth_ros.core.pairing import FramePair

    auto, full = (Estimator(network, card, 'cpu', name) for name in ('auto', 'fp32'))
    pairs = [FramePair(new, old, '', card.frame_interval) for old, new in pairwise(frames[:5])]
    return float(np.median([np.abs(auto(p).depth / full(p).depth - 1) for p in pairs]))


def _medians(timings: list[dict[str, float]]) -> dict[str, float]:
    from statistics import median

    return {name: 1e3 * median(t[name] for t in timings) for name in ('step', *STAGES)}


def _machine(estimator: Any) -> dict[str, Any]:
    import platform

    import torch

    from mdepth_ros.core.machine import fast_bf16

    return {
        'cpu': platform.processor() or platform.machine(),
        'torch': torch.__version__,
        'threads': estimator.threads,
        'precision': estimator.precision,
        'fast_bf16': fast_bf16(),
    }


def _print(console: Any, numbers: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    machine, medians = numbers['machine'], numbers['medians_ms']
    height, width = numbers['size']
    table = Table(
        title=f'{width}x{height}, {machine["threads"]} threads, {machine["precision"]}, '
        f'torch {machine["torch"]}: medians of {numbers["rounds"]}',
        title_justify='left',
    )
    for heading in ('', 'ms', 'of the step'):
        table.add_column(heading, justify='left' if not heading else 'right')
    for name, value in medians.items():
        share = '' if name == 'plain networks' else f'{value / medians["step"]:.1%}'
        label = {'plain networks': 'plain networks, fp32', 'step': 'full step'}.get(name)
        table.add_row(label or f'  {name}', f'{value:.2f}', share)
    console.print(table)

    differences = {'random weights': numbers['depth_difference']}
    if 'model' in numbers:  # `measure` alone has none
        shipped = numbers['model']
        differences[shipped['name']] = shipped['depth_difference']
        console.print(
            f'{shipped["name"]} at {shipped["size"][1]}x{shipped["size"][0]}: step '
            f'{shipped["medians_ms"]["step"]:.2f} ms, of it networks '
            f'{shipped["medians_ms"]["network"]:.2f} ms'
        )
    targets = Table(title='targets', title_justify='left')
    for heading in ('', 'measured', 'at most', ''):
        targets.add_column(heading, justify='right' if heading else 'left')
    rows = [
        ('full step / plain networks', f'{numbers["ratio"]:.3f}', numbers['ratio'], LARGEST_RATIO),
        (
            'outside networks and refinement',
            f'{numbers["rest"]:.1%}',
            numbers['rest'],
            LARGEST_REST,
        ),
        *(
            (
                f'depth, {machine["precision"]} against fp32: {name}',
                f'{value:.3%}',
                value,
                LARGEST_DIFFERENCE,
            )
            for name, value in differences.items()
        ),
    ]
    for name, text, value, limit in rows:
        verdict = Text('pass', 'green') if value <= limit else Text('miss', 'red')
        targets.add_row(
            name, text, f'{limit:g}' if limit == LARGEST_RATIO else f'{limit:.1%}', verdict
        )
    console.print(targets)
