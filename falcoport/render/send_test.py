"""What `send-test` shows: whether the alert arrived as the mapping says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.errors import Problem
from falcoport.render.text import Style, pluralize

if TYPE_CHECKING:
    from falcoport.commands.send_test import SendTestResult
    from falcoport.render.console import Output


def show_test(output: Output, result: SendTestResult) -> None:
    """Say how the alert arrived; the result is its identifier."""
    wrong = bool(result.differences)
    output.note(
        f"Arrived after {result.arrival.seconds:.2f} seconds"
        + (", not as the mapping says." if wrong else ", as the mapping says."),
        Style.BAD if wrong else Style.GOOD,
    )
    for change in result.rewritten:
        output.note(f"Falcosidekick {change}, as it is configured to.")
    if result.removed:
        output.note(f"Removed {pluralize(result.removed, 'test alert')}.")
    output.result(str(result.arrival.entity["identifier"]))


def find_problems(result: SendTestResult) -> tuple[Problem, ...]:
    """Return one problem for each difference."""
    identifier = str(result.arrival.entity["identifier"])
    return tuple(Problem("differs", f"{one}.", identifier) for one in result.differences)


def test_data(result: SendTestResult) -> dict[str, Any]:
    """Return the result as JSON data."""
    return {
        "identifier": str(result.arrival.entity["identifier"]),
        "seconds": round(result.arrival.seconds, 3),
        "entity": result.arrival.entity,
        "differences": list(result.differences),
        "rewritten": list(result.rewritten),
        "removed": result.removed,
    }
