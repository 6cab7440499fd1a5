from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lzeval.network.network import LeelaNetwork
from lzeval.network.weights_file.layout import NetworkShape
from trainer.settings.config import OptimizerConfig, ScheduleConfig
from trainer.training.learning_rate import rate_factor
from trainer.training.optimizers import Muon, build_optimizer, orthogonalised


def with_singular_values(rows: int, columns: int, values: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """A matrix with these singular values, and the semi-orthogonal matrix nearest to it."""
    generator = torch.Generator().manual_seed(seed)
    u = torch.linalg.qr(torch.randn(rows, len(values), generator=generator))[0]
    v = torch.linalg.qr(torch.randn(columns, len(values), generator=generator))[0]
    return u * values @ v.T, u @ v.T


@pytest.mark.parametrize(("rows", "columns"), [(8, 72), (72, 8), (16, 16), (1, 9)])
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
def test_singular_values_are_driven_to_one(rows: int, columns: int, scale: float) -> None:
    values = torch.linspace(0.05, 1, min(rows, columns)) * scale
    matrix, polar = with_singular_values(rows, columns, values, seed=rows)
    result = orthogonalised(matrix)
    found = torch.linalg.svdvals(result)
    assert 0.6 < found.min() <= found.max() < 1.25
    # The singular vectors stay: what the polar factor undoes is symmetric and positive.
    rest = polar.T @ result if rows > columns else result @ polar.T
    torch.testing.assert_close(rest, rest.T, atol=1e-4, rtol=0)
    assert torch.linalg.eigvalsh((rest + rest.T) / 2).min() > 0.5


def muon(weight: nn.Parameter, lr: float) -> Muon:
    return Muon([{"params": [weight], "lr": lr, "turn": True}])


def random_parameter(*shape: int, seed: int = 1) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(seed)))


def test_the_length_of_turned_weights_is_kept() -> None:
    weight = random_parameter(8, 4, 3, 3)
    optimizer, length = muon(weight, lr=0.1), weight.norm().item()
    for step in range(10):
        weight.grad = random_parameter(8, 4, 3, 3, seed=step).detach() * 10.0**step
        before = weight.detach().clone()
        optimizer.step()
        assert weight.norm().item() == pytest.approx(length, rel=1e-5)
        cosine = torch.cosine_similarity(before.flatten(), weight.detach().flatten(), 0)
        assert 0.99 < cosine < 0.9999  # turned by about 0.1, as the rate says


def test_turning_goes_downhill() -> None:
    target = random_parameter(8, 4, 3, 3, seed=7).detach()
    weight = random_parameter(8, 4, 3, 3)
    optimizer = muon(weight, lr=0.05)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = -(weight * target).sum() / target.norm() / weight.norm()
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    assert losses[0] > -0.3
    assert losses[-1] < -0.8


def test_the_adamw_branch_is_torchs() -> None:
    ours, judge = random_parameter(6, 5), random_parameter(6, 5)
    settings: dict[str, Any] = {"lr": 0.01, "betas": (0.9, 0.98), "weight_decay": 0.1}
    optimizer = Muon([{"params": [ours], "turn": False, **settings}])
    expected = torch.optim.AdamW([judge], **settings)
    for step in range(20):
        gradient = random_parameter(6, 5, seed=step).detach() * 10.0 ** (step % 5 - 3)
        ours.grad, judge.grad = gradient.clone(), gradient.clone()
        optimizer.step()
        expected.step()
        torch.testing.assert_close(ours, judge, atol=1e-6, rtol=0)


def test_state_survives_saving() -> None:
    weights = [random_parameter(4, 4, 3, 3), random_parameter(4, 4, 3, 3)]
    optimizers = [muon(weight, 0.1) for weight in weights]
    for step in range(6):
        if step == 3:
            optimizers[1] = muon(weights[1], 0.1)
            optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
        for weight, optimizer in zip(weights, optimizers, strict=True):
            weight.grad = random_parameter(4, 4, 3, 3, seed=step).detach()
            optimizer.step()
    assert torch.equal(*weights)


@pytest.mark.parametrize("name", ["muon", "adamw", "sgd"])
def test_every_parameter_is_in_one_group_and_only_matrices_decay(name: str) -> None:
    network = LeelaNetwork(NetworkShape(2, 8, 5))
    optimizer = build_optimizer(network, OptimizerConfig(name, lr=0.5, adam_lr=0.25, weight_decay=0.125))
    listed = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(listed) == sorted(id(p) for p in network.parameters())
    for group in optimizer.param_groups:
        turned = group.get("turn", False)
        assert group["lr"] == (0.25 if name == "muon" and not turned else 0.5)
        for parameter in group["params"]:
            assert (parameter.ndim == 4 and parameter.shape[-1] == 3) if turned else True
            if not turned:
                assert group["weight_decay"] == (0.125 if parameter.ndim > 1 else 0)
    turned_count = sum(len(group["params"]) for group in optimizer.param_groups if group.get("turn"))
    assert turned_count == (5 if name == "muon" else 0)


def test_the_rate_warms_up_over_positions() -> None:
    config = ScheduleConfig("constant", warmup=1000, hold=1.0)
    assert [rate_factor(config, positions, 0.9) for positions in (0, 500, 1000, 5000)] == [0, 0.5, 1, 1]
    assert rate_factor(ScheduleConfig("constant", warmup=0, hold=1.0), 0, 0.0) == 1


@pytest.mark.parametrize(
    ("name", "hold", "expected"),
    [
        ("linear", 0.5, [1, 1, 1, 0.5, 0]),
        ("linear", 0.0, [1, 0.75, 0.5, 0.25, 0]),
        ("cosine", 0.0, [1, 0.853553, 0.5, 0.146447, 0]),
        ("cosine", 0.5, [1, 1, 1, 0.5, 0]),
        ("constant", 0.5, [1, 1, 1, 1, 1]),
        ("linear", 1.0, [1, 1, 1, 1, 1]),
    ],
)
def test_how_the_rate_falls(name: str, hold: float, expected: list[float]) -> None:
    config = ScheduleConfig(name, warmup=0, hold=hold)
    found = [rate_factor(config, 10, share) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert found == pytest.approx(expected, abs=1e-6)
