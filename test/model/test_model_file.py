# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Model files: what goes in comes out, and everything else is one line."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import os
import resource
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mdepth_ros.model.file import (
    ModelCard,
    ModelFileError,
    load_model,
    read_card,
    replace_card,
    save_model,
)
from mdepth_ros.networks import JointDepthPose, NetworkConfig

TINY = NetworkConfig(width=0.125)


def card(**changes: Any) -> ModelCard:
    values: dict[str, Any] = {
        'name': 'tiny',
        'network': TINY,
        'input_size': (96, 320),
        'camera': (0.58, 1.92, 0.5, 0.5),
        'frame_interval': 0.1,
        'metres_per_unit': 4.2,
        'method': 'joint',
        'data': 'synthetic, 3 drives',
        'seed': 7,
        'metrics': {'abs_rel': 0.13, 'd1': 0.84},
        'licence': 'Apache-2.0',
        'motion_noise': (0.05, 0.001),
        'details': {'metrics': 'on ten other drives — Größe'},
    }
    return ModelCard(**{**values, **changes})


def network(config: NetworkConfig = TINY, seed: int = 0) -> JointDepthPose:
    torch.manual_seed(seed)
    return JointDepthPose(config)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / 'tiny.safetensors'
    save_model(path, network(), card())
    return path


def rewritten(path: Path, change: dict[str, Any] | None = None, **network_change: Any) -> Path:
    """The file with entries of its card changed (None removes)."""
    values = json.loads(read_card(path).to_json())
    for target, changes in ((values, change or {}), (values['network'], network_change)):
        for name, value in changes.items():
            if value is None:
                del target[name]
            else:
                target[name] = value
    return with_card(path, json.dumps(values))


def with_card(path: Path, text: str) -> Path:
    changed = path.with_name('changed.safetensors')
    save_file(load_file(path), changed, {'mdepth_card': text})
    return changed


def refused(path: Path, words: str) -> None:
    with pytest.raises(ModelFileError, match=words) as caught:
        load_model(path)
    assert str(path) in str(caught.value)
    assert '\n' not in str(caught.value)


def test_full_precision_comes_back_exactly(tmp_path: Path) -> None:
    path = tmp_path / 'full.safetensors'
    original = network().eval()
    save_model(path, original, card(), half=False)
    loaded, read = load_model(path)
    assert read == card() == read_card(path)
    assert not loaded.training
    images = torch.rand(2, 1, 3, 64, 64)
    with torch.no_grad():
        disparities, pose = original(*images)
        same, same_pose = loaded(*images)
    assert all(torch.equal(a, b) for a, b in zip(disparities, same, strict=True))
    assert torch.equal(pose, same_pose)


def test_optional_entries_may_be_none(tmp_path: Path) -> None:
    empty = card(metres_per_unit=None, seed=None, metrics={}, motion_noise=None, details={})
    save_model(tmp_path / 'm.safetensors', network(), empty)
    assert read_card(tmp_path / 'm.safetensors') == empty


def test_half_precision_rounds_the_convolutions_and_nothing_else(model: Path) -> None:
    stored = load_file(model)
    loaded, _ = load_model(model)
    original = network().state_dict()
    for name, tensor in stored.items():
        assert tensor.dtype == (torch.float16 if tensor.ndim >= 2 else torch.float32)
        if tensor.ndim < 2:
            assert torch.equal(tensor, original[name])
        else:
            torch.testing.assert_close(tensor.float(), original[name], rtol=5e-4, atol=1e-7)
    assert all(tensor.dtype == torch.float32 for tensor in loaded.parameters())


def test_nano_model_is_at_most_eight_megabytes(tmp_path: Path) -> None:
    config = NetworkConfig(width=0.375)
    path = tmp_path / 'nano.safetensors'
    save_model(path, network(config), card(network=config, details={'notes': 'x' * 2000}))
    assert path.stat().st_size <= 8_000_000


def test_equal_models_give_equal_bytes(tmp_path: Path) -> None:
    contents = set()
    for index in range(8):
        path = tmp_path / f'{index}.safetensors'
        save_model(path, network(), card())
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_values_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    path = tmp_path / 'm.safetensors'
    large = network()
    with torch.no_grad():
        large.depth_encoder.conv1.weight[0, 0, 0, 0] = 1e6
    with pytest.raises(ModelFileError, match=r'depth_encoder\.conv1\.weight .* 1e\+06 .* half'):
        save_model(path, large, card())
    assert list(tmp_path.iterdir()) == []
    save_model(path, large, card(), half=False)
    assert float(load_model(path)[0].depth_encoder.conv1.weight.detach().max()) == 1e6
    with torch.no_grad():
        large.depth_encoder.conv1.weight[0, 0, 0, 0] = float('nan')
    with pytest.raises(ModelFileError, match='not finite'):
        save_model(path, large, card(), half=False)


