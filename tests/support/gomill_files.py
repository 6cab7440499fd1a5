"""Control files whose engines say what a script says."""

from __future__ import annotations

from pathlib import Path

from tests.support.paths import FAKES
from tournaments.gomill.control_file import read_control_file
from tournaments.plan.competition import Competition

FAKE = FAKES / "scripted_engine.py"


def written(folder: Path, text: str, name: str = "x.ctl") -> Competition:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_control_file(path)


SCRIPTED = """competition_type = 'playoff'
def scripted(name, **more): return Player([{python!r}, {fake!r}, name, {folder!r}], **more)
players = {{'one': scripted('one'), 'two': scripted('two', sgf_player_name_from_gtp=False)}}
board_size = 9
komi = 7.5
move_limit = 20
alternating = True
matchups = [Matchup('one', 'two', number_of_games=11)]
matchups += [Matchup('two', 'one', id='named', name='Zwei', number_of_games=3)]
"""
