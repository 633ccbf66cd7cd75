"""Reading a YAML or JSON document and checking it, with every problem at its file, line and key.

Whatever a person may give: a folder, a device, bytes that are not text, aliases of aliases. Nothing
is read without a limit.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from falcoport.errors import MOST_SHOWN, Problem
from falcoport.manifests.validation import child, kind, text_of

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from falcoport.manifests.validation import Message, Report, Shape

_LARGEST = 1024 * 1024
"""Port's own limit of a request body, hence of anything a document could become, in bytes."""
_MOST_NODES = 100_000
_DEEPEST = 200
"""How many collections may stand inside each other."""
_LONGEST_NUMBER = 400
"""Characters of a number: more digits than any JSON number that Port could take."""
_NOT_SHOWN = Problem("bad_manifest", "")
_EXACT_WORDS = 64 * 1024
"""How long a wrong document may be for the words of the slower loader, which name what it found."""
# libyaml takes a tenth of the time; a PyYAML that was built without it lacks this name.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """What a file holds: its name for messages, its value, and the line of each key path."""

    name: str
    value: Any
    lines: dict[str, int]


class UnreadableError(Exception):
    """A file that cannot become a document at all; the message goes on behind the file's name."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def read_document(source: Path | Traversable) -> Document:
    """Read a file. Raise UnreadableError."""
    name = str(source) if isinstance(source, Path) else source.name
    value, lines = parse_document(_read_text(source))
    return Document(name, value, lines)


def read_trusted(source: Traversable) -> dict[str, Any]:
    """Read a YAML file of our own, by libyaml where it is there. Raise UnreadableError."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Any] = yaml.load(_read_text(source), loader)  # noqa: S506 -- both are safe
    return found


def _read_text(source: Path | Traversable) -> str:
    try:
        if isinstance(source, Path) and source.is_dir():
            raise UnreadableError("is a folder")
        with source.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise UnreadableError("does not exist") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UnreadableError(f"cannot be read: {reason}") from None
    if len(content) > _LARGEST:
        raise UnreadableError(f"is larger than {_LARGEST // 1024} KiB, which Port would refuse")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(
            f"is not text: byte {error.start} is not UTF-8", "It must be YAML or JSON, in UTF-8."
        ) from None
    if not text.strip():
        raise UnreadableError("is empty")
    return text


def parse_document(text: str) -> tuple[Any, dict[str, int]]:
    """Return the document and, for YAML, the line of each key path. Raise UnreadableError."""
    try:
        if text.lstrip().startswith("{"):
            # YAML reads most JSON but not all of it: tabs and surrogate escapes, for two.
            try:
                return json.loads(text, object_pairs_hook=_without_duplicates), {}
            except json.JSONDecodeError:
                pass
        try:
            _check_depth(text)
            return _load(text, _LOADER)
        except yaml.YAMLError as error:
            if "nesting depth" in str(error):
                raise RecursionError from None
            if len(text) > _EXACT_WORDS:
                raise
            return _load(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = (error.problem or error.context or "it cannot be read").replace("\n", " ")
        raise UnreadableError(f"is not valid YAML{where}: {what}") from None
    except yaml.YAMLError as error:
        what = " ".join(str(error).split("\n", 1)[0].split())
        raise UnreadableError(f"is not valid YAML: {what}") from None
    except RecursionError:
        raise UnreadableError("is nested too deeply") from None
    except ValueError as error:
        raise UnreadableError(f"is not valid: {error}") from None


def _check_depth(text: str) -> None:
    """Raise RecursionError where collections are nested so deeply that composing them could crash.

    libyaml composes by recursion in C, in older versions without a limit; events come one by one.
    """
    if sum(map(text.count, "[{-:?")) <= _DEEPEST:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise RecursionError
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _load(text: str, kind_of_loader: Any) -> tuple[Any, dict[str, int]]:
    loader = kind_of_loader(text)
    try:
        root = loader.get_single_node()
        lines: dict[str, int] = {}
        if root is None:
            return None, lines
        _walk(root, "", lines, _Budget(_MOST_NODES))
        try:
            return loader.construct_document(root), lines
        except (ArithmeticError, LookupError, TypeError, AttributeError):
            # PyYAML's constructors take a tag's word for it: `!!bool abc`, `!!omap 3`.
            raise UnreadableError("holds a value that is not what its tag says") from None
    finally:
        loader.dispose()


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise UnreadableError(f"names the key {key!r} twice")
        found[key] = value
    return found


class _Budget:
    """How many nodes may still be looked at: aliases can make a small file endless."""

    def __init__(self, nodes: int) -> None:
        self._left = nodes

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise UnreadableError("holds too many values (are there aliases of aliases?)")


_NUMBERS = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})


