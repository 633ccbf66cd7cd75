"""The command that proves that an alert arrives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcoport.cli import options
from falcoport.cli.command import EXIT_CODES_WITH_CHECK, CommandResult, Run, add
from falcoport.cli.option_groups import ManifestOptions, read_webhook_secret
from falcoport.errors import (
    EXIT_CHECK,
    EXIT_OK,
    CheckFailedError,
    FalcoportError,
    InputError,
    NotSetUpError,
    Problem,
    UsageError,
)
from falcoport.render.text import Style, pluralize

if TYPE_CHECKING:
    import typer

    from falcoport.delivery.arrival import Arrival
    from falcoport.delivery.test_alert import TestAlert
    from falcoport.mapping.outcomes import Outcome
    from falcoport.port.api import PortApi

_SAMPLE = "fileless-execution"


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "send-test",
        exits=EXIT_CODES_WITH_CHECK,
        example="falcoport send-test --namespace auth-prod --cleanup",
    )(send_test)


@dataclass(frozen=True)
class TestOptions:
    """Which alert to send, and where to."""

    __test__ = False  # not a test of pytest's

    file: options.AlertFile = None
    sample: options.SampleName = None
    namespace: options.TestNamespace = None
    priority: options.TestPriority = None
    via: options.Via = None
    timeout: options.ArrivalTimeout = 60.0
    cleanup: options.Cleanup = False


@dataclass(frozen=True)
class _Target:
    """Where the alert goes: the webhook and the blueprint as Port has them."""

    webhook: dict[str, Any]
    blueprint: dict[str, Any]
    header: dict[str, str]

    def outcomes(self, body: bytes) -> list[Outcome]:
        """Return what the webhook's mappings make of a body."""
        from falcoport.falcosidekick.forward import HEADERS
        from falcoport.mapping.evaluator_process import LimitedEvaluator
        from falcoport.mapping.event import build_event_text

        event = build_event_text(body.decode(), HEADERS)
        with LimitedEvaluator(self.webhook.get("mappings") or []) as evaluator:
            return evaluator.evaluate(event)

    def entity(self, body: bytes) -> dict[str, Any]:
        """Return the entity of the alert itself, which certain_cause has seen to be there."""
        name = self.blueprint["identifier"]
        made = (o.entity for o in self.outcomes(body) if o.blueprint == name and o.entity)
        return next(made)


def send_test(
    run: Run,
    test: TestOptions,
    manifest: ManifestOptions,
    webhook_secret_file: options.WebhookSecretFile = None,
) -> CommandResult:
    """It has the tag falcoport-test. Checked are every property and the relation, against what the
    webhook's mapping in Port says.
    """
    from falcoport.delivery.arrival import wait_for
    from falcoport.delivery.diagnosis import certain_cause, likely_causes

    alert = _alert(test)
    secret = read_webhook_secret(run, webhook_secret_file)
    with run.api() as api:
        target = _target(api, manifest, secret, via=test.via)
        body = alert.body()
        name = target.blueprint["identifier"]
        cause = certain_cause(target.webhook, name, target.outcomes(body))
        if cause is not None:
            raise CheckFailedError(cause.message, problems=(cause,))
        expected = target.entity(body)
        _check_findable(target, alert, expected, via=test.via)
        _send(run, target, alert, body, via=test.via)
        arrival = wait_for(api, name, expected, timeout=test.timeout)
        if arrival is None:
            causes = likely_causes(
                api,
                target.webhook,
                target.blueprint,
                expected,
                header_sent=bool(target.header),
                via=test.via,
            )
            raise _not_arrived(expected, test, tuple(causes))
        differences = _differences(target, alert, arrival, via=test.via)
        removed = _clean_up(run, api, target, expected) if test.cleanup else 0
    return _told(run, arrival, differences, removed)


