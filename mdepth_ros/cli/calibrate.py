# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth calibrate`: how wrong a model's motions are, measured and written into its card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FIRST_SEED = 40000  # neither training nor the drives of evaluation have such seeds


def calibrate(
    model: Annotated[Path, typer.Argument(help='A model file (.safetensors).')],
    drives: Annotated[int, typer.Option(min=2, help='Synthetic drives to measure on.')] = 24,
    frames: Annotated[int, typer.Option(min=30, help='Frames of each drive.')] = 70,
    seed: Annotated[int, typer.Option(help='Seed of the first drive.')] = FIRST_SEED,
    appearance: Annotated[
        float, typer.Option(min=0.0, max=1.0, help='0: plain roads, 1: broadly randomised.')
    ] = 0.0,
    output: Annotated[
        Path | None, typer.Option('--output', '-o', help='Write here; default: into the model.')
    ] = None,
) -> None:
    """Measure the noise of a model's motions on synthetic drives and write it into its card.

    The covariances of odometry and twist come from it.

    Example: mdepth calibrate models/road-nano.safetensors --appearance 1
    """
    from dataclasses import replace

    from rich.console import Console
    from rich.progress import track

    from mdepth_ros.calibration import calibrate, synthetic_pairs
    from mdepth_ros.estimator import Estimator
    from mdepth_ros.model_file import load_model, save_model
    from mdepth_ros.motion_noise import AXES, sizes_of

    network, card = load_model(model)
    estimator = Estimator(network, card)
    seeds = range(seed, seed + drives)
    driving = synthetic_pairs(estimator, seeds, frames, appearance)
    measured = list(track(driving, description='driving', total=drives))
    found = calibrate(measured)
    where = (
        f'{drives} synthetic drives of {frames} frames, seeds from {seed}, '
        f'appearance {appearance:g}'
    )
    text = (
        f'{where}; on drives left out NEES/6 {found.held_out.nees:.2f}, 95 % intervals cover '
        f'{found.held_out.coverage:.1%}; {found.alarms:.2%} of the pairs were not tracked'
    )
    details = {**card.details, 'calibrated on': text}
    card = replace(card, calibration=found.noise.calibration(), details=details)
    save_model(output or model, network, card)
    sizes = sizes_of(measured[0].motions, measured[0].residuals).mean(0, keepdims=True)
    typical = found.noise.stds(sizes)[0]
    console = Console(highlight=False)
    console.print(f'calibrated on {text}')
    console.print(
        'a typical pair, std: '
        + ', '.join(f'{a} {value:.2g}' for a, value in zip(AXES, typical, strict=True))
        + f' (units and rad); a chain errs {found.noise.correlation**0.5:.1f} times as much as '
        'its pairs would alone'
    )
    console.print(f'written: {output or model}')
