# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The step itself: frames with odd stamps, cameras, pictures and speeds."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from fuzz.runner import Files, Target, sound
from mdepth_ros.core.types import Frame
from mdepth_ros.geometry import Camera
from mdepth_ros.limits import LATEST_STAMP
from mdepth_ros.model.file import load_model


@cache
def _model() -> Any:
    from small_model import write_model

    from mdepth_ros.core.estimator import Estimator

    with tempfile.TemporaryDirectory() as name:
        network, card = load_model(write_model(Path(name) / 'a.safetensors'))
    return Estimator(network, card, device='cpu', precision='fp32', threads=1)


def _make(rng: Random) -> Files:
    _model()
    return {}


def _frame(rng: Random, stamp: int, usual: bool) -> Frame:
    width, height = rng.choice(((48, 32), (48, 32), (1, 1), (3000, 2), (7, 400)))
    focal = [rng.choice((40.0, 40.0, 40.0, 1e-3, 1e6, 1e300, 5e-324)) for _ in range(2)]
    centre = [rng.choice((24.0, 16.0, 16.0, -1e9, 1e300)) for _ in range(2)]
    model, distortion = rng.choice(
        (
            *(('pinhole', ()), ('pinhole', ()), ('plumb_bob', (-0.2, 0.05, 0, 0, 0))),
            *(('plumb_bob', (1e6, -1e9, 1e300, 0, 1)), ('equidistant', (1e3, -5, 1e200, 1))),
        )
    )
    if usual:
        width, height, focal, centre = 48, 32, [40.0, 40.0], [24.0, 16.0]
        model, distortion = 'plumb_bob', (-0.2, 0.05, 0, 0, 0)
    camera = Camera(width, height, *focal, *centre, model, distortion)
    pixels = np.random.default_rng(rng.randrange(10)).integers(
        0, 255, (height, width, 3), np.uint8
    )
    image = rng.choice((pixels, pixels, np.zeros_like(pixels), np.full_like(pixels, 255)))
    told = (stamp, rng.choice((0.0, 10.0, 1e300, float('nan'), float('inf'))))
    return Frame(stamp, image, camera, rng.choice(('cam', 'cam', '')), (told,))


def _use(folder: Path, rng: Random) -> None:
    from mdepth_ros.core.perception import make_perception

    def odd(usual: Any, *others: Any) -> Any:
        return rng.choice(others) if rng.random() < 0.08 else usual

    perception = make_perception(
        _model(),
        scale=odd(rng.choice(('model', 'none', 'speed', 'height', '3.9')), '1e300', 'nan', '0'),
        camera_height=odd(1.65, None, 1e-300, 1e300, float('inf')),
        frame_interval=odd(rng.choice((None, 0.1, 1e-3, 10.0)), 1e-9, 1e300, float('nan')),
        keyframes=rng.random() < 0.3,
        max_range=odd(80.0, 1e-300, 1e300, float('nan')),
        min_confidence=odd(rng.choice((0.0, 0.5, 1.0)), -1.0, float('nan')),
    )
    stamp = rng.choice((0, 10**18, LATEST_STAMP - 10**9))
    usual = rng.random() < 0.7
    for _ in range(4):
        (estimate,) = perception.step([_frame(rng, stamp, usual)])
        for name in ('pose', 'motion', 'pose_covariance', 'twist'):
            values = getattr(estimate, name)
            sound(values is None or np.isfinite(values).all(), f'{name} is not finite')
        step = rng.choice((10**8, 10**8, 10**8, 0, 1, -(10**8), 10**10, 10**6))
        stamp = min(max(stamp + step, 0), LATEST_STAMP)


TARGETS = {'frames': Target(_make, _use)}
