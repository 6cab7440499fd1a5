"""Control files out of gomill's documentation."""

from __future__ import annotations

import re
import tarfile
import textwrap
from collections.abc import Iterator
from pathlib import Path


def literal_blocks(text: str) -> Iterator[str]:
    """The indented blocks of a reStructuredText file, without their indentation."""
    for block in re.findall(r"(?:^(?:[ \t]+\S.*)?\n)+", text, re.MULTILINE):
        if block.strip():
            yield textwrap.dedent(block).strip() + "\n"


def documented_files(archive: Path) -> dict[str, str]:
    """Every control file in gomill's documentation, and its fragments, completed."""
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            if not re.search(r"/docs/\w+\.rst$", member.name):
                continue
            file = tar.extractfile(member)
            assert file is not None
            for number, block in enumerate(literal_blocks(file.read().decode("utf-8"))):
                for place, text in enumerate(completed(block)):
                    found[f"{member.name.split('/')[-1]} {number}.{place}"] = text
    return found


def completed(block: str) -> Iterator[str]:
    """The control files that the block is or shows parts of."""
    head, end = (
        f"{PLAYOFF}board_size = 9\nkomi = 7.5\n",
        "matchups = [Matchup(p, p) for p in sorted(players)]\n",
    )
    if re.match(r"competition_type = ['\"](playoff|allplayall)", block):
        yield block
    elif block.startswith("def gnugo(level)"):
        yield f"{head}{block}{end}"
    elif block.startswith("Matchup("):
        yield f"{head}players = {{'gnugo-l1': Player('gnugo'), 'fuego-5k': Player('fuego')}}\nmatchups = [{block}]\n"
    else:
        for call in re.findall(r"^[ \t]+(Player\(.*?\))$", block, re.MULTILINE | re.DOTALL):
            yield f"{head}players = {{'a': {call}}}\n{end}"


PLAYOFF = "competition_type = 'playoff'\n"
