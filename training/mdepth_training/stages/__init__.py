# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A chain of stages: each takes what others left in their folders, and leaves something itself."""

from mdepth_training.labels import LabelMaker
from mdepth_training.stages.recipe import load_recipe
from mdepth_training.stages.run import print_stages, run, run_stage
from mdepth_training.stages.stage import Stage

__all__ = ['LabelMaker', 'Stage', 'load_recipe', 'print_stages', 'run', 'run_stage']
