# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model on disk: one safetensors file, the weights as tensors and the card as its metadata.

The card is JSON under the one metadata key `mdepth_card`. There is one key only because
safetensors writes several in no fixed order, and equal models are to give equal bytes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.overrides import TorchFunctionMode

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.card import ModelCard, ModelFileError
from mdepth_ros.networks import JointDepthPose
from mdepth_ros.networks.weights import is_counter, load_weights

__all__ = [
    'ModelCard',
    'ModelFileError',
    'load_model',
    'read_card',
    'replace_card',
    'save_model',
]

_KEY = 'mdepth_card'
_FLOATS = {'F16', 'BF16', 'F32', 'F64'}


def save_model(path: Path, network: JointDepthPose, card: ModelCard, half: bool = True) -> None:
    """Write `network` and `card` to `path`, all or nothing; equal input gives equal bytes.

    half: tensors of two and more dimensions in float16 (convolutions), the others in float32.
    Raises ModelFileError where a weight is not finite, does not fit into float16, or the file
    cannot be written.
    """
    if card.network != network.config:
        raise ModelFileError(
            f'{path}: the card describes another network than the one to be saved'
        )
    tensors = {
        name: _storable(path, name, tensor, half)
        for name, tensor in network.state_dict().items()
        if not is_counter(name)
    }
    _write(Path(path), save(tensors, {_KEY: card.to_json()}))


def load_model(path: Path) -> tuple[JointDepthPose, ModelCard]:
    """Read a model: the network in float32 on the CPU, in eval mode, and its card.

    Raises ModelFileError for everything that is not a complete model file.
    """
    with _open(Path(path)) as file:
        card = _card(path, file.metadata())
        _check_shapes(path, file, card)
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    network = JointDepthPose(card.network)
    _load(path, network, state)
    if not all(weight.isfinite().all() for weight in network.state_dict().values()):
        raise ModelFileError(f'{path} has weights that are not finite: train or copy it again')
    return network.eval(), card


def _check_shapes(path: Path, file: Any, card: ModelCard) -> None:
    """Compare the card with what the file lists, before memory is taken for either."""
    listed = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
    for name, entry in listed.items():
        if entry.get_dtype() not in _FLOATS and not is_counter(name):
            raise ModelFileError(f'{path}: {name} is {entry.get_dtype()}, and weights are floats')
    with torch.device('meta'), _NoChance():
        network = JointDepthPose(card.network)
        state = {name: torch.empty(entry.get_shape()) for name, entry in listed.items()}
    _load(path, network, state)


class _NoChance(TorchFunctionMode):
    """Leaves out the first random weights: of shapes alone torch loads its compiler for them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.uniform_, Tensor.normal_):
            return args[0]
        return func(*args, **(kwargs or {}))


def _load(path: Path, network: JointDepthPose, state: Mapping[str, Tensor]) -> None:
    try:
        load_weights(network, state)
    except MdepthError as error:
        raise ModelFileError(
            f'{path}: the weights do not fit the network of the card: {error}; '
            'it was not written by this version of mdepth: convert or train it again'
        ) from error


def replace_card(path: Path, card: ModelCard, output: Path | None = None) -> None:
    """Write the model at `path` with another card, to `output` or in its place.

    The weights stay as they are, bit for bit. Raises ModelFileError as `save_model` does.
    """
    with _open(Path(path)) as file:
        network = _card(path, file.metadata()).network
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if card.network != network:
        raise ModelFileError(f'{path}: the card describes another network than the one in it')
    _write(Path(output or path), save(tensors, {_KEY: card.to_json()}))


def read_card(path: Path) -> ModelCard:
    """Read the card alone. Raises ModelFileError as `load_model` does."""
    with _open(Path(path)) as file:
        return _card(path, file.metadata())


def _storable(path: Path, name: str, tensor: Tensor, half: bool) -> Tensor:
    dtype = torch.float16 if half and tensor.ndim >= 2 else torch.float32
    stored = tensor.detach().to('cpu', dtype).contiguous()
    if not tensor.isfinite().all():
        raise ModelFileError(f'{path}: not saved, {name} holds values that are not finite')
    if not stored.isfinite().all():
        raise ModelFileError(
            f'{path}: not saved, {name} has values up to {tensor.abs().max():.3g} and half '
            'precision ends at 65504; save in full precision'
        )
    return stored


def _write(path: Path, content: bytes) -> None:
    """Write beside `path`, then rename: a full disk leaves nothing that looks whole."""
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f'.{path.name}.', delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ModelFileError(f'{path}: not saved, {error.strerror}') from error
        raise


def _open(path: Path) -> Any:
    """Open a safetensors file, or say in one line why it is none."""
    try:
        with path.open('rb') as file:
            start = file.read(16)
    except OSError as error:
        raise ModelFileError(f'{path}: {error.strerror}') from error
    # A safetensors header begins at byte 8; its length before it may look like anything.
    has_header = start[8:9] == b'{'
    if not has_header and (start.startswith(b'PK') or start.startswith(b'\x80')):
        raise ModelFileError(
            f'{path} is a pickled PyTorch file: '
            f'convert it with `mdepth convert {path} -o {path.stem}.safetensors`'
        )
    if not has_header:
        raise ModelFileError(f'{path} is not a model file (no safetensors header)')
    try:
        return safe_open(path, framework='pt')
    except SafetensorError as error:
        raise ModelFileError(
            f'{path} is truncated or damaged ({error}): copy or download it again'
        ) from error


def _card(path: Path, metadata: Mapping[str, str] | None) -> ModelCard:
    text = (metadata or {}).get(_KEY)
    if text is None:
        raise ModelFileError(
            f'{path} is a safetensors file without a model card: if it holds ImageNet weights of '
            f'a ResNet, convert it with `mdepth convert {path} -o OUT.safetensors`'
        )
    try:
        return ModelCard.from_json(text)
    except MdepthError as error:
        raise ModelFileError(f'{path}: {error}') from error
