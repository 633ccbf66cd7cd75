"""JQ expressions of actions and calculation properties, evaluated within a limit.

libjq cannot be interrupted. Expressions that surely end run here; the others run in a child that
ends itself when one takes too long, and whose memory is limited. Messages to it are a length in
eight bytes, big-endian, and as many bytes of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jq

from falcoport.mapping.evaluator import guard
from falcoport.mapping.expressions import HIDE_ENVIRONMENT, Expression
from falcoport.mapping.jq_analysis import is_bounded
from falcoport.mapping.numbers import as_stored

if TYPE_CHECKING:
    from typing import IO

SECONDS = 0.5
"""How long one expression may take; Port's own limit is not documented."""

LENGTH = 8
MEMORY = 1 << 30
_PATIENT = 3
"""How often an expression may reach the limit before it is not tried any more."""
_MAX_PROGRAM = 64 * 1024


class JqError(Exception):
    """An expression has no value: it does not compile, fails, or takes too long."""


class LimitedJq:
    """Evaluates expressions; may be used by several threads."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._timeouts: dict[str, int] = {}

    def evaluate(self, expression: str, value: Any) -> Any:
        """Return the first output of an expression, None if there is none; raise JqError."""
        if len(expression) > _MAX_PROGRAM or "\0" in expression:
            raise JqError("the expression is too long or holds a NUL character")
        text = json.dumps(value)
        if _ends(expression):
            return read_result(run_program(expression, text))
        if self._timeouts.get(expression, 0) >= _PATIENT:
            raise JqError(_TOO_LONG)
        with self._lock:
            answer = self._ask(expression, text)
        if answer is None:
            self._timeouts[expression] = self._timeouts.get(expression, 0) + 1
            raise JqError(_TOO_LONG)
        return read_result(answer)

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()

    def _ask(self, expression: str, text: str) -> str | None:
        """Return the child's answer, or None if it ended instead."""
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "falcoport.sandbox.expressions.process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            write_message(self._child.stdin, [SECONDS, expression, text])
            answer = read_message(self._child.stdout)
        except (OSError, ValueError):
            answer = None
        if not isinstance(answer, str):
            self.close()
            return None
        return answer


_TOO_LONG = f"the expression takes longer than {SECONDS:g} s, or too much memory"


_ends = lru_cache(maxsize=512)(is_bounded)


@lru_cache(maxsize=512)
def _compile(expression: str) -> Any:
    return jq.compile(HIDE_ENVIRONMENT + guard(Expression("", expression)))


def run_program(expression: str, text: str) -> str:
    """Return the JSON text of `[first output]`, `[]` for none, or `{"error": message}`."""
    try:
        lines: str = _compile(expression).input_text(text).text()
    except (ValueError, RecursionError) as error:
        return json.dumps({"error": str(error)})
    # `halt` and the like leave no line at all.
    return lines.split("\n", 1)[0] or "[]"


def read_result(text: str) -> Any:
    """Return the value in what `run_program` gave; raise JqError if there is none."""
    try:
        result = as_stored(json.loads(text))
    except (ValueError, RecursionError):
        raise JqError("the expression's value cannot be read") from None
    if isinstance(result, dict):
        raise JqError(str(result.get("error")))
    return result[0] if result else None


def write_message(stream: IO[bytes], value: Any) -> None:
    """Write one message."""
    raw = json.dumps(value).encode()
    stream.write(len(raw).to_bytes(LENGTH, "big") + raw)
    stream.flush()


def read_message(stream: IO[bytes]) -> Any:
    """Return the next message; None if the other side is gone."""
    head = stream.read(LENGTH)
    if len(head) < LENGTH:
        return None
    raw = stream.read(int.from_bytes(head, "big"))
    return json.loads(raw)
