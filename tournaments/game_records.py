"""Games of a tournament as SGF: gomill's layout, and the clocks at their moves."""

from __future__ import annotations

from sgfmill import sgf_grammar

from tournaments.game_log import FinishedGame
from tournaments.records import serialise_game


def serialise_played(game: FinishedGame) -> bytes:
    """The record, with BL and WL (and OB, OW in byo-yomi) where a clock was kept."""
    text = serialise_game(game.record)
    if not game.clocks:
        return text
    tree = sgf_grammar.parse_sgf_game(text)
    moves = tree.sequence[1:]
    for node, shown in zip(moves, game.clocks, strict=True):
        node.update({name: [value.encode("ascii")] for name, value in shown.items()})
    timed: bytes = sgf_grammar.serialise_game_tree(tree)
    return timed
