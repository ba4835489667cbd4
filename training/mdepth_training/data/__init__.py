# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Triplets of consecutive frames, from wherever they come."""

from mdepth_training.data.sample import Sample, StepBatches, TripletSource

__all__ = ['Sample', 'StepBatches', 'TripletSource']
