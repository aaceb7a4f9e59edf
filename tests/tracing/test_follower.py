"""Following a store, one look after the other; `tests/cli/test_tail.py` does it with another process."""

import os

import pytest

from agentguard.errors import ConfigError
from agentguard.tracing.follower import Follower
from agentguard.tracing.sinks.store_reader import AT_ONCE
from tests.tracing.spans import append, span


@pytest.fixture(params=["sqlite", "jsonl"])
def backend(request):
    return request.param


def names(spans):
    return [each.name for each in spans]


def test_only_what_arrives_is_given_and_only_once(tmp_path, backend):
    append(tmp_path, backend, span("old"))
    follower = Follower(tmp_path)
    assert follower.poll() == []
    append(tmp_path, backend, span("a", started_at=9), span("b", started_at=3))
    assert names(follower.poll()) == ["a", "b"]  # as they arrived
    assert follower.poll() == []
    append(tmp_path, backend, span("c"))
    assert names(follower.poll()) == ["c"]


def test_the_newest_that_are_there_come_first(tmp_path, backend):
    append(tmp_path, backend, *(span(str(number), started_at=number) for number in range(5)))
    follower = Follower(tmp_path, newest=2)
    assert names(follower.poll()) == ["3", "4"]
    assert follower.poll() == []


def test_a_store_that_comes_later_is_waited_for_and_all_of_it_is_new(tmp_path, backend):
    follower = Follower(tmp_path / "later", newest=1)
    assert follower.poll() == []
    assert follower.is_waiting
    append(tmp_path / "later", backend, span("a"), span("b"))
    assert names(follower.poll()) == ["a", "b"]
    assert not follower.is_waiting


def test_filters_hold_for_what_was_there_and_for_what_comes(tmp_path, backend):
    append(tmp_path, backend, span("a", started_at=1), span("b", started_at=2))
    follower = Follower(tmp_path, newest=5, tool="a", text="tea")
    assert follower.poll() == []
    append(tmp_path, backend, span("a", input={"q": "tea"}), span("a"), span("b", input={"q": "tea"}))
    assert [each.input for each in follower.poll()] == [{"q": "tea"}]


def test_a_wrong_filter_is_refused_at_once(tmp_path):
    with pytest.raises(ConfigError):
        Follower(tmp_path, status="great")


def test_a_great_many_come_over_several_looks(tmp_path, backend):
    follower = Follower(tmp_path)
    follower.poll()
    append(tmp_path, backend, *(span(str(number)) for number in range(AT_ONCE + 3)))
    looks = [follower.poll() for _ in range(3)]
    assert [len(look) for look in looks] == [AT_ONCE, 3, 0]


def test_a_store_that_was_replaced_is_followed_from_its_beginning(tmp_path, backend):
    append(tmp_path, backend, span("a"), span("b"))
    follower = Follower(tmp_path)
    follower.poll()
    append(tmp_path / "new", backend, span("c"))
    (file,) = (tmp_path / "new").iterdir()
    os.replace(file, tmp_path / file.name)
    assert names(follower.poll()) == ["c"]


def test_a_line_that_is_still_being_written_is_given_when_it_is_whole(tmp_path):
    append(tmp_path, "jsonl", span("a"))
    file = tmp_path / "agentguard_traces.jsonl"
    follower = Follower(tmp_path)
    follower.poll()
    line = file.read_bytes().replace(b'"a"', b'"b"')
    with file.open("ab") as out:
        out.write(line[:20])
        out.flush()
        assert follower.poll() == []
        out.write(line[20:])
    assert names(follower.poll()) == ["b"]
