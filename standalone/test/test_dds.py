# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import struct
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from ros2_standalone.dds import Guard, Participant, Reader, WaitSet, Writer
from ros2_standalone.exceptions import RCLError
from ros2_standalone.messages import message_class
from ros2_standalone.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
)
from ros2_standalone.serialization import deserialize_message, serialize_message
from ros2_standalone.wire_types import type_hash
from transport import domain, finish, only_standalone, process, wait_until

pytestmark = only_standalone

STRING, IMAGE = 'std_msgs/msg/String', 'sensor_msgs/msg/Image'
SECOND = 10**9


def text(words: str) -> bytes:
    return serialize_message(message_class(STRING)(data=words))


def take_text(reader: Reader) -> str | None:
    taken = reader.take()
    if taken is None:
        return None
    words: str = deserialize_message(taken[0], message_class(STRING)).data
    return words


@pytest.mark.parametrize('words', ['', 'a', 'ab', 'abc', 'abcd', 'grün'])
def test_a_message_arrives_byte_by_byte(connect: Any, words: str) -> None:
    writer, reader = connect(QoSProfile(depth=1))
    sent = text(words)
    writer.write(sent)
    data, info = reader.take()  # type: ignore[misc]
    assert data[: len(sent)] == sent
    assert not any(data[len(sent) :])  # the network may fill up the last word
    assert info.source_timestamp > 0
    assert reader.take() is None


def test_a_large_image_comes_from_another_process() -> None:
    reader_side = Participant(domain())
    reader = Reader(reader_side, 'rt/image', IMAGE, QoSProfile(depth=1))
    code = f"""
from ros2_standalone.dds import *
from ros2_standalone.messages import message_class
from ros2_standalone.qos import QoSProfile
from ros2_standalone.serialization import serialize_message
participant = Participant({domain()})
writer = Writer(participant, 'rt/image', {IMAGE!r}, QoSProfile(depth=1))
while not writer.count_matched():
    pass
image = message_class({IMAGE!r})(height=375, width=1242, step=3726, encoding='bgr8')
image.data.frombytes(bytes(range(250)) * (375 * 3726 // 250))
writer.write(serialize_message(image))
assert writer.wait_for_acks(20 * 10**9)
participant.delete()
"""
    with process(code) as sender:
        status, _, problems = finish(sender)
        assert (status, problems) == (0, '')
    waiting = WaitSet(reader_side)
    waiting.attach_only({reader.condition})
    assert waiting.wait(20 * SECOND) == [reader.condition]
    data, _ = reader.take()  # type: ignore[misc]
    image = deserialize_message(data, message_class(IMAGE))
    assert (image.width, image.encoding, len(image.data)) == (1242, 'bgr8', 375 * 3726)
    assert bytes(image.data[:251]) == bytes(range(250)) + b'\0'
    reader_side.delete()


def test_a_big_endian_message_means_the_same(connect: Any) -> None:
    writer, reader = connect(QoSProfile(depth=1))
    writer.write(b'\0\0\0\0' + struct.pack('>I', 3) + b'ab\0')
    assert take_text(reader) == 'ab'


def test_what_is_not_such_a_message_is_not_sent(connect: Any) -> None:
    writer, _ = connect(QoSProfile(depth=1), IMAGE)
    for data in (b'', b'\0\1\0\0' + bytes(8), b'\0\1\0\0' + b'\xff' * 100):
        with pytest.raises(RCLError, match=f'not a serialised {IMAGE}'):
            writer.write(data)


def test_a_reader_that_keeps_one_gets_the_newest(connect: Any) -> None:
    writer, reader = connect(QoSProfile(depth=1))
    for word in ('old', 'older', 'new'):
        writer.write(text(word))
    assert [take_text(reader), take_text(reader)] == ['new', None]


def test_a_reader_that_keeps_all_gets_all_in_order(connect: Any) -> None:
    writer, reader = connect(QoSProfile(history=HistoryPolicy.KEEP_ALL))
    sent = [str(number) for number in range(100)]
    for word in sent:
        writer.write(text(word))
    assert [take_text(reader) for _ in range(101)] == [*sent, None]


