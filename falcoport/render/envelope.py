"""The one JSON document of `-o json`, whatever the command and however it ended.

Pure.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from falcoport.errors import EXIT_CHECK, EXIT_OK, EXIT_PARTIAL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.errors import Problem

SCHEMA = 1
"""Version of the envelope; it grows only when a key changes its meaning or goes."""

_STATUS = {EXIT_OK: "success", EXIT_CHECK: "check_failed", EXIT_PARTIAL: "partial"}


def build_envelope(
    command: str, *, exit_code: int, data: Any, problems: Sequence[Problem] = ()
) -> dict[str, Any]:
    """Return the envelope; its status and its exit code say the same."""
    return {
        "schema": SCHEMA,
        "command": command,
        "status": _STATUS.get(exit_code, "error"),
        "exit_code": exit_code,
        "data": data,
        "errors": [
            {
                "code": problem.code,
                "message": problem.message,
                "hint": problem.hint,
                "where": problem.where,
            }
            for problem in problems
        ],
    }


def encode_json(value: Any, encoding: str, *, indent: int | None = None) -> str:
    r"""Return a value as JSON that a stream of this encoding carries unchanged.

    Outside Unicode, a character that the encoding lacks would be spelled out as `\xe9`, which is
    no JSON any more; `\u00e9` is.
    """
    is_unicode = encoding.lower().startswith("utf")
    return json.dumps(value, indent=indent, ensure_ascii=not is_unicode)
