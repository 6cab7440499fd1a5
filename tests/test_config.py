from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from lzeval.core.errors import UserError
from lzeval.net.network import SHAPES
from trainer.config import CONFIG_FOLDER, TrainConfig, _as_written, compose, seconds, stored

BASIC = ["data.train=games.sgf", "max_time=45m"]

EXPERIMENTS = [file.stem for file in sorted((CONFIG_FOLDER / "experiment").glob("*.yaml"))]
CHOICES = [
    f"{folder.name}={file.stem}"
    for folder in sorted(CONFIG_FOLDER.iterdir())
    if folder.is_dir() and folder.name != "experiment"
    for file in sorted(folder.glob("*.yaml"))
]


def test_what_comes_without_settings() -> None:
    config = compose(BASIC)
    assert (config.network.name, config.network.blocks, config.network.filters) == ("small", 8, 32)
    assert (config.optimizer.name, config.schedule.name, config.data.board_size) == ("muon", "linear", 19)
    assert config.data.sources("train") == ["games.sgf"]
    assert config.data.sources("holdout") == []
    assert config.max_positions is None


@pytest.mark.parametrize("choice", CHOICES)
def test_every_shipped_choice_loads(choice: str) -> None:
    group, _, name = choice.partition("=")
    chosen = asdict(compose([*BASIC, choice]))[group]
    written = yaml.safe_load((CONFIG_FOLDER / group / f"{name}.yaml").read_text(encoding="utf-8"))
    assert {key: chosen[key] for key in written} == written
    assert set(written) <= set(chosen)


def test_all_shipped_files_are_covered_and_state_every_setting() -> None:
    files = {str(file.relative_to(CONFIG_FOLDER)) for file in CONFIG_FOLDER.rglob("*.yaml")}
    choices = [*CHOICES, *(f"experiment={name}" for name in EXPERIMENTS)]
    assert {file.replace("\\", "/") for file in files} == {"train.yaml"} | {
        choice.replace("=", "/") + ".yaml" for choice in choices
    }
    written = yaml.safe_load((CONFIG_FOLDER / "train.yaml").read_text(encoding="utf-8"))
    groups = {choice.partition("=")[0] for choice in CHOICES}
    assert set(asdict(TrainConfig())) == (set(written) - {"defaults"}) | groups
    for section in ("data", "watch", "teacher", "average", "export"):
        assert set(asdict(TrainConfig())[section]) == set(written[section])


def test_experiments_choose_and_can_be_overridden() -> None:
    plain = compose(BASIC)
    article = compose([*BASIC, "+experiment=article", "optimizer.lr=0.2"])
    assert (article.optimizer.name, article.schedule.name, article.optimizer.lr) == ("sgd", "plateau", 0.2)
    assert compose([*BASIC, "experiment=kgs", "network=big"]).network.filters == 128
    for name in EXPERIMENTS:
        assert compose([*BASIC, f"+experiment={name}"]) != plain


def test_the_named_networks_are_those_of_the_library() -> None:
    for name, shape in SHAPES.items():
        network = compose([*BASIC, f"network={name}"]).network
        assert (network.blocks, network.filters) == (shape.blocks, shape.filters)


def test_settings_override_in_order() -> None:
    config = compose(
        [*BASIC, "network=big", "network.filters=48", "optimizer.lr=0.5", "max_time=null", "max_positions=9"]
    )
    assert (config.network.blocks, config.network.filters, config.optimizer.lr) == (6, 48, 0.5)
    assert (config.max_time, config.max_positions) == (None, 9)
    assert compose([*BASIC, "data.train=[a.sgf,b]"]).data.sources("train") == ["a.sgf", "b"]


@pytest.mark.parametrize(
    "path",
    [
        "my games/2024, spring.sgf",
        r"C:\games\a.sgf",
        "C:\\games\\",
        "\\\\server\\share\\",
        "it's.sgf",
        r"odd\'name",
        "a=b.sgf",
        "[1990] games.sgf",
        "x(1){2}.sgf",
        "~/games",
        "a:b",
        "50%.sgf",
        "игры.sgf",
        "日本/棋譜.sgf",
        "2024",
        "007",
        "-x",
        "a#b;c&d!",
        '"quoted" file',
    ],
)
def test_paths_are_taken_as_they_stand(path: str) -> None:
    assert compose(["max_time=1m", f"data.train={path}"]).data.sources("train") == [path]


