# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import os
import re
import socket
import struct
import sys
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.interfaces import Nodetype
from transport import context, finish, on_this_machine, process, wait_until

from mdepth_ros.errors import MdepthError
from mdepth_ros.standalone import MESSAGE_PACKAGES, cyclone
from mdepth_ros.standalone.cyclone import library
from mdepth_ros.standalone.dds import Guard, Participant, Reader, WaitSet, Writer
from mdepth_ros.standalone.dds_qos import policy_kind
from mdepth_ros.standalone.definitions import definitions
from mdepth_ros.standalone.discovery import Graph
from mdepth_ros.standalone.domains import Discovery
from mdepth_ros.standalone.exceptions import RCLError
from mdepth_ros.standalone.messages import message_class
from mdepth_ros.standalone.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)
from mdepth_ros.standalone.serialization import deserialize_message, serialize_message
from mdepth_ros.standalone.time import Duration
from mdepth_ros.standalone.wire_types import (
    _member,
    dds_type_name,
    operations,
    ros_type_name,
    type_hash,
)

DOMAIN = 20
STRING, IMAGE = 'std_msgs/msg/String', 'sensor_msgs/msg/Image'
SECOND = 10**9


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    on_this_machine(monkeypatch, DOMAIN)


@pytest.fixture
def pair() -> Iterator[tuple[Participant, Participant]]:
    one, other = Participant(DOMAIN), Participant(DOMAIN)
    yield one, other
    one.delete()
    other.delete()


def text(words: str) -> bytes:
    return serialize_message(message_class(STRING)(data=words))


def take_text(reader: Reader) -> str | None:
    taken = reader.take()
    if taken is None:
        return None
    words: str = deserialize_message(taken[0], message_class(STRING)).data
    return words


def connect(
    pair: tuple[Participant, Participant], profile: QoSProfile, type_name: str = STRING
) -> tuple[Writer, Reader]:
    writer = Writer(pair[0], 'rt/topic', type_name, profile)
    reader = Reader(pair[1], 'rt/topic', type_name, profile)
    wait_until(lambda: writer.count_matched() == 1 and reader.matched_handles(), 'match')
    return writer, reader


@pytest.mark.parametrize('words', ['', 'a', 'ab', 'abc', 'abcd', 'grün'])
def test_a_message_arrives_byte_by_byte(pair: Any, words: str) -> None:
    writer, reader = connect(pair, QoSProfile(depth=1))
    sent = text(words)
    writer.write(sent)
    data, info = reader.take()  # type: ignore[misc]
    assert data[: len(sent)] == sent
    assert not any(data[len(sent) :])  # the network may fill up the last word
    assert info.source_timestamp > 0
    assert reader.take() is None


