"""What a JQ expression reads of a webhook's event, found without running it.

libjq spends most of its time on reading its input. Most expressions of a mapping only look at a
few members of `.body`, so telling which ones makes evaluating them many times faster. Whatever
is not plainly understood here counts as reading everything: the answer is never too small.

Pure.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING

from falcoport.mapping.jq_analysis import (
    CONSTANTS,
    FUNCTIONS,
    WORD_OPERATORS,
    UnclearError,
    read_tokens,
)

if TYPE_CHECKING:
    from falcoport.mapping.jq_analysis import Token

_PLAIN_PATH = re.compile(r"\s*\.body((?:\.[A-Za-z_][A-Za-z0-9_]*)+)\s*")


class _Kind(Enum):
    """What an expression gives: the whole event, its body, or something further inside."""

    EVENT = auto()
    BODY = auto()
    INSIDE = auto()


def plain_path(expression: str) -> tuple[str, ...]:
    """Return the keys below `.body` of an expression that is nothing but a path; else ()."""
    match = _PLAIN_PATH.fullmatch(expression)
    return tuple(match[1][1:].split(".")) if match else ()


def fields_read(expression: str) -> frozenset[str] | None:
    """Return the members of `.body` that an expression may read; None if it may read anything."""
    try:
        parser = _Parser(read_tokens(expression))
        if parser.pipe(_Kind.EVENT) is not _Kind.INSIDE or not parser.at_end():
            return None
    except (UnclearError, RecursionError):
        return None
    return frozenset(parser.members)


class _Parser:
    """Follows what `.` stands for through pipes, operators, calls and brackets.

    Between two pipes every operand sees the same input, so the order in which operators bind does
    not matter here.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self.members: set[str] = set()

    def at_end(self) -> bool:
        return self._at == len(self._tokens)

    def pipe(self, dot: _Kind) -> _Kind:
        kind = self._operands(dot)
        while self._take("mark", "|"):
            kind = self._operands(kind)
        return kind

    def _operands(self, dot: _Kind) -> _Kind:
        kind = self._operand(dot)
        while self._take_operator():
            if kind is not _Kind.INSIDE or self._operand(dot) is not _Kind.INSIDE:
                raise UnclearError
        return kind

    def _take_operator(self) -> bool:
        kind, text = self._next()
        operator = (
            kind == "operator"
            or (kind == "mark" and text == ",")
            or (kind == "word" and text in WORD_OPERATORS)
        )
        self._at += operator
        return operator

    def _operand(self, dot: _Kind) -> _Kind:
        negative = self._take("operator", "-")
        kind = self._after(self._term(dot), dot)
        if negative and kind is not _Kind.INSIDE:
            raise UnclearError
        return kind

    def _term(self, dot: _Kind) -> _Kind:
        kind, text = self._next()
        self._at += 1
        if kind == "field":
            return self._member(dot, text[1:])
        if kind in ("text", "number"):
            return _Kind.INSIDE
        if kind == "word":
            return self._word(text, dot)
        if text == ".":
            return dot
        if text == "(":
            inner = self.pipe(dot)
            self._expect(")")
            return inner
        if text == "[":
            if not self._take("mark", "]"):
                self._inside(dot)
                self._expect("]")
            return _Kind.INSIDE
        raise UnclearError

    def _after(self, kind: _Kind, dot: _Kind) -> _Kind:
        """Follow `.name`, `[…]` and `?` behind a term."""
        while True:
            following, text = self._next()
            if following == "field":
                kind = self._member(kind, text[1:])
                self._at += 1
            elif following == "mark" and text == "[":
                if kind is not _Kind.INSIDE:
                    raise UnclearError
                self._at += 1
                if not self._take("mark", "]"):
                    self._inside(dot)
                    self._expect("]")
            elif not self._take("mark", "?"):
                return kind

    def _word(self, word: str, dot: _Kind) -> _Kind:
        if word == "if":
            return self._condition(dot)
        if word in CONSTANTS:
            return _Kind.INSIDE
        if word not in FUNCTIONS or dot is not _Kind.INSIDE:
            raise UnclearError
        if self._take("mark", "("):
            self._inside(dot)
            while self._take("mark", ";"):
                self._inside(dot)
            self._expect(")")
        return _Kind.INSIDE

    def _condition(self, dot: _Kind) -> _Kind:
        while True:
            self._inside(dot)
            self._expect("then", "word")
            self._inside(dot)
            if self._take("word", "elif"):
                continue
            if self._take("word", "else"):
                self._inside(dot)
            elif dot is not _Kind.INSIDE:
                raise UnclearError  # without else, the input itself is the result
            self._expect("end", "word")
            return _Kind.INSIDE

    def _inside(self, dot: _Kind) -> None:
        if self.pipe(dot) is not _Kind.INSIDE:
            raise UnclearError

    def _member(self, kind: _Kind, name: str) -> _Kind:
        if kind is _Kind.EVENT:
            if name != "body":
                raise UnclearError
            return _Kind.BODY
        if kind is _Kind.BODY:
            self.members.add(name)
        return _Kind.INSIDE

    def _next(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _take(self, kind: str, text: str) -> bool:
        if self._next() != (kind, text):
            return False
        self._at += 1
        return True

    def _expect(self, text: str, kind: str = "mark") -> None:
        if not self._take(kind, text):
            raise UnclearError
