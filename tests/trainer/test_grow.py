from __future__ import annotations

import pytest
import torch

from lzeval.errors import UserError
from lzeval.network.weights_file.layout import NetworkShape
from tests.support.fakes.weights_files import lived_in_network, random_planes
from trainer.training.grow import grow

OLD = NetworkShape(2, 6, 7)


@pytest.mark.parametrize(
    "shape",
    [
        NetworkShape(2, 6, 7),
        NetworkShape(5, 6, 7),  # deeper
        NetworkShape(2, 12, 7),  # wider, each channel twice
        NetworkShape(2, 8, 7),  # wider, two channels twice
        NetworkShape(2, 20, 7),  # some channels four times, some three times
        NetworkShape(4, 15, 7),  # both
    ],
    ids=str,
)
def test_the_grown_network_answers_as_the_old_one(shape: NetworkShape) -> None:
    old, planes = lived_in_network(3, OLD), random_planes(5, 7)
    new = grow(old, shape).eval()
    assert new.shape == shape
    with torch.no_grad():
        expected, found = old(planes), new(planes)
    assert expected.policy_logits.std() > 0.1
    assert expected.value.std() > 1e-3
    torch.testing.assert_close(found.policy_logits, expected.policy_logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.value, expected.value, atol=1e-4, rtol=0)


def test_copies_of_a_channel_part_when_trained() -> None:
    """Without noise both copies would get the same gradient for ever."""
    new = grow(lived_in_network(3, OLD), NetworkShape(2, 12, 7)).train()
    output = new(random_planes(5, 7))
    (output.policy_logits.logsumexp(1).sum() + output.value.sum()).backward()
    gradient = new.input.conv.weight.grad
    assert gradient is not None
    lengths = gradient[:6].flatten(1).norm(dim=1)
    differences = (gradient[:6] - gradient[6:]).flatten(1).norm(dim=1)
    alive = lengths > 0  # a gamma of 0 stops the gradient
    assert alive.sum() >= 4
    assert (differences > 1e-3 * lengths)[alive].all()


def test_growing_is_reproducible_and_leaves_the_old_network_alone() -> None:
    old = lived_in_network(3, OLD)
    old.value_is_blacks = True
    before = {name: value.clone() for name, value in old.state_dict().items()}
    torch.manual_seed(5)
    first = grow(old, NetworkShape(2, 9, 7), seed=1)
    torch.manual_seed(5)
    second = grow(old, NetworkShape(2, 9, 7), seed=1)
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())
    assert all(torch.equal(value, before[name]) for name, value in old.state_dict().items())
    assert first.value_is_blacks


@pytest.mark.parametrize(
    "shape", [NetworkShape(1, 6, 7), NetworkShape(2, 5, 7), NetworkShape(2, 6, 9)], ids=str
)
def test_a_network_does_not_shrink_or_change_its_board(shape: NetworkShape) -> None:
    with pytest.raises(UserError, match="cannot grow"):
        grow(lived_in_network(3, OLD), shape)
