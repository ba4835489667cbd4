# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Motion of a pair from its matched corners, with the networks' depth and motion as what is known.

One robust least squares over the motion T = exp(x) T_0, the depth d_i of each corner and two
factors of all depths, s and c (bundle adjustment: Triggs et al. 2000). It makes

    sum_i rho(|f (pi(T d_i r_i) - p_i)|^2 / PIXELS^2)             where corners are found again
  + sum_i rho((ln d_i - ln D_i - s)^2 / DEPTH^2) + s^2 / SCALE^2  depth of the networks, D
  + sum_i rho((ln d_i - ln E_i - c)^2 / e_i^2) + c^2 / shared^2   depth by the pairs before, E
  + x^T diag(std)^-2 x                                            motion of the networks, T_0

smaller; r_i and p_i are a corner's ray in the current and its place in the previous frame. rho is
that of Student's t: what moves by itself and what was matched wrongly counts little, and so does
depth that is wrong. Each term alone is a known method: without the others the first is the
epipolar constraint, the first two are the pose from points in space (PnP), and the last one is
what remains where no corner is found. Which of them decides is the data's choice.

The images say all but the length. That is known only by the networks, to a tenth, from pair to
pair another one; but the same corners are seen over many pairs, and what these found of their
depth (E) keeps the lengths of one drive in proportion. The factor c is what E still lacks:
`shared` shrinks from pair to pair like the error of a mean, and grows by `DRIFT`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mdepth_ros.core.refinement import exp
from mdepth_ros.core.tracks import Depths, Matches
from mdepth_ros.core.types import Fit
from mdepth_ros.geometry import Camera, adjoint, inverse_transform

Array = NDArray[np.float64]
PIXELS = 0.1
"""Error of a corner that is found again, pixels of the tracked image."""
DEPTH, UNSEEN, SCALE = 0.3, 3.0, 0.15
"""Relative error of a depth of the networks, of one that they do not see, and of all together."""
DIRECTION, LENGTH = 0.03, 0.1
"""Error of the networks' translation over its length: across the view and along it."""
TURN = 3e-3
"""Error of their rotation, rad."""
AGAIN = 0.1
"""Weight of the networks' depth of a corner that was seen before: its error is nearly the same."""
TRANSPORT, DRIFT = 0.05, 0.005
"""What a depth, and the factor of all, lose from one pair to the next, relative."""
FREEDOM = 3.0
"""Degrees of freedom of Student's distribution."""
SHORTEST = 0.01
"""Of the middle depth: a motion that is shorter counts as this long."""
ROUNDS, COARSE_ROUNDS, COARSE = 6, 2, 4.0
"""Steps; in the first ones corners may be off by so many times more, to come near from afar."""
DEPTH_ROUNDS = 5
"""Steps of the depths alone."""
LARGEST_STEP = 1.0
"""Of a logarithm of depth."""
NEAREST = 1e-3
"""Depth, network units: what the camera drives past has none."""
WRONG = 5.0
"""Errors of a corner beyond which it is not followed on."""
FEWEST = 20
"""Corners that a motion needs."""
AGREES = 1.0, 3.0
"""A corner fits a world that stands where it is found within the first, pixels of the tracked
image, at a depth that is off by less than the second, in `DEPTH`."""
STILL = 0.2
"""Pixels of the tracked image: a corner that moves less does not move; one that should move by
more than a corner may be off to fit, moves.
"""


class TwoViews(NamedTuple):
    """What a pair says: T_previous_current [4, 4], and the depths in the current frame [N].

    std      [6] of the error e of a motion T exp(e), as the terms above have it. The error is
             some times larger, see `MotionNoise`: those of corners are not independent
    fits     [N] whether a corner fits the motion: it stands, and was matched rightly
    corners  how all of them do
    """

    motion: Array
    std: Array
    depths: Depths
    fits: NDArray[np.bool_]
    corners: Fit


class Corners(NamedTuple):
    """Matches that can be used, and what the networks say of them.

    rays    [3, N] in the current camera, with z = 1
    target  [2, N], x/z and y/z in the previous one
    said    [N], their depths by the networks
    spread  [N], std of the logarithms of these
    pixel   of the matches
    """

    rays: Array
    target: Array
    said: Array
    spread: Array
    pixel: float


