# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the networks see of a frame: cut to their camera, on the device, made once."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import max_pool2d

from mdepth_ros.core.quality import SHRINK as QUARTER
from mdepth_ros.core.quality import WHOLE
from mdepth_ros.core.refinement import SHRINK as HALF
from mdepth_ros.core.refinement import brightness
from mdepth_ros.core.types import Frame, Mask, MaskError
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera, ImageSampler, target_camera
from mdepth_ros.model.file import ModelCard

LARGEST_FOCAL_RATIO = 1.25
MAX_VIEWS = 8
MAX_SAMPLED = 16  # for each view


@dataclass(frozen=True, eq=False)
class View:
    """What depends on the source camera only.

    camera         pinhole camera of what the networks see, [h, w] pixels
    magnification  its focal length over that of the training
    visible        bool [h, w]: the pixel has an image, which no mask excludes
    half_intrinsics, small_intrinsics  [3, 3] at a half and a quarter of the size, on the device
    half_usable, small_usable  [1, 1, ...] at these sizes, on the device: 1 where all is visible,
                               also beside the pixel at half the size; None where all is everywhere
    filling        flat indices [N] of the pixels in the mask, and of those that the networks see
                   there instead; None without a mask
    """

    sampler: ImageSampler
    camera: Camera
    magnification: float
    visible: NDArray[np.bool_]
    half_intrinsics: Tensor
    small_intrinsics: Tensor
    half_usable: Tensor | None = None
    small_usable: Tensor | None = None
    filling: tuple[Tensor, Tensor] | None = None


@dataclass(eq=False)
class Sampled:
    """A frame on the device: float32 [1, 3, h, w] in 0..1, and what is known of it by now.

    seen    what the networks see: the same, with what is beside the mask mirrored into it
    usable  of its view, at half the size
    depth   [1, h/2, w/2]
    small   [1, 3 or 4, h/2, w/2], see `brightness`
    """

    image: Tensor
    seen: Tensor
    usable: Tensor | None = None
    depth: Tensor | None = None
    small: Tensor | None = None

    def brightness(self) -> Tensor:
        """Made once, for the two pairs that a frame is in."""
        if self.small is None:
            self.small = brightness(self.image, self.usable)
        return self.small


class Views:
    """The views of all source cameras, and the frames that were sampled last.

    Attributes: trained, the camera that the model was trained at; warnings, each said once.
    """

    def __init__(self, card: ModelCard, device: torch.device) -> None:
        self.card = card
        self.device = device
        self.warnings: list[str] = []
        self.trained = Camera.from_normalised(*card.input_size[::-1], *card.camera)
        self._views: OrderedDict[tuple[Camera, Mask | None], View] = OrderedDict()
        self._samples: WeakKeyDictionary[Frame, Sampled] = WeakKeyDictionary()

    def of(self, source: Camera, mask: Mask | None = None) -> View:
        """The view of a source camera, made when the camera or its mask is new.

        Raises MaskError for a mask of another size, or that leaves nothing of the view.
        """
        if (source, mask) in self._views:
            self._views.move_to_end((source, mask))
            return self._views[source, mask]
        height, width = self.card.input_size
        camera = target_camera(source, height, width)
        sampler = ImageSampler(source, camera, self.device)
        white = torch.full((source.height, source.width, 3), 255, dtype=torch.uint8)
        ratio = math.sqrt(camera.fx * camera.fy / (self.trained.fx * self.trained.fy))
        half, small = (
            camera.scaled(width // shrink, height // shrink).matrix(device=self.device)
            for shrink in (HALF, QUARTER)
        )
        shown = sampler(white)[0, 0]
        visible, filling = shown > 0.49, None
        if mask is not None:
            mask.check_size(source.width, source.height)
            # A pixel of the view is the mean of several: one of them in the mask spoils it.
            used = sampler(white * torch.from_numpy(mask.usable)[..., None])[0, 0]
            visible &= used > WHOLE * shown
            if not visible.any():
                raise MaskError(
                    f'{mask.name} leaves nothing of what the networks see: paint white what is '
                    'to be used, and black what never is'
                )
            filling = mirrored((shown > 0.49) & ~visible)
        usable = _usable(visible)
        seen = visible.cpu().numpy()
        view = View(sampler, camera, ratio, seen, half, small, *usable, filling)
        if not 1 / LARGEST_FOCAL_RATIO <= ratio <= LARGEST_FOCAL_RATIO:
            self._warn(
                f'the camera sees with {ratio:.2f} times the focal length that '
                f'{self.card.name} was trained at: depth is corrected for it, but expect it to be '
                'worse; use a model trained on such a camera'
            )
        if source.unusual:
            self._warn(f'the calibration has {source.unusual}, which is unusual: check it')
        self._views[source, mask] = view
        if len(self._views) > MAX_VIEWS:
            self._views.popitem(last=False)
        return view

    def clear(self) -> None:
        """Forget all cameras."""
        self._views.clear()

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    def sampled(self, frame: Frame) -> Sampled:
        """The frame on the device; sampled once, kept as long as the frame itself.

        Raises MdepthError for an image that is not of its camera's size.
        """
        known = self._samples.get(frame)
        if known is not None:
            return known
        camera = frame.camera
        if frame.image.shape != (camera.height, camera.width, 3):
            raise MdepthError(
                f'an image of shape {frame.image.shape} does not belong to a camera of '
                f'{camera.width}x{camera.height}: give the camera_info of this image'
            )
        # torch takes no read-only array and no negative stride; both are copied.
        image = np.require(frame.image, np.uint8, ['C', 'W'])
        view = self.of(camera, frame.mask)
        full = view.sampler(torch.from_numpy(image))
        full = seen = full.contiguous(memory_format=torch.channels_last)
        if view.filling is not None:
            into, source = view.filling
            seen = full.clone()  # channels last: rows of three are copied
            pixels = seen.permute(0, 2, 3, 1).view(-1, 3)
            pixels[into] = pixels[source]
        sampled = Sampled(full, seen, view.half_usable)
        while len(self._samples) >= MAX_SAMPLED * len(self._views):
            del self._samples[next(iter(self._samples))]
        self._samples[frame] = sampled
        return sampled


def _usable(visible: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Where all pixels [h, w] of a block of half and of a quarter of the size are visible."""
    if bool(visible.all()):
        return None, None
    hidden = (~visible).float()[None, None]
    # A gradient at half the size takes in the pixels beside.
    half = max_pool2d(max_pool2d(hidden, HALF), 3, 1, 1)
    return 1 - half, 1 - max_pool2d(hidden, QUARTER)


def mirrored(hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Flat indices of the hidden pixels of [h, w], and of what lies as far beyond their edge.

    That is road in front of a bonnet: networks have never seen bonnets, and the depth beside one
    suffers. Where the mirror image is hidden as well it is the nearest pixel of the edge.
    """
    marked = hidden.cpu().numpy()
    _, labels = cv2.distanceTransformWithLabels(
        marked.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.zeros((int(labels.max()) + 1, 2), np.intp)
    places[labels[~marked]] = np.argwhere(~marked)
    here = np.argwhere(marked)
    nearest = places[labels[marked]]
    beyond = 2 * nearest - here
    inside = ((beyond >= 0) & (beyond < marked.shape)).all(1)
    beyond[~inside] = nearest[~inside]
    source = np.where(marked[tuple(beyond.T)][:, None], nearest, beyond)
    into, source = (np.ravel_multi_index(tuple(at.T), marked.shape) for at in (here, source))
    return torch.from_numpy(into).to(hidden.device), torch.from_numpy(source).to(hidden.device)
