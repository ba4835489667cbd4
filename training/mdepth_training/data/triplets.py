# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Triplets of frames from drives, decoded when they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.folder import read_image
from mdepth_training.data.checks import Findings, check_cameras
from mdepth_training.data.drive import Drive
from mdepth_training.data.resampling import drive_view, resampled, usable_pixels
from mdepth_training.data.sample import Frames, Key, Sample, TripletSource
from mdepth_training.data.scan import Scan, scan
from mdepth_training.data.selection import select

# So many damaged triplets in a row mean that the disk is gone.
PATIENCE = 100


class Triplets(TripletSource):
    """The triplets of some drives; everything is checked at the beginning.

    views           of each of the drives: the pinhole camera of the network's input
    selections      of each of the drives: its triplets, and how many frames were left out and why
    frame_interval  seconds from one frame of a triplet to the next
    camera          normalised intrinsics of the network's view, the median over the triplets

    skip_static leaves out frames of a standing camera, where no split list chose the frames; what
    was seen of the files is kept in `cache`. Stereo is used where all drives have it. Raises
    MdepthError where nothing is left or a calibration is wrong.

    An image that turns out to be damaged later costs no run: the triplet is replaced by the next
    one that can be read, the same one in every run, and `damage` tells of it.
    """

    def __init__(
        self,
        drives: Sequence[Drive],
        input_size: tuple[int, int],
        frame_interval: float,
        skip_static: bool = True,
        *,
        cache: Path,
        findings: Findings | None = None,
    ) -> None:
        findings = Findings() if findings is None else findings
        check_cameras(drives, findings)
        self.drives, self.input_size, self.frame_interval = drives, input_size, frame_interval
        scans = _scan_all(drives, frame_interval if skip_static else None, cache)
        self.selections = [
            select(drive, seen, frame_interval, findings)
            for drive, seen in zip(drives, scans, strict=True)
        ]
        counts = [len(selection.triplets) for selection in self.selections]
        self._first = np.cumsum([0, *counts])
        if not len(self):
            raise MdepthError(self._why_empty())
        self.views = [drive_view(drive, input_size) for drive in drives]
        normalised = np.repeat([view.normalised for view in self.views], counts, 0)
        fx, fy, cx, cy = (float(value) for value in np.median(normalised, 0))
        self.camera = fx, fy, cx, cy
        # [drives, 1, h, w] bool, where a drive has a mask.
        self._usable: Tensor | None = None
        if any(drive.mask is not None for drive in drives):
            pixels = [usable_pixels(*pair) for pair in zip(drives, self.views, strict=True)]
            self._usable = torch.from_numpy(np.stack(pixels))[:, None]
        self._stereo = all(drive.stereo is not None for drive in drives)
        # Shared by the loader's workers.
        self._damaged = torch.zeros(len(self), dtype=torch.bool).share_memory_()  # type: ignore[no-untyped-call]

    def __len__(self) -> int:
        return int(self._first[-1])

    @property
    def description(self) -> str:
        """What a model's card says about the data."""
        used = [
            drive.name
            for drive, selection in zip(self.drives, self.selections, strict=True)
            if len(selection.triplets)
        ]
        names = ', '.join(used[:3]) + (', ...' if len(used) > 3 else '')
        return (
            f'{len(self)} triplets {self.frame_interval:g} s apart from {len(used)} drives '
            f'({names})' + (', stereo' if self._stereo else '')
        )

    def drive_frames(self) -> dict[str, Frames]:
        """All frames of each drive (see TripletSource); MdepthError for two of one name."""
        frames: dict[str, Frames] = {}
        for drive, view in zip(self.drives, self.views, strict=True):
            if drive.name in frames:
                raise MdepthError(f'two drives are called {drive.name}: rename the folder of one')
            frames[drive.name] = Frames(drive.stamps, view.normalised, drive.camera, drive.images)
        return frames

    def frame_keys(self) -> list[Key]:
        """The middle frame of each triplet."""
        return [
            Key(drive.name, number, int(drive.stamps[number]))
            for drive, selection in zip(self.drives, self.selections, strict=True)
            for number in selection.triplets[:, 1].tolist()
        ]

    def batch(self, indices: Sequence[int]) -> Sample:
        """Return the triplets of these indices (see TripletSource)."""
        images = np.empty((3 + self._stereo, len(indices), 3, *self.input_size), np.uint8)
        K, T_stereo_current = torch.empty(len(indices), 3, 3), torch.empty(len(indices), 4, 4)
        keys, numbers = [], []
        for place, index in enumerate(indices):
            number, frame = self._read(index, images[:, place])
            numbers.append(number)
            drive, K[place] = self.drives[number], self.views[number].matrix()
            keys.append(Key(drive.name, frame, int(drive.stamps[frame])))
            stereo = drive.stereo
            if self._stereo and stereo is not None:
                T_stereo_current[place] = torch.from_numpy(stereo.T_stereo_current)
        views = [torch.from_numpy(view) for view in images]
        usable = None if self._usable is None else self._usable[numbers]
        sample = Sample(views[0], views[1], views[2], K, keys=tuple(keys), usable=usable)
        if self._stereo:
            return replace(sample, stereo=views[3], T_stereo_current=T_stereo_current)
        return sample

    def damage(self) -> list[str]:
        """Return lines about the triplets that were replaced: which files could not be read."""
        findings = Findings()
        replaced = torch.nonzero(self._damaged).flatten().tolist()
        if replaced:
            files = dict.fromkeys(file for index in replaced for file in self._files(index))
            broken = [file for file in files if not _readable(file)]
            findings.add('images could not be read, their triplets were replaced', *broken)
            if not broken:
                findings.add('triplets were replaced that can be read again now', *replaced)
        return findings.lines()

    def _read(self, index: int, out: NDArray[np.uint8]) -> tuple[int, int]:
        """Fill out [3 or 4, 3, h, w] with the triplet, or the next that is whole.

        Returns the number of its drive, and that of its middle frame there.
        """
        for candidate in range(index, index + PATIENCE):
            candidate %= len(self)
            number, triplet = self._locate(candidate)
            drive, view = self.drives[number], self.views[number]
            try:
                for place, frame in enumerate(triplet):
                    out[place] = resampled(read_image(drive.images[frame]), drive.camera, view)
                if self._stereo and drive.stereo is not None:
                    image = read_image(drive.stereo.images[triplet[1]])
                    out[3] = resampled(image, drive.stereo.camera, view)
                return number, int(triplet[1])
            except MdepthError:
                self._damaged[candidate] = True
        files = ', '.join(str(file) for file in self._files(index))
        raise MdepthError(
            f'{PATIENCE} triplets in a row cannot be read, the first of {files}: '
            'see whether the disk is still there'
        )

    def _locate(self, index: int) -> tuple[int, NDArray[np.int64]]:
        """The number of the drive of a triplet, and its three frames there."""
        number = int(np.searchsorted(self._first, index, 'right')) - 1
        return number, self.selections[number].triplets[index - self._first[number]]

    def _files(self, index: int) -> list[Path]:
        number, triplet = self._locate(index)
        drive = self.drives[number]
        files = [drive.images[frame] for frame in triplet]
        return files + ([drive.stereo.images[triplet[1]]] if drive.stereo else [])

    def _why_empty(self) -> str:
        reasons = sum((selection.left_out for selection in self.selections), Counter[str]())
        why = ', '.join(f'{count} {reason}' for reason, count in reasons.most_common())
        steps = np.concatenate([np.diff(drive.stamps) for drive in self.drives])
        typical = f'; their frames are {np.median(steps) / 1e9:.3g} s apart' if len(steps) else ''
        return (
            f'no triplet of frames {self.frame_interval:g} s apart in {len(self.drives)} drives '
            f'({why}{typical}): give other data, or set data.frame_interval or data.skip_static'
        )


def _readable(file: Path) -> bool:
    try:
        read_image(file)
    except MdepthError:
        return False
    return True


def _scan_all(drives: Sequence[Drive], interval: float | None, cache: Path) -> list[Scan]:
    """Look at all files; frames that a split list chose are not asked whether they stand."""
    with Progress(transient=True) as progress:
        task = progress.add_task('looking at images', total=sum(len(d.images) for d in drives))

        def tick() -> None:
            progress.advance(task)

        return [
            scan(drive, interval if drive.centres is None else None, cache, tick)
            for drive in drives
        ]
