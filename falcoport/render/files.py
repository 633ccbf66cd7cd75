"""A command's text, on stdout or in the file that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.files import write_file

if TYPE_CHECKING:
    from pathlib import Path

    from falcoport.render.console import Output


def deliver_text(
    output: Output, text: str, file: Path | None, *, private: bool, force: bool
) -> dict[str, str]:
    """Write text to stdout or a file; return where it is, for the envelope. Raise UsageError."""
    if file is None or str(file) == "-":
        output.result(text.removesuffix("\n"))
        return {"content": text}
    write_file(file, text, private=private, force=force)
    output.note(f"Written to {file}.")
    return {"file": str(file)}
