import inspect
import re

from agentguard import errors

LINE = re.compile(r"^(?P<indent> *)(?P<name>[A-Z]\w+)(?: \((?:also )?(?P<also>[\w, ]+)\))?(?: - .+)?$")


def drawn() -> dict[str, tuple[str | None, set[str]]]:
    """Class name -> (parent, further bases), as the docstring of errors.py draws them."""
    docstring = inspect.getdoc(errors) or ""
    block = docstring[docstring.index("AgentGuardError") :].split("\n\n")[0]
    tree: dict[str, tuple[str | None, set[str]]] = {}
    line_of_descent: list[str] = []
    for line in block.splitlines():
        match = LINE.match(line)
        assert match, f"not a line of the drawing: {line!r}"
        depth, odd = divmod(len(match["indent"]), 2)
        assert not odd, f"two spaces per level: {line!r}"
        assert depth <= len(line_of_descent), f"a level is missing above {line!r}"
        del line_of_descent[depth:]
        also = set(re.split(r", ?", match["also"])) if match["also"] else set()
        tree[match["name"]] = (line_of_descent[-1] if line_of_descent else None, also)
        line_of_descent.append(match["name"])
    return tree


def defined() -> dict[str, tuple[str | None, set[str]]]:
    """The same, as the classes are. A base with an underscore is not drawn: its public parent stands for it."""
    tree: dict[str, tuple[str | None, set[str]]] = {}
    for name, cls in inspect.getmembers(errors, inspect.isclass):
        if name.startswith("_") or not issubclass(cls, errors.AgentGuardError):
            continue
        ours = [b for b in cls.__mro__[1:] if b.__module__ == errors.__name__ and not b.__name__.startswith("_")]
        also = {base.__name__ for base in cls.__bases__ if base.__module__ == "builtins" and base is not Exception}
        tree[name] = (ours[0].__name__ if ours else None, also)
    return tree


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    assert drawn() == defined()


def test_every_public_class_of_errors_is_an_agentguard_error():
    strangers = [
        name
        for name, cls in vars(errors).items()
        if inspect.isclass(cls)
        and cls.__module__ == errors.__name__
        and not name.startswith("_")
        and not issubclass(cls, errors.AgentGuardError)
    ]
    assert strangers == []
