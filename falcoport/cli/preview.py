"""The command that shows what a mapping makes of real alerts, before Port does."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.option_groups import ManifestOptions, MappingOptions
from falcoport.errors import (
    EXIT_CHECK,
    EXIT_OK,
    EXIT_PARTIAL,
    InputError,
    NotSetUpError,
    Problem,
    UsageError,
)
from falcoport.render.text import Cell, Style, pluralize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import typer

    from falcoport.preview.collisions import Collisions
    from falcoport.preview.engine import Failures, LineProblem, MapperOptions, Page
    from falcoport.preview.workers import Source

_ROWS = 40
_STDIN = "-"


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "preview",
        exits=(*PORT_EXIT_CODES[:2], EXIT_CHECK, *PORT_EXIT_CODES[2:-1], EXIT_PARTIAL, 130),
        example="kubectl logs ds/falco -c falco | falcoport preview -",
        streams=True,
    )(preview)


def preview(
    run: Run,
    manifest: ManifestOptions,
    mapping: MappingOptions,
    files: options.AlertFiles = None,
    live: options.Live = False,
    custom_tag: options.CustomTags = None,
) -> CommandResult:
    """Each alert first becomes what Falcosidekick forwards, then what the mapping makes of it.

    Needs neither credentials nor network, unless the mapping is taken from Port with --live.
    """
    from falcoport.preview.collisions import CollisionCounter
    from falcoport.preview.workers import pages

    chosen = _chosen(run, manifest, mapping, live=live, custom_tags=tuple(custom_tag or ()))
    sources = list(_sources(files)) if files else list(_samples())
    seen = _Seen()
    with CollisionCounter() as counter, closing(pages(chosen, sources)) as mapped:
        for name, page in mapped:
            counter.add(name, page.sightings)
            seen.take(page, keep=None if run.output.is_json else _ROWS)
            if run.output.is_stream:
                run.output.json_lines(page.records)
        collisions = counter.count()
    if not run.output.is_stream:
        _show(run, seen, several=len(sources) > 1)
        _show_failures(run, seen)
    _tell(run, seen, collisions)
    return _finished(seen, collisions, files or [])


def _chosen(
    run: Run,
    manifest: ManifestOptions,
    mapping: MappingOptions,
    *,
    live: bool,
    custom_tags: tuple[str, ...],
) -> MapperOptions:
    """Return the mappings to preview and the blueprints to check against."""
    from falcoport.preview.engine import MapperOptions

    manifests = manifest.load(run.config)
    if not live:
        from falcoport.commands.set_up import build_new_bodies

        planned, hook = build_new_bodies(manifests, mapping.choices(run.config))
        blueprints = {manifests.blueprint.identifier: planned}
        return MapperOptions(hook["mappings"], blueprints, custom_tags)
    if mapping != MappingOptions():
        raise UsageError(
            "--live shows the mapping as it is in Port; options that change it do not go with it.",
            where="--live",
        )
    with run.api() as api:
        from falcoport.port.concurrency import run_concurrently

        api.authenticate()
        webhook, blueprint = run_concurrently(
            [
                lambda: api.webhook(manifests.webhook.identifier),
                lambda: api.blueprint(manifests.blueprint.identifier),
            ]
        )
    if webhook is None:
        raise NotSetUpError.missing("webhook", manifests.webhook.identifier)
    known = {} if blueprint is None else {manifests.blueprint.identifier: blueprint}
    return MapperOptions(webhook.get("mappings") or [], known, custom_tags)


def _samples() -> Iterator[Source]:
    from falcoport.falco.samples import samples
    from falcoport.falcosidekick.forward import forwarded
    from falcoport.preview.workers import Source

    for sample in samples():
        body = forwarded(sample.line, custom_tags=sample.custom_tags)
        yield Source(f"samples/{sample.name}", [body])


def _sources(files: list[str]) -> Iterator[Source]:
    from falcoport.preview.workers import Source

    problems = [problem for name in files if (problem := _unreadable(name))]
    if problems:
        raise InputError(problems[0].message, problems=tuple(problems))
    for name in files:
        yield Source(name, _blocks(name))


def _unreadable(name: str) -> Problem | None:
    if name == _STDIN:
        return None
    try:
        with Path(name).open("rb"):
            return None
    except OSError as error:
        return _cannot_read(name, error)


def _cannot_read(name: str, error: OSError) -> Problem:
    return Problem("bad_input", f"{name} cannot be read: {error.strerror}.", name)


def _blocks(name: str) -> Iterator[bytes]:
    """Yield a file's bytes as they come. Raises InputError if reading fails half-way."""
    import os
    import sys

    from falcoport.preview.workers import BLOCK

    try:
        if name == _STDIN:
            # What is there already, without waiting for more: a log that is followed shows at once.
            yield from iter(lambda: os.read(sys.stdin.fileno(), BLOCK), b"")
            return
        with Path(name).open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                yield block
    except OSError as error:
        problem = _cannot_read(name, error)
        raise InputError(problem.message, where=name) from None


def _failures() -> Failures:
    from falcoport.preview.engine import Failures

    return Failures()


