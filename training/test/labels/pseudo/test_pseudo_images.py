# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames as large as a provider wants them: what is seen, and where it comes from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mdepth_training.config import Experiment
from mdepth_training.data import Drive, TripletSource, open_drives, open_triplets
from mdepth_training.data.synthetic import SyntheticTriplets
from mdepth_training.labels.pseudo.images import FrameImages
from mdepth_training.settings import build


def opened(recording: Path, size: tuple[int, int] = (64, 96)) -> TripletSource:
    return open_triplets(
        [recording],
        input_size=size,
        frame_interval=0.1,
        skip_static=False,
        cache=recording.parent.parent,
    )


def test_the_images_are_those_of_samples_of_that_size(recording: Path) -> None:
    frames = FrameImages(opened(recording), lambda _: (128, 192))
    as_samples = opened(recording, (128, 192))
    for index in range(3):
        own, other = frames.batch([index]), as_samples.batch([index])
        assert torch.equal(own.current, other.current) and torch.equal(own.K, other.K)
        assert own.keys == other.keys


def test_a_provider_is_asked_by_the_size_of_the_view_in_the_files(recording: Path) -> None:
    """Of 240x120 a view of 96x64 shows 180x120; where no images are wanted none are read."""
    asked = []
    FrameImages(opened(recording), lambda native: asked.append(native))  # type: ignore[func-returns-value]
    assert asked == [(120, 180)]
    none = FrameImages(opened(recording), lambda _: None).batch([0, 2])
    assert none.current.shape == (2, 3, 1, 1) and [key.frame for key in none.keys] == [1, 3]


def test_larger_files_are_taken_by_their_stamps_where_they_are_needed(
    recording: Path, tmp_path: Path
) -> None:
    larger = tmp_path / 'larger' / 'drive'
    larger.mkdir(parents=True)
    for number in (1, 3):  # one of them is missing: numbers do not count
        image = np.full((240, 480, 3), 40 * number, np.uint8)
        cv2.imwrite(str(larger / f'{number:06d}.png'), image)
    (larger / 'intrinsics.txt').write_text('fx 300\nfy 300\ncx 242.5\ncy 116.5\n')
    (larger / 'times.txt').write_text('0.1\n0.3\n')
    times = '0.0\n0.1\n0.2\n0.3\n0.4\n'
    (recording / 'times.txt').write_text(times)
    source, calls = opened(recording), []

    def reopen() -> list[Drive]:
        calls.append(1)
        return open_drives([larger], cache=tmp_path)

    small = FrameImages(source, lambda native: native, reopen)
    assert small.size == (120, 180) and not calls
    large = FrameImages(source, lambda native: (native[0] * 2, native[1] * 2), reopen)
    assert len(calls) == 1 and large.size == (480, 720)  # twice that of the larger files
    centres = [int(large.batch([index]).current[0, 0, 240, 360]) for index in range(3)]
    own = int(source.batch([1]).current[0, 0, 32, 48])
    assert centres == [40, pytest.approx(own, abs=3), 120] and own > 130


def test_rendered_frames_are_resized(tmp_path: Path) -> None:
    data = {'workers': 0, 'synthetic': {'drives': 1, 'frames': 3}}
    experiment = build(Experiment, {'input_size': [64, 96], 'data': data})
    source = SyntheticTriplets(experiment, tmp_path)
    image = FrameImages(source, lambda native: (native[0] * 2, native[1] * 2)).batch([0]).current
    small = source.batch([0]).current.float()
    assert image.shape == (1, 3, 128, 192)
    means = image.float().reshape(1, 3, 64, 2, 96, 2).mean((3, 5))
    assert (means - small).abs().mean() < 3