def test_card_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match='another network'):
        save_model(tmp_path / 'm.safetensors', network(NetworkConfig(width=0.25)), card())


def test_full_disk_leaves_the_old_file_and_no_other(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = model.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(ModelFileError, match='not saved, No space left'):
        save_model(model, network(seed=1), card())
    assert model.read_bytes() == before
    assert list(model.parent.iterdir()) == [model]


def test_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match='No such file'):
        save_model(tmp_path / 'none' / 'm.safetensors', network(), card())


@pytest.mark.parametrize('legacy', [False, True])
def test_pickles_are_named_with_the_command_that_converts(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / 'weights.pth'
    torch.save({'a': torch.ones(2)}, path, _use_new_zipfile_serialization=not legacy)
    refused(path, r'pickled PyTorch file: convert it with `mdepth convert .*weights\.pth -o')


def test_header_length_that_looks_like_a_pickle(tmp_path: Path) -> None:
    path = tmp_path / 'm.safetensors'
    for length in range(256):
        save_model(path, network(), card(details={'pad': 'x' * length}))
        if path.read_bytes()[0] == 0x80:
            break
    assert path.read_bytes()[0] == 0x80
    load_model(path)


@pytest.mark.parametrize('length', [0, 5, 200, 20_000, -1])
def test_truncated_files(model: Path, length: int) -> None:
    model.write_bytes(model.read_bytes()[:length])
    refused(model, 'truncated or damaged' if length not in (0, 5) else 'not a model file')


def test_files_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / 'other'
    refused(path, 'No such file')
    path.write_text('hello, this is some text')
    refused(path, 'not a model file')
    refused(tmp_path, 'directory')
    save_file({'a': torch.ones(2)}, path)
    refused(path, 'without a model card')


def test_keys_that_do_not_fit_are_counted_and_named(model: Path) -> None:
    state = load_file(model)
    text = read_card(model).to_json()
    del state['depth_encoder.conv1.weight']
    state['other'] = torch.ones(1)
    state['pose_decoder.votes.bias'] = torch.ones(6)
    save_file(state, model, {'mdepth_card': text})
    refused(
        model,
        r'1 missing \(depth_encoder\.conv1\.weight\), 1 unexpected \(other\), '
        r'1 of another shape \(pose_decoder\.votes\.bias\); .*convert or train',
    )


def test_a_large_network_of_a_small_file_takes_no_memory(model: Path) -> None:
    """resnet50 of width 4 has some five gigabytes; the file has two megabytes."""
    large = rewritten(model, width=4, encoder='resnet50')
    resource_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(large, 'of another shape')
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resource_before < 200_000  # kB


@pytest.mark.parametrize(
    ('tensor', 'words'),
    [
        (torch.full((6,), math.nan), 'weights that are not finite'),
        (torch.full((6,), -math.inf, dtype=torch.float16), 'weights that are not finite'),
        (torch.ones(6, dtype=torch.int64), 'is I64, and weights are floats'),
    ],
)
def test_weights_that_are_none(model: Path, tensor: torch.Tensor, words: str) -> None:
    state, text = load_file(model), read_card(model).to_json()
    name, there = next((n, t) for n, t in state.items() if t.ndim == 1)
    state[name] = tensor[:1].expand(there.shape).contiguous()
    save_file(state, model, {'mdepth_card': text})
    refused(model, words)


def test_another_architecture_in_the_card_does_not_load(model: Path) -> None:
    refused(rewritten(model, width=0.25), 'of another shape')
    refused(rewritten(model, cues=False), 'unexpected')
    refused(rewritten(model, encoder='resnet34'), 'missing')


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'format': 2}, 'format 2 and this version of mdepth reads format 1'),
        ({'format': None}, 'format None'),
        ({'licence': None}, 'card lacks licence; was it written by another program'),
        ({'colour': 'red'}, 'card has the unknown entry colour: choose from name, network,'),
        ({'network': None}, 'card lacks network'),
        ({'network': 3}, r'card\.network: Expected object, got int'),
        ({'name': 3}, r'card\.name: Expected str, got int'),
        ({'seed': 1.5}, r'card\.seed: Expected int \| null, got float'),
        ({'seed': True}, r'card\.seed: Expected int \| null, got bool'),
        ({'frame_interval': '0.1'}, r'card\.frame_interval: Expected float, got str'),
        ({'frame_interval': 0}, r'frame_interval 0: it must be 0\.001 to 10'),
        ({'frame_interval': 10**30}, r'frame_interval 1e\+30: it must be 0\.001 to 10'),
        ({'frame_interval': 10**400}, 'a number of 401 digits is too large'),
        ({'seed': 10**400}, 'a number of 401 digits is too large'),
        ({'frame_interval': math.nan}, 'frame_interval nan'),
        ({'input_size': [64000, 64000]}, '64000x64000: networks of more than 4,194,304 pixels'),
        ({'input_size': [64, 10**30]}, 'networks of more than'),
        ({'camera': [math.inf, 1.0, 0.5, 0.5]}, 'a focal length inf'),
        ({'camera': [1.0, 1.0, 1e9, 0.5]}, r'an image centre 1e\+09'),
        ({'metres_per_unit': 1e300}, r'metres_per_unit 1e\+300'),
        ({'metrics': {'d1': math.nan}}, 'a metric d1 that is nan'),
        ({'motion_noise': [-1.0, 0.1]}, 'motion_noise -1'),
        ({'calibration': {'scale spread': math.inf}}, 'scale spread inf'),
        ({'name': '\0'}, 'is not UTF-8 text'),
        ({'details': {'a': 'x' * 10**6}}, 'has 1,00.,... characters'),
        ({'metres_per_unit': -1.0}, 'metres_per_unit'),
        ({'camera': [1.0, 1.0, 0.5]}, r'card\.camera: Expected array of length 4, got 3'),
        ({'camera': [0.0, 1.0, 0.5, 0.5]}, 'focal'),
        ({'input_size': [96.0, 320]}, r'card\.input_size\[0\]: Expected int, got float'),
        ({'input_size': [100, 320]}, 'multiples of 32'),
        ({'metrics': {'d1': 'high'}}, r'card\.metrics\[\.\.\.\]: Expected float, got str'),
        ({'details': ['x']}, r'card\.details: Expected object, got array'),
        ({'motion_noise': [0.1]}, r'card\.motion_noise: Expected array of length 2, got 1'),
    ],
)
def test_cards_are_read_strictly(model: Path, change: dict[str, Any], words: str) -> None:
    refused(rewritten(model, change), words)


