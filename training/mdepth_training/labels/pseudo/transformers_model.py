# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Depth models of transformers as providers, by name or from a folder."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mdepth_ros.core.machine import choose_device
from mdepth_ros.errors import MdepthError
from mdepth_ros.texts import parse_yaml
from mdepth_training.data import Sample, TripletSource
from mdepth_training.labels.pseudo.network import (
    NONE,
    Means,
    as_maps,
    fitted,
    normalised,
    optional,
)
from mdepth_training.labels.pseudo.provider import AFFINE, METRIC, Space
from mdepth_training.labels.pseudo.settings import PseudoSettings

_PREPROCESSING = 'preprocessor_config.json'
_UNUSED = 'fusion_stage.layers.0.residual_layer1'
"""Weights of DPT that nothing uses, so that files may lack them."""


class TransformersModel:
    """What AutoModelForDepthEstimation loads from safetensors; no code of others is run.

    Size and colours of its images are those of its preprocessor_config.json, by our own code.

    Raises MdepthError where transformers is missing, the model is not there, or is of a class of
    which it is not known what it says.
    """

    def __init__(self, name: str, settings: PseudoSettings) -> None:
        library = optional('transformers', 'transformers', name)
        mixin = optional('transformers.image_processing_base', 'transformers', name)
        mixin = mixin.ImageProcessingMixin
        for logger in ('transformers', 'huggingface_hub'):  # what matters is in the error
            logging.getLogger(logger).setLevel(logging.ERROR)
        try:
            model, loaded = library.AutoModelForDepthEstimation.from_pretrained(
                name, use_safetensors=True, trust_remote_code=False, output_loading_info=True
            )
            preprocessing, _ = mixin.get_image_processor_dict(name)
        except Exception as error:  # of many classes, of transformers and of what it uses
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            nowhere = '' if Path(name).exists() else ' is no file or folder here, and'
            raise MdepthError(
                f'{name}{nowhere} cannot be loaded by transformers ({reason}): give a depth model '
                f'with model.safetensors and {_PREPROCESSING}'
            ) from None
        if lacking := sorted(key for key in loaded['missing_keys'] if _UNUSED not in key):
            raise MdepthError(
                f'{name} lacks {len(lacking)} weights of {type(model).__name__}, such as '
                f'{lacking[0]}: give a model that was trained to give depth'
            )
        self._model = model.float().to(choose_device('auto')).eval()
        config = model.config
        self.space: Space
        says = meaning(config)
        if says is not None:
            self.space, self.known = says
        elif settings.space:
            self.space, self.known = settings.space, METRIC if settings.metric else AFFINE
        else:
            raise MdepthError(
                f'{name} is a {config.model_type}, of which it is not known what it gives: set '
                'space=depth or space=disparity'
            )
        if settings.space not in ('', self.space):
            raise MdepthError(f'{name} gives {self.space}: leave out space={settings.space}')
        self._canonical = config.model_type == 'depth_pro'
        self._preprocessing, self._wanted = preprocessing, settings.image_size
        self._means = colours(preprocessing, name)
        self.name = f'{name} ({type(model).__name__})'
        self.licence = settings.licence or licence_of(name, library.utils.cached_file)
        self.origin: dict[str, Any] = {'provider model': digest_of(model)}

    def begin(self, source: TripletSource) -> None:
        """Nothing has to be looked for."""

    def image_size(self, native: tuple[int, int]) -> tuple[int, int]:
        """As its preprocessing says, or the settings."""
        return size_of(self._preprocessing, native, self._wanted)

    def maps(self, sample: Sample) -> list[Tensor | None]:
        """The map [h, w] of each image."""
        output = self._model(pixel_values=normalised(sample.current, self._means))
        maps = as_maps(output.predicted_depth.float())
        if self._canonical:
            maps = from_canonical(maps, sample)
        return list(maps)


def meaning(config: Any) -> tuple[Space, str] | None:
    """The space of what a model gives and how far it is known; None where nobody can tell.

    config  of the model: its class decides, and what it was trained for
    """
    kind = config.model_type
    if kind == 'depth_anything':
        metric = config.depth_estimation_type == 'metric'
        return ('depth', METRIC) if metric else ('disparity', AFFINE)
    if kind == 'dpt':  # MiDaS; heads on DINOv2 are of other trainings
        backbone = getattr(config.backbone_config, 'model_type', '')
        return None if backbone.startswith('dinov2') else ('disparity', AFFINE)
    return ('depth', METRIC) if kind in ('zoedepth', 'depth_pro', 'glpn') else None


def size_of(
    preprocessing: Mapping[str, Any], native: tuple[int, int], wanted: tuple[int, int] | None
) -> tuple[int, int]:
    """Height and width that a model sees of images of a native size.

    preprocessing  as preprocessor_config.json has it
    wanted         instead of its `size`
    """
    size = preprocessing.get('size') or {}
    multiple = preprocessing.get('ensure_multiple_of') or preprocessing.get('size_divisor') or 1
    multiple = max(round(multiple), 1)
    if wanted is not None:
        return fitted(native, wanted, False, multiple)
    if isinstance(size, int):
        size = {'height': size, 'width': size}
    if 'height' in size and 'width' in size:
        keep = bool(preprocessing.get('keep_aspect_ratio', False))
        return fitted(native, (size['height'], size['width']), keep, multiple)
    if 'shortest_edge' in size:
        factor = size['shortest_edge'] / min(native)
        native = round(native[0] * factor), round(native[1] * factor)
    return fitted(native, native, False, multiple)


def colours(preprocessing: Mapping[str, Any], name: str) -> Means:
    """Means and deviations of the colours 0..1 that a model wants; MdepthError for others."""
    if abs(255 * preprocessing.get('rescale_factor', 1 / 255) - 1) > 1e-3:
        raise MdepthError(
            f'{name} wants colours times {preprocessing["rescale_factor"]}, which is not '
            'supported: run it yourself, and give its folder of maps'
        )
    mean, deviation = (preprocessing.get(f'image_{key}') for key in ('mean', 'std'))
    if not preprocessing.get('do_normalize', mean is not None):
        return NONE
    if mean is None or deviation is None:
        raise MdepthError(f'{name}: its {_PREPROCESSING} has no image_mean and image_std')
    return tuple(mean), tuple(deviation)


def from_canonical(maps: Tensor, sample: Sample) -> Tensor:
    """Depth Pro's canonical inverse depth [B, h, w] -> metres, by the camera of the images.

    Its metric inverse depth is the canonical one times the width over the focal length
    (Bochkovskii et al. 2024, 3.1); its own guess of the focal length is not needed.
    """
    width = sample.current.shape[-1]
    inverse = maps * (width / sample.K[:, 0, 0])[:, None, None]
    return 1 / inverse.clamp(1e-4, 1e4)


def licence_of(name: str, cached_file: Callable[..., str | None]) -> str:
    """The licence that the head of the model's README.md says; '' where it says none."""
    try:
        path = cached_file(name, 'README.md')
        _, head, _ = Path(path or '').read_text(encoding='utf-8').split('---\n', 2)
        card = parse_yaml(head)
        return str(card.get('license_name') or card.get('license') or '')
    except Exception:  # a model without a card is no error, whatever is wrong with it
        return ''


def digest_of(model: nn.Module) -> str:
    """Another text where a weight differs."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
