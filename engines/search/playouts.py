"""Playouts: how a search goes down a tree to a leaf, and how the network's answer comes back up.

The rules are those of Leela Zero's search (UCTNode.cpp and UCTSearch.cpp, release 0.17), so that a network plays here
as it does there: PUCT as in AlphaGo Zero (D. Silver et al., Mastering the game of Go without human knowledge, 2017,
Methods) with a logarithm in the exploration term, first-play urgency with a reduction, and virtual losses (G. Chaslot,
M. Winands and J. van den Herik, Parallel Monte-Carlo tree search, 2008) where several leaves of a tree wait at a time.
The weights of all these are a tree's own settings, see `engines.search.settings`.
"""

from __future__ import annotations

import math

import numpy as np

from engines.search.forest import (
    DUMB_PASS,
    EXPANDED,
    GONE,
    NONE,
    OVER,
    SUICIDE,
    SUPERKO,
    WAITING,
    Forest,
    cache_key,
    cached,
    new_node,
    remember,
)  # fmt: skip
from lzeval.compiled.arrays import Floats32, Ints16, Ints32, Ints64
from lzeval.compiled.jit import int64, jit
from lzeval.go.board import (
    BLACK,
    EMPTY,
    ILLEGAL,
    NO_KO,
    WHITE,
    Geometry,
    Scratch,
    area_score,
    is_legal,
    may_take_own,
    play_stone,
    play_suicide,
)  # fmt: skip

CLEVER_PASS_WINRATE = 0.8
"""Above this the side to move may pass where it is also ahead on the board."""
SMALLEST_PRIOR = np.finfo(np.float32).tiny
"""The value of a hidden prior of 0, so that it has a sign."""


@jit
def gather(
    geo: Geometry,
    scratch: Scratch,
    forest: Forest,
    trees: Ints32,
    limits: Ints32,
    leaves: Ints32,
) -> int:
    """Run each of `trees` `[K]` until one of its nodes waits or its root has `limits[k]` visits.

    `leaves[k]` becomes the waiting node, NONE where the search is over. Returns how many wait.
    """
    waiting = 0
    capacity = forest.nodes.shape[1]
    for number in range(trees.shape[0]):
        tree = int64(trees[number])
        leaves[number] = NONE
        root = forest.nodes[tree, 0]
        if root.state == WAITING:
            leaves[number] = 0
            waiting += 1
            continue
        while root.visits < limits[number] and forest.size[tree] < capacity:
            leaf = descend(geo, scratch, forest, tree)
            if leaf != NONE:
                leaves[number] = leaf
                waiting += 1
                break
    return waiting


@jit
def gather_several(
    geo: Geometry, scratch: Scratch, forest: Forest, tree: int, limit: int, leaves: Ints32
) -> int:
    """Up to `len(leaves)` nodes of one tree that wait at the same time, kept apart by virtual losses.

    Returns how many there are; 0 when the root has `limit` visits, or the tree is full.
    """
    root = forest.nodes[tree, 0]
    if root.state == WAITING:
        leaves[0] = 0
        return 1
    waiting, collisions = 0, 0
    capacity = forest.nodes.shape[1]
    while waiting < leaves.shape[0] and root.visits + waiting < limit and forest.size[tree] < capacity:
        visits = root.visits
        leaf = descend(geo, scratch, forest, tree)
        if leaf != NONE:
            leaves[waiting] = leaf
            waiting += 1
        elif root.visits == visits:  # neither a leaf nor a visit: it met a leaf that waits
            collisions += 1
            if collisions > leaves.shape[0]:
                break  # the moves worth looking at all wait
    return waiting


@jit
def apply(
    geo: Geometry,
    scratch: Scratch,
    forest: Forest,
    trees: Ints32,
    leaves: Ints32,
    tables: Ints16,
    symmetries: Ints64,
    policies: Floats32,
    values: Floats32,
) -> None:
    """Expand the waiting `leaves` `[K]` with `policies` `[B, P + 1]` (probabilities) and `values` `[B]`.

    Values are the network's, -1 to 1 for the side to move, and belong to the planes that `write_planes` made.
    """
    for number in range(trees.shape[0]):
        tree, index = int64(trees[number]), int64(leaves[number])
        table = tables[symmetries[number]]
        policy = forest.policy[tree, index]
        for point in range(policy.shape[0]):
            policy[table[point]] = policies[number, point]
        sharpness = forest.settings[tree].sharpness
        if sharpness != 1.0:
            _sharpen(policy, sharpness)
        winrate = (1.0 + values[number]) / 2.0
        node = forest.nodes[tree, index]
        node.value = winrate if node.to_move == BLACK else 1.0 - winrate
        _expand(geo, scratch, forest, tree, index)


