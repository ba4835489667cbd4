# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth node`: the live node, with and without an installation of ROS 2."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from mdepth_ros.cli.options import CameraInfo, Model
from mdepth_ros.errors import MdepthError

# What ROS 2's own tools pass (`--ros-args ...`) goes through as it is.
PASS_ON = {'allow_extra_args': True, 'ignore_unknown_options': True, 'help_option_names': []}


def _help(context: typer.Context, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from mdepth_ros.ros.parameter import help_text
    from mdepth_ros.ros.parameters import NODES

    typer.echo(context.get_help())
    for name, described in NODES.items():
        typer.echo(f'\nParameters of {name}, for -p and --params-file:\n')
        typer.echo(help_text(described))
    raise typer.Exit


def node(
    context: typer.Context,
    image: Annotated[str | None, typer.Option(help='Image topic, raw or compressed.')] = None,
    camera_info: CameraInfo = None,
    namespace: Annotated[str | None, typer.Option(help='Put the node and its topics in.')] = None,
    model: Model = None,
    params_file: Annotated[list[Path] | None, typer.Option(help='Parameters, as YAML.')] = None,
    param: Annotated[list[str] | None, typer.Option('--param', '-p', help='name:=value')] = None,
    remap: Annotated[list[str] | None, typer.Option('--remap', '-r', help='from:=to')] = None,
    use_sim_time: Annotated[
        bool, typer.Option('--use-sim-time', help='Time is /clock: for a bag that is played.')
    ] = False,
    log_level: Annotated[
        str | None,
        typer.Option(help='debug, info, warn, error or fatal, of this node; or LOGGER:=LEVEL.'),
    ] = None,
    executable: Annotated[str, typer.Option(help='Or point_cloud_node.')] = 'mdepth_node',
    help_: Annotated[
        bool, typer.Option('--help', is_eager=True, callback=_help, help='Show this and exit.')
    ] = False,
) -> None:
    """Start the node: images in; depth, odometry and point clouds out, live.

    The same node as `ros2 run mdepth_ros mdepth_node` starts; everything behind
    --ros-args is understood as in ROS 2. Ctrl-C ends it.

    Examples: mdepth node --image /camera/image_raw -p publish_tf:=false

    mdepth node --params-file config/mdepth.yaml --ros-args -r __ns:=/robot1 --log-level debug
    """
    from mdepth_ros.ros import executables

    executable = executables.current_name(executable)
    rules, values, arguments = [], [], ['--ros-args']  # in ROS 2 a later one wins over an earlier
    if image is not None:
        rules.append(f'image:={image}')
    if camera_info is not None:
        rules.append(f'camera_info:={camera_info}')
    if namespace is not None:
        rules.append(f'__ns:=/{namespace.strip("/")}')
    for file in params_file or []:
        if not file.is_file():
            raise MdepthError(f'no such file: {file}')
        arguments += ['--params-file', str(file)]
    if model is not None:
        # Quoted: ROS 2 reads the value as YAML, where a path may look like a number.
        values.append(f'model:={json.dumps(str(model))}')
    if use_sim_time:
        values.append('use_sim_time:=true')
    rules += remap or []
    for letter, texts in (('-r', rules), ('-p', values + (param or []))):
        for text in texts:
            if not all(text.partition(':=')):
                raise MdepthError(f'{text}: write name:=value for -p and from:=to for -r')
            arguments += [letter, text]
    if log_level and ':=' not in log_level:
        # Of this node: a level for all buries what it says under that of the middleware.
        log_level = f'{_logger(executable.removesuffix("_node"), rules)}:={log_level}'
    arguments += ['--log-level', log_level] if log_level else []
    with suppress(KeyboardInterrupt):  # before rclpy listens to it
        raise typer.Exit(executables.main(executable, [*arguments, *context.args]))


def _logger(name: str, rules: list[str]) -> str:
    """The logger of a node: its namespace and name after the rules, of which the first counts."""
    given: dict[str, str] = {}
    for rule in rules:
        before, _, after = rule.partition(':=')
        given.setdefault(before.replace('__name', '__node'), after)
    words = [*given.get('__ns', '').split('/'), given.get('__node', name)]
    return '.'.join(filter(None, words))
