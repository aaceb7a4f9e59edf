"""`shown`: a recorded answer with what the recording hides marked as hidden."""

from __future__ import annotations

from typing import Any, Final

from agentguard.policies.answer_kinds import SECRECY
from agentguard.policies.redaction import REDACTED

_MARKS: Final = frozenset({"$cut", "$cycle", "$type", "$unreadable"})


def shown(answer: Any) -> Any:
    """A copy of `answer` in which nothing stands for what it is not.

    What was redacted or cut, and objects that were only named, become hidden. So do texts that read as numbers: a
    recording spells decimals and infinities as texts, and the living answer has numbers there.
    """
    if isinstance(answer, str):
        return SECRECY if REDACTED in answer or _is_number(answer) else answer
    if isinstance(answer, dict):
        if not _MARKS.isdisjoint(answer):
            return SECRECY
        return {key: shown(value) for key, value in answer.items()}
    return [shown(each) for each in answer] if isinstance(answer, list) else answer


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
