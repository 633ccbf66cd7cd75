"""falcoport's command line, run in this process as a user runs it."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from falcoport.cli.app import run


@dataclass(frozen=True)
class Ran:
    """What one run left behind."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def envelope(self) -> dict[str, Any]:
        """The JSON envelope on stdout."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document

    @property
    def data(self) -> Any:
        """The envelope's data."""
        return self.envelope["data"]

    @property
    def everything(self) -> str:
        """Both streams, to search for what must not be there."""
        return self.stdout + self.stderr

    @property
    def errors(self) -> list[str]:
        """The messages of its errors, to a person or in the envelope."""
        if self.stdout.startswith("{"):
            return [problem["message"] for problem in self.envelope["errors"]]
        lines = self.stderr.splitlines()
        return [line.removeprefix("error: ") for line in lines if line.startswith("error:")]


def falcoport(*arguments: str) -> Ran:
    """Run one command line in this process, with this process's environment."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        exit_code = run(list(arguments))
    return Ran(exit_code, stdout.getvalue(), stderr.getvalue())