def _alert(test: TestOptions) -> TestAlert:
    """Return the alert to send; raises UsageError and InputError."""
    from falcoport.commands.set_up import DEFAULT_TAG_PREFIX
    from falcoport.delivery.test_alert import marked
    from falcoport.falco.samples import sample
    from falcoport.falcosidekick.forward import NotForwardedError

    if not test.timeout > 0:
        raise UsageError("--timeout must be more than 0 seconds.", where="--timeout")
    custom_tags: tuple[str, ...] = ()
    if test.file is not None:
        if test.sample is not None:
            raise UsageError("Give a file or --sample, not both.", where="--sample")
        alert = _first_alert(test.file)
    else:
        chosen = sample(test.sample or _SAMPLE)
        alert, custom_tags = chosen.alert, chosen.custom_tags
    made = marked(
        alert,
        datetime.now(UTC),
        namespace=test.namespace,
        priority=test.priority,
        tag_prefix=DEFAULT_TAG_PREFIX,
        custom_tags=custom_tags,
    )
    try:
        made.body()
    except NotForwardedError as error:
        where = str(test.file or test.sample or _SAMPLE)
        raise InputError(
            f"Falcosidekick would not pass this alert on: {error}.", where=where
        ) from None
    return made


def _first_alert(file: Path) -> dict[str, Any]:
    """Return the first alert of a file. Raises InputError."""
    import sys

    from falcoport.falco.inputs.interface import find_alerts, split_source
    from falcoport.falco.inputs.log_lines import MAX_LINE

    try:
        if str(file) == "-":
            raw = sys.stdin.buffer.read(MAX_LINE)
        else:
            with file.open("rb") as opened:
                raw = opened.read(MAX_LINE)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.", where=str(file)) from None
    problem = "it holds no alert"
    for chunk in split_source([raw]):
        for found in find_alerts(chunk):
            if found.text:
                try:
                    alert = json.loads(found.text)
                except (ValueError, RecursionError):
                    alert = None
                if isinstance(alert, dict):
                    return alert
            problem = found.problem or problem
    raise InputError(f"There is no alert in {file}: {problem}.", where=str(file))


def _target(
    api: PortApi, manifest: ManifestOptions, secret: str | None, *, via: str | None
) -> _Target:
    """Read the webhook and the blueprint; raises CheckFailedError without them."""
    from falcoport.port.concurrency import run_concurrently
    from falcoport.resources.webhook_security import Guard, guard, header_for, header_name

    manifests = manifest.load()
    blueprint, webhook = manifests.blueprint.identifier, manifests.webhook.identifier
    api.authenticate()
    found = run_concurrently([lambda: api.blueprint(blueprint), lambda: api.webhook(webhook)])
    if found[0] is None:
        raise NotSetUpError.missing("blueprint", blueprint)
    if found[1] is None:
        raise NotSetUpError.missing("webhook", webhook)
    guarded = guard(found[1])
    if guarded is Guard.SIGNATURE:
        raise CheckFailedError(
            f"Webhook {webhook!r} asks for signed bodies, which Falcosidekick cannot send.",
            where=f"webhook {webhook}: security",
            hint="`falcoport setup --rotate-secret` makes it ask for a constant header instead.",
        )
    if guarded is Guard.OPEN or via is not None:
        return _Target(found[1], found[0], {})
    if secret is None:
        raise CheckFailedError(
            f"Webhook {webhook!r} asks for the header {header_name(found[1])}, and its secret was "
            "not given.",
            code="no_webhook_secret",
            where=f"webhook {webhook}: security",
            hint="Set FALCOPORT_WEBHOOK_SECRET or give --webhook-secret-file; with --via, "
            "Falcosidekick sends the one it has.",
        )
    header = header_for(found[1], secret)
    assert header is not None  # the guard is a header
    return _Target(found[1], found[0], {header.name: header.value})


def _check_findable(
    target: _Target, alert: TestAlert, expected: dict[str, Any], *, via: str | None
) -> None:
    """Raise UsageError where Falcosidekick's own uuid decides what the entity is called."""
    if not isinstance(expected["identifier"], str):
        raise CheckFailedError(
            "The webhook finds its entity by a search, so the test alert's cannot be told before.",
            where=f"webhook {target.webhook['identifier']}: mappings",
        )
    if via is None:
        return
    other = target.entity(alert.body())
    if other["identifier"] != expected["identifier"]:
        raise UsageError(
            "The mapping's identifier is made of the uuid, which Falcosidekick gives: with --via "
            "the entity cannot be told from others.",
            where="--via",
            hint="Leave --via out, or use another --identifier in `falcoport setup`.",
        )


