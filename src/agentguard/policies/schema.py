"""Arguments cast and checked against a function's type hints, and results checked against its return type.

Compiled once for a function, and then used from any thread or task: nothing here changes after it is built.

What is cast, at any depth: `"5"` to int, `"3.5"` to float, `"true"`/`"false"` in any case to bool, `5.0` to int, `3` to
`3.0`, a list where a tuple or set is asked for and a tuple where a list is, a dict into a dataclass or model, and JSON
text into any of these and into a TypedDict. An Enum is taken by its member or by a member's value; dates, UUIDs, paths
and their like as pydantic reads them.

What is refused always: a bool for a number, a number for a bool or for text, NaN and infinity in any spelling, `5.5`,
`"5.0"`, `"1_000"`, `" 5 "` and `"0x1F"` for int, bytes for text, a set for a list, `"a,b"` for a list, and in JSON text
duplicate keys, deep nesting and great length.

A union keeps a value that one of its members takes as it is (`int | str` keeps `"5"`); only then is anything cast, for
the member that pydantic's smart mode prefers. Validators, constraints and aliases of the author's models and of
`Annotated` hints hold, and see the value after its cast. What such a validator raises, other than `ValueError` and
`AssertionError`, passes through unchanged. A model with an `__init__` of its own is checked first and then built by it:
its validators run twice, and JSON text inside of it is not opened. In a call that is refused, an author's validators
may run twice as well.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import ArgsKwargs, ValidationError

from agentguard.policies.annotations import core_schema_of
from agentguard.policies.casting import NOTED
from agentguard.policies.casting_profile import Casting
from agentguard.policies.mismatch import describe, describe_call, first_change
from agentguard.policies.nesting import is_too_deep
from agentguard.policies.parameters import (
    OMITTED,
    Kind,
    Parameter,
    arguments_schema,
    parameters_json_schema,
    read_parameters,
)
from agentguard.policies.schema_nodes import build_validator
from agentguard.policies.secret_names import SecretNames
from agentguard.policies.strict_profile import Strict
from agentguard.policies.usual_calls import by_name, by_position

_USUAL_SECRETS = SecretNames().is_secret

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class SchemaMismatch(ValueError):  # noqa: N818 - a verdict; the layers raise the errors
    """A value does not fit its type hint.

    Holds no reference to the value, which may be large or secret.
    """

    path: str
    """Where, from the parameter on: `items[2].price`; for results from `result` on. `""` when it cannot be told."""
    message: str
    """Path, what was expected and what came, in at most 300 characters; secrets by type and length only."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(path, message)
        self.path = path
        self.message = message

    def __str__(self) -> str:
        return self.message


class CastNote(NamedTuple):
    """One argument that was changed: the place of its first change, and the names of the two types."""

    path: str
    from_type: str
    to_type: str


