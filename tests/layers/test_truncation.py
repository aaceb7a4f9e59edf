"""Results no longer than a model should read; the whole value elsewhere."""

import json

import pytest

from agentguard import OutputLimitConfig, guard, session
from agentguard.testing import FakeRuntime
from tests.layers.bodies import Script
from tests.matrix.ways import Way

LONG = "begin " + "x" * 1_000 + " end"


def test_a_text_is_no_longer_than_the_limit_marker_included(call: Way):
    value = call(guard(Script(LONG), output_limit=200))
    assert len(value) <= 200
    assert value.startswith("begin")


def test_a_short_result_is_the_same_object(call: Way):
    value = {"short": True}
    assert call(guard(Script(value), output_limit=200)) is value


@pytest.mark.parametrize(
    ("keep", "starts", "ends"), [("head", True, False), ("tail", False, True), ("both", True, True)]
)
def test_head_tail_or_both_are_kept(keep, starts, ends):
    value = guard(Script(LONG), output_limit=OutputLimitConfig(200, keep=keep))()
    assert len(value) <= 200
    assert (value.startswith("begin"), value.endswith(" end")) == (starts, ends)


def test_lines_are_limited_too():
    value = guard(Script("line\n" * 100), output_limit=OutputLimitConfig(max_lines=5))()
    assert len(value.splitlines()) <= 5


def test_json_stays_json(call: Way):
    rows = [{"id": n, "text": "y" * 50} for n in range(100)]
    value = call(guard(Script({"rows": rows}), output_limit=1_000))
    assert len(json.dumps(value, separators=(",", ":"))) <= 1_000
    assert value["rows"][0] == rows[0]


def test_the_tools_own_value_is_not_changed():
    rows = [{"text": "y" * 500} for _ in range(10)]
    guard(Script(rows), output_limit=100)()
    assert rows == [{"text": "y" * 500} for _ in range(10)]


def test_bytes_are_shortened():
    value = guard(Script(b"z" * 1_000), output_limit=100)()
    assert isinstance(value, bytes)
    assert len(value) <= 100


def test_other_values_are_left_alone():
    value = object()
    assert guard(Script(value), output_limit=100)() is value


def test_the_trace_has_the_whole_value(call: Way):
    with session() as recorded:
        call(guard(Script(LONG), output_limit=100))
    [entry] = recorded.entries()
    assert entry.result.return_value == LONG
    assert entry.result.truncated


def test_the_whole_value_is_spilled_where_a_folder_is_given(call: Way, tmp_path):
    folder = tmp_path / "not" / "there"
    tool = guard(Script(LONG), output_limit=OutputLimitConfig(400, spill_dir=folder))
    value = call(tool)
    [path] = folder.iterdir()
    assert path.read_text(encoding="utf-8") == LONG
    assert str(path) in value
    call(tool)
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    ("value", "suffix"), [(b"z" * 1_000, ".bin"), ({"a": "z" * 1_000}, ".json"), ("z" * 1_000, ".txt")]
)
def test_a_spilled_file_is_named_after_what_it_holds(value, suffix, tmp_path):
    guard(Script(value), output_limit=OutputLimitConfig(100, spill_dir=tmp_path))()
    [path] = tmp_path.iterdir()
    assert path.suffix == suffix


def test_a_spilled_dict_is_json(tmp_path):
    guard(Script({"a": "z" * 1_000}), output_limit=OutputLimitConfig(100, spill_dir=tmp_path))()
    [path] = tmp_path.iterdir()
    assert json.loads(path.read_bytes()) == {"a": "z" * 1_000}


def test_a_result_that_fits_is_not_spilled(tmp_path):
    guard(Script("short"), output_limit=OutputLimitConfig(100, spill_dir=tmp_path))()
    assert list(tmp_path.iterdir()) == []


def test_a_tool_name_that_is_no_file_name_is_no_problem(tmp_path):
    guard(Script(LONG), name="../../etc/x", output_limit=OutputLimitConfig(100, spill_dir=tmp_path))()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_costs_only_the_copy(tmp_path, caplog, call: Way):
    (tmp_path / "file").write_text("in the way")
    tool = guard(Script(LONG), output_limit=OutputLimitConfig(100, spill_dir=tmp_path / "file"))
    assert len(call(tool)) <= 100
    assert "could not be written" in caplog.text


def test_lone_surrogates_are_spilled(tmp_path):
    guard(Script("\ud800" * 1_000), output_limit=OutputLimitConfig(100, spill_dir=tmp_path))()
    [path] = tmp_path.iterdir()
    assert path.read_bytes().decode("utf-8", "surrogatepass") == "\ud800" * 1_000


def test_each_item_of_a_stream_is_shortened():
    def body():
        yield LONG
        yield "short"

    first, second = guard(body, output_limit=100)()
    assert len(first) <= 100
    assert second == "short"


def test_errors_are_not_shortened(clock: FakeRuntime):
    with pytest.raises(ValueError, match=r"x{500}"):
        guard(Script(ValueError("x" * 500)), output_limit=100)()
