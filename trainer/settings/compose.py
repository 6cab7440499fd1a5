"""Settings of a training run, composed from YAML, from a run's folder, and from what was typed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from lzeval.errors import UserError
from trainer.settings.bounds import check
from trainer.settings.config import TrainConfig
from trainer.settings.overrides import Override, build, kinds, parse_override

CONFIG_FOLDER = Path(__file__).resolve().parents[2] / "lzeval" / "conf"
PRESET = "experiment"


def choices(group: str) -> list[str]:
    """The YAML files of a group of settings, such as `optimizer`; none if it has no choices."""
    return sorted(file.stem for file in (CONFIG_FOLDER / group).glob("*.yaml"))


def compose(overrides: Sequence[str], name: str = "train") -> TrainConfig:
    """The configuration `name` with `overrides` (`key=value`) applied. Raises UserError if it does not fit."""
    given = _parsed(overrides)
    chosen = [f"{'+' if key == PRESET else ''}{key}={value}" for key, value in given.items() if choices(key)]
    content = deepcopy(_composed(name, tuple(chosen)))
    return _checked(content, {key: value for key, value in given.items() if not choices(key)})


def stored(run: str, overrides: Sequence[str]) -> TrainConfig:
    """The configuration that the run in folder `run` was started with, changed by `overrides`.

    Raises UserError where there is no run, or where an override names no setting of it.
    """
    given = _parsed(overrides)
    if PRESET in given:
        raise UserError(f"{PRESET}={given[PRESET]}: is for new runs; give --resume the settings one by one")
    if given.pop("run", run) != run:
        raise UserError("--resume names the run's folder: leave run=... out")
    content = read_config(Path(run))
    for group in [key for key in given if choices(key)]:
        content[group] = deepcopy(_composed("train", (f"{group}={given.pop(group)}",))[group])
    config = _checked(content, given)
    config.run = str(run)
    return config


def read_config(run: Path) -> dict[str, Any]:
    """The content of a run's config.yaml. Raises UserError if there is none, or none that can be read."""
    import yaml

    file = run / "config.yaml"
    if not file.is_file():
        raise UserError(f"{run}: no run of lzeval's in this folder (config.yaml is missing)")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError, OSError) as exc:
        raise UserError(f"{file}: is damaged ({' '.join(str(exc).split())})") from exc
    if not isinstance(content, dict):
        raise UserError(f"{file}: is damaged, or not of lzeval")
    return content


def _parsed(overrides: Sequence[str]) -> dict[str, str]:
    """The last value given for each setting. Raises UserError for keys that there are not."""
    given: dict[str, str] = {}
    for key, value in map(parse_override, overrides):
        _require_known(Override(key, value))
        given[key] = value
    return given


def _require_known(override: Override) -> None:
    key, value = override
    found = choices(key)
    if found and value not in found:
        raise UserError(f"{key}={value}: choose one of {', '.join(found)}")
    if found or key in kinds():
        return
    inside = [each for each in kinds() if each.startswith(f"{key}.")]
    if inside:
        raise UserError(f"{key} is a group of settings: {', '.join(inside)}")
    near = difflib.get_close_matches(
        key, [*kinds(), *(path.name for path in CONFIG_FOLDER.iterdir())], 1, 0.5
    )
    raise UserError(f"there is no setting {key!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


@cache
def _composed(name: str, chosen: tuple[str, ...]) -> dict[str, Any]:
    """Settings that Hydra composes of the YAML `name` and the choices `group=file`; values are not in its grammar."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        content = OmegaConf.to_container(hydra_compose(name, list(chosen)))
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def _checked(content: Mapping[str, Any], given: Mapping[str, str]) -> TrainConfig:
    """YAML's `content`, changed by what was typed. Raises UserError for values that make no sense."""
    config = build(TrainConfig, content)
    for key, text in given.items():
        group, _, name = key.rpartition(".")
        setattr(getattr(config, group) if group else config, name, kinds()[key].of_text(key, text))
    check(config)
    return config
