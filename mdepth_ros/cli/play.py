# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth play`: a bag into the graph."""

from __future__ import annotations

import math
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import Console, progress_bar

if TYPE_CHECKING:
    from mdepth_ros.ros.player import Played, Player

DISCOVERY = 2.0


def play(
    bag: Annotated[Path, typer.Argument(help='A ROS 2 bag (folder, .mcap, .db3) or ROS 1 .bag.')],
    rate: Annotated[float, typer.Option('--rate', '-r', help='Speed; 1: as recorded.')] = 1.0,
    clock: Annotated[
        float,
        typer.Option(min=0, max=10_000, help='Hz of /clock, also before every message; 0: never.'),
    ] = 0.0,
    loop: Annotated[bool, typer.Option('--loop', '-l', help='Begin again at the end.')] = False,
    start: Annotated[
        float, typer.Option(min=0, help='Seconds to leave out; what is latched is played.')
    ] = 0.0,
    topics: Annotated[str, typer.Option(help='Only these; commas between, * is a wildcard.')] = '',
    exclude: Annotated[str, typer.Option(help='Leave these out.')] = '',
    remap: Annotated[
        list[str] | None, typer.Option('--remap', help='from:=to, another name for a topic.')
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(min=0, help='Seconds to wait for a subscriber; 2, or no end for --wait-for.'),
    ] = None,
    wait_for: Annotated[
        str, typer.Option(help='Begin when each of these topics, as played, has a subscriber.')
    ] = '',
    delay: Annotated[float, typer.Option(min=0, help='Seconds to wait before that.')] = 0.0,
) -> None:
    """Play a bag at recorded speed, each topic with the QoS with which it was recorded.

    Bytes are published as they were recorded. Ctrl-C ends it. In a bag that holds the node's own
    outputs leave them out: --exclude '/depth/*,/odom,/path,/tf'.

    Examples: mdepth play DRIVE --clock 200

    mdepth play DRIVE.bag --rate 0.5 --topics '/camera/*,/tf_static' --remap /camera/image:=/image
    """
    from mdepth_ros.cli.live import live_node
    from mdepth_ros.ros.bag_topics import choose, split_names
    from mdepth_ros.ros.player import Player, offered_profiles
    from mdepth_ros.sources.recording import Recording

    if not 0 < rate < math.inf:
        raise MdepthError(f'--rate {rate:g}: give a number above zero')
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with Recording(bag) as recording:
        chosen = choose(list(recording.topics), split_names(topics), split_names(exclude))
        remaps = dict(_remap(text) for text in remap or [])
        if remaps:
            choose(chosen, list(remaps))  # refuses a name that is not played
        played_as = [remaps.get(name, name) for name in chosen]
        wanted = choose(played_as, split_names(wait_for)) if wait_for else []
        with live_node('mdepth_player') as node:
            profiles, pace = offered_profiles(recording), {'rate': rate, 'clock': clock}
            player = Player(node, recording, chosen, profiles, remaps=remaps, start=start, **pace)
            for topic in player.skipped:
                console.print(f'{topic.name} is not played: {topic.type} is not known here')
            _begin(player, wanted, wait, delay, console)
            while True:
                with progress_bar(console, '0.0 s', player.total) as update:
                    played = player.play(
                        lambda done, now: update(completed=done, description=f'{now:.1f} s'),
                        partial(_waiting, console),
                    )
                _report(console, played, recording.losses.lines())
                if not loop:
                    break


def _remap(text: str) -> tuple[str, str]:
    from mdepth_ros.sources.base import absolute

    before, colon, after = text.partition(':=')
    if not (before and colon and after):
        raise MdepthError(f'--remap {text}: write from:=to')
    return absolute(before), absolute(after)


def _begin(
    player: Player, wanted: list[str], wait: float | None, delay: float, console: Console
) -> None:
    time.sleep(delay)
    seconds = (math.inf if wanted else DISCOVERY) if wait is None else wait
    if player.wait_for_listeners(wanted, seconds):
        return
    if wanted:
        raise MdepthError(f'nobody subscribed to {" and ".join(wanted)} within {seconds:g} s')
    if wait != 0:
        console.print('nobody listens so far: playing')


def _waiting(console: Console, seconds: float, start: float) -> None:
    """Say how long nothing is played, and how to leave that out."""
    console.print(
        f'the next message comes in {_span(seconds)}: wait, or leave that out with '
        f'--start {math.floor(start * 10) / 10:.1f}'
    )


def _span(seconds: float) -> str:
    """'2 d 3 h', '12 s': the two largest units."""
    units = (('y', 365 * 86400), ('d', 86400), ('h', 3600), ('min', 60), ('s', 1))
    first = next((i for i, (_, size) in enumerate(units) if seconds >= size), len(units) - 1)
    words, left = [], round(seconds)
    for name, size in units[first : first + 2]:
        count, left = divmod(left, size)
        words += [f'{count} {name}'] if count else []
    return ' '.join(words)


def _report(console: Console, played: Played, losses: list[str]) -> None:
    counts = ', '.join(f'{name} {count}' for name, count in sorted(played.per_topic.items()))
    console.print(f'played {played.messages} messages, {played.seconds:.1f} s: {counts}')
    if played.late > 0.1:
        console.print(f'at worst {played.late:.1f} s late: this machine or its disk is too slow')
    for line in losses:
        console.print(f'lost: {line}')
