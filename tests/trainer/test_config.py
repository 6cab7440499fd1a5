from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lzeval.errors import UserError
from lzeval.network.network import SHAPES
from tests.support.tiny_runs import as_overrides
from trainer.settings.bounds import BOUNDS, CHOICES, DURATIONS, Bounds
from trainer.settings.compose import CONFIG_FOLDER, compose, stored
from trainer.settings.config import PATHS, TrainConfig, seconds
from trainer.settings.overrides import ValueKind, build, flat, kinds, split_list
from trainer.training.sweep import plan_sweep

quick = settings(deadline=None, max_examples=100)
BASIC = ["data.train=games.sgf", "max_time=45m"]

EXPERIMENTS = [file.stem for file in sorted((CONFIG_FOLDER / "experiment").glob("*.yaml"))]
CHOICES_OF_YAML = [
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


@pytest.mark.parametrize("choice", CHOICES_OF_YAML)
def test_every_shipped_choice_loads(choice: str) -> None:
    group, _, name = choice.partition("=")
    chosen = asdict(compose([*BASIC, choice]))[group]
    written = yaml.safe_load((CONFIG_FOLDER / group / f"{name}.yaml").read_text(encoding="utf-8"))
    assert {key: chosen[key] for key in written} == written
    assert set(written) <= set(chosen)


def test_all_shipped_files_are_covered_and_state_every_setting() -> None:
    files = {str(file.relative_to(CONFIG_FOLDER)) for file in CONFIG_FOLDER.rglob("*.yaml")}
    choices = [*CHOICES_OF_YAML, *(f"experiment={name}" for name in EXPERIMENTS)]
    assert {file.replace("\\", "/") for file in files} == {"train.yaml"} | {
        choice.replace("=", "/") + ".yaml" for choice in choices
    }
    written = yaml.safe_load((CONFIG_FOLDER / "train.yaml").read_text(encoding="utf-8"))
    groups = {choice.partition("=")[0] for choice in CHOICES_OF_YAML}
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


NAMES = [
    "my games, spring.sgf", r"C:\games\a.sgf", "C:\\games\\", "\\\\server\\share\\", "it's.sgf", r"odd\'name",
    "a=b.sgf", "[1990] games.sgf", "x(1){2}.sgf", "games (1)", "~/games", "a:b", "a: b", "50%.sgf", "игры.sgf",
    "日本/棋譜.sgf", "棋谱", "2024", "2024_01", "1.10", "1e5", "0x1F", "007", "010", "-x", "+x", "yes", "off", "true",
    "NULL", "none", "~", "nan", "12:30", "a#b;c&d!", "records #2", " leading", "trailing ", '"quoted" file',
    "'quoted'", "${x}", "???", "$HOME", "*", "&a", "!t", "@", "`", "|", ">", "%", "- a", "? a", "{a: b}", "a,b", "[a",
    "a]", "\ttab", "new\nline", "\udc80.sgf", "a" * 300,
]  # fmt: skip
"""Names that another grammar might take for something else."""


@pytest.mark.parametrize("path", NAMES)
def test_paths_are_taken_as_they_stand(path: str, tmp_path: Path) -> None:
    """By a command, in a list, and by one that goes on; and they come back from a run's config.yaml."""
    assert compose(["max_time=1m", f"data.train={path}"]).data.sources("train") == [path]
    listed = path.strip()
    if "," not in path and listed[0] + listed[-1] != "''":
        together = compose(["max_time=1m", f"data.train=[{path},b.sgf]", f"init={path}", f"run={path}"])
        assert together.data.sources("train") == [listed, "b.sgf"]
        assert (together.init, together.run) == (path, path)
        run = store(tmp_path, together)
        assert stored(run, []).data.sources("train") == [listed, "b.sgf"]
        assert stored(run, []).init == path
    run = store(tmp_path, compose(BASIC))
    assert stored(run, [f"data.train={path}"]).data.sources("train") == [path]
    (one, two) = (
        each.config for each in plan_sweep(["max_time=1m", f"data.train={path}", "seed=1,2"], tmp_path)
    )
    assert one.data.sources("train") == two.data.sources("train") == [path]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("[a.sgf,b]", ["a.sgf", "b"]),
        ("[ a b , c ]", ["a b", "c"]),
        ("[one]", ["one"]),
        ("['a,b',c]", ["a,b", "c"]),
        ('["a,b" ,"c,d"]', ["a,b", "c,d"]),
        ("['it's, here',c]", ["it's, here", "c"]),
        ("['a' b,c]", ["'a' b", "c"]),
        ("['a,b]", ["'a", "b"]),
        ("[games [1],[2]]", ["games [1]", "[2]"]),
        ("[null,yes,010]", ["null", "yes", "010"]),
        ("[[1990] games,b]", ["[1990] games", "b"]),
    ],
)
def test_lists_of_paths(text: str, items: list[str]) -> None:
    assert compose(["max_time=1m", f"data.train={text}"]).data.sources("train") == items


