"""Arguments cast and checked before the call, results checked after it."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from typing import TYPE_CHECKING, Any, ClassVar, get_args, get_origin

from agentguard.core.call import ToolCall
from agentguard.core.chain import Handler, Layer
from agentguard.core.result import ToolResult
from agentguard.core.streams import check_items
from agentguard.core.target import Kind, Target, is_async
from agentguard.errors import ConfigError, InvalidInputError, InvalidOutputError

if TYPE_CHECKING:
    from agentguard.policies.schema import ReturnSchema, SchemaMismatch

_STREAMS = (AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator)


class ValidationMiddleware(Layer):
    """Casts the arguments to the type hints, checks them, and checks the result against the return type.

    What is cast, and what never is, stands in `policies/schema.py`. Custom validators, `(call) -> None | str | bool`,
    see the cast arguments; a string or False refuses. A refused call raises `InvalidInputError`; nothing has run. A
    result of the wrong type raises `InvalidOutputError`; the tool has run. Items of a generator are checked one by one.
    """

    name: ClassVar[str] = "Validation"

    def __init__(
        self,
        *,
        validate_input: bool = True,
        validate_output: bool = False,
        custom_validators: Sequence[Callable[[ToolCall], Any]] = (),
    ) -> None:
        self._validates_input = validate_input
        self._validates_output = validate_output
        self._custom = tuple(custom_validators)
        self.needs_loop = any(map(is_async, self._custom))
        parts = {"input": validate_input, "output": validate_output, f"{len(self._custom)} custom": bool(self._custom)}
        self.settings = ", ".join(part for part, is_on in parts.items() if is_on)

    def prepare(self, target: Target, /) -> None:
        """Compile the schemas of `target` now, so that a wrong hint shows at decoration.

        A hint that refers to something not defined yet is left until the first call. Raises `ConfigError` for a hint
        that cannot be checked.
        """
        try:
            self._compile(target)
        except NameError:
            # A forward reference; `_schemas_of` tries again.
            return

    def link(self, inner: Handler, /) -> Handler:
        """Check what goes in, and what comes out."""
        handler = self._checking_output(inner) if self._validates_output else inner
        handler = self._asking(handler) if self._custom else handler
        return self._casting(handler) if self._validates_input else handler

    def _casting(self, inner: Handler) -> Handler:
        from agentguard.policies.schema import SchemaMismatch  # noqa: PLC0415 - loads pydantic: 25 ms of every import

        def cast(call: ToolCall) -> Awaitable[ToolResult]:
            schema = (call.target.compiled.get("Validation") or self._schemas_of(call)).arguments
            try:
                if call.span is None:
                    call.args, call.kwargs = schema.cast(call.args, call.kwargs)
                else:
                    call.args, call.kwargs, notes = schema.cast_noting(call.args, call.kwargs)
                    if notes:
                        call.note("casts", {note.path: f"{note.from_type} -> {note.to_type}" for note in notes})
            except SchemaMismatch as mismatch:
                raise InvalidInputError(
                    mismatch.message, tool_name=call.tool_name, call_id=call.call_id, path=mismatch.path
                ) from None
            return inner(call)

        return cast

    def _asking(self, inner: Handler) -> Handler:
        async def asked(call: ToolCall) -> ToolResult:
            for validator in self._custom:
                verdict = await call.runtime.run_user(validator, call)
                if verdict is False or isinstance(verdict, str):
                    name = getattr(validator, "__name__", type(validator).__name__)
                    problem = verdict or f"the validator {name!r} refused them"
                    raise InvalidInputError(problem, tool_name=call.tool_name, call_id=call.call_id)
            return await inner(call)

        return asked

    def _checking_output(self, inner: Handler) -> Handler:
        def check(schema: ReturnSchema, value: Any, call: ToolCall) -> Any:
            try:
                schema.check(value)
            except SchemaMismatch as mismatch:
                raise _invalid_output(call, mismatch) from None
            return value

        from agentguard.policies.schema import SchemaMismatch  # noqa: PLC0415 - as above

        async def checked(call: ToolCall) -> ToolResult:
            schema = (call.target.compiled.get("Validation") or self._schemas_of(call)).result
            if call.target.is_stream:
                return await check_items(inner, call, lambda item: check(schema, item, call))
            result = await inner(call)
            try:
                fits = schema.fits(result.return_value)
            except RecursionError:
                fits = False
            if not fits:
                check(schema, result.return_value, call)
            return result

        return checked

    def _schemas_of(self, call: ToolCall) -> _Schemas:
        try:
            return self._compile(call.target)
        except NameError as error:
            msg = f"{call.tool_name!r} cannot be validated: its type hints name {error.name!r}, which is not defined"
            raise ConfigError(msg) from error

    def _compile(self, target: Target) -> _Schemas:
        schemas: _Schemas | None = target.compiled.get(self.name)
        if schemas is None:
            schemas = target.compiled[self.name] = _Schemas(target)
        return schemas


def _invalid_output(call: ToolCall, mismatch: SchemaMismatch) -> InvalidOutputError:
    return InvalidOutputError(mismatch.message, tool_name=call.tool_name, call_id=call.call_id, path=mismatch.path)


class _Schemas:
    """What one target's arguments and result must be."""

    def __init__(self, target: Target) -> None:
        from agentguard.policies.schema import ArgumentSchema, ReturnSchema  # noqa: PLC0415 - as above

        try:
            self.arguments = ArgumentSchema.of(target.signature, target.hints)
            self.result = ReturnSchema.of(_result_hint(target))
        except (TypeError, SyntaxError) as error:
            msg = f"{target.name!r} cannot be validated: {error}"
            raise ConfigError(msg) from error


def _result_hint(target: Target) -> Any:
    """The type of what is checked: the value of a function, each item of a generator."""
    hint = target.hints.get("return", inspect.Signature.empty)
    if target.kind in (Kind.FUNCTION, Kind.COROUTINE):
        return hint
    items = get_args(hint)
    return items[0] if items and get_origin(hint) in _STREAMS else inspect.Signature.empty
