"""What `preview` shows: the first entities, each way to fail, and what collides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from falcoport.render.forecast import forecast_data, show_forecast
from falcoport.render.text import Cell, Style, pluralize

if TYPE_CHECKING:
    from collections.abc import Iterable

    from falcoport.commands.preview import PreviewResult
    from falcoport.preview.collisions import Collisions
    from falcoport.preview.engine import Failure
    from falcoport.render.console import Output

_ROWS = 40


class RecordWriter:
    """Takes the records as they come: writes them at once, or keeps what is shown in the end."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self.kept: list[dict[str, Any]] = []
        """Every record for the envelope; for a table, as many as it shows."""

    def write(self, records: bytes) -> None:
        """Take records, JSON Lines in UTF-8."""
        if self._output.is_stream:
            self._output.json_lines(records)
        elif self._output.is_json or len(self.kept) < _ROWS:
            lines = records.splitlines()
            wanted = lines if self._output.is_json else lines[: _ROWS - len(self.kept)]
            self.kept.extend(map(json.loads, wanted))


def show_preview(output: Output, result: PreviewResult, records: list[dict[str, Any]]) -> None:
    """Show the entities and failures on stdout, and tell a person how many there are."""
    if not output.is_stream and not output.is_json:
        _show_entities(output, records, several=result.sources > 1)
        _show_failures(output, result.failed)
        stored = sum(record["entity"] is not None for record in records)
        if result.entities > stored:
            hidden = result.entities - stored
            output.note(f"… and {hidden:,} more; -o jsonl shows each.", Style.FAINT)
    if result.collisions.identifiers:
        output.warn(_describe_collisions(result.collisions))
    counts = [
        pluralize(result.alerts, "alert"),
        pluralize(result.entities, "entity", "entities"),
        f"{result.failures:,} with failures" if result.failures else "",
        f"{result.filtered:,} left out by a filter" if result.filtered else "",
        *(f"{count:,} without {name}" for name, count in result.unrelated.items()),
        pluralize(result.plain, "line of text", "lines of text") if result.plain else "",
        pluralize(result.bad, "bad line") if result.bad else "",
    ]
    output.note(" · ".join(filter(None, counts)), Style.STRONG)
    if result.forecast is not None and not output.is_json:
        show_forecast(output, result.forecast)


def preview_data(result: PreviewResult, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the result as JSON data."""
    return {
        "entities": records,
        "alerts": result.alerts,
        "stored": result.entities,
        "failures": result.failures,
        "failed": [vars(failure) for failure in result.failed],
        "unrelated": dict(result.unrelated),
        "filtered": result.filtered,
        "bad_lines": result.bad,
        "text_lines": result.plain,
        "collisions": {
            "identifiers": result.collisions.identifiers,
            "alerts": result.collisions.alerts,
            "lost": result.collisions.lost,
        },
        "forecast": None if result.forecast is None else forecast_data(result.forecast),
    }


def _show_entities(output: Output, records: list[dict[str, Any]], *, several: bool) -> None:
    if not records:
        return
    relations = _find_names(records, "relations")
    present = _find_names(records, "properties")
    shown: list[str] = [name for name in ("priority", "rule") if name in present]
    columns = ["Source"] * several + ["Line", "Identifier", *map(str.title, [*shown, *relations])]
    rows = [_build_row(record, shown, relations, several=several) for record in records]
    output.table([*columns, ""], rows, to_stdout=True)


def _find_names(records: Iterable[dict[str, Any]], group: str) -> list[str]:
    found = (name for record in records if record["entity"] for name in record["entity"][group])
    return list(dict.fromkeys(found))


def _build_row(
    record: dict[str, Any], properties: list[str], relations: list[str], *, several: bool
) -> list[Cell | str]:
    entity = record["entity"] or {"identifier": "-", "properties": {}, "relations": {}}
    failed = len(record["errors"])
    note = Cell(f"{failed} failed", Style.BAD) if failed else Cell("", Style.PLAIN)
    if record["entity"] is None:
        note = Cell("not stored", Style.BAD)
    return [
        *([Cell(record["source"], Style.FAINT)] if several else []),
        str(record["line"]),
        Cell(_format_value(entity["identifier"]), Style.STRONG),
        *(_format_value(entity["properties"].get(name)) for name in properties),
        *(_format_value(entity["relations"].get(name)) for name in relations),
        note,
    ]


def _format_value(value: Any) -> str:
    if value is None or value == []:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _show_failures(output: Output, failed: Iterable[Failure]) -> None:
    rows = [
        (
            Cell(failure.field, Style.STRONG),
            Cell(failure.message, Style.BAD),
            f"{failure.count:,}",
            f"{failure.source}:{failure.line}",
            Cell(failure.expression, Style.FAINT),
        )
        for failure in failed
    ]
    if rows:
        columns = ("Field", "jq says", "Times", "First at", "Expression")
        output.table(columns, rows, title="What fails", to_stdout=True)


def _describe_collisions(collisions: Collisions) -> str:
    (one, line), (other, other_line) = collisions.examples[0]
    shared = pluralize(collisions.identifiers, "identifier")
    return (
        f"{collisions.alerts:,} alerts share {shared}, so that "
        f"{collisions.lost:,} would be overwritten (such as {one}:{line} and "
        f"{other}:{other_line}). Two rules fire on one event with Falco's rule_matching: all; "
        "--identifier hostname-time-rule keeps them distinct."
    )
