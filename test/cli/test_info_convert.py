# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth info` and `mdepth convert` as a user calls them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from mdepth_ros.cli.convert import convert
from mdepth_ros.cli.info import info
from mdepth_ros.errors import MdepthError
from mdepth_ros.model.file import load_model
from mdepth_ros.networks import ResNetEncoder
from mdepth_ros.networks.depth import DepthDecoder
from mdepth_ros.networks.pose import PoseDecoder


def call(*arguments: object, width: int = 200) -> Result:
    app = typer.Typer()
    app.command()(info)
    app.command()(convert)
    return CliRunner().invoke(app, [str(a) for a in arguments], env={'COLUMNS': str(width)})


def monodepth2(folder: Path, use_stereo: bool = False) -> None:
    """Random weights under the names of that layout, in the order its modules are listed."""
    sizes = {'height': 96, 'width': 320, 'use_stereo': use_stereo}
    for name, channels in (('encoder', 3), ('pose_encoder', 6)):
        state = ResNetEncoder('resnet18', channels).state_dict()
        renamed = {f'encoder.{k}': v for k, v in state.items()}
        torch.save({**renamed, **(sizes if channels == 3 else {})}, folder / f'{name}.pth')
    decoder = DepthDecoder([64, 64, 128, 256, 512])
    layers = [module[i] for i in range(4, -1, -1) for module in (decoder.reduce, decoder.fuse)]
    depth: dict[str, torch.Tensor] = {}
    for index, layer in enumerate([*layers, *decoder.heads]):
        middle = 'conv.conv' if index < 10 else 'conv'
        depth |= {f'decoder.{index}.{middle}.{k}': v for k, v in layer.state_dict().items()}
    torch.save(depth, folder / 'depth.pth')
    decoder_of_pose = PoseDecoder(512, attention='none')
    pose = {f'net.{i}.{k}': v
            for i, layer in enumerate(decoder_of_pose.children())
            for k, v in layer.state_dict().items()}  # fmt: skip
    torch.save(pose, folder / 'pose.pth')


def test_imagenet_file_becomes_an_initialisation_and_says_so(tmp_path: Path) -> None:
    encoder = ResNetEncoder('resnet18').state_dict()
    torch.save({**encoder, 'fc.weight': torch.ones(1000, 512)}, tmp_path / 'r18.pth')
    output = tmp_path / 'start.safetensors'
    result = call('convert', tmp_path / 'r18.pth', '-o', output, '--input-size', '320x96',
                  '--full-precision', '--licence', 'BSD-3-Clause')  # fmt: skip
    assert result.exit_code == 0, result.output
    assert 'initialisation to train from, not a depth model' in result.output
    network, card = load_model(output)
    assert card.method == 'imagenet initialisation'
    assert card.input_size == (96, 320)
    assert card.licence == 'BSD-3-Clause'
    assert card.metres_per_unit is None
    weight = network.depth_encoder.get_submodule('layer3.0.conv2').state_dict()['weight']
    assert torch.equal(weight, encoder['layer3.0.conv2.weight'])


@pytest.mark.parametrize('use_stereo', [False, True])
def test_monodepth2_folder_becomes_a_model(tmp_path: Path, use_stereo: bool) -> None:
    monodepth2(tmp_path, use_stereo)
    output = tmp_path / 'mono.safetensors'
    result = call('convert', tmp_path, '-o', output)
    assert result.exit_code == 0, result.output
    assert 'initialisation' not in result.output
    network, card = load_model(output)
    assert card.name == 'mono'
    assert card.input_size == (96, 320)
    assert card.metres_per_unit == (5.4 if use_stereo else None)
    assert card.licence == 'as the weights given'
    assert not card.network.cues and card.network.attention == 'none'
    original = torch.load(tmp_path / 'depth.pth')['decoder.0.conv.conv.weight']
    reduce = network.depth_decoder.reduce[4].state_dict()['weight']
    torch.testing.assert_close(reduce, original, rtol=1e-3, atol=1e-6)


def test_info_prints_card_size_and_digest(tmp_path: Path) -> None:
    monodepth2(tmp_path)
    output = tmp_path / 'mono.safetensors'
    call('convert', tmp_path, '-o', output)
    result = call('info', output)
    assert result.exit_code == 0, result.output
    content = output.read_bytes()
    for text in (
        'resnet18, width 1',
        '320 x 96',
        'fx 185.6  fy 184.3  cx 159.5  cy 47.5 px',
        '81.5 deg',
        'Monodepth2 layout, converted',
        'as the weights given',
        f'{14_329_236 + 11_185_920 + 1_314_572:,}',
        f'{len(content):,} bytes',
        hashlib.sha256(content).hexdigest()[:16],
    ):
        assert text in result.output


def test_wrong_input_is_one_line(tmp_path: Path) -> None:
    def refused(*arguments: object) -> str:
        result = call(*arguments)
        assert isinstance(result.exception, MdepthError), result.output
        assert '\n' not in str(result.exception)
        return str(result.exception)

    output = tmp_path / 'out.safetensors'
    source = tmp_path / 'r18.pth'
    assert 'No such file' in refused('info', tmp_path / 'none.safetensors')
    assert 'has no encoder.pth' in refused('convert', tmp_path, '-o', output)
    torch.save(ResNetEncoder('resnet18').state_dict(), source)
    assert 'mdepth convert' in refused('info', source)
    assert 'WIDTHxHEIGHT' in refused('convert', source, '-o', output, '--input-size', '640')
    assert 'multiples of 32' in refused('convert', source, '-o', output, '--input-size', '9x9')
    assert not output.exists()