def _walk(node: yaml.Node, at: str, lines: dict[str, int], budget: _Budget) -> None:
    """Note the line of every key path; refuse duplicate keys, which YAML would let through."""
    budget.spend()
    if isinstance(node, yaml.ScalarNode):
        # The time for reading a number grows with the square of its digits, `1:1:1` too.
        if len(node.value) > _LONGEST_NUMBER and node.tag in _NUMBERS:
            line = node.start_mark.line + 1
            raise UnreadableError(
                f"holds a number of {len(node.value):,} characters, at line {line}",
                "Put it in quotes to make it a text.",
            )
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in seen and key != "<<":
                raise UnreadableError(f"names the key {key!r} twice, at line {line}")
            seen.add(key)
            path = child(at, key)
            lines[path] = line
            _walk(value_node, path, lines, budget)
    elif isinstance(node, yaml.SequenceNode):
        for index, element in enumerate(node.value):
            path = child(at, index)
            lines[path] = element.start_mark.line + 1
            _walk(element, path, lines, budget)


def check_document(document: Document, shape: Shape, problems: list[Problem], code: str) -> None:
    """Add what is wrong with a document to `problems`, each with this code."""
    report = make_reporter(document, problems, code)
    if not isinstance(document.value, dict):
        what = f"{document.name} is {kind(document.value)}, not a map of keys."
        problems.append(Problem(code, what, document.name))
        return
    reported: set[str] = set()

    def report_first(at: str, message: Message) -> None:
        reported.add(at)
        report(at, message)

    def report_others(at: str, message: Message) -> None:
        if at not in reported:
            report(at, message)

    shape.check(_as_json(document.value, "", report_first), "", report_others)


def make_reporter(document: Document, problems: list[Problem], code: str) -> Report:
    """Return a function that notes a problem of a file, with the line where its key stands."""

    def report(at: str, message: Message) -> None:
        if len(problems) >= MOST_SHOWN:
            problems.append(_NOT_SHOWN)  # counts, and is never read
            return
        line = _find_line(at, document.lines)
        where = f"{document.name}:{line}: {at}" if line else f"{document.name}: {at}"
        problems.append(Problem(code, f"{at} {text_of(message)}.", where))

    return report


def _find_line(at: str, lines: dict[str, int]) -> int | None:
    """Return the line of a key path, or of the nearest key above one that is missing."""
    while at:
        if at in lines:
            return lines[at]
        at = at[: max(at.rfind("."), at.rfind("["), 0)]
    return None


def _as_json(value: object, at: str, report: Report) -> Any:
    """Return a value as JSON can carry it; report dates, sets, NaN, keys that are not texts.

    What it cannot carry becomes null, so that the rest can be checked nevertheless.
    """
    if isinstance(value, dict):
        members = {}
        for key, member in value.items():
            path = child(at, str(key))
            if isinstance(key, str):
                members[key] = _as_json(member, path, report)
            else:
                report(path, f"as key must be a text, not {kind(key)}; quote it")
        return members
    if isinstance(value, list):
        return [_as_json(member, child(at, i), report) for i, member in enumerate(value)]
    problem = _problem_as_json(value)
    if problem:
        report(at, problem)
    return None if problem else value


def _problem_as_json(value: object) -> str:
    """Say why JSON cannot carry a plain value; empty if it can."""
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        return "holds an unpaired surrogate"
    if not isinstance(value, str | int | float | bool | type(None)):
        return f"is read as {kind(value)}; quote it to make it a text"
    return ""
