"""Prints all that users can reach without an underscore: `python -m tests.arch.api > tests/api.txt`, or `make api`.

The text must not depend on the version of Python, on memory addresses or on where a class happens to be defined.
"""

import dataclasses
import enum
import functools
import importlib
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

DOORS = ("agentguard", "agentguard.core.types", "agentguard.middleware", "agentguard.tracing", "agentguard.testing")
FILE = Path(__file__).resolve().parents[1] / "api.txt"

# What a class can be used for through syntax is public although its name is not.
SYNTAX = {
    "__aenter__", "__aexit__", "__aiter__", "__anext__", "__await__", "__call__", "__contains__", "__enter__",
    "__exit__", "__get__", "__getitem__", "__iter__", "__len__", "__next__",
}  # fmt: skip
WIDTH = 120


def render() -> str:
    """The whole public surface, one section per door; an object that several doors offer is described at the first."""
    described: dict[int, str] = {}
    lines = ["# All that users can reach without an underscore. Written by `make api`; a change here is one for users."]
    for door in DOORS:
        module = importlib.import_module(door)
        lines += ["", "", f"## {door}"]
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            lines.append("")
            if id(value) in described and (inspect.isclass(value) or callable(value)):
                lines.append(f"{name}: see {described[id(value)]}")
            else:
                described[id(value)] = door
                lines += describe(name, value)
    return "\n".join(lines) + "\n"


def describe(name: str, value: object) -> list[str]:
    if inspect.isclass(value):
        return describe_class(name, value)
    if inspect.isfunction(value):
        return describe_function(name, value)
    if isinstance(value, types.GenericAlias | types.UnionType | typing.TypeVar) or typing.get_origin(value):
        return [f"{name} = {annotation_text(value)}"]
    return [f"{name}: {type(value).__name__} = {value_text(value)}"]


# ------------------------------------------------------------------------------------------------------------ classes


def describe_class(name: str, cls: type) -> list[str]:
    bases = [annotation_text(base) for base in public_bases(cls) if base is not object]
    head = f"class {name}({', '.join(bases)})" if bases else f"class {name}"
    if dataclasses.is_dataclass(cls):
        head += " (frozen dataclass)" if cls.__dataclass_params__.frozen else " (dataclass)"
    return [head, *("    " + line for line in members(cls))]


def public_bases(cls: type) -> list[object]:
    """The bases, with those of a base that users cannot reach in its place."""
    bases: list[object] = []
    for base in getattr(cls, "__orig_bases__", cls.__bases__):
        bases += public_bases(base) if base in ours(cls) and base not in offered() else [base]
    return bases


@functools.cache
def offered() -> list[object]:
    """Everything that the doors offer; a list, because not all of it can be hashed."""
    modules = map(importlib.import_module, DOORS)
    return [getattr(module, name) for module in modules for name in getattr(module, "__all__", ())]


def members(cls: type) -> Iterator[str]:
    if issubclass(cls, enum.Enum):
        yield from (f"{name} = {member.value!r}" for name, member in cls.__members__.items())
    elif dataclasses.is_dataclass(cls):
        yield from map(field_text, dataclasses.fields(cls))
    elif constructor := own_constructor(cls):
        yield from describe_function("__init__", constructor, drop_first=True)
    for name, owner in sorted(public_members(cls).items()):
        yield from describe_member(name, owner)


def own_constructor(cls: type) -> Callable[..., object] | None:
    """The `__init__` or `__new__` that this project wrote; those of builtins look different in each Python."""
    for owner in ours(cls):
        for name in ("__init__", "__new__"):
            made = vars(owner).get(name)
            made = getattr(made, "__func__", made)
            # A protocol gets an `__init__` from typing, which nobody calls.
            if inspect.isfunction(made) and made.__module__ != "typing":
                return made
    return None


def ours(cls: type) -> list[type]:
    return [owner for owner in cls.__mro__ if owner.__module__.split(".")[0] == "agentguard"]


