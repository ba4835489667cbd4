# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the rounds of self-training ask of a network of the instances."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from mdepth_ros.errors import MdepthError
from mdepth_training.data.sample import Sample

if TYPE_CHECKING:
    from mdepth_ros.networks import JointDepthPose
    from mdepth_training.methods.dynamic_regions.part_settings import InstanceSettings

LEAST_AREA = 0.001
"""Smallest share of the image of a thing."""


class Detector(nn.Module):
    """A network that finds things in an image whose depth is known; `seen` is what it looks at."""

    def seen(self, network: JointDepthPose, image: Tensor, sample: Sample) -> Any:
        """What it looks at: of an image [B, 3, H, W] of a sample, whose labels have the depth."""
        raise NotImplementedError

    def loss(self, seen: Any, ids: Tensor, unsure: Tensor) -> Tensor:
        """Its error against things.

        ids [B, 1, H, W], 0 is none; unsure bool [B, 1, H, W]: nobody knows whether there is one
        """
        raise NotImplementedError

    def found(self, seen: Any, least_score: float) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        """Ids [B, H, W] of things that it is sure of, and the probability of a thing [B, H, W]."""
        raise NotImplementedError


def make_detector(
    settings: InstanceSettings, network: JointDepthPose, size: tuple[int, int]
) -> Detector:
    """The network that the settings name, for images of this height and width.

    Its weights are by chance, or begin with the user's own file. Raises MdepthError.
    """
    require_inputs(settings)
    if settings.detector == 'mask_rcnn':
        from mdepth_training.methods.dynamic_regions.mask_rcnn import MaskRcnn

        return MaskRcnn(settings, size)
    from mdepth_training.methods.dynamic_regions.instance_network import InstanceNetwork

    return InstanceNetwork(network.depth_encoder, settings.found_weight, settings.unsure_weight)


def require_inputs(settings: InstanceSettings) -> None:
    """Raise MdepthError where torchvision, an extra, or the file of weights is not there.

    A chain asks before its first stage begins.
    """
    if settings.detector == 'own':
        return
    file = settings.detector_weights
    if file and not Path(file).expanduser().is_file():
        raise MdepthError(f'method.detector_weights={file} is no file')
    try:
        import torchvision.ops  # noqa: F401
    except (ImportError, RuntimeError) as error:  # RuntimeError: it was built for another torch
        raise MdepthError(
            f'method.detector=mask_rcnn needs torchvision ({str(error).splitlines()[0]}): '
            "pip install 'mdepth-training[torchvision]', or set method.detector=own"
        ) from None