@settings(deadline=None, max_examples=100)
@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cn"]), min_size=1, max_size=12
    )
)
def test_any_name_gets_through_hydras_grammar(name: str) -> None:
    """Judge: Hydra's own grammar, without the time that composing takes."""
    for path in (name + ".sgf", f"games/{name}"):
        (override,) = OverridesParser.create().parse_overrides(_as_written([f"data.train={path}"]))
        assert override.value() == path


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optimzer.lr=1", "no setting 'optimzer.lr'; did you mean 'optimizer.lr'"),
        ("trainer.presicion=fp32", "did you mean 'trainer.precision'"),
        ("max_tiem=3h", "did you mean 'max_time'"),
        ("zzzzzz=1", "no setting 'zzzzzz'$"),
        ("+batchsize=3", "did you mean 'batch_size'"),
        ("network=bigg", "network=bigg: choose one of big, huge, small"),
        ("schedule=step", "choose one of constant, cosine, linear, onecycle, plateau"),
        ("+experiment=kgz", "experiment=kgz: choose one of article, distil, kgs"),
        ("logger=paper", "choose one of csv, mlflow, tensorboard, wandb"),
        ("logger.names=[paper]", "choose one of csv, tensorboard, wandb, mlflow"),
        ("accumulate=0", "accumulate=0: must be at least 1"),
        ("average.ema=1.5", "average.ema=1.5: a share from 0 to 1"),
        ("average.ema=1", "such an average never moves"),
        ("teacher.symmetries=9", "teacher.symmetries=9: a number from 1 to 8"),
        ("teacher.value_network=big", "name the first one with teacher.network"),
        ("data.weights=[1,2]", "a number above 0 for each of data.train's 1"),
        ("data.workers=-1", "must be at least 0"),
        ("schedule.name=plateau", "the rate is divided by it"),
        ("network", "key=value"),
        ("=3", "key=value"),
        ("batch_size=many", "batch_size: .*many"),
        ("optimizer.lr=fast", "optimizer.lr: .*fast"),
        ("symmetric_policy=maybe", "symmetric_policy: .*maybe"),
        ("batch_size=0", "batch_size=0: must be at least 1"),
        ("network.filters=-8", "network.filters=-8: must be at least 1"),
        ("trainer.precision=fp8", "choose one of auto, fp32, bf16"),
        ("max_time=soon", "'soon' is not a length of time"),
        ("max_time=0s", "longer than nothing"),
        ("max_positions=0", "max_positions=0: must be at least 1"),
        ("max_positions=-5", "max_positions=-5: must be at least 1"),
        ("watch.save_every=often", "'often' is not a length of time"),
        ("max_time=null", "how long to train"),
    ],
)
def test_mistakes_are_named_in_one_line(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        compose([*BASIC, override])
    assert "\n" not in str(caught.value)


def test_records_must_be_named() -> None:
    with pytest.raises(UserError, match=r"data\.train is not set"):
        compose(["max_time=1m"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90),
        ("45m", 2700),
        ("1.5h", 5400),
        ("1d", 86400),
        ("00:45:00", 2700),
        ("12", 12),
        (" 2 m ", 120),
    ],
)
def test_lengths_of_time(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "m", "-3m", "1w", "1h30m", "1:2:3", "nan"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(UserError, match="length of time"):
        seconds(text)


def store(folder: Path, config: TrainConfig) -> str:
    (folder / "config.yaml").write_text(yaml.safe_dump(asdict(config)), encoding="utf-8")
    return str(folder)


def test_a_stored_run_comes_back_with_its_changes(tmp_path: Path) -> None:
    started = compose([*BASIC, "network=big", "seed=5", "data.holdout=[a b.sgf,c.sgf]"])
    run = store(tmp_path, started)
    again = stored(run, [])
    assert again.run == run
    again.run = started.run
    assert again == started
    changed = stored(run, ["max_time=2h", "network.filters=64", "max_positions=7"])
    assert (changed.max_time, changed.network.filters, changed.max_positions, changed.seed) == (
        "2h",
        64,
        7,
        5,
    )


def test_mistakes_about_stored_runs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config\.yaml is missing"):
        stored(str(tmp_path), [])
    run = store(tmp_path, compose(BASIC))
    with pytest.raises(UserError, match="did you mean 'max_time'"):
        stored(run, ["max_tiem=2h"])
    with pytest.raises(UserError, match="must be at least 1"):
        stored(run, ["batch_size=0"])
    for override in ("batch_size=[1", "batch_size=x"):
        with pytest.raises(UserError):
            stored(run, [override])
    (tmp_path / "config.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(UserError):
        stored(run, [])
