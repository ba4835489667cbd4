# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Before and after as pictures: a sheet of frames that changed most, a video of each drive."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from mdepth_training import tiles
from mdepth_training.evaluation.compare import Labels, Reel, Seen, see
from mdepth_training.evaluation.predict import Predictor
from mdepth_training.evaluation.shots import Array
from mdepth_training.labels.kind import Kind
from mdepth_training.labels.pictures import colours
from mdepth_training.tiles import Bgr, Scale, tile

ROWS = 8
NEARNESS = Scale('turbo', 0, 4, ('far', 'half the median depth', 'a quarter'))
CHANGE = Scale('RdBu', -1, 1, ('half as far', 'no change', 'twice as far'))
ERROR = Scale('RdBu', -1, 1, ('half of the truth', 'right', 'twice the truth'))
FULL_MOTION = 0.015
"""Own motion of full colour, as a share of the width."""
WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Panels:
    """What is drawn of each frame: names of the two models, which labels there are, the truth."""

    names: Sequence[str]
    labels: Collection[str] = ()
    truth: bool = False

    def of(self, seen: Seen) -> list[Bgr]:
        """The tiles of a frame; all frames have as many."""
        height = max(round(tiles.WIDTH * seen.image.shape[0] / seen.image.shape[1]), 1)

        def drawn(values: Array | None, caption: str, scale: Scale) -> Bgr:
            if values is None:
                values, caption = np.full((1, 1), np.nan), f'{caption} (none of this frame)'
            return tile(scale.colours(values), caption, height, cv2.INTER_AREA, scale.bar())

        shown = [
            _image(seen, height),
            drawn(1 / seen.before, f'disparity before: {self.names[0]}', NEARNESS),
            drawn(1 / seen.after, f'disparity after: {self.names[1]}', NEARNESS),
            drawn(seen.change, 'change of the depth, before to after', CHANGE),
        ]
        if self.truth:
            for when, depth in (('before', seen.before), ('after', seen.after)):
                error = None if seen.truth is None else np.log2(depth / seen.truth)
                shown.append(drawn(error, f'error of the depth {when}', ERROR))
        if 'depth_label' in self.labels:
            label = None if seen.label is None else 1 / seen.label
            shown.append(drawn(label, 'label: disparity', NEARNESS))
        if 'flow_previous' in self.labels:
            shown.append(_motion(seen.motion, height))
        return shown


def draw(
    models: Sequence[Predictor],
    panels: Panels,
    reels: Sequence[Reel],
    labels: Labels,
    folder: Path,
    limit: int | None,
    alone: bool,
) -> list[Path]:
    """Write `before-after.png` and a video of each drive; return them.

    The sheet: each drive is cut into as many parts as it has rows, and the frame of each part
    that changed most is shown.
    limit  frames of each drive
    alone  also frames that have none before them
    """
    parts, rows, written = max(ROWS // len(reels), 1), dict[tuple[str, int], _Row](), list[Path]()
    for reel in reels:
        total = min(limit or len(reel.stamps), len(reel.stamps))
        path = folder / (re.sub(r'[^\w.-]+', '-', reel.name) + '.mp4')
        with tiles.video(path, reel.stamps) as add:
            shots = islice(reel.shots, total)
            for place, shot in enumerate(track(shots, description=reel.name, total=total)):
                if shot.previous is None and not alone:
                    continue
                seen = see(models, shot, labels)
                shown = panels.of(seen)
                add(tiles.grid(shown))
                part = reel.name, place * parts // total
                if part not in rows or seen.amount > rows[part].amount:
                    rows[part] = _Row(seen.amount, np.hstack(shown))
        written += [path] * path.exists()
    if rows:
        largest = sorted(rows, key=lambda part: rows[part].amount)[-ROWS:]
        written.append(folder / 'before-after.png')
        tiles.write_sheet(written[-1], [rows[part].tiles for part in rows if part in largest])
    return written


@dataclass(frozen=True, eq=False)
class _Row:
    amount: float
    tiles: Bgr


def _image(seen: Seen, height: int) -> Bgr:
    """The image, with the outlines of what moves."""
    size = tiles.WIDTH, height
    picture = np.asarray(cv2.resize(seen.image[..., ::-1], size, interpolation=cv2.INTER_AREA))
    said = []
    if seen.moving is not None:
        _outline(picture, seen.moving, WHITE)
        said.append('white: moves, by the truth')
    if seen.moves is not None:
        for number in np.unique(seen.moves[seen.moves > 0]):
            colour = tiles.colours_of_ids(np.full((1, 1), number))[0, 0].tolist()
            _outline(picture, seen.moves == number, colour)
        said.append('coloured: by the labels' if said else 'coloured: moves, by the labels')
    caption = f'image: {seen.key.drive[-24:]} {seen.key.frame}'
    return tile(picture, caption, height, below=tiles.legend(', '.join(said)))


def _outline(picture: Bgr, mask: Array, colour: Sequence[int]) -> None:
    """Draw the border of a mask [h, w] into a picture of any size."""
    large = cv2.resize(
        mask.astype(np.uint8), picture.shape[1::-1], interpolation=cv2.INTER_NEAREST
    )
    borders, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, borders, -1, colour, 1)


def _motion(motion: Array | None, height: int) -> Bgr:
    """The own motion of each pixel, as a colour for each direction."""
    caption, legend = 'label: own motion since the frame before', ''
    if motion is None:
        picture = np.full((1, 1, 3), tiles.GREY, np.uint8)
        caption = 'label: own motion (none of this frame)'
    else:
        # The label says where a pixel was: the way from there to here is drawn.
        most = FULL_MOTION * motion.shape[2]
        picture = colours(-motion, Kind('flow', motion.shape[1:]), (0.0, most))
        legend = f'red: to the right, cyan: to the left, full: {most:.0f} px'
    return tile(picture, caption, height, below=tiles.legend(legend))
