"""What users read is in the words of the field, none of which they must translate."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = sorted((ROOT / "falcoport").rglob("*.py"))
QUAINT = re.compile(
    r"""\b(?:mend(?:s|ed)?|slips\ mended|map\ of\ the\ house|doors?|turned\ away|taken?\ away
    |told\ at\ once|already\ right|put\ right|without\ a\ word|goes?\ silent|foretells?|affair
    |patience|gone\ already|nobody\ can\ be\ asked|to\ the\ letter|somebody's\ who)\b""",
    re.VERBOSE | re.IGNORECASE,
)


def texts_of(module: Path) -> list[str]:
    """Return the strings of a module, but for its docstrings."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_use_plain_words(page: Path) -> None:
    assert QUAINT.findall(page.read_text(encoding="utf-8")) == []


def test_messages_use_plain_words() -> None:
    found = {
        str(module.relative_to(ROOT)): words
        for module in MODULES
        if (words := [word for text in texts_of(module) for word in QUAINT.findall(text)])
    }
    assert found == {}
