# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether intrinsics can belong to images of a size, and if not, what was probably mistaken.

What no lens and no cut-out has is absurd; what few have is unusual, and only said.
"""

from __future__ import annotations

ABSURD_FOCAL = 0.05, 1000.0
"""Of a focal length by the width or height; a pinhole image would show 169 or 0.06 degrees."""
USUAL_FOCAL = 0.15, 10.0
"""The same: 147 and 6 degrees."""
ABSURD_CENTRE = -0.5, 1.5
"""Of the principal point by the width or height; a cut-out may be far from it."""
USUAL_CENTRE = 0.2, 0.8
ABSURD_RATIO, USUAL_RATIO = 5.0, 2.0
"""Of fx and fy, the larger by the smaller."""

Numbers = tuple[float, float, float, float]


def absurd(width: int, height: int, k: Numbers, projection: bool = False) -> str:
    """Why fx, fy, cx, cy in pixels cannot be those of such an image; '' where they can.

    projection  they are of P: programs compute it, people do not mistake its unit
    """
    fx, fy, cx, cy = k
    size = f'for images of {width}x{height}'
    # Of the image's half size; 1, 1 is the middle.
    across, down = 2 * (cx + 0.5) / width, 2 * (cy + 0.5) / height
    if not projection and max(k) < 20 < min(width, height) and max(cx, cy) <= 2:
        return (
            f'fx, fy, cx, cy of {fx:g}, {fy:g}, {cx:g}, {cy:g} {size} are normalised: multiply fx '
            f'and cx by {width}, fy and cy by {height}'
        )
    focal = f'focal lengths of {fx:g} and {fy:g} pixels {size}'
    low, high = ABSURD_FOCAL
    if not (low <= fx / width <= high and low <= fy / height <= high):
        middle = not projection and 0.5 < across < 1.5 and 0.5 < down < 1.5
        return focal + (', are these millimetres?' if middle and fx <= low * width else '')
    centre = f'a centre at {cx:g}, {cy:g} {size}'
    if not (_near(across, 1, 0.4) and _near(down, 1, 0.4)):
        why = _mistake(width, height, k, across, down)
        if why:
            return f'{centre}: {why}'
    low, high = ABSURD_CENTRE
    if not (low <= cx / width <= high and low <= cy / height <= high):
        return centre
    if not 1 / ABSURD_RATIO <= fx / fy <= ABSURD_RATIO:
        return f'fx {fx:g} and fy {fy:g} are too different {size}'
    return ''


def _near(value: float, wanted: float, share: float) -> bool:
    return abs(value - wanted) <= share * abs(wanted)


def _mistake(width: int, height: int, k: Numbers, across: float, down: float) -> str:
    """The mistake that would explain a centre far from the middle; '' where none does."""
    fx, fy, cx, cy = k
    if _near(cx, cy, 0.1) and _near(2 * fx, width, 0.3) and _near(2 * fy, height, 0.3):
        return 'the focal lengths and the centre are exchanged, give fx, fy, cx, cy'
    if _near(fx, cx, 0.1) and _near(2 * fy, width, 0.3) and _near(2 * cy, height, 0.3):
        return 'the order must be fx, fy, cx, cy'
    turned = not _near(width, height, 0.2)
    if turned and _near(2 * cx, height, 0.2) and _near(2 * cy, width, 0.2):
        return 'width and height are exchanged, or the image is turned'
    factor = (across + down) / 2
    if _near(across, down, 0.25) and factor > 0 and not 0.6 < factor < 1.6:
        size = f'{round(factor, 1):g} times' if factor > 1 else f'1/{round(1 / factor, 1):g}'
        return f'K is of an image about {size} as large, before binning or resizing: scale it'
    return ''


def unusual(width: int, height: int, k: Numbers) -> str:
    """What is rare about the intrinsics of such an image; '' where nothing is."""
    fx, fy, cx, cy = k
    size = f'for images of {width}x{height}'
    low, high = USUAL_FOCAL
    if not (low <= fx / width <= high and low <= fy / height <= high):
        return f'focal lengths of {fx:g} and {fy:g} pixels {size}'
    low, high = USUAL_CENTRE
    if not (low <= (cx + 0.5) / width <= high and low <= (cy + 0.5) / height <= high):
        return f'a centre at {cx:g}, {cy:g} {size}'
    if not 1 / USUAL_RATIO <= fx / fy <= USUAL_RATIO:
        return f'fx {fx:g} and fy {fy:g} {size}'
    return ''
