# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Services and clients; plain rclpy, so it holds for ROS 2 too."""

from __future__ import annotations

from typing import Any

import pytest
from transport import STANDALONE, context, process, spin_until, wait_until

# isort: split

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import Empty, SetBool, Trigger

NODE = 'server'


def answer(request: Any, response: Any) -> Any:
    response.success = not request.data
    response.message = f'{request.data} it is'
    return response


def test_a_request_is_answered(node: Any, executor: Any) -> None:
    node.create_service(SetBool, '~/enable', answer)
    client = node.create_client(SetBool, '/server/enable')
    assert client.wait_for_service(timeout_sec=20)
    futures = [client.call_async(SetBool.Request(data=data)) for data in (True, False)]
    spin_until(executor, lambda: all(future.done() for future in futures))
    assert [future.result().success for future in futures] == [False, True]
    assert futures[0].result().message == 'True it is'


def test_an_empty_request_is_answered(node: Any, executor: Any) -> None:
    calls: list[Any] = []
    node.create_service(Empty, 'reset', lambda request, response: calls.append(1) or response)
    client = node.create_client(Empty, 'reset')
    assert client.wait_for_service(timeout_sec=20)
    future = client.call_async(Empty.Request())
    spin_until(executor, future.done)
    assert isinstance(future.result(), Empty.Response)
    assert calls == [1]


def test_clients_get_their_own_answers(node: Any, executor: Any) -> None:
    node.create_service(SetBool, 'enable', answer)
    clients = [node.create_client(SetBool, 'enable') for _ in range(2)]
    futures = []
    for client, data in zip(clients, (True, False), strict=True):
        assert client.wait_for_service(timeout_sec=20)
        futures.append(client.call_async(SetBool.Request(data=data)))
    spin_until(executor, lambda: all(future.done() for future in futures))
    assert [future.result().success for future in futures] == [False, True]


def test_another_process_is_asked(node: Any, executor: Any) -> None:
    code = """
import rclpy
from rclpy.node import Node
from std_srvs.srv import Trigger
rclpy.init(args=[])
node = Node('other')
def answer(request, response):
    response.success, response.message = True, 'from afar'
    return response
node.create_service(Trigger, '/ask', answer)
rclpy.spin(node)
"""
    client = node.create_client(Trigger, '/ask')
    with process(code):
        assert client.wait_for_service(timeout_sec=30)
        future = client.call_async(Trigger.Request())
        spin_until(executor, future.done)
        assert future.result().message == 'from afar'


def test_a_service_comes_and_goes(node: Any, executor: Any) -> None:
    client = node.create_client(SetBool, 'enable')
    assert not client.service_is_ready()
    assert not client.wait_for_service(timeout_sec=0.1)
    service = node.create_service(SetBool, 'enable', answer)
    wait_until(client.service_is_ready)
    assert node.destroy_service(service)
    wait_until(lambda: not client.service_is_ready())
    assert node.destroy_client(client)
    assert not node.destroy_client(client)


def test_wrong_types_are_refused(node: Any, executor: Any) -> None:
    node.create_service(SetBool, 'enable', lambda request, response: None)
    client = node.create_client(SetBool, 'enable')
    with pytest.raises(TypeError):
        client.call_async(Trigger.Request())
    assert client.wait_for_service(timeout_sec=20)
    client.call_async(SetBool.Request())
    with pytest.raises(TypeError):
        spin_until(executor, lambda: False)


def test_remapped_services_have_their_new_names() -> None:
    with context(['--ros-args', '-r', 'enable:=/stop', '-r', '__ns:=/robot']) as inside:
        node = Node('server', context=inside)
        service = node.create_service(SetBool, 'enable', answer)
        other = node.create_service(Trigger, '~/reset', answer)
        names = ['/stop', '/robot/server/reset']
        assert [service.service_name, other.service_name] == names
        assert node.resolve_service_name('enable') == '/stop'
        wait_until(lambda: set(names) <= set(dict(node.get_service_names_and_types())))
        found = dict(node.get_service_names_and_types())
        assert [found[name] for name in names] == [
            ['std_srvs/srv/SetBool'],
            ['std_srvs/srv/Trigger'],
        ]
        wait_until(lambda: node.count_services('/stop') == 1)
        node.destroy_node()


@pytest.mark.skipif(not STANDALONE, reason='ROS 2 raises its own')
def test_a_client_is_of_no_use_after_shutdown(node: Any) -> None:
    from rclpy.exceptions import InvalidHandle

    client = node.create_client(SetBool, 'enable')
    other = node.create_client(SetBool, 'enable')
    node.destroy_client(other)
    with pytest.raises(InvalidHandle, match='enable was destroyed'):
        other.call_async(SetBool.Request())
    node.context.try_shutdown()
    with pytest.raises(RuntimeError, match='after shutdown'):
        client.call_async(SetBool.Request())
    executor = SingleThreadedExecutor(context=node.context)
    with pytest.raises(ExternalShutdownException):
        executor.spin_once(timeout_sec=1)
