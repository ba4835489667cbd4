# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps of a provider as labels: what they are called, what is refused, and of which size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import say
from mdepth_training.data import Drive, Key, Sample, TripletSource
from mdepth_training.labels.kind import Kind
from mdepth_training.labels.loading import load_labels, resample
from mdepth_training.labels.maker import LabelMaker
from mdepth_training.labels.pseudo.images import FrameImages
from mdepth_training.labels.pseudo.provider import AFFINE, Provider
from mdepth_training.labels.pseudo.space import mistaken_for
from mdepth_training.labels.store import LabelStore

SCENE = 'scene_depth'
"""The label that says what is near and what is far."""
LARGEST = 6e4
"""What a float16 holds."""
SHIFT = 0.01
"""Where affine-invariant depth reaches 0 it is moved: the nearest is this share of its range."""


def pseudo_maker(
    provider: Provider,
    size: tuple[int, int],
    reopen: Callable[[], Sequence[Drive]] = tuple,
    scenes: Sequence[LabelStore] = (),
) -> LabelMaker:
    """`pseudo_depth` or `pseudo_disparity`: what a provider says, at `size` (height, width).

    reopen  the recordings as larger files (see FrameImages)
    scenes  stores with SCENE, a depth of the same frames in any unit: where all maps of a batch
            run against it, depth and disparity are mixed up, and MdepthError says it

    A map that says nothing (constant, no finite number) is unknown everywhere; where a whole batch
    is so the provider is broken, and MdepthError says it.
    """
    kind, without = kind_of(provider, size), list[Key]()

    def maps(sample: Sample) -> Mapping[str, Tensor]:
        given = provider.maps(sample)
        reasons = [why_useless(one) for one in given]
        useless = [(key, why) for key, why in zip(sample.keys, reasons, strict=True) if why]
        if useless and len(useless) == len(given):
            key, why = useless[0]
            raise MdepthError(
                f'{provider.name} says nothing of frame {key.frame} of {key.drive} and those '
                f'around it: its map {why}; see whether it is a depth model, and what it needs'
            )
        without.extend(key for key, _ in useless)
        for one, image in zip(given, sample.current, strict=True):
            if one is not None and image.shape[-1] > 1:
                check_shape(one, image, provider)
        unknown = torch.full(size, torch.nan)
        found = [
            unknown if one is None or why else as_label(one, provider, kind)
            for one, why in zip(given, reasons, strict=True)
        ]
        check_space(dict(zip(sample.keys, found, strict=True)), provider, scenes)
        return {f'pseudo_{provider.space}': torch.stack(found)[:, None]}

    def remarks() -> list[str]:
        if not without:
            return []
        first = f'the first is frame {without[0].frame} of {without[0].drive}'
        return [f'{provider.name} says nothing of {len(without)} frames ({first}): unknown there']

    def looks(source: TripletSource) -> TripletSource:
        images = FrameImages(source, provider.image_size, reopen)
        if images.size:
            say('it sees images of {1}x{0}'.format(*images.size))
        return images

    kinds = {f'pseudo_{provider.space}': kind}
    return LabelMaker(
        kinds,
        maps,
        begin=provider.begin,
        looks=looks,
        remarks=remarks,
        origin={'provider': provider.name, **provider.origin},
    )


def kind_of(provider: Provider, size: tuple[int, int]) -> Kind:
    """What the label is; its description says the provider, what is known, and the licence."""
    licence = f'licence {provider.licence}' if provider.licence else 'licence not known'
    text = f'{provider.space} of {provider.name}, {provider.known}; {licence}'
    if provider.space == 'disparity':
        return Kind('value', size, description=text)
    if provider.known == AFFINE:  # an offset is in it: steps of a share of it would be coarse
        return Kind('depth', size, description=text)
    return Kind.rounded('depth', size, text)


def why_useless(given: Tensor | None) -> str:
    """Why a map says nothing; '' where it does, or where there is none."""
    if given is None:
        return ''
    known = given[given.isfinite()]
    if not len(known):
        return 'has no finite number'
    low, high = known.min(), known.max()
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        return f'is {float(low):.4g} everywhere'
    return ''


def check_shape(given: Tensor, image: Tensor, provider: Provider) -> None:
    """MdepthError for a map [h, w] of another shape than the image [3, H, W] that it is of."""
    (rows, columns), (height, width) = given.shape, image.shape[-2:]
    if abs(columns * height / width - rows) > max(1.0, 0.02 * rows):
        raise MdepthError(
            f'{provider.name} gives maps of {columns}x{rows} for images of {width}x{height}: give '
            'a model whose map shows the whole image'
        )


def check_space(
    found: Mapping[Key, Tensor], provider: Provider, scenes: Sequence[LabelStore]
) -> None:
    """MdepthError where all labels [H, W] of some frames run against the depth of the scene."""
    pairs = []
    for key, label in found.items():
        for store in scenes:
            if store.drive(key.drive) is not None and not store.missing([key], [SCENE]):
                scene = load_labels(store, [key], [SCENE], (label.shape[0], label.shape[1]))
                pairs.append((label, scene[SCENE][0, 0]))
                break
    if other := mistaken_for(provider.space, pairs):
        raise MdepthError(
            f'{provider.name} seems to give {other}, not {provider.space}: its maps run '
            f'against {SCENE} of {", ".join(str(store.path) for store in scenes)}; set space'
        )


def as_label(given: Tensor, provider: Provider, kind: Kind) -> Tensor:
    """A map [h, w] as the label [H, W] has it, NaN where it is unknown.

    Raises MdepthError for numbers that are too large.
    """
    value = given.float().cpu()
    value = torch.where(value.isfinite(), value, torch.nan)
    if provider.space == 'depth':
        known = value[~value.isnan()]
        if provider.known == AFFINE and known.min() <= 0:
            value = value - known.min() + SHIFT * (known.max() - known.min())
        value = torch.where(value > 0, value, torch.nan)
    if value.nan_to_num(0).abs().max() > LARGEST:
        raise MdepthError(
            f'{provider.name} gives numbers up to {value.nan_to_num(0).abs().max():.4g}, at most '
            f'{LARGEST:g} fit: give another unit'
        )
    return resample(value[None, None], kind.what, kind.size)[0, 0]
