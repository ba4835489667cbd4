# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The dense decoder and the light pose network: their sizes, and that they are one family."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.card import ModelCard
from mdepth_ros.model.file import load_model, save_model
from mdepth_ros.networks import DenseDepthDecoder, JointDepthPose, NetworkConfig


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_sizes_at_width_one() -> None:
    """Of the convolutions, counted by hand."""
    light = JointDepthPose(NetworkConfig(motion='posecnn', cues=False, attention='none'))
    assert round((count(light.motion_encoder) + count(light.pose_decoder)) / 1e6, 2) == 1.59
    encoder, levels = (64, 64, 128, 256), (32, 64, 128, 256)
    below = 9 * (512 * 256 + 2 * 256 * 128 + 3 * 128 * 64 + 4 * 64 * 32)
    below += 256 + 2 * 128 + 3 * 64 + 4 * 32
    merge = sum(
        (encoder[i] + j * levels[i]) * levels[i] + levels[i]
        for i in range(4)
        for j in range(1, 5 - i)
    )
    full, heads = 9 * (32 * 16 + 16 * 16) + 2 * 16, 9 * (16 + 32 + 64 + 128) + 4
    assert count(DenseDepthDecoder([64, 64, 128, 256, 512])) == below + merge + full + heads
    assert below + merge + full + heads == 2_343_444


def test_it_is_a_decoder_of_the_same_network() -> None:
    torch.manual_seed(0)
    network = JointDepthPose(NetworkConfig(width=0.125, decoder='dense', disparity_bias=-3.0))
    images = torch.rand(2, 2, 3, 64, 96)
    disparities, pose = network(*images)
    assert [tuple(d.shape) for d in disparities] == [
        (2, 1, 64, 96), (2, 1, 32, 48), (2, 1, 16, 24), (2, 1, 8, 12)
    ]  # fmt: skip
    assert all(bool((d > 0).all() and (d < 1).all()) for d in disparities)
    assert all(d.mean().logit() < -1 for d in disparities)
    sum(d.sum() for d in disparities).backward()
    assert all(bool(p.grad.any()) for p in network.depth_decoder.parameters())
    (only,), _ = network.eval()(*images, scales=1)
    (first, *_), _ = network(*images)
    assert torch.equal(only, first) and pose.shape == (2, 6)


def test_a_skip_of_each_level_reaches_the_full_size() -> None:
    decoder = DenseDepthDecoder([8, 8, 16, 32, 64], 0.125).eval()
    features = [torch.rand(1, c, 32 >> i, 64 >> i) for i, c in enumerate((8, 8, 16, 32, 64))]
    for feature in features:
        feature.requires_grad_()
    decoder(features, 1)[0].sum().backward()
    assert all(bool(feature.grad.any()) for feature in features)


def test_the_card_says_it_and_older_cards_are_plain(tmp_path: Path) -> None:
    network = JointDepthPose(NetworkConfig(width=0.125, decoder='dense'))
    card = ModelCard(
        name='dense', network=network.config, input_size=(64, 96), camera=(0.6, 1.9, 0.5, 0.5),
        frame_interval=0.1, method='none', data='none', licence='Apache-2.0',
    )  # fmt: skip
    save_model(tmp_path / 'dense.safetensors', network, card)
    read, again = load_model(tmp_path / 'dense.safetensors')
    assert again == card and again.network.decoder == 'dense'
    assert read.state_dict().keys() == network.state_dict().keys()
    assert ('decoder', 'dense') in card.rows()
    text = card.to_json().replace('"decoder": "dense", ', '')
    assert 'decoder' not in text and ModelCard.from_json(text).network.decoder == 'plain'
    with pytest.raises(MdepthError, match="unknown decoder 'hr': one of plain, dense"):
        NetworkConfig(decoder='hr')
