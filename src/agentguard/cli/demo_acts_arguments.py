"""Acts about what goes into a tool and what comes out of it."""

from __future__ import annotations

import asyncio
import json
import time

from agentguard import HallucinationError, InvalidInputError, Refusal, call_metadata
from agentguard.cli import demo_tools as tools
from agentguard.cli.demo_heartbeat import Heartbeat
from agentguard.cli.demo_scene import Act, Scene
from agentguard.cli.demo_service import Answer
from agentguard.cli.demo_tools import MODEL_SEES
from agentguard.cli.screen import count


async def play_together(scene: Scene) -> str:
    """Blocking and async tools at once, in one session, from one program."""
    files = scene.repository.files[:20]
    scene.service.answer_usually("/builds", Answer(body={"status": "passed"}))
    commits = tools.git_log(3)  # a plain call of a plain function
    began = time.perf_counter()
    async with Heartbeat() as heart:
        words = asyncio.gather(*(tools.count_words.acall(path) for path in files))  # blocking: in threads
        described = asyncio.gather(*(tools.describe_commit(line.split()[0]) for line in commits))  # async
        await asyncio.gather(words, described)
    took_ms = 1_000 * (time.perf_counter() - began)
    inside = sum(entry.span.parent_id is not None for entry in scene.calls)
    scene.check(
        f"threads read {count(len(files), 'file')} while the event loop looked up {count(len(commits), 'commit')}: "
        f"{took_ms:.0f} ms, and the loop was never more than {1_000 * heart.worst_lag:.0f} ms late",
        all(build["build"] == "passed" for build in described.result()),
        words=(sum(words.result()) > 0, True),
    )
    scene.check(
        f"of {len(scene.calls)} calls, {inside} came from inside other tools: see the tree",
        inside=(inside, len(commits)),
    )
    return f"{len(scene.calls)} calls in {took_ms:.0f} ms"


async def play_validation(scene: Scene) -> str:
    """A model writes its arguments as JSON, and sometimes as it pleases."""
    commits = await tools.git_log.acall(**json.loads('{"limit": "5"}'))
    casts = scene.calls[-1].span.attributes.get("casts")
    scene.check(
        f'{{"limit": "5"}}: git_log ran with the number 5 and found {count(len(commits), "commit")}; traced as {casts}',
        casts is not None,
        commits=(len(commits), min(5, scene.repository.commits)),
    )
    for text in ('{"limit": "five"}', '{"limit": true}', '{"limit": 5.5}'):
        error = await scene.refusal(InvalidInputError, tools.git_log.acall(**json.loads(text)))
        scene.say(f"{text}: {error}")
    outside = await scene.refusal(InvalidInputError, tools.count_words.acall("../../etc/passwd"))
    scene.say(f"a validator of our own: {outside}")
    ran = [entry for entry in scene.calls if entry.span.attributes.get("ran", True)]
    scene.check("none of these four ran", calls=(len(scene.calls), 5), bodies=(len(ran), 1))
    return '"5" was cast, 4 calls refused'


async def play_truncation(scene: Scene) -> str:
    """A long file would fill a model's context: it gets both ends, and the trace gets it all."""
    path = scene.repository.long_file
    text = await tools.read_file.acall(path)
    [marker] = [line for line in text.splitlines() if line.startswith("[...") and line.endswith("left out]")]
    recorded = scene.calls[-1].result
    scene.check(
        f"read_file({path!r}) returned {len(text)} characters; in their middle: {marker}",
        len(text) <= MODEL_SEES,
        recorded.truncated,
    )
    scene.check(f"the recorded result has {len(recorded.return_value):,}", len(recorded.return_value) > len(text))
    return f"{len(recorded.return_value):,} characters to {len(text)}"


async def play_streams(scene: Scene) -> str:
    """A generator tool hands out its items one by one, through the same layers."""
    path = scene.repository.long_file
    lines = tools.stream_lines(path)
    for number in range(1, 4):
        scene.say(f"line {number}: {next(lines).strip()[:60]}")
    lines.close()
    scene.check(
        f"stopped after 3 lines of {path!r}: no failure, and the file is closed",
        items=(scene.calls[-1].span.attributes["items"], 3),
        status=(scene.calls[-1].result.status, "stopped_early"),
    )
    total = 0
    async for _ in await tools.stream_lines.acall(path):  # each step in a thread
        total += 1
    scene.check(
        f"all {total} lines from async code, with the event loop running on",
        items=(scene.calls[-1].span.attributes["items"], total),
        status=(scene.calls[-1].result.status, "success"),
    )
    return f"3 lines, then all {total}"


async def play_verification(scene: Scene) -> str:
    """Some services say "200 OK" and mean an error. A model would believe it."""
    scene.service.answer_next("/owners", Answer(body={"owner": "ada"}), Answer(body={"error": "backend unavailable"}))
    path = scene.repository.long_file
    found = await tools.owner_of.acall(path)
    scene.check(f"owner_of({path!r}) is {found['owner']}", found["owner"] == "ada")
    error = await scene.refusal(HallucinationError, tools.owner_of.acall(path))
    scene.check(f"the second answer is not let through: {error}", requests=(scene.service.requests["/owners"], 2))
    return "1 answer of 2 not believed"


async def play_refusal(scene: Scene) -> str:
    """An agent loop would rather have a value than an exception: on_refusal="result"."""
    first = await tools.request_review.acall("ada")
    second = await tools.request_review.acall("grace")
    scene.check("the first request went out", not isinstance(first, Refusal))
    scene.check(f"the second is a value: {second}", isinstance(second, Refusal))
    scene.check("only one reached the service", requests=(scene.service.requests["/review"], 1))
    return "a Refusal in place of an error"


async def play_middleware(scene: Scene) -> str:
    """Layers of your own go around the tool; hooks are told about every attempt."""
    error = await scene.refusal(PermissionError, tools.merge.acall("main"))
    scene.check(f"middleware said no: {error}; no hook and no body ran", tools.journal == [])
    with call_metadata(user="ada"):
        await tools.merge.acall("main")
    scene.check(
        f"with call_metadata(user='ada') it went through: {', '.join(tools.journal)}", hooks=(len(tools.journal), 2)
    )
    return "1 call stopped, 1 passed, 2 hooks"


ARGUMENTS = (
    Act("Together", "sync and async tools in one session", play_together),
    Act("Validation", "arguments are cast or refused", play_validation),
)
RESULTS = (
    Act("Truncation", "long results are cut", play_truncation),
    Act("Verification", "errors dressed as success", play_verification),
    Act("Streams", "generators are tools too", play_streams),
    Act("Refusals", "as values, for an agent loop", play_refusal),
    Act("Middleware, hooks", "layers of your own", play_middleware),
)
