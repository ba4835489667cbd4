# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights in the layouts of others, generated here by name and evaluated here by hand."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.checkpoint_import import from_imagenet, from_monodepth2, read_state

State = dict[str, Any]


def norm(state: State, name: str, channels: int) -> None:
    state[f'{name}.weight'] = 0.5 + torch.rand(channels)
    state[f'{name}.bias'] = 0.1 * torch.randn(channels)
    state[f'{name}.running_mean'] = 0.1 * torch.randn(channels)
    state[f'{name}.running_var'] = 0.5 + torch.rand(channels)
    state[f'{name}.num_batches_tracked'] = torch.tensor(7)


def weight(*shape: int) -> Tensor:
    deviation: float = (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
    return torch.randn(shape) * deviation


def resnet18(stem: int = 3) -> State:
    """A ResNet-18 with the entries that ImageNet files have."""
    torch.manual_seed(stem)
    state: State = {'conv1.weight': weight(64, stem, 7, 7)}
    norm(state, 'bn1', 64)
    before = 64
    for stage, channels in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            name = f'layer{stage}.{block}'
            state[f'{name}.conv1.weight'] = weight(channels, before, 3, 3)
            norm(state, f'{name}.bn1', channels)
            state[f'{name}.conv2.weight'] = weight(channels, channels, 3, 3)
            norm(state, f'{name}.bn2', channels)
            if before != channels:
                state[f'{name}.downsample.0.weight'] = weight(channels, before, 1, 1)
                norm(state, f'{name}.downsample.1', channels)
            before = channels
    state['fc.weight'] = torch.randn(1000, 512)
    state['fc.bias'] = torch.randn(1000)
    return state


def run_resnet18(state: State, x: Tensor) -> list[Tensor]:
    def bn(name: str, y: Tensor) -> Tensor:
        s = [state[f'{name}.{k}'] for k in ('running_mean', 'running_var', 'weight', 'bias')]
        return functional.batch_norm(y, *s)

    x = bn('bn1', functional.conv2d(x, state['conv1.weight'], stride=2, padding=3)).relu()
    features = [x]
    x = functional.max_pool2d(x, 3, 2, 1)
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            name = f'layer{stage}.{block}'
            stride = 2 if stage > 1 and block == 0 else 1
            y = functional.conv2d(x, state[f'{name}.conv1.weight'], stride=stride, padding=1)
            y = functional.conv2d(
                bn(f'{name}.bn1', y).relu(), state[f'{name}.conv2.weight'], padding=1
            )
            if f'{name}.downsample.0.weight' in state:
                x = functional.conv2d(x, state[f'{name}.downsample.0.weight'], stride=stride)
                x = bn(f'{name}.downsample.1', x)
            x = (bn(f'{name}.bn2', y) + x).relu()
        features.append(x)
    return features


def monodepth2(folder: Path, use_stereo: bool = False) -> dict[str, State]:
    """Write the four files of a model in that layout; returns what was written."""
    torch.manual_seed(9)
    encoder = {f'encoder.{k}': v for k, v in resnet18(3).items()}
    encoder |= {'height': 96, 'width': 320, 'use_stereo': use_stereo}
    pose_encoder = {f'encoder.{k}': v for k, v in resnet18(6).items()}
    depth: State = {}
    inputs = [(512, 256), (512, 256), (256, 128), (256, 128), (128, 64), (128, 64)]
    inputs += [(64, 32), (96, 32), (32, 16), (16, 16)]
    for index, (before, after) in enumerate(inputs):
        depth[f'decoder.{index}.conv.conv.weight'] = weight(after, before, 3, 3)
        depth[f'decoder.{index}.conv.conv.bias'] = 0.1 * torch.randn(after)
    for scale, channels in enumerate((16, 32, 64, 128)):
        depth[f'decoder.{10 + scale}.conv.weight'] = weight(1, channels, 3, 3)
        depth[f'decoder.{10 + scale}.conv.bias'] = torch.randn(1)
    pose: State = {}
    shapes = [(256, 512, 1), (256, 256, 3), (256, 256, 3), (12, 256, 1)]
    for index, (after, before, size) in enumerate(shapes):
        pose[f'net.{index}.weight'] = weight(after, before, size, size)
        pose[f'net.{index}.bias'] = 0.1 * torch.randn(after)
    files = {'encoder': encoder, 'depth': depth, 'pose_encoder': pose_encoder, 'pose': pose}
    for name, state in files.items():
        torch.save(state, folder / f'{name}.pth')
    return files


def run_depth_decoder(state: State, features: list[Tensor]) -> list[Tensor]:
    def conv(name: str, y: Tensor) -> Tensor:
        y = functional.pad(y, (1, 1, 1, 1), mode='reflect')
        return functional.conv2d(y, state[f'{name}.weight'], state[f'{name}.bias'])

    disparities = []
    x = features[4]
    for step in range(5):
        x = functional.elu(conv(f'decoder.{2 * step}.conv.conv', x))
        x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        if step < 4:
            x = torch.cat([x, features[3 - step]], 1)
        x = functional.elu(conv(f'decoder.{2 * step + 1}.conv.conv', x))
        if step > 0:
            disparities.append(conv(f'decoder.{14 - step}.conv', x).sigmoid())
    return disparities[::-1]


def run_pose(state: State, x: Tensor) -> Tensor:
    for index, padding in enumerate((0, 1, 1, 0)):
        x = functional.conv2d(
            x, state[f'net.{index}.weight'], state[f'net.{index}.bias'], padding=padding
        )
        if index < 3:
            x = x.relu()
    return 0.01 * x.mean((2, 3))[:, :6]


def test_monodepth2_layout_computes_what_its_weights_say(tmp_path: Path) -> None:
    files = monodepth2(tmp_path)
    network, said = from_monodepth2(tmp_path)
    assert said == {'height': 96, 'width': 320, 'use_stereo': False}
    assert network.config.attention == 'none' and not network.config.cues
    encoders = {
        name: {k.removeprefix('encoder.'): v for k, v in files[name].items()}
        for name in ('encoder', 'pose_encoder')
    }
    previous, current = torch.rand(1, 3, 64, 96), torch.rand(1, 3, 64, 96)
    pair = torch.cat([previous, current], 1)
    with torch.no_grad():
        disparities, pose = network(previous, current)
        features = run_resnet18(encoders['encoder'], (current - 0.45) / 0.225)
        motion = run_resnet18(encoders['pose_encoder'], (pair - 0.45) / 0.225)
        expected = run_depth_decoder(files['depth'], features)
        expected_pose = run_pose(files['pose'], motion[4])
    torch.testing.assert_close(pose, expected_pose, rtol=1e-3, atol=1e-6)
    for disparity, reference in zip(disparities, expected, strict=True):
        torch.testing.assert_close(disparity, reference, rtol=1e-3, atol=1e-5)
    assert float(disparities[0].std()) > 0.01  # the comparison is not one of constants


@pytest.mark.parametrize('wrapping', ['plain', 'module', 'nested', 'safetensors'])
def test_imagenet_initialises_both_encoders(tmp_path: Path, wrapping: str) -> None:
    state = resnet18()
    path = tmp_path / 'resnet18.pth'
    if wrapping == 'module':
        torch.save({f'module.{k}': v for k, v in state.items()}, path)
    elif wrapping == 'nested':
        kept = {k: v for k, v in state.items() if not k.startswith('fc.')}
        torch.save({'epoch': 3, 'state_dict': kept}, path)
    elif wrapping == 'safetensors':
        path = path.with_suffix('.safetensors')
        old = {k: v for k, v in state.items() if not k.endswith('num_batches_tracked')}
        save_file(old, path)
    else:
        torch.save(state, path)
    network = from_imagenet(path)
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = run_resnet18(state, x)
        single = network.depth_encoder(x)
        twice = network.motion_encoder(torch.cat([x, x], 1))
    for a, b, c in zip(expected, single, twice, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(c, a, rtol=1e-3, atol=1e-4)


def test_seed_decides_the_random_part_and_nothing_outside(tmp_path: Path) -> None:
    torch.save(resnet18(), tmp_path / 'r.pth')
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = from_imagenet(tmp_path / 'r.pth', seed=1).state_dict()
    assert torch.equal(before, torch.random.get_rng_state())
    again = from_imagenet(tmp_path / 'r.pth', seed=1).state_dict()
    other = from_imagenet(tmp_path / 'r.pth', seed=2).state_dict()
    assert all(torch.equal(first[k], again[k]) for k in first)
    key = 'pose_decoder.squeeze.weight'
    assert not torch.equal(first[key], other[key])


def test_files_that_are_no_weights_are_one_line_each(tmp_path: Path) -> None:
    def refused(path: Path, words: str) -> None:
        with pytest.raises(MdepthError, match=words) as caught:
            from_imagenet(path)
        assert '\n' not in str(caught.value)
        assert path.name in str(caught.value)

    path = tmp_path / 'file.pth'
    refused(path, 'No such file')
    path.write_bytes(b'hello')
    refused(path, 'plain weights')
    path.write_bytes(b'')
    refused(path, 'plain weights')
    path.write_bytes(pickle.dumps(Path('object')))
    refused(path, 'plain weights')
    torch.save(resnet18(), path)
    path.write_bytes(path.read_bytes()[:100_000])
    refused(path, 'plain weights')
    torch.save([1, 2], path)
    refused(path, 'state dictionary')
    torch.save({'weight': torch.ones(3)}, path)
    refused(path, 'no ResNet')
    one = torch.ones(1)
    torch.save({f'layer{s}.{b}.conv1.weight': one for s in (1, 2, 3, 4) for b in range(5)}, path)
    refused(path, '5-5-5-5')
    state = resnet18()
    del state['layer2.0.bn1.weight']
    torch.save(state, path)
    refused(path, r'1 missing \(layer2.0.bn1.weight\)')
    (tmp_path / 'file.safetensors').write_bytes(b'hello, this is no safetensors file')
    refused(tmp_path / 'file.safetensors', 'no safetensors')


def test_objects_in_a_pickle_are_not_executed(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / 'executed',))

    (tmp_path / 'trap.pth').write_bytes(pickle.dumps({'a': Trap()}))
    with pytest.raises(MdepthError):
        read_state(tmp_path / 'trap.pth')
    assert not (tmp_path / 'executed').exists()
    pickle.loads((tmp_path / 'trap.pth').read_bytes())
    assert (tmp_path / 'executed').exists()  # the trap would have worked


def test_incomplete_and_different_monodepth2_folders(tmp_path: Path) -> None:
    files = monodepth2(tmp_path)
    depth = dict(files['depth'])
    depth['decoder.14.conv.weight'] = torch.ones(1)
    torch.save(depth, tmp_path / 'depth.pth')
    with pytest.raises(MdepthError, match=r'depth.pth has another layout: 1 unexpected'):
        from_monodepth2(tmp_path)
    (tmp_path / 'pose.pth').unlink()
    with pytest.raises(MdepthError, match=r'has no pose\.pth'):
        from_monodepth2(tmp_path)
