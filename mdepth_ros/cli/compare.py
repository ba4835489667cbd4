# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth compare`: a live run against the offline run of the same bag."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import print_rows
from mdepth_ros.texts import read_json

if TYPE_CHECKING:
    from mdepth_ros.report.bags import Bag

DEPTH = 'depth/image_rect'
SHOWN = 5


def compare(
    live: Annotated[
        Path, typer.Argument(help='Bag of the live node, or the directory of evaluate.launch.py.')
    ],
    offline: Annotated[Path, typer.Argument(help='Directory that `mdepth run` wrote.')],
    topic: Annotated[
        str | None, typer.Option(help='Depth topic of the live run, where there are several.')
    ] = None,
    frame_interval: Annotated[
        float | None, typer.Option(help="Of the live node, seconds; default: the offline run's.")
    ] = None,
    max_lost: Annotated[
        int | None, typer.Option(min=0, help='Exit with status 1 where more frames are lost.')
    ] = None,
) -> None:
    """Tell which frames a live run lost, and whether its depth equals the offline run's.

    Depth depends on the pair of frames: a frame whose depth is not equal to the bit is different
    where both runs paired it with the same earlier one, and then the exit status is 1.

    Example: mdepth compare LIVE OUT --max-lost 3
    """
    comparison = compare_runs(live, offline, topic, frame_interval)
    print_rows(comparison.rows())
    lost = len(comparison.lost)
    if comparison.different or (max_lost is not None and lost > max_lost):
        raise typer.Exit(1)


@dataclass
class Comparison:
    """What became of the frames; stamps in ns.

    live, offline  topics and the numbers of their depth images
    equal          frames whose depth is the same to the bit
    different      stamp and largest relative difference of those whose depth is not, although both
                   runs took the same pair
    other_pair     those that had another partner live, after a lost frame
    lost           frames that only the offline run has
    only_live      frames that only the live run has
    first, last    frame of the live run
    """

    live: tuple[str, int]
    offline: tuple[str, int]
    equal: int = 0
    different: list[tuple[int, float]] = field(default_factory=list)
    other_pair: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    only_live: list[int] = field(default_factory=list)
    first: int = 0
    last: int = 0

    def rows(self) -> list[tuple[str, str]]:
        """Return (label, text) for printing."""
        start = sum(stamp < self.first for stamp in self.lost)
        between = [stamp for stamp in self.lost if self.first <= stamp <= self.last]
        end = len(self.lost) - start - len(between)
        lost = f'{len(self.lost)} of {self.offline[1]}: {start} before the first live frame, '
        lost += f'{len(between)} between, {end} after the last'
        rows = [
            ('live', f'{self.live[0]}, {self.live[1]} depth images'),
            ('offline', f'{self.offline[0]}, {self.offline[1]} depth images'),
            ('equal to the bit', f'{self.equal}'),
            ('different', f'{len(self.different)}'),
            ('another pair', f'{len(self.other_pair)}, not comparable{_stamps(self.other_pair)}'),
            ('lost live', lost + _stamps(between)),
        ]
        if self.only_live:
            rows.append(('only live', f'{len(self.only_live)}{_stamps(self.only_live)}'))
        for stamp, difference in self.different[:SHOWN]:
            rows.append(('', f'{_stamps([stamp])[2:]}: depth differs by up to {difference:.2g}'))
        if self.different:
            rows.append(('', 'were model, device, precision, threads and parameters the same?'))
        return rows


def compare_runs(
    live: Path, offline: Path, topic: str | None = None, frame_interval: float | None = None
) -> Comparison:
    """Compare the depth images of two runs over the same recording.

    Which partner a frame had is not in the messages. It follows from the frames that a run took; a
    live run may have taken one instead that arrived and was skipped, as the offline run did.

    Raises MdepthError where one of them has no depth, or not a single frame is in both.
    """
    from mdepth_ros.report.bags import Bag

    # The bag in the directory of a run; a bag is its own.
    bag, recorded = (Bag(p / 'bag' if (p / 'bag').is_dir() else p) for p in (offline, live))
    interval = _interval(offline) if frame_interval is None else frame_interval
    live_topic, topic = _depth_topic(recorded, topic), _depth_topic(bag, None)
    seen = list(_frames(recorded, live_topic, interval))
    wanted = list(_frames(bag, topic, interval))
    result = Comparison((live_topic, len(seen)), (topic, len(wanted)))
    partners = {(stamp, partner) for stamp, partner, _ in wanted}
    digests = {(stamp, digest) for stamp, _, digest in wanted}
    there, processed = {frame[0] for frame in wanted}, {frame[0] for frame in seen}
    if not there & processed:
        raise MdepthError(f'no frame is in both {live} and {offline}: are they of the same bag?')
    result.first, result.last = seen[0][0], max(processed)
    result.lost = sorted(there - processed)
    unequal = []
    for stamp, partner, digest in seen:
        if stamp not in there:
            result.only_live.append(stamp)
        elif (stamp, digest) in digests:
            result.equal += 1
        elif (stamp, partner) in partners:
            unequal.append(stamp)
        else:
            result.other_pair.append(stamp)
    result.different = _differences(recorded, live_topic, bag, topic, unequal)
    return result