@jit
def _sharpen(policy: Floats32, sharpness: float) -> None:
    """Raise probabilities to a power; relative to the highest, so that they do not vanish together."""
    highest = max(policy.max(), SMALLEST_PRIOR)
    for move in range(policy.shape[0]):
        policy[move] = (policy[move] / highest) ** sharpness


@jit
def descend(geo: Geometry, scratch: Scratch, forest: Forest, tree: int) -> int:
    """One playout from the root. Returns the node that now waits for an evaluation, or NONE if none is needed.

    NONE with an unchanged root means that the chosen line already waits (only with several leaves at a time).
    """
    index = int64(0)
    while True:
        node = forest.nodes[tree, index]
        if node.state == WAITING:
            _undo_virtual(forest, tree, index)
            return NONE
        if node.state == OVER:
            _back_up(forest, tree, index, node.value)
            return NONE
        child = _select(forest, tree, index)
        if child == NONE:
            if node.best == NONE:  # superko has left no move at all
                _back_up(forest, tree, index, node.value)
                return NONE
            child = _try_move(geo, scratch, forest, tree, index)
            if child == NONE:
                continue  # superko: another choice at the same node
            return _enter_new(geo, scratch, forest, tree, child)
        forest.nodes[tree, child].virtual += forest.settings[tree].virtual_loss
        index = child


@jit
def _enter_new(geo: Geometry, scratch: Scratch, forest: Forest, tree: int, index: int) -> int:
    """Value a new node at once if that is possible. Returns it if it has to wait, else NONE."""
    node = forest.nodes[tree, index]
    node.virtual += forest.settings[tree].virtual_loss
    if node.passes == 2:
        node.state = OVER
        node.value = _board_winrate(geo, scratch, forest, tree, index)
        _back_up(forest, tree, index, node.value)
        return NONE
    # The key says nothing of the seven positions before, which the network sees too: like Leela Zero's cache, this one
    # takes another way to the same position for the same.
    source = cached(forest, tree, cache_key(node))
    if source != NONE:
        _copy_evaluation(forest, tree, source, index)
        _expand(geo, scratch, forest, tree, index)
        return NONE
    return index


@jit
def _undo_virtual(forest: Forest, tree: int, leaf: int) -> None:
    index = leaf
    while index > 0:
        forest.nodes[tree, index].virtual -= forest.settings[tree].virtual_loss
        index = forest.nodes[tree, index].parent


@jit
def _back_up(forest: Forest, tree: int, leaf: int, winrate: float) -> None:
    """Add a visit worth `winrate` (Black's) to the leaf and everything above it."""
    index = leaf
    while index != NONE:
        node = forest.nodes[tree, index]
        # Welford's update (1962) of the sum of squared deviations, from which the lower confidence bound comes
        before = winrate - node.black / node.visits if node.visits else 0.0
        node.visits += 1
        node.black += winrate
        node.squares += before * (winrate - node.black / node.visits)
        if node.virtual:
            node.virtual -= forest.settings[tree].virtual_loss
        index = node.parent


@jit
def _select(forest: Forest, tree: int, index: int) -> int:
    """The child that PUCT prefers, or NONE for the best untried move."""
    # score(move) = Q + puct * prior * sqrt(n log(0.015 n + 1.7)) / (1 + visits), n the visits of all moves, which are
    # those of the node but for its own evaluation. Equal scores go to the move that was tried first.
    node, settings = forest.nodes[tree, index], forest.settings[tree]
    black_to_move = node.to_move == BLACK
    total = max(0, node.visits - 1)
    exploration = settings.puct * math.sqrt(total * math.log(settings.log_puct * total + settings.log_const))
    chosen, highest = NONE, -1e9
    child_index = node.first
    while child_index != NONE:
        child = forest.nodes[tree, child_index]
        visits = child.visits + child.virtual
        black = child.black + (0.0 if black_to_move else child.virtual)  # the mover has lost them all
        winrate = black / visits if black_to_move else 1.0 - black / visits
        score = winrate + exploration * child.prior / (1 + child.visits)
        if score > highest:
            chosen, highest = child_index, score
        child_index = child.next
    # Of the untried moves, which have one Q and no visits, that of the highest prior stands for all.
    if node.best != NONE:
        urgency = node.value if black_to_move else 1.0 - node.value
        urgency -= settings.fpu * math.sqrt(node.visited_prior)
        if urgency + exploration * forest.policy[tree, index, node.best] > highest:
            return NONE
    return chosen


