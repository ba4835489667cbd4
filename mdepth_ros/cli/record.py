# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth record`: topics of the graph into a bag."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from mdepth_ros.cli.options import Overwrite, Storage
from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import Console, say

if TYPE_CHECKING:
    from mdepth_ros.ros.recorder import Recorder


def record(
    output: Annotated[Path, typer.Option('--output', '-o', help='Directory for the bag.')],
    topics: Annotated[str, typer.Option(help='With commas between; * is a wildcard.')] = '',
    everything: Annotated[bool, typer.Option('--all', '-a', help='All but hidden ones.')] = False,
    exclude: Annotated[str, typer.Option(help='Leave these out.')] = '',
    storage: Storage = 'mcap',
    duration: Annotated[float | None, typer.Option(min=0.1, help='Seconds at most.')] = None,
    use_sim_time: Annotated[
        bool, typer.Option('--use-sim-time', help='Stamp by /clock; begin when it runs.')
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Record topics as they appear, each with the QoS of its publishers, until Ctrl-C.

    The bag is in OUTPUT.partial until it is whole. Messages are stamped with the time of arrival.

    Examples: mdepth record -o DRIVE --topics '/camera/*,/tf_static'

    mdepth record -o LIVE --all --duration 60
    """
    from mdepth_ros.cli.live import live_node
    from mdepth_ros.ros.bag_topics import split_names
    from mdepth_ros.ros.recorder import Recorder, TopicsBag

    wanted = split_names(topics)
    if bool(wanted) == everything:
        raise MdepthError('say what to record: --topics NAMES or --all')
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    end = time.monotonic() + (math.inf if duration is None else duration)
    bag = TopicsBag(output, storage, overwrite=overwrite)
    recorder, interrupted = None, True
    try:
        with live_node('mdepth_recorder', use_sim_time=use_sim_time) as node:
            recorder = Recorder(node, bag, wanted, split_names(exclude))
            with bag:
                with suppress(KeyboardInterrupt):
                    console.print(f'recording into {output}: Ctrl-C ends it')
                    _spin(node, recorder, end, console)
                    interrupted = False
                if not any(recorder.counts.values()):
                    advice = _advice(recorder, use_sim_time)
                    raise MdepthError(f'nothing came in, nothing was written: {advice}')
    except MdepthError as error:
        if bag.remains is not None:
            raise MdepthError(f'{error}; what came before is in {bag.remains}') from error
        if not interrupted or recorder is None or any(recorder.counts.values()):
            raise
        console.print(str(error))  # whoever stops it knows why
        return
    if recorder is None:  # Ctrl-C while it started
        return
    _report(recorder)
    say(f'bag: {output}')


def _spin(node: Any, recorder: Recorder, end: float, console: Console) -> None:
    from rclpy.executors import SingleThreadedExecutor

    executor = SingleThreadedExecutor()
    executor.add_node(node)
    shown = 0.0
    try:
        with console.status('waiting for topics') as status:
            while (now := time.monotonic()) < end:
                executor.spin_once(timeout_sec=min(0.2, end - now))
                if now - shown > 0.5:
                    shown = now
                    total = sum(recorder.counts.values())
                    status.update(f'{total} messages of {len(recorder.counts)} topics')
    finally:
        executor.shutdown()


def _advice(recorder: Recorder, use_sim_time: bool) -> str:
    if recorder.counts:
        return f'{", ".join(recorder.counts)} had publishers that were silent'
    if use_sim_time:
        return 'no /clock ran (`mdepth play --clock 200`), or no topic had a publisher'
    names = ', '.join(recorder.missing()) or 'any topic'
    return f'nobody published {names} (`mdepth doctor` lists what is there)'


def _report(recorder: Recorder) -> None:
    table = Table.grid(padding=(0, 2))
    for topic, count in sorted(recorder.counts.items()):
        table.add_row(str(count), topic, recorder.types[topic])
    Console(highlight=False, soft_wrap=True).print(table)
    for name in recorder.missing():
        say(f'nobody published {name}')
