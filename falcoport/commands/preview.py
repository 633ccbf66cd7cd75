"""Show what a mapping makes of real alerts, before Port does."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.commands.choices import SetupChoices
from falcoport.commands.goals.setup import build_new_bodies
from falcoport.errors import InputError, NotSetUpError, Problem, UsageError
from falcoport.falco.inputs.files import describe_names, find_files, read_blocks
from falcoport.falco.samples import samples
from falcoport.falcosidekick.forward import forwarded
from falcoport.mapping import finding_expressions
from falcoport.mapping.limited_process import Limits
from falcoport.port.concurrency import run_concurrently
from falcoport.preview.collisions import CollisionCounter, Collisions
from falcoport.preview.engine import NAMED, Failure, Failures, LineProblem, MapperOptions, Page
from falcoport.preview.forecast import DEFAULT_LIMIT, Forecaster
from falcoport.preview.workers import Source, pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from falcoport.commands.context import Context
    from falcoport.falco.inputs.interface import InputFormat
    from falcoport.json_types import Json
    from falcoport.manifests.loading import Manifests
    from falcoport.preview.forecast import Forecast


@dataclass(frozen=True)
class PreviewRequest:
    """Which alerts to map, and with what.

    `files` are names of files and folders, `-` is stdin; without any, falcoport's samples are
    mapped. `live` takes the mapping that Port has instead of the manifests' with the choices.
    `custom_tags` are those of Falcosidekick's settings. `limits` hold for expressions that might
    not end; `fast` takes the speed path, whose results are the same. `forecast` asks what storing
    them would mean with room for `entity_limit` entities.
    """

    manifests: Manifests
    choices: SetupChoices = field(default_factory=SetupChoices)
    files: tuple[str, ...] = ()
    live: bool = False
    custom_tags: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    fast: bool = True
    forecast: bool = False
    entity_limit: int = DEFAULT_LIMIT
    form: InputFormat | None = None
    """How the alerts are stored; found by looking if None."""

    @property
    def has_forecast(self) -> bool:
        """Whether a forecast is made: of real alerts, for samples foretell nothing."""
        return self.forecast and bool(self.files)


@dataclass(frozen=True)
class PreviewResult:
    """What became of all alerts.

    `entities` were stored of `alerts`; `failures` counts those with an error, which `failed` tells
    apart; `unrelated` says for each relation how many alerts have no entity in it; `filtered` what
    a filter left out, `plain` lines of text; `problems` names the first of the `bad` lines.
    `sources` counts the files. `forecast` is None unless asked for.
    """

    sources: int
    alerts: int
    entities: int
    failures: int
    failed: tuple[Failure, ...]
    unrelated: Mapping[str, int]
    filtered: int
    bad: int
    plain: int
    problems: tuple[LineProblem, ...]
    collisions: Collisions
    forecast: Forecast | None = None


def preview(
    request: PreviewRequest,
    context: Context,
    observe: Callable[[bytes], None] = lambda _records: None,
) -> PreviewResult:
    """Map every alert; `observe` gets the records, JSON Lines in UTF-8, as they come.

    Raise InputError where there is no alert or an expression reaches a limit, UsageError for
    choices beside `live`, NotSetUpError where Port has no webhook, and what the client raises.
    """
    options = _find_mappings(request, context)
    sources = _list_sources(request.files, request.form)
    total, forecaster = _Total(), Forecaster()
    with CollisionCounter() as counter, closing(pages(options, sources)) as mapped:
        for name, page in mapped:
            counter.add(name, page.sightings)
            total.add(page)
            forecaster.add(page.tally)
            observe(page.records)
        collisions = counter.count()
    if not total.alerts:
        raise _no_alert(request.files, total)
    return PreviewResult(
        sources=len(sources),
        failed=tuple(total.failed),
        problems=tuple(total.problems),
        collisions=collisions,
        forecast=forecaster.forecast(request.entity_limit) if request.has_forecast else None,
        **{name: getattr(total, name) for name in _COUNTS},
    )


def find_problems(bad: int, problems: Sequence[LineProblem]) -> tuple[Problem, ...]:
    """Return a problem for each line that is named, and one for those that are only counted."""
    found = [
        Problem("bad_line", f"Not an alert: {p.message}.", f"{p.source}:{p.line}") for p in problems
    ]
    if bad > len(found):
        more = bad - len(found)
        lines = f"{more:,} more line{'' if more == 1 else 's'}"
        found.append(Problem("bad_line", f"No alerts either: {lines}."))
    return tuple(found)


def _find_mappings(request: PreviewRequest, context: Context) -> MapperOptions:
    """Return the mappings to preview and the blueprints to check against."""
    trusted: frozenset[str] = frozenset()
    if request.live:
        mappings, blueprints = _read_live(request, context)
    else:
        blueprints, webhook = build_new_bodies(request.manifests, request.choices)
        mappings = webhook["mappings"]
        trusted = request.manifests.trusted_expressions(mappings)
    return MapperOptions(
        mappings,
        {blueprint["identifier"]: blueprint for blueprint in blueprints},
        request.custom_tags,
        request.fast,
        request.limits,
        tallies=request.has_forecast,
        trusted=trusted,
    )


def _read_live(request: PreviewRequest, context: Context) -> tuple[list[Json], list[Json]]:
    """Return the mappings and the blueprints that Port has."""
    if request.choices != SetupChoices():
        raise UsageError(
            "--live shows the mapping as it is in Port; options that change it do not go with it.",
            where="--live",
        )
    manifests = request.manifests
    with context.connect() as api:
        api.authenticate()
        webhook, *blueprints = run_concurrently(
            [
                lambda: api.webhook(manifests.webhook.identifier),
                lambda: api.blueprint(manifests.blueprint.identifier),
                lambda: api.blueprint(finding_expressions.BLUEPRINT),
            ]
        )
    if webhook is None:
        raise NotSetUpError.missing("webhook", manifests.webhook.identifier)
    return webhook.get("mappings") or [], [one for one in blueprints if one is not None]


def _list_sources(names: Sequence[str], form: InputFormat | None) -> list[Source]:
    """Return the files, those in folders too; the samples where none is named."""
    if names:
        return [Source(name, read_blocks(name), form) for name in find_files(names)]
    return list(_samples())


def _samples() -> Iterator[Source]:
    for sample in samples():
        body = forwarded(sample.line, custom_tags=sample.custom_tags)
        yield Source(f"samples/{sample.name}", [body])


def _no_alert(files: Sequence[str], total: _Total) -> InputError:
    where = ", ".join(files)
    none = f"There is no alert in {describe_names(files)}."
    hint = "Falco prints JSON with json_output: true, which is off by default."
    problems = find_problems(total.bad, total.problems)
    return InputError(none, problems=(*problems, Problem("no_alert", none, where, hint)))


_COUNTS = ("alerts", "entities", "failures", "unrelated", "filtered", "bad", "plain")


@dataclass
class _Total:
    """What all pages had in sum, and each kind of failure once."""

    alerts: int = 0
    entities: int = 0
    failures: int = 0
    unrelated: Counter[str] = field(default_factory=Counter)
    filtered: int = 0
    bad: int = 0
    plain: int = 0
    problems: list[LineProblem] = field(default_factory=list)
    failed: Failures = field(default_factory=Failures)

    def add(self, page: Page) -> None:
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(page, name))
        self.problems.extend(page.problems[: NAMED - len(self.problems)])
        for failure in page.failed:
            self.failed.add(failure)
