"""Games that nodes have, and those that are reported twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes.actors import Job
from tournaments.cluster.leases import Leases

NODES = ("x", "y", "z")


def leases_of(*ids: str) -> Leases[Job]:
    leases: Leases[Job] = Leases()
    leases.add([Job(game_id) for game_id in ids])
    return leases


def waiting(leases: Leases[Job]) -> list[str]:
    return [job.game_id for job in leases.waiting]


def test_jobs_are_lent_first_come_first() -> None:
    leases = leases_of("1", "2", "3")
    assert [job.game_id for job in leases.lend("x", 2)] == ["1", "2"]
    assert waiting(leases) == ["3"]
    assert leases.count("x") == 2


def test_only_what_fits_is_lent() -> None:
    leases = leases_of("1", "2", "3")
    assert [job.game_id for job in leases.lend("x", 2, lambda job: job.game_id != "1")] == ["2", "3"]
    assert waiting(leases) == ["1"]


def test_jobs_of_a_lost_node_come_before_others_in_their_order() -> None:
    leases = leases_of("1", "2", "3")
    leases.lend("x", 2)
    assert leases.take_all_back("x") == 2
    assert waiting(leases) == ["1", "2", "3"]


def test_a_late_report_counts_and_ends_the_wait_for_another() -> None:
    leases = leases_of("1")
    leases.lend("x", 1)
    leases.take_all_back("x")
    assert leases.report("x", "1", "moves") is None
    assert waiting(leases) == []


def test_the_second_report_is_given_the_first() -> None:
    leases = leases_of("1")
    leases.lend("x", 1)
    leases.take_all_back("x")
    leases.lend("y", 1)
    assert leases.report("y", "1", "moves") is None
    earlier = leases.report("x", "1", "other moves")
    assert earlier is not None
    assert (earlier.holder, earlier.digest) == ("y", "moves")


def test_a_game_with_a_reported_id_is_played_again_if_it_is_added_again() -> None:
    leases = leases_of("1")
    leases.lend("x", 1)
    leases.report("x", "1", "void")
    leases.add([Job("1")])
    assert waiting(leases) == ["1"]
    leases.lend("y", 1)
    assert leases.report("y", "1", "moves") is None


steps = st.lists(st.tuples(st.sampled_from(("lend", "report", "lose")), st.sampled_from(NODES)), max_size=60)


@given(steps)
def test_every_game_counts_once_whatever_happens(steps: list[tuple[str, str]]) -> None:
    """Nodes take, report and are lost in any order, and report after they were lost."""
    ids = [str(number) for number in range(6)]
    leases = leases_of(*ids)
    held: dict[str, list[str]] = {name: [] for name in NODES}
    """Games that a node will report some day, lost or not."""
    counted: list[str] = []

    def report(node: str) -> None:
        if held[node]:
            game_id = held[node].pop(0)
            if leases.report(node, game_id, "moves") is None:
                counted.append(game_id)

    for what, node in steps:
        if what == "lend":
            held[node] += [job.game_id for job in leases.lend(node, 2)]
        elif what == "lose":
            leases.take_all_back(node)
        else:
            report(node)
    while leases.waiting or any(held.values()):
        for node in NODES:
            held[node] += [job.game_id for job in leases.lend(node, 2)]
            report(node)
    assert sorted(counted) == ids
