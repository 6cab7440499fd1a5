"""The order in which players are printed: by rank, and never against what games of one side say."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import Any


def printed_order(
    ranks: Mapping[str, Any], blocks: Mapping[str, Hashable], above: Iterable[tuple[str, str]]
) -> list[str]:
    """All players of `ranks`, lowest rank first as far as `above` allows, players of one block together.

    `above`: who has to stand above whom, without a circle among the blocks. Ratings mostly agree with it; a prior's
    may not, where a player lost its few games with a weak one and many with strong ones. Kahn's algorithm, with the
    block first whose best player has the lowest rank.
    """
    members: dict[Hashable, list[str]] = defaultdict(list)
    for name in sorted(ranks, key=ranks.__getitem__):
        members[blocks[name]].append(name)
    below: dict[Hashable, set[Hashable]] = defaultdict(set)
    for winner, loser in above:
        if blocks[winner] != blocks[loser]:
            below[blocks[winner]].add(blocks[loser])
    waits_for = Counter(block for lower in below.values() for block in lower)
    ready = [(ranks[names[0]], block) for block, names in members.items() if not waits_for[block]]
    heapq.heapify(ready)
    order = []
    while ready:
        _, block = heapq.heappop(ready)
        order += members[block]
        for lower in below[block]:
            waits_for[lower] -= 1
            if not waits_for[lower]:
                heapq.heappush(ready, (ranks[members[lower][0]], lower))
    return order
