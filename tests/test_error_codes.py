"""Every code that an error may carry is explained in docs/troubleshooting.md, with its exit code.

The codes are read from the source: the classes' own, and those given where an error is raised.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from falcoport import errors
from falcoport.port import errors as port_errors
from falcoport.resources.interface import Health

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "troubleshooting.md"
# Not a word in the source, but made of some: what each such expression may come to.
COMPUTED = {
    "f'bad_{what}'": {"bad_label", "bad_annotation"},
    "str(part.state)": {str(state) for state in Health if state is not Health.OK},
}
# The same code as that of another error, which is found where it is made.
PASSED_ON = {"code", "_CODE", "code or self.code", "failure.error.problems[0].code"}


def codes_in(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each code of a module with the class it is raised by, as far as that is said there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            given = [word.value for word in node.keywords if word.arg == "code"]
            if name == "Problem":
                given += node.args[:1]
            for value in given:
                yield from ((code, name) for code in words_of(value))
        elif isinstance(node, ast.ClassDef):
            for statement in node.body:
                target = getattr(statement, "targets", [None])[0]
                if getattr(target, "id", "") in ("code", "detailed_codes"):
                    assert isinstance(statement, ast.Assign)
                    yield from ((code, node.name) for code in words_of(statement.value))


def words_of(value: ast.expr) -> set[str]:
    """Return the codes that an expression may come to."""
    text = ast.unparse(value)
    if text in COMPUTED:
        return COMPUTED[text]
    found = {
        one.value
        for one in ast.walk(value)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }
    assert found or text in PASSED_ON or text.endswith(".code"), f"what may {text} be?"
    return found


def documented() -> dict[str, set[int]]:
    """Return the page's codes with their exit codes."""
    rows = re.findall(
        r"^\| `(\w+)` \| ([\d, ]+) \| [^|]+ \| [^|]+ \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) == len({code for code, _ in rows}), "a code has two entries"
    return {code: {int(one) for one in exits.split(",")} for code, exits in rows}


def used() -> dict[str, set[str]]:
    """Return every code in the source, with the names of the classes that bear it."""
    found: dict[str, set[str]] = {}
    for file in (ROOT / "falcoport").rglob("*.py"):
        if file.parent.parts[-3:-1] != ("falcoport", "sandbox") and "http" not in file.parts:
            for code, name in codes_in(ast.parse(file.read_text("utf-8"))):
                found.setdefault(code, set()).add(name)
    return found


def test_every_code_has_an_entry_and_every_entry_a_code() -> None:
    assert sorted(used()) == sorted(documented())


def test_the_exit_code_of_an_entry_is_that_of_its_error() -> None:
    known = {**vars(errors), **vars(port_errors)}
    wrong = [
        f"{code}: {name} ends with {known[name].exit_code}"
        for code, names in used().items()
        for name in names
        if hasattr(known.get(name), "exit_code") and known[name].exit_code not in documented()[code]
    ]
    assert wrong == []
