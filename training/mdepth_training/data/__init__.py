# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Triplets of consecutive frames, from wherever they come."""

from mdepth_training.data.drive import Drive, StereoCamera
from mdepth_training.data.formats import open_drives
from mdepth_training.data.order import StepOrder, make_loader, plain_errors
from mdepth_training.data.sample import Key, Sample, TripletSource
from mdepth_training.data.summary import open_triplets
from mdepth_training.data.triplets import Triplets

__all__ = [
    'Drive',
    'Key',
    'Sample',
    'StepOrder',
    'StereoCamera',
    'TripletSource',
    'Triplets',
    'make_loader',
    'open_drives',
    'open_triplets',
    'plain_errors',
]