@dataclass
class _Seen:
    """What all pages had in sum, the first records, and each kind of failure once."""

    records: list[dict[str, Any]] = field(default_factory=list)
    alerts: int = 0
    entities: int = 0
    failures: int = 0
    filtered: int = 0
    bad: int = 0
    plain: int = 0
    problems: list[LineProblem] = field(default_factory=list)
    failed: Failures = field(default_factory=_failures)

    def take(self, page: Page, keep: int | None) -> None:
        """Add a page; of its records only so many that `keep` are kept in all (None: every one)."""
        from falcoport.preview.engine import NAMED

        for name in ("alerts", "entities", "failures", "filtered", "bad", "plain"):
            setattr(self, name, getattr(self, name) + getattr(page, name))
        self.problems.extend(page.problems[: NAMED - len(self.problems)])
        for failure in page.failed:
            self.failed.add(failure)
        if keep is None or len(self.records) < keep:
            lines = page.records.splitlines()
            wanted = lines if keep is None else lines[: keep - len(self.records)]
            self.records.extend(map(json.loads, wanted))


def _show(run: Run, seen: _Seen, *, several: bool) -> None:
    """Show the first entities as a table on stdout."""
    if not seen.records or run.output.is_json:
        return
    relations = _names(seen.records, "relations")
    shown: list[str] = [n for n in ("priority", "rule") if n in _names(seen.records, "properties")]
    columns = ["Source"] * several + ["Line", "Identifier", *map(str.title, [*shown, *relations])]
    rows = [_row(record, shown, relations, several=several) for record in seen.records]
    run.output.table([*columns, ""], rows, to_stdout=True)


def _names(records: Iterable[dict[str, Any]], group: str) -> list[str]:
    found = (name for record in records if record["entity"] for name in record["entity"][group])
    return list(dict.fromkeys(found))


def _row(
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
        Cell(_text(entity["identifier"]), Style.STRONG),
        *(_text(entity["properties"].get(name)) for name in properties),
        *(_text(entity["relations"].get(name)) for name in relations),
        note,
    ]


def _text(value: Any) -> str:
    if value is None or value == []:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _show_failures(run: Run, seen: _Seen) -> None:
    rows = [
        (
            Cell(failure.field, Style.STRONG),
            Cell(failure.message, Style.BAD),
            f"{failure.count:,}",
            f"{failure.source}:{failure.line}",
            Cell(failure.expression, Style.FAINT),
        )
        for failure in seen.failed
    ]
    if rows:
        columns = ("Field", "jq says", "Times", "First at", "Expression")
        run.output.table(columns, rows, title="What fails", to_stdout=True)


def _tell(run: Run, seen: _Seen, collisions: Collisions) -> None:
    """Tell a person how many there were, and what collides."""
    out = run.output
    hidden = seen.entities - sum(record["entity"] is not None for record in seen.records)
    if hidden > 0 and not out.is_stream and not out.is_json:
        out.note(f"… and {hidden:,} more; -o jsonl shows each.", Style.FAINT)
    if collisions.identifiers:
        out.warn(_collision_text(collisions))
    counts = [
        pluralize(seen.alerts, "alert"),
        pluralize(seen.entities, "entity", "entities"),
        f"{seen.failures:,} with failures" if seen.failures else "",
        f"{seen.filtered:,} left out by a filter" if seen.filtered else "",
        pluralize(seen.plain, "line of text", "lines of text") if seen.plain else "",
        pluralize(seen.bad, "bad line") if seen.bad else "",
    ]
    out.note(" · ".join(filter(None, counts)), Style.STRONG)


def _collision_text(collisions: Collisions) -> str:
    (one, line), (other, other_line) = collisions.examples[0]
    shared = pluralize(collisions.identifiers, "identifier")
    return (
        f"{collisions.alerts:,} alerts share {shared}, so that "
        f"{collisions.lost:,} would be overwritten (such as {one}:{line} and "
        f"{other}:{other_line}). Two rules fire on one event with Falco's rule_matching: all; "
        "--identifier hostname-time-rule keeps them apart."
    )


def _finished(seen: _Seen, collisions: Collisions, files: list[str]) -> CommandResult:
    problems = [
        Problem("bad_line", f"Not an alert: {p.message}.", f"{p.source}:{p.line}")
        for p in seen.problems
    ]
    if seen.bad > len(problems):
        more = seen.bad - len(problems)
        problems.append(Problem("bad_line", f"No alerts either: {pluralize(more, 'more line')}."))
    if not seen.alerts:
        where = ", ".join(files)
        none = f"There is no alert in {where}."
        hint = "Falco prints JSON with json_output: true, which is off by default."
        raise InputError(none, problems=(*problems, Problem("no_alert", none, where, hint)))
    data = {
        "entities": seen.records,
        "alerts": seen.alerts,
        "stored": seen.entities,
        "failures": seen.failures,
        "failed": [vars(failure) for failure in seen.failed],
        "filtered": seen.filtered,
        "bad_lines": seen.bad,
        "text_lines": seen.plain,
        "collisions": {
            "identifiers": collisions.identifiers,
            "alerts": collisions.alerts,
            "lost": collisions.lost,
        },
    }
    return CommandResult(data, EXIT_PARTIAL if seen.bad else EXIT_OK, tuple(problems))