class ArgumentSchema:
    """What the arguments of one function must be. Build it with `of`."""

    def __init__(self, parameters: Sequence[Parameter], is_secret: Callable[[str], bool]) -> None:
        profile = Casting()
        for parameter in parameters:
            profile.know(parameter.definitions)
        schemas = [profile.rewrite(parameter.schema) for parameter in parameters]
        self._validate, self._validate_named = (
            build_validator(arguments_schema(parameters, schemas, by_name=by_name), profile.definitions).validate_python
            for by_name in (False, True)
        )
        if any(parameter.definitions for parameter in parameters):
            # A recursive type, perhaps.
            self._validate = _unless_too_deep(self._validate)
            self._validate_named = _unless_too_deep(self._validate_named)
        self._by_count = by_position(parameters, schemas)
        self._by_name = by_name(parameters, schemas)
        self._parameters = tuple(parameters)
        self._is_secret = is_secret
        self._fills = any(not (p.omittable or p.required) for p in parameters)
        self._omittable = tuple(parameter.name for parameter in parameters if parameter.omittable)
        self._positional = [p.name for p in parameters if p.kind in {Kind.POSITIONAL_ONLY, Kind.POSITIONAL_OR_KEYWORD}]
        self._named = [p.name for p in parameters if p.kind in {Kind.POSITIONAL_OR_KEYWORD, Kind.KEYWORD_ONLY}]
        self._rest = next((p.name for p in parameters if p.kind is Kind.VAR_POSITIONAL), "")

    @classmethod
    def of(
        cls,
        signature: inspect.Signature,
        hints: Mapping[str, Any],
        *,
        secret_names: Collection[str] | Callable[[str], bool] = _USUAL_SECRETS,
    ) -> ArgumentSchema:
        """The schema of a function's arguments.

        Args:
            signature: of the function as it is called: of a method, without `self`.
            hints: by parameter name, resolved: `typing.get_type_hints(function, include_extras=True)`. A parameter
                without one takes anything.
            secret_names: names of parameters and fields whose values no message may show, or a test of a name. By
                default the usual ones, like `password`, `auth_token` or `apiKey`.

        Raises:
            NameError: a hint refers to a name that is not defined yet; try again when it is.
            TypeError: a hint cannot be checked, or pydantic is 2.11 or 2.12.
        """
        return cls(read_parameters(signature, hints), _test_of(secret_names))

    def cast(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """The arguments, valid and cast, in the shape in which they came.

        What was given by position stays there; names come in the order of the parameters. An omitted argument stays
        omitted, so that the function's own default counts, uncopied and unchecked; only a default in a `Field` is
        passed, for Python does not know it. Containers are copied; instances of models, and what a hint leaves open
        (`Any`), are the same objects.

        Raises:
            SchemaMismatch: an argument does not fit, is missing or is not known.
        """
        try:
            if not kwargs:
                validate = self._by_count.get(len(args))
                if validate is not None:
                    return validate(args), kwargs
            elif not args and self._by_name is not None:
                return args, self._by_name(kwargs)
        except (ValidationError, RecursionError):
            # Refused below, with the words for it.
            pass
        return self._cast(args, kwargs, None)

    def cast_noting(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any], tuple[CastNote, ...]]:
        """Like `cast`, with a note for each argument that it changed: none when all were right already.

        What the author's own validators change is not noted.
        """
        context: dict[str, Any] = {}
        cast_args, cast_kwargs = self._cast(args, kwargs, context)
        if NOTED not in context:
            return cast_args, cast_kwargs, ()
        changes = [
            first_change(self._name(place), old, new)
            for place, (old, new) in enumerate(zip(args, cast_args, strict=True))
        ]
        changes += [first_change(name, old, cast_kwargs[name]) for name, old in kwargs.items()]
        return cast_args, cast_kwargs, tuple(CastNote(*change) for change in changes if change is not None)

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema (draft 2020-12) of the arguments given by name, as model APIs take it.

        `**kwargs` allow further members; `*args` do not appear. A type that JSON has no word for allows anything, and a
        default that JSON cannot spell is left out.
        """
        return parameters_json_schema(self._parameters)

    def _cast(self, args: tuple[Any, ...], kwargs: dict[str, Any], context: dict[str, Any] | None) -> Arguments:
        try:
            cast: Arguments = (
                self._validate(ArgsKwargs(args, kwargs), context=context)
                if args
                else self._validate_named(kwargs, context=context)
            )
        except (ValidationError, RecursionError) as error:
            mismatch = self._mismatch(error)
        else:
            return self._as_given(cast, args, kwargs)
        # Raised out here, so that it does not carry pydantic's error, which holds the values.
        raise mismatch

    def _as_given(self, cast: Arguments, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        cast_args, cast_kwargs = cast
        if len(cast_kwargs) != len(kwargs):
            for name in self._omittable:
                if cast_kwargs.get(name) is OMITTED:
                    del cast_kwargs[name]
        if len(cast_args) != len(args):
            if not self._fills:
                # What was given by position comes first, and all that follows was omitted.
                return cast_args[: len(args)], cast_kwargs
            return tuple(value for value in cast_args if value is not OMITTED), cast_kwargs
        return cast

    def _mismatch(self, error: ValidationError | RecursionError) -> SchemaMismatch:
        if isinstance(error, RecursionError):
            return _too_deep()
        wrong_call = describe_call(error, self._positional, self._named)
        return SchemaMismatch(*(wrong_call or describe(error, self._name, self._is_secret)))

    def _name(self, place: int | str) -> str:
        if isinstance(place, str):
            return place
        named = len(self._positional)
        return self._positional[place] if place < named else f"{self._rest}[{place - named}]"


class ReturnSchema:
    """What the result of one function must be. Build it with `of`."""

    def __init__(self, annotation: Any, is_secret: Callable[[str], bool]) -> None:
        profile = Strict(outputs=True)
        schema, definitions = core_schema_of(annotation, name="return")
        profile.know(definitions)
        self.accepts_anything = schema["type"] == "any"
        """True if there is nothing to check: the function has no return type, or it is `Any`."""
        validator = build_validator(profile.rewrite(schema), profile.definitions)
        self.fits = validator.isinstance_python
        """Whether a value passes `check`, in half the time. Raises RecursionError for what is nested too deeply."""
        self._validate = validator.validate_python
        self._is_secret = is_secret

    @classmethod
    def of(
        cls, annotation: Any, *, secret_names: Collection[str] | Callable[[str], bool] = _USUAL_SECRETS
    ) -> ReturnSchema:
        """The schema of a return type; of an async function's awaited type, of a generator's items.

        Args:
            annotation: resolved. `inspect.Signature.empty` and `Any` take everything, None takes None only.
            secret_names: as for `ArgumentSchema.of`, of fields of the result.

        Raises:
            NameError: the type refers to a name that is not defined yet; try again when it is.
            TypeError: the type cannot be checked, or pydantic is 2.11 or 2.12.
        """
        return cls(Any if annotation is inspect.Signature.empty else annotation, _test_of(secret_names))

    def check(self, value: Any) -> None:
        """Nothing, if the value is of the type: nothing is cast, changed or copied for the caller.

        Subclasses fit, and so does an int for a float. NaN fits. An instance of a model or dataclass fits whatever its
        fields hold; a dict does not fit a model. An iterator is not read.

        Raises:
            SchemaMismatch: the value is of another type, or breaks a constraint.
        """
        try:
            self._validate(value)
        except ValidationError as error:
            mismatch = SchemaMismatch(*describe(error, _result_path, self._is_secret))
        except RecursionError:
            mismatch = _too_deep()
        else:
            return
        raise mismatch


def _test_of(secret_names: Collection[str] | Callable[[str], bool]) -> Callable[[str], bool]:
    return secret_names if callable(secret_names) else frozenset(secret_names).__contains__


def _unless_too_deep(validate: Callable[..., Any]) -> Callable[..., Any]:
    def validate_shallow(arguments: Any, **options: Any) -> Any:
        given = [*arguments.args, *(arguments.kwargs or {}).values()] if type(arguments) is ArgsKwargs else [arguments]
        if is_too_deep(given):
            raise RecursionError
        return validate(arguments, **options)

    return validate_shallow


def _too_deep() -> SchemaMismatch:
    return SchemaMismatch("", "the value is nested too deeply to be checked")


def _result_path(place: int | str) -> str:
    return f"result[{place}]" if isinstance(place, int) else f"result.{place}" if place else "result"
