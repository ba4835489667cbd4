# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the stages of a chain that are not finished, one after the other."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.table import Table

from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import Console, say
from mdepth_training.stages.cost import cost_of, counted
from mdepth_training.stages.stage import BEGUN, FINISHED, OUTDATED, Stage, name_of, now


def run(
    stages: Sequence[Stage],
    cache: Path,
    *,
    first: str | None = None,
    only: str | None = None,
    minutes: float | None = None,
    command: str = '',
) -> bool:
    """Run or resume the stages; True when they are finished, False when the time is over.

    first    make this stage and all after it anew
    only     run this stage alone
    command  what makes the stages, to be said where one is missing

    Raises MdepthError where a finished stage was made of something else than it would be now, or
    where an input of a stage is not there.
    """
    names = [stage.name for stage in stages]
    for name in (first, only):
        if name is not None and name not in names:
            raise MdepthError(f'there is no stage {name!r}: choose from {", ".join(names)}')
    end = None if minutes is None else time.time() + 60 * minutes
    chosen = [stage for stage in stages if only in (None, stage.name)]
    if first is not None:
        for stage in stages[names.index(first) :]:
            if stage in chosen and stage.record():
                shutil.rmtree(stage.folder)
    return all(
        run_stage(replace(stage, cache=cache), end, command, again=only is not None)
        for stage in chosen
    )


def run_stage(stage: Stage, end: float | None, command: str = '', again: bool = False) -> bool:
    """Run or resume one stage; True when it is finished. `end`: seconds of time.time.

    again  a stage of labels that is finished makes those that are missing since
    """
    state, why = stage.state()
    if state == OUTDATED:
        raise MdepthError(
            f'stage {stage.name} was made of something else ({why}): --from {stage.name} makes it '
            'and what follows anew, another --output keeps it'
        )
    if state == FINISHED and not (again and stage.kind == 'labels'):
        return True
    if state == BEGUN and why and stage.kind != 'fit':
        raise MdepthError(f'stage {stage.name} was begun {why}: --from {stage.name} makes it anew')
    for name, source in stage.inputs().items():
        there = source.state()[0] == FINISHED if isinstance(source, Stage) else source.exists()
        if not there:
            raise MdepthError(
                f'stage {stage.name} reads {name_of(source)} ({name}), which is not there yet'
            )
    if end is not None and time.time() >= end:
        return False
    say(f'stage {stage.name} ({stage.kind}): {"goes on" if state == BEGUN else "begins"}')
    stage.begin(f'{command} --only {stage.name}' if command else '')
    try:
        with counted(stage):
            done = stage.work()(stage, end)
    except KeyboardInterrupt:
        raise MdepthError(
            f'interrupted in stage {stage.name}: the same command goes on there'
        ) from None
    if done:
        stage.note(finished=now())
    return done


def print_stages(stages: Sequence[Stage]) -> None:
    """Print a table of the stages: their states, and what they cost."""
    table, remarks = Table(), dict[str, list[str]]()
    for heading in ('stage', 'kind', 'reads', 'state', 'seconds', 'each'):
        table.add_column(heading, overflow='fold')
    for stage in stages:
        reads = ', '.join(map(name_of, stage.inputs().values()))
        state, remark = stage.state()
        table.add_row(stage.name, stage.kind, reads, state, *cost_of(stage))
        remarks.setdefault(remark, []).append(stage.name)
    console = Console(highlight=False, markup=False)
    console.print(table)
    for remark, names in remarks.items():
        if remark:
            console.print(f'{", ".join(names)}: {remark}')
