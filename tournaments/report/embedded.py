"""Games as the page carries them: compact, and decoded by its script when one is opened.

Moves are SGF's letters without commas or colours: `pd` is Black's move, `DP` White's; `zz` and `ZZ` are passes,
which no board is large enough to mean otherwise. Winrates are Black's, in percent, two digits a move, `..` where
nothing is known. A game is a list in the order of FIELDS; players and openings are numbers of lists.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from lzeval.go.colour import Colour
from lzeval.go.points import format_sgf
from lzeval.records.record import GameRecord
from lzeval.records.result import Outcome, format_result
from tournaments.report.summary import GamesSummary, dispute, ending_of, opening_of

FIELDS = (
    *("id", "black", "white", "result", "winner", "ending", "note", "counts", "opening", "size", "komi"),
    *("handicap", "date", "setup", "moves", "winrates", "length"),
)
NO_POINT = "zz"
NO_WINRATE = ".."


def embed(summary: GamesSummary) -> str:
    """JSON that is safe inside of a script element: it holds no `<`."""
    names = sorted({name for game in summary.games for name in (game.black, game.white)})
    players = [*summary.players, *(name for name in names if name not in set(summary.players))]
    openings = sorted({opening_of(game) for game in summary.games} - {""})
    places = {name: number for number, name in enumerate(players)}
    opening_places = {name: number for number, name in enumerate(openings)}
    counting = set(map(id, summary.evidence.distinct))
    decided = set(map(id, summary.evidence.decided))
    games = [_row(game, places, opening_places, _standing(game, counting, decided)) for game in summary.games]
    content = {"fields": FIELDS, "players": players, "openings": openings, "games": games}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _standing(game: GameRecord, counting: set[int], decided: set[int]) -> str:
    """`yes` if the game counts, otherwise why it does not."""
    if id(game) in counting:
        return "yes"
    if id(game) in decided:
        return "repeat"
    return game.result.outcome.value if not game.result.is_decided else "nobody"


def _row(game: GameRecord, players: dict[str, int], openings: dict[str, int], counts: str) -> list[object]:
    values: dict[str, object] = {
        "id": game.game_id,
        "black": players[game.black],
        "white": players[game.white],
        "result": format_result(game.result),
        "winner": game.result.outcome.value,
        "ending": ending_of(game) if game.result.is_decided else "",
        "note": _note(game),
        "counts": counts,
        "opening": openings.get(opening_of(game), -1),
        "size": game.size,
        "komi": game.komi,
        "handicap": game.handicap,
        "date": game.date,
        "setup": encode_setup(game),
        "moves": encode_moves(game.moves, game.size),
        "winrates": encode_winrates(game.black_winrates),
        "length": len(game.moves),
    }
    return [values[name] for name in FIELDS]


def _note(game: GameRecord) -> str:
    disputed = dispute(game)
    remark = f"disputed: {disputed}" if disputed else game.result.note
    return remark or ("unknown" if game.result.outcome is Outcome.UNKNOWN else "")


def encode_moves(moves: Iterable[tuple[Colour, int]], size: int) -> str:
    return "".join(_letters(index, size, colour) for colour, index in moves)


def encode_setup(game: GameRecord) -> str:
    black = "".join(_letters(index, game.size, Colour.BLACK) for index in game.setup_black)
    return black + "".join(_letters(index, game.size, Colour.WHITE) for index in game.setup_white)


def _letters(index: int, size: int, colour: Colour) -> str:
    text = format_sgf(index, size) or NO_POINT
    return text if colour is Colour.BLACK else text.upper()


def encode_winrates(chances: Sequence[float | None]) -> str:
    return "".join(NO_WINRATE if c is None else f"{min(round(100 * c), 99):02d}" for c in chances)
