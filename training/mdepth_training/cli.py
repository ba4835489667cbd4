# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command `mdepth-train`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import typer

from mdepth_ros.cli.shell import run_app

app = typer.Typer(
    help='Learn depth and ego-motion from unlabelled drives, and score what was learned.',
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def fit(
    config: Annotated[Path, typer.Argument(help='The experiment, a YAML file.')],
    output: Annotated[Path, typer.Option('--output', '-o', help='Folder of the run.')],
    resume: Annotated[bool, typer.Option(help='Go on from the last checkpoint there.')] = False,
    overrides: Annotated[
        list[str] | None, typer.Option('--set', help='Override a setting: training.steps=100.')
    ] = None,
) -> None:
    """Learn what an experiment says.

    Example: mdepth-train fit training/configs/synthetic-nano.yaml -o runs/nano --resume
    """
    from mdepth_training.config import load_experiment
    from mdepth_training.fit import fit as run

    model = run(load_experiment(config, overrides), output, resume=resume)
    print(f'the model: {model}')


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help='A model file.')],
    drives: Annotated[int, typer.Option(min=1, help='Held-out drives.')] = 10,
    frames: Annotated[int, typer.Option(min=5, help='Frames of each drive.')] = 70,
    appearance: Annotated[
        float, typer.Option(min=0, max=1, help='0 plain, 1 broadly randomised.')
    ] = 0.0,
    first_seed: Annotated[int, typer.Option(help='Seed of the first drive.')] = 10_000,
    record: Annotated[bool, typer.Option(help="Write the scores into the model's card.")] = False,
    csv: Annotated[Path | None, typer.Option(help='Also write the table here.')] = None,
) -> None:
    """Score a model on held-out synthetic drives, beside predictors that need no learning.

    Example: mdepth-train evaluate models/synthetic-nano.safetensors
    """
    from mdepth_training.evaluation.synthetic import evaluate as run

    run(model, drives, frames, appearance, first_seed, record=record, csv=csv)


def main() -> None:
    """Run a command."""
    run_app(app)
