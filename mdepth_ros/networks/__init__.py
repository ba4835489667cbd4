# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The networks: a frame pair in, disparity and motion out. Torch only."""

from mdepth_ros.networks.attention import HAM, ChannelAttention
from mdepth_ros.networks.cues import IDCE
from mdepth_ros.networks.dense_depth import DenseDepthDecoder
from mdepth_ros.networks.depth import DepthDecoder, disparity_to_depth
from mdepth_ros.networks.joint import JointDepthPose, NetworkConfig
from mdepth_ros.networks.pose import PoseDecoder
from mdepth_ros.networks.resnet import ResNetEncoder

__all__ = [
    'HAM',
    'IDCE',
    'ChannelAttention',
    'DenseDepthDecoder',
    'DepthDecoder',
    'JointDepthPose',
    'NetworkConfig',
    'PoseDecoder',
    'ResNetEncoder',
    'disparity_to_depth',
]
