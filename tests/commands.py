"""Commands run in this process, with what they wrote and how they ended."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code, and what it wrote."""

    code: int
    stdout: str
    stderr: str

    @property
    def envelope(self) -> Any:
        """The JSON envelope of `-o json`."""
        return json.loads(self.stdout)

    @property
    def errors(self) -> list[str]:
        """The messages of its errors, to a person or in the envelope."""
        if self.stdout.startswith("{"):
            return [problem["message"] for problem in self.envelope["errors"]]
        lines = self.stderr.splitlines()
        return [line.removeprefix("error: ") for line in lines if line.startswith("error:")]


def falcoport(*arguments: str) -> Outcome:
    """Run one command line."""
    return ended(arguments)


def ended(arguments: Sequence[str]) -> Outcome:
    """Run one command line, given as a list."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        code = run(list(arguments))
    return Outcome(code, stdout.getvalue(), stderr.getvalue())
