# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What must be true of the files and the calibration before training may begin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_training.data.drive import Drive

EXAMPLES = 3


class Findings:
    """Counts what was found, one line per kind with the first few names."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, what: str, *names: object) -> None:
        """Add things of a kind, a plural: add('images that cannot be read', path)."""
        self._counts[what] += len(names)
        examples = self._examples.setdefault(what, [])
        examples += [str(name) for name in names[: EXAMPLES - len(examples)]]

    def lines(self) -> list[str]:
        """Return '12 images that cannot be read: a.png, b.png, c.png and 9 more'."""
        lines = []
        for what, count in self._counts.items():
            examples = self._examples[what]
            more = f' and {count - len(examples)} more' if count > len(examples) else ''
            lines.append(f'{count} {what}: {", ".join(examples)}{more}')
        return lines


def check_cameras(drives: Sequence[Drive], findings: Findings) -> None:
    """Raise MdepthError for calibrations that cannot belong to their images, the first named.

    The usual mistakes: images were resized and the calibration was not; fx and cx are exchanged.
    What is only unusual goes into the findings.
    """
    cameras = [(drive.name, drive.camera) for drive in drives]
    cameras += [
        (f'the second camera of {drive.name}', drive.stereo.camera)
        for drive in drives
        if drive.stereo is not None
    ]
    wrong = []
    for name, camera in cameras:
        try:
            camera.check()
        except MdepthError as error:
            wrong.append(f'{name}: {error}')
        if camera.unusual:
            findings.add(
                'cameras are unusual, check their calibration', f'{name} ({camera.unusual})'
            )
    if wrong:
        more = f' (and {len(wrong) - 1} more)' if len(wrong) > 1 else ''
        raise MdepthError(f'{wrong[0]}{more}: mend the calibration')


def usable_images(
    images: Sequence[Path], sizes: NDArray[np.int32], camera: Camera, findings: Findings
) -> NDArray[np.bool_]:
    """Return which images [N] can be read and have the size of their camera; report the others.

    Raises MdepthError where most of them have another size: then the calibration is wrong.
    """
    unreadable: NDArray[np.bool_] = (sizes == 0).any(1)
    odd: NDArray[np.bool_] = ~unreadable & (sizes != (camera.width, camera.height)).any(1)
    if 2 * odd.sum() > (~unreadable).sum():
        first = int(np.argmax(odd))
        raise MdepthError(
            f'wrong intrinsics of {images[first].parent}: they are for {camera.width}x'
            f'{camera.height}, but {odd.sum()} of {len(images)} images have another size '
            f'({images[first].name}: {sizes[first, 0]}x{sizes[first, 1]}): mend the calibration'
        )
    for what, chosen in (
        ('images that are missing or cannot be read', unreadable),
        ('images of another size than the others of their drive', odd),
    ):
        if chosen.any():
            findings.add(what, *(images[int(index)] for index in np.flatnonzero(chosen)))
    usable: NDArray[np.bool_] = ~unreadable & ~odd
    return usable
