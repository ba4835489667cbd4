# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Errors of a depth map: the seven numbers of Eigen et al. 2014 and KITTI's protocol.

Depth is in metres along optical z. In a prediction NaN, zero and negative mean 'unknown', +Inf
means 'beyond range'. A prediction that is unknown where the truth is known takes no part in the
errors but lowers `coverage`: masking what is difficult never goes unseen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.limits import SCORED

Array = NDArray[Any]
Crop = Literal['none', 'garg']
SCORES = ('abs_rel', 'sq_rel', 'rmse', 'rmse_log', 'd1', 'd2', 'd3')


@dataclass(frozen=True)
class DepthErrors:
    """The errors of one image, or their means over images (then `pixels` is the sum).

    abs_rel   mean |g-p|/g, with the truth g and the prediction p
    sq_rel    mean (g-p)^2/g, metres
    rmse      root of the mean (g-p)^2, metres
    rmse_log  the same of ln g and ln p
    d1 d2 d3  share of pixels with max(g/p, p/g) below 1.25, 1.25^2, 1.25^3
    ratio     median(g)/median(p), whether it was applied or not
    pixels    number of pixels that were scored
    coverage  scored pixels / pixels with a truth in range
    """

    abs_rel: float = math.nan
    sq_rel: float = math.nan
    rmse: float = math.nan
    rmse_log: float = math.nan
    d1: float = math.nan
    d2: float = math.nan
    d3: float = math.nan
    ratio: float = math.nan
    pixels: int = 0
    coverage: float = math.nan


def depth_errors(
    prediction: Array,
    truth: Array,
    *,
    min_depth: float = SCORED[0],
    max_depth: float = SCORED[1],
    scaling: Literal['median', 'none'] | float = 'none',
) -> DepthErrors:
    """Score a prediction against a truth of the same shape, images or lists of depths.

    Scored are pixels whose truth lies strictly between the two limits. The prediction is first
    scaled (by the ratio of medians over those pixels, or by a given factor), then clamped to the
    limits: the order matters. Where nothing can be scored (no pixel, or a median that is infinite)
    the errors are NaN and `pixels` is 0.
    """
    known = (truth > min_depth) & (truth < max_depth)  # false for NaN
    usable = known & (prediction > 0)
    pixels, total = int(usable.sum()), int(known.sum())
    coverage = pixels / total if total else math.nan
    g, p = truth[usable].astype(np.float64), prediction[usable].astype(np.float64)
    ratio = float(np.median(g) / np.median(p)) if pixels else math.nan
    factor = ratio if scaling == 'median' else 1.0 if scaling == 'none' else float(scaling)
    if not pixels or not math.isfinite(factor) or factor <= 0:
        return DepthErrors(ratio=ratio, coverage=coverage)
    p = np.clip(p * factor, min_depth, max_depth)
    worse = np.maximum(g / p, p / g)
    return DepthErrors(
        abs_rel=float(np.mean(np.abs(g - p) / g)),
        sq_rel=float(np.mean((g - p) ** 2 / g)),
        rmse=float(np.sqrt(np.mean((g - p) ** 2))),
        rmse_log=float(np.sqrt(np.mean((np.log(g) - np.log(p)) ** 2))),
        d1=float(np.mean(worse < 1.25)),
        d2=float(np.mean(worse < 1.25**2)),
        d3=float(np.mean(worse < 1.25**3)),
        ratio=ratio,
        pixels=pixels,
        coverage=coverage,
    )


def scaled_relative_errors(
    prediction: Array,
    truth: Array,
    *,
    min_depth: float = SCORED[0],
    max_depth: float = SCORED[1],
) -> tuple[Array, NDArray[np.bool_]]:
    """|g-p|/g of every pixel that `depth_errors` scores with median scaling; float64 [N].

    Also which pixels those are, a mask of the shape that both depths have. Their mean is abs_rel.
    """
    usable = (truth > min_depth) & (truth < max_depth) & (prediction > 0)
    g, p = truth[usable].astype(np.float64), prediction[usable].astype(np.float64)
    ratio = float(np.median(g) / np.median(p)) if len(g) else math.nan
    if not 0 < ratio < math.inf:
        return np.empty(0), np.zeros(truth.shape, bool)
    return np.abs(g - np.clip(p * ratio, min_depth, max_depth)) / g, usable


