# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ONNX files as providers: tiny ones, made on the spot."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mdepth_training.config import Experiment
from mdepth_training.data.sample import Sample
from mdepth_training.labels import LabelStore
from mdepth_training.labels.pseudo import PseudoSettings, provider_of
from mdepth_training.settings import build

from mdepth_ros.errors import MdepthError

Go = Callable[..., str]
OPEN: list[Any] = ['batch', 3, 'height', 'width']


@pytest.fixture
def onnx() -> Any:
    reason = 'pip install "mdepth-training[onnx]" onnx'
    pytest.importorskip('onnxruntime', reason=reason)
    return pytest.importorskip('onnx', reason=reason)


def saved(onnx: Any, path: Path, node: Any, shape: list[Any], gives: list[Any]) -> Path:
    """A network of one node, from `image` to `map`, which knows the weights 1, 2 and 4."""
    helper, numbers = onnx.helper, onnx.TensorProto.FLOAT
    weights = helper.make_tensor('w', numbers, [1, 3, 1, 1], [1.0, 2.0, 4.0])
    image = helper.make_tensor_value_info('image', numbers, shape)
    made = helper.make_tensor_value_info('map', numbers, gives)
    graph = helper.make_graph([node], 'tiny', [image], [made], [weights])
    opsets = [helper.make_opsetid('', 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
    return path


def weighted(onnx: Any, path: Path, shape: list[Any]) -> Path:
    """A network whose map is 1 red + 2 green + 4 blue."""
    node = onnx.helper.make_node('Conv', ['image', 'w'], ['map'])
    return saved(onnx, path, node, shape, [shape[0], 1, *shape[2:]])


def provider(path: Path, **settings: Any) -> Any:
    values = {'provider': str(path), 'space': 'disparity', **settings}
    return provider_of(build(PseudoSettings, values), Experiment())


@pytest.mark.parametrize('batch', ['batch', 1])
@pytest.mark.parametrize(
    ('normalise', 'mean', 'deviation'),
    [
        ('none', [0, 0, 0], [1, 1, 1]),
        ('half', [0.5] * 3, [0.5] * 3),
        ('imagenet', [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ],
)
def test_its_map_is_that_of_the_colours_it_wants(
    onnx: Any,
    tmp_path: Path,
    batch: Any,
    normalise: str,
    mean: list[float],
    deviation: list[float],
) -> None:
    path = weighted(onnx, tmp_path / 'a.onnx', [batch, 3, 6, 8])
    made = provider(path, normalise=normalise)
    assert made.image_size((100, 100)) == (6, 8)
    images = torch.rand(3, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    maps = made.maps(Sample(images, images, images, torch.eye(3).repeat(3, 1, 1)))
    colours = (images.numpy() - np.reshape(mean, (3, 1, 1))) / np.reshape(deviation, (3, 1, 1))
    expected = colours[:, 0] + 2 * colours[:, 1] + 4 * colours[:, 2]
    assert np.stack(maps) == pytest.approx(expected, abs=1e-5)


def test_the_command_takes_one_of_any_size(
    onnx: Any, recording: Path, go: Go, tmp_path: Path
) -> None:
    path = weighted(onnx, tmp_path / 'grey.onnx', OPEN)
    settings = ['--with', 'space=disparity', '--with', 'normalise=none', '--with', 'licence=MIT']
    with pytest.raises(MdepthError, match=r'takes images of any size: set image_size='):
        go(path, recording, *settings)
    text = go(path, recording, *settings, '--with', 'image_size=[64, 96]')
    assert 'disparity of grey.onnx, affine-invariant; licence MIT' in text
    store = LabelStore.open(tmp_path / 'store')
    label = store.read(store.keys('drive')[0])['pseudo_disparity'][0].astype(np.float32)
    assert label.max() == pytest.approx(7 * 240 / 255, abs=0.01)  # the box is grey


def test_what_is_no_network_of_depth_is_one_line(onnx: Any, tmp_path: Path) -> None:
    def refused(match: str, path: Path, **settings: Any) -> None:
        with pytest.raises(MdepthError, match=match) as caught:
            made = provider(path, **settings)
            images = torch.rand(1, 3, 6, 8)
            made.maps(Sample(images, images, images, torch.eye(3)[None]))
        assert '\n' not in str(caught.value)

    path = weighted(onnx, tmp_path / 'a.onnx', [1, 3, 6, 8])
    refused('nobody says what .* gives: set space=', path, space='')
    refused('alone: leave image_size out', path, image_size=[8, 8])
    broken = tmp_path / 'b.onnx'
    broken.write_bytes(path.read_bytes()[:30])
    refused(r'b.onnx cannot be used', broken)
    node = onnx.helper.make_node('ReduceMean', ['image'], ['map'], keepdims=0)
    refused('no map of each image', saved(onnx, broken, node, [1, 3, 6, 8], []))
    node = onnx.helper.make_node('Flatten', ['image'], ['map'])
    refused(r'takes image tensor\(float\) \[1, 3\]', saved(onnx, broken, node, [1, 3], [1, 3]))


def test_without_onnxruntime_it_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    (tmp_path / 'a.onnx').touch()
    with pytest.raises(MdepthError, match=r'a.onnx needs onnxruntime .* pip install "mdepth-tr'):
        provider(tmp_path / 'a.onnx')
