"""Convolutions of training in Winograd's basis, with torch's own in float64 as the judge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lzeval.network.cpu_layers.winograd
from lzeval.network.cpu_layers.winograd import BOARDS_A_THREAD, can_convolve, convolve
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape

pytestmark = pytest.mark.skipif(
    not can_convolve(
        torch.empty(1, 64, 5, 5, memory_format=torch.channels_last),
        nn.Conv2d(64, 64, 3, padding=1, bias=False),
    ),
    reason="for x86 processors only",
)


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def randoms(*shape: int, seed: int) -> Tensor:
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return values.contiguous(memory_format=torch.channels_last)


def convolution(inputs: int, outputs: int, seed: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    with torch.no_grad():
        conv.weight.copy_(randoms(outputs, inputs, 3, 3, seed=seed))
    return conv


def assert_near(found: Tensor | None, expected: Tensor | None) -> None:
    """To a hundred-thousandth of the largest value."""
    assert found is not None
    assert expected is not None
    torch.testing.assert_close(
        found.detach().double(), expected.detach(), rtol=0, atol=1e-5 * float(expected.detach().abs().max())
    )


@pytest.mark.parametrize("size", [2, 4, 5, 9, 13, 19])
@pytest.mark.parametrize("batch", [1, 2 * BOARDS_A_THREAD, 4 * BOARDS_A_THREAD + 1])
def test_values_and_gradients_are_those_of_torch(size: int, batch: int, threads: int) -> None:
    conv = convolution(64, 80)
    x, upstream = randoms(batch, 64, size, size, seed=2), randoms(batch, 80, size, size, seed=3)
    ours = x.clone().requires_grad_()
    found = convolve(ours, conv)
    found.backward(upstream)  # type: ignore[no-untyped-call]
    theirs, weight = x.double().requires_grad_(), conv.weight.detach().double().requires_grad_()
    expected = F.conv2d(theirs, weight, padding=1)
    expected.backward(upstream.double())  # type: ignore[no-untyped-call]
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert_near(found, expected)
    assert_near(ours.grad, theirs.grad)
    assert_near(conv.weight.grad, weight.grad)


def test_gradients_may_come_in_any_order_of_memory() -> None:
    conv = convolution(64, 64)
    x, upstream = randoms(3, 64, 9, 9, seed=2), randoms(3, 64, 9, 9, seed=3)
    gradients = []
    for arriving in (upstream, upstream.contiguous(memory_format=torch.contiguous_format)):
        [gradient] = torch.autograd.grad(convolve(x, conv), conv.weight, arriving)
        gradients.append(gradient)
    assert torch.equal(*gradients)


def test_two_batches_may_be_under_way() -> None:
    """Nothing is left in memory that another call of the same convolution overwrites."""
    conv = convolution(64, 64)
    one, two = (randoms(5, 64, 9, 9, seed=seed).requires_grad_() for seed in (4, 5))
    alone = torch.autograd.grad(convolve(one, conv).square().sum(), (one, conv.weight))
    first, _ = convolve(one, conv), convolve(two, conv)
    among_others = torch.autograd.grad(first.square().sum(), (one, conv.weight))
    assert all(torch.equal(a, b) for a, b in zip(alone, among_others, strict=True))


def test_what_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    x, conv = randoms(2, 64, 9, 9, seed=1), convolution(64, 64)
    assert can_convolve(x, conv)
    assert not can_convolve(x.bfloat16(), conv)
    assert not can_convolve(x.double(), conv)
    assert not can_convolve(x.contiguous(memory_format=torch.contiguous_format), conv)
    assert not can_convolve(x[:, :, :8], conv)
    assert not can_convolve(x[:, :32], convolution(32, 64))
    assert not can_convolve(x, convolution(64, 32))
    assert not can_convolve(x, nn.Conv2d(64, 64, 3, padding=1))
    assert not can_convolve(x, nn.Conv2d(64, 64, 1, bias=False))
    assert not can_convolve(x, nn.Conv2d(64, 64, 3, bias=False))
    with torch.autocast("cpu", torch.bfloat16):
        assert not can_convolve(x, conv)
    assert can_convolve(x, conv)
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert not can_convolve(x, conv)


def one_step(network: LeelaNetwork, planes: Tensor) -> tuple[float, dict[str, Tensor]]:
    """The loss of some made-up lesson, and its gradients."""
    network.zero_grad()
    answer = network(planes)
    loss = F.cross_entropy(answer.policy_logits, torch.arange(len(planes))) + answer.value.square().mean()
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def test_a_network_learns_by_it_and_is_judged_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counting(x: Tensor, conv: nn.Conv2d) -> Tensor:
        calls.append(len(x))
        return convolve(x, conv)

    monkeypatch.setattr(lzeval.network.cpu_layers.winograd, "convolve", counting)
    torch.manual_seed(1)
    network = LeelaNetwork(NetworkShape(2, 64, 9)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.no_grad():
        for block in network.blocks:
            block.conv2.norm.weight.fill_(0.5)
    planes = (randoms(6, 18, 9, 9, seed=6) > 1).float().contiguous(memory_format=torch.channels_last)
    loss, gradients = one_step(network, planes)
    assert calls == [6] * 4
    network.eval()
    network(planes)
    assert len(calls) == 4
    network.train()
    monkeypatch.setattr(lzeval.network.cpu_layers.winograd, "can_convolve", lambda *_: False)
    expected_loss, expected = one_step(network.double(), planes.double())
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert set(gradients) == set(expected)
    for name, gradient in gradients.items():
        scale = float(expected[name].abs().max())
        torch.testing.assert_close(gradient.double(), expected[name], rtol=0, atol=max(1e-4 * scale, 1e-7))
