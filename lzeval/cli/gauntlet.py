"""`lzeval gauntlet`: how strong is a new network, in as few games as that takes."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from lzeval.cli.cluster_options import ClusterOption
from lzeval.cli.device_option import Device
from lzeval.cli.komi_option import Komi
from lzeval.cli.rating_options import Prior
from lzeval.errors import UserError
from lzeval.system.files import folder_made
from lzeval.text.terminal import say, say_json
from lzeval.text.wording import command_line

if TYPE_CHECKING:
    from tournaments.pool.networks import Network
    from tournaments.pool.store import RatingPool

T = TypeVar("T")


def gauntlet(
    new: Annotated[
        str,
        typer.Argument(
            metavar="NEW", help="Weights file, checkpoint, bundled name, katago:NET, or a member's name."
        ),
    ],
    against: Annotated[
        list[str],
        typer.Option(metavar="POOL|NET", help="A pool, or a network; several networks, one after another."),
    ],
    games: Annotated[int, typer.Option(min=2, help="Of the new one in the pool, at most.")] = 100,
    until: Annotated[
        float | None,
        typer.Option(metavar="ELO", help="Stop when the 95 % interval reaches no further to either side."),
    ] = None,
    pool: Annotated[
        Path | None,
        typer.Option(
            metavar="POOL", help="Of networks: where to keep them; pools/NEW-<date>.pool if not given."
        ),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Leave this member alone; may be given again.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What to call the new one in the pool.")] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Keep its weights in the pool.")] = False,
    positions: Annotated[int | None, typer.Option(min=0, help="It was trained on.")] = None,
    run: Annotated[str | None, typer.Option(help="The training run it is of.")] = None,
    visits: Annotated[int | None, typer.Option(help="Visits a move; 50 in a new pool.")] = None,
    komi: Komi = None,
    size: Annotated[int | None, typer.Option(help="Board size; 19 in a new pool.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, fp32 or bf16.")] = None,
    openings: Annotated[str | None, typer.Option(help="Of a new pool: default, none, or a file.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Cores to use; all if not given.")] = None,
    device: Device = "auto",
    cluster: ClusterOption = "",
    prior: Prior = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rate a new network against a pool, each pair of games against whoever tells most about its strength.

    The games stay in the pool. Interrupted or killed, the same command goes on.
    """
    from lzeval.cli.pool.playing import playable, run_session
    from lzeval.cli.pool.printing import as_dict, print_rated
    from tournaments.pool.gauntlet import Gauntlet, half_width, sentence
    from tournaments.pool.rating import rate_pool

    given = {"visits": visits, "komi": komi, "size": size, "precision": precision, "openings": openings}

    def join(opened: RatingPool) -> tuple[Network, list[Network]]:
        return _join(opened, new, (name, copy, positions, run)), playable(opened, without or [])

    pool_, (added, members) = _open(new, against, pool, given, join)
    with pool_ as opened:
        plan = Gauntlet(opened, added.name, [m.name for m in members if m.name != added.name], until)
        wanted = games - plan.games()
        if wanted >= 2 and not plan.is_reached():
            again = (
                f"the same command with {opened.path} goes on" if pool is None else "the same command goes on"
            )
            run_session(
                opened,
                members,
                plan.choose,
                games=wanted - wanted % 2,
                threads=threads,
                device=device,
                cluster=cluster,
                is_enough=plan.is_enough,
                again=lambda _: again,
                only=added.name,
            )
        rated = rate_pool(opened, prior=prior)
        found = sentence(rated, added.name, until)
        if as_json:
            rating = rated.rating(added.name)
            result: dict[str, Any] = {
                "network": added.name,
                "elo": None if rating is None else rating.elo,
                "low": None if rating is None else rating.low,
                "high": None if rating is None else rating.high,
                "half_width": half_width(rating),
                "note": "no decided game" if rating is None else rating.note,
                "games": plan.games(),
                "sentence": found,
            }
            say_json({"gauntlet": result, **as_dict(opened, rated)}, indent=2)
            return
        print_rated(rated)
        say(found)


def _open(
    new: str, against: list[str], kept: Path | None, given: dict[str, Any], join: Callable[[RatingPool], T]
) -> tuple[RatingPool, T]:
    """The pool to play in, an old one, or one of the networks `against`; and what `join` makes of it."""
    from lzeval.cli.pool.joining import add_all, candidate, name_of
    from lzeval.cli.pool.opening import open_and_join
    from tournaments.pool.database import is_pool

    pools = [Path(item) for item in against if is_pool(Path(item)) or Path(item).suffix == ".pool"]
    if pools and len(against) > 1:
        raise UserError("--against: one pool, or networks; lzeval pool add puts networks into a pool")
    if pools:
        if kept is not None:
            raise UserError(f"--pool {kept}: the games stay in {pools[0]}; leave --pool out")
        if not pools[0].exists():
            raise UserError(
                f"{pools[0]}: no such pool; {command_line('lzeval', 'pool', 'add', pools[0])} NET... makes it"
            )
        return open_and_join(pools[0], given, join)
    networks = [candidate(item, None, False, None, None) for item in against]
    path = kept or Path("pools") / f"{name_of(new)}-{datetime.date.today().isoformat()}.pool"

    def begin(opened: RatingPool) -> T:
        add_all(opened, [each for each in networks if opened.same_network(each[0]) is None])
        return join(opened)

    with folder_made(path.parent):
        found = open_and_join(path, given, begin)
    say(f"the games are kept in {path}", err=True)
    return found


def _join(pool: RatingPool, new: str, training: tuple[str | None, bool, int | None, str | None]) -> Network:
    """The new network as a member; it may have been one before."""
    from lzeval.cli.pool.joining import add_to, candidate

    member = pool.network(new)
    if member is not None and not Path(new).exists():
        return member
    network, board_size = candidate(new, *training)
    known = pool.same_network(network)
    if known is None:
        return add_to(pool, network, board_size)
    if known.name != network.name:
        say(f"{new} and {known.name} in {pool.path} are the same network: it plays as {known.name}", err=True)
    if not any(member.can_play and member.name != known.name for member in pool.networks()):
        raise UserError(
            f"{new} is the same network as {known.name}, the only one in {pool.path}: give another one to play against"
        )
    return known
