"""The parts of benchmarks/gpu.sh as tables and as one JSON file.

python -m benchmarks.gpu_results gpu-results
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.report import present, run
from lzeval.errors import UserError
from lzeval.system.files import write_text_atomically
from lzeval.system.machine import hardware, software


def main(
    folder: Annotated[Path, typer.Argument(help="With a JSON file for each part.")],
) -> None:
    """Print what the parts have found, and write it all to `gpu.json` in the folder."""
    parts: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.glob("*.part.json")):
        if not (text := file.read_text(encoding="utf-8")).strip():
            continue  # it came to no end
        parts[file.name.removesuffix(".part.json")] = found = json.loads(text)
        print(f"\n{file.name.removesuffix('.part.json')}")
        present(found["rows"], {name: fact for name, fact in found.items() if name != "rows"}, as_json=False)
    if not parts:
        raise UserError(f"{folder}: no part has come to its end")
    whole = {"machine": hardware(), "versions": software(), "parts": parts}
    write_text_atomically(folder / "gpu.json", json.dumps(whole, indent=1) + "\n")
    print(f"\nall of it: {folder / 'gpu.json'}")


if __name__ == "__main__":
    run(main)
