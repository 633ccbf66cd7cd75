"""A small language for saying what a JSON document must look like, and what is wrong with one.

Every shape has `check(value, at, report)`: `at` is the key path from the document's root and
`report(at, message)` collects problems, so that a person sees all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

Message = str | Callable[[], str]
"""What is wrong; a function where finding the words takes time, and is only for showing them."""

Report = Callable[[str, Message], None]


def text_of(message: Message) -> str:
    """Return the words of a message."""
    return message if isinstance(message, str) else message()


class Shape(Protocol):
    """Anything that can check a value."""

    def check(self, value: object, at: str, report: Report) -> None:
        """Report what is wrong with `value`, which stands at `at`."""


def kind(value: object) -> str:
    """Name a value's JSON type as a person would."""
    names: dict[type, str] = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a map",
        type(None): "empty",
    }
    return names.get(type(value), f"a {type(value).__name__}")


def nearest(word: str, words: Iterable[str]) -> str:
    """Return the one of `words` that was probably meant; empty if none is near."""
    # Imported here: only what is wrong needs it.
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, words, n=1)), "")


def child(at: str, key: object) -> str:
    """Return the path of a key below `at`."""
    if isinstance(key, int):
        return f"{at}[{key}]"
    return f"{at}.{key}" if at else str(key)


@dataclass(frozen=True)
class Text:
    """A text of bounded length; `accepts` takes the whole of it, and is explained by `spelled`."""

    longest: int | None = None
    shortest: int = 0
    accepts: Callable[[str], object] | None = None
    spelled: str = ""

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        if not isinstance(value, str):
            hint = "; put it in quotes" if isinstance(value, bool | int | float) else ""
            report(at, f"must be a text, not {kind(value)}{hint}")
            return
        if len(value) < self.shortest:
            report(at, "must not be empty")
        elif self.longest is not None and len(value) > self.longest:
            report(at, f"has {len(value)} characters, Port accepts {self.longest}")
        elif self.accepts is not None and not self.accepts(value):
            report(at, f"is {value!r}, but {self.spelled}")


@dataclass(frozen=True)
class Flag:
    """true or false."""

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        if not isinstance(value, bool):
            report(at, f"must be true or false, not {kind(value)}")


@dataclass(frozen=True)
class Number:
    """A finite number; a whole one that is not negative where `count` is set."""

    count: bool = False

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            report(at, f"must be a number, not {kind(value)}")
        elif self.count and (not isinstance(value, int) or value < 0):
            report(at, f"must be a whole number from 0, not {value}")


@dataclass(frozen=True)
class Choice:
    """One of some words; `nullable` lets null stand too."""

    words: tuple[str, ...]
    nullable: bool = False

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        if value is None and self.nullable:
            return
        if not isinstance(value, str):
            report(at, f"must be one of {', '.join(self.words)}, not {kind(value)}")
        elif value not in self.words:
            report(at, partial(self._explain, value))

    def _explain(self, value: str) -> str:
        near = nearest(value, self.words)
        meant = f" (did you mean {near}?)" if near else ""
        return f"is {value!r}{meant}; Port accepts {', '.join(self.words)}"


@dataclass(frozen=True)
class Anything:
    """Any JSON value."""

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""


@dataclass(frozen=True)
class ListOf:
    """A list whose elements have one shape."""

    element: Shape
    longest: int | None = None

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        if not isinstance(value, list):
            report(at, f"must be a list, not {kind(value)}")
            return
        if self.longest is not None and len(value) > self.longest:
            report(at, f"has {len(value)} elements, Port accepts {self.longest}")
        for index, element in enumerate(value):
            self.element.check(element, child(at, index), report)


@dataclass(frozen=True)
class MapOf:
    """A map from identifiers to values of one shape."""

    key: Text
    value: Shape

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        if not isinstance(value, dict):
            report(at, f"must be a map, not {kind(value)}")
            return
        for key, member in value.items():
            self.key.check(
                key, child(at, key), lambda where, what: report(where, f"as key {text_of(what)}")
            )
            self.value.check(member, child(at, key), report)


@dataclass(frozen=True, eq=False)
class Object:
    """A map with known keys; `further` looks at the whole once its keys were checked."""

    fields: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    further: Callable[[dict[str, object], str, Report], None] | None = field(default=None)

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        if not isinstance(value, dict):
            report(at or "(document)", f"must be a map, not {kind(value)}")
            return
        for key in self.required:
            if key not in value:
                report(child(at, key), "is missing")
        for key, member in value.items():
            shape = self.fields.get(key) if isinstance(key, str) else None
            if shape is None:
                report(child(at, key), partial(self._explain, str(key)))
            else:
                shape.check(member, child(at, key), report)
        if self.further is not None:
            self.further(value, at, report)

    def _explain(self, key: str) -> str:
        near = nearest(key, self.fields)
        return f"is not a known key here{f'; did you mean {near}?' if near else ''}"


@dataclass(frozen=True)
class Either:
    """One of two shapes, told apart by whether the value is a map."""

    plain: Shape
    mapped: Shape

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        (self.mapped if isinstance(value, dict) else self.plain).check(value, at, report)


@dataclass(frozen=True)
class Nullable:
    """A shape, or null."""

    shape: Shape

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        if value is not None:
            self.shape.check(value, at, report)
