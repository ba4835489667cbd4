# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Metres of one network unit, measured on drives whose depth is known."""

from __future__ import annotations

import numpy as np
import torch

from mdepth_ros.limits import MAX_RANGE
from mdepth_ros.model.file import ModelCard
from mdepth_ros.networks import JointDepthPose
from mdepth_training.config import Experiment
from mdepth_training.data.synthetic import experiment_camera, synthetic_drive


@torch.inference_mode()
def metres_per_unit(
    network: JointDepthPose, card: ModelCard, experiment: Experiment, drives: int = 8
) -> float:
    """Median over frames of median(true depth) / median(network depth), truth up to 80 m.

    Truth of the training drives: it sets the unit of the finished model and chooses nothing.
    """
    camera, ratios = experiment_camera(experiment), []
    world = experiment.data.synthetic
    for index in range(min(drives, world.drives)):
        drive = synthetic_drive(experiment.data, camera, world.first_seed + index, world.frames)
        for frame in range(min(5, drive.frames - 1), drive.frames, 5):
            view = drive.render([frame - 1, frame])
            images = view.image.permute(0, 3, 1, 2).float() / 255
            depth = network.depth(network(images[:1], images[1:], scales=1)[0][0])[0, 0]
            known = view.depth[1] < MAX_RANGE
            ratios.append(float(view.depth[1][known].median() / depth[known].median()))
    return float(np.median(ratios))
