"""Normalisation, addition and ReLU in one pass, with torch's own in float64 as the judge."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import lzeval.network.cpu_layers.fused
from lzeval.network.cpu_layers.fused import can_fuse, norm_add_relu
from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape

CHANNELS = 32


def activations(
    batch: int,
    seed: int,
    *,
    mean: float = 0.0,
    scale: float = 1.0,
    dtype: torch.dtype = torch.bfloat16,
) -> Tensor:
    values = torch.randn(batch, CHANNELS, 9, 9, generator=torch.Generator().manual_seed(seed))
    return (values * scale + mean).to(dtype).contiguous(memory_format=torch.channels_last)


def random_norm(seed: int) -> nn.BatchNorm2d:
    generator = torch.Generator().manual_seed(seed)
    norm = nn.BatchNorm2d(CHANNELS, eps=1e-5)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(CHANNELS, generator=generator))
        norm.bias.copy_(torch.randn(CHANNELS, generator=generator))
    return norm


def as_torch_says(x: Tensor, norm: nn.BatchNorm2d, added: Tensor | None) -> Tensor:
    """The same in float64, where rounding plays no part."""
    y = norm.double()(x)
    return F.relu(y if added is None else y + added)


def assert_as_near_as_rounding(found: Tensor, expected: Tensor) -> None:
    """Within a rounding of the value, or of the largest one where terms cancel; in float32 there are several."""
    rounding = 2**-7 if found.dtype == torch.bfloat16 else 2**-18
    torch.testing.assert_close(
        found.detach().double(),
        expected.detach(),
        rtol=rounding,
        atol=float(expected.detach().abs().max()) * rounding / 4,
    )


@pytest.mark.parametrize("readers", [1, 2])
@pytest.mark.parametrize("with_added", [False, True])
@pytest.mark.parametrize("mean", [0.0, 3.0])
@pytest.mark.parametrize("batch", [1, 5, 64])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_values_and_gradients_are_those_of_torch(
    dtype: torch.dtype, batch: int, mean: float, with_added: bool, readers: int
) -> None:
    x = activations(batch, 1, mean=mean, scale=2.0, dtype=dtype)
    upstream = activations(batch, 2, dtype=dtype)
    added = activations(batch, 3, dtype=dtype) if with_added else None
    norm, judge = random_norm(4), random_norm(4)
    ours = [t.clone().requires_grad_() for t in (x, added) if t is not None]
    theirs = [t.double().requires_grad_() for t in (x, added) if t is not None]
    assert can_fuse(ours[0], norm)
    out, again = norm_add_relu(ours[0], norm, ours[1] if with_added else None)
    expected = as_torch_says(theirs[0], judge, theirs[1] if with_added else None)
    assert_as_near_as_rounding(out, expected)
    assert out.is_contiguous(memory_format=torch.channels_last)
    # Where a value is within rounding of 0 the two may differ on which side of the ReLU it lies.
    clear = (expected.abs() > 0.05) | (expected == 0) & (out == 0)
    upstream = torch.where(clear, upstream, 0).contiguous(memory_format=torch.channels_last)
    second = torch.where(clear, activations(batch, 5, dtype=dtype), 0) * (readers - 1)
    torch.autograd.backward([out, again][:readers], [upstream, second.contiguous()][:readers])
    expected.backward(upstream.double() + second.double())  # type: ignore[no-untyped-call]
    for mine, reference in zip(ours, theirs, strict=True):
        assert mine.grad is not None
        assert reference.grad is not None
        assert_as_near_as_rounding(mine.grad, reference.grad)
    for parameter, reference in zip(norm.parameters(), judge.parameters(), strict=True):
        assert parameter.grad is not None
        assert reference.grad is not None
        torch.testing.assert_close(parameter.grad.double(), reference.grad, rtol=1e-4, atol=1e-3)


def test_running_statistics_are_torchs() -> None:
    norm, judge = random_norm(1), random_norm(1)
    for seed in range(3):
        x = activations(4, seed, mean=seed, scale=1.5)
        norm_add_relu(x, norm, None)
        as_torch_says(x.double(), judge, None)
    for name, value in judge.state_dict().items():
        torch.testing.assert_close(norm.state_dict()[name].double(), value.double(), rtol=1e-5, atol=1e-5)


def test_sums_do_not_depend_on_the_number_of_threads() -> None:
    x, threads = activations(16, 1), torch.get_num_threads()
    found = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            norm, leaf = random_norm(2), x.clone().requires_grad_()
            norm_add_relu(leaf, norm, None)[0].sum().backward()  # type: ignore[no-untyped-call]
            assert leaf.grad is not None
            assert norm.weight.grad is not None
            found.append(
                (leaf.grad.float().numpy(), norm.weight.grad.numpy(), norm.state_dict()["running_var"])
            )
    finally:
        torch.set_num_threads(threads)
    for first, second in zip(*found, strict=True):
        np.testing.assert_array_equal(first, second)


FUSED_AFTER_ONE_THREAD = """
import torch
from lzeval.network.cpu_layers.fused import norm_add_relu
torch.set_num_threads(1)
x = torch.zeros(4, 16, 9, 9, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
norm_add_relu(x, torch.nn.BatchNorm2d(16), None)
print(torch.get_num_threads())
"""


def test_torch_keeps_its_number_of_threads() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FUSED_AFTER_ONE_THREAD], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "1\n"


def test_what_cannot_be_fused() -> None:
    x, norm = activations(2, 1), random_norm(1)
    assert can_fuse(x.float(), norm)
    assert not can_fuse(x.double(), norm)
    assert not can_fuse(x.contiguous(), norm)
    assert not can_fuse(x[:, :2], nn.BatchNorm2d(2))
    assert not can_fuse(x, norm.eval())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_network_trains_on_the_fused_path_as_on_the_plain_one(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss of the first steps, fused against float32 plain."""
    planes = torch.randint(0, 2, (16, 18, 9, 9), generator=torch.Generator().manual_seed(1)).float()
    moves = torch.randint(0, 82, (16,), generator=torch.Generator().manual_seed(2))
    losses: dict[bool, list[float]] = {}
    for fused in (False, True):
        monkeypatch.setattr(
            lzeval.network.cpu_layers.fused, "can_fuse", can_fuse if fused else lambda *_: False
        )
        torch.manual_seed(3)
        network = LeelaNetwork(NetworkShape(2, 16, 9)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.SGD(network.parameters(), lr=0.005)
        losses[fused] = []
        for _ in range(12):
            with torch.autocast("cpu", torch.bfloat16, enabled=fused and dtype == torch.bfloat16):
                answer = network(planes.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(answer.policy_logits.float(), moves) + (answer.value.float() ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[fused].append(loss.item())
    assert losses[False][-1] < losses[False][0] - 1
    np.testing.assert_allclose(losses[True], losses[False], rtol=0.02 if dtype == torch.bfloat16 else 1e-4)
