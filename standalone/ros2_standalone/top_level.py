# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The functions of `rclpy` itself."""

from __future__ import annotations

from typing import Any

from .context import Context, get_default_context
from .executors import SingleThreadedExecutor
from .node import Node
from .signals import SignalHandlerOptions, install_signal_handlers, uninstall_signal_handlers
from .task import Future


def init(
    args: list[str] | None = None,
    *,
    context: Context | None = None,
    domain_id: int | None = None,
    signal_handler_options: SignalHandlerOptions | None = None,
) -> None:
    """Begin; see Context.init(). The default context also has SIGINT and SIGTERM handled."""
    is_default = context is None or context is get_default_context()
    (get_default_context() if context is None else context).init(args, domain_id=domain_id)
    default = SignalHandlerOptions.ALL if is_default else SignalHandlerOptions.NO
    chosen = default if signal_handler_options is None else signal_handler_options
    if chosen or is_default:
        install_signal_handlers(chosen)


def ok(*, context: Context | None = None) -> bool:
    """Whether it has begun and not ended."""
    return (get_default_context() if context is None else context).ok()


def shutdown(*, context: Context | None = None, uninstall_handlers: bool | None = None) -> None:
    """End; RuntimeError where that has happened already."""
    chosen = get_default_context() if context is None else context
    if not chosen.ok():
        raise RuntimeError('Context must be initialized before it can be shutdown')
    try_shutdown(context=context, uninstall_handlers=uninstall_handlers)


def try_shutdown(
    *, context: Context | None = None, uninstall_handlers: bool | None = None
) -> None:
    """End, unless that has happened already."""
    is_default = context is None or context is get_default_context()
    (get_default_context(shutting_down=True) if context is None else context).try_shutdown()
    if uninstall_handlers or (uninstall_handlers is None and is_default):
        uninstall_signal_handlers()


def create_node(node_name: str, **options: Any) -> Node:
    """A node; see Node."""
    return Node(node_name, **options)


def _executor_for(context: Context) -> SingleThreadedExecutor:
    if context.global_executor is None:
        context.global_executor = SingleThreadedExecutor(context=context)
    executor: SingleThreadedExecutor = context.global_executor
    return executor


def spin(node: Node, executor: SingleThreadedExecutor | None = None) -> None:
    """Run a node's callbacks until shutdown; see SingleThreadedExecutor.spin()."""
    executor = executor or _executor_for(node.context)
    try:
        executor.add_node(node)
        executor.spin()
    finally:
        executor.remove_node(node)


def spin_once(
    node: Node,
    *,
    executor: SingleThreadedExecutor | None = None,
    timeout_sec: float | None = None,
) -> None:
    """Run one callback of a node; wait for it at most so many seconds."""
    executor = executor or _executor_for(node.context)
    try:
        executor.add_node(node)
        executor.spin_once(timeout_sec)
    finally:
        executor.remove_node(node)


def spin_until_future_complete(
    node: Node,
    future: Future,
    executor: SingleThreadedExecutor | None = None,
    timeout_sec: float | None = None,
) -> None:
    """Run a node's callbacks until a future is done, or for so many seconds."""
    executor = executor or _executor_for(node.context)
    added = False
    try:
        added = executor.add_node(node)
        executor.spin_until_future_complete(future, timeout_sec)
    finally:
        if added:
            executor.remove_node(node)


def get_rmw_implementation_identifier() -> str:
    """Which middleware speaks: Cyclone DDS, on the wire as its rmw for ROS 2."""
    return 'rmw_cyclonedds_cpp'