def bundle(
    matches: Matches, depth: NDArray[np.float32], camera: Camera, motion: Array
) -> TwoViews | None:
    """The motion in the unit of the depth, and the depths, that suit the corners best.

    depth   [h, w] of the networks, in the current frame; corners outside are of unknown depth
    camera  pinhole camera of the depth
    motion  T_previous_current of the networks [4, 4]

    None where there are fewer than `FEWEST` corners, or nothing finite suits them.
    """
    usable = np.isfinite(matches.current.sum(1) + matches.previous.sum(1))
    if usable.sum() < FEWEST:
        return None
    rays, there = _upright(matches.current[usable]), _upright(matches.previous[usable])
    target, before = there[:2], matches.before.of(usable)
    said, seen = depth_at(depth, camera, *rays[:2])
    corners = Corners(rays, target, said, np.where(seen, DEPTH, UNSEEN), matches.pixel)
    seen_before = np.isfinite(before.log)
    length = max(float(np.linalg.norm(motion[:3, 3])), SHORTEST * float(np.median(said)))
    spread = corners.spread / np.sqrt(np.where(seen_before, AGAIN, 1.0))
    lasting = np.hypot(np.where(seen_before, before.spread, 1.0), TRANSPORT)
    shared = math.hypot(before.shared, DRIFT) if seen_before.any() else 1.0
    std = np.array([DIRECTION * length] * 2 + [LENGTH * length] + [TURN] * 3 + [SCALE, shared])
    known, moved = std**-2, np.zeros(8)
    there = there * np.exp(np.where(seen_before, before.log, 0.0))
    T, log_said = motion, np.log(said)
    log = np.where(seen_before, _log_depth(there, T), log_said)
    for step in range(ROUNDS):
        pixel = matches.pixel * PIXELS * (COARSE if step < COARSE_ROUNDS else 1.0)
        residual, J, by_depth = residuals(rays * np.exp(log), target, T)
        square = (residual**2).sum(0) / pixel**2
        sure = _student(square, 2) / pixel**2
        off = np.stack([log - log_said - moved[6], log - _log_depth(there, T) - moved[7]])
        stds = np.stack([spread, lasting])
        trusted = _student((off / stds) ** 2, 1) / stds**2
        trusted[1] *= seen_before
        matrix, vector, back = _reduced(residual, J, by_depth, sure, trusted, off)
        change = -np.linalg.solve(matrix + np.diag(known), vector + moved * known)
        log = log - np.clip(back[8] + change @ back[:8], -LARGEST_STEP, LARGEST_STEP)
        T = exp(torch.from_numpy(change[:6])).numpy() @ T
        moved = moved + change
    if not (np.isfinite(T).all() and np.isfinite(log).all()):
        return None
    left: Array = np.asarray(np.linalg.inv(matrix + np.diag(known)), np.float64)
    found = np.full((2, len(usable)), np.nan)
    found[:, usable] = log, 1 / np.sqrt(sure * (by_depth**2).sum(0) + trusted.sum(0))
    fits = np.zeros(len(usable), np.bool_)
    fits[usable] = square < WRONG**2
    factor = 7 if seen_before.any() else 6
    depths = Depths(found[0], found[1], math.sqrt(left[factor, factor]))
    return TwoViews(T, _std(left[:6, :6], T), depths, fits, fit(corners, T, matches.shift))


def _std(covariance: Array, T: Array) -> Array:
    """Std [6] of e, of the covariance [6, 6] of x: exp(x) T = T exp(e)."""
    back = adjoint(inverse_transform(torch.from_numpy(T))).numpy()
    return np.asarray(np.sqrt(np.diag(back @ covariance @ back.T)))


def _upright(plane: Array) -> Array:
    """x/z, y/z [N, 2] -> rays [3, N] with z = 1."""
    return np.stack([*plane.T, np.ones(len(plane))])


def _log_depth(points: Array, T: Array) -> Array:
    """Log depth [N] in the current camera of points [3, N] of the previous one."""
    z = T[:3, 2] @ (points - T[:3, 3:])
    return np.asarray(np.log(np.maximum(z, NEAREST)))


def fit(corners: Corners, motion: Array, shift: float) -> Fit:
    """How corners fit a motion [4, 4] in a world that stands, each at its best depth.

    shift  as in `Fit`
    """
    log = _best_depths(corners, motion)
    turn = np.eye(4)
    turn[:3, :3] = motion[:3, :3]
    rays, target, pixel = corners.rays, corners.target, corners.pixel
    moved, turned, left, says = (
        np.linalg.norm(residuals(points, to, T)[0], axis=0)
        for points, to, T in (
            (rays, target, np.eye(4)),
            (rays, target, turn),
            (rays * np.exp(log), target, motion),
            (rays * corners.said, rays[:2], motion),
        )
    )
    off, std = (log - np.log(corners.said)) / corners.spread, pixel * PIXELS
    cost = (_cost(left / std, 2) + _cost(off, 1)).sum()
    near = (left < AGREES[0] * pixel) & (abs(off) < AGREES[1])
    return Fit(
        shift,
        float(np.median(turned) / max(float(np.median(left)), 1e-9)),
        float(near.mean()),
        float(((moved < STILL * pixel) & (says > AGREES[0] * pixel)).mean()),
        1 - float(cost / max(float(_cost(moved / std, 2).sum()), 1e-9)),
    )


