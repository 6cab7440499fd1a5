"""Many search trees in a few arrays: what is stored, and how a playout goes down and comes back up.

A forest holds `T` trees of up to `N` nodes on a board of `P` points. A node is created when a playout first reaches
it; it then waits (WAITING) until an evaluator has answered, and is expanded. Moves that were never tried are no
nodes: as all of them share one value (first-play urgency), only the one with the highest prior can be chosen,
and that one is kept ready. Values are winrates, 0 to 1, summed as Black sees them. The root is node 0.

All functions are compiled, hold no lock and touch one tree only, so threads may work on different trees.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

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
)

WAITING, EXPANDED, OVER = 0, 1, 2
"""A node's state: waiting for its evaluation; with priors; the game has ended by two passes."""

PUCT = 0.5
PUCT_LOG_FACTOR, PUCT_LOG_OFFSET = 0.015, 1.7
FPU_REDUCTION = 0.25
VIRTUAL_LOSS = 3
INITIAL_SQUARES = 1e-4
"""What a node's sum of squared deviations starts from, so that no variance is zero."""
CLEVER_PASS_WINRATE = 0.8
"""Above this the side to move may pass where it is also ahead on the board."""
HISTORY = 8
DUMB_PASS, SUPERKO, SUICIDE = 1, 2, 4
"""Rules of a tree: the pass is always among the moves; no earlier position may come about again (else simple ko alone
forbids); a move may take several own stones off."""
NONE = -1
GONE = np.float32(-np.inf)
"""Stands in `policy` for what cannot be an untried move: it is illegal, or it has been tried."""
SMALLEST_PRIOR = np.finfo(np.float32).tiny
"""What a hidden prior of 0 counts as, so that it has a sign."""

NODE = np.dtype(
    [
        ("black", "f8"),  # sum of Black's winrates over the visits
        ("squares", "f8"),  # sum of squared deviations from their mean
        ("hash", "u8"),  # Zobrist hash of the stones
        ("parent", "i4"),
        ("first", "i4"),  # first child, NONE if there is none
        ("last", "i4"),
        ("next", "i4"),  # next sibling
        ("visits", "i4"),
        ("virtual", "i4"),  # visits on their way
        ("prior", "f4"),
        ("value", "f4"),  # the network's winrate for Black
        ("visited_prior", "f4"),  # sum of the children's priors
        ("best", "i2"),  # untried move of the highest prior, NONE if all are tried
        ("move", "i2"),  # that led here
        ("ko", "i2"),
        ("to_move", "i1"),
        ("passes", "i1"),  # that end the line so far: 0, 1 or 2
        ("state", "i1"),
    ],
    align=True,
)

Nodes = npt.NDArray[np.void]
Node: TypeAlias = Any
"""A view of one of them, with NODE's fields as attributes: numba has it, numpy's types do not."""


class Forest(NamedTuple):
    nodes: Nodes
    """`[T, N]` of NODE."""
    stones: npt.NDArray[np.int8]
    """`[T, N, P + 1]`: each node's position, the wall last."""
    policy: npt.NDArray[np.float32]
    """`[T, N, P + 1]`: priors of the untried moves; negative for all others, see `_hidden` and `GONE`."""
    size: npt.NDArray[np.int32]
    """`[T]`: nodes in use; 0 before a position is set."""
    past_stones: npt.NDArray[np.int8]
    """`[T, 7, P + 1]`: the positions before the root, latest first."""
    past_count: npt.NDArray[np.int32]
    """`[T]`: how many of them there are."""
    past_hashes: npt.NDArray[np.uint64]
    """`[T, H]`: every position of the game so far, the root's last."""
    hash_count: npt.NDArray[np.int32]
    """`[T]`."""
    komi: npt.NDArray[np.float32]
    """`[T]`."""
    random: npt.NDArray[np.uint64]
    """`[T]`: state of the tree's own random numbers."""
    rules: npt.NDArray[np.uint8]
    """`[T]`: the sum of those of DUMB_PASS, SUPERKO and SUICIDE that are in force."""
    depths: npt.NDArray[np.int32]
    """`[T, 2, 2, P + 2]`: of Black's moves and White's, above which depth each is to be avoided and, second, is on a
    list of those that alone are looked at; the root's depth is 0. The last column says where that ends for all moves.
    """
    cache_keys: npt.NDArray[np.uint64]
    """`[T, M]`: positions of expanded nodes, 0 for an empty place; M is a power of two."""
    cache_nodes: npt.NDArray[np.int32]
    """`[T, M]`: the node."""


