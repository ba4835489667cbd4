# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The road: its lanes, edges and crossings, and the lanes in which vehicles queue."""

from dataclasses import dataclass

from mdepth_ros.synthetic.config import Random
from mdepth_ros.synthetic.trajectory import Path

CROSSING_LENGTH = 60.0  # metres that a crossing road reaches to either side
LANE = 3.5
FAR_CARRIAGEWAY = 2 * LANE + 4.0
# Of the randomised world: mostly where many vehicles are, the hardest part of real roads.
LAYOUTS = (*5 * ('avenue',), *2 * ('street',), 'suburb', 'open', 'highway')


@dataclass(frozen=True)
class Road:
    """Where the road lies beside the path; lateral metres, left is positive.

    left, right: edges; lines: lateral position and whether dashed; pavement: width of the strip
    beside the road; ahead, oncoming: centres of the other lanes by direction; crossings: arc
    lengths at which another road crosses; layout: 'street', 'suburb', 'avenue', 'open' or
    'highway'; standing: lanes in which vehicles queue, 0 being the camera's own behind its last
    position.
    """

    layout: str
    left: float
    right: float
    lines: tuple[tuple[float, bool], ...]
    pavement: float
    ahead: tuple[float, ...]
    oncoming: tuple[float, ...]
    crossings: tuple[float, ...]
    standing: tuple[float, ...] = ()


def make_road(random: Random, path: Path) -> Road:
    """Draw the lanes, edges and crossings of the road; the camera drives at lateral 0."""
    layout = 'street' if random.uniform(0, 1) < 0.65 else 'suburb'
    if random.chance(0.0, 1.0):
        layout = random.choice(LAYOUTS)
    crossings = []
    s = random.uniform(5.0, 60.0)
    while s < path.end and layout != 'highway':
        crossings.append(s)
        s += random.uniform(35.0, 130.0)
    lines: tuple[tuple[float, bool], ...]
    if layout == 'highway':
        lines = ((-LANE / 2, False), (LANE / 2, True), (1.5 * LANE, False))
        oncoming = (FAR_CARRIAGEWAY, FAR_CARRIAGEWAY + LANE)
        standing = _queues(random, (LANE,), ())
        return Road(layout, 15.5 + LANE / 2, -4.5, lines, 0.5, (LANE,), oncoming, (), standing)
    if layout == 'avenue':
        return _avenue(random, tuple(crossings))
    parking = 2.3 if layout == 'street' else 0.4
    left, right = 1.5 * LANE + parking, -LANE / 2 - parking
    lines = ((LANE / 2, True), (1.5 * LANE, False), (-LANE / 2, False))
    if random.uniform(0, 1) < 0.3:
        lines = lines[:1]
    pavement = random.uniform(1.5, 3.0) if layout != 'open' else 0.3
    standing = _queues(random, (), (LANE,))
    return Road(layout, left, right, lines, pavement, (), (LANE,), tuple(crossings), standing)


def _avenue(random: Random, crossings: tuple[float, ...]) -> Road:
    """Draw a road of several lanes in each direction."""
    lane = random.uniform(3.0, 3.6)
    beside_left, beside_right = random.choice([0, 1, 1, 2]), random.choice([0, 1, 1, 1, 2])
    ahead = [lane * i for i in range(-beside_right, beside_left + 1) if i]
    middle = lane * (beside_left + 0.5)
    median = random.choice([0.3, random.uniform(0.5, 6.0)])
    oncoming = [middle + median + lane * (i + 0.5) for i in range(random.choice([1, 2, 2, 3]))]
    parking = random.choice([0.3, 2.3])
    lines = [(lane * (i + 0.5), True) for i in range(-beside_right, beside_left)]
    lines += [(oncoming[0] + lane * (i + 0.5), True) for i in range(len(oncoming) - 1)]
    lines += [(middle, False), (middle + median, False), (-lane * (beside_right + 0.5), False)]
    left, right = oncoming[-1] + lane / 2 + parking, -lane * (beside_right + 0.5) - parking
    pavement, lanes = random.uniform(0.5, 3.0), (tuple(ahead), tuple(oncoming))
    standing = _queues(random, *lanes)
    return Road('avenue', left, right, tuple(lines), pavement, *lanes, crossings, standing)


def _queues(
    random: Random, ahead: tuple[float, ...], oncoming: tuple[float, ...]
) -> tuple[float, ...]:
    """Choose the lanes in which vehicles stand; never any in the plain world."""
    if random.appearance <= 0 or not random.chance(0.0, 0.8):
        return ()
    standing = [lateral for lateral in ahead if random.uniform(0, 1) < 0.85]
    standing += [lateral for lateral in oncoming if random.uniform(0, 1) < 0.25]
    return tuple(standing) if random.uniform(0, 1) < 0.25 else (0.0, *standing)
