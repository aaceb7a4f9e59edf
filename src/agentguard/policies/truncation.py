"""`truncate`: a result short enough for a model to read, with a marker that says what is missing.

The limit includes the marker. Texts and bytes lose an end or their middle; dicts, lists and tuples stay valid JSON and
are pruned (`pruning.py`); everything else is left alone. Nothing is copied that is not kept, however long the value.
"""

from __future__ import annotations

from agentguard.core.config import OutputLimitConfig
from agentguard.policies.cutting import BYTES, TEXT, Keep, cut
from agentguard.policies.json_size import fits_easily, json_length
from agentguard.policies.pruning import prune


def is_too_long(value: object, config: OutputLimitConfig) -> bool:
    """Whether `truncate` would change the value."""
    if isinstance(value, (str, bytes)):
        return len(value) > config.max_chars or _has_too_many_lines(value, config.max_lines)
    if isinstance(value, (dict, list, tuple)):
        return not fits_easily(value, config.max_chars) and json_length(value, config.max_chars) > config.max_chars
    return False


def truncate(value: object, config: OutputLimitConfig, where: str | None = None) -> tuple[object, bool]:
    """The value within its limits, and whether it had to be cut.

    A value that fits is returned as the same object. `where` is the place of the whole value, such as the file it was
    spilled to, and goes into the marker unless that would leave no room for it. `max_lines` holds for texts and bytes.
    """
    if not is_too_long(value, config):
        return value, False
    keep: Keep = config.keep
    if isinstance(value, str):
        return cut(value, TEXT, keep, max_chars=config.max_chars, max_lines=config.max_lines, where=where), True
    if isinstance(value, bytes):
        return cut(value, BYTES, keep, max_chars=config.max_chars, max_lines=config.max_lines, where=where), True
    return prune(value, config.max_chars, keep, where=where), True


def _has_too_many_lines(value: str | bytes, most: int | None) -> bool:
    if most is None:
        return False
    if isinstance(value, bytes):
        return value.count(b"\n") + (not value.endswith(b"\n")) > most
    return value.count("\n") + (not value.endswith("\n")) > most
