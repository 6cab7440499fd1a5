"""The mean of networks that have gone different ways, its normalisation measured anew.

`lzeval.net.combine.average` averages the statistics with the weights. But where networks disagree, what a channel of
their mean is given varies less than in any of them, and divided by their deviations its signal is weaker than theirs.
Here every channel's signal is made as strong as it is in the networks on average (Jordan et al. 2022, REPAIR,
https://arxiv.org/abs/2211.08403).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from lzeval.core.cache import cache_folder
from lzeval.core.weights import LeelaWeights
from lzeval.net.combine import average
from lzeval.net.leela import network_from_weights, weights_from_network
from trainer.averages import renew_statistics
from trainer.batches import FixedBatches
from trainer.gammas import restore_gammas
from trainer.prepare import prepare, sampled_positions

POSITIONS = 2048
BATCH = 128


def mean_on_data(
    networks: Sequence[tuple[str, LeelaWeights]], shares: Sequence[float] | None, sources: Sequence[str]
) -> LeelaWeights:
    """The mean of named networks, each counting for its share, with the signals they have in 2,048 positions.

    The positions are drawn from `sources`, game records or a packed folder; all of them, if there are fewer.
    A bar on stderr shows how far it is. Raises UserError if the networks cannot be averaged, or there is no data.
    """
    mean = average(networks, shares)  # what cannot be averaged is found before anything is packed
    data = prepare(sources, cache_folder() / "packed", mean.shape.board_size)
    chosen = sampled_positions(data, POSITIONS)
    batches = [batch.planes.float() for batch in FixedBatches(data, chosen, BATCH)]
    return with_their_signals(mean, [weights for _, weights in networks], shares, batches, show=True)


@torch.no_grad()
def with_their_signals(
    mean: LeelaWeights,
    networks: Sequence[LeelaWeights],
    shares: Sequence[float] | None,
    batches: Sequence[Tensor],
    *,
    show: bool = False,
) -> LeelaWeights:
    """`mean`, the mean of `networks` by `shares`, with the statistics of `batches` `[B, 18, S, S]`.

    A normalisation's output has the mean of its means and of its standard deviations in the networks on the same
    batches.
    """
    measured = network_from_weights(mean)
    parts = torch.tensor(shares if shares is not None else [1.0] * len(networks), dtype=torch.float64)
    parts /= parts.sum()
    for norm in _norms(measured):
        norm.weight.zero_()
        norm.bias.zero_()
    console = Console(stderr=True, quiet=not show)
    for weights, part in zip(networks, parts.tolist(), strict=True):
        network = network_from_weights(weights)
        restore_gammas(network, track(batches, "measuring a network", console=console))
        for norm, theirs in zip(_norms(measured), _norms(network), strict=True):
            norm.weight.add_(theirs.weight, alpha=part)
            norm.bias.add_(theirs.bias, alpha=part)
    renew_statistics(measured, track(batches, "measuring their mean", console=console))
    return weights_from_network(measured)


def _norms(network: nn.Module) -> Iterator[nn.BatchNorm2d]:
    return (module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
