"""What `demo` shows: what was set up, and the alerts in the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.render.changes import show_changes
from falcoport.render.text import Cell, Style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.commands.demo import DemoResult, PostedSample
    from falcoport.render.console import Output

_PRIORITY_STYLES = {
    "Emergency": Style.BAD,
    "Alert": Style.BAD,
    "Critical": Style.BAD,
    "Error": Style.BAD,
    "Warning": Style.CHANGED,
}


def show_demo(output: Output, result: DemoResult, cluster: str, namespaces: Sequence[str]) -> None:
    """Show what was done, step by step; the result is the catalog and the webhook's URL."""
    named = " and ".join(namespaces)
    output.note(f"The Kubernetes exporter's part: cluster {cluster}, namespaces {named}.")
    output.note()
    output.note(f"falcoport setup --cluster {cluster}", Style.STRONG)
    show_changes(output, result.changes)
    output.note()
    output.note(f"{len(result.posted)} alerts, posted as Falcosidekick posts them", Style.STRONG)
    columns = ("Priority", "Rule", "Namespace", "Took", "")
    output.table(columns, [_row(one) for one in result.posted], to_stdout=True)
    output.result(result.url)


def _row(one: PostedSample) -> list[Cell | str]:
    stored = one.arrival.entity if one.arrival else {"properties": {}, "relations": {}}
    priority = str(stored["properties"].get("priority") or "")
    return [
        Cell(priority, _PRIORITY_STYLES.get(priority, Style.PLAIN)),
        str(stored["properties"].get("rule") or one.sample.alert["rule"]),
        str(stored["relations"].get("namespace") or "-"),
        f"{one.arrival.seconds * 1000:.0f} ms" if one.arrival else "",
        Cell(one.problem, Style.BAD) if one.problem else Cell("in the catalog", Style.GOOD),
    ]


def demo_data(result: DemoResult) -> dict[str, Any]:
    """Return the result as JSON data."""
    return {
        "webhook_url": result.url,
        "alerts": [
            {
                "sample": one.sample.name,
                "arrived": one.arrival is not None,
                "entity": one.arrival.entity if one.arrival else None,
                "differences": list(one.arrival.differences) if one.arrival else [],
            }
            for one in result.posted
        ],
    }
