from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from lzeval.cli.weights import app
from lzeval.errors import UserError, WeightsError
from lzeval.network.weights_file.layout import NetworkShape, tensor_layout
from lzeval.network.weights_file.weights import (
    check_weights,
    is_checkpoint,
    read_weights,
    weights_info,
    write_weights,
)
from lzeval.system import bundled
from lzeval.system.bundled import resolve_network
from lzeval.system.files import replacing, write_text_atomically
from tests.support.fakes.weights_files import (
    TINY,
    Damage,
    as_lines,
    tiny_weights,
    with_extra_line,
    with_line,
    with_number,
    without_line,
    write_foreign_files,
    write_lines,
)
from tests.support.limited import needs_limits, run_limited
from tests.support.paths import ROOT
from tests.support.weights import assert_same, quick

# The layout


@pytest.mark.parametrize("blocks", [1, 6, 20])
def test_the_layout_has_as_many_lines_as_leelaz_counts(blocks: int) -> None:
    assert 1 + len(tensor_layout(NetworkShape(blocks, 32))) == 1 + 4 + 8 * blocks + 14


def test_the_layout_has_as_many_parameters_as_an_official_network() -> None:
    assert sum(spec.length for spec in tensor_layout(NetworkShape(5, 64))) == 735_976


def test_the_layout_of_a_small_network() -> None:
    layout = [(spec.name, spec.shape) for spec in tensor_layout(NetworkShape(0, 4, board_size=3))]
    assert layout == [
        ("input.weight", (4, 18, 3, 3)),
        ("input.bias", (4,)),
        ("input.mean", (4,)),
        ("input.variance", (4,)),
        ("policy.conv.weight", (2, 4, 1, 1)),
        ("policy.conv.bias", (2,)),
        ("policy.conv.mean", (2,)),
        ("policy.conv.variance", (2,)),
        ("policy.fc.weight", (10, 18)),
        ("policy.fc.bias", (10,)),
        ("value.conv.weight", (1, 4, 1, 1)),
        ("value.conv.bias", (1,)),
        ("value.conv.mean", (1,)),
        ("value.conv.variance", (1,)),
        ("value.fc1.weight", (256, 9)),
        ("value.fc1.bias", (256,)),
        ("value.fc2.weight", (1, 256)),
        ("value.fc2.bias", (1,)),
    ]


@pytest.mark.parametrize("shape", [(-1, 8, 19), (1, 0, 19), (1, 8, 1), (1, 8, 26)])
def test_impossible_shapes_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(UserError):
        NetworkShape(*shape)


# Reading


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
@pytest.mark.parametrize("version", [1, 2])
def test_every_kind_of_line_end_is_read(tmp_path: Path, end: str, version: int) -> None:
    expected = tiny_weights(version=version)
    assert_same(read_weights(write_lines(tmp_path / "net", as_lines(expected), end)), expected)


def test_compression_is_told_by_the_content(tmp_path: Path) -> None:
    expected = tiny_weights()
    plain = write_lines(tmp_path / "plain.gz", as_lines(expected))
    packed = tmp_path / "packed.txt"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert_same(read_weights(plain), expected)
    assert_same(read_weights(packed), expected)


def test_trailing_spaces_and_a_lacking_last_line_end_do_no_harm(tmp_path: Path) -> None:
    expected = tiny_weights()
    path = tmp_path / "net.txt"
    path.write_text(" \n".join(as_lines(expected)))
    assert_same(read_weights(path), expected)


@given(size=st.integers(2, 15), blocks=st.integers(0, 3), filters=st.integers(1, 9))
@quick
def test_the_shape_is_told_by_the_rows(tmp_path: Path, size: int, blocks: int, filters: int) -> None:
    shape = NetworkShape(blocks, filters, size)
    path = tmp_path / "net.txt"
    write_weights(tiny_weights(shape=shape), path, digits=2)
    assert read_weights(path).shape == shape


def test_the_caller_may_demand_a_board_size(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "net.txt", as_lines(tiny_weights()))
    assert read_weights(path, board_size=5).shape == TINY
    with pytest.raises(WeightsError, match="boards of 5x5, not for 19x19"):
        read_weights(path, board_size=19)


# Writing