def test_network_entries_are_read_strictly(model: Path) -> None:
    refused(rewritten(model, encoder='vgg'), "unknown encoder 'vgg'")
    refused(rewritten(model, depth_range=[1, 0]), 'depth range')
    refused(rewritten(model, depth_range=[1, 1e300]), 'it must lie in 0.0001 to 1e')
    refused(rewritten(model, width=5), 'width 5.0 is not in 0..4')
    refused(rewritten(model, rotation_scale=1e30), 'a number above 1e')
    refused(with_card(model, '[' * 2990), 'nested deeper than 40 levels')
    refused(rewritten(model, std=None), r'card\.network lacks std')
    refused(rewritten(model, cues='yes'), r'card\.network\.cues: Expected bool, got str')
    refused(rewritten(model, gate=True), r'card\.network has the unknown entry gate')
    refused(rewritten(model, **{'\x1b[2J': 1}), r'unknown entry \\x1b\[2J')
    refused(with_card(model, '{'), 'not JSON')
    refused(with_card(model, '[]'), 'format None')


def test_rows_show_the_camera_at_the_input_size() -> None:
    rows = dict(card(camera=(0.5, 1.0, 0.5, 0.25)).rows())
    assert rows['camera at input size'] == 'fx 160.0  fy 96.0  cx 159.5  cy 23.5 px'
    assert rows['horizontal field of view'] == '90.0 deg'
    assert rows['metric abs_rel'] == '0.13'
    assert rows['metrics'].endswith('Größe')
    printed = {label.replace(' ', '_') for label in rows}
    shown_otherwise = {'network', 'camera', 'metrics', 'motion_noise', 'details'}
    for field in dataclasses.fields(ModelCard):
        assert field.name in printed | shown_otherwise


def test_a_card_from_before_the_motion_encoder_could_be_chosen(model: Path) -> None:
    assert load_model(rewritten(model, motion=None))[1].network.motion == 'resnet'


@pytest.mark.parametrize('half', [True, False])
def test_another_card_leaves_the_weights_alone(tmp_path: Path, half: bool) -> None:
    path, other = tmp_path / 'a.safetensors', tmp_path / 'b.safetensors'
    save_model(path, network(), card(), half=half)
    before = load_file(path)
    replace_card(path, card(metrics={'abs_rel': 0.2}), other)
    assert read_card(path) == card() and read_card(other).metrics == {'abs_rel': 0.2}
    replace_card(path, read_card(other))
    assert path.read_bytes() == other.read_bytes()
    for name, tensor in load_file(path).items():
        assert tensor.dtype == before[name].dtype and torch.equal(tensor, before[name])
    with pytest.raises(ModelFileError, match='describes another network'):
        replace_card(path, card(network=NetworkConfig(width=0.25)))
