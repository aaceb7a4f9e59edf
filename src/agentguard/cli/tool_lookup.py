"""Finding the guarded tool that a user means by `module:tool` or `path/to/file.py:tool`."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from agentguard import GuardedTool

_MOST_FRAMES = 3


class UnknownToolError(LookupError):
    """What was named is no guarded tool, or cannot be imported. Its text says what to do."""

    def __init__(self, problem: str, details: Iterable[str] = ()) -> None:
        super().__init__(problem)
        self.details = list(details)
        """Lines of the user's own traceback, when the import raised."""


def find_tool(wanted: str) -> GuardedTool[..., Any, Any]:
    """The tool at `module:tool`, `module:Class.tool` or `path/to/file.py:tool`; imports the module.

    What the module prints while it is imported goes to standard error.

    Raises:
        UnknownToolError: There is none.
    """
    place, colon, path = wanted.rpartition(":")
    if not colon or not place or not path:
        raise UnknownToolError(f"{wanted!r} names no tool. Write module:tool, or path/to/file.py:tool.")
    module = _imported(place)
    found: Any = module
    for position, name in enumerate(path.split(".")):
        holder = ".".join([place, *path.split(".")[:position]])
        found = _member(found, name, holder)
    if isinstance(found, GuardedTool):
        return found
    raise UnknownToolError(_no_tool(wanted, found, module))


def _imported(place: str) -> ModuleType:
    """The module; what goes wrong in it is the user's, and is shown as Python shows it."""
    with redirect_stdout(sys.stderr):
        try:
            return _from_file(Path(place)) if _is_file(place) else _by_name(place)
        except UnknownToolError:
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may raise anything, SystemExit too
            raise UnknownToolError(f"importing {place!r} raised an error:", _end_of_traceback(error)) from error


def _is_file(place: str) -> bool:
    return place.endswith(".py") or os.sep in place


def _by_name(name: str) -> ModuleType:
    _look_in(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only if it is this module, or a package around it: what it imports itself may be missing too.
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise UnknownToolError(f"there is no module {error.name!r} on the path or in {os.getcwd()!r}.") from None


def _from_file(file: Path) -> ModuleType:
    if not file.is_file():
        raise UnknownToolError(f"there is no file {str(file)!r}.")
    # Its neighbours are imported by it as they are when it is run.
    _look_in(file.resolve().parent)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise UnknownToolError(f"{str(file)!r} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def _look_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _member(holder: Any, name: str, path: str) -> Any:
    try:
        return getattr(holder, name)
    except AttributeError:
        near = difflib.get_close_matches(name, dir(holder), n=3)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else _tools_in(holder)
        raise UnknownToolError(f"{path!r} has no {name!r}.{hint}") from None


def _no_tool(wanted: str, found: object, module: ModuleType) -> str:
    kind = "a class" if isinstance(found, type) else f"of type {type(found).__name__!r}"
    advice = " Put @guard on it." if callable(found) and not isinstance(found, type) else ""
    return f"{wanted!r} is {kind}, and no guarded tool.{advice}{_tools_in(found) or _tools_in(module)}"


def _tools_in(holder: object) -> str:
    members = vars(holder) if isinstance(holder, ModuleType | type) else {}
    tools = [name for name, value in members.items() if isinstance(value, GuardedTool)]
    return f" The tools there are {', '.join(map(repr, tools[:10]))}." if tools else ""


def _end_of_traceback(error: BaseException) -> list[str]:
    """The last frames, without ours and those of the import machinery; then the error itself."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and "importlib" not in frame.filename
    ]
    lines = traceback.format_list(frames[-_MOST_FRAMES:]) + traceback.format_exception_only(error)
    return "".join(lines).splitlines()