@given(seed=st.integers(0, 2**32 - 1))
@quick
def test_every_float32_survives(tmp_path: Path, seed: int) -> None:
    bits = np.random.default_rng(seed).integers(0, 2**32, 1024, dtype=np.uint32)
    numbers = bits.view(np.float32)
    numbers[~np.isfinite(numbers)] = 0
    numbers[:4] = [-0.0, 1e-45, 3.4028235e38, 1.17549435e-38]
    weights = tiny_weights(shape=NetworkShape(0, 1, 2))
    weights.tensors["value.fc1.weight"] = numbers.reshape(256, 4)
    write_weights(weights, tmp_path / "net.txt")
    assert_same(read_weights(tmp_path / "net.txt"), weights)


def test_numbers_are_written_as_the_shortest_decimals(tmp_path: Path) -> None:
    weights = tiny_weights()
    weights.tensors["input.bias"] = np.array([0.1, -2.5e-7, 16777216], np.float32)
    write_weights(weights, tmp_path / "net.txt")
    assert (tmp_path / "net.txt").read_text().splitlines()[2] == "0.1 -2.5e-07 1.6777216e+07"


def test_digits_are_significant_and_have_no_trailing_zeros(tmp_path: Path) -> None:
    weights = tiny_weights()
    weights.tensors["input.bias"] = np.array([0.012345, -2, 0.0000123456], np.float32)
    write_weights(weights, tmp_path / "net.txt", digits=3)
    assert (tmp_path / "net.txt").read_text().splitlines()[2] == "0.0123 -2 1.23e-05"


@pytest.mark.parametrize("digits", [None, 1, 4, 6, 7, 8, 9])
@pytest.mark.parametrize("name", ["net.txt", "net.txt.gz"])
def test_the_second_writing_changes_no_byte(tmp_path: Path, digits: int | None, name: str) -> None:
    first, second = tmp_path / "first" / name, tmp_path / "second" / name
    first.parent.mkdir()
    second.parent.mkdir()
    write_weights(tiny_weights(), first, digits)
    write_weights(read_weights(first), second, digits)
    assert second.read_bytes() == first.read_bytes()


