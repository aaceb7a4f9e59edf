"""A baseline as plain values, for a file, and back.

What is written are names of fields, counts, and the ends and a few quantiles of numbers, rounded to three digits: no
text of an answer. A number that hardly varies is thereby written nearly as it is. A field whose name says that it holds
a secret keeps no numbers, and a key that is seldom there is taken for data and not written at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from agentguard.policies.answer_kinds import ABSENT, NAMES
from agentguard.policies.baseline import AnswerBaseline
from agentguard.policies.baseline_field import MAX_DEPTH, MAX_FIELDS, MAX_NAME, Field
from agentguard.policies.number_range import NumberRange
from agentguard.policies.secret_names import SecretNames

FORMAT: Final = "agentguard baseline"
VERSION: Final = 1

_SELDOM: Final = 0.02
"""Share of answers below which a key is taken for data: ids and names of people may be keys."""
_DIGITS: Final = 3
_QUANTILES: Final = 8
_MOST: Final = 10**12

_secret_names = SecretNames()


def record_of(baseline: AnswerBaseline) -> dict[str, Any]:
    """`baseline` in values that JSON knows."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "answer": _field_record(baseline.root, ""),
        "latency_ms": _range_record(baseline.latency),
        "size": _range_record(baseline.size),
    }


def baseline_of(record: Any) -> AnswerBaseline:
    """The baseline that was written as `record`.

    Raises:
        ValueError: It is none, or a damaged one; says in words what is wrong.
    """
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError("it is not a baseline of agentguard")
    if record.get("version") != VERSION:
        raise ValueError(f"it has the version {record.get('version')!r}, and this agentguard reads {VERSION}")
    baseline = AnswerBaseline()
    try:
        baseline.root = _field_of(record["answer"], Field("", 0))
        _fill(baseline.latency, record["latency_ms"])
        _fill(baseline.size, record["size"])
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"a part of it is missing or of another kind ({error})") from None
    baseline.places = _places_in(baseline.root)
    if baseline.places > MAX_FIELDS:
        raise ValueError(f"it has {baseline.places} fields, and the most is {MAX_FIELDS}")
    return baseline


def _field_record(field: Field, name: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "total": field.total,
        "kinds": {NAMES[kind]: count for kind, count in enumerate(field.counts) if count},
    }
    if field.range.count and not _secret_names.is_secret(name):
        record["range"] = _range_record(field.range)
    if field.lengths.count:
        record["lengths"] = _range_record(field.lengths)
    if field.fresh is not None and any(field.fresh.changes):
        record["changes"], record["repeats"] = field.fresh.changes, field.fresh.repeats
    inside = {name: child for name, child in field.fields.items() if _is_structure(child)}
    if inside:
        record["fields"] = {name: _field_record(child, name) for name, child in inside.items()}
    if field.items is not None:
        record["items"] = _field_record(field.items, name)
    return record


def _is_structure(field: Field) -> bool:
    return field.total - field.counts[ABSENT] > _SELDOM * field.total


def _range_record(usual: NumberRange) -> dict[str, Any]:
    rises, falls = usual.steps
    quantiles = _rounded(usual.quantiles())
    return {"count": usual.count, "rises": rises, "falls": falls, "quantiles": quantiles}


def _rounded(quantiles: list[float]) -> list[float]:
    """The same with three digits of the number or of the spread, whichever are more; the ends outward, so that what was
    usual stays so.
    """
    if not quantiles:
        return []
    spread = quantiles[-1] - quantiles[0]
    ways = [ROUND_FLOOR, *[ROUND_HALF_EVEN] * (len(quantiles) - 2), ROUND_CEILING]
    return [_round(each, spread, way) for each, way in zip(quantiles, ways, strict=True)]


def _round(number: float, spread: float, way: str) -> float:
    if not number:
        return number
    smallest = min(abs(number), spread or math.inf)
    place = math.floor(math.log10(smallest)) - _DIGITS + 1
    return float(Decimal(repr(number)).quantize(Decimal(1).scaleb(place), way))


def _field_of(record: Mapping[str, Any], field: Field) -> Field:
    if field.depth > MAX_DEPTH:
        raise ValueError("it is nested too deep")
    _fill_counts(record, field)
    for name, inside in record.get("fields", {}).items():
        if len(name) > MAX_NAME:
            raise ValueError("a name in it is too long")
        _field_of(inside, field.add(name))
    if "items" in record:
        _field_of(record["items"], field.add_items())
    return field


def _fill_counts(record: Mapping[str, Any], field: Field) -> None:
    field.counts = [_count(record["kinds"].get(name, 0)) for name in NAMES]
    field.total = _count(record["total"])
    field.main = max(range(len(NAMES)), key=field.counts.__getitem__)
    if "range" in record:
        _fill(field.range, record["range"])
    if "lengths" in record:
        _fill(field.lengths, record["lengths"])
    if field.fresh is not None and "changes" in record:
        field.fresh.changes, field.fresh.repeats = _pair(record["changes"]), _pair(record["repeats"])


def _fill(usual: NumberRange, record: Mapping[str, Any]) -> None:
    quantiles = [_finite(each) for each in record["quantiles"]]
    if quantiles:
        if len(quantiles) != _QUANTILES or quantiles != sorted(quantiles):
            raise ValueError("the quantiles in it are not in order")
        usual.restore(
            quantiles,
            count=_count(record["count"]),
            rises=_count(record["rises"]),
            falls=_count(record["falls"]),
        )


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise ValueError(f"{value!r:.40} in it is no count")
    return value


def _pair(values: Any) -> list[int]:
    one, other = values
    return [_count(one), _count(other)]


def _finite(value: Any) -> float:
    if type(value) not in {int, float} or not math.isfinite(value):
        raise ValueError(f"{value!r:.40} in it is no finite number")
    return float(value)


def _places_in(field: Field) -> int:
    inside = [*field.fields.values(), *([] if field.items is None else [field.items])]
    return 1 + sum(map(_places_in, inside))