@jit
def _try_move(geo: Geometry, scratch: Scratch, forest: Forest, tree: int, parent: int) -> int:
    """Make the parent's best untried move a node. Returns it; NONE if superko forbids the move, which is then gone."""
    above = forest.nodes[tree, parent]
    move, to_move = int64(above.best), int64(above.to_move)
    prior = forest.policy[tree, parent, move]
    forest.policy[tree, parent, move] = GONE
    _find_best_untried(forest, tree, parent)
    # the position is made in the place of the next node, which is taken only once the move has proved legal
    index = int64(forest.size[tree])
    stones = forest.stones[tree, index]
    stones[:] = forest.stones[tree, parent]
    hash_after, ko, passes = above.hash, NO_KO, 0
    if move == stones.shape[0] - 1:
        passes = min(2, above.passes + 1)
    else:
        captured, change, ko = play_stone(geo, scratch, stones, move, to_move)
        if captured == ILLEGAL:  # only suicide is left: `_keep_legal` has let no other such move through
            _, change = play_suicide(geo, scratch, stones, move, to_move)
        hash_after ^= change
        if forest.rules[tree] & SUPERKO and _repeats(forest, tree, parent, hash_after):
            forest.policy[tree, parent, move] = _hidden(prior)
            return NONE
    new_node(forest, tree, parent, move, BLACK + WHITE - to_move)
    node = forest.nodes[tree, index]
    node.hash = hash_after
    node.ko = ko
    node.passes = passes
    node.prior = prior
    if above.first == NONE:
        above.first = index
    else:
        forest.nodes[tree, above.last].next = index
    above.last = index
    above.visited_prior += prior
    return index


@jit
def _repeats(forest: Forest, tree: int, parent: int, hash_after: np.uint64) -> bool:
    """Tell whether a position with that hash was on the board before, in the game or on the way to `parent`."""
    for number in range(forest.hash_count[tree]):
        if forest.past_hashes[tree, number] == hash_after:
            return True
    index = parent
    while index > 0:
        if forest.nodes[tree, index].hash == hash_after:
            return True
        index = forest.nodes[tree, index].parent
    return False


@jit
def _board_winrate(geo: Geometry, scratch: Scratch, forest: Forest, tree: int, index: int) -> float:
    """Black's result by area count: 1, 0.5 or 0."""
    score = area_score(geo, scratch, forest.stones[tree, index]) - forest.komi[tree]
    return 1.0 if score > 0 else (0.0 if score < 0 else 0.5)


@jit
def _expand(geo: Geometry, scratch: Scratch, forest: Forest, tree: int, index: int) -> None:
    """Finish a node whose `policy` row and `value` have been filled in, and back its value up."""
    _keep_legal(geo, scratch, forest, tree, index)
    node = forest.nodes[tree, index]
    node.state = EXPANDED
    remember(forest, tree, index)
    _back_up(forest, tree, index, node.value)


@jit
def _copy_evaluation(forest: Forest, tree: int, source: int, target: int) -> None:
    """Let `target` have what the network said of the same position at `source`."""
    # put together again from where it lies: tried moves keep their priors in their nodes, hidden ones with a sign
    policy = forest.policy[tree, target]
    policy[:] = forest.policy[tree, source]
    child = forest.nodes[tree, source].first
    while child != NONE:
        policy[forest.nodes[tree, child].move] = forest.nodes[tree, child].prior
        child = forest.nodes[tree, child].next
    for move in range(policy.shape[0]):
        if GONE < policy[move] < 0.0:
            policy[move] = -policy[move]
        policy[move] = max(policy[move], np.float32(0.0))
    forest.nodes[tree, target].value = forest.nodes[tree, source].value


