# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth models of transformers as providers: tiny ones of the real classes, made on the spot."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from mdepth_training.config import Experiment
from mdepth_training.data import open_triplets
from mdepth_training.data.sample import Sample
from mdepth_training.labels import LabelStore
from mdepth_training.labels.pseudo import PseudoSettings, provider_of
from mdepth_training.labels.pseudo.transformers_model import from_canonical, meaning, size_of
from safetensors.torch import load, save_file

from mdepth_ros.errors import MdepthError

Go = Callable[..., str]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
DPT = {'do_normalize': True, 'image_mean': [0.5] * 3, 'image_std': [0.5] * 3}
DPT |= {'do_resize': True, 'size': {'height': 64, 'width': 64}, 'rescale_factor': 1 / 255}
ANYTHING = {**DPT, 'image_mean': MEAN, 'image_std': STD, 'size': {'height': 70, 'width': 70}}
ANYTHING |= {'keep_aspect_ratio': True, 'ensure_multiple_of': 14}
NECK = {'neck_hidden_sizes': [8, 8, 8, 8], 'fusion_hidden_size': 8}


@pytest.fixture
def library() -> Any:
    return pytest.importorskip(
        'transformers', reason='pip install "mdepth-training[transformers]"'
    )


def depth_anything(library: Any, folder: Path, metric: bool = False) -> Any:
    """A tiny Depth Anything, saved as those of the hub are."""
    backbone = library.Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=70,
        patch_size=14,
        out_features=['stage1', 'stage2', 'stage3', 'stage4'],
        reshape_hidden_states=False,
    )
    config = library.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        patch_size=14,
        depth_estimation_type='metric' if metric else 'relative',
        max_depth=80 if metric else 1,
        head_hidden_size=8,
        **NECK,
    )
    return saved(library.DepthAnythingForDepthEstimation, config, folder, ANYTHING)


def dpt(library: Any, folder: Path) -> Any:
    """A tiny DPT on a plain transformer, as MiDaS 3.0 is."""
    config = library.DPTConfig(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=64,
        patch_size=16,
        backbone_out_indices=[0, 1, 2, 3],
        is_hybrid=False,
        **NECK,
    )
    return saved(library.DPTForDepthEstimation, config, folder, DPT)


def saved(kind: Any, config: Any, folder: Path, preprocessing: dict[str, Any]) -> Any:
    """A model of a class, by chance but so that it says something, in a folder."""
    torch.manual_seed(0)
    model = kind(config).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim > 1:
                torch.nn.init.normal_(value, std=0.3 if 'head' in name else 0.1)
            elif name.startswith('head'):
                value.fill_(0.5)
    model.save_pretrained(folder)
    (folder / 'preprocessor_config.json').write_text(json.dumps(preprocessing))
    (folder / 'README.md').write_text('---\nlicense: apache-2.0\ntags: [depth]\n---\n# Model\n')
    return model


