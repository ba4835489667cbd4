# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plain values of JSON or YAML as dataclasses, by msgspec; what is wrong with them is one line."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

import msgspec

from mdepth_ros.errors import shown
from mdepth_ros.texts import TextError

T = TypeVar('T')


def convert(values: object, kind: type[T], name: str, complete: bool = False) -> T:
    """`values`, as a parser of texts makes them, as the dataclass `kind`; raises TextError.

    Strict: a text is no number, and no entry may be unknown. What `__post_init__` raises goes on.

    name      of the whole, with which a line begins: `card` in `card.network lacks std`
    complete  whether entries with a default must be there too
    """
    _check_names(values, kind, name, complete)
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).replace('`', '').partition(' - at $')
        raise TextError(f'{name}{place}: {shown(problem)}') from None


def _check_names(values: object, kind: Any, name: str, complete: bool) -> None:
    """Names of entries, here and in the dataclasses below: msgspec overlooks unknown ones."""
    if not isinstance(values, dict):
        return  # `convert` names it
    known = [field.name for field in fields(kind)]
    if unknown := [str(key) for key in values if key not in known]:
        raise TextError(
            f'{name} has the unknown entry {shown(unknown[0])}: choose from {", ".join(known)}'
        )
    if missing := [key for key in known if complete and key not in values]:
        raise TextError(f'{name} lacks {", ".join(missing)}')
    for key, hint in get_type_hints(kind).items():
        if is_dataclass(hint) and key in values:
            _check_names(values[key], hint, f'{name}.{key}', complete)