def new_forest(trees: int, capacity: int, points: int, longest_game: int = 1024) -> Forest:
    """Room for `trees` trees of `capacity` nodes each."""
    slots = 1 << (2 * capacity - 1).bit_length()
    return Forest(
        np.zeros((trees, capacity), NODE),
        np.zeros((trees, capacity, points + 1), np.int8),
        np.zeros((trees, capacity, points + 1), np.float32),
        np.zeros(trees, np.int32),
        np.zeros((trees, HISTORY - 1, points + 1), np.int8),
        np.zeros(trees, np.int32),
        np.zeros((trees, longest_game), np.uint64),
        np.zeros(trees, np.int32),
        np.zeros(trees, np.float32),
        np.zeros(trees, np.uint64),
        np.full(trees, SUPERKO, np.uint8),
        np.zeros((trees, 2, 2, points + 2), np.int32),
        np.zeros((trees, slots), np.uint64),
        np.zeros((trees, slots), np.int32),
    )


@jit
def random_number(forest: Forest, tree: int) -> np.uint64:
    """The next of the tree's random numbers (SplitMix64)."""
    forest.random[tree] += np.uint64(0x9E3779B97F4A7C15)
    z = forest.random[tree]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@jit
def _cache_key(node: Node) -> np.uint64:
    """Stones, ko and side to move as one number, never 0."""
    salt = np.uint64(node.to_move) * np.uint64(0x9E3779B97F4A7C15)
    salt ^= np.uint64(node.ko + 2) * np.uint64(0xD1B54A32D192ED03)
    return (node.hash ^ salt) | np.uint64(1)


@jit
def _cached(forest: Forest, tree: int, key: np.uint64) -> int:
    """The expanded node of that key, NONE if there is none."""
    mask = forest.cache_keys.shape[1] - 1
    slot = np.int64(key >> np.uint64(20)) & mask
    while forest.cache_keys[tree, slot] != 0:
        if forest.cache_keys[tree, slot] == key:
            return int64(forest.cache_nodes[tree, slot])
        slot = (slot + 1) & mask
    return NONE


@jit
def _remember(forest: Forest, tree: int, index: int) -> None:
    key = _cache_key(forest.nodes[tree, index])
    mask = forest.cache_keys.shape[1] - 1
    slot = np.int64(key >> np.uint64(20)) & mask
    while forest.cache_keys[tree, slot] != 0:
        if forest.cache_keys[tree, slot] == key:
            return
        slot = (slot + 1) & mask
    forest.cache_keys[tree, slot] = key
    forest.cache_nodes[tree, slot] = index


@jit
def new_node(forest: Forest, tree: int, parent: int, move: int, to_move: int) -> int:
    """Append a WAITING node; its stones, hash, ko and links are the caller's to fill in."""
    index = int64(forest.size[tree])
    forest.size[tree] += 1
    node = forest.nodes[tree, index]
    node.black = 0.0
    node.squares = INITIAL_SQUARES
    node.parent = parent
    node.first = NONE
    node.last = NONE
    node.next = NONE
    node.visits = 0
    node.virtual = 0
    node.prior = 0.0
    node.value = 0.0
    node.visited_prior = 0.0
    node.best = NONE
    node.move = move
    node.ko = NO_KO
    node.to_move = to_move
    node.passes = 0
    node.state = WAITING
    return index


