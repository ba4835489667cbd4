# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bytes that are no message, or a strange one: a RuntimeError or a message, and nothing else."""

from __future__ import annotations

import random
import struct
import tracemalloc
from contextlib import suppress
from typing import Any
from unittest import mock

import pytest
from ros2_standalone.dds import Writer
from ros2_standalone.definitions import SERVICES, definitions
from ros2_standalone.discovery import INFO_TOPIC, INFO_TYPE, Graph, LocalNode
from ros2_standalone.messages import message_class
from ros2_standalone.qos import DurabilityPolicy, QoSProfile
from ros2_standalone.serialization import deserialize_message, serialize_message

STRING = message_class('std_msgs/msg/String')
HEARD = (
    'geometry_msgs/msg/TwistStamped',
    'nav_msgs/msg/Odometry',
    'rmw_dds_common/msg/ParticipantEntitiesInfo',
    'rosgraph_msgs/msg/Clock',
    'sensor_msgs/msg/CameraInfo',
    'sensor_msgs/msg/CompressedImage',
    'sensor_msgs/msg/Image',
    'tf2_msgs/msg/TFMessage',
    *(f'{service}_Request' for service in SERVICES),
)
"""Everything that a node here listens to."""
WORDS = (0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1)


def filled(name: str) -> Any:
    """A message with something in every sequence and text."""
    message = message_class(name)()
    for field, text in message.get_fields_and_field_types().items():
        if text == 'string':
            setattr(message, field, 'camera')
        elif text.startswith('sequence<') and '/' in text:
            package, short = text[len('sequence<') : -1].split('/')
            setattr(message, field, [filled(f'{package}/msg/{short}') for _ in range(2)])
        elif text == 'sequence<string>':
            setattr(message, field, ['a', 'bc'])
        elif text.startswith('sequence<'):
            setattr(message, field, [1, 2, 3] if 'int' in text else [])
        elif '/' in text and '[' not in text:
            setattr(message, field, filled('{}/msg/{}'.format(*text.split('/'))))
    return message


def mutations(data: bytes, chance: random.Random) -> Any:
    """The message cut short, with a word or some bytes replaced, and with more behind it."""
    for _ in range(60):
        yield data[: chance.randrange(len(data))]
        broken = bytearray(data)
        at = chance.randrange(len(data))
        broken[at : at + 4] = struct.pack('<I', chance.choice(WORDS))
        yield bytes(broken)
        broken = bytearray(data)
        for _ in range(chance.randrange(1, 8)):
            broken[chance.randrange(len(data))] = chance.randrange(256)
        yield bytes(broken)
        yield data + chance.randbytes(chance.randrange(1, 40))


@pytest.mark.parametrize('name', HEARD)
def test_whatever_arrives_is_a_message_or_a_runtime_error(name: str) -> None:
    kind, data = message_class(name), serialize_message(filled(name))
    assert deserialize_message(data, kind) == filled(name)
    accepted = refused = 0
    for bad in mutations(data, random.Random(name)):
        try:
            message = deserialize_message(bad, kind)
        except RuntimeError as error:
            assert 'failed to deserialize ROS message: ' in str(error)
            refused += 1
        else:
            accepted += 1
            serialize_message(message)  # what was read can be sent, and shown
            repr(message)
    assert refused and accepted


@pytest.mark.parametrize('name', HEARD)
def test_either_byte_order_is_read(name: str) -> None:
    message = filled(name)
    other = definitions().serialize_cdr(message._to_wire(), name, little_endian=False)
    assert bytes(other[:2]) == b'\x00\x00'
    assert deserialize_message(bytes(other), message_class(name)) == message


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'\x00',
        b'\x00\x01\x00\x00',
        b'\x00\x01\x00\x00\x00\x00\x00\x00',  # no room for the NUL
        b'\x00\x01\x00\x00\x03\x00\x00\x00abc',  # none at the end
        b'\x00\x01\x00\x00\xff\xff\xff\xffabc\x00',
        b'\x00\x00\x00\x00\x04\x00\x00\x00abc\x00',  # a length in the other byte order
        b'\x00\x01\x00\x00\x04\x00\x00\x00\xff\xfe\xfd\x00',
        b'\x00\x01\x00\x00\x04\x00\x00\x00\xed\xa0\x80\x00',  # half of a surrogate pair
        *(bytes([0, kind]) + b'\x00\x00\x04\x00\x00\x00abc\x00' for kind in (2, 3, 7, 9)),
    ],
)
def test_texts_that_are_none(data: bytes) -> None:
    with pytest.raises(RuntimeError, match='failed to deserialize ROS message: '):
        deserialize_message(data, STRING)


@pytest.mark.parametrize('more', range(6))
def test_a_message_may_be_filled_up_to_four_bytes(more: int) -> None:
    """DDSI-RTPS pads a message to four bytes; more behind it is another message."""
    data = serialize_message(STRING(data='abc')) + b'\x00' * more
    if more < 4:
        assert deserialize_message(data, STRING).data == 'abc'
    else:
        with pytest.raises(RuntimeError, match='size mismatch'):
            deserialize_message(data, STRING)


@pytest.mark.parametrize('name', ['sensor_msgs/msg/Image', 'tf2_msgs/msg/TFMessage'])
def test_a_length_of_gigabytes_takes_no_memory(name: str) -> None:
    data = serialize_message(message_class(name)())
    tracemalloc.start()
    try:
        for at in range(4, len(data), 4):
            bad = data[:at] + b'\xff\xff\xff\x7f' + data[at + 4 :]
            with suppress(RuntimeError):
                deserialize_message(bad, message_class(name))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_participant_that_tells_nonsense_hides_nobody(pair: Any) -> None:
    from transport import wait_until

    other, own = pair
    graph = Graph(own)
    data = serialize_message(message_class(INFO_TYPE)(node_entities_info_seq=[]))
    octet = (0x01010000, 0, 0)  # whatever follows is not checked where it is sent
    with mock.patch('ros2_standalone.dds.operations', lambda name: octet):
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        writer = Writer(other, INFO_TOPIC, INFO_TYPE, latched)
    wait_until(writer.count_matched)
    writer.write(data + b'x' * 40)
    assert graph.nodes() == []
    theirs = Graph(other)
    theirs.add_node(LocalNode('honest', '/', list))
    wait_until(lambda: [node.name for node in graph.nodes()] == ['honest'])
    theirs.close()
    graph.close()
