# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mdepth_training.initial import load_initial
from safetensors.torch import save_file

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import ModelCard, save_model
from mdepth_ros.networks import JointDepthPose, NetworkConfig, ResNetEncoder

SMALL = NetworkConfig(width=0.125, disparity_bias=-3.0, translation_scale=0.1)


def network(config: NetworkConfig = SMALL, seed: int = 0) -> JointDepthPose:
    torch.manual_seed(seed)
    return JointDepthPose(config)


def model_file(path: Path, config: NetworkConfig) -> JointDepthPose:
    other = network(config, seed=1)
    card = ModelCard(
        name='other',
        network=config,
        input_size=(64, 96),
        camera=(0.58, 1.92, 0.5, 0.5),
        frame_interval=0.1,
        method='none',
        data='none',
        licence='Apache-2.0',
    )
    save_model(path, other, card, half=False)
    return other


@pytest.fixture(scope='module')
def imagenet() -> dict[str, torch.Tensor]:
    """What an ImageNet file of a ResNet-18 holds: its layers and a classifier."""
    torch.manual_seed(3)
    return {**ResNetEncoder().state_dict(), 'fc.weight': torch.zeros(2, 2)}


def holds(network: JointDepthPose, state: dict[str, torch.Tensor]) -> bool:
    stem = state['conv1.weight']
    return torch.equal(network.depth_encoder.conv1.weight, stem) and torch.equal(
        network.motion_encoder.conv1.weight, torch.cat([stem, stem], 1) / 2
    )


def test_nothing_is_chance() -> None:
    ours = network()
    assert load_initial(ours, '') == 'chance'
    assert torch.equal(ours.depth_encoder.conv1.weight, network().depth_encoder.conv1.weight)


def test_a_model_file_gives_all_its_weights(tmp_path: Path) -> None:
    other = model_file(tmp_path / 'other.safetensors', SMALL)
    ours = network()
    assert load_initial(ours, str(tmp_path / 'other.safetensors')) == 'other.safetensors'
    for name, value in other.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name


def test_a_baseline_becomes_a_joint_network(tmp_path: Path) -> None:
    baseline = replace(SMALL, cues=False, attention='none')
    other = model_file(tmp_path / 'base.safetensors', baseline)
    ours, fresh = network(), network()
    words = load_initial(ours, str(tmp_path / 'base.safetensors'))
    assert words == 'base.safetensors, by chance: cues, pose_decoder'
    assert torch.equal(ours.pose_decoder.votes.weight, other.pose_decoder.votes.weight)
    assert torch.equal(ours.cues.blocks[0].conv1.weight, fresh.cues.blocks[0].conv1.weight)


def test_a_narrower_model_is_widened(tmp_path: Path) -> None:
    narrow = model_file(tmp_path / 'narrow.safetensors', SMALL).eval()
    wide = network(replace(SMALL, width=2 * SMALL.width)).eval()
    words = load_initial(wide, str(tmp_path / 'narrow.safetensors'))
    assert words == f'narrow.safetensors, widened from {SMALL.width:g}'
    frames = torch.rand(2, 1, 3, 64, 96)
    torch.testing.assert_close(wide(*frames)[1], narrow(*frames)[1], rtol=1e-3, atol=1e-6)


def test_weights_of_another_meaning_are_refused(tmp_path: Path) -> None:
    model_file(tmp_path / 'other.safetensors', replace(SMALL, translation_scale=0.01))
    with pytest.raises(MdepthError, match=r'set network\.translation_scale=0\.01'):
        load_initial(network(), str(tmp_path / 'other.safetensors'))


@pytest.mark.parametrize('ending', ['.pth', '.safetensors'])
def test_an_imagenet_file_fills_both_encoders(imagenet, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f'resnet18{ending}'
    torch.save(imagenet, path) if ending == '.pth' else save_file(imagenet, path)
    ours = network(NetworkConfig())
    assert load_initial(ours, str(path)) == f'ImageNet, {path.name}'
    assert holds(ours, imagenet)


def test_an_imagenet_file_does_not_fit_a_narrow_network(imagenet, tmp_path: Path) -> None:
    torch.save(imagenet, tmp_path / 'resnet18.pth')
    with pytest.raises(MdepthError, match=r'training\.initial=.*width 1'):
        load_initial(network(), str(tmp_path / 'resnet18.pth'))


def test_imagenet_takes_what_torch_hub_has(imagenet, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    (tmp_path / 'checkpoints').mkdir()
    torch.save(imagenet, tmp_path / 'checkpoints' / 'resnet18-f37072fd.pth')
    ours = network(NetworkConfig())
    assert load_initial(ours, 'imagenet') == 'ImageNet, resnet18-f37072fd.pth'
    assert holds(ours, imagenet)


def test_no_imagenet_weights_and_no_network_say_what_to_do(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError('Network is unreachable')

    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, 'download_url_to_file', refuse)
    with pytest.raises(MdepthError, match=r'unreachable.*download it elsewhere') as caught:
        load_initial(network(NetworkConfig()), 'imagenet')
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('name', ['missing.pth', 'missing.safetensors'])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(MdepthError, match=f'{name}.*No such file'):
        load_initial(network(), str(tmp_path / name))
