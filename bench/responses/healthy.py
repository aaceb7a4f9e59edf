"""Healthy tools. Each gives answers as real tools do: everything in them is right, however odd it looks.

A tool is a generator of `Turn`s, made from a source of randomness.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

DAY = 86_400.0
START = 1_750_000_000.0
WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "for",
    "on",
    "with",
    "from",
    "result",
    "order",
    "city",
    "report",
    "value",
    "sensor",
    "market",
    "user",
    "page",
    "north",
]


class Turn(NamedTuple):
    """One call of a tool."""

    answer: Any
    question: Any = 0
    latency: float = 0.05
    """Seconds in the body."""
    pause: float = 60.0
    """Seconds until the next call."""


Tool = Callable[[Random], Iterator[Turn]]


def text(random: Random, words: int) -> str:
    return " ".join(random.choices(WORDS, k=max(1, words)))


def increasing_ids(random: Random) -> Iterator[Turn]:
    number, job = random.randrange(1_000_000), 0
    while True:
        number += 1 + int(random.expovariate(0.1)) + (random.randrange(10**7) if random.random() < 0.002 else 0)
        job += random.random() < 0.1
        yield Turn({"id": number, "job": job, "state": random.choice(("new", "done"))}, number)


def ids_out_of_order(random: Random) -> Iterator[Turn]:
    """Ids and times of calls that overlap, so that they do not come in the order in which they were made."""
    number, waiting = 10**6, []
    while True:
        number += random.randrange(1, 50)
        waiting.append({"id": number, "at": START + number / 7, "page": number // 100})
        if len(waiting) > 8:
            yield Turn(waiting.pop(random.randrange(8)), random.random())


def timestamps(random: Random) -> Iterator[Turn]:
    now = START
    while True:
        pause = random.expovariate(1 / 60.0)
        now += pause
        modified = now - random.paretovariate(0.7) * 10
        answer = {
            "at": now,
            "ms": int(now * 1000),
            "iso": f"T{now:.3f}",
            "modified": modified,
            "on": random.gauss(0, 1),
        }
        yield Turn(answer, pause=pause)


def seasons(random: Random) -> Iterator[Turn]:
    now, pause = 0.0, random.choice((120.0, 900.0, 3_600.0))
    while True:
        now += pause
        day = 1 + 0.8 * math.sin(2 * math.pi * now / DAY)
        week = 0.3 if (now // DAY) % 7 >= 5 else 1.0
        visitors = int(random.gauss(1, 0.1) * 5_000 * day * week)
        yield Turn(
            {"visitors": max(0, visitors), "load": round(day * week * random.uniform(0.9, 1.1), 3)},
            now // pause,
            pause=pause,
        )


def slow_tails(random: Random) -> Iterator[Turn]:
    while True:
        slow = random.random() < 0.03
        latency = random.paretovariate(1.1) if slow else random.lognormvariate(-3, 0.8)
        yield Turn({"ok": True, "count": random.randrange(100)}, latency=latency)


def optional_fields(random: Random) -> Iterator[Turn]:
    shares = {"note": 0.5, "phone": 0.9, "fax": 0.05, "vat": 0.95, "title": 0.98, "middle": 0.99, "suffix": 0.01}
    while True:
        answer: dict[str, Any] = {"name": text(random, 2), "age": random.randrange(18, 90)}
        answer |= {name: text(random, 1) for name, share in shares.items() if random.random() < share}
        answer["email"] = None if random.random() < 0.03 else "someone at home"
        yield Turn(answer, random.random())


def lists(random: Random) -> Iterator[Turn]:
    while True:
        count = 0 if random.random() < 0.08 else min(50, int(random.paretovariate(0.9)))
        hits = [
            {"id": random.randrange(10**6), "score": random.random(), "title": text(random, 5)} for _ in range(count)
        ]
        yield Turn({"hits": hits, "total": count * random.randrange(1, 40)}, random.random())


def newest_first(random: Random) -> Iterator[Turn]:
    latest = 5_000_000
    while True:
        latest += random.randrange(1, 5_000)
        posts = [{"id": latest - 7 * index, "likes": int(random.lognormvariate(2, 1.5))} for index in range(10)]
        yield Turn(posts, random.random())


def growing_totals(random: Random) -> Iterator[Turn]:
    users, sent, today = 10_000, 0.0, 0
    for count in range(10**9):
        users += random.random() < 0.05 and int(random.paretovariate(0.8))
        sent += random.lognormvariate(8, 2)
        today = 0 if count % 144 == 0 else today + random.randrange(20)
        yield Turn({"users": users, "sent": sent, "today": today, "quota_left": 10**7 - count}, pause=600)


def price_walks(random: Random) -> Iterator[Turn]:
    price, volume = random.uniform(1, 500), 1e6
    while True:
        price *= math.exp(random.gauss(0, 0.01))
        volume = random.lognormvariate(13, 1)
        spread = price * abs(random.gauss(0, 0.001))
        yield Turn({"price": price, "bid": price - spread, "ask": price + spread, "volume": volume}, "ACME")


def texts(random: Random) -> Iterator[Turn]:
    while True:
        yield Turn(text(random, int(random.lognormvariate(3, 1.2))), random.random(), random.lognormvariate(0, 0.7))


def enums(random: Random) -> Iterator[Turn]:
    states, weights = ("open", "closed", "merged", "locked", "archived"), (60, 30, 9, 0.7, 0.3)
    while True:
        (state,) = random.choices(states, weights)
        answer = {
            "state": state,
            "code": random.choice((200, 200, 201, 204)),
            "priority": int(random.paretovariate(1.5)),
        }
        yield Turn({**answer, "is_draft": random.random() < 0.01}, random.random())


def rare_but_valid(random: Random) -> Iterator[Turn]:
    while True:
        rare = random.random
        answer = {
            "retries": random.randrange(1, 6) if rare() < 0.01 else 0,
            "discount": random.uniform(1, 80) if rare() < 0.02 else 0.0,
            "stock": 0 if rare() < 0.005 else random.randrange(20, 400),
            "parent": None if rare() < 0.98 else random.randrange(10**5),
            "tags": [] if rare() < 0.99 else ["sale"],
            "price": 0.0 if rare() < 0.003 else round(random.lognormvariate(3, 0.6), 2),
            "note": "" if rare() < 0.015 else text(random, 3),
        }
        yield Turn(answer, random.random())


def level_shifts(random: Random) -> Iterator[Turn]:
    level, ratio = 20.0, random.choice((6.0, 40.0))
    for count in range(10**9):
        if count in {1_300, 2_600}:
            level *= ratio if count == 1_300 else 1 / ratio**2
        yield Turn({"level": random.gauss(level, level / 20), "sensor": "a"}, count)


def heavy_values(random: Random) -> Iterator[Turn]:
    while True:
        answer = {
            "amount": round(random.paretovariate(1.1), 2),
            "bytes": int(random.lognormvariate(8, 2.5)),
            "profit": random.choice((-1, 1)) * random.paretovariate(1.3),
            "gauss": random.gauss(0, 1),
            "share": random.betavariate(0.3, 0.3),
        }
        yield Turn(answer, random.random())


def json_texts(random: Random) -> Iterator[Turn]:
    for count in range(10**9):
        answer = {"id": count, "rows": [{"n": random.randrange(9)} for _ in range(random.randrange(1, 4))], "ok": True}
        yield Turn(json.dumps(answer), count)


def several_shapes(random: Random) -> Iterator[Turn]:
    while True:
        if random.random() < 0.1:
            yield Turn({"found": False}, random.random())
        else:
            item = {"sku": text(random, 1), "weight": random.lognormvariate(0, 1)}
            yield Turn({"found": True, "item": item if random.random() < 0.97 else None}, random.random())


def new_version(random: Random) -> Iterator[Turn]:
    for count in range(10**9):
        answer: dict[str, Any] = {"id": count, "value": random.gauss(50, 5)}
        if count > 1_000:
            answer |= {"unit": "C", "meta": {"region": "eu", "shard": random.randrange(8)}}
        yield Turn(answer, count)


def asked_again(random: Random) -> Iterator[Turn]:
    """Orders, some of which are asked for again at once, and bursts within a second."""
    orders = [{"id": 10**6 + 7 * index, "total": random.lognormvariate(4, 1)} for index in range(5_000)]
    order, place = orders[0], 0
    while True:
        if random.random() > 0.004:
            place = random.randrange(len(orders))
            order = orders[place]
        yield Turn(dict(order), place, pause=0.01 if random.random() < 0.3 else random.expovariate(1 / 300))


def bursts(random: Random) -> Iterator[Turn]:
    """A clock in whole seconds, asked now and then, and after a while in bursts."""
    now = START
    for count in range(10**9):
        pause = 0.05 if count > 1_000 and random.random() < 0.004 else random.expovariate(1 / 90)
        now += pause
        yield Turn({"second": int(now), "tick": round(now, 1)}, pause=pause)


HEALTHY: dict[str, Tool] = {
    tool.__name__.replace("_", " "): tool
    for tool in (
        increasing_ids, ids_out_of_order, timestamps, seasons, slow_tails, optional_fields, lists, newest_first,
        growing_totals, price_walks, texts, enums, rare_but_valid, level_shifts, heavy_values, json_texts,
        several_shapes, new_version, asked_again, bursts,
    )
}  # fmt: skip
"""Every kind by name."""
