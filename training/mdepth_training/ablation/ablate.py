# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Variants of an experiment with equal budgets, several seeds, and what they show."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import say
from mdepth_training.ablation.held_out import HeldOut
from mdepth_training.ablation.plan import Run, plan
from mdepth_training.ablation.report import Results, write_report
from mdepth_training.ablation.runs import run_all, scores_of, start_in_process
from mdepth_training.data.synthetic import experiment_camera
from mdepth_training.run_folder import git_state
from mdepth_training.source import open_source


def ablate(
    config: Path,
    output: Path,
    *,
    table: str = 'components',
    seeds: int = 3,
    jobs: int = 1,
    minutes: float | None = None,
    overrides: Sequence[str] | None = None,
    drives: int = 10,
    frames: int = 70,
) -> Path:
    """Learn and score every variant of a table with every seed; return the report.

    Goes on where it stopped: what is finished in `output` stays. After `minutes` the runs save
    themselves and stop. Raises MdepthError where runs failed, after the report is written.
    """
    overrides = overrides or ()
    end = None if minutes is None else time.time() + 60 * minutes
    runs = plan(config, table, seeds, output, overrides)
    held_out, cache = _prepare(runs, output, drives, frames)

    def scores(run: Run) -> dict[str, float] | None:
        return scores_of(run, held_out)

    failures = run_all(
        runs,
        start_in_process(held_out, cache, end, jobs),
        lambda run: scores(run) is not None,
        jobs=jobs,
        end=end,
    )
    results: Results = {
        (run.variant, run.seed): found for run in runs if (found := scores(run)) is not None
    }
    path = output / f'{table}.md'
    title = f'Ablation: {table} of {config.name}'
    facts = _facts(runs, held_out, overrides)
    text = write_report(path, title, facts, runs, results, failures)
    for line in text.splitlines():
        say(line)
    if failures:
        raise MdepthError(f'{len(failures)} of {len(runs)} runs failed, see {path}')
    return path


def _prepare(runs: Sequence[Run], output: Path, drives: int, frames: int) -> tuple[HeldOut, Path]:
    """Make what all runs share, once: their drives and the held-out ones."""
    cache = output / 'cache'
    cache.mkdir(parents=True, exist_ok=True)
    experiments = {run.experiment.input_size: run.experiment for run in runs}
    largest = max(experiments.values(), key=lambda one: one.input_size)
    held_out = HeldOut(largest.data, experiment_camera(largest), drives, frames)
    world = largest.data.synthetic
    if not largest.data.recordings and world.first_seed + world.drives > held_out.first_seed:
        raise MdepthError(
            f'data.synthetic has seeds up to {world.first_seed + world.drives - 1}, but those '
            f'from {held_out.first_seed} on are held out: take fewer drives or a lower first_seed'
        )
    for experiment in experiments.values():
        open_source(experiment, cache)
    held_out.render(cache)
    return held_out, cache


def _facts(runs: Sequence[Run], held_out: HeldOut, overrides: Sequence[str]) -> list[str]:
    """What a reader must know of the budget."""
    first = runs[0].experiment
    training, data, network = first.training, first.data, first.network
    length = f'{training.epochs} epochs' if training.epochs else f'{training.steps} steps'
    source = f'{data.synthetic.drives} drives of {data.synthetic.frames} frames'
    if data.recordings:
        source = ', '.join(data.recordings)
    height, width = first.input_size
    return [
        f'every run: {length} of batch {training.batch_size}, {source}; seeds '
        f'{runs[0].seed} to {runs[-1].seed}; the last checkpoint, nothing selected',
        f'{network.encoder} of width {network.width:g}, {height}x{width}, code {git_state()}'
        + ''.join(f', {override}' for override in overrides),
        f'scored on {held_out.describe()}',
        'a difference is called shown where the 95 % interval of its mean over the seeds '
        "(Student's t) leaves out zero",
    ]