def test_a_late_reader_gets_the_last_of_a_latched_topic(pair: Any) -> None:
    latched = QoSProfile(depth=2, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    writer = Writer(pair[0], 'rt/topic', STRING, latched)
    for word in ('one', 'two', 'three'):
        writer.write(text(word))
    late = Reader(pair[1], 'rt/topic', STRING, latched)
    waiting = WaitSet(pair[1])
    waiting.attach_only({late.condition})
    assert waiting.wait(20 * SECOND)
    assert [take_text(late) for _ in range(3)] == ['two', 'three', None]
    volatile = Reader(pair[1], 'rt/topic', STRING, QoSProfile(depth=2))
    wait_until(volatile.matched_handles)
    assert volatile.take() is None


def test_peers_read_the_type_hash(pair: Any) -> None:
    profile, user_data = QoSProfile(depth=1), f'typehash={type_hash(STRING)};'
    writer = Writer(pair[0], 'rt/topic', STRING, profile, user_data)
    reader = Reader(pair[1], 'rt/topic', STRING, profile)
    wait_until(reader.matched_handles)
    assert reader.peer_user_data(reader.matched_handles()[0]) == {'typehash': type_hash(STRING)}
    assert writer.peer_user_data(writer.matched_handles()[0]) == {}
    assert writer.peer_user_data(12345) is None


def test_a_guard_ends_a_wait_of_another_thread(pair: Any) -> None:
    guard, waiting = Guard(pair[0]), WaitSet(pair[0])
    waiting.attach_only({guard.handle})
    ready: list[list[int]] = []
    thread = threading.Thread(target=lambda: ready.append(waiting.wait(20 * SECOND)))
    thread.start()
    guard.trigger()
    thread.join(20)
    assert ready == [[guard.handle]]
    assert waiting.wait(0) == [guard.handle]  # until it is cleared
    guard.clear()
    assert waiting.wait(0) == []
    guard.trigger()
    waiting.attach_only(set())
    assert waiting.wait(0) == []


def test_a_deleted_entity_fails_and_does_no_harm(pair: Any, connect: Any) -> None:
    writer, reader = connect(QoSProfile(depth=1))
    waiting = WaitSet(pair[1])
    waiting.attach_only({reader.condition})
    writer.delete()
    reader.delete()
    with pytest.raises(RCLError, match='publish'):
        writer.write(text('late'))
    assert reader.take() is None
    assert waiting.wait(0) == []
    waiting.attach_only({reader.condition})
    writer.delete()


def resident() -> int:
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE')


def count(what: str) -> int:
    return len(list(Path('/proc/self', what).iterdir()))


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_memory_threads_and_files_stay_flat(pair: Any, connect: Any) -> None:
    writer, reader = connect(QoSProfile(depth=1), IMAGE)
    image = message_class(IMAGE)()
    image.data.frombytes(bytes(1_000_000))
    data = serialize_message(image)

    def work(rounds: int) -> tuple[int, int]:
        for _ in range(rounds):
            writer.write(data)
            assert reader.take()
        for _ in range(rounds // 10):
            Writer(pair[0], 'rt/other', STRING, QoSProfile(depth=1)).delete()
            Reader(pair[1], 'rt/other', STRING, QoSProfile(depth=1)).delete()
        return count('fd'), count('task')

    before, memory = work(300), resident()
    assert work(1000) == before
    assert resident() - memory < 20_000_000


def test_a_process_leaves_nothing_behind() -> None:
    code = f"""
import os, threading
from ros2_standalone.dds import Participant
before = len(os.listdir('/proc/self/task'))  # a library may have threads of its own
for _ in range(3):
    Participant({domain()}).delete()
print(len(os.listdir('/proc/self/task')) - before, threading.active_count())
open_one = Participant({domain()})
"""
    with process(code) as started:
        assert finish(started) == (0, '0 1\n', '')
