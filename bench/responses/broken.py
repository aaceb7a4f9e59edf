"""Broken answers, made from those of healthy tools."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from bench.responses.error_bodies import KNOWN, UNSEEN
from bench.responses.healthy import START, Turn, text

Break = Callable[[Any, Any, Random], Any]
"""A broken answer from the right one, the one before and a source of randomness; None: this answer cannot break so."""


def weather(random: Random) -> Iterator[Turn]:
    now, temperature = START, 15.0
    while True:
        now += 60 + random.expovariate(1 / 60)
        temperature = 0.99 * temperature + 0.15 + random.gauss(0, 0.5)
        answer = {
            "observed_at": now, "temperature": round(temperature, 2), "humidity": random.randrange(35, 95),
            "station": {"name": text(random, 2), "lat": random.gauss(52.5, 0.1), "lon": random.gauss(13.4, 0.1)},
        }  # fmt: skip
        yield Turn(answer, "Berlin", random.lognormvariate(-2, 0.5), 90)


def orders(random: Random) -> Iterator[Turn]:
    number = 4_000
    while True:
        number += random.randrange(1, 9)
        lines = [
            {
                "sku": text(random, 1),
                "quantity": random.randrange(1, 5),
                "price": round(random.lognormvariate(3, 0.5), 2),
            }
            for _ in range(random.randrange(1, 6))
        ]
        total = round(sum(line["quantity"] * line["price"] for line in lines), 2)
        answer = {"order_id": number, "total": total, "currency": "EUR", "paid": random.random() < 0.8, "lines": lines}
        if random.random() < 0.3:
            answer["coupon"] = text(random, 1)
        yield Turn(answer, number, random.lognormvariate(-3, 0.6), 30)


def search(random: Random) -> Iterator[Turn]:
    while True:
        count = 0 if random.random() < 0.05 else 20 if random.random() < 0.9 else random.randrange(1, 20)
        hits = [
            {"title": text(random, 6), "url": text(random, 3), "score": random.uniform(0.2, 1)} for _ in range(count)
        ]
        yield Turn({"hits": hits, "took_ms": int(random.lognormvariate(3, 0.5)), "page": 1}, random.random())


def json_search(random: Random) -> Iterator[Turn]:
    for turn in search(random):
        yield turn._replace(answer=json.dumps(turn.answer))


def rows(random: Random) -> Iterator[Turn]:
    while True:
        yield Turn([{"id": random.randrange(10**6), "name": text(random, 2), "age": random.randrange(18, 80)}
                    for _ in range(random.randrange(3, 30))], random.random())  # fmt: skip


def summary(random: Random) -> Iterator[Turn]:
    while True:
        yield Turn(text(random, random.randrange(20, 200)), random.random(), random.lognormvariate(0, 0.4))


def forecast(random: Random) -> Iterator[Turn]:
    while True:
        hours = [{"hour": hour, "rain": round(random.expovariate(1), 1)} for hour in range(24)]
        yield Turn({"city": text(random, 1), "hours": hours}, random.random())


TOOLS = {tool.__name__: tool for tool in (weather, orders, search, json_search, rows, forecast, summary)}


FILLERS = ("Lorem ipsum dolor sit amet", "[insert answer here]", "TODO", "example response", "<your answer>")


def missing_field(answer: Any, _before: Any, random: Random) -> Any:
    """Without one of the fields that are always there, at the top, inside, or in the first item of a list."""
    holders = [holder for holder in _holders(answer) if holder]
    if not holders:
        return None
    holder = random.choice(holders)
    names = [name for name in holder if name != "coupon"]
    del holder[random.choice(names)]
    return answer


def error_body(_answer: Any, _before: Any, random: Random) -> Any:
    return random.choice(KNOWN)


def unseen_error_body(_answer: Any, _before: Any, random: Random) -> Any:
    """One that no pattern was written for."""
    return random.choice(UNSEEN)


def empty_body(_answer: Any, _before: Any, random: Random) -> Any:
    """Nothing at all, of a tool that never answers nothing."""
    return random.choice((None, {}, "", "null", []))


def stale_answer(_answer: Any, before: Any, _random: Random) -> Any:
    """The whole answer of the call before."""
    return before


def stuck_value(answer: Any, before: Any, _random: Random) -> Any:
    """One value that always changes, as it was before."""
    name = next((name for name in ("temperature", "order_id") if isinstance(answer, dict) and name in answer), None)
    if name is None:
        return None
    return {**answer, name: before[name]}


def swapped_numbers(answer: Any, _before: Any, _random: Random) -> Any:
    if not isinstance(answer, dict):
        return None
    if "station" in answer:
        place = answer["station"]
        place["lat"], place["lon"] = place["lon"], place["lat"]
    elif "order_id" in answer:
        answer["order_id"], answer["total"] = answer["total"], answer["order_id"]
    else:
        return None
    return answer


def swapped_kinds(answer: Any, _before: Any, random: Random) -> Any:
    """A text and a number in each other's place."""
    for holder in _holders(answer):
        texts = [name for name, value in holder.items() if isinstance(value, str)]
        numbers = [name for name, value in holder.items() if isinstance(value, (int, float)) and value is not True]
        if texts and numbers:
            one, other = random.choice(texts), random.choice(numbers)
            holder[one], holder[other] = holder[other], holder[one]
            return answer
    return None


