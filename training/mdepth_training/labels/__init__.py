# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Labels: named maps of every frame of a data set, on disk, with what made them."""

from mdepth_training.labels.drive import StoredDrive
from mdepth_training.labels.kind import Kind
from mdepth_training.labels.loading import Labelled, load_labels
from mdepth_training.labels.maker import LabelMaker, write_labels
from mdepth_training.labels.origin import identity_of, make_origin
from mdepth_training.labels.store import LabelStore

__all__ = [
    'Kind',
    'LabelMaker',
    'LabelStore',
    'Labelled',
    'StoredDrive',
    'identity_of',
    'load_labels',
    'make_origin',
    'write_labels',
]
