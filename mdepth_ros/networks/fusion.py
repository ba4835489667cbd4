# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Networks for inference: batch norms become part of the convolutions."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mdepth_ros.networks.joint import JointDepthPose


def fused(network: JointDepthPose) -> JointDepthPose:
    """A copy for inference: every batch norm is folded into the convolution before it.

    Both are found by name, as in ImageNet files: convN and bnN, downsample.0 and downsample.1.
    """
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for module in list(network.modules()):
        children = dict(module.named_children())
        for name, norm in children.items():
            convolution = children.get('0' if name == '1' else name.replace('bn', 'conv'))
            if isinstance(norm, nn.BatchNorm2d) and isinstance(convolution, nn.Conv2d):
                folded = fuse_conv_bn_eval(convolution, norm)
                setattr(module, '0' if name == '1' else name.replace('bn', 'conv'), folded)
                setattr(module, name, nn.Identity())
    return network