def _best_depths(corners: Corners, motion: Array) -> Array:
    """The logs of the depths [N] that a motion and the networks make likely, each by itself.

    Beginning with those of the networks: those of the bundle are bent to suit what moves.
    """
    pixel, log_said = corners.pixel * PIXELS, np.log(corners.said)
    log = log_said
    for _ in range(DEPTH_ROUNDS):
        residual, _, by_depth = residuals(corners.rays * np.exp(log), corners.target, motion)
        sure = _student((residual**2).sum(0) / pixel**2, 2) / pixel**2
        off = log - log_said
        trusted = _student((off / corners.spread) ** 2, 1) / corners.spread**2
        step = sure * (by_depth * residual).sum(0) + trusted * off
        step /= sure * (by_depth**2).sum(0) + trusted
        log = log - np.clip(step, -LARGEST_STEP, LARGEST_STEP)
    return log


def depth_at(
    depth: NDArray[np.float32], camera: Camera, x: Array, y: Array
) -> tuple[Array, NDArray[np.bool_]]:
    """Depth [N] of a map [h, w] in the directions x/z and y/z [N], and whether it has them.

    Bilinear; the middle depth where the map ends or has none.
    """
    u, v = x * camera.fx + camera.cx, y * camera.fy + camera.cy
    columns, rows = u[:, None].astype(np.float32), v[:, None].astype(np.float32)
    found: Array = np.asarray(cv2.remap(depth, columns, rows, cv2.INTER_LINEAR)).reshape(-1)
    seen = (abs(u - (camera.width - 1) / 2) < camera.width / 2) & (
        abs(v - (camera.height - 1) / 2) < camera.height / 2
    )
    seen &= np.isfinite(found) & (found > 0)
    middle = np.median(found[seen]) if seen.any() else np.median(depth)
    return np.where(seen, found, middle).astype(np.float64), seen


def residuals(points: Array, target: Array, T: Array) -> tuple[Array, Array, Array]:
    """Where points are seen against where they were found, with unit focal length.

    points  [3, N] of the current camera
    target  [2, N], x/z and y/z in the previous one
    T       T_previous_current [4, 4]

    Returns the residuals [2, N], their derivatives [2, 6, N] by x y z rx ry rz, where a change of
    the motion is exp(dx) T, and [2, N] by the logarithm of each depth.
    """
    turned = T[:3, :3] @ points
    X = turned + T[:3, 3:]
    inverse = 1 / np.maximum(X[2], 1e-3)
    u, v = X[0] * inverse, X[1] * inverse
    none = np.zeros_like(u)
    J = np.stack(
        [
            np.stack([inverse, none, -u * inverse, -u * v, 1 + u * u, -v]),
            np.stack([none, inverse, -v * inverse, -1 - v * v, u * v, u]),
        ]
    )
    by_depth = np.stack([turned[0] - u * turned[2], turned[1] - v * turned[2]]) * inverse
    return np.stack([u, v]) - target, J, by_depth


def _student(square: Array, size: int) -> Array:
    """Weights of squared errors of so many dimensions, over their variance."""
    return (FREEDOM + size) / (FREEDOM + square)


def _cost(error: Array, size: int) -> Array:
    """-2 log likelihood of errors of so many dimensions, over their std, but for a constant."""
    return np.asarray((FREEDOM + size) * np.log1p(error**2 / FREEDOM))


def _reduced(
    residual: Array, J: Array, by_depth: Array, sure: Array, trusted: Array, off: Array
) -> tuple[Array, Array, Array]:
    """Normal equations of motion and factors [8, 8] and [8], without depths (Schur complement).

    Third: [9, N], by which each depth follows a change of the eight, and its own step.
    """
    both = J.swapaxes(0, 1).reshape(6, -1)  # [6, 2N]
    weighted = both * np.tile(sure, 2)
    matrix, vector = np.zeros((8, 8)), np.zeros(8)
    matrix[:6, :6], vector[:6] = weighted @ both.T, weighted @ residual.reshape(-1)
    matrix[(6, 7), (6, 7)], vector[6:] = trusted.sum(1), -(trusted * off).sum(1)
    of_depth = sure * (by_depth**2).sum(0) + trusted.sum(0)
    step = sure * (by_depth * residual).sum(0) + (trusted * off).sum(0)
    follows = np.concatenate([sure * (J * by_depth[:, None]).sum(0), -trusted, step[None]])
    back = follows / of_depth
    taken = follows[:8] @ back.T
    return matrix - taken[:, :8], vector - taken[:, 8], back
