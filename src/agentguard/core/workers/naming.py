"""How functions and classes are named to another process, and found there again: `module:qualname`.

Only modules that are loaded already are looked into, unless the name comes from the parent, which a worker trusts. No
code runs on the way: attributes are read from the modules' and classes' own dictionaries, never by `getattr`, because
a module's `__getattr__` may import.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any

from agentguard.core.target import Target
from agentguard.errors import ConfigError

MAIN = "__main__"
MAIN_IN_WORKER = "__mp_main__"
"""What the parent's main module is called in a worker, so that its `if __name__ == "__main__"` block does not run. The
name is `multiprocessing`'s, and libraries know it."""


@dataclass(frozen=True, slots=True)
class MainModule:
    """Where the parent's main module comes from."""

    path: str
    """Its file."""
    package: str | None
    """The package that its relative imports start from, when it was started with `python -m`."""

    @classmethod
    def of_this_process(cls) -> MainModule | None:
        """That of this process; None when it did not come from a file, as in a REPL."""
        main = sys.modules.get(MAIN)
        path = getattr(main, "__file__", None)
        if main is None or path is None or not os.path.isfile(path):
            return None
        return cls(os.path.abspath(path), main.__package__)


class Loading:
    """What a worker may load, and whether it is loading just now."""

    def __init__(self) -> None:
        self.main: MainModule | None = None
        """The parent's main module; None in a process that is no worker, or when the parent's came from no file."""
        self.is_on = False
        """Whether a module is being imported for the parent, and must not call tools in processes."""
        self._main_module: ModuleType | None = None

    def module(self, name: str) -> ModuleType:
        """The module `name`, imported if need be. Raises whatever importing it raises."""
        # Not `sys.modules[MAIN_IN_WORKER]`, where multiprocessing may have put this process's own main module.
        loaded = self._main_module if name == MAIN else sys.modules.get(name)
        if loaded is not None:
            return loaded
        self.is_on = True
        try:
            return self._load_main() if name == MAIN else importlib.import_module(name)
        finally:
            self.is_on = False

    def _load_main(self) -> ModuleType:
        if self.main is None:
            msg = "the parent's main module does not come from a file"
            raise ImportError(msg)
        # With a loader of its own, because a program's file need not end in `.py`. The spec's name only says where
        # relative imports start from.
        loader = SourceFileLoader(MAIN_IN_WORKER, self.main.path)
        name = f"{self.main.package}.{MAIN}" if self.main.package else MAIN_IN_WORKER
        spec = ModuleSpec(name, loader, origin=self.main.path)
        spec.has_location = True
        module = module_from_spec(spec)
        module.__name__ = MAIN_IN_WORKER
        own_main = sys.modules[MAIN]
        sys.modules[MAIN] = sys.modules[MAIN_IN_WORKER] = module
        try:
            loader.exec_module(module)
        except BaseException:
            sys.modules[MAIN] = own_main
            del sys.modules[MAIN_IN_WORKER]
            raise
        self._main_module = module
        return module


LOADING = Loading()
"""This process's."""


def name_of(named: Any) -> str | None:
    """The name that leads to a function or class, `module:qualname`; None when none does."""
    module, qualname = getattr(named, "__module__", None), getattr(named, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(qualname, str):
        return None
    name = f"{MAIN if module == MAIN_IN_WORKER else module}:{qualname}"
    return name if find(name) is named else None


def find(name: str) -> Any:
    """What `name` names in the modules that are loaded; None when there is no such thing."""
    module_name, _, qualname = name.partition(":")
    return _inside(sys.modules.get(module_name), qualname)


def load(name: str) -> Any:
    """What `name` names, its module imported if need be. Raises whatever importing it raises; ImportError when there
    is no such name in it.
    """
    module_name, _, qualname = name.partition(":")
    found = _inside(LOADING.module(module_name), qualname)
    if found is None:
        msg = f"module {module_name!r} has no {qualname!r} once it is imported in a worker process"
        raise ImportError(msg)
    return found


def check_target(target: Target) -> None:
    """Refuse a tool that no other process could find.

    Raises:
        ConfigError: It is a lambda, nested, a method, a generator, an object, or comes from no file; at decoration.
    """
    reason = _why_not(target)
    if reason is not None:
        msg = (
            f'{target.name!r} cannot run with isolation="process": {reason}; '
            "a worker process finds a tool by its name in a module"
        )
        raise ConfigError(msg)


def name_of_target(target: Target) -> str:
    """The name by which a worker finds the tool's function.

    Raises:
        ConfigError: The name leads to something else by now; nothing has run.
    """
    fn: Any = target.fn
    name = f"{MAIN if fn.__module__ == MAIN_IN_WORKER else fn.__module__}:{fn.__qualname__}"
    if find(name) is not fn:
        msg = (
            f'{target.name!r} cannot run with isolation="process": {name!r} does not lead to its function '
            "(it was renamed, replaced or wrapped); give it a name of its own in its module"
        )
        raise ConfigError(msg)
    return name


def _inside(found: Any, qualname: str) -> Any:
    for part in qualname.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return _undecorated(found)


def _undecorated(found: Any) -> Any:
    """The tool's own function, so that a worker does not guard it a second time."""
    if isinstance(found, staticmethod | classmethod):
        found = found.__func__
    wrapped = found
    # An endless chain is somebody's mistake, and not a reason to hang.
    for _ in range(100):
        target = getattr(wrapped, "__dict__", {}).get("_target")
        if isinstance(target, Target):
            return target.fn
        wrapped = getattr(wrapped, "__dict__", {}).get("__wrapped__")
        if wrapped is None:
            break
    return found


def _why_not(target: Target) -> str | None:
    fn: Any = target.fn
    if os.name != "posix":
        return f"this is {os.name!r}, and worker processes need a POSIX system"
    if target.is_stream:
        return f"it is a {target.kind.value}, whose items would have to come one by one"
    if isinstance(fn, functools.partial):
        return "it is a partial; make it a function of its own"
    qualname = getattr(fn, "__qualname__", None)
    module = getattr(fn, "__module__", None)
    if not isinstance(qualname, str) or not isinstance(module, str):
        return f"it is an object of type {type(fn).__name__}; make it a function"
    return _why_not_named(target, module, qualname)


def _why_not_named(target: Target, module: str, qualname: str) -> str | None:
    if "<lambda>" in qualname:
        return "it is a lambda; make it a function with a name"
    if "<locals>" in qualname:
        return "it is defined inside another function; move it to the top of its module"
    if _is_method(target, module, qualname):
        return "it is a method, and its object stays here; make it a function, or put @guard above @staticmethod"
    if module == MAIN and MainModule.of_this_process() is None:
        return "it is defined in a program that does not come from a file; move it to a module"
    return None


def _is_method(target: Target, module: str, qualname: str) -> bool:
    if target.binding == "class" or getattr(target.fn, "__func__", None) is not None:
        return True
    # A class that is there already leads to its static methods; one that is being made leads nowhere yet.
    return "." in qualname and target.binding != "static" and find(f"{module}:{qualname}") is not target.fn
