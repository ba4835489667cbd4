# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What happened in an offline run: counts that stay small however long the run is."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.core.types import Estimate, Frame
from mdepth_ros.geometry import Camera

_NUMBER = re.compile(r'\d+(\.\d+)?')
_OUTER = ('read', 'step', 'write')


@dataclass
class RunReport:
    """Counts, losses and mean times of a run.

    output          where the results are
    base_frame      the frame of the odometry
    has_odometry    False where it was withheld
    frames, pairs   frames that were taken, and those that had a partner
    held            (kind of reason, count) of the frames whose motion is unknown: no partner, or
                    lost; an example of each kind is kept in `examples`
    degraded        frames whose motion is doubtful
    cameras         how many times the camera changed
    distance        length of the camera's path, in `unit` ('m', or 'units' without a scale)
    losses          what could not be read, one line each
    warnings        what a person should know
    timings         seconds in all, by stage; 'step' contains those of the step
    seconds         of the whole run
    interrupted     True after Ctrl-C
    """

    output: Path
    base_frame: str
    camera_frame: str
    has_odometry: bool
    frames: int = 0
    pairs: int = 0
    held: Counter[str] = field(default_factory=Counter)
    degraded: int = 0
    examples: dict[str, str] = field(default_factory=dict)
    cameras: int = 0
    distance: float = 0.0
    unit: str = 'm'
    losses: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: bool = False

    def __post_init__(self) -> None:
        self._camera: Camera | None = None
        self._position: NDArray[np.float64] | None = None
        if not self.has_odometry:
            self.warnings.append(
                f'no transform {self.base_frame} -> {self.camera_frame} in /tf_static: odometry, '
                'path, TF and trajectories are withheld; add the transform, or --base-frame'
            )

    def add(self, frame: Frame, estimate: Estimate) -> None:
        """Count a frame."""
        self.frames += 1
        self.pairs += estimate.status != 'held'
        self.degraded += estimate.status == 'degraded'
        if estimate.status in ('held', 'lost'):
            # 'gap of 0.31 s' and 'gap of 0.52 s' are one kind.
            kind = _NUMBER.sub('#', estimate.reason)
            self.examples.setdefault(kind, estimate.reason)
            self.held[kind] += 1
        if self._camera is not None and frame.camera != self._camera:
            self._changed(self._camera, frame)
        self._camera = frame.camera
        position = estimate.pose[:3, 3]
        if self._position is not None:
            self.distance += float(np.linalg.norm(position - self._position))
        self._position = position
        self.unit = 'units' if estimate.scale.state == 'none' else 'm'
        for stage, seconds in estimate.timings.items():
            self.spent(stage, seconds)

    def spent(self, stage: str, seconds: float) -> None:
        """Add to the time of a stage."""
        self.timings[stage] = self.timings.get(stage, 0.0) + seconds

    def _changed(self, before: Camera, frame: Frame) -> None:
        self.cameras += 1
        if self.cameras == 1:
            now = frame.camera
            self.warnings.append(
                f'the camera changed at frame {self.frames}: {before.width}x{before.height}, '
                f'fx {before.fx:.1f} -> {now.width}x{now.height}, fx {now.fx:.1f} '
                '(further changes are only counted)'
            )

    def facts(self) -> dict[str, Any]:
        """Return what is the same in every run over the same input."""
        return {
            'base_frame': self.base_frame if self.has_odometry else '',
            'camera_changes': self.cameras,
            'camera_frame': self.camera_frame,
            'degraded': self.degraded,
            'distance': round(self.distance, 6),
            'distance_unit': self.unit,
            'frames': self.frames,
            'held': {self.examples[kind]: count for kind, count in self.held.items()},
            'interrupted': self.interrupted,
            'losses': self.losses,
            'pairs': self.pairs,
            'warnings': self.warnings,
        }

    @property
    def rate(self) -> float:
        """Frames per second of the whole run."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    def rows(self) -> list[tuple[str, str]]:
        """Return (label, text) of every entry, for printing."""
        held = [
            f'{count} ({self.examples[kind]}{"" if count == 1 else ", ..." * ("#" in kind)})'
            for kind, count in self.held.most_common()
        ]
        means = {
            name: f'{name} {1e3 * total / max(self.frames, 1):.1f}'
            for name, total in self.timings.items()
        }
        step = ', '.join(text for name, text in means.items() if name not in _OUTER)
        stages = ', '.join(means[name] for name in _OUTER if name in means)
        rows = [
            ('frames', str(self.frames) + (' (interrupted)' if self.interrupted else '')),
            ('pairs', str(self.pairs)),
            ('held', ', '.join(held) or 'none'),
            ('degraded', str(self.degraded)),
            ('distance', f'{self.distance:.1f} {self.unit}'),
            ('rate', f'{self.rate:.1f} frames/s ({self.seconds:.1f} s)'),
            ('ms per frame', stages),
            ('in the step', step),
        ]
        rows += [('lost', line) for line in self.losses]
        rows += [('warning', line) for line in self.warnings]
        return [*rows, ('results', str(self.output))]
