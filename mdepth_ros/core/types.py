# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The data that passes between the parts of the step, and in and out of it.

torch takes seconds to load and a bag player has no use for it: nothing here needs it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError

if TYPE_CHECKING:  # loads torch; it knows nothing of this module
    from mdepth_ros.geometry import Camera

Matrix = NDArray[np.float64]
CAMERA_FRAME = 'camera_optical_frame'
# REP-103 'Suffix Frames': pose of the optical frame (z forward, x right, y down) in a body frame
# (x forward, y left, z up).
OPTICAL_ROTATION: Matrix = np.array(
    [[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]], np.float64
)


class Levels(NamedTuple):
    """Which intensities of a camera become 0 to 255: the 2**bits values from `lowest` on."""

    lowest: int = 0
    bits: int = 8

    @property
    def highest(self) -> int:
        """The intensity that becomes 255; larger ones become 255 too."""
        return self.lowest + (1 << self.bits) - 1


EIGHT = Levels()


class MaskError(MdepthError):
    """A mask that does not suit the images of its camera."""


@dataclass(frozen=True, eq=False)
class Mask:
    """What a camera always has in view and nothing may be learned from: bonnet, mirror, frame.

    usable  bool [H, W] of the image as it arrives, not rectified; False: never used
    name    of its file, for messages
    """

    usable: NDArray[np.bool_]
    name: str = 'the mask'

    def check_size(self, width: int, height: int) -> None:
        """Raise MaskError where images of this size are not those that it belongs to."""
        if self.usable.shape != (height, width):
            of = f'{self.usable.shape[1]}x{self.usable.shape[0]}'
            raise MaskError(
                f'{self.name} is a mask of {of}, but the images are {width}x{height}: make one of '
                'the whole image as the camera sends it, not rectified'
            )


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of the camera.

    stamp        time of exposure in nanoseconds (the header's stamp, never the time of arrival)
    image        RGB uint8 [H, W, 3], as it arrived (not rectified); a view where possible
    camera       the camera that took it: its width and height are the image's
    frame_id     the optical frame (REP-103: z forward, x right, y down)
    speeds       (stamp in ns, m/s) of the vehicle that arrived since the frame before; each may be
                 older or newer than the image
    levels       which intensities of the camera became 0 to 255 in the image
    camera_name  which camera of the vehicle took it, where `Perception` has several
    mask         which of its pixels are never used; None: all are
    """

    stamp: int
    image: NDArray[np.uint8]
    camera: Camera
    frame_id: str = CAMERA_FRAME
    speeds: tuple[tuple[int, float], ...] = ()
    levels: Levels = EIGHT
    camera_name: str = ''
    mask: Mask | None = None

    def as_dark_as(self, other: Frame) -> Frame:
        """The frame in the levels of a later one: more of them may be in use by then."""
        levels = other.levels
        if self.levels.bits >= levels.bits:
            return self
        intensity = (self.image.astype(np.int32) << (self.levels.bits - 8)) + self.levels.lowest
        image = np.clip((intensity - levels.lowest) >> (levels.bits - 8), 0, 255)
        return replace(self, image=image.astype(np.uint8), levels=levels)


@dataclass(frozen=True, eq=False)
class FramePair:
    """What the networks get.

    current   the newest frame
    previous  the earlier frame; `current` itself where there is no pair
    reason    '' for a real pair, else why the frame is paired with itself
    interval  seconds from previous to current; 0 where paired with itself
    stale     the frame is not newer than one before: it comes late, or again. It has a depth, but
              the odometry does not use it
    """

    current: Frame
    previous: Frame
    reason: str = ''
    interval: float = 0.0
    stale: bool = False


class Fit(NamedTuple):
    """How the corners of two images fit a motion in a world that stands; NaN where unknown.

    shift      how far the middle one moved, pixels of the tracked images
    travels    how far the middle one is from where the turn alone says, over how far it is from
               where turn and translation say
    agree      share of those that are where the motion says, at a depth near that of the networks
    still      share of those that do not move though the motion says so
    explained  1 less the cost that the motion leaves over that of no motion (-2 log likelihood, as
               in `two_views`): 1 where it explains all, 0 where it explains nothing
    """

    shift: float = math.nan
    travels: float = math.nan
    agree: float = math.nan
    still: float = math.nan
    explained: float = math.nan


NO_FIT = Fit()


@dataclass(frozen=True)
class Evidence:
    """How well a motion fits two images; differences of images in 0..1.

    residual  mean difference of the current image and the previous one warped to it
    still     mean difference of the same pixels without the warp
    contrast  mean difference of neighbouring pixels of the current image
    same      the images are identical
    corners   how they fit the motion
    """

    residual: float
    still: float
    contrast: float
    same: bool
    corners: Fit = NO_FIT

    @property
    def misfit(self) -> float:
        """About how many pixels the motion is off: a difference is contrast times shift."""
        return self.residual / max(self.contrast, 1e-6)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the networks say of a pair; lengths in network units.

    depth       float32 [h, w] along z, finite and positive
    motion      float64 4x4, T_previous_current; the identity where the frame is paired with itself
    confidence  float32 [h, w] in 0..1: about the probability that the depth, but for the scale, is
                off by less than 25 %; see `mdepth_ros.core.confidence`
    camera      pinhole camera of these [h, w]
    image       uint8 [h, w, 3], the frame as the network sees it
    visible     bool [h, w]: the pixel has an image (a rectified view may reach over the sensor)
                that the camera's mask does not exclude
    timings     seconds of 'sample', 'network', 'refine', 'post'
    evidence    how well the motion fits the images; None where the frame is paired with itself
    unrefined   the motion as the networks gave it, before the images refined it; None: as `motion`
    std         [6] of the error e of a motion T exp(e), as the corners have it (`two_views`); None
                where they do not say it
    """

    depth: NDArray[np.float32]
    motion: Matrix
    confidence: NDArray[np.float32]
    camera: Camera
    image: NDArray[np.uint8]
    visible: NDArray[np.bool_]
    timings: dict[str, float]
    evidence: Evidence | None = None
    unrefined: Matrix | None = None
    std: Matrix | None = None


@dataclass(frozen=True)
class Scale:
    """Metres per network unit.

    value    the factor for depths and translations
    spread   its standard deviation, in the same unit. It is that of what the source measures: the
             length of the path for a speed, the depth of the road for a height. A disagreement
             between depth and motion of the networks is not included
    state    'none' (value 1: lengths stay in network units), 'fixed'; of a measured one
             'initialising' (what was known before, or the first measurements), 'good', and
             'degraded' (held: no measurement was accepted for a while)
    sources  of a measured one: those whose measurements were accepted lately
    delay    seconds by which the vehicle's speed comes late, where that is a source
    """

    value: float
    spread: float
    state: str
    sources: tuple[str, ...] = ()
    delay: float | None = None


class TrackingStatus(NamedTuple):
    """Whether the motion of a pair is used, and why not.

    status    'tracking'  the motion is used
              'standing'  the camera is known not to have moved: the pose stays
              'degraded'  the motion is used, with a larger covariance
              'lost'      the motion is not used: the pose stays, the velocity is unknown
              'held'      there is no pair (see Pairing): as 'lost'
    reason    '' for 'tracking' and 'standing'
    residual  of the evidence, for the covariance
    """

    status: str
    reason: str = ''
    residual: float = 0.0


@dataclass(frozen=True, eq=False)
class Pose:
    """Where the camera is; all float64.

    pose              T_odom_camera, 4x4
    twist             (vx vy vz wx wy wz) of the camera in its own frame, m/s and rad/s
    pose_covariance   6x6, order x y z rotX rotY rotZ: position of the camera and rotation about
                      the fixed axes of odom (geometry_msgs/PoseWithCovariance)
    twist_covariance  6x6 in the camera frame
    status            of the pair's TrackingStatus. Where it is 'lost' or 'held', the pose is the
                      last one and the twist is zero with the covariance of an unknown speed
    """

    pose: Matrix
    twist: Matrix
    pose_covariance: Matrix
    twist_covariance: Matrix
    status: str


@dataclass(frozen=True, eq=False)
class Estimate:
    """Everything known at one frame; metres, or network units where `scale.state` is 'none'.

    stamp, frame_id   of the frame: nanoseconds, optical frame
    image             uint8 [h, w, 3] RGB, the rectified view that belongs to depth
    depth             float32 [h, w] along optical z; NaN where the view has no image, in the
                      camera's mask, and where the confidence is below the minimal one; else +Inf
                      beyond the maximal range
    camera            pinhole camera of image and depth
    confidence        float32 [h, w] in 0..1 (see Prediction)
    motion            4x4, T_previous_current of the pair; identity where held
    interval          seconds from the pair's previous frame to this one; 0 where held
    pose              4x4, T_odom_camera
    twist             (vx vy vz wx wy wz) in the camera frame
    pose_covariance   6x6 about the fixed axes of odom, twist_covariance 6x6 in the camera frame
    scale             metres per network unit
    status, reason    see TrackingStatus
    stale             the frame comes late, or again: it has a depth, but the pose is that of a
                      newer frame, and is not to be published with this stamp
    timings           seconds: 'pairing', 'estimator' ('sample', 'network', 'refine' and
                      'post' of it), 'scale', 'odometry', in the first seconds 'mount', and
                      'step' for all
    prediction        what the networks said, in network units
    """

    stamp: int
    frame_id: str
    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    camera: Camera
    confidence: NDArray[np.float32]
    motion: Matrix
    interval: float
    pose: Matrix
    twist: Matrix
    pose_covariance: Matrix
    twist_covariance: Matrix
    scale: Scale
    status: str
    reason: str
    timings: dict[str, float]
    prediction: Prediction
    stale: bool = False
