"""Refusals as values."""

from __future__ import annotations

from typing import ClassVar

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.refusal import Refusal
from agentguard.core.result import ToolResult
from agentguard.core.streams import Item
from agentguard.errors import ToolExecutionError


class RefusalMiddleware(Layer):
    """Gives the caller a `Refusal` in the place of a raised error of the given kinds.

    Only this call's own errors: those of a nested tool are ordinary exceptions of this one's body. A generator hands
    the refusal out as its last item.
    """

    name: ClassVar[str] = "Refusal"

    def __init__(self, *kinds: type[ToolExecutionError]) -> None:
        self._kinds = kinds
        self.settings = ", ".join(kind.__name__ for kind in kinds)

    def link(self, inner: Handler, /) -> Handler:
        """Run the call and turn its refusal into a value."""
        kinds = self._kinds

        async def answered(call: ToolCall) -> ToolResult:
            try:
                return await inner(call)
            except kinds as error:
                if error.call_id != call.call_id:
                    raise
                refused = ToolResult.of_error(call, error, Refusal.of(error))
            if call.target.is_stream:
                await Item(refused.return_value)
                refused.return_value = None
            return refused

        return answered