@quick
@given(st.lists(st.text(min_size=1, max_size=8).filter(str.strip), min_size=1, max_size=4))
def test_any_names_get_through_a_list(names: list[str]) -> None:
    """In quotes, but for those that begin with a quote mark of that kind: what is written is read."""
    written = []
    for name in names:
        quote = '"' if "'" in name else "'"
        assume(quote not in name)
        written.append(f"{quote}{name}{quote}")
    assert split_list("data.train", f"[{','.join(written)}]") == names


@quick
@given(st.text(min_size=1, max_size=12).filter(lambda name: name.strip() and name != "null"))
def test_any_name_is_a_path(name: str) -> None:
    assert kinds()["init"].of_text("init", name) == name
    assert build(TrainConfig, yaml.safe_load(yaml.safe_dump({"init": name}))).init == name


PATH_LISTS = ("data.train", "data.holdout")


@pytest.mark.parametrize("key", PATHS)
@pytest.mark.parametrize("value", ["", " ", "[]", "[a,]", "[,]", "[a,,b]", "['']"])
def test_an_empty_path_is_refused(key: str, value: str) -> None:
    if value.strip() and key not in PATH_LISTS:
        return  # no list: a name like any other
    with pytest.raises(UserError, match=f"^{key}=.*(has no value|is empty)"):
        compose([*BASIC, f"{key}={value}"])
    assert compose([*BASIC, "init=null"]).init is None


