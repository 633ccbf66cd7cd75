"""The command that shows the whole road in one process, from an empty catalog to its alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falcoport.cli.command import CommandResult, Run, add, write_envelope_early
from falcoport.cli.sandbox import address, announce
from falcoport.errors import EXIT_CHECK, EXIT_OK, EXIT_USAGE, Problem
from falcoport.render.text import Cell, Style
from falcoport.settings import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from falcoport.delivery.arrival import Arrival
    from falcoport.falco.samples import Sample
    from falcoport.manifests.loading import Manifests
    from falcoport.port.api import PortApi
    from falcoport.sandbox.options import RunningSandbox

NAMESPACE_ENTITY = "auth-namespace"
SAMPLES = {
    "fileless-execution": NAMESPACE_ENTITY,
    "sensitive-file-on-host": None,
    "exec-into-pod": None,
}
"""The samples to post, and the namespace each must be related to, whatever the mapping says."""
_ARRIVAL_TIMEOUT = 10.0

Keep = Annotated[
    bool,
    typer.Option("--keep", help="Leave the sandbox running afterwards, to look around in it."),
]


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "demo",
        exits=(EXIT_OK, EXIT_USAGE, EXIT_CHECK),
        example="falcoport demo --keep",
        port=False,
    )(demo)


@dataclass(frozen=True)
class _Posted:
    """A sample that was posted, what the mapping makes of it, and what the catalog has."""

    sample: Sample
    expected: dict[str, Any]
    arrival: Arrival | None

    @property
    def problem(self) -> str:
        """What is wrong with it; empty if it is in the catalog as the mapping says."""
        if self.arrival is None:
            return "did not arrive"
        wanted = SAMPLES[self.sample.name]
        related = (self.arrival.entity.get("relations") or {}).get("namespace")
        if related != wanted:
            return f"is related to {related}, not to {wanted}"
        return "; ".join(self.arrival.differences)


def demo(run: Run, keep: Keep = False) -> CommandResult:
    """All of it in one process, and nothing stays behind without --keep."""
    from falcoport.sandbox.options import SandboxOptions
    from falcoport.sandbox.server import running_sandbox

    with running_sandbox(SandboxOptions(port=0)) as running:
        finished = _show(run, running)
        if keep:
            run.output.note()
            announce(run, running)
            finished = write_envelope_early("demo", run.output, finished)
            _wait_for_interrupt()
    return finished


def _show(run: Run, running: RunningSandbox) -> CommandResult:
    from falcoport.commands.setup import SetupRequest, setup
    from falcoport.manifests.loading import load
    from falcoport.render.changes import show_changes

    out, manifests = run.output, load()
    sandboxed = run.against(address(running))
    out.note(f"A local Port runs at {running.url}, with an empty catalog.", Style.STRONG)
    with sandboxed.api() as api:
        _fill_catalog(api, manifests)
        out.note(f"The Kubernetes exporter's part: namespace {NAMESPACE_ENTITY}.")
        out.note()
        out.note("falcoport setup", Style.STRONG)
        provisioned = setup(SetupRequest(manifests), sandboxed.context())
        show_changes(out, provisioned.changes)
        out.note()
        out.note(f"{len(SAMPLES)} alerts, posted as Falcosidekick posts them", Style.STRONG)
        posted = [_post(api, manifests, provisioned.url, name) for name in SAMPLES]
    _print_catalog(run, posted)
    out.result(provisioned.url)
    return _finished(posted, provisioned.url)


def _fill_catalog(api: PortApi, manifests: Manifests) -> None:
    """Create the namespace blueprint and one namespace, as Port's Kubernetes exporter does."""
    api.create_blueprint(manifests.namespace.body)
    labels = {"kubernetes.io/metadata.name": NAMESPACE_ENTITY}
    api.upsert_entity(
        manifests.namespace.identifier,
        {
            "identifier": NAMESPACE_ENTITY,
            "title": NAMESPACE_ENTITY,
            "properties": {"creationTimestamp": "2026-01-05T08:00:00Z", "labels": labels},
        },
    )


def _post(api: PortApi, manifests: Manifests, url: str, name: str) -> _Posted:
    """Post one sample as Falcosidekick does and wait for its entity."""
    from falcoport.delivery.arrival import wait_for
    from falcoport.delivery.send import Delivery
    from falcoport.falco.samples import sample
    from falcoport.falcosidekick.forward import HEADERS, forwarded
    from falcoport.mapping.evaluator import Evaluator
    from falcoport.mapping.event import build_event_text

    chosen = sample(name)
    body = forwarded(chosen.line, custom_tags=chosen.custom_tags)
    event = build_event_text(body.decode(), HEADERS)
    [outcome] = Evaluator(manifests.webhook.body["mappings"]).evaluate(event)
    assert outcome.entity is not None  # the samples' own tests hold this
    Delivery(url, HEADERS, DEFAULT_TIMEOUT).post(body)
    arrival = wait_for(
        api, manifests.blueprint.identifier, outcome.entity, timeout=_ARRIVAL_TIMEOUT
    )
    return _Posted(chosen, outcome.entity, arrival)


_PRIORITY_STYLES = {
    "Emergency": Style.BAD,
    "Alert": Style.BAD,
    "Critical": Style.BAD,
    "Error": Style.BAD,
    "Warning": Style.CHANGED,
}


def _print_catalog(run: Run, posted: list[_Posted]) -> None:
    rows: list[list[Cell | str]] = []
    for one in posted:
        stored = one.arrival.entity if one.arrival else {"properties": {}, "relations": {}}
        priority = str(stored["properties"].get("priority") or "")
        rows.append(
            [
                Cell(priority, _PRIORITY_STYLES.get(priority, Style.PLAIN)),
                str(stored["properties"].get("rule") or one.sample.alert["rule"]),
                str(stored["relations"].get("namespace") or "-"),
                f"{one.arrival.seconds * 1000:.0f} ms" if one.arrival else "",
                Cell(one.problem, Style.BAD) if one.problem else Cell("in the catalog", Style.GOOD),
            ]
        )
    columns = ("Priority", "Rule", "Namespace", "Took", "")
    run.output.table(columns, rows, to_stdout=True)


def _finished(posted: list[_Posted], url: str) -> CommandResult:
    problems = tuple(
        Problem("not_arrived", f"{one.sample.name}: {one.problem}.", one.expected["identifier"])
        for one in posted
        if one.problem
    )
    data = {
        "webhook_url": url,
        "alerts": [
            {
                "sample": one.sample.name,
                "arrived": one.arrival is not None,
                "entity": one.arrival.entity if one.arrival else None,
                "differences": list(one.arrival.differences) if one.arrival else [],
            }
            for one in posted
        ],
    }
    return CommandResult(data, EXIT_CHECK if problems else EXIT_OK, problems)


def _wait_for_interrupt() -> None:
    import threading

    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