def _frames(bag: Bag, topic: str, interval: float) -> Iterator[tuple[int, int, bytes]]:
    """The frames of a run, in order: stamp, that of its partner (its own: none), digest of depth.

    The partner is the one that it had without skipped frames.
    """
    import numpy as np

    from mdepth_ros.core.pairing import Pairing
    from mdepth_ros.core.types import Frame
    from mdepth_ros.geometry import Camera

    pairing = Pairing(interval)
    # Pairing looks at stamp, camera and frame id only.
    nothing, camera = np.empty((1, 1, 3), np.uint8), Camera(1, 1, 1.0, 1.0, 0.0, 0.0)
    for stamp, image in bag.messages(topic):
        frame = Frame(stamp, nothing, camera, image.header.frame_id)
        partner = pairing.pair(frame).previous.stamp
        layout = f'{image.height} {image.width} {image.encoding} {image.step} '
        digest = hashlib.blake2b(layout.encode(), digest_size=16)
        digest.update(memoryview(image.data))
        yield stamp, partner, digest.digest()


def _differences(
    live: Bag, live_topic: str, offline: Bag, topic: str, stamps: list[int]
) -> list[tuple[int, float]]:
    """Largest relative difference of each frame; of the first few, which is what is shown."""
    from mdepth_ros.report.bags import ByStamp

    shown = stamps[:SHOWN]
    ones, others = ByStamp(live, live_topic, shown), ByStamp(offline, topic, shown)
    found = [(s, _difference(ones.fetch(s), others.fetch(s))) for s in dict.fromkeys(shown)]
    return found + [(stamp, math.nan) for stamp in stamps[len(found) :]]


def _difference(one: Any, other: Any) -> float:
    """Largest relative difference of two depth images; inf where only one knows a depth."""
    import numpy as np

    if (one.height, one.width, one.encoding) != (other.height, other.width, other.encoding):
        return math.inf
    kind = np.float32 if one.encoding == '32FC1' else np.uint16
    a, b = (np.frombuffer(memoryview(m.data), kind).astype(np.float64) for m in (one, other))
    known = np.isfinite(a) & np.isfinite(b) & (b > 0)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if not (known | same).all():
        return math.inf
    return float(np.abs(a[known] / b[known] - 1).max(initial=0.0))


def _depth_topic(bag: Bag, wanted: str | None) -> str:
    from mdepth_ros.sources.base import absolute

    topics = [t for t in bag.depth_topics() if t.endswith(DEPTH)]
    topics = [t for t in topics if wanted is None or t == absolute(wanted)]
    if not topics:
        raise MdepthError(f'no {wanted or DEPTH} in {bag.recording.path}: {bag.inventory()}')
    if len(topics) > 1:
        raise MdepthError(f'several depth topics: choose by --topic {" or ".join(topics)}')
    return topics[0]


def _interval(offline: Path) -> float:
    """The frame interval of an offline run."""
    try:
        return float(read_json(offline / 'run.json')['frame_interval'])
    except (OSError, ValueError, KeyError, TypeError):
        raise MdepthError(
            f'{offline} is not what `mdepth run` wrote: give its directory, or --frame-interval'
        ) from None


def _stamps(stamps: Sequence[int]) -> str:
    shown = [f'{stamp // 10**9}.{stamp % 10**9:09d}' for stamp in stamps[:SHOWN]]
    shown += ['...'] if stamps[SHOWN:] else []
    return ': ' + ', '.join(shown) if shown else ''