def public_members(cls: type) -> dict[str, type]:
    """Name -> the class that defines it. What comes from a base that is offered too is described there."""
    fields = {field.name for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
    found: dict[str, type] = {}
    for owner in ours(cls):
        if owner is not cls and owner in offered():
            continue
        for name in (*vars(owner), *inspect.get_annotations(owner)):
            public = not name.startswith("_") or name in SYNTAX
            if public and name not in fields and name not in getattr(cls, "__members__", ()):
                found.setdefault(name, owner)
    return found


def describe_member(name: str, owner: type) -> list[str]:
    value = vars(owner).get(name)
    annotation = inspect.get_annotations(owner).get(name)
    if isinstance(value, property | functools.cached_property):
        return [property_text(name, value)]
    if isinstance(value, classmethod | staticmethod):
        return [f"@{type(value).__name__}", *describe_function(name, value.__func__, isinstance(value, classmethod))]
    if inspect.isfunction(value):
        return describe_function(name, value, drop_first=True)
    if annotation is None:
        return [f"{name} = {value_text(value)}"]
    has_default = name in vars(owner) and not inspect.isdatadescriptor(value)
    return [f"{name}: {annotation_text(annotation)}" + (f" = {value_text(value)}" if has_default else "")]


def property_text(name: str, value: property | functools.cached_property) -> str:
    getter = value.func if isinstance(value, functools.cached_property) else value.fget
    result = inspect.signature(getter).return_annotation
    settable = " (settable)" if getattr(value, "fset", None) else ""
    return f"property {name}: {annotation_text(result)}{settable}"


def field_text(field: dataclasses.Field) -> str:
    text = f"{field.name}: {annotation_text(field.type)}"
    if field.default is not dataclasses.MISSING:
        text += f" = {value_text(field.default)}"
    elif field.default_factory is not dataclasses.MISSING:
        text += f" = {value_text(field.default_factory)}()"
    marks = [mark for mark, on in (("keyword only", field.kw_only), ("not in the constructor", not field.init)) if on]
    return f"{text} ({', '.join(marks)})" if marks else text


# ---------------------------------------------------------------------------------------------------------- functions


def describe_function(name: str, function: Callable[..., object], drop_first: bool = False) -> list[str]:
    overloads = typing.get_overloads(function) if inspect.isfunction(function) else []
    lines: list[str] = []
    for variant in overloads:
        lines += ["@overload", *signature_lines(name, variant, drop_first)]
    return [*lines, *signature_lines(name, function, drop_first)]


def signature_lines(name: str, function: Callable[..., object], drop_first: bool) -> list[str]:
    signature = inspect.signature(function)
    arguments = parameter_texts(list(signature.parameters.values())[1 if drop_first else 0 :])
    color = "async def" if inspect.iscoroutinefunction(function) else "def"
    result = signature.return_annotation
    arrow = "" if result is inspect.Signature.empty else f" -> {annotation_text(result)}"
    line = f"{color} {name}({', '.join(arguments)}){arrow}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{color} {name}(", *(f"    {argument}," for argument in arguments), f"){arrow}"]


def parameter_texts(parameters: list[inspect.Parameter]) -> list[str]:
    texts: list[str] = []
    for position, parameter in enumerate(parameters):
        before = parameters[position - 1].kind if position else None
        if before is parameter.POSITIONAL_ONLY and parameter.kind is not parameter.POSITIONAL_ONLY:
            texts.append("/")
        starred = before in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            texts.append("*")
        texts.append(parameter_text(parameter))
    if parameters and parameters[-1].kind is inspect.Parameter.POSITIONAL_ONLY:
        texts.append("/")
    return texts


def parameter_text(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = stars + parameter.name
    if parameter.annotation is not parameter.empty:
        text += f": {annotation_text(parameter.annotation)}"
    return text if parameter.default is parameter.empty else f"{text} = {value_text(parameter.default)}"


# --------------------------------------------------------------------------------------------------------- their text


def annotation_text(annotation: object) -> str:
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    # TypedDict and NamedTuple are functions where they stand among the bases of a class.
    if inspect.isfunction(annotation) or (inspect.isclass(annotation) and not typing.get_origin(annotation)):
        return annotation.__qualname__
    return short(annotation if isinstance(annotation, str) else inspect.formatannotation(annotation))


def value_text(value: object) -> str:
    if value is Ellipsis:
        return "..."
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if inspect.isclass(value) or inspect.isroutine(value):
        return value.__qualname__
    if isinstance(value, tuple | list):
        inside = ", ".join(map(value_text, value))
        if isinstance(value, list):
            return f"[{inside}]"
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}({sorted(map(value_text, value))})"
    if type(value).__repr__ is object.__repr__:
        return f"<{type(value).__name__}>"
    return short(re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value)))


def short(text: str) -> str:
    """Without the modules, which say where a thing is kept and not what it is."""
    return re.sub(
        r"\b(?:agentguard|collections\.abc|contextlib|enum|pathlib|typing)\.(?:\w+\.)*(?=\w)|~(?=\w)", "", text
    )


if __name__ == "__main__":
    print(render(), end="")
