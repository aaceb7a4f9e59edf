"""Recorded text, made safe to show.

Names, arguments and errors in a trace come from models, web pages and files. Printed raw, they could move the cursor,
recolour or hide lines (control characters, ANSI escapes), reverse what is read (bidi controls: https://trojansource.codes)
or look like another name (zero-width characters).
"""

from __future__ import annotations

import unicodedata
from typing import Final

ELLIPSIS: Final = "..."

_MOST_MARKS: Final = 2
"""Accents that one letter may carry. More are drawn over the lines above and below; two is what Vietnamese needs."""

# Letters and marks that show nothing (Default_Ignorable_Code_Point in Unicode's DerivedCoreProperties.txt), besides
# those that `str.isprintable` already refuses; and the blank braille pattern.
_INVISIBLE: Final = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x2800, 0x3164, *range(0xFE00, 0xFE10)))
) | frozenset(map(chr, (0xFFA0, *range(0xE0100, 0xE01F0))))


def visible(text: str, most: int | None = None) -> str:
    r"""`text` on one line, with every character that does not simply show itself written as `\x1b`, `\u202e` and so on.

    Control characters, line ends, ANSI escapes, bidi and zero-width characters, lone surrogates, unassigned characters,
    and accents piled up on one letter. A backslash stays one: this is for reading, and not for reading back.

    Args:
        text: What was recorded.
        most: Characters of the answer, the final "..." included, at least 3; None: no limit.
    """
    # Every character gives at least one; a text of megabytes is not looked at to its end.
    shown = _escaped(text if most is None else text[: most + 1])
    return shown if most is None or len(shown) <= most else shown[: most - len(ELLIPSIS)] + ELLIPSIS


def _escaped(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    shown: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        harmless = character.isprintable() and character not in _INVISIBLE and marks <= _MOST_MARKS
        shown.append(character if harmless else _code_of(character))
    return "".join(shown)


def _code_of(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
