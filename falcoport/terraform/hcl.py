"""Writing HCL, Terraform's language, in the layout of `terraform fmt`.

Syntax: HashiCorp's "HCL Native Syntax Specification", and `hclwrite` for the escapes. Pure.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_INDENT = "  "
_BARE = re.compile(r"(?!(?:for|true|false|null)$)[a-z][a-z_]*")


@dataclass(frozen=True)
class Reference:
    """An expression that is written as it stands, such as the address of another resource."""

    text: str


@dataclass(frozen=True)
class Block:
    """A block: its type and labels, its attributes, and the blocks inside it.

    Attributes are JSON values and References. Comment lines are written above the block.
    """

    header: tuple[str, ...]
    attributes: Mapping[str, Any]
    blocks: tuple[Block, ...] = ()
    comments: tuple[str, ...] = field(default=())


def label(identifier: str) -> str:
    """Return a resource name that Terraform accepts, as close to `identifier` as it gets."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", identifier)
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"


def written(block: Block) -> str:
    """Return a block's text, which ends with a line end."""
    return "".join(f"{line}\n" for line in _block(block))


def _block(block: Block) -> Iterator[str]:
    kind, *labels = block.header
    for comment in block.comments:
        yield f"# {comment}"
    yield " ".join([kind, *(_string(name) for name in labels), "{"])
    body = list(_pairs(dict(block.attributes), quote=False))
    for index, inner in enumerate(block.blocks):
        if body or index:
            body.append("")
        body.extend(_block(inner))
    yield from _indent(body)
    yield "}"


def _pairs(members: Mapping[str, Any], *, quote: bool) -> Iterator[str]:
    """Yield the lines of attributes, the signs of neighbours that fit on a line in one column."""
    run: list[tuple[str, str]] = []
    for name, value in members.items():
        key = _string(name) if quote else name
        lines = _value(value)
        if len(lines) == 1:
            run.append((key, lines[0]))
            continue
        yield from _align(run)
        run = []
        yield f"{key} = {lines[0]}"
        yield from lines[1:]
    yield from _align(run)


def _align(run: list[tuple[str, str]]) -> Iterator[str]:
    width = max((len(key) for key, _ in run), default=0)
    for key, text in run:
        yield f"{key.ljust(width)} = {text}"


def _value(value: Any) -> list[str]:
    if isinstance(value, dict) and value:
        # Names of the provider's schema stand bare, a user's own names in quotes.
        bare = all(_BARE.fullmatch(name) for name in value)
        return ["{", *_indent(_pairs(value, quote=not bare)), "}"]
    if isinstance(value, list) and any(isinstance(element, dict | list) for element in value):
        return ["[", *_indent(line for element in value for line in _element(element)), "]"]
    return [_single_line(value)]


def _single_line(value: Any) -> str:
    if isinstance(value, Reference):
        return value.text
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list):
        return f"[{', '.join(_single_line(element) for element in value)}]"
    return json.dumps(value)


def _element(value: Any) -> Iterator[str]:
    *lines, last = _value(value)
    yield from lines
    yield f"{last},"


def _indent(lines: Iterable[str]) -> Iterator[str]:
    return (f"{_INDENT}{line}" if line else "" for line in lines)


def _string(text: str) -> str:
    """Return text as a quoted template that stands for exactly that text."""
    return f'"{_TEMPLATE.sub(_double, text.translate(_ESCAPES))}"'


def _double(match: re.Match[str]) -> str:
    return match[0] + match[0]


# What begins an interpolation or a directive is written twice.
_TEMPLATE = re.compile(r"[$%](?=\{)")
_ESCAPES = {
    **{
        code: f"\\u{code:04x}"
        for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF)
    },
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    ord('"'): '\\"',
    ord("\\"): "\\\\",
}
