# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What others send ends no node; what our own callbacks raise does."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from raw_messages import Sender, sender
from transport import STANDALONE, context, only_standalone, spin_until

from mdepth_ros.ros import node as module
from mdepth_ros.ros import reports
from mdepth_ros.ros.node import BaseNode

# isort: split
from builtin_interfaces.msg import Time
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter as NodeParameter
from rclpy.serialization import deserialize_message, serialize_message
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String
from std_srvs.srv import SetBool


def said(words: str) -> bytes:
    return bytes(serialize_message(String(data=words)))


# In ROS 2 it is up to the middleware: Cyclone DDS gives what it could read of all of these.
BAD = {
    'no UTF-8': said('abc').replace(b'abc', b'a\xff\xfe'),
    'bytes behind the end': said('abc') + b'x' * 40,
    'another encapsulation': b'\x00\x07' + said('abc')[2:],
}


class Victim:
    """A node with one subscription, in its own context, and what spins it."""

    def __init__(self, inside: Any, **options: Any) -> None:
        self.node = BaseNode('victim', context=inside, **options)
        self.executor = SingleThreadedExecutor(context=inside)
        self.executor.add_node(self.node)
        self.heard: list[str] = []
        self.node.create_subscription(String, 'words', self.hear, 10)

    def hear(self, message: Any) -> None:
        if message.data == 'fault':
            raise ValueError('a fault of ours')
        self.heard.append(message.data)

    @property
    def counts(self) -> dict[str, int]:
        return {name: loss.count for name, loss in self.node.losses.items()}

    def until(self, condition: Callable[[], Any]) -> None:
        spin_until(self.executor, condition)


@pytest.fixture
def victim(request: pytest.FixtureRequest) -> Iterator[Victim]:
    with context() as inside:
        made = Victim(inside, **getattr(request, 'param', {}))
        yield made
        made.executor.shutdown()
        made.node.destroy_node()


@pytest.fixture
def attacker(victim: Victim) -> Iterator[Sender]:
    with sender('attacker') as made:
        yield made


def connected(victim: Victim, attacker: Sender, kind: Any, topic: str) -> Callable[[bytes], None]:
    """What sends bytes to the victim, which knows by then who does it."""
    send = attacker.topic(kind, topic)
    find = victim.node.get_publishers_info_by_topic
    victim.until(lambda: 'attacker' in [info.node_name for info in find(topic)])
    victim.until(lambda: attacker.node.count_subscribers(topic))
    return send


@only_standalone
@pytest.mark.parametrize('bad', BAD.values(), ids=BAD.keys())
def test_what_cannot_be_read_is_dropped_counted_and_said_once(
    victim: Victim, attacker: Sender, bad: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    send = connected(victim, attacker, String, '/words')
    for data in (said('one'), bad, bad, said('two'), bad, said('three')):
        send(data)
    victim.until(lambda: 'three' in victim.heard)
    assert victim.heard == ['one', 'two', 'three']
    assert victim.counts == {'/words': 3}
    lines = [line for line in capfd.readouterr().err.splitlines() if '/words: ' in line]
    assert len(lines) == 1
    assert 'a message cannot be used and was dropped (failed to ' in lines[0]
    assert 'correct its sender, attacker; further ones are only counted' in lines[0]


@only_standalone
def test_what_raises_while_a_message_is_read_is_a_loss(
    victim: Victim, attacker: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(data: bytes, kind: Any) -> Any:
        if b'bad' in data:
            raise UnicodeDecodeError('utf-8', b'x', 0, 1, 'invalid start byte')
        return deserialize_message(data, kind)

    monkeypatch.setattr(module, 'deserialize_message', read)
    send = connected(victim, attacker, String, '/words')
    for count in (1, 2):
        send(said('bad'))
        victim.until(lambda c=count: victim.counts.get('/words') == c)
    send(said('three'))
    victim.until(lambda: victim.heard == ['three'])


def test_a_fault_in_a_callback_of_ours_is_raised(victim: Victim, attacker: Sender) -> None:
    send = connected(victim, attacker, String, '/words')
    send(said('fault'))
    with pytest.raises(ValueError, match='a fault of ours'):
        victim.until(lambda: False)
    assert victim.counts == {}


@pytest.mark.parametrize(
    'victim', [{'parameter_overrides': [NodeParameter('use_sim_time', value=True)]}], indirect=True
)
def test_a_time_that_cannot_be_leaves_the_clock_alone(victim: Victim, attacker: Sender) -> None:
    """rclpy raises in its own callback, which no node can catch."""
    send = connected(victim, attacker, Clock, '/clock')
    now = victim.node.get_clock().now
    for count, seconds in enumerate((5, 6), 1):
        send(bytes(serialize_message(Clock(clock=Time(sec=-3)))))
        victim.until(lambda c=count: victim.counts.get('/clock') == c)
        send(bytes(serialize_message(Clock(clock=Time(sec=seconds)))))
        victim.until(lambda s=seconds: now().nanoseconds == s * 10**9)


def test_a_parameter_of_no_type_is_no_end(victim: Victim, attacker: Sender) -> None:
    client = attacker.node.create_client(SetParameters, '/victim/set_parameters')
    value = ParameterValue(type=99)
    victim.until(client.service_is_ready)
    client.call_async(SetParameters.Request(parameters=[Parameter(name='x', value=value)]))
    end = time.monotonic() + 0.5
    victim.until(lambda: victim.counts or time.monotonic() > end)
    # rclpy raises; without ROS 2 the answer says that there is no such type.
    assert victim.counts == ({} if STANDALONE else {'/victim/set_parameters': 1})


@only_standalone
def test_requests_that_cannot_be_read(
    victim: Victim, attacker: Sender, capfd: pytest.CaptureFixture[str]
) -> None:
    asked: list[bool] = []

    def answer(request: Any, response: Any) -> Any:
        asked.append(request.data)
        return response

    victim.node.create_service(SetBool, '~/enable', answer)
    send = attacker.dds('rq/victim/enableRequest', 'std_srvs/srv/SetBool_Request')
    header = b'\x00\x01\x00\x00' + struct.pack('<Qq', 1, 1)
    for bad in (header + b'\x01' * 30, b'\x00\x07' + header[2:] + b'\x01', header + b'\x01'):
        send(bad)
    victim.until(lambda: asked == [True])
    assert 'a request to /victim/enable cannot be read and was dropped' in capfd.readouterr().err


def test_a_warning_is_logged_once(victim: Victim, capfd: pytest.CaptureFixture[str]) -> None:
    for line in ('one', 'two', '', 'one'):
        victim.node.warn_once(line)
    lines = [line for line in capfd.readouterr().err.splitlines() if 'WARN' in line]
    assert [line[-3:] for line in lines] == ['one', 'two']


def test_diagnostics_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = module.Loss(3, 'no UTF-8', time.monotonic())
    report = reports.topics_report([], {'/image': loss})
    assert report.level == reports.WARN
    assert report.message == '/image: messages that cannot be used are dropped (no UTF-8)'
    assert report.values == (('/image dropped', '3'),)
    loss.time -= module.RECENT
    report = reports.topics_report([], {'/image': loss})
    assert (report.level, report.values) == (reports.OK, (('/image dropped', '3'),))
