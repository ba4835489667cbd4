# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights that others trained: ImageNet ResNets, and depth networks in the layout of Monodepth2.

That layout is a folder of four state dictionaries:

encoder.pth       encoder.conv1.weight ... encoder.fc.bias, and height, width, use_stereo
depth.pth         decoder.0-9.conv.conv: two convolutions for each stage from 4 to 0;
                  decoder.10-13.conv: the disparity heads from full size down
pose_encoder.pth  as encoder.pth, with six input channels and no sizes
pose.pth          net.0-3: the four convolutions of the pose decoder
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mdepth_ros.errors import MdepthError
from mdepth_ros.networks.joint import JointDepthPose, NetworkConfig
from mdepth_ros.networks.resnet import ENCODERS, Bottleneck
from mdepth_ros.networks.weights import load_weights

MONODEPTH2_FILES = ('encoder.pth', 'depth.pth', 'pose_encoder.pth', 'pose.pth')


def read_plain(path: Path) -> Any:
    """Read what torch.save or safetensors wrote, without running code from it.

    torch's own reader of pickles is used with weights_only: it makes tensors and plain values, and
    refuses all else. Raises MdepthError for files that hold anything else, and for damaged ones.
    """
    try:
        if path.suffix == '.safetensors':
            return load_file(path)
        _refuse_packed(path)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # what matters arrives as an exception
            return torch.load(path, map_location='cpu', weights_only=True)
    except MdepthError:
        raise
    except OSError as error:
        raise MdepthError(f'{path}: {error.strerror or error}') from error
    except SafetensorError as error:
        raise MdepthError(f'{path} is no safetensors file, or is damaged: {error}') from error
    except Exception as error:  # an unpickler that meets foreign bytes raises anything
        raise MdepthError(
            f'{path} cannot be read as plain weights ({type(error).__name__}): it is damaged, or '
            'holds objects other than tensors; save its state_dict() alone'
        ) from error


def read_state(path: Path) -> dict[str, Any]:
    """Read a state dictionary by `read_plain`, also one inside under 'state_dict' or 'model'.

    Raises MdepthError where there is none.
    """
    state = read_plain(path)
    for name in ('state_dict', 'model'):
        if isinstance(state, Mapping) and isinstance(state.get(name), Mapping):
            state = state[name]
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise MdepthError(f'{path} holds no state dictionary; save a state_dict()')
    return dict(state)


def _refuse_packed(path: Path) -> None:
    """torch.save does not compress: what would unpack to more than the file was made to burst."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            size = sum(entry.file_size for entry in file.infolist())
        if size > path.stat().st_size:
            raise MdepthError(f'{path} has compressed weights: load it and torch.save it again')


def encoder_of(state: Mapping[str, Any], path: Path) -> str:
    """Tell which ResNet (a name in ENCODERS) these entries belong to, from their names.

    Raises MdepthError where they belong to none.
    """
    blocks: list[set[str]] = [set(), set(), set(), set()]
    for name in state:
        if match := re.match(r'layer([1-4])\.(\d+)\.', name):
            blocks[int(match[1]) - 1].add(match[2])
    counts = tuple(len(stage) for stage in blocks)
    bottlenecks = any(name.endswith('conv3.weight') for name in state)
    for encoder, (block, expected) in ENCODERS.items():
        if counts == expected and bottlenecks == issubclass(block, Bottleneck):
            return encoder
    what = 'no ResNet'
    if all(counts):
        what = f'a ResNet with {"-".join(map(str, counts))} blocks'
    raise MdepthError(
        f'{path} holds {what}: mdepth converts {", ".join(ENCODERS)} for ImageNet, '
        f'or a folder with {", ".join(MONODEPTH2_FILES)}'
    )


def from_imagenet(path: Path, seed: int = 0) -> JointDepthPose:
    """Initialise a network with both encoders from an ImageNet ResNet file, the rest by `seed`.

    It is a start for training and knows nothing of depth. The disparity bias and the translation
    scale are those that keep the depth from collapsing early in training.
    """
    state = _unprefixed(read_state(path), 'module.')
    config = NetworkConfig(encoder_of(state, path), disparity_bias=-3.0, translation_scale=0.1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = JointDepthPose(config)
    try:
        network.load_imagenet(state)
    except MdepthError as error:
        raise MdepthError(f'{path}: {error}') from error
    return network.eval()


def from_monodepth2(folder: Path) -> tuple[JointDepthPose, dict[str, Any]]:
    """Read a folder in the layout of Monodepth2.

    Returns the network (neither cues nor attention, depth 0.1..100 units, both pose scales 0.01)
    and what encoder.pth says beside its tensors: height, width, use_stereo.
    """
    for name in MONODEPTH2_FILES:
        if not (folder / name).is_file():
            raise MdepthError(
                f'{folder} has no {name}: a model to convert consists of '
                f'{", ".join(MONODEPTH2_FILES)}'
            )
    depth_encoder = read_state(folder / 'encoder.pth')
    plain = {k: v for k, v in depth_encoder.items() if not isinstance(v, Tensor)}
    depth_encoder = _unprefixed(depth_encoder, 'encoder.')
    pose_encoder = _unprefixed(read_state(folder / 'pose_encoder.pth'), 'encoder.')
    encoder = encoder_of(depth_encoder, folder / 'encoder.pth')
    network = JointDepthPose(NetworkConfig(encoder, cues=False, attention='none'))

    def fill(module: nn.Module, file: str, state: Mapping[str, Tensor]) -> None:
        try:
            load_weights(module, state)
        except MdepthError as error:
            raise MdepthError(f'{folder / file} has another layout: {error}') from error

    def renamed(file: str, rename: Callable[[str], str]) -> dict[str, Tensor]:
        tensors = _unprefixed(read_state(folder / file), 'module.')
        return {rename(name): value for name, value in tensors.items()}

    fill(network.depth_encoder, 'encoder.pth', depth_encoder)
    fill(network.motion_encoder, 'pose_encoder.pth', pose_encoder)
    fill(network.depth_decoder, 'depth.pth', renamed('depth.pth', _depth_name))
    fill(network.pose_decoder, 'pose.pth', renamed('pose.pth', _pose_name))
    return network.eval(), plain


def _unprefixed(state: Mapping[str, Any], prefix: str) -> dict[str, Tensor]:
    """Tensors alone, without the prefix and without the classifier."""
    tensors = {k.removeprefix(prefix): v for k, v in state.items() if isinstance(v, Tensor)}
    return {name: value for name, value in tensors.items() if not name.startswith('fc.')}


def _depth_name(name: str) -> str:
    """decoder.3.conv.conv.bias -> fuse.3.bias, decoder.11.conv.bias -> heads.1.bias."""
    match = re.fullmatch(r'decoder\.(\d+)\.conv\.(conv\.)?(weight|bias)', name)
    if match is None:
        return name
    index = int(match[1])
    if index >= 10:
        return f'heads.{index - 10}.{match[3]}'
    stage = 4 - index // 2
    return f'{("reduce", "fuse")[index % 2]}.{stage}.{match[3]}'


def _pose_name(name: str) -> str:
    """net.1.weight -> conv1.weight."""
    layers = {'0': 'squeeze', '1': 'conv1', '2': 'conv2', '3': 'votes'}
    match = re.fullmatch(r'net\.([0-3])\.(weight|bias)', name)
    return name if match is None else f'{layers[match[1]]}.{match[2]}'