def test_a_large_image_comes_from_another_process() -> None:
    reader_side = Participant(DOMAIN)
    reader = Reader(reader_side, 'rt/image', IMAGE, QoSProfile(depth=1))
    code = f"""
from mdepth_ros.standalone.dds import *
from mdepth_ros.standalone.messages import message_class
from mdepth_ros.standalone.qos import QoSProfile
from mdepth_ros.standalone.serialization import serialize_message
participant = Participant({DOMAIN})
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


def test_a_big_endian_message_means_the_same(pair: Any) -> None:
    writer, reader = connect(pair, QoSProfile(depth=1))
    writer.write(b'\0\0\0\0' + struct.pack('>I', 3) + b'ab\0')
    assert take_text(reader) == 'ab'


def test_what_is_not_such_a_message_is_not_sent(pair: Any) -> None:
    writer, _ = connect(pair, QoSProfile(depth=1), IMAGE)
    for data in (b'', b'\0\1\0\0' + bytes(8), b'\0\1\0\0' + b'\xff' * 100):
        with pytest.raises(RCLError, match=f'not a serialised {IMAGE}'):
            writer.write(data)


def filled(kind: Any, number: int = 1) -> Any:
    """A value of every field that is not the default one, two of each where there may be more."""
    message = kind()
    for name, field in kind.__fields__.items():
        value = getattr(message, name)
        if isinstance(value, (bool, int, float)):
            setattr(message, name, type(value)(number))
        elif isinstance(value, str):
            setattr(message, name, 'x' * number)
        elif isinstance(value, array):
            value.extend([1, 2])
        elif isinstance(value, np.ndarray):
            value[:] = number
        elif isinstance(value, list) and not value:
            setattr(message, name, elements(field.text, number))
        elif hasattr(value, '__fields__'):
            setattr(message, name, filled(type(value), number))
    return message


def elements(text: str, number: int) -> list[Any]:
    kind, _, bound = text.removeprefix('sequence<').rstrip('>').partition(', ')
    if '/' in kind:
        made = message_class(kind.replace('/', '/msg/'))
        return [filled(made, number + i) for i in range(int(bound or 2))]
    return {'string': ['', 'ab'], 'boolean': [True, False], 'octet': [b'a', b'b']}[kind]


TYPES = [
    name
    for name in definitions().fielddefs
    if name.split('/')[0] in (*MESSAGE_PACKAGES, 'std_srvs')
]


@pytest.mark.parametrize('name', sorted(TYPES))
def test_every_type_of_ros_passes(pair: Any, name: str) -> None:
    kind = message_class(name)
    writer, reader = connect(pair, QoSProfile(depth=5), name)
    header = bytes(16) if '/srv/' in name else b''
    for message in (kind(), filled(kind)):
        data = serialize_message(message)
        writer.write(data[:4] + header + data[4:])
        taken, _ = reader.take()  # type: ignore[misc]
        assert deserialize_message(taken[:4] + taken[4 + len(header) :], kind) == message
    with pytest.raises(RCLError):
        writer.write(data[:4] + header + data[4:-1])  # cut off


def test_a_reader_that_keeps_one_gets_the_newest(pair: Any) -> None:
    writer, reader = connect(pair, QoSProfile(depth=1))
    for word in ('old', 'older', 'new'):
        writer.write(text(word))
    assert [take_text(reader), take_text(reader)] == ['new', None]


def test_a_reader_that_keeps_all_gets_all_in_order(pair: Any) -> None:
    writer, reader = connect(pair, QoSProfile(history=HistoryPolicy.KEEP_ALL))
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


@pytest.mark.parametrize(
    ('name', 'sha256'),
    [  # from rosidl_generator_type_description of Jazzy
        (STRING, 'df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18'),
        (IMAGE, 'd31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47'),
        (
            'rmw_dds_common/msg/ParticipantEntitiesInfo',  # holds chars
            '91a0593bacdcc50ea9bdcf849a938b128412cc1ea821245c663bcd26f83c295e',
        ),
        (
            'std_srvs/srv/SetBool_Request',
            'c62fbb99d94e1b25e8ef9e109f9581956bb1b3361a45a4e5810c36a90d29932e',
        ),
        (
            'rcl_interfaces/srv/SetParameters_Request',
            '130d46386b7e84ea9ecf60608a4d83cbe5e5cb7c6cc5b712b7a4e3a6c254e932',
        ),
    ],
)
def test_type_hashes_are_those_of_ros(name: str, sha256: str) -> None:
    assert type_hash(name) == f'RIHS01_{sha256}'


def test_type_names_are_those_of_ros() -> None:
    assert dds_type_name(IMAGE) == 'sensor_msgs::msg::dds_::Image_'
    assert ros_type_name('sensor_msgs::msg::dds_::Image_') == IMAGE
    request = 'std_srvs/srv/SetBool_Request'
    assert dds_type_name(request) == 'std_srvs::srv::dds_::SetBool_Request_'
    assert ros_type_name(dds_type_name(request)) == request
    assert ros_type_name('HelloWorld') == 'HelloWorld'
    with pytest.raises(MdepthError, match='words is a wstring, which can not be sent'):
        _member((Nodetype.BASE, ('wstring', 0)), 'words')
    with pytest.raises(MdepthError, match='my_msgs/msg/Mine is not a message type'):
        operations('my_msgs/msg/Mine')


PROFILES = [
    QoSProfile(depth=7),
    QoSProfile(
        depth=3,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        deadline=Duration(seconds=2),
        lifespan=Duration(seconds=5),
    ),
    QoSProfile(
        history=HistoryPolicy.KEEP_ALL,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
        liveliness=LivelinessPolicy.MANUAL_BY_TOPIC,
        liveliness_lease_duration=Duration(seconds=3),
    ),
]


@pytest.mark.parametrize('profile', PROFILES)
def test_a_profile_is_seen_by_others(pair: Any, profile: QoSProfile) -> None:
    Writer(pair[0], 'rt/topic', STRING, profile)
    graph = Graph(pair[1])

    def found() -> list[Any]:
        return [each for each in graph.endpoints() if each.topic == 'rt/topic']

    wait_until(found)
    seen = found()[0].profile
    assert (seen.reliability, seen.durability) == (profile.reliability, profile.durability)
    for name in ('deadline', 'lifespan', 'liveliness_lease_duration'):
        infinite = Duration(nanoseconds=2**63 - 1)
        assert getattr(seen, name) in (getattr(profile, name), infinite)
        assert (getattr(seen, name) == infinite) == (getattr(profile, name) == Duration())
    manual = LivelinessPolicy.MANUAL_BY_TOPIC
    assert (seen.liveliness == manual) == (profile.liveliness == manual)
    if profile.history == HistoryPolicy.KEEP_LAST:
        assert seen.depth == profile.depth


def test_an_unknown_policy_is_refused(pair: Any) -> None:
    unknown = QoSProfile(depth=1, reliability=ReliabilityPolicy.UNKNOWN)
    with pytest.raises(RCLError, match='unknown reliability'):
        Writer(pair[0], 'rt/topic', STRING, unknown)


def test_incompatible_qos_is_told_with_its_policy(pair: Any) -> None:
    weak = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    writer = Writer(pair[0], 'rt/topic', STRING, weak)
    reader = Reader(pair[1], 'rt/topic', STRING, QoSProfile(depth=1))
    for endpoint in (writer, reader):
        wait_until(lambda: endpoint.take_incompatible_qos().total_count)  # noqa: B023
        status = endpoint.take_incompatible_qos()
        assert (status.total_count, status.total_count_change) == (1, 0)
        assert policy_kind(status.last_policy_id) == QoSPolicyKind.RELIABILITY
    assert policy_kind(10) == QoSPolicyKind.INVALID  # DDS has more policies than ROS


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


def test_a_deleted_entity_fails_and_does_no_harm(pair: Any) -> None:
    writer, reader = connect(pair, QoSProfile(depth=1))
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
def test_memory_threads_and_files_stay_flat(pair: Any) -> None:
    writer, reader = connect(pair, QoSProfile(depth=1), IMAGE)
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
from mdepth_ros.standalone.dds import Participant
before = len(os.listdir('/proc/self/task'))  # a library may have threads of its own
for _ in range(3):
    Participant({DOMAIN}).delete()
print(len(os.listdir('/proc/self/task')) - before, threading.active_count())
open_one = Participant({DOMAIN})
"""
    with process(code) as started:
        assert finish(started) == (0, '0 1\n', '')