@jit
def _keep_legal(geo: Geometry, scratch: Scratch, forest: Forest, tree: int, index: int) -> None:
    """Mark moves that do not exist in the node's policy, let the others' priors sum to 1, and note the highest."""
    node = forest.nodes[tree, index]
    stones, policy, neighbours = forest.stones[tree, index], forest.policy[tree, index], geo.neighbours
    points, ko, to_move = stones.shape[0] - 1, int64(node.ko), int64(node.to_move)
    legal, total = int64(0), 0.0
    for move in range(points):
        # a free neighbour decides nearly always, and is looked for here: a call costs more than the look
        if (
            stones[move] == EMPTY
            and move != ko
            and (
                stones[neighbours[move, 0]] == EMPTY
                or stones[neighbours[move, 1]] == EMPTY
                or stones[neighbours[move, 2]] == EMPTY
                or stones[neighbours[move, 3]] == EMPTY
                or is_legal(geo, scratch, stones, ko, move, to_move)
                or (forest.rules[tree] & SUICIDE and may_take_own(geo, stones, move, to_move))
            )
        ):
            legal += 1
            total += policy[move]
        else:
            policy[move] = GONE
    if _may_pass(geo, scratch, forest, tree, index, legal):
        legal += 1
        total += policy[points]
    else:
        policy[points] = GONE
    depths = forest.depths[tree, to_move - BLACK]
    if depths[0, points + 1] or depths[1, points + 1]:
        legal, total = _restrict(forest, tree, index, depths)
    # priors sum to 1 over the moves that are looked at; where the network gives them nothing, all are alike
    scale = np.float32(1.0 / total if total > 1e-10 else 0.0)
    even = np.float32(0.0 if total > 1e-10 else 1.0 / max(1, legal))
    best, highest = NONE, -SMALLEST_PRIOR
    for move in range(points + 1):
        prior = policy[move]
        if prior >= 0.0:
            prior = prior * scale + even
            policy[move] = prior
            if prior > highest:
                best, highest = move, prior
    node.best = best


@jit
def _may_pass(geo: Geometry, scratch: Scratch, forest: Forest, tree: int, index: int, legal: int) -> bool:
    """Tell whether the pass is among the moves of a node with `legal` others; Leela Zero's rule.

    Two passes end the game with all stones alive. So a pass is looked at only where hardly another move is left, or
    where the side to move wins by its network's opinion and does not lose by the board as it stands.
    """
    node = forest.nodes[tree, index]
    side = math.sqrt(forest.stones.shape[2] - 1)
    if forest.rules[tree] & DUMB_PASS or legal <= max(5, side):
        return True
    winrate = node.value if node.to_move == BLACK else 1.0 - node.value
    if winrate <= CLEVER_PASS_WINRATE:
        return False
    ahead = area_score(geo, scratch, forest.stones[tree, index]) - forest.komi[tree]
    return ahead >= 0 if node.to_move == BLACK else ahead <= 0


@jit
def _restrict(forest: Forest, tree: int, index: int, depths: Ints32) -> tuple[int, float]:
    """Hide moves that the side to move, whose `depths` `[2, P + 2]` are, is not to look at.

    Returns how many are left, and the sum of their priors, to which those of the hidden ones are relative then.
    """
    policy, end = forest.policy[tree, index], forest.policy.shape[2]
    # the node's depth below the root, as far as any restriction reaches
    depth, above = 0, index
    while above > 0 and depth < max(depths[0, end], depths[1, end]):
        above = forest.nodes[tree, above].parent
        depth += 1
    has_list = depth < depths[1, end]
    left, total = 0, 0.0
    for move in range(end):
        if policy[move] >= 0.0:
            if depth < depths[0, move] or (has_list and depth >= depths[1, move]):
                policy[move] = _hidden(policy[move])
            else:
                left += 1
                total += policy[move]
    scale = np.float32(1.0 / max(total, 1e-10))
    for move in range(end):
        if GONE < policy[move] < 0.0:
            policy[move] = _hidden(-policy[move] * scale)
    return left, total


@jit
def _hidden(prior: np.float32) -> np.float32:
    """The entry in `policy` of a move that is not looked at on this way to the position, but may be on others.

    Superko forbids it here, or a restriction. It is the prior with its sign changed: nothing of it is lost.
    """
    return -max(prior, SMALLEST_PRIOR)


@jit
def _find_best_untried(forest: Forest, tree: int, index: int) -> None:
    """Keep the untried move of the highest prior ready."""
    best, highest = NONE, -SMALLEST_PRIOR
    policy = forest.policy[tree, index]
    for move in range(policy.shape[0]):
        if policy[move] > highest:
            best, highest = move, policy[move]
    forest.nodes[tree, index].best = best
