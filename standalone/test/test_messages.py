# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import pickle
import random
import re
from array import array
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import ros2_standalone
from ros2_standalone import messages
from ros2_standalone.serialization import deserialize_message, serialize_message
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
SERVED = sorted(
    name for name in STORE.fielddefs if name.split('/')[0] in ros2_standalone.MESSAGE_PACKAGES
)
RANGES = {f'{u}int{n}': n for u in ('', 'u') for n in (8, 16, 32, 64)}


def get(name: str) -> Any:
    return messages.message_class(name)


def random_value(text: str, rng: random.Random) -> Any:
    """A value of a field type as get_fields_and_field_types() spells it."""
    if found := re.fullmatch(r'sequence<([\w/]+)(?:, (\d+))?>', text):
        most = int(found[2] or 3)
        return [random_value(found[1], rng) for _ in range(rng.randrange(most + 1))]
    if found := re.fullmatch(r'([\w/]+)\[(\d+)\]', text):
        return [random_value(found[1], rng) for _ in range(int(found[2]))]
    if text in RANGES:
        low = 0 if text[0] == 'u' else -(2 ** (RANGES[text] - 1))
        return rng.randrange(low, low + 2 ** RANGES[text])
    if text == 'float':
        return float(np.float32(rng.gauss(0, 1e3)))
    simple = {
        'double': lambda: rng.gauss(0, 1e9),
        'boolean': lambda: rng.random() < 0.5,
        'octet': lambda: bytes([rng.randrange(256)]),
        'string': lambda: ''.join(rng.choices('abc äß/漢', k=rng.randrange(6))),
    }
    if (plain := re.sub(r'<\d+>', '', text)) in simple:
        return simple[plain]()
    return random_message('/msg/'.join(text.split('/')), rng)


def random_message(name: str, rng: random.Random) -> Any:
    cls = get(name)
    fields = cls.get_fields_and_field_types()
    return cls(**{field: random_value(text, rng) for field, text in fields.items()})


@pytest.mark.parametrize('name', SERVED)
def test_every_type_agrees_with_rosbags(name: str) -> None:
    rng = random.Random(name)
    for _ in range(5):
        message = random_message(name, rng)
        data = serialize_message(message)
        assert deserialize_message(data, get(name)) == message
        theirs = STORE.deserialize_cdr(data, name)
        assert bytes(STORE.serialize_cdr(theirs, name)) == data
        big_endian = STORE.serialize_cdr(theirs, name, little_endian=False)
        assert bytes(big_endian[:2]) == b'\0\0'
        assert deserialize_message(big_endian, get(name)) == message
        assert copy.deepcopy(message) == message
        assert eval(repr(message), module_names()) == message


def module_names() -> dict[str, Any]:
    """What the module paths in a repr() stand for."""
    return {
        package: SimpleNamespace(msg=SimpleNamespace(**messages.public(f'{package}.msg')))
        for package in ros2_standalone.MESSAGE_PACKAGES
    }


@pytest.mark.parametrize('name', SERVED)
def test_defaults_are_zero_but_for_those_of_the_definitions(name: str) -> None:
    message = get(name)()
    assert deserialize_message(serialize_message(message), get(name)) == message
    zeros = bytes(len(serialize_message(message)) - 4)
    if not any(word in repr(message) for word in ('w=1.0', 'status=-2')):
        # An empty string is a length of 1 and its terminator.
        assert serialize_message(message)[4:].replace(b'\1', b'\0') == zeros


def test_defaults_of_definitions() -> None:
    rotation = get('geometry_msgs/msg/TransformStamped')().transform.rotation
    assert (rotation.x, rotation.y, rotation.z, rotation.w) == (0.0, 0.0, 0.0, 1.0)


def test_constants_are_those_of_the_class_and_the_instance() -> None:
    field, status = get('sensor_msgs/msg/PointField'), get('diagnostic_msgs/msg/DiagnosticStatus')
    assert field.FLOAT32 == field().FLOAT32 == 7
    assert (status.OK, status.STALE) == (b'\0', b'\3')
    assert status(level=status.ERROR).level == b'\2'


IMAGE, INFO = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CameraInfo'


