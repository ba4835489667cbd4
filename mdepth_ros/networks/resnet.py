# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ResNet encoders: He et al. 2016, with the stride of a bottleneck on its 3x3 convolution.

Parameters carry the names of the usual ImageNet files (conv1, bn1, layer1.0.conv1,
layer1.0.downsample.0, ...), so those files load; the classifier (fc) does not exist here.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from mdepth_ros.errors import MdepthError
from mdepth_ros.networks.layers import scaled_channels
from mdepth_ros.networks.weights import load_weights


def convolution(in_channels: int, out_channels: int, size: int, stride: int = 1) -> nn.Conv2d:
    """Return a convolution without bias (a batch norm follows) that keeps the size at stride 1."""
    return nn.Conv2d(in_channels, out_channels, size, stride, size // 2, bias=False)


def initialise(module: nn.Module) -> None:
    """Kaiming normal (fan out) for all convolutions, batch norms as the identity."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode='fan_out', nonlinearity='relu')
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)


class _Block(nn.Module):
    """What both residual blocks share: the shortcut and its projection."""

    expansion: int

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                convolution(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels)
            )

    def shortcut(self, x: Tensor) -> Tensor:
        return x if self.downsample is None else self.downsample(x)


class BasicBlock(_Block):
    """3x3, 3x3 and the shortcut (ResNet-18 and -34)."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, channels, stride)
        self.conv1 = convolution(in_channels, channels, 3, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = convolution(channels, channels, 3)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B, in_channels, h, w] -> [B, channels, h/stride, w/stride]."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return functional.relu(y + self.shortcut(x))


class Bottleneck(_Block):
    """1x1 down, 3x3, 1x1 up to four times the channels, and the shortcut (ResNet-50, IDCE)."""

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, channels, stride)
        self.conv1 = convolution(in_channels, channels, 1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = convolution(channels, channels, 3, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = convolution(channels, channels * 4, 1)
        self.bn3 = nn.BatchNorm2d(channels * 4)

    def forward(self, x: Tensor) -> Tensor:
        """[B, in_channels, h, w] -> [B, 4 channels, h/stride, w/stride]."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return functional.relu(y + self.shortcut(x))


ENCODERS: dict[str, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    'resnet18': (BasicBlock, (2, 2, 2, 2)),
    'resnet34': (BasicBlock, (3, 4, 6, 3)),
    'resnet50': (Bottleneck, (3, 4, 6, 3)),
}


class ResNetEncoder(nn.Module):
    """ResNet without its classifier; all five scales come out.

    `width` multiplies the channels: the stem has 64*width, rounded to a multiple of 8, and every
    stage twice the one before. `channels` lists the channels of the five outputs.
    """

    def __init__(self, name: str = 'resnet18', input_channels: int = 3, width: float = 1.0):
        super().__init__()
        block, counts = ENCODERS[name]
        stem = scaled_channels(64, width)
        self.conv1 = nn.Conv2d(input_channels, stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.channels = [stem]
        for stage, count in enumerate(counts):
            channels = stem * 2**stage
            layers: list[nn.Module] = []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                before = self.channels[-1] if index == 0 else channels * block.expansion
                layers.append(block(before, channels, stride))
            self.add_module(f'layer{stage + 1}', nn.Sequential(*layers))
            self.channels.append(channels * block.expansion)
        initialise(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, input_channels, H, W] -> [F0, ..., F4] at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size.

        F0 is the stem after its ReLU, before the max pooling.
        """
        features = [functional.relu(self.bn1(self.conv1(x)))]
        x = functional.max_pool2d(features[0], 3, 2, 1)
        for name in ('layer1', 'layer2', 'layer3', 'layer4'):
            x = self.get_submodule(name)(x)
            features.append(x)
        return features

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights of an ImageNet ResNet file; prefixes 'module.' and fc.* are ignored.

        A stem with more input channels gets the file's stem repeated and divided by the number of
        repeats, so that its response to the same image twice is that of the file's stem.
        Raises MdepthError where the file is not this ResNet.
        """
        given = {name.removeprefix('module.'): value for name, value in state.items()}
        given = {name: value for name, value in given.items() if not name.startswith('fc.')}
        stem = given.get('conv1.weight')
        if stem is not None and stem.ndim == 4 and stem.shape[1] == 3:
            repeats = self.conv1.in_channels // 3
            given['conv1.weight'] = torch.cat([stem] * repeats, 1) / repeats
        try:
            load_weights(self, given)
        except MdepthError as error:
            raise MdepthError(
                f'these are not ImageNet weights for this encoder: {error}; '
                'take a file of the same ResNet, and width 1'
            ) from error
