import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.tracing.escaping import visible

HOSTILE = {
    "ANSI escape": ("a\x1b[31mb", r"a\x1b[31mb"),
    "C1 control sequence introducer": ("a\x9b31mb", r"a\x9b31mb"),
    "end of line": ("a\nb\r\n", r"a\nb\r\n"),
    "tabulator": ("a\tb", r"a\tb"),
    "backspace": ("a\bb", r"a\x08b"),
    "line separator": ("a\u2028b", r"a\u2028b"),
    "right-to-left override": ("a\u202eb", r"a\u202eb"),
    "bidi isolate": ("a\u2066b\u2069", r"a\u2066b\u2069"),
    "zero-width space": ("a\u200bb", r"a\u200bb"),
    "byte order mark": ("\ufeffa", r"\ufeffa"),
    "soft hyphen": ("a\xadb", r"a\xadb"),
    "no-break space": ("a\xa0b", r"a\xa0b"),
    "lone surrogate": ("a\ud800b", r"a\ud800b"),
    "Hangul filler": ("a\u3164b", r"a\u3164b"),
    "variation selector": ("a\U000e0101b", r"a\U000e0101b"),
    "tag character": ("a\U000e0041b", r"a\U000e0041b"),
    "unassigned": ("a\u0378b", r"a\u0378b"),
    "private use": ("a\ue000b", r"a\ue000b"),
    "accents piled up": ("Z\u0301\u0301\u0301\u0301", "Z\u0301\u0301\\u0301\\u0301"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_does_not_show_itself_is_written_as_its_code(kind):
    text, shown = HOSTILE[kind]
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text", ["", "search_web", "größe", "日本語", "Tiếng Việt", "e\u0301te\u0301", "🙂 emoji", r"C:\temp"]
)
def test_text_that_shows_itself_stays_as_it_is(text):
    assert visible(text) == text


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_that_a_terminal_obeys_gets_through(text):
    shown = visible(text)
    assert shown.isprintable()
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text(st.characters(exclude_categories=())), st.integers(3, 50))
def test_the_limit_includes_the_dots(text, most):
    shown = visible(text, most)
    assert len(shown) <= most
    assert shown == visible(text) or shown.endswith("...")
