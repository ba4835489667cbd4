# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights into a module, strictly, with a message that fits on a line."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from mdepth_ros.errors import MdepthError


def is_counter(name: str) -> bool:
    """Whether this is a batch norm's step counter: old files lack it, nothing here uses it."""
    return name.endswith('num_batches_tracked')


def load_weights(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load `state` into `module`: same names, same shapes, of any floating type.

    Counters of batch norms may be absent. Raises MdepthError that counts and names the first few
    entries that are missing, unexpected or of another shape, and then leaves the module as it was.
    """
    own = module.state_dict()
    state = {**{name: value for name, value in own.items() if is_counter(name)}, **state}
    both = own.keys() & state.keys()
    problems = {
        'missing': own.keys() - state.keys(),
        'unexpected': state.keys() - own.keys(),
        'of another shape': {name for name in both if own[name].shape != state[name].shape},
    }
    parts = [
        f'{len(names)} {problem} ({", ".join(sorted(names)[:3])}{", ..." * (len(names) > 3)})'
        for problem, names in problems.items()
        if names
    ]
    if parts:
        raise MdepthError(', '.join(parts))
    try:
        module.load_state_dict(state)
    except RuntimeError as error:  # sparse or quantised tensors
        raise MdepthError(str(error).strip().splitlines()[-1].strip()) from None
