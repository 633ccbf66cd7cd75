"""What can be told of a JQ expression without running it: how many outputs, and how much work.

Only expressions of a small, well-known part of jq are understood; of any other, nothing is
claimed. So an answer here is never wrong, only sometimes "not clear".

Pure.
"""

from __future__ import annotations

import re

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
CONSTANTS = frozenset({"null", "true", "false", "empty"})
WORD_OPERATORS = frozenset({"and", "or"})
_KEYWORDS = frozenset({"if", "then", "elif", "else", "end"})
FUNCTIONS = frozenset(
    """
    add all any arrays ascii_downcase ascii_upcase booleans capture contains endswith explode first
    flatten from_entries fromjson gsub has implode index inside isempty iterables join keys last
    length limit ltrimstr map map_values match max min not nulls numbers objects range reverse
    rindex rtrimstr scalars scan select sort sort_by split splits startswith strings sub test
    to_entries tojson tonumber tostring type unique unique_by utf8bytelength values with_entries
    """.split()
)
"""Builtins whose result depends on their input and arguments alone."""

_REPEATING = frozenset({"capture", "limit", "match", "range", "scan", "splits"})
# All outputs of the first argument, or only its first, end up in one value.
_COLLECTING = frozenset({"map", "map_values", "any", "all", "first", "isempty", "sort_by"})
_TERM_ENDS = frozenset({"field", "text", "number"})

Token = tuple[str, str]
"""A kind (`field`, `text`, `number`, `word`, `operator`, `mark`) and its text."""


class UnclearError(Exception):
    """The expression is not of the kind that is understood here."""


def read_tokens(expression: str) -> list[Token]:
    """Return an expression's tokens; raise UnclearError for what this part of jq does not have."""
    found = []
    at, end = 0, len(expression.rstrip())
    while at < end:
        match = _TOKEN.match(expression, at)
        if match is None or match.lastgroup is None:
            raise UnclearError
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def gives_one_output(expression: str) -> bool:
    """Tell whether an expression that compiles gives at most one output; False if not clear.

    Several outputs come from `,`, from `[]` behind a term, and from a few builtins; a list around
    them, or a builtin such as `map`, makes one value of them again.
    """
    try:
        tokens = read_tokens(expression)
    except UnclearError:
        return False
    collects = [False]  # for each bracket that is open: is it in, or itself, one that collects
    previous: Token = ("mark", "|")
    for token, following in zip(tokens, [*tokens[1:], ("end", "")], strict=True):
        kind, text = token
        if kind == "word" and not _is_known(text):
            return False
        if _repeats(token, previous, following) and not collects[-1]:
            return False
        if text == "[" and kind == "mark":
            collects.append(collects[-1] or not _ends_term(previous))
        elif text == "(":
            collects.append(collects[-1] or (previous[0] == "word" and previous[1] in _COLLECTING))
        elif text == ";" and len(collects) > 1:
            collects[-1] = collects[-2]  # only the first argument is collected
        elif text in (")", "]") and kind == "mark" and len(collects) > 1:
            collects.pop()
        previous = token
    return True


def _is_known(word: str) -> bool:
    return word in FUNCTIONS or word in CONSTANTS or word in WORD_OPERATORS or word in _KEYWORDS


def _repeats(token: Token, previous: Token, following: Token) -> bool:
    """Tell whether a token may make several outputs of one."""
    if token == ("mark", ","):
        return True
    if token == ("mark", "["):
        return following == ("mark", "]") and _ends_term(previous)
    return token[0] == "word" and token[1] in _REPEATING


def _ends_term(token: Token) -> bool:
    """Tell whether `[` behind a token looks into its value, rather than beginning a list."""
    kind, text = token
    if kind == "word":
        return text not in WORD_OPERATORS and (text not in _KEYWORDS or text == "end")
    return kind in _TERM_ENDS or (kind == "mark" and text in (")", "]", "?", "."))


_BOUNDED = FUNCTIONS - {
    *("capture", "gsub", "match", "scan", "splits", "sub", "test"),  # regular expressions may hang
    *("implode", "index", "inside", "limit", "range", "rindex"),  # as long as a number says, or n²
}
_LITERAL_ARGUMENT = frozenset({"contains", "join", "split"})  # else one size times another
_GROWTH = {"explode": 2, "split": 2, "to_entries": 2, "tojson": 2, "tostring": 2, "with_entries": 2}
_MOST_GROWTH = 6
_MOST_TOKENS = 400


def is_bounded(expression: str) -> bool:
    """Tell whether an expression surely ends soon, in memory in proportion to its event.

    `,` and `+` may each double what there is, and some builtins multiply it; 64 times the event is
    the most that counts as bounded. Two iterations may multiply with each other.
    """
    try:
        tokens = read_tokens(expression)
    except UnclearError:
        return False
    if len(tokens) > _MOST_TOKENS:
        return False
    growth = iterations = 0
    end: Token = ("end", "")
    before = [("mark", "|"), *tokens]
    for token, previous, *after in zip(
        tokens, before, [*tokens[1:], end], [*tokens[2:], end, end], [*tokens[3:], *[end] * 3],
        strict=False,
    ):  # fmt: skip
        if not _is_cheap(token, after):
            return False
        if token == ("mark", ",") or (token == ("operator", "+") and not _joins(previous, after)):
            growth += 1
        elif token == ("operator", "/"):
            growth += 2  # splits a text
        elif token[0] == "word":
            growth += _GROWTH.get(token[1], 0)
        elif token == ("mark", "[") and after[0] == ("mark", "]") and _ends_term(previous):
            iterations += 1
    return growth <= _MOST_GROWTH and iterations <= 1


def _is_cheap(token: Token, after: list[Token]) -> bool:
    """Tell whether a token's own work is in proportion to its input."""
    kind, text = token
    if kind == "operator":
        # A text times a number is as long as the number says; a list less a list takes n².
        return text not in ("*", "-") or (text == "-" and after[0][0] == "number")
    if kind != "word" or text not in FUNCTIONS:
        return kind != "word" or _is_known(text)
    if text in _LITERAL_ARGUMENT:
        first, second, third = after
        return first == ("mark", "(") and second[0] == "text" and third == ("mark", ")")
    return text in _BOUNDED


def _joins(previous: Token, after: list[Token]) -> bool:
    """Tell whether a `+` adds a text that stands there, which doubles nothing."""
    return previous[0] == "text" or after[0][0] == "text"