def _send(run: Run, target: _Target, alert: TestAlert, body: bytes, *, via: str | None) -> None:
    from falcoport.delivery.send import Delivery
    from falcoport.falcosidekick.forward import HEADERS

    timeout = run.settings().timeout
    if via is None:
        url = str(target.webhook["url"])
        Delivery(url, {**HEADERS, **target.header}, timeout).post(body)
        return
    headers = {"Content-Type": "application/json", "User-Agent": "falcosecurity/falco"}
    Delivery(via, headers, timeout).post(alert.line.encode())


def _differences(
    target: _Target,
    alert: TestAlert,
    arrival: Arrival,
    *,
    via: str | None,
) -> tuple[str, ...]:
    """Compare the entity with the mapping; a Falcosidekick may have added tags of its own."""
    from falcoport.delivery.arrival import differences

    if via is None or not arrival.differences:
        return arrival.differences
    stored = (arrival.entity.get("properties") or {}).get("tags")
    sent = {*alert.alert["tags"], *alert.custom_tags}
    further = [tag for tag in stored if tag not in sent] if isinstance(stored, list) else []
    again = target.entity(alert.body(further_tags=[t for t in further if isinstance(t, str)]))
    return differences(again, arrival.entity)


def _not_arrived(
    expected: dict[str, Any], test: TestOptions, causes: tuple[Problem, ...]
) -> CheckFailedError:
    identifier = str(expected["identifier"])
    problem = Problem(
        "not_arrived",
        f"The alert was taken, but is not in the catalog after {test.timeout:g} seconds.",
        identifier,
        "The likely causes follow."
        if causes
        else "Nothing that could be looked up explains it: give it more --timeout, or look at the "
        "webhook's events in Port.",
    )
    return CheckFailedError(problem.message, problems=(problem, *causes))


def _clean_up(run: Run, api: PortApi, target: _Target, expected: dict[str, Any]) -> int:
    """Remove the test alert, and those that earlier tests left; return how many went."""
    from falcoport.delivery.test_alert import TEST_TAG
    from falcoport.port.errors import NotFoundError

    blueprint = target.blueprint["identifier"]
    identifiers = {str(expected["identifier"])}
    query = {
        "combinator": "and",
        "rules": [{"property": "tags", "operator": "containsAny", "value": [TEST_TAG]}],
    }
    body: dict[str, Any] = {"query": query, "include": ["$identifier", "tags"]}
    try:
        following: Any = ""
        while following is not None:
            found, following = api.search_entities(
                blueprint, {**body, **({"from": following} if following else {})}
            )
            identifiers |= {str(entity["identifier"]) for entity in found}
    except FalcoportError as error:
        run.output.warn(f"only this test alert is removed, not earlier ones: {error.message}")
    for identifier in sorted(identifiers):
        try:
            api.delete_entity(blueprint, identifier)
        except NotFoundError:
            continue
    return len(identifiers)


def _told(run: Run, arrival: Arrival, differences: tuple[str, ...], removed: int) -> CommandResult:
    identifier = str(arrival.entity["identifier"])
    run.output.note(
        f"Arrived after {arrival.seconds:.2f} seconds"
        + (", not as the mapping says." if differences else ", as the mapping says."),
        Style.BAD if differences else Style.GOOD,
    )
    if removed:
        run.output.note(f"Removed {pluralize(removed, 'test alert')}.")
    run.output.result(identifier)
    problems = tuple(Problem("differs", f"{difference}.", identifier) for difference in differences)
    data = {
        "identifier": identifier,
        "seconds": round(arrival.seconds, 3),
        "entity": arrival.entity,
        "differences": list(differences),
        "removed": removed,
    }
    return CommandResult(data, EXIT_CHECK if problems else EXIT_OK, problems)
