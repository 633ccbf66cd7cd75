"""What `tag-rules` shows: the file itself, or where it is."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from falcoport.files import write_file
from falcoport.render.text import pluralize

if TYPE_CHECKING:
    from pathlib import Path

    from falcoport.commands.tag_rules import TagRulesResult
    from falcoport.render.console import Output


def show_rules(output: Output, result: TagRulesResult, file: Path | None, *, force: bool) -> None:
    """Write the file to stdout or to its place. Raise UsageError."""
    if file is None or str(file) == "-":
        output.result(result.text.removesuffix("\n"))
        return
    write_file(file, result.text, private=False, force=force)
    for one in result.taggings:
        output.note(f"{file} tags {pluralize(len(one.rules), 'rule')} with {one.tag}.")


def rules_data(result: TagRulesResult) -> dict[str, Any]:
    """Return the result as JSON data."""
    return {"namespaces": [asdict(one) for one in result.taggings], "text": result.text}
