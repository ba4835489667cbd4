# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth and motion of a frame pair from one network: arXiv 2006.09876, fig. 2."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import DEPTH_RANGE, LARGEST_FACTOR, check_input_size
from mdepth_ros.networks.attention import ATTENTIONS
from mdepth_ros.networks.cues import IDCE
from mdepth_ros.networks.dense_depth import DECODERS
from mdepth_ros.networks.depth import SCALES, disparity_to_depth
from mdepth_ros.networks.pose import MotionCNN, PoseDecoder
from mdepth_ros.networks.resnet import ENCODERS, ResNetEncoder

MOTIONS = ('resnet', 'posecnn')


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that decides what a JointDepthPose computes, but for its weights.

    encoder            resnet18, resnet34 or resnet50, for both encoders
    motion             the motion encoder: resnet, as `encoder` says, or posecnn, a small plain
                       network to compare with (table VI), which has no cues to give
    decoder            of the depth: plain (Monodepth2), or dense: skips between all levels
    width              multiplies the channels of every layer
    attention          variant of HAM: elementwise, pairwise, gate; channel (CAM), or none
    cues, cues_gate    whether IDCE feeds the depth decoder, and through a gate that starts at 0
    depth_range        near and far end of the depth, in network units
    disparity_bias     initial logit of the disparity: 0 starts in the middle of the disparities
    rotation_scale, translation_scale   factors of the pose output
    mean, std          the networks see (image - mean) / std, image in 0..1

    Raises MdepthError for values that no network can be built from.
    """

    encoder: str = 'resnet18'
    width: float = 1.0
    attention: str = 'elementwise'
    cues: bool = True
    cues_gate: bool = True
    depth_range: tuple[float, float] = (0.1, 100.0)
    disparity_bias: float = 0.0
    rotation_scale: float = 0.01
    translation_scale: float = 0.01
    mean: float = 0.45
    std: float = 0.225
    motion: str = 'resnet'
    decoder: str = 'plain'

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise MdepthError(f'unknown encoder {self.encoder!r}: one of {", ".join(ENCODERS)}')
        if self.attention not in ATTENTIONS:
            raise MdepthError(
                f'unknown attention {self.attention!r}: one of {", ".join(ATTENTIONS)}'
            )
        if self.motion not in MOTIONS:
            raise MdepthError(f'unknown motion {self.motion!r}: one of {", ".join(MOTIONS)}')
        if self.decoder not in DECODERS:
            raise MdepthError(f'unknown decoder {self.decoder!r}: one of {", ".join(DECODERS)}')
        if self.motion == 'posecnn' and self.cues:
            raise MdepthError('a posecnn has no cues to give: set cues to false, or motion resnet')
        if not 0 < self.width <= 4:
            raise MdepthError(f'width {self.width} is not in 0..4')
        near, far = self.depth_range
        if not 0 < near < far:
            raise MdepthError(f'depth range {near}..{far} does not ascend from above 0')
        if not (DEPTH_RANGE[0] <= near and far <= DEPTH_RANGE[1]):
            allowed = f'{DEPTH_RANGE[0]:g} to {DEPTH_RANGE[1]:g}'
            raise MdepthError(f'depth range {near}..{far}: it must lie in {allowed}')
        numbers = (self.disparity_bias, self.rotation_scale, self.translation_scale, self.mean)
        if not all(map(math.isfinite, (*numbers, self.std, near, far))):
            raise MdepthError(f'{self} has a number that is not finite')
        if max(map(abs, (*numbers, self.std))) > LARGEST_FACTOR:
            raise MdepthError(f'{self} has a number above {LARGEST_FACTOR:g}')
        if not self.std > 0:
            raise MdepthError(f'std {self.std} of the image normalisation is not above 0')


class JointDepthPose(nn.Module):
    """Depth encoder and decoder, motion encoder and pose decoder; IDCE joins the two.

    The motion encoder (the paper's USEN) sees a frame pair in temporal order; its features give
    the motion, and through IDCE they help the depth of the pair's second frame.

    Images are float [B, 3, H, W], RGB in 0..1, H and W multiples of 32 and at least 64. Outputs
    are float32, also under autocast and where the network is cast to bfloat16 or float16.
    """

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or NetworkConfig()
        self.depth_encoder = ResNetEncoder(config.encoder, 3, config.width)
        plain = config.motion == 'posecnn'
        self.motion_encoder = (
            MotionCNN(config.width) if plain else ResNetEncoder(config.encoder, 6, config.width)
        )
        channels = self.depth_encoder.channels
        self.cues = IDCE(channels[4], config.cues_gate) if config.cues else None
        decoder = DECODERS[config.decoder]
        self.depth_decoder = decoder(channels, config.width, config.disparity_bias)
        self.pose_decoder = PoseDecoder(
            self.motion_encoder.channels[-1],
            config.width,
            config.attention,
            config.rotation_scale,
            config.translation_scale,
            hidden=not plain,
        )

    def forward(
        self,
        previous: Tensor,
        current: Tensor,
        use_cues: Tensor | None = None,
        scales: int = SCALES,
    ) -> tuple[list[Tensor], Tensor]:
        """Depth of `current` and the motion between the two frames.

        use_cues  bool [B]: where it is False the depth comes from `current` alone. None: all True.
        scales    how many disparities are computed: 4 to train, 1 is enough to use the network.

        Returns the disparities, full size first ([B, 1, H/2^i, W/2^i] in 0..1; `depth` makes depth
        of them), and the pose [B, 6]: axis-angle and translation of T_current_previous, which maps
        points in the previous camera to the current one, in the depth's units.
        """
        features = self.features(current)
        motion = self.motion_encoder(self.normalised(torch.cat([previous, current], 1)))[-1]
        if self.cues is not None:
            cues = self.cues(motion)
            if use_cues is not None:
                cues = cues * use_cues[:, None, None, None]
            features[4] = features[4] + cues
        return self.depth_decoder(features, scales), self.pose_decoder(motion)

    def features(self, image: Tensor) -> list[Tensor]:
        """What the depth encoder sees in images [B, 3, H, W]: maps of H/2, then H/4, to H/32."""
        features: list[Tensor] = self.depth_encoder(self.normalised(image))
        return features

    def pose(self, first: Tensor, second: Tensor) -> Tensor:
        """[B, 3, H, W] each, `first` taken first -> [B, 6] of T_second_first (as in `forward`)."""
        pair = self.normalised(torch.cat([first, second], 1))
        pose: Tensor = self.pose_decoder(self.motion_encoder(pair)[-1])
        return pose

    def depth(self, disparity: Tensor) -> Tensor:
        """Disparity in 0..1 -> depth in network units, of the same shape."""
        return disparity_to_depth(disparity, self.config.depth_range)

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Initialise the ResNets from an ImageNet ResNet (ResNetEncoder.load_imagenet)."""
        for encoder in (self.depth_encoder, self.motion_encoder):
            if isinstance(encoder, ResNetEncoder):
                encoder.load_imagenet(state)

    def normalised(self, images: Tensor) -> Tensor:
        """Images in 0..1 as the encoders take them, in their type."""
        height, width = images.shape[-2:]
        check_input_size(height, width, 'the networks do not take images of')
        images = (images - self.config.mean) / self.config.std
        return images.to(self.depth_encoder.conv1.weight.dtype)
