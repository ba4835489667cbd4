# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The fields of a message: what a generated rclpy class accepts, keeps and puts on the wire.

Python types are those of the ROS 2 mapping: int, float, bool, str; `byte` is a bytes of length 1;
an unbounded or bounded sequence of numbers is an array.array, a fixed array of numbers a
numpy.ndarray, everything else repeated is a list.
"""

from __future__ import annotations

import math
from array import array
from collections import UserList
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype

Check = Callable[[str, Any], Any]
Convert = Callable[[Any], Any]

TYPECODES = {
    'int8': 'b',
    'uint8': 'B',
    'int16': 'h',
    'uint16': 'H',
    'int32': 'i',
    'uint32': 'I',
    'int64': 'q',
    'uint64': 'Q',
    'float32': 'f',
    'float64': 'd',
}
IDL_NAMES = {'float32': 'float', 'float64': 'double', 'bool': 'boolean', 'byte': 'octet'}
FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Field:
    """One field of a message class.

    text       the type as get_fields_and_field_types() names it
    default    makes the value of a field that nobody set
    check      (name, value) -> what is kept; AssertionError for what the type does not hold
    to_wire    kept value -> what rosbags serialises; None: as it is
    from_wire  what rosbags deserialised -> what is kept; None: as it is
    """

    text: str
    default: Callable[[], Any]
    check: Check
    to_wire: Convert | None = None
    from_wire: Convert | None = None


def make_field(
    description: Any, message_class: Callable[[str], type], default: Any = None
) -> Field:
    """Field of a rosbags type description; `message_class` gives the class of a nested type."""
    kind, args = description
    if kind == Nodetype.BASE:
        return _scalar(args[0], args[1], default)
    if kind == Nodetype.NAME:
        return _nested(message_class(args))
    (inner_kind, inner_args), size = args
    if inner_kind == Nodetype.BASE and inner_args[0] == 'char':
        inner_args = ('uint8', 0)
    fixed = kind == Nodetype.ARRAY
    if inner_kind == Nodetype.BASE and inner_args[0] in TYPECODES:
        return (_fixed_array if fixed else _sequence)(inner_args[0], size)
    element = make_field((inner_kind, inner_args), message_class)
    dtype = {'bool': np.bool_, 'byte': np.int8}.get(inner_args[0])
    return _list(element, size, fixed, dtype)


def _require(holds: bool, name: str, what: str) -> None:
    if not holds:
        raise AssertionError(f"The '{name}' field must be {what}")


def _is_list(value: Any) -> bool:
    return isinstance(value, (Sequence, Set, UserList)) and not isinstance(value, (str, bytes))


def _scalar(kind: str, bound: int, default: Any) -> Field:
    if kind == 'string':
        return _string(bound, default)
    if kind == 'bool':
        return Field('boolean', lambda: bool(default), _of_type(bool))
    if kind == 'byte':
        return _byte()
    if kind in {'float32', 'float64'}:
        return Field(IDL_NAMES[kind], lambda: float(default or 0), _float(kind))
    kind = {'char': 'uint8'}.get(kind, kind)
    return Field(kind, lambda: default or 0, _integer(kind))


def _of_type(wanted: type) -> Check:
    def check(name: str, value: Any) -> Any:
        _require(isinstance(value, wanted), name, f"of type '{wanted.__name__}'")
        return value

    return check


def _integer(kind: str) -> Check:
    limits = np.iinfo(kind)
    low, high = int(limits.min), int(limits.max)

    def check(name: str, value: Any) -> Any:
        _require(isinstance(value, int), name, "of type 'int'")
        _require(low <= value <= high, name, f'an integer in [{low}, {high}]')
        return value

    return check


def _float(kind: str) -> Check:
    def check(name: str, value: Any) -> Any:
        _require(isinstance(value, float), name, "of type 'float'")
        if kind == 'float32':
            fits = not math.isfinite(value) or abs(value) <= FLOAT32_MAX
            _require(fits, name, 'a float of 32 bits')
        return value

    return check


def _string(bound: int, default: Any) -> Field:
    def check(name: str, value: Any) -> Any:
        _require(isinstance(value, str), name, "of type 'str'")
        _require(not bound or len(value) <= bound, name, f'at most {bound} characters long')
        return value

    return Field(f'string<{bound}>' if bound else 'string', lambda: default or '', check)


def _byte() -> Field:
    def check(name: str, value: Any) -> bytes:
        good = isinstance(value, (bytes, bytearray, memoryview)) and len(value) == 1
        _require(good, name, 'a bytes of length 1')
        return bytes(value)

    return Field(
        'octet',
        lambda: b'\0',
        check,
        to_wire=lambda value: int.from_bytes(value, 'little', signed=True),
        from_wire=lambda value: bytes([value & 0xFF]),
    )


def _nested(cls: Any) -> Field:
    def check(name: str, value: Any) -> Any:
        _require(isinstance(value, cls), name, f"a sub message of type '{cls.__name__}'")
        return value

    text = f'{cls.__module__.split(".")[0]}/{cls.__name__}'
    return Field(text, cls, check, None if cls._is_plain() else lambda value: value._to_wire())


def _fixed_array(kind: str, size: int) -> Field:
    dtype, text = np.dtype(kind), IDL_NAMES.get(kind, kind)
    element = _scalar(kind, 0, None).check

    def check(name: str, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            # rclpy keeps a matrix as it is, and aborts when it is serialised.
            good = value.dtype == dtype and value.shape == (size,)
            _require(good, name, f'one row of {size} {dtype}, not a matrix')
            return np.ascontiguousarray(value)
        good = _is_list(value) and len(value) == size
        _require(good, name, f'a set or sequence of length {size}')
        return np.array([element(name, item) for item in value], dtype)

    return Field(
        f'{text}[{size}]',
        lambda: np.zeros(size, dtype),
        check,
        from_wire=lambda value: value.copy(),
    )


def _sequence(kind: str, bound: int) -> Field:
    dtype, typecode = np.dtype(kind), TYPECODES[kind]
    element = _scalar(kind, 0, None).check

    def from_numpy(value: Any) -> Any:
        kept = array(typecode)
        kept.frombytes(np.ascontiguousarray(value).view(np.uint8).data)
        return kept

    def check(name: str, value: Any) -> Any:
        if kind == 'uint8' and isinstance(value, (bytes, bytearray)):
            kept: Any = array(typecode, value)
        elif isinstance(value, array):
            _require(value.typecode == typecode, name, f"an array.array of '{typecode}'")
            kept = value
        elif isinstance(value, (np.ndarray, memoryview)):
            view = np.asarray(value)
            _require(view.dtype == dtype and view.ndim == 1, name, f'one row of {dtype}')
            kept = from_numpy(view)
        else:
            _require(_is_list(value), name, 'a set or sequence')
            kept = array(typecode, [element(name, item) for item in value])
        _require(not bound or len(kept) <= bound, name, f'at most {bound} elements long')
        return kept

    text = f'{IDL_NAMES.get(kind, kind)}' + (f', {bound}' if bound else '')
    return Field(f'sequence<{text}>', lambda: array(typecode), check, np.asarray, from_numpy)


def _list(element: Field, size: int, fixed: bool, dtype: Any) -> Field:
    def check(name: str, value: Any) -> Any:
        _require(_is_list(value), name, 'a set or sequence')
        _require(not fixed or len(value) == size, name, f'a sequence of length {size}')
        _require(fixed or not size or len(value) <= size, name, f'at most {size} elements long')
        for item in value:
            element.check(name, item)
        return value

    def to_wire(value: Any) -> Any:
        items = list(map(element.to_wire, value)) if element.to_wire else list(value)
        return items if dtype is None else np.array(items, dtype)

    def from_wire(value: Any) -> list[Any]:
        items = value if dtype is None else value.tolist()
        return list(map(element.from_wire, items)) if element.from_wire else list(items)

    numeric = dtype is not None
    bound = f', {size}' if size else ''
    return Field(
        f'{element.text}[{size}]' if fixed else f'sequence<{element.text}{bound}>',
        lambda: [element.default() for _ in range(size)] if fixed else [],
        check,
        to_wire if numeric or element.to_wire else None,
        from_wire if numeric else None,
    )
