# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which frames of a drive make triplets, and why the others do not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.sources.folder import levels_line
from mdepth_training.data.checks import Findings, usable_images
from mdepth_training.data.drive import Drive
from mdepth_training.data.scan import Scan

# Reasons, as a column of the summary.
UNREADABLE, BACKWARD, ALONE = 'unreadable', 'time runs backward', 'no neighbour'
STANDING, NO_STEREO = 'camera stands', 'no stereo image'
# Of the frame interval. Cameras from 8 Hz on have frames that are 0.1 s apart within it.
TOLERANCE = 0.4


@dataclass(frozen=True)
class Selection:
    """The triplets of a drive.

    triplets  [M, 3] indices of its images: previous, current, following
    left_out  how many frames are the middle of none, by reason
    """

    triplets: NDArray[np.int64]
    left_out: Counter[str]


def select(drive: Drive, scan: Scan, frame_interval: float, findings: Findings) -> Selection:
    """Return the triplets of a drive; what is wrong with single files goes into the findings."""
    usable = usable_images(drive.images, scan.sizes, drive.camera, findings)
    if scan.turned.any():
        findings.add('images that are turned upright by their EXIF', *_names(drive, scan.turned))
    if line := levels_line(drive.images):
        findings.add(f'drives of {line}', drive.name)
    stamps = np.asarray(drive.stamps, np.int64)
    forward = _forward(stamps)
    if not forward.all():
        findings.add('images with a time stamp that runs backward', *_names(drive, ~forward))
    centres = np.zeros(len(stamps), bool)
    centres[slice(None) if drive.centres is None else list(drive.centres)] = True
    reasons = np.full(len(stamps), '', object)

    around = neighbours(stamps, usable & forward, frame_interval)
    reasons[centres & (around < 0).any(1)] = ALONE
    if drive.centres is not None and (alone := reasons == ALONE).any():
        findings.add(
            f'frames of the split without a frame {frame_interval:g} s before or after',
            *_names(drive, alone),
        )
    if drive.stereo is not None:
        images, camera = drive.stereo.images, drive.stereo.camera
        there = usable_images(images, scan.stereo, camera, findings)
        reasons[centres & ~there] = NO_STEREO
    reasons[centres & scan.static] = STANDING
    reasons[centres & ~forward] = BACKWARD
    reasons[centres & ~usable] = UNREADABLE
    good = np.flatnonzero(centres & (reasons == ''))
    triplets = np.stack([around[good, 0], good, around[good, 1]], 1)
    return Selection(triplets, Counter(reasons[reasons != ''].tolist()))


def neighbours(
    stamps: NDArray[np.int64], usable: NDArray[np.bool_], frame_interval: float
) -> NDArray[np.int64]:
    """Return, for each frame, the usable frames nearest to `frame_interval` before and after it.

    [N, 2] indices; -1 where the nearest is off by more than TOLERANCE, so that a lost frame makes
    no triplet of twice the motion. The stamps of usable frames must grow.
    """
    step = round(frame_interval * 1e9)
    known = np.flatnonzero(usable)
    found = np.full((len(stamps), 2), -1, np.int64)
    if len(known) < 2:
        return found
    times = stamps[known]
    for column, wanted in enumerate((stamps - step, stamps + step)):
        after = np.searchsorted(times, wanted).clip(1, len(times) - 1)
        nearer = wanted - times[after - 1] <= times[after] - wanted
        nearest = np.where(nearer, after - 1, after)
        near = np.abs(times[nearest] - wanted) <= TOLERANCE * step
        found[:, column] = np.where(near, known[nearest], -1)
    return found


def _forward(stamps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which frames [N] to keep so that the stamps grow: leaving out the fewer of two kinds.

    Those not later than one before them (a clock set back), or those not earlier than one after
    them (a stamp from the future, which would cost all that follow).
    """
    behind, ahead = np.zeros((2, len(stamps)), bool)
    if len(stamps) > 1:
        behind[1:] = stamps[1:] <= np.maximum.accumulate(stamps)[:-1]
        ahead[:-1] = stamps[:-1] >= np.minimum.accumulate(stamps[::-1])[::-1][1:]
    return np.asarray(~(ahead if ahead.sum() < behind.sum() else behind))


def _names(drive: Drive, chosen: NDArray[np.bool_]) -> list[Path]:
    return [drive.images[int(index)] for index in np.flatnonzero(chosen)]