def test_the_same_weights_give_the_same_gzip_under_any_name(tmp_path: Path) -> None:
    write_weights(tiny_weights(), tmp_path / "a.txt.gz")
    write_weights(tiny_weights(), tmp_path / "b.gz")
    assert (tmp_path / "a.txt.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_unsound_weights_are_not_written(tmp_path: Path) -> None:
    weights = tiny_weights()
    weights.tensors["block1.conv2.variance"][1] = 0
    with pytest.raises(WeightsError, match=r"line 13: block1.conv2.variance: number 2 is 0.0"):
        write_weights(weights, tmp_path / "net.txt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("version", [0, 3])
def test_unknown_versions_are_not_written(tmp_path: Path, version: int) -> None:
    with pytest.raises(WeightsError, match=f"no version {version}"):
        write_weights(tiny_weights(version=version), tmp_path / "net.txt")


def test_tensors_of_another_shape_are_not_written(tmp_path: Path) -> None:
    weights = tiny_weights()
    weights.tensors["policy.fc.bias"] = np.zeros(25, np.float32)
    with pytest.raises(WeightsError, match=r"policy.fc.bias is of shape \(25,\).*\(26,\)"):
        write_weights(weights, tmp_path / "net.txt")
    del weights.tensors["policy.fc.bias"]
    with pytest.raises(WeightsError, match=r"policy\.fc\.bias is missing"):
        write_weights(weights, tmp_path / "net.txt")


# Files whole or absent


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    write_text_atomically(path, "old")

    def fail_half_way() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    with replacing(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot write .*No such file"):
        write_weights(tiny_weights(), tmp_path / "nowhere" / "net.txt")


def test_a_folder_in_the_files_place_is_the_users_mistake(tmp_path: Path) -> None:
    (tmp_path / "net.txt").mkdir()
    with pytest.raises(UserError, match="cannot write"):
        write_weights(tiny_weights(), tmp_path / "net.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["net.txt"]


# Broken files. TINY's lines: 1 version, 2-5 input, 6-13 block 1, 14-21 block 2, 22-27 policy, 28-35 value.

DAMAGES: dict[str, tuple[Damage, int, str]] = {
    "short row": (with_line(6, lambda row: row.rpartition(" ")[0]), 6, "block1.conv1.weight has 80 .*81 exp"),
    "long row": (with_line(27, lambda row: row + " 0.5"), 27, "policy.fc.bias has 27 .*26 expected"),
    "short first row": (with_line(2, lambda row: row[:40].rpartition(" ")[0]), 2, "input.weight has"),
    "short last row": (with_line(35, lambda _: ""), 35, "empty line|value.fc2.bias"),
    "missing weights": (without_line(14), 14, "missing here: block2.conv1.weight, 81 numbers"),
    "missing last row": (
        without_line(35),
        35,
        "cut short: it ends after 33 rows; .* value.fc2.bias, 1 numbers",
    ),
    "empty line": (with_extra_line(9, ""), 9, "an empty line"),
    "extra row": (with_extra_line(36, "0.5 0.5 0.5 0.5"), 36, "a row too many, of 4 numbers"),
    "second value": (with_extra_line(36, "0.5"), 36, "a row too many, of 1 numbers"),
    "NaN": (with_number(3, 2, "nan"), 3, "input.bias: number 2 is nan"),
    "infinity": (with_number(26, 17, "-inf"), 26, "policy.fc.weight: number 17 is -inf"),
    "too large": (with_number(26, 3, "1e39"), 26, "policy.fc.weight: number 3 is inf"),
    "no number": (with_number(32, 1300, "0.1O3"), 32, "value.fc1.weight: number 1300 is '0.1O3'"),
    "comma": (with_number(32, 1, "0,5"), 32, "value.fc1.weight: number 1 is '0,5'"),
    "underscore": (with_number(32, 1, "1_0"), 32, "value.fc1.weight: number 1 is '1_0'"),
    "zero variance": (with_number(9, 1, "0"), 9, "block1.conv1.variance: number 1 is 0.0; a variance is"),
    "negative variance": (with_number(31, 1, "-0.25"), 31, "value.conv.variance: number 1 is -0.25"),
    "version 3": (with_line(1, lambda _: "3"), 1, "version '3' of the format is unknown; 1 and 2 exist"),
    "no version": (without_line(1), 1, "starts with .* and not with its version"),
}


@pytest.mark.parametrize(("damage", "line", "message"), DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_found_where_it_is(tmp_path: Path, damage: Damage, line: int, message: str) -> None:
    path = write_lines(tmp_path / "net.txt", damage(as_lines(tiny_weights())))
    (problem,) = check_weights(path, board_size=5)
    assert problem.line == line
    with pytest.raises(WeightsError, match=message) as error:
        read_weights(path)
    assert error.value.line == line
    assert error.value.problem == problem.message


def test_all_problems_are_listed_from_the_first_line_to_the_last(tmp_path: Path) -> None:
    lines = as_lines(tiny_weights())
    for name in ("NaN", "short row", "zero variance", "no number"):
        lines = DAMAGES[name][0](lines)
    lines = with_number(32, 2, "inf")(lines)
    problems = check_weights(write_lines(tmp_path / "net.txt", lines), board_size=5)
    assert [problem.line for problem in problems] == [3, 6, 9, 32, 32]


@given(number=st.integers(2, 35))
@quick
def test_no_missing_row_goes_unnoticed(tmp_path: Path, number: int) -> None:
    lines = without_line(number)(as_lines(tiny_weights()))
    (problem,) = check_weights(write_lines(tmp_path / "net.txt", lines), board_size=5)
    assert ("cut short" if number == 35 else "missing") in problem.message
    assert problem.line is not None
    assert abs(problem.line - number) <= 3  # bias, mean and variance are of one length


@given(number=st.integers(2, 35), data=st.data())
@quick
def test_no_cut_row_goes_unnoticed(tmp_path: Path, number: int, data: st.DataObject) -> None:
    numbers = as_lines(tiny_weights())[number - 1].split()
    kept = data.draw(st.integers(0, len(numbers) - 1))
    lines = with_line(number, lambda _: " ".join(numbers[:kept]))(as_lines(tiny_weights()))
    problems = check_weights(write_lines(tmp_path / "net.txt", lines), board_size=5)
    assert number in [problem.line for problem in problems]


@given(kept=st.floats(0, 0.999))
@quick
def test_no_cut_text_goes_unnoticed(tmp_path: Path, kept: float) -> None:
    text = "\n".join(as_lines(tiny_weights()))
    path = tmp_path / "net.txt"
    path.write_text(text[: int(kept * text.rindex(" "))])
    assert check_weights(path, board_size=5)


@given(kept=st.floats(0.01, 0.999))
@quick
def test_no_cut_gzip_goes_unnoticed(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "net.txt.gz"
    write_weights(tiny_weights(), path)
    content = path.read_bytes()
    path.write_bytes(content[: max(12, int(kept * len(content)))])
    (problem,) = check_weights(path, board_size=5)
    assert "cut short" in problem.message


def test_a_damaged_gzip_is_named_so(tmp_path: Path) -> None:
    path = tmp_path / "net.txt.gz"
    write_weights(tiny_weights(), path)
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF  # within the checksum
    path.write_bytes(content)
    (problem,) = check_weights(path, board_size=5)
    assert "gzip file is damaged" in problem.message


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("empty", "but an empty file"),
        ("game record", "but a game record"),
        ("KataGo", "but a KataGo network"),
        ("binary", "but binary data"),
        ("zip", "but a zip archive"),
        ("prose", "it starts with '# My network'"),
        ("web page", "it starts with '<!DOCTYPE html>'"),
    ],
)
def test_other_files_are_told_apart(tmp_path: Path, kind: str, message: str) -> None:
    path = write_foreign_files(tmp_path)[kind]
    (problem,) = check_weights(path)
    assert problem.message.startswith("not a Leela Zero weights file")
    assert message in problem.message
    assert not is_checkpoint(path)


def test_a_file_without_heads_is_no_network(tmp_path: Path) -> None:
    lines = as_lines(tiny_weights())
    (problem,) = check_weights(
        write_lines(tmp_path / "a.txt", ["1", *(" ".join(["0.5"] * length) for length in (5, 7, 11))])
    )
    assert "it has 3 rows of numbers, and a network has at least 18" in problem.message
    (problem,) = check_weights(write_lines(tmp_path / "b.txt", [lines[0], *" ".join(lines[1:]).split()]))
    assert re.search(r"it has \d+ rows of numbers, \d+ of them of 1;", problem.message)
    (problem,) = check_weights(write_lines(tmp_path / "c.txt", ["1", *["0.5 0.5"] * 100_000]))
    assert "it has more than 10000 rows of numbers, 10001 of them of 2;" in problem.message


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    (problem,) = check_weights(tmp_path / "nothing.txt")
    assert problem.message == "there is no such file"
    (problem,) = check_weights(tmp_path)
    assert "cannot be read" in problem.message


# Real files


def test_official_networks_are_sound_and_have_their_official_names(shared: Path) -> None:
    files = sorted((shared / "networks").glob("lz-5x64-*.gz"))
    assert len(files) == 12
    for file in files:
        found = weights_info(file)
        assert (found.version, found.shape, found.parameters) == (1, NetworkShape(5, 64), 735_976)
        assert found.text_sha256.startswith(file.name.split("-")[3].removesuffix(".gz"))


def test_real_files_of_other_kinds(shared: Path) -> None:
    networks = shared / "networks"
    assert check_weights(networks / "lz-0k-crlf.txt.gz") == []
    assert weights_info(networks / "lz-0k-crlf.txt.gz").shape == NetworkShape(1, 8)
    (othello,) = check_weights(networks / "othello-8x8-8b64f-200gen.txt.gz")
    assert othello.message == "the network was made for boards of 8x8, not for 19x19"
    assert check_weights(networks / "othello-8x8-8b64f-200gen.txt.gz", board_size=8) == []
    (katago,) = check_weights(next(networks.glob("katago-*.bin.gz")))
    assert "KataGo network" in katago.message


# Networks by name


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two bundled networks, and an empty current folder."""
    folder = tmp_path / "bundled"
    folder.mkdir()
    for seed, name in enumerate(["big", "small"]):
        write_weights(tiny_weights(seed), folder / f"{name}.txt.gz")
    monkeypatch.setattr(bundled, "BUNDLED_FOLDER", folder)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return folder


@pytest.mark.parametrize("name", ["big", "big.txt", "big.gz", "big.txt.gz"])
def test_bundled_networks_have_short_names(bundle: Path, name: str) -> None:
    assert resolve_network(name) == bundle / "big.txt.gz"


def test_a_file_goes_before_a_bundled_network(bundle: Path) -> None:
    Path("big.txt").write_text("mine")
    assert resolve_network("big.txt") == Path("big.txt")
    assert resolve_network("big") == bundle / "big.txt.gz"


def test_a_misspelt_name_gets_a_hint(bundle: Path) -> None:
    with pytest.raises(UserError, match="did you mean the bundled small"):
        resolve_network("smal.txt")
    with pytest.raises(UserError, match="no such file; the bundled networks are big, small"):
        resolve_network("zzz")
    with pytest.raises(UserError, match="no such file"):
        resolve_network("other/big.gz")
    with pytest.raises(UserError, match="it is a folder"):
        resolve_network(bundle)


# The command


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@needs_limits
@pytest.mark.parametrize("name", ["out.txt", "out.txt.gz"])
def test_a_disk_that_takes_no_more_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("as it was")
    done = run_limited(200000, "weights", "convert", "small", tmp_path / name, "--force")
    assert (done.returncode, done.stderr) == (2, f"lzeval: cannot write {tmp_path / name}: File too large\n")
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "as it was"


def test_info_describes_a_network(bundle: Path) -> None:
    status, output = run("info", "big", "--json")
    content = (bundle / "big.txt.gz").read_bytes()
    assert status == 0
    assert json.loads(output) == {
        "file": str(bundle / "big.txt.gz"),
        "version": 1,
        "blocks": 2,
        "filters": 3,
        "board_size": 5,
        "parameters": sum(tensor.size for tensor in tiny_weights().tensors.values()),
        "numbers_sha256": tiny_weights().numbers_sha256,
        "text_sha256": hashlib.sha256(gzip.decompress(content)).hexdigest(),
        "file_sha256": hashlib.sha256(content).hexdigest(),
        "file_bytes": len(content),
    }
    status, output = run("info", "big")
    assert status == 0
    assert "5x5" in output
    assert "the mover's" in output


def test_check_says_all_that_is_wrong(tmp_path: Path) -> None:
    lines = DAMAGES["NaN"][0](DAMAGES["short row"][0](as_lines(tiny_weights())))
    path = write_lines(tmp_path / "net.txt", lines)
    status, output = run("check", path, "--board-size", "5")
    assert status == 2
    assert [line.split(": ")[1] for line in output.splitlines()] == ["line 3", "line 6"]
    status, output = run("check", path, "--board-size", "5", "--json")
    answer = json.loads(output)
    assert (status, answer["sound"]) == (2, False)
    assert [problem["line"] for problem in answer["problems"]] == [3, 6]


def test_check_praises_a_sound_file(bundle: Path) -> None:
    assert run("check", "big", "--board-size", "5") == (0, f"{bundle / 'big.txt.gz'}: sound\n")
    status, output = run("check", "big")
    assert status == 2
    assert "5x5" in output


def test_convert_keeps_every_number(bundle: Path) -> None:
    status, _ = run("convert", "big", "mine.txt")
    assert status == 0
    assert_same(read_weights("mine.txt"), read_weights(bundle / "big.txt.gz"))


def test_convert_overwrites_only_by_force(bundle: Path) -> None:
    Path("mine.txt").write_text("precious")
    with pytest.raises(UserError, match=r"mine\.txt exists; use --force"):
        run("convert", "big", "mine.txt")
    assert Path("mine.txt").read_text() == "precious"
    assert run("convert", "big", "mine.txt", "--force", "--digits", "3")[0] == 0
    assert read_weights("mine.txt").shape == TINY


def test_convert_writes_text_only(bundle: Path) -> None:
    with pytest.raises(UserError, match=r"to end in .txt or .txt.gz"):
        run("convert", "big", "mine.onnx")


def test_looking_at_weights_does_without_torch(bundle: Path) -> None:
    program = (
        "import sys; from lzeval.cli.weights import app\n"
        "assert 'numpy' not in sys.modules\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules"
    )
    for command in (["info"], ["check", "--board-size", "5"]):
        arguments = [sys.executable, "-c", program, *command, str(bundle / "big.txt.gz")]
        outcome = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
        assert outcome.returncode == 0, outcome.stderr
