# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Held-out drives: the same scores as `evaluate`, rendered once, at one size for all models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mdepth_training.ablation.held_out import HeldOut, _on_pixels_of
from mdepth_training.config import Data, SyntheticData
from mdepth_training.evaluation.synthetic import evaluate

from mdepth_ros.core.types import Prediction
from mdepth_ros.geometry import Camera
from mdepth_ros.model.file import ModelCard, save_model
from mdepth_ros.networks import JointDepthPose, NetworkConfig

NORMALISED = (0.58, 1.92, 0.5, 0.5)
HELD_OUT = HeldOut(Data(), Camera.from_normalised(96, 64, *NORMALISED), 2, 6)


def model(path: Path, size: tuple[int, int]) -> Path:
    torch.manual_seed(0)
    network = JointDepthPose(NetworkConfig(width=0.125))
    card = ModelCard(
        name='tiny', network=network.config, input_size=size, camera=NORMALISED,
        frame_interval=0.1, metres_per_unit=4.0, method='untrained', data='none',
        licence='Apache-2.0',
    )  # fmt: skip
    save_model(path, network, card)
    return path


@pytest.mark.usefixtures('few_priors')
def test_scores_are_those_of_evaluate(tmp_path: Path) -> None:
    tiny = model(tmp_path / 'tiny.safetensors', (64, 96))
    scores = HELD_OUT.score(tiny, tmp_path)
    expected = evaluate(tiny, 2, 6, 0.0, HELD_OUT.first_seed, refined=False)['tiny']
    for key in ('abs_rel', 'abs_rel_static', 'd1', 'abs_rel_raw', 'rotation_deg', 'ate_5_frames'):
        assert scores[key] == pytest.approx(expected[key], rel=1e-6), key


def test_a_cut_off_rendering_goes_on_and_gives_the_same(tmp_path: Path) -> None:
    folder = HELD_OUT.render(tmp_path)
    first, second = sorted(folder.iterdir())
    before, kept = np.load(first)['image'], second.stat().st_mtime_ns
    first.unlink()
    assert HELD_OUT.render(tmp_path) == folder
    assert np.array_equal(np.load(first)['image'], before)
    assert second.stat().st_mtime_ns == kept


def test_another_world_has_another_folder_and_more_training_drives_have_not() -> None:
    plain = HELD_OUT.key()
    more = replace(HELD_OUT, data=Data(synthetic=SyntheticData(drives=7, frames=9)))
    assert more.key() == plain
    for changed in (
        replace(HELD_OUT, data=Data(synthetic=SyntheticData(appearance=0.5))),
        replace(HELD_OUT, camera=Camera.from_normalised(192, 64, *NORMALISED)),
        replace(HELD_OUT, first_seed=3),
    ):
        assert changed.key() != plain


def test_a_plane_stays_a_plane_at_another_size() -> None:
    """Disparity linear in the pixel: resampling from the network's own camera is exact inside."""
    small, large = (Camera.from_normalised(w, h, *NORMALISED) for w, h in ((96, 64), (192, 128)))
    u = (np.arange(96) - small.cx) / small.fx
    depth = np.broadcast_to(1 / (0.1 + 0.05 * u), (64, 96)).astype(np.float32)
    empty = np.zeros((64, 96))
    prediction = Prediction(depth, np.eye(4), empty, small, empty, empty, {})  # type: ignore[arg-type]
    found = _on_pixels_of(large, prediction)
    wide = (np.arange(192) - large.cx) / large.fx
    assert found.shape == (128, 192)
    np.testing.assert_allclose(
        found[:, 1:-1], np.tile(1 / (0.1 + 0.05 * wide), (128, 1))[:, 1:-1], rtol=1e-6
    )
    assert _on_pixels_of(small, prediction) is depth


def test_what_the_network_does_not_see_is_unknown() -> None:
    seen = Camera.from_normalised(96, 64, *NORMALISED)
    wider = replace(seen, fx=seen.fx / 2)
    empty = np.zeros((64, 96))
    depth = np.full((64, 96), 5, np.float32)
    prediction = Prediction(depth, np.eye(4), empty, seen, empty, empty, {})  # type: ignore[arg-type]
    found = _on_pixels_of(wider, prediction)
    known = np.isfinite(found)
    assert known.mean() == pytest.approx(0.5, abs=0.02) and found[known] == pytest.approx(5)


def test_a_model_of_another_size_is_scored_at_the_common_size(tmp_path: Path) -> None:
    scores = HELD_OUT.score(model(tmp_path / 'wide.safetensors', (128, 192)), tmp_path)
    assert 0 < scores['abs_rel'] < 2 and np.isfinite(scores['ate_5_frames'])
