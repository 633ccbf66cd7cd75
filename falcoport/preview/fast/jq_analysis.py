"""What a JQ expression reads of a webhook's event, found without running it.

libjq spends most of its time on reading its input. Most expressions of a mapping only look at a
few members of `.body`, so telling which ones makes evaluating them many times faster. Whatever
is not plainly understood here counts as reading everything: the answer is never too small.

Pure.
"""

from __future__ import annotations

import re
from enum import Enum, auto

_PLAIN_PATH = re.compile(r"\s*\.body((?:\.[A-Za-z_][A-Za-z0-9_]*)+)\s*")
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<field>\.[A-Za-z_][A-Za-z0-9_]*)
    | (?P<text>"(?:[^"\\]|\\["\\/bfnrtu])*")
    | (?P<number>[0-9]+(?:\.[0-9]+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<operator>//(?!=)|==|!=|<=|>=|[<>](?!=)|[-+*/%](?!=))
    | (?P<mark>\|(?!=)|,|\(|\)|\[|\]|;|\?(?!//)|\.(?![.\w"]))
    )""",
    re.VERBOSE,
)
_CONSTANTS = frozenset({"null", "true", "false", "empty"})
_WORD_OPERATORS = frozenset({"and", "or"})
# Builtins whose result depends on their input and arguments alone.
_FUNCTIONS = frozenset(
    """
    add all any arrays ascii_downcase ascii_upcase booleans capture contains endswith explode first
    flatten from_entries fromjson gsub has implode index inside isempty iterables join keys last
    length limit ltrimstr map map_values match max min not nulls numbers objects range reverse
    rindex rtrimstr scalars scan select sort sort_by split splits startswith strings sub test
    to_entries tojson tonumber tostring type unique unique_by utf8bytelength values with_entries
    """.split()
)


_REPEATING = frozenset({"capture", "limit", "match", "range", "scan", "splits"})
_COLLECTING = frozenset({"map", "map_values", "any", "all", "first", "isempty", "sort_by"})


class _Kind(Enum):
    """What an expression gives: the whole event, its body, or something further inside."""

    EVENT = auto()
    BODY = auto()
    INSIDE = auto()


class _UnclearError(Exception):
    """The expression is not of the kind that is understood here."""


def plain_path(expression: str) -> tuple[str, ...]:
    """Return the keys below `.body` of an expression that is nothing but a path; else ()."""
    match = _PLAIN_PATH.fullmatch(expression)
    return tuple(match[1][1:].split(".")) if match else ()


def members_read(expression: str) -> frozenset[str] | None:
    """Return the members of `.body` that an expression may read; None if it may read anything."""
    try:
        parser = _Parser(_tokens(expression))
        if parser.pipe(_Kind.EVENT) is not _Kind.INSIDE or not parser.at_end():
            return None
    except (_UnclearError, RecursionError):
        return None
    return frozenset(parser.members)


def gives_one_output(expression: str) -> bool:
    """Tell whether an expression surely gives at most one output; False if that is not clear."""
    try:
        tokens = _tokens(expression)
        parser = _Parser(tokens)
        parser.pipe(_Kind.EVENT)
    except (_UnclearError, RecursionError):
        return False
    return parser.at_end() and not parser.may_repeat


def _tokens(expression: str) -> list[tuple[str, str]]:
    found = []
    at, end = 0, len(expression.rstrip())
    while at < end:
        match = _TOKEN.match(expression, at)
        if match is None or match.lastgroup is None:
            raise _UnclearError
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


class _Parser:
    """Follows what `.` stands for through pipes, operators, calls and brackets.

    Between two pipes every operand sees the same input, so the order in which operators bind does
    not matter here.
    """

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self.members: set[str] = set()
        self.may_repeat = False

    def at_end(self) -> bool:
        return self._at == len(self._tokens)

    def pipe(self, dot: _Kind) -> _Kind:
        kind = self._operands(dot)
        while self._took("mark", "|"):
            kind = self._operands(kind)
        return kind

    def _operands(self, dot: _Kind) -> _Kind:
        kind = self._operand(dot)
        while self._took_operator():
            if kind is not _Kind.INSIDE or self._operand(dot) is not _Kind.INSIDE:
                raise _UnclearError
        return kind

    def _took_operator(self) -> bool:
        kind, text = self._next()
        operator = (
            kind == "operator"
            or (kind == "mark" and text == ",")
            or (kind == "word" and text in _WORD_OPERATORS)
        )
        self._at += operator
        self.may_repeat |= operator and text == ","
        return operator

    def _operand(self, dot: _Kind) -> _Kind:
        negative = self._took("operator", "-")
        kind = self._after(self._term(dot), dot)
        if negative and kind is not _Kind.INSIDE:
            raise _UnclearError
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
            if not self._took("mark", "]"):
                self._collected(dot)
                self._expect("]")
            return _Kind.INSIDE
        raise _UnclearError

    def _after(self, kind: _Kind, dot: _Kind) -> _Kind:
        """Follow `.name`, `[…]` and `?` behind a term."""
        while True:
            following, text = self._next()
            if following == "field":
                kind = self._member(kind, text[1:])
                self._at += 1
            elif following == "mark" and text == "[":
                if kind is not _Kind.INSIDE:
                    raise _UnclearError
                self._at += 1
                if self._took("mark", "]"):
                    self.may_repeat = True
                else:
                    self._inside(dot)
                    self._expect("]")
            elif not self._took("mark", "?"):
                return kind

    def _word(self, word: str, dot: _Kind) -> _Kind:
        if word == "if":
            return self._condition(dot)
        if word in _CONSTANTS:
            return _Kind.INSIDE
        if word not in _FUNCTIONS or dot is not _Kind.INSIDE:
            raise _UnclearError
        self.may_repeat |= word in _REPEATING
        if self._took("mark", "("):
            (self._collected if word in _COLLECTING else self._inside)(dot)
            while self._took("mark", ";"):
                self._inside(dot)
            self._expect(")")
        return _Kind.INSIDE

    def _condition(self, dot: _Kind) -> _Kind:
        while True:
            self._inside(dot)
            self._expect("then", "word")
            self._inside(dot)
            if self._took("word", "elif"):
                continue
            if self._took("word", "else"):
                self._inside(dot)
            elif dot is not _Kind.INSIDE:
                raise _UnclearError  # without else, the input itself is the result
            self._expect("end", "word")
            return _Kind.INSIDE

    def _collected(self, dot: _Kind) -> None:
        """Read an expression of which all outputs, or only the first, end up in one value."""
        before = self.may_repeat
        self._inside(dot)
        self.may_repeat = before

    def _inside(self, dot: _Kind) -> None:
        if self.pipe(dot) is not _Kind.INSIDE:
            raise _UnclearError

    def _member(self, kind: _Kind, name: str) -> _Kind:
        if kind is _Kind.EVENT:
            if name != "body":
                raise _UnclearError
            return _Kind.BODY
        if kind is _Kind.BODY:
            self.members.add(name)
        return _Kind.INSIDE

    def _next(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _took(self, kind: str, text: str) -> bool:
        if self._next() != (kind, text):
            return False
        self._at += 1
        return True

    def _expect(self, text: str, kind: str = "mark") -> None:
        if not self._took(kind, text):
            raise _UnclearError
