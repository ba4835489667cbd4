# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every kind of input, by name."""

from fuzz.runner import Target
from fuzz.targets import bags, frames, images, messages, models, options, texts

TARGETS: dict[str, Target] = {
    **messages.TARGETS,
    **bags.TARGETS,
    **models.TARGETS,
    **texts.TARGETS,
    **images.TARGETS,
    **frames.TARGETS,
    **options.TARGETS,
}