def times_1000(answer: Any, _before: Any, random: Random) -> Any:
    """One number in another unit. Not of ids and timestamps, which may jump."""
    places = [
        (holder, name)
        for holder in _holders(answer)
        for name in ("temperature", "humidity", "lat", "lon", "quantity", "price", "total", "score", "took_ms", "age")
        if name in holder
    ]
    if not places:
        return None
    holder, name = random.choice(places)
    holder[name] *= 1_000
    return answer


def wrong_type(answer: Any, _before: Any, random: Random) -> Any:
    holders = [holder for holder in _holders(answer) if holder]
    if not holders:
        return None
    holder = random.choice(holders)
    name = random.choice([name for name in holder if name != "coupon"])
    holder[name] = random.choice(["12.5", None, {"value": 1}, [1], ""]) if not isinstance(holder[name], str) else 7
    return answer


def truncated_list(answer: Any, _before: Any, _random: Random) -> Any:
    """The first item only, of lists that mostly have many."""
    for name in ("hits", "hours"):
        if isinstance(answer, dict) and len(answer.get(name, ())) >= 20:
            return {**answer, name: answer[name][:1]}
    return answer[:1] if isinstance(answer, list) else None


def placeholder(answer: Any, _before: Any, random: Random) -> Any:
    filler = random.choice(FILLERS)
    if isinstance(answer, str):
        return filler
    if isinstance(answer, dict):
        return {name: "string" if isinstance(value, str) else 0 for name, value in answer.items()} | {"message": filler}
    return [{"id": 0, "name": "string", "age": 0}]


BREAKS: dict[str, Break] = {
    brk.__name__.replace("_", " "): brk
    for brk in (
        missing_field, error_body, unseen_error_body, empty_body, wrong_type, swapped_kinds,
        swapped_numbers, times_1000, stale_answer, stuck_value, truncated_list, placeholder,
    )
}  # fmt: skip
"""Every way to break, by name."""


def broken(how: Break, answer: Any, before: Any, random: Random) -> Any:
    """A broken copy of `answer`; None when it cannot break so. JSON in a text breaks inside the text."""
    if isinstance(answer, str) and answer[:1] == "{":
        found = how(json.loads(answer), json.loads(before), random)
        return found if found is None or isinstance(found, str) else json.dumps(found)
    return how(copy.deepcopy(answer), copy.deepcopy(before), random)


def _holders(answer: Any) -> list[dict[str, Any]]:
    """The dicts whose fields are always there: the answer, what is inside it, the first items of lists."""
    if isinstance(answer, list):
        return [answer[0]]
    if not isinstance(answer, dict):
        return []
    inside = [value for value in answer.values() if isinstance(value, dict)]
    return [answer, *inside, *[value[0] for value in answer.values() if isinstance(value, list) and value]]