def sample_depth(depth: Array, u: Array, v: Array) -> Array:
    """Depth [h,w] at sub-pixel positions u, v, bilinear in disparity 1/depth; float64.

    Integer coordinates are pixel centres; positions beyond the outermost centres take the
    border's value. Unknown where one of the (up to four) pixels involved is unknown; +Inf counts
    as disparity 0.
    """
    height, width = depth.shape
    with np.errstate(divide='ignore', invalid='ignore'):
        disparity = np.where(depth > 0, 1.0 / depth.astype(np.float64), np.nan)
        u, v = np.clip(u, 0, width - 1), np.clip(v, 0, height - 1)
        left, top = np.floor(u).astype(np.intp), np.floor(v).astype(np.intp)
        right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
        a, b = u - left, v - top
        total = np.zeros(np.broadcast_shapes(u.shape, v.shape))
        for weight, row, column in (
            ((1 - a) * (1 - b), top, left),
            (a * (1 - b), top, right),
            ((1 - a) * b, bottom, left),
            (a * b, bottom, right),
        ):
            total += np.where(weight > 0, weight * disparity[row, column], 0.0)
        return np.asarray(1.0 / total)


def sample_nearest(values: Array, pixels: Array) -> Array:
    """Values [h,w] of the pixels nearest to positions [N,2] (u, v) in the image."""
    u, v = np.rint(pixels).astype(np.intp).T
    return np.asarray(values[v.clip(0, values.shape[0] - 1), u.clip(0, values.shape[1] - 1)])


def crop_box(shape: Sequence[int], crop: Crop) -> tuple[int, int, int, int]:
    """Rows top:bottom and columns left:right of an image (H, W) that a protocol scores.

    garg: Garg et al. 2016, what the lidar of KITTI reaches (153:371 x 44:1197 of 375x1242).
    """
    H, W = shape
    if crop == 'none':
        return 0, H, 0, W
    if crop == 'garg':
        return (
            int(0.40810811 * H),
            int(0.99189189 * H),
            int(0.03594771 * W),
            int(0.96405229 * W),
        )
    raise ValueError(f'unknown crop {crop!r}: none or garg')


def in_image(pixels: Array, shape: Sequence[int], crop: Crop = 'none') -> NDArray[np.bool_]:
    """Which of the positions [N,2] fall on a pixel of the image (H, W), or of its crop."""
    top, bottom, left, right = crop_box(shape, crop)
    u, v = pixels[:, 0] + 0.5, pixels[:, 1] + 0.5
    return np.asarray((u >= left) & (u < right) & (v >= top) & (v < bottom))


def mean_errors(images: Sequence[DepthErrors]) -> DepthErrors:
    """Mean over images: each counts once, and not at all if nothing in it was scored."""
    scored = [asdict(image) for image in images if image.pixels]
    if not scored:
        return DepthErrors()
    pixels = sum(image.pop('pixels') for image in scored)
    means = {name: float(np.mean([image[name] for image in scored])) for name in scored[0]}
    return DepthErrors(**means, pixels=pixels)


def errors_by_kind(
    prediction: Array,
    truth: Array,
    moving: Array | None = None,
    *,
    min_depth: float = SCORED[0],
    max_depth: float = SCORED[1],
) -> dict[str, DepthErrors]:
    """Score one image (or list of points); `moving` is a mask of the same shape.

    A kind is the suffix of the metric's name:

    ''      the prediction scaled by the ratio of medians of the whole image
    '_raw'  the prediction as it is, in metres
    '_static', '_moving', '_static_raw', '_moving_raw': the same by region, where a mask of moving
            things is known; the ratio stays that of the whole image
    """
    score = partial(depth_errors, min_depth=min_depth, max_depth=max_depth)
    whole = score(prediction, truth, scaling='median')
    errors = {'': whole, '_raw': score(prediction, truth)}
    if moving is not None:
        for name, region in (('_static', ~moving), ('_moving', moving)):
            p, g = prediction[region], truth[region]
            errors[name] = score(p, g, scaling=whole.ratio)
            errors[f'{name}_raw'] = score(p, g)
    return errors


def means_by_kind(images: Sequence[dict[str, DepthErrors]]) -> dict[str, DepthErrors]:
    """Mean over the images of each kind that any of them has."""
    kinds = dict.fromkeys(kind for image in images for kind in image)
    return {k: mean_errors([image[k] for image in images if k in image]) for k in kinds}