@jit
def _hidden(prior: np.float32) -> np.float32:
    """What stands in `policy` for a move that is not looked at on this way to the position, but may be on others.

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


@jit
def _repeats(forest: Forest, tree: int, parent: int, hash_after: np.uint64) -> bool:
    """Whether a position with that hash was on the board before, in the game or on the way to `parent`."""
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
def _try_move(geo: Geometry, scratch: Scratch, forest: Forest, tree: int, parent: int) -> int:
    """Make the parent's best untried move a node. Returns it; NONE if superko forbids the move, which is then gone."""
    above = forest.nodes[tree, parent]
    move, to_move = int64(above.best), int64(above.to_move)
    prior = forest.policy[tree, parent, move]
    forest.policy[tree, parent, move] = GONE
    _find_best_untried(forest, tree, parent)
    index = int64(forest.size[tree])
    stones = forest.stones[tree, index]
    stones[:] = forest.stones[tree, parent]
    hash_after, ko, passes = above.hash, NO_KO, 0
    if move == stones.shape[0] - 1:
        passes = min(2, above.passes + 1)
    else:
        captured, change, ko = play_stone(geo, scratch, stones, move, to_move)
        if captured == ILLEGAL:
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
def _select(forest: Forest, tree: int, index: int) -> int:
    """The child that PUCT prefers, or NONE for the best untried move."""
    node = forest.nodes[tree, index]
    black_to_move = node.to_move == BLACK
    total = max(0, node.visits - 1)
    exploration = PUCT * math.sqrt(total * math.log(PUCT_LOG_FACTOR * total + PUCT_LOG_OFFSET))
    chosen, highest = NONE, -1e9
    child_index = node.first
    while child_index != NONE:
        child = forest.nodes[tree, child_index]
        visits = child.visits + child.virtual
        black = child.black + (0.0 if black_to_move else child.virtual)
        winrate = black / visits if black_to_move else 1.0 - black / visits
        score = winrate + exploration * child.prior / (1 + child.visits)
        if score > highest:
            chosen, highest = child_index, score
        child_index = child.next
    if node.best != NONE:
        urgency = node.value if black_to_move else 1.0 - node.value
        urgency -= FPU_REDUCTION * math.sqrt(node.visited_prior)
        if urgency + exploration * forest.policy[tree, index, node.best] > highest:
            return NONE
    return chosen


@jit
def _back_up(forest: Forest, tree: int, leaf: int, winrate: float) -> None:
    """Add a visit worth `winrate` (Black's) to the leaf and everything above it."""
    index = leaf
    while index != NONE:
        node = forest.nodes[tree, index]
        before = winrate - node.black / node.visits if node.visits else 0.0
        node.visits += 1
        node.black += winrate
        node.squares += before * (winrate - node.black / node.visits)
        if node.virtual:
            node.virtual -= VIRTUAL_LOSS
        index = node.parent


@jit
def _board_winrate(geo: Geometry, scratch: Scratch, forest: Forest, tree: int, index: int) -> float:
    """Black's result by area count: 1, 0.5 or 0."""
    score = area_score(geo, scratch, forest.stones[tree, index]) - forest.komi[tree]
    return 1.0 if score > 0 else (0.0 if score < 0 else 0.5)


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
def _restrict(forest: Forest, tree: int, index: int, depths: npt.NDArray[np.int32]) -> tuple[int, float]:
    """Hide moves that the side to move, whose `depths` `[2, P + 2]` are, is not to look at.

    Returns how many are left, and the sum of their priors, to which those of the hidden ones are relative then.
    """
    policy, end = forest.policy[tree, index], forest.policy.shape[2]
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
def _may_pass(geo: Geometry, scratch: Scratch, forest: Forest, tree: int, index: int, legal: int) -> bool:
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
def _expand(geo: Geometry, scratch: Scratch, forest: Forest, tree: int, index: int) -> None:
    """Finish a node whose `policy` row and `value` have been filled in, and back its value up."""
    _keep_legal(geo, scratch, forest, tree, index)
    node = forest.nodes[tree, index]
    node.state = EXPANDED
    _remember(forest, tree, index)
    _back_up(forest, tree, index, node.value)


@jit
def _copy_evaluation(forest: Forest, tree: int, source: int, target: int) -> None:
    """Let `target` have what the network said of the same position at `source`."""
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
                continue
            return _enter_new(geo, scratch, forest, tree, child)
        forest.nodes[tree, child].virtual += VIRTUAL_LOSS
        index = child


