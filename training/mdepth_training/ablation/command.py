# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The commands `mdepth-train ablate`, `regions`, `speeds` and `masks`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mdepth_ros.terminal import say
from mdepth_training.options import Cache, Minutes, Overrides


def ablate(
    config: Annotated[Path, typer.Argument(help='The experiment that the variants vary.')],
    output: Annotated[Path, typer.Option('--output', '-o', help='Folder of all runs.')],
    table: Annotated[
        str,
        typer.Option(help='components, ham, pose, resolution, stages or distillation.'),
    ] = 'components',
    seeds: Annotated[int, typer.Option(min=1, max=1000, help='Runs of each variant.')] = 3,
    jobs: Annotated[int, typer.Option(min=1, max=1024, help='Runs side by side.')] = 1,
    minutes: Minutes = None,
    drives: Annotated[int, typer.Option(min=1, max=10_000, help='Held-out drives.')] = 10,
    frames: Annotated[
        int, typer.Option(min=5, max=1_000_000, help='Frames of each held-out drive.')
    ] = 70,
    overrides: Overrides = None,
) -> None:
    """Learn variants with equal budgets and several seeds, and say what the seeds show.

    What is finished stays: the same command goes on where it stopped.

    Example: mdepth-train ablate training/configs/ablation-small.yaml -o runs/table5 --jobs 2
    """
    given = dict(locals())
    from mdepth_training.ablation.ablate import ablate as run

    say(f'the report: {run(**given)}')


Rows = Annotated[
    list[str],
    typer.Argument(help='Rows: FILE, or NAME=FILE,FILE,... for models of several seeds.'),
]
Moving = Annotated[float, typer.Option(min=0, max=10, help='Traffic, 1 is the usual amount.')]
Drives = Annotated[int, typer.Option(min=1, max=10_000, help='Held-out drives.')]
Frames = Annotated[int, typer.Option(min=2, max=1_000_000, help='Frames of each drive.')]
FirstSeed = Annotated[int, typer.Option(help='Seed of the first drive.')]
Appearance = Annotated[float, typer.Option(min=0, max=1, help='0 plain, 1 broadly randomised.')]
Cues = Annotated[
    bool, typer.Option(help='Give the depth the cues of the pair; else one image must do.')
]


def regions(
    models: Rows,
    output: Annotated[
        Path | None, typer.Option('--output', '-o', help='Folder for .md, .csv, .json and .png.')
    ] = None,
    moving: Moving = 1.0,
    drives: Drives = 10,
    frames: Frames = 40,
    first_seed: FirstSeed = 10_000,
    appearance: Appearance = 0.0,
    cues: Cues = True,
    cache: Cache = None,
) -> None:
    """Compare models by region: all pixels, what stands, what moves, in the synthetic world.

    All are scored on the same frames. Below a row of several models are their spread and the 95 %
    interval of the mean. Give models of several seeds in the same order in each row.

    Example: mdepth-train regions without=a0.safetensors,a1.safetensors
    labels=b0.safetensors,b1.safetensors --moving 3
    """
    given = dict(locals())
    from mdepth_training.ablation.regions import regions as run

    run(given.pop('models'), **given)


def speeds(
    models: Rows,
    output: Annotated[
        Path, typer.Option('--output', '-o', help='Folder for the plot and its numbers.')
    ],
    moving: Moving = 3.0,
    drives: Drives = 10,
    frames: Frames = 40,
    first_seed: FirstSeed = 10_000,
    appearance: Appearance = 0.0,
    cues: Cues = True,
    cache: Cache = None,
) -> None:
    """Plot the error of what moves against its speed, in the synthetic world.

    Against the speed of a thing itself, and against how fast it moves away from the camera; a
    curve for each row, with 95 % intervals over the things.

    Example: mdepth-train speeds without=a.safetensors labels=b.safetensors -o speeds
    """
    given = dict(locals())
    from mdepth_training.ablation.speeds import speeds as run

    run(given.pop('models'), **given)


def masks(
    store: Annotated[Path, typer.Argument(help='Label store of the synthetic world.')],
    experiment: Annotated[
        Path | None, typer.Option(help='What was labelled; else as the stage beside it says.')
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help='Score so many frames, evenly spread.')
    ] = None,
    output: Annotated[
        Path | None, typer.Option('--output', '-o', help='Also write the numbers here (.json).')
    ] = None,
) -> None:
    """Score the masks of a label store against the exact ones of the synthetic world.

    Precision and recall of `instances`, `dynamic` and `objects`, of pixels and of things, and the
    recall of what comes towards the camera, drives ahead or crosses.

    Example: mdepth-train masks runs/dynamic/things/labels
    """
    given = dict(locals())
    from mdepth_training.ablation.masks import masks as run

    run(given.pop('store'), **given)
