"""YAML and comments, written so that each of Falcosidekick's readers takes the values as text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


Tree = str | bool | int | tuple["Tree", ...] | dict[str, "Tree"]


def comment(lines: Iterable[str]) -> str:
    """Return the lines as comments of YAML, and of env files."""
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def write_yaml(tree: Mapping[str, Tree], indent: str = "") -> str:
    """Return YAML with every string in double quotes.

    Each reader then takes it as a string: unquoted, Falcosidekick's would make 83 of `0123`.
    """
    lines = []
    for key, value in tree.items():
        if isinstance(value, dict):
            lines.append(f"{indent}{key}:\n{write_yaml(value, indent + '  ')}")
        elif isinstance(value, tuple):
            items = "".join(_write_item(item, indent + "  ") for item in value)
            lines.append(f"{indent}{key}:\n{items}")
        else:
            lines.append(f"{indent}{key}: {_write_scalar(value)}\n")
    return "".join(lines)


def _write_item(item: Tree, indent: str) -> str:
    if isinstance(item, dict):
        # The first key stands behind the dash, the others below it.
        return f"{indent}- " + write_yaml(item, indent + "  ").removeprefix(indent + "  ")
    return f"{indent}- {_write_scalar(item)}\n"


def _write_scalar(value: Tree) -> str:
    return _quote(value) if isinstance(value, str) else json.dumps(value)


def _quote(text: str) -> str:
    """Return printable text as a JSON string, which is a double-quoted YAML scalar as well."""
    return json.dumps(text, ensure_ascii=False)
