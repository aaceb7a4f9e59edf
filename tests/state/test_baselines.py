"""`Baseline`: learned from recorded calls, saved, loaded, shared."""

import json
import os
import random
import stat
import threading

import pytest

from agentguard import Baseline, ResponseProfile, StorageError, guard, open_store, record_session
from agentguard.state.baselines import MAX_FILE_BYTES
from agentguard.testing import FakeRuntime


def orders(count):
    source = random.Random(3)
    return [{"id": number, "total": round(source.uniform(10, 90), 2), "city": "Bern"} for number in range(count)]


def fed(count=400):
    baseline = Baseline()
    for number, answer in enumerate(orders(count)):
        baseline.observe(answer, 5.0, number * 60.0, number)
    return baseline


def test_a_new_baseline_finds_nothing():
    assert Baseline().judge({"anything": 5}, 1.0) == []


def test_a_saved_baseline_is_the_same_after_loading(tmp_path):
    baseline = fed()
    baseline.save(tmp_path / "orders.json")
    loaded = Baseline.load(tmp_path / "orders.json")
    assert loaded.summary()["required"] == baseline.summary()["required"] == ["city", "id", "total"]
    assert [signal.name for signal in loaded.judge({"id": 5, "city": "Bern"}, 5.0)] == ["usual_fields"]


def test_saving_replaces_the_file_in_one_step_and_leaves_nothing_else(tmp_path):
    file = tmp_path / "orders.json"
    fed(10).save(file)
    fed(20).save(str(file))
    assert os.listdir(tmp_path) == ["orders.json"]
    assert Baseline.load(file).summary()["answers"] == 20


def test_saving_follows_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    os.symlink(tmp_path / "real" / "a.json", tmp_path / "link.json")
    fed(10).save(tmp_path / "link.json")
    assert os.path.islink(tmp_path / "link.json")
    assert Baseline.load(tmp_path / "real" / "a.json").summary()["answers"] == 10


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(StorageError, match="nowhere"):
        fed(10).save(tmp_path / "nowhere" / "a.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="folder"):
        fed(10).save(tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"format": "agentguard', "not JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"some": "other file"}', "not a baseline"),
        (b'{"format": "agentguard baseline", "version": 99}', "version"),
        (b" " * (MAX_FILE_BYTES + 1), "bytes"),
    ],
)
def test_a_broken_or_foreign_file_says_which_and_what_to_do(tmp_path, content, why):
    file = tmp_path / "what.json"
    file.write_bytes(content)
    with pytest.raises(StorageError, match=rf"what\.json.*{why}.*Baseline\.save"):
        Baseline.load(file)


def test_a_missing_file_is_an_error_at_decoration(tmp_path):
    with pytest.raises(StorageError, match=r"typo\.json"):
        guard(print, response_profile=ResponseProfile(learn=True, baseline=tmp_path / "typo.json"))


def test_the_file_holds_no_texts_and_is_for_its_owner_alone(tmp_path):
    fed().save(tmp_path / "a.json")
    assert "Bern" not in (tmp_path / "a.json").read_text()
    assert json.loads((tmp_path / "a.json").read_text())["format"] == "agentguard baseline"
    assert stat.S_IMODE(os.stat(tmp_path / "a.json").st_mode) == 0o600


def test_a_baseline_is_learned_from_recorded_calls(tmp_path):
    answers = iter([*orders(400), {"error": "down"}, ValueError("no")])

    @guard
    def order(number):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with FakeRuntime() as clock, record_session(storage=tmp_path):
        for number in range(401):
            order(number)
            clock.advance(60)
        with pytest.raises(ValueError, match="no"):
            order(402)
    baseline = Baseline.from_calls(open_store(tmp_path).spans(tool="order"))
    assert baseline.summary()["answers"] == 400
    assert baseline.summary()["required"] == ["city", "id", "total"]
    assert [signal.name for signal in baseline.judge({"id": 5, "total": 20.0}, None)] == ["usual_fields"]


def test_reset_goes_back_to_what_was_loaded(tmp_path):
    fed(50).save(tmp_path / "a.json")
    baseline = Baseline.load(tmp_path / "a.json")
    for number in range(20):
        baseline.observe({"id": number}, 5.0, number)
    baseline.reset()
    assert baseline.summary()["answers"] == 50
    fresh = fed(20)
    fresh.reset()
    assert fresh.summary()["answers"] == 0


def test_an_answer_that_cannot_be_read_is_doubtful_and_raises_nothing():
    class Key(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            raise RuntimeError

    baseline = fed()
    answer = {Key("total"): 5}
    (signal,), notes = baseline.observe(answer, 1.0, 1.0)
    assert (signal.name, notes) == ("unreadable", [])
    assert [each.name for each in baseline.judge(answer, 1.0)] == ["unreadable"]


def test_threads_may_share_a_baseline():
    baseline = Baseline()

    def feed(start):
        for number in range(500):
            baseline.observe({"id": start + number, f"key {number % 30}": [number]}, 1.0, number)
            baseline.summary()

    threads = [threading.Thread(target=feed, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert baseline.summary()["answers"] + baseline.summary()["refused"] == 4_000


def test_a_baseline_shows_how_much_it_knows():
    assert repr(fed(20)) == "<Baseline of 20 answers>"
