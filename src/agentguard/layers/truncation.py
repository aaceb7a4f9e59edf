"""Results no longer than a model should read."""

from __future__ import annotations

import logging
import os
from typing import Any, ClassVar

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.config import OutputLimitConfig
from agentguard.core.result import ToolResult
from agentguard.core.streams import check_items

_logger = logging.getLogger("agentguard")


class TruncationMiddleware(Layer):
    """Shortens a text, bytes, dict, list or tuple to the limit, its marker included; JSON stays JSON.

    The outermost built-in stage: everything further in, and the trace, sees the whole value. Items of a generator are
    shortened one by one. With `spill_dir` the whole value is written to a file there, as it is, and the marker names
    it; when that fails, the value is shortened all the same and the failure is logged.
    """

    name: ClassVar[str] = "Truncation"

    def __init__(self, config: OutputLimitConfig) -> None:
        from agentguard.policies import truncation  # noqa: PLC0415 - 3 ms of every import

        self.settings = config
        self._policy = truncation
        self._has_failed = False
        self._config = config
        self._folder = None if config.spill_dir is None else os.fspath(config.spill_dir)

    def link(self, inner: Handler, /) -> Handler:
        """Run the call and shorten what comes out."""
        # A text up to so many characters needs no closer look.
        short = self._config.max_chars if self._config.max_lines is None else -1

        async def shortened(call: ToolCall) -> ToolResult:
            if call.target.is_stream:
                return await check_items(inner, call, self._fitting)
            result = await inner(call)
            value = result.return_value
            if (type(value) is not str or len(value) > short) and self._is_too_long(value):
                where = None if self._folder is None else await self._spill(call, result.return_value, self._folder)
                result.shorten(self._fitting(result.return_value, where))
            return result

        return shortened

    def _is_too_long(self, value: Any) -> bool:
        try:
            return self._policy.is_too_long(value, self._config)
        except Exception:  # noqa: BLE001 - shaping is no guard: what cannot be measured goes through as it is
            self._complain(value)
            return False

    def _fitting(self, value: Any, where: str | None = None) -> Any:
        try:
            return self._policy.truncate(value, self._config, where)[0]
        except Exception:  # noqa: BLE001 - as above
            self._complain(value)
            return value

    def _complain(self, value: Any) -> None:
        if not self._has_failed:
            self._has_failed = True
            _logger.exception("a %s could not be shortened; further ones are not logged", type(value).__name__)

    async def _spill(self, call: ToolCall, value: Any, folder: str) -> str | None:
        """Where the whole value was written; None when that failed."""
        kind = "txt" if isinstance(value, str) else "bin" if isinstance(value, bytes) else "json"
        # The call's id, because a tool's name may be no file name.
        path = os.path.join(folder, f"{call.call_id}.{kind}")
        try:
            await call.runtime.offload(_write, path, value)
        except Exception:  # the call's result is worth more than its copy
            _logger.exception("the whole result of %r could not be written to %s", call.tool_name, path)
            return None
        return path


def _write(path: str, value: Any) -> None:
    from pydantic_core import to_json  # noqa: PLC0415 - 12 ms of every import, and seldom needed

    os.makedirs(os.path.dirname(path), exist_ok=True)
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    with open(path, "wb") as file:
        file.write(value if isinstance(value, bytes) else to_json(value, serialize_unknown=True))
