# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights to begin with: another model's, or those of a ResNet that learned ImageNet."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import torch

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.checkpoint_import import from_monodepth2, read_state
from mdepth_ros.model.file import load_model, read_card
from mdepth_ros.networks import JointDepthPose
from mdepth_ros.networks.weights import is_counter
from mdepth_training.widening import widened

_IMAGENET = {
    'resnet18': 'https://download.pytorch.org/models/resnet18-f37072fd.pth',
    'resnet34': 'https://download.pytorch.org/models/resnet34-b627a593.pth',
    'resnet50': 'https://download.pytorch.org/models/resnet50-0676ba61.pth',
}
# What weights mean depends on these; the others only say which parts there are or how they begin.
_MEANING = (
    'encoder',
    'width',
    'motion',
    'decoder',
    'depth_range',
    'rotation_scale',
    'translation_scale',
    'mean',
    'std',
)


def load_initial(network: JointDepthPose, initial: str) -> str:
    """Fill `network` as `training.initial` says; return in words what was taken.

    A model's parts that this network lacks are left out, and parts that the model lacks (IDCE,
    HAM) begin by chance: a baseline becomes a joint network in this way. A model of a smaller
    width is widened: the network then says what the model says.

    Raises MdepthError where nothing usable is there.
    """
    if not initial:
        return 'chance'
    if initial == 'imagenet':
        path = _downloaded(network.config.encoder)
        network.load_imagenet(read_state(path))
        return f'ImageNet, {path.name}'
    path = Path(initial).expanduser()
    if path.is_dir():
        return _take_model(network, from_monodepth2(path)[0], path)
    if _is_model(path):
        return _take_model(network, load_model(path)[0], path)
    try:
        network.load_imagenet(read_state(path))
    except MdepthError as error:
        raise MdepthError(f'training.initial={initial}: {error}') from error
    return f'ImageNet, {path.name}'


def initial_licence(initial: str) -> str:
    """The licence of what `load_initial` takes; '' for chance."""
    path = Path(initial).expanduser()
    if not initial:
        return ''
    return read_card(path).licence if _is_model(path) else f'that of {path.name}'


def _is_model(path: Path) -> bool:
    """Whether this is a file of ours: a safetensors file with a card."""
    if path.suffix != '.safetensors' or not path.is_file():
        return False
    with path.open('rb') as file:
        length = int.from_bytes(file.read(8), 'little')
        return b'"mdepth_card"' in file.read(min(length, 1 << 20))


def _take_model(network: JointDepthPose, other: JointDepthPose, path: Path) -> str:
    for item in fields(network.config):
        ours, theirs = (getattr(n.config, item.name) for n in (network, other))
        if item.name == 'width' and theirs < ours:
            continue
        if item.name in _MEANING and ours != theirs:
            raise MdepthError(
                f'training.initial={path} has network.{item.name} {theirs} and this experiment '
                f'{ours}: set network.{item.name}={theirs}, or begin with another file'
            )
    own, given = network.state_dict(), other.state_dict()
    grown = ''
    if other.config.width < network.config.width:
        given = widened(given, own)
        grown = f', widened from {other.config.width:g}'
    shared = {
        name: value
        for name, value in given.items()
        if name in own and own[name].shape == value.shape and not is_counter(name)
    }
    network.load_state_dict({**own, **shared})
    fresh = sorted({n.split('.')[0] for n in own.keys() - shared.keys() if not is_counter(n)})
    return path.name + grown + (f', by chance: {", ".join(fresh)}' if fresh else '')


def _downloaded(encoder: str) -> Path:
    """The file of an ImageNet ResNet, where torch hub keeps it or would put it."""
    url = _IMAGENET[encoder]
    name = url.rsplit('/', 1)[1]
    path = Path(torch.hub.get_dir()) / 'checkpoints' / name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = name.removesuffix('.pth').rsplit('-', 1)[1]
        torch.hub.download_url_to_file(url, str(path), hash_prefix=digest, progress=False)
    except (OSError, RuntimeError) as error:
        raise MdepthError(
            f'no ImageNet weights for {encoder}: {path} is not there and {url} cannot be '
            f'fetched ({error}); download it elsewhere and set training.initial=FILE, or set '
            'training.initial= to begin by chance'
        ) from error
    return path
