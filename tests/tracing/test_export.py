"""What is exported: all of it, readable by others, and harmless to them."""

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest

from agentguard.tracing.export import as_csv, as_json, as_json_lines
from agentguard.tracing.html_page import html_page
from tests.tracing.spans import refused, span

HOSTILE = "</script></code><img src=x onerror=alert(1)>\"'`\x1b[2J\u202egnp\u2066\u200b\x00\ud800 --> {{7*7}}"
FORBIDDEN = set("\x1b\u202e\u2066\u200b\x00\ud800")
VOID = {"meta", "input"}


class Page(HTMLParser):
    """The elements and texts of a page; every element must be closed where it was opened."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open[-1:] not in (["script"], ["style"]):
            self.texts.append(text)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for each, attributes in self.elements if each == tag]


def hostile_span():
    made = span(
        HOSTILE,
        session_id=HOSTILE,
        input={HOSTILE: HOSTILE},
        output=[HOSTILE],
        status="error",
        error={"type": HOSTILE, "message": HOSTILE},
        call_status=HOSTILE,
        attempts=HOSTILE,
        metadata={HOSTILE: HOSTILE},
        span_id="h",
    )
    made.events = [{"name": HOSTILE, "at": 0.1}]
    return made


def test_json_and_lines_of_json_hold_everything_and_are_ascii():
    spans = [span("a", input={"q": "tea"}, session_id="s"), hostile_span()]
    whole, lines = "".join(as_json(spans)), "".join(as_json_lines(spans))
    assert whole.isascii()
    assert json.loads(whole) == [json.loads(line) for line in lines.splitlines()]
    first, second = json.loads(whole)
    assert (first["name"], first["input"], first["session_id"]) == ("a", {"q": "tea"}, "s")
    assert second["error"]["message"] == HOSTILE


def test_nothing_is_an_empty_export_of_each_kind():
    assert json.loads("".join(as_json([]))) == []
    assert "".join(as_json_lines([])) == ""
    assert len(list(csv.reader(as_csv([])))) == 1
    assert "0 spans" in Page("".join(html_page([]))).text


def test_csv_has_a_row_for_each_call():
    spans = [
        span("a", input={"q": 'say "hi", twice'}, output=[1, 2], attempts=2),
        refused("circuit_open", "circuit_open", "b", error={"type": "CircuitOpenError", "message": "open"}),
        span("attempt 1", kind="attempt"),
    ]
    rows = list(csv.DictReader(io.StringIO("".join(as_csv(spans)))))
    assert [(row["tool"], row["status"], row["attempts"], row["ran"]) for row in rows] == [
        ("a", "success", "2", "True"),
        ("b", "circuit_open", "1", "False"),
    ]
    assert json.loads(rows[0]["arguments"]) == {"q": 'say "hi", twice'}
    assert rows[0]["started_at"] == "1970-01-01T00:00:00.000000+00:00"


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_no_spreadsheet_takes_a_recorded_text_for_a_formula(formula):
    rows = list(csv.DictReader(as_csv([span(formula, session_id=formula)])))
    assert rows[0]["tool"] == rows[0]["session_id"] == f"'{formula}"


def test_hostile_values_are_harmless_in_csv():
    made = hostile_span()
    made.attributes = {}
    assert not set("".join(as_csv([made]))) & FORBIDDEN


def test_a_page_shows_hostile_values_as_text_only():
    text = "".join(html_page([hostile_span()], note=HOSTILE))
    assert not set(text) & FORBIDDEN
    page = Page(text)
    assert page.all("img") == []
    assert len(page.all("script")) == 1
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "<img src=x onerror=alert(1)>" in page.text
    assert r"\u202egnp\u2066" in page.text


def test_a_page_needs_no_network_and_runs_no_script_but_its_own():
    text = "".join(html_page([span("a")]))
    assert re.findall(r"https?:|//\w|@import|url\(", text) == []
    page = Page(text)
    assert not any({"src", "href"} & attributes.keys() for _, attributes in page.elements)
    (policy,) = [meta["content"] for meta in page.all("meta") if "content" in meta and "default-src" in meta["content"]]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2]


def test_the_policy_of_a_page_names_its_script():
    import base64
    import hashlib

    text = "".join(html_page([span("a")]))
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in text


def test_a_page_has_a_tree_with_bars_that_show_what_ran_at_once():
    spans = [
        span("outer", span_id="o", started_at=100, duration=10, session_id="s"),
        span("one", parent_id="o", started_at=102, duration=3, session_id="s"),
        span("two", parent_id="o", started_at=104, duration=5, session_id="s", status="timeout"),
    ]
    text = "".join(html_page(spans))
    page = Page(text)
    bars = [attributes["style"] for attributes in page.all("div") if attributes.get("class") == "bar"]
    assert bars == ["left:0.000%;width:100.000%", "left:20.000%;width:30.000%", "left:40.000%;width:50.000%"]
    rows = [attributes["class"] for attributes in page.all("tr") if "data-row" in attributes]
    assert rows == ["ok tool", "ok tool", "timeout tool"]
    indents = re.findall(r"padding-left:([\d.]+)rem", text)
    assert indents == ["0.0", "1.2", "1.2"]
    assert "at most 2 at once" in page.text
    assert {"aria-label": "At most 2 calls at once", "class": "levels", "role": "img"} in page.all("div")


def test_a_page_is_readable_in_light_and_dark_by_all():
    page = Page("".join(html_page([span("a", status="timeout")])))
    text = "".join(html_page([span("a")]))
    assert "prefers-color-scheme: dark" in text
    assert page.all("html") == [{"lang": "en"}]
    assert all(cell.get("scope") == "col" for cell in page.all("th"))
    assert "timeout" in page.text, "a status is a word, and not only a colour"
    assert page.all("p")[1] == {"id": "search", "hidden": None}, (
        "without a script, there is no filter that does nothing"
    )


def test_each_session_has_its_part_of_the_page_and_so_has_each_trace_outside():
    spans = [span(session_id="s"), span(session_id="s"), span(trace_id="t1"), span(trace_id="t2")]
    page = Page("".join(html_page(spans)))
    assert len(page.all("section")) == 3
    assert all(title in page.text for title in ("session s", "trace t1", "trace t2"))


def test_a_long_payload_is_cut_on_a_page_and_says_so():
    text = "".join(html_page([span("a", output="x" * 50_000)]))
    assert len(text) < 40_000
    assert "more characters: see --format json" in text


def test_a_very_deep_tree_and_a_very_deep_value_are_exported():
    deep = [span(str(n), span_id=f"s{n}", parent_id=f"s{n - 1}", trace_id="t") for n in range(1_500)]
    assert len(Page("".join(html_page(deep))).all("details")) == 1_500
    nested = span("nested")
    nested.output_json = b"[" * 900 + b"]" * 900
    assert json.loads("".join(as_json([nested])))[0]["name"] == "nested"
    assert Page("".join(html_page([nested]))).all("pre") != []
