#!/bin/bash
# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
# Run a command with ROS 2 and this package.
set -e
. "/opt/ros/$ROS_DISTRO/setup.bash"
. /ws/install/setup.bash
exec "$@"