@jit
def _enter_new(geo: Geometry, scratch: Scratch, forest: Forest, tree: int, index: int) -> int:
    """Value a new node at once if that is possible. Returns it if it has to wait, else NONE."""
    node = forest.nodes[tree, index]
    node.virtual += VIRTUAL_LOSS
    if node.passes == 2:
        node.state = OVER
        node.value = _board_winrate(geo, scratch, forest, tree, index)
        _back_up(forest, tree, index, node.value)
        return NONE
    source = _cached(forest, tree, _cache_key(node))
    if source != NONE:
        _copy_evaluation(forest, tree, source, index)
        _expand(geo, scratch, forest, tree, index)
        return NONE
    return index


@jit
def _undo_virtual(forest: Forest, tree: int, leaf: int) -> None:
    index = leaf
    while index > 0:
        forest.nodes[tree, index].virtual -= VIRTUAL_LOSS
        index = forest.nodes[tree, index].parent


@jit
def gather(
    geo: Geometry,
    scratch: Scratch,
    forest: Forest,
    trees: npt.NDArray[np.int32],
    limits: npt.NDArray[np.int32],
    leaves: npt.NDArray[np.int32],
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
    geo: Geometry, scratch: Scratch, forest: Forest, tree: int, limit: int, leaves: npt.NDArray[np.int32]
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
        elif root.visits == visits:
            collisions += 1
            if collisions > leaves.shape[0]:
                break
    return waiting


@jit
def _write_stones(
    stones: npt.NDArray[np.int8],
    to_move: int,
    table: npt.NDArray[np.int16],
    own: npt.NDArray[np.uint8],
    other: npt.NDArray[np.uint8],
) -> None:
    opponent = BLACK + WHITE - to_move
    for point in range(own.shape[0]):  # without branches: stones lie too irregularly to be guessed
        cell = stones[table[point]]
        own[point] = cell == to_move
        other[point] = cell == opponent


@jit
def _write_changes(
    stones: npt.NDArray[np.int8],
    shown: npt.NDArray[np.int8],
    to_move: int,
    table: npt.NDArray[np.int16],
    own: npt.NDArray[np.uint8],
    other: npt.NDArray[np.uint8],
) -> None:
    """Turn the planes of the board `shown` into those of `stones`, which hardly differs."""
    for place in range(own.shape[0]):
        if stones[place] != shown[place]:
            point = _sent_from(table, place)
            own[point] = stones[place] == to_move
            other[point] = stones[place] == BLACK + WHITE - to_move


@jit
def _sent_from(table: npt.NDArray[np.int16], place: int) -> int:
    """Which point the symmetry `table` sends to `place`: its third power is its inverse, as its fourth is nothing."""
    return int(table[table[table[place]]])


@jit
def write_planes(
    forest: Forest,
    trees: npt.NDArray[np.int32],
    leaves: npt.NDArray[np.int32],
    tables: npt.NDArray[np.int16],
    symmetries: npt.NDArray[np.int64],
    planes: npt.NDArray[np.uint8],
) -> None:
    """The network's input for the waiting `leaves` `[K]` into the first K rows of `planes` `[B, 18, P]`.

    Each gets a symmetry from its tree's own random numbers, noted in `symmetries` for `apply`: the input at a
    point is the board at the point that the symmetry sends it to.
    """
    for number in range(trees.shape[0]):
        tree, index = int64(trees[number]), int64(leaves[number])
        symmetries[number] = np.int64(random_number(forest, tree) >> np.uint64(61))
        fill_planes(forest, tree, index, tables[symmetries[number]], planes[number])


@jit
def fill_planes(
    forest: Forest, tree: int, leaf: int, table: npt.NDArray[np.int16], planes: npt.NDArray[np.uint8]
) -> None:
    """The 18 planes `[18, P]` of one node: its position and the seven before, then whose turn it is."""
    to_move = forest.nodes[tree, leaf].to_move
    index = int(leaf)
    shown = forest.stones[tree, index]
    _write_stones(shown, to_move, table, planes[0], planes[HISTORY])
    for back in range(1, HISTORY):
        index = forest.nodes[tree, index].parent if index > 0 else min(index - 1, -1)
        if index < 0 and -1 - index >= forest.past_count[tree]:
            planes[back:HISTORY] = 0
            planes[HISTORY + back : 2 * HISTORY] = 0
            break
        stones = forest.stones[tree, index] if index >= 0 else forest.past_stones[tree, -1 - index]
        planes[back] = planes[back - 1]
        planes[HISTORY + back] = planes[HISTORY + back - 1]
        _write_changes(stones, shown, to_move, table, planes[back], planes[HISTORY + back])
        shown = stones
    planes[2 * HISTORY :] = 0
    planes[2 * HISTORY + (1 if to_move == WHITE else 0)] = 1


@jit
def apply(
    geo: Geometry,
    scratch: Scratch,
    forest: Forest,
    trees: npt.NDArray[np.int32],
    leaves: npt.NDArray[np.int32],
    tables: npt.NDArray[np.int16],
    symmetries: npt.NDArray[np.int64],
    policies: npt.NDArray[np.float32],
    values: npt.NDArray[np.float32],
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
        winrate = (1.0 + values[number]) / 2.0
        node = forest.nodes[tree, index]
        node.value = winrate if node.to_move == BLACK else 1.0 - winrate
        _expand(geo, scratch, forest, tree, index)


@jit
def set_root(
    forest: Forest,
    tree: int,
    boards: npt.NDArray[np.int8],
    hashes: npt.NDArray[np.uint64],
    to_move: int,
    ko: int,
    passes: int,
) -> None:
    """Forget the tree and start from a game: `boards` `[K, P + 1]`, up to 8, latest last; all its `hashes` `[M]`."""
    forest.size[tree] = 0
    forest.cache_keys[tree, :] = 0
    new_node(forest, tree, int64(NONE), int64(NONE), to_move)
    last = boards.shape[0] - 1
    forest.stones[tree, 0] = boards[last]
    for back in range(min(last, HISTORY - 1)):
        forest.past_stones[tree, back] = boards[last - 1 - back]
    forest.past_count[tree] = min(last, HISTORY - 1)
    first = max(0, hashes.shape[0] - forest.past_hashes.shape[1])
    count = hashes.shape[0] - first
    forest.past_hashes[tree, :count] = hashes[first:]
    forest.hash_count[tree] = count
    root = forest.nodes[tree, 0]
    root.hash = hashes[hashes.shape[0] - 1]
    root.ko = ko
    root.passes = passes


@jit
def advance(forest: Forest, tree: int, move: int, renumbered: npt.NDArray[np.int32]) -> bool:
    """Make the root's child `move` the root and keep what is below it; False if there is no such child.

    `renumbered` `[N]` is working memory. Children have higher numbers than their parents, so nodes move down in
    place, and the links follow.
    """
    child = forest.nodes[tree, 0].first
    while child != NONE and forest.nodes[tree, child].move != move:
        child = forest.nodes[tree, child].next
    if child == NONE or forest.nodes[tree, child].state != EXPANDED:
        return False
    if forest.hash_count[tree] == forest.past_hashes.shape[1]:
        return False
    for back in range(HISTORY - 2, 0, -1):
        forest.past_stones[tree, back] = forest.past_stones[tree, back - 1]
    forest.past_stones[tree, 0] = forest.stones[tree, 0]
    forest.past_count[tree] = min(HISTORY - 1, forest.past_count[tree] + 1)
    forest.past_hashes[tree, forest.hash_count[tree]] = forest.nodes[tree, child].hash
    forest.hash_count[tree] += 1
    renumbered[: forest.size[tree]] = NONE
    renumbered[child] = 0
    kept = 1
    for index in range(child + 1, forest.size[tree]):
        if renumbered[forest.nodes[tree, index].parent] != NONE:
            renumbered[index] = kept
            kept += 1
    for index in range(child, forest.size[tree]):
        target = renumbered[index]
        if target != NONE:
            forest.nodes[tree, target] = forest.nodes[tree, index]
            forest.stones[tree, target] = forest.stones[tree, index]
            forest.policy[tree, target] = forest.policy[tree, index]
            node = forest.nodes[tree, target]
            node.first = renumbered[node.first] if node.first != NONE else NONE
            node.last = renumbered[node.last] if node.last != NONE else NONE
            node.next = renumbered[node.next] if node.next != NONE and target else NONE
            node.parent = renumbered[node.parent] if target else NONE
    forest.size[tree] = kept
    forest.cache_keys[tree, :] = 0
    for index in range(kept):
        if forest.nodes[tree, index].state == EXPANDED:
            _remember(forest, tree, index)
    return True
