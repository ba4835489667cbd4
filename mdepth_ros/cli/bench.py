# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth bench`: time per stage, as ratios of what runs beside it in the same minute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from mdepth_ros.cli.options import threads_or_auto
from mdepth_ros.model.shipped import shipped_model
from mdepth_ros.terminal import Console, print_table

LARGEST_RATIO, LARGEST_REST, LARGEST_DIFFERENCE = 0.6, 0.1, 0.005


def bench(
    model: Annotated[
        Path | None,
        typer.Argument(help='A model file to measure too; the shipped one where not given.'),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=100_000, help='Measure so often.')] = 20,
    threads: Annotated[
        int | None,
        typer.Option(
            parser=threads_or_auto, metavar='NUMBER', help='Of torch; auto: the usable cores.'
        ),
    ] = None,
    live: Annotated[
        float | None, typer.Option(min=1, help='Measure the live node instead, so many seconds.')
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

    console = Console()
    weights = model or shipped_model()
    if live is not None:
        from mdepth_ros.cli.bench_live import measure_live

        with console.status('measuring'):
            numbers = measure_live(weights, live)
        print_live(console, numbers)
    else:
        from mdepth_ros.cli import bench_step
        from mdepth_ros.networks import NetworkConfig

        with console.status('measuring'):
            numbers = bench_step.measure(NetworkConfig(), (192, 640), rounds, threads)
            numbers['model'] = bench_step.measure_model(weights, rounds, threads)
        print_step(console, numbers)
    if json is not None:
        json.write_text(json_format.dumps(numbers, indent=2) + '\n', encoding='utf-8')


def print_step(console: Any, numbers: dict[str, Any]) -> None:
    """Print what `bench_step.measure` and `measure_model` returned."""
    machine, medians, shipped = numbers['machine'], numbers['medians_ms'], numbers['model']
    height, width = numbers['size']
    title = f'{width}x{height}, {machine["threads"]} threads, {machine["precision"]}, '
    title += f'torch {machine["torch"]}: medians of {numbers["rounds"]}'
    labels = {'plain networks': 'plain networks, fp32', 'step': 'full step'}
    rows = []
    for name, value in medians.items():
        share = '' if name == 'plain networks' else f'{value / medians["step"]:.1%}'
        rows.append((labels.get(name, f'  {name}'), f'{value:.2f}', share))
    print_table(console, title, ('', 'ms', 'of the step'), rows)
    console.print(
        f'{shipped["name"]} at {shipped["size"][1]}x{shipped["size"][0]}: step '
        f'{shipped["medians_ms"]["step"]:.2f} ms, of it networks '
        f'{shipped["medians_ms"]["network"]:.2f} ms'
    )
    targets = [
        ('full step / plain networks', numbers['ratio'], LARGEST_RATIO, '{:.3f}'),
        ('outside networks and refinement', numbers['rest'], LARGEST_REST, '{:.1%}'),
    ]
    for name, of in (('random weights', numbers), (shipped['name'], shipped)):
        label = f'depth, {machine["precision"]} against fp32: {name}'
        targets.append((label, of['depth_difference'], LARGEST_DIFFERENCE, '{:.3%}'))
    _print_targets(console, targets)


def print_live(console: Any, numbers: dict[str, Any]) -> None:
    """Print what `bench_live.measure_live` returned."""
    from mdepth_ros.cli.bench_live import HEIGHT, RATE, STAGES, WIDTH, targets_of

    stages, title = numbers['stages_ms'], f'live node, {WIDTH}x{HEIGHT} at {RATE:g} Hz for '
    rows = [
        (f'image stamp to depth {what}, ms', *(f'{value:.1f}' for value in numbers[key].values()))
        for what, key in (('published', 'age_ms'), ('arrived', 'arrival_ms'))
    ]
    known = [name for name in STAGES if name in stages]
    for name in [*known, *(name for name in stages if name not in STAGES)]:
        indent = '  ' * (1 + STAGES.get(name, 0))
        rows.append((f'{indent}{name}, ms', f'{stages[name]:.1f}', '', ''))
    title += f'{numbers["seconds"]:g} s, all outputs subscribed'
    print_table(console, title, ('', 'median', 'p99', 'max'), rows)
    before, after = numbers['memory_mb']
    sent, dropped = numbers['sent'], numbers['dropped']
    console.print(f'{numbers["depths"]} depth images of {sent} images, {dropped} dropped')
    console.print(f'memory of the node: {before:.0f} MB, at the end {after:.0f} MB')
    console.print(', '.join(f'{name} {count}' for name, count in numbers['outputs'].items()))
    if not {'step', 'decode', 'publish'} <= stages.keys():
        console.print('the node gave no diagnostics in this time: measure longer')
        return
    _print_targets(console, targets_of(numbers))


def _print_targets(console: Any, targets: list[tuple[str, float, float, str]]) -> None:
    """Print (what, measured, at most, and how both are written)."""
    rows = []
    for label, value, most, form in targets:
        verdict = Text('pass', 'green') if value <= most else Text('miss', 'red')
        rows.append((label, form.format(value), form.format(most), verdict))
    print_table(console, 'targets', ('', 'measured', 'at most', ''), rows)
