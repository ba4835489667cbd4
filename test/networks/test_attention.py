# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""HAM against loops over its formula."""

from __future__ import annotations

import math

import pytest
import torch

from mdepth_ros.networks import HAM, ChannelAttention

READINGS = ['elementwise', 'pairwise', 'gate']


def module(reading: str, beta: float) -> HAM:
    torch.manual_seed(3)
    attention = HAM(4, reading)
    with torch.no_grad():
        attention.beta.fill_(beta)
    return attention


@pytest.mark.parametrize('reading', READINGS)
def test_zero_beta_is_the_identity_and_has_a_gradient(reading: str) -> None:
    attention = module(reading, 0.0)
    x = torch.randn(2, 4, 3, 5)
    y = attention(x)
    assert torch.equal(y, x)
    (y * torch.randn_like(y)).sum().backward()
    assert attention.beta.grad is not None and abs(float(attention.beta.grad)) > 1e-6


@pytest.mark.parametrize('reading', READINGS)
def test_forward_is_the_formula(reading: str) -> None:
    attention = module(reading, 0.8)
    x = torch.randn(1, 4, 3, 5)
    with torch.no_grad():
        y = attention(x)
        q, k, v = (layer(x)[0] for layer in (attention.query, attention.key, attention.value))
    places = [(i, j) for i in range(3) for j in range(5)]
    for i, j in places:
        for c in range(4):
            if reading == 'elementwise':
                s = math.exp(-((q[c, i, j] - k[c, i, j]) ** 2) / 0.5)
                weighted = s * float(v[c, i, j])
            elif reading == 'gate':
                s = math.exp(-float((q[:, i, j] - k[:, i, j]).square().sum()) / 0.5)
                weighted = s * float(v[c, i, j])
            else:
                row = [
                    math.exp(-float((q[:, i, j] - k[:, m, n]).square().sum()) / 0.5)
                    for m, n in places
                ]
                terms = [s * float(v[c, m, n]) for s, (m, n) in zip(row, places, strict=True)]
                weighted = sum(terms) / sum(row)
            assert float(y[0, c, i, j]) == pytest.approx(
                float(x[0, c, i, j]) + 0.8 * weighted, abs=1e-5
            )


def test_unknown_reading() -> None:
    with pytest.raises(ValueError, match='elementwise'):
        HAM(4, 'spatial')


def test_channel_attention_is_its_formula_and_begins_as_the_identity() -> None:
    torch.manual_seed(3)
    attention, x = ChannelAttention(), torch.randn(1, 4, 3, 5)
    y = attention(x)
    assert torch.equal(y, x)
    (y * torch.randn_like(y)).sum().backward()
    assert attention.beta.grad is not None and abs(float(attention.beta.grad)) > 1e-6
    with torch.no_grad():
        attention.beta.fill_(0.8)
        y = attention(x)
    for i in range(4):
        energies = [float((x[0, i] * x[0, j]).sum()) / math.sqrt(15) for j in range(4)]
        weights = [math.exp(max(energies) - energy) for energy in energies]
        mixed = sum(w * x[0, j] for j, w in enumerate(weights)) / sum(weights)
        torch.testing.assert_close(y[0, i], x[0, i] + 0.8 * mixed)