def test_discovery_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Discovery.from_environment() == Discovery('LOCALHOST')
    monkeypatch.delenv('ROS_AUTOMATIC_DISCOVERY_RANGE')
    assert Discovery.from_environment() == Discovery('SUBNET')
    monkeypatch.setenv('ROS_STATIC_PEERS', '10.0.0.1;robot.local;')
    assert Discovery.from_environment() == Discovery('SUBNET', ('10.0.0.1', 'robot.local'))
    monkeypatch.setenv('ROS_LOCALHOST_ONLY', '1')
    assert Discovery.from_environment() == Discovery('LOCALHOST')
    monkeypatch.setenv('ROS_LOCALHOST_ONLY', '0')
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'EVERYWHERE')
    with pytest.raises(MdepthError, match=r'EVERYWHERE.*set it to one of SUBNET, LOCALHOST'):
        Discovery.from_environment()


PORTS = '<ParticipantIndex>auto</ParticipantIndex>'
PORTS += '<MaxAutoParticipantIndex>32</MaxAutoParticipantIndex>'
QUIET = '<AllowMulticast>false</AllowMulticast>'
CLOSED = '<ParticipantIndex>none</ParticipantIndex>'
CLOSED += f'<Tag>ros_discovery_off_{os.getpid()}</Tag>'