def test_depth_anything_gives_disparity_of_images_of_its_size(
    library: Any, recording: Path, go: Go, tmp_path: Path
) -> None:
    model = depth_anything(library, tmp_path / 'tiny')
    text = go(tmp_path / 'tiny', recording)
    assert 'tiny (DepthAnythingForDepthEstimation), affine-invariant; licence apache-2.0' in text
    store = LabelStore.open(tmp_path / 'store')
    label = store.read(store.keys('drive')[0])['pseudo_disparity'][0].astype(np.float32)
    # In this view the images are 180x120: 70 rows as it was made for, 8 cells of 14 across.
    source = open_triplets(
        [recording], input_size=(64, 96), frame_interval=0.1, skip_static=False, cache=tmp_path
    )
    image = source.batch([0]).current.float() / 255
    view = torch.nn.functional.interpolate(image, (70, 112), mode='bilinear')
    with torch.no_grad():
        colours = (view - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
        expected = model(pixel_values=colours).predicted_depth
    expected = torch.nn.functional.interpolate(expected[None], (64, 96), mode='bilinear')[0, 0]
    assert label.std() > 0.01 * label.mean() > 0
    # The image of the samples is smaller and smoother: alike, not the same.
    assert np.corrcoef(label.ravel(), expected.numpy().ravel())[0, 1] > 0.9
    assert label.mean() == pytest.approx(float(expected.mean()), rel=0.05)


def test_dpt_gives_disparity_of_squares(
    library: Any, recording: Path, go: Go, tmp_path: Path
) -> None:
    model = dpt(library, tmp_path / 'tiny')
    assert 'tiny (DPTForDepthEstimation), affine-invariant' in go(tmp_path / 'tiny', recording)
    provider = provider_of(PseudoSettings(provider=str(tmp_path / 'tiny')), Experiment())
    assert provider.image_size((120, 180)) == (64, 64) and provider.space == 'disparity'
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps = provider.maps(Sample(images, images, images, torch.eye(3).repeat(2, 1, 1)))
        expected = model(pixel_values=images * 2 - 1).predicted_depth
    for one, wanted in zip(maps, expected, strict=True):
        assert one is not None and one.allclose(wanted, atol=1e-5) and one.std() > 0
    assert len(LabelStore.open(tmp_path / 'store').keys('drive')) == 3


def test_the_metric_one_gives_metres(
    library: Any, recording: Path, go: Go, tmp_path: Path
) -> None:
    depth_anything(library, tmp_path / 'tiny', metric=True)
    assert 'depth of' in (text := go(tmp_path / 'tiny', recording)) and 'metric' in text
    store = LabelStore.open(tmp_path / 'store')
    depth = store.read(store.keys('drive')[0])['pseudo_depth'].astype(np.float32)
    assert 0 < depth.min() < depth.max() <= 80


@pytest.mark.parametrize(
    ('facts', 'expected'),
    [
        ({'model_type': 'zoedepth'}, ('depth', 'metric')),
        ({'model_type': 'depth_pro'}, ('depth', 'metric')),
        ({'model_type': 'dpt', 'backbone_config': None}, ('disparity', 'affine-invariant')),
        ({'model_type': 'dpt', 'backbone_config': SimpleNamespace(model_type='dinov2')}, None),
        ({'model_type': 'of_tomorrow'}, None),
    ],
)
def test_the_class_says_what_it_gives(facts: dict[str, Any], expected: Any) -> None:
    assert meaning(SimpleNamespace(**facts)) == expected


@pytest.mark.parametrize('native', [(375, 1242), (120, 180), (480, 640), (1024, 2048), (70, 9)])
@pytest.mark.parametrize('keep', [False, True])
def test_sizes_are_those_of_transformers(
    library: Any, native: tuple[int, int], keep: bool
) -> None:
    module = pytest.importorskip('transformers.models.dpt.image_processing_pil_dpt')
    given = {'size': {'height': 518, 'width': 518}, 'keep_aspect_ratio': keep}
    own = size_of({**given, 'ensure_multiple_of': 14}, native, None)
    image = np.zeros((3, *native), np.uint8)
    there = module.get_resize_output_image_size(image, (518, 518), keep, 14)
    there = (there.height, there.width) if hasattr(there, 'height') else tuple(there)
    assert own == there


def test_other_ways_to_say_a_size() -> None:
    assert size_of({'size': {'shortest_edge': 60}}, (120, 180), None) == (60, 90)
    assert size_of({'size_divisor': 32}, (120, 180), None) == (128, 192)
    assert size_of({'size': 40}, (120, 180), None) == (40, 40)
    assert size_of({'ensure_multiple_of': 14}, (120, 180), (100, 200)) == (98, 196)


def test_depth_pro_is_scaled_by_the_camera() -> None:
    """A wall 5 m away: its canonical inverse depth is f / (W d), by the paper's equation."""
    image = torch.zeros(1, 3, 10, 20)
    K = torch.tensor([[[30.0, 0, 9.5], [0, 30, 4.5], [0, 0, 1]]])
    canonical = torch.full((1, 10, 20), 30 / (20 * 5.0))
    assert from_canonical(canonical, Sample(image, image, image, K)).allclose(torch.tensor(5.0))


def test_what_cannot_be_loaded_is_one_line(library: Any, recording: Path, go: Go) -> None:
    folder = recording.parent.parent / 'tiny'
    dpt(library, folder)

    def refused(match: str, *settings: str) -> None:
        with pytest.raises(MdepthError, match=match) as caught:
            go(folder, recording, *settings)
        assert '\n' not in str(caught.value)

    refused('gives disparity: leave out space=depth', '--with', 'space=depth')
    config = folder / 'preprocessor_config.json'
    config.write_text(json.dumps({**DPT, 'rescale_factor': 1.0}))
    refused(r'wants colours times 1.0, which is not supported')
    config.write_text(json.dumps({**DPT, 'image_mean': None}))
    refused('has no image_mean and image_std')
    config.unlink()
    refused(r'cannot be loaded by transformers .*preprocessor_config.json')
    config.write_text(json.dumps(DPT))
    whole = (folder / 'model.safetensors').read_bytes()
    few = {name: value for name, value in load(whole).items() if 'head' not in name}
    save_file(few, folder / 'model.safetensors', metadata={'format': 'pt'})
    refused(r'lacks \d+ weights of DPTForDepthEstimation, such as head')
    (folder / 'model.safetensors').write_bytes(whole[:1000])
    refused('cannot be loaded by transformers')
    (folder / 'config.json').write_text('{"model_type": "bert"}')
    refused('cannot be loaded by transformers')


def test_a_name_that_is_nowhere_may_be_a_misspelt_path(
    library: Any, recording: Path, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError('no connection\nand more')

    monkeypatch.setattr(library.AutoModelForDepthEstimation, 'from_pretrained', unreachable)
    said = r'^maps/leres is no file or folder here, and cannot be loaded .*\(no connection\): give'
    with pytest.raises(MdepthError, match=said) as caught:
        go('maps/leres', recording)
    assert '\n' not in str(caught.value)


def test_without_transformers_it_says_how_to_install_it(
    recording: Path, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(MdepthError, match=r'somebody/model needs transformers .* pip install'):
        go('somebody/model', recording)