def test_every_path_is_named_as_one() -> None:
    """A setting of the type text that is no word of a few, no length of time and no name is a path."""
    words = {"network.name", "trainer.devices", "logger.project", "pool.device", *CHOICES, *DURATIONS}
    texts = {key for key, kind in kinds().items() if str in (*kind.scalars, kind.items)}
    assert texts - words == set(PATHS)


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
        ("average.ema=1", "average.ema=1: must be below 1"),
        ("teacher.value_network=big", "name the first one with teacher.network"),
        ("data.weights=[1,2]", "a number above 0 for each of data.train's 1"),
        ("data.weights=1", r"data.weights=1: write a list in brackets, as data.weights=\[1\]"),
        ("data.weights=[1,x]", "data.weights: 'x' is not a number"),
        ("network.blocks=[1]", r"network.blocks: '\[1\]' is not a whole number"),
        ("network.blocks=1.5", "'1.5' is not a whole number"),
        ("trainer.devices=all", r"trainer.devices=all: say how many, which ones, as \[0,2\], or auto"),
        ("trainer.devices=[0,-1]", "say how many"),
        ("data=games", "data is a group of settings: data.train, data.holdout"),
        ("~data.train=x", "no setting '~data.train'"),
        ("optimizer=null", "optimizer=null: choose one of"),
        ("watch.evaluate_every=0 schedule=plateau", "never measures it"),
        ("optimizer.lr=", "optimizer.lr= has no value"),
        ("max_positions=", "has no value; for none, write max_positions=null"),
        ("schedule.name=plateau", "the rate is divided by it"),
        ("network", "key=value"),
        ("=3", "key=value"),
        ("batch_size=many", "batch_size: .*many"),
        ("optimizer.lr=fast", "optimizer.lr: .*fast"),
        ("symmetric_policy=maybe", "symmetric_policy: .*maybe"),
        ("trainer.precision=fp8", "choose one of auto, fp32, bf16"),
        ("max_time=soon", "'soon' is not a length of time"),
        ("watch.save_every=often", "'often' is not a length of time"),
        ("max_time=null", "how long to train"),
    ],
)
def test_mistakes_are_named_in_one_line(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        compose([*BASIC, *override.split(" ")])
    assert "\n" not in str(caught.value)


def beyond(bounds: Bounds, kind: ValueKind) -> list[str]:
    """Numbers that are none, just too small, below nothing, and too large."""
    strange = ["nan", "inf", "-inf"] if float in (*kind.scalars, kind.items) else []
    low = bounds.low if bounds.above else bounds.low - 1
    high = bounds.high if bounds.below else bounds.high * 2 + 1
    return [*strange, *(f"{value:.0f}" for value in (low, -bounds.high - 2, high))]


def at_the_ends(bounds: Bounds) -> list[str]:
    ends = ((bounds.low, bounds.above), (bounds.high, bounds.below))
    return [f"{value:.0f}" for value, excluded in ends if not excluded]


BEYOND = [(key, value) for key, bounds in BOUNDS.items() for value in beyond(bounds, kinds()[key])]
WITHIN = [(key, value) for key, bounds in BOUNDS.items() for value in at_the_ends(bounds)]


def test_every_number_has_its_bounds() -> None:
    assert {key for key, kind in kinds().items() if {int, float} & {*kind.scalars, kind.items}} == set(BOUNDS)


def typed(key: str, value: str) -> list[str]:
    return [*BASIC, f"{key}=[{value}]" if key == "data.weights" else f"{key}={value}"]


@pytest.mark.parametrize(("key", "value"), BEYOND)
def test_numbers_beyond_their_bounds_are_refused(key: str, value: str) -> None:
    with pytest.raises(
        UserError, match=rf"^{key}=\S+ must be (a number|(at least|above|at most|below) \S+)$"
    ):
        compose(typed(key, value))


@pytest.mark.parametrize(("key", "value"), WITHIN)
def test_numbers_at_their_bounds_are_taken(key: str, value: str) -> None:
    assert flat(compose(typed(key, value)))[key] in (float(value), [float(value)])


@pytest.mark.parametrize("key", DURATIONS)
@pytest.mark.parametrize("value", ["-1s", "nan", "inf", "9" * 400, "1e30", "99999999999999d"])
def test_lengths_of_time_have_bounds(key: str, value: str) -> None:
    with pytest.raises(UserError, match=r"is not a length of time|must be at most"):
        compose([*BASIC, f"{key}={value}"])
    with pytest.raises(UserError, match="max_time=0s: must be above 0"):
        compose([*BASIC, "max_time=0s"])


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("trainer.devices", "2", 2),
        ("trainer.devices", "auto", "auto"),
        ("trainer.devices", "[0,2]", [0, 2]),
        ("max_positions", "1_000_000", 1_000_000),
        ("max_positions", "null", None),
        ("optimizer.lr", "1e-3", 0.001),
        ("clip_norm", "null", None),
        ("symmetric_policy", "yes", True),
        ("symmetric_policy", "False", False),
        ("symmetric_policy", "null", None),
        ("+optimizer.lr", "0.5", 0.5),
        ("data.weights", "[2]", [2.0]),
        ("logger.names", "[csv,wandb]", ["csv", "wandb"]),
        ("max_time", "90", "90"),
    ],
)
def test_values(key: str, text: str, value: object) -> None:
    assert flat(compose([*BASIC, f"{key}={text}"]))[key.lstrip("+")] == value


@pytest.mark.parametrize("choice", [*CHOICES_OF_YAML, *(f"experiment={name}" for name in EXPERIMENTS)])
def test_what_is_typed_is_what_is_printed(choice: str, tmp_path: Path) -> None:
    """Every setting, typed as it stands, gives the same configuration, as config.yaml does."""
    config = compose([*BASIC, choice, "data.holdout=[a b,c]", "schedule.factor=10"])
    assert compose(as_overrides(config)) == config
    config.run = store(tmp_path, config)
    assert stored(config.run, []) == config


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
    assert stored(run, ["schedule=cosine", "schedule.warmup=7"]).schedule.hold == 0
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
    for override in ("batch_size=[1", "batch_size=x", "network=bigg", "experiment=kgs", "run=other"):
        with pytest.raises(UserError):
            stored(run, [override])
    for damaged in (
        "a: [",
        "[]",
        "network: 3",
        "network: {blocks: [1]}",
        "seed: yes",
        "unknown: 1",
        "\0",
        "seed: null",
    ):
        (tmp_path / "config.yaml").write_text(damaged, encoding="utf-8")
        with pytest.raises(UserError) as caught:
            stored(run, ["data.train=x", "max_time=1h"])
        assert "\n" not in str(caught.value)