@pytest.mark.parametrize(
    ('discovery', 'general', 'inside'),
    [  # as rmw_cyclonedds_cpp of Jazzy configures them
        (Discovery('SUBNET'), '', PORTS),
        (
            Discovery('SUBNET', ('10.0.0.1',)),
            '',
            f'{PORTS}<Peers><Peer address="10.0.0.1"/></Peers>',
        ),
        (Discovery('OFF', ('10.0.0.1',)), QUIET, CLOSED),
    ],
)
def test_discovery_is_configured_as_in_ros(
    discovery: Discovery, general: str, inside: str
) -> None:
    domain = f'<General>{general}</General><Discovery>{inside}</Discovery>'
    assert discovery.config() == f'<CycloneDDS><Domain>{domain}</Domain></CycloneDDS>,'
    assert accepted(discovery)


def accepted(discovery: Discovery) -> bool:
    handle = library().dds_create_domain(39, discovery.config().encode())
    return bool(handle > 0 and library().dds_delete(handle) == 0)


@pytest.mark.parametrize('own', ['10.1.2.3', '127.0.0.1', None])
def test_localhost_listens_wherever_this_machine_calls_from(
    monkeypatch: pytest.MonkeyPatch, own: str | None
) -> None:
    assert accepted(Discovery('LOCALHOST'))

    class Probe(socket.socket):
        def connect(self, address: Any) -> None:
            if own is None:
                raise OSError('Network is unreachable')

        def getsockname(self) -> Any:
            return own, 1

    monkeypatch.setattr(socket, 'socket', Probe)
    config = Discovery('LOCALHOST', ('10.0.0.1',)).config()
    addresses = ['10.1.2.3', '127.0.0.1'] if own == '10.1.2.3' else ['127.0.0.1']
    assert re.findall('NetworkInterface address="(.*?)"', config) == addresses
    assert re.findall('Peer address="(.*?)"', config) == [*addresses, '10.0.0.1']
    assert QUIET in config


def test_the_default_of_the_middleware_is_left_alone() -> None:
    assert Discovery('SYSTEM_DEFAULT').config() == ''


def test_a_domain_has_one_configuration(
    pair: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'OFF')
    with pytest.raises(MdepthError, match=f'domain {DOMAIN} is already open'):
        Participant(DOMAIN)
    log = tmp_path / 'cyclone.log'
    uri = f'<Tracing><Verbosity>config</Verbosity><OutputFile>{log}</OutputFile></Tracing>'
    monkeypatch.setenv('CYCLONEDDS_URI', uri)
    Participant(DOMAIN + 1).delete()
    assert f'ros_discovery_off_{os.getpid()}' in log.read_text()
    monkeypatch.setenv('CYCLONEDDS_URI', '<nonsense/>')
    with pytest.raises(MdepthError, match="not take CYCLONEDDS_URI '<nonsense/>'"):
        Participant(DOMAIN + 1)
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    interface = '<Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces>'
    monkeypatch.setenv('CYCLONEDDS_URI', f'<General>{interface}</General>')
    with pytest.raises(MdepthError, match='now LOCALHOST; SYSTEM_DEFAULT leaves') as caught:
        Participant(DOMAIN + 1)
    assert '\n' not in str(caught.value)
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SYSTEM_DEFAULT')
    Participant(DOMAIN + 1).delete()


def test_without_cyclonedds_a_line_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = r"pip install 'mdepth_ros\[standalone\]' \(.*(cyclonedds|libddsc)"
    broken = tmp_path / 'cyclonedds' / '__init__.py'
    broken.parent.mkdir()
    broken.touch()
    broken.with_name('__library__.py').write_text('library_path = "/nowhere/libddsc.so"')
    for spec in (None, importlib.util.spec_from_file_location('cyclonedds', broken)):
        monkeypatch.setattr(importlib.util, 'find_spec', lambda name, spec=spec: spec)
        library.cache_clear()
        with pytest.raises(MdepthError, match=wanted), context():
            pass
    monkeypatch.undo()
    library.cache_clear()


def test_the_binding_names_the_error() -> None:
    with pytest.raises(RCLError, match='writer: Bad Parameter'):
        cyclone.check(-3, 'writer')