@pytest.mark.parametrize(
    ('name', 'field', 'value'),
    [
        (IMAGE, 'height', -1),
        (IMAGE, 'height', 2**32),
        (IMAGE, 'height', 1.0),
        (IMAGE, 'height', '1'),
        (IMAGE, 'is_bigendian', 256),
        (IMAGE, 'encoding', b'rgb8'),
        (IMAGE, 'header', None),
        (IMAGE, 'data', [0, 256]),
        (IMAGE, 'data', [0.5]),
        (IMAGE, 'data', 'abc'),
        (IMAGE, 'data', array('b', [1])),
        (IMAGE, 'data', np.zeros(3, np.float32)),
        (IMAGE, 'data', np.zeros((2, 2), np.uint8)),
        (INFO, 'k', [0.0] * 8),
        (INFO, 'k', [0] * 9),
        (INFO, 'k', np.zeros(9, np.float32)),
        (INFO, 'k', np.eye(3)),
        (INFO, 'd', [1]),
        ('std_msgs/msg/Float64', 'data', 1),
        ('std_msgs/msg/Float32', 'data', 1e39),
        ('std_msgs/msg/Bool', 'data', 1),
        ('diagnostic_msgs/msg/DiagnosticStatus', 'level', 1),
        ('diagnostic_msgs/msg/DiagnosticStatus', 'level', b'12'),
        ('sensor_msgs/msg/JointState', 'name', 'joint'),
        ('nav_msgs/msg/Path', 'poses', [1]),
        ('builtin_interfaces/msg/Time', 'sec', 2**31),
    ],
)
def test_what_a_field_does_not_hold_is_refused(name: str, field: str, value: Any) -> None:
    message = get(name)()
    with pytest.raises(AssertionError, match=field):
        setattr(message, field, value)
    with pytest.raises(AssertionError, match=field):
        get(name)(**{field: value})
    assert message == get(name)()


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(AssertionError, match='hight'):
        get(IMAGE)(hight=1)
    with pytest.raises(AttributeError):
        get(IMAGE)().hight = 1


def test_numbers_in_sequences_are_arrays() -> None:
    image = get(IMAGE)()
    kept = array('B', [1, 2])
    image.data = kept
    assert image.data is kept
    for value in (b'\1\2', bytearray(kept), memoryview(kept), np.array(kept), (1, 2), {1, 2}):
        image.data = value
        assert image.data == kept and isinstance(image.data, array)
    image.data = np.arange(6, dtype=np.uint8)[::2]
    assert image.data.tolist() == [0, 2, 4]
    image.data = b''
    assert image.data == array('B')


def test_fixed_arrays_are_numpy_and_own_their_numbers() -> None:
    info = get(INFO)(k=np.eye(3).reshape(9), p=tuple(float(i) for i in range(12)))
    assert info.k.tolist() == [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    read = deserialize_message(serialize_message(info), get(INFO))
    read.k[0] = 5.0
    assert read.p.dtype == np.float64 and read.k[0] == 5.0


def test_defaults_are_not_shared() -> None:
    first, second = get(INFO)(), get(INFO)()
    first.k[0] = 1.0
    first.d.append(2.0)
    first.header.stamp.sec = 3
    assert second == get(INFO)()


def test_equality_looks_at_the_type_and_every_field() -> None:
    assert get('geometry_msgs/msg/Point')() != get('geometry_msgs/msg/Vector3')()
    assert get(INFO)(r=np.eye(3).reshape(9)) != get(INFO)()
    with pytest.raises(TypeError):
        hash(get(INFO)())


@pytest.mark.skipif(not ros2_standalone.ensure(), reason="sensor_msgs is ROS 2's")
def test_messages_survive_pickle() -> None:
    message = random_message(INFO, random.Random(1))
    assert pickle.loads(pickle.dumps(message)) == message


@pytest.mark.parametrize('cut', [0, 3, 20, -1])
def test_damaged_bytes_raise_one_kind_of_error(cut: int) -> None:
    image = get(IMAGE)(encoding='mono8', data=bytes(range(200)))
    data = serialize_message(image)
    with pytest.raises(RuntimeError, match='deserialize'):
        deserialize_message(data[:cut], get(IMAGE))
