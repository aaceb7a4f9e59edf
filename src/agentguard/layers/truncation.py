"""Results no longer than a model should read."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, ClassVar

from agentguard.core.call import ToolCall, ToolResult
from agentguard.core.chain import Handler, Layer
from agentguard.core.config import OutputLimitConfig
from agentguard.core.streams import check_items
from agentguard.policies.truncation import is_too_long, truncate

_logger = logging.getLogger("agentguard")


class TruncationMiddleware(Layer):
    """Shortens a text, bytes, dict, list or tuple to the limit, its marker included; JSON stays JSON.

    The outermost built-in stage: everything further in, and the trace, sees the whole value. Items of a generator are
    shortened one by one. With `spill_dir` the whole value is written to a file there, as it is, and the marker names
    it; when that fails, the value is shortened all the same and the failure is logged.
    """

    name: ClassVar[str] = "Truncation"

    def __init__(self, config: OutputLimitConfig) -> None:
        self.settings = config
        self._config = config
        self._folder = None if config.spill_dir is None else Path(config.spill_dir)

    def link(self, inner: Handler, /) -> Handler:
        """Run the call and shorten what comes out."""
        config = self._config

        async def shortened(call: ToolCall) -> ToolResult:
            if call.target.is_stream:
                return await check_items(inner, call, lambda item: truncate(item, config)[0])
            result = await inner(call)
            if is_too_long(result.return_value, config):
                where = None if self._folder is None else await self._spill(call, result.return_value, self._folder)
                result.shorten(truncate(result.return_value, config, where)[0])
            return result

        return shortened

    async def _spill(self, call: ToolCall, value: Any, folder: Path) -> str | None:
        """Where the whole value was written; None when that failed."""
        kind = "txt" if isinstance(value, str) else "bin" if isinstance(value, bytes) else "json"
        # The call's id, because a tool's name may be no file name.
        path = folder / f"{call.call_id}.{kind}"
        try:
            await call.runtime.offload(_write, path, value)
        except Exception:  # the call's result is worth more than its copy
            _logger.exception("the whole result of %r could not be written to %s", call.tool_name, path)
            return None
        return str(path)


def _write(path: Path, value: Any) -> None:
    from pydantic_core import to_json  # noqa: PLC0415 - 12 ms of every import, and seldom needed

    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    path.write_bytes(value if isinstance(value, bytes) else to_json(value, serialize_unknown=True))
