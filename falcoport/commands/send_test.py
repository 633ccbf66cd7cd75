"""Send one test alert as Falcosidekick does, and see that it is in the catalog as it should be."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from falcoport.commands.live_webhook import HOW_TO_GIVE_SECRET, refuse_signed, require_header
from falcoport.delivery.arrival import differences, wait_for
from falcoport.delivery.diagnosis import (
    ChainEvidence,
    audit_causes,
    certain_cause,
    chain_causes,
    find_failures,
    likely_causes,
)
from falcoport.delivery.posting import MAX_BODY
from falcoport.delivery.rewriting import read_back
from falcoport.delivery.send import Delivery
from falcoport.delivery.sidekick import Sidekick
from falcoport.delivery.test_alert import TEST_TAG, make_test_alert
from falcoport.errors import (
    CheckFailedError,
    FalcoportError,
    InputError,
    InterruptedRunError,
    NotSetUpError,
    OptionValueError,
    Problem,
    UsageError,
)
from falcoport.falco.inputs.interface import find_alerts, split_source
from falcoport.falco.samples import sample
from falcoport.falcosidekick.forward import HEADERS, NotForwardedError
from falcoport.mapping.evaluator_process import LimitedEvaluator
from falcoport.mapping.event import build_event_text
from falcoport.mapping.limited_process import Limits
from falcoport.port.concurrency import run_concurrently
from falcoport.port.errors import NotFoundError

if TYPE_CHECKING:
    from falcoport.commands.context import Context
    from falcoport.delivery.arrival import Arrival
    from falcoport.delivery.sidekick import Counters
    from falcoport.delivery.test_alert import TestAlert
    from falcoport.manifests.loading import Manifests
    from falcoport.mapping.outcomes import Outcome
    from falcoport.port.api import PortApi

DEFAULT_SAMPLE = "sensitive-file-on-host"
DEFAULT_TIMEOUT = 60.0
_PROBE_SECONDS = 10.0
"""How long to wait for Falcosidekick's counters, and for an alert posted to find a cause."""
_POLL = 0.1
_TEST_RULE = "Test rule"
"""Falcosidekick posts an alert of this rule whatever its minimum priority is (`handlers.go`)."""


@dataclass(frozen=True)
class AlertSource:
    """Where an alert of the user's comes from, and what is there."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class SendTestRequest:
    """Which alert to send, and where to.

    The alert is the first of `source`, or falcoport's sample of the name `sample`, with the time of
    now. `namespace` and `priority` replace its own. `via` is a Falcosidekick to send it through.
    `timeout` is how many seconds it may take to arrive; `cleanup` removes it afterwards, and what
    earlier tests left. `limits` hold for the evaluation of the mapping that Port has.
    """

    manifests: Manifests
    source: AlertSource | None = None
    sample: str | None = None
    namespace: str | None = None
    priority: str | None = None
    via: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    cleanup: bool = False
    secret: str | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise OptionValueError("--wait must be more than 0 seconds.", where="--wait")

    @property
    def alert_name(self) -> str:
        """What the alert is called in messages."""
        return self.source.name if self.source is not None else self.sample or DEFAULT_SAMPLE


@dataclass(frozen=True)
class SendTestResult:
    """The alert as the catalog has it, what differs from the mapping, how many were removed.

    `rewritten` is what Falcosidekick changed by its own settings, in words; it is no difference.
    """

    arrival: Arrival
    differences: tuple[str, ...]
    removed: int
    rewritten: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Target:
    """Where the alert goes: the webhook and the blueprint as Port has them."""

    webhook: dict[str, Any]
    blueprint: dict[str, Any]
    header: dict[str, str]
    limits: Limits

    def outcomes(self, body: bytes) -> list[Outcome]:
        """Return what the webhook's mappings make of a body."""
        event = build_event_text(body.decode(), HEADERS)
        with LimitedEvaluator(self.webhook.get("mappings") or [], self.limits) as evaluator:
            return evaluator.evaluate(event)

    def entity(self, body: bytes) -> dict[str, Any]:
        """Return the entity of the alert itself, which certain_cause has seen to be there."""
        name = self.blueprint["identifier"]
        made = (o.entity for o in self.outcomes(body) if o.blueprint == name and o.entity)
        return next(made)


@dataclass
class _Attempt:
    """One alert on its way: where it goes, what it should become, and when it was sent.

    `before` are the counters of the Falcosidekick that it goes through, as they were.
    """

    target: _Target
    alert: TestAlert
    body: bytes
    expected: dict[str, Any]
    sent: datetime
    sidekick: Sidekick | None = None
    before: Counters | None = None


def send_test(request: SendTestRequest, context: Context) -> SendTestResult:
    """Send the alert and wait for it.

    Raise CheckFailedError if it cannot arrive or did not, with the likely causes; UsageError or
    InputError for an alert that cannot be sent; and what the client raises.
    """
    alert = _make_alert(request)
    sidekick = _find_sidekick(request, context)
    with context.connect() as api:
        target = _find_target(api, request)
        body = alert.body()
        name = target.blueprint["identifier"]
        if sidekick is not None:
            _refuse_port(sidekick, str(target.webhook["url"]), context.settings.api_url.value)
        cause = certain_cause(target.webhook, name, target.outcomes(body))
        if cause is not None:
            raise CheckFailedError(cause.message, problems=(cause,))
        expected = target.entity(body)
        _check_findable(target, alert, expected, via=request.via)
        attempt = _Attempt(target, alert, body, expected, datetime.now(UTC), sidekick)
        attempt.before = sidekick.read_counters() if sidekick else None
        _send(attempt, context)
        arrival = _await_arrival(api, name, expected, request.timeout, context)
        if arrival is None:
            error = _not_arrived(api, request, attempt, context)
            if request.cleanup:
                _clean_up(api, target, expected, context)
            raise error
        found, rewritten = _find_differences(attempt, arrival)
        removed = _clean_up(api, target, expected, context) if request.cleanup else 0
    return SendTestResult(arrival, found, removed, rewritten)


def _await_arrival(
    api: PortApi, blueprint: str, expected: dict[str, Any], timeout: float, context: Context
) -> Arrival | None:
    """Wait for the entity; raise InterruptedRunError that says what was sent already."""
    context.progress(f"Sent; waiting for up to {timeout:g} seconds.")
    try:
        return wait_for(api, blueprint, expected, timeout=timeout)
    except KeyboardInterrupt:
        raise InterruptedRunError(
            "Interrupted. The alert was posted and may still arrive.",
            where=str(expected["identifier"]),
        ) from None


def _make_alert(request: SendTestRequest) -> TestAlert:
    """Return the alert to send; raise UsageError and InputError."""
    from falcoport.commands.defaults import DEFAULT_TAG_PREFIX

    custom_tags: tuple[str, ...] = ()
    if request.source is not None:
        alert = _find_first_alert(request.source)
    else:
        chosen = sample(request.alert_name)
        alert, custom_tags = chosen.alert, chosen.custom_tags
    made = make_test_alert(
        alert,
        datetime.now(UTC),
        namespace=request.namespace,
        priority=request.priority,
        tag_prefix=DEFAULT_TAG_PREFIX,
        custom_tags=custom_tags,
    )
    try:
        body = made.body()
    except NotForwardedError as error:
        raise InputError(
            f"Falcosidekick would not pass this alert on: {error}.", where=request.alert_name
        ) from None
    if (size := len(body)) > MAX_BODY:
        raise InputError(
            f"This alert has {size:,} bytes as Falcosidekick sends it, and Port takes "
            f"{MAX_BODY:,}.",
            where=request.alert_name,
            code="too_long",
            hint="Falcosidekick cuts fields of more than 512 bytes, but not many short ones.",
        )
    return made


def _find_first_alert(source: AlertSource) -> dict[str, Any]:
    problem = "it holds no alert"
    for chunk in split_source([source.content]):
        for found in find_alerts(chunk):
            alert = _parse(found.text) if found.text else None
            if isinstance(alert, dict):
                return alert
            problem = found.problem or problem
    raise InputError(f"There is no alert in {source.name}: {problem}.", where=source.name)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _find_target(api: PortApi, request: SendTestRequest) -> _Target:
    """Read the webhook and the blueprint; raise CheckFailedError or SecretMissingError."""
    names = request.manifests.blueprint.identifier, request.manifests.webhook.identifier
    api.authenticate()
    blueprint, webhook = run_concurrently(
        [lambda: api.blueprint(names[0]), lambda: api.webhook(names[1])]
    )
    for kind, name, found in zip(
        ("blueprint", "webhook"), names, (blueprint, webhook), strict=True
    ):
        if found is None:
            raise NotSetUpError.missing(kind, name)
    if request.via is not None:
        # Falcosidekick sends the header that it was given; signatures it cannot make either.
        refuse_signed(webhook)
        return _Target(webhook, blueprint, {}, request.limits)
    hint = f"{HOW_TO_GIVE_SECRET} With --via, Falcosidekick sends the one it has."
    header = require_header(webhook, request.secret, hint=hint)
    headers = {header.name: header.value} if header else {}
    return _Target(webhook, blueprint, headers, request.limits)


def _check_findable(
    target: _Target, alert: TestAlert, expected: dict[str, Any], *, via: str | None
) -> None:
    """Raise UsageError where Falcosidekick's own uuid decides what the entity is called."""
    if not isinstance(expected["identifier"], str):
        raise CheckFailedError(
            "The webhook finds its entity by a search, so it is not known which one the test "
            "alert's will be.",
            where=f"webhook {target.webhook['identifier']}: mappings",
        )
    if via is None:
        return
    other = target.entity(alert.body())
    if other["identifier"] != expected["identifier"]:
        raise UsageError(
            "The mapping's identifier is made of the uuid, which Falcosidekick gives: with --via "
            "the entity cannot be distinguished from others.",
            where="--via",
            hint="Leave --via out, or use another --identifier in `falcoport setup`.",
        )


def _find_sidekick(request: SendTestRequest, context: Context) -> Sidekick | None:
    """Return the Falcosidekick to send through; raise OptionValueError for what is no URL."""
    if request.via is None:
        return None
    return Sidekick(request.via, context.settings.timeout, context.network)


def _refuse_port(sidekick: Sidekick, *urls: str) -> None:
    """Raise OptionValueError for Port's own URLs: Falcosidekick is what posts to them."""
    given = urlsplit(sidekick.url)
    for url in map(urlsplit, urls):
        if (given.hostname, given.port) == (url.hostname, url.port):
            raise OptionValueError(
                f"--via names {given.hostname}, which is Port itself.",
                where="--via",
                hint="Give the address of your Falcosidekick, or leave --via out to post to Port "
                "directly.",
            )


def _send(attempt: _Attempt, context: Context) -> None:
    if attempt.sidekick is not None:
        attempt.sidekick.post(attempt.alert.line.encode())
    else:
        _post_directly(attempt, attempt.target.header, context)


def _post_directly(attempt: _Attempt, header: dict[str, str], context: Context) -> None:
    url = str(attempt.target.webhook["url"])
    headers = {**HEADERS, **header}
    Delivery(url, headers, context.settings.timeout, context.network).post(attempt.body)


def _find_differences(
    attempt: _Attempt, arrival: Arrival
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Compare the entity with the mapping; return what differs, and what Falcosidekick rewrote."""
    if attempt.sidekick is None or not arrival.differences:
        return arrival.differences, ()
    stored = arrival.entity.get("properties") or {}
    made = attempt.expected.get("properties") or {}
    rewritten = read_back(attempt.body, made, stored)
    again = attempt.target.entity(json.dumps(rewritten.body).encode())
    return differences(again, arrival.entity), rewritten.changes


def _not_arrived(
    api: PortApi, request: SendTestRequest, attempt: _Attempt, context: Context
) -> CheckFailedError:
    """Look up why, and return the error that names every cause found, the surest first."""
    target, expected = attempt.target, attempt.expected
    name = str(expected["identifier"])
    failures = find_failures(api, target.webhook, name, attempt.sent)
    evidence = None
    if attempt.sidekick is not None:
        context.progress("The alert did not arrive: looking for the cause.")
        evidence = _question(api, request, attempt, attempt.sidekick, context)
        mapped = any(one.identifier == name for one in failures)
        evidence = replace(evidence, was_mapped=mapped)
    causes = [
        *audit_causes(failures, target.webhook),
        *(chain_causes(evidence, target.webhook, _priority(attempt)) if evidence else ()),
    ]
    reached_port = evidence is None or evidence.counters is None or evidence.counters.posted
    if reached_port and not (evidence and evidence.direct):
        sent = bool(target.header)
        causes += likely_causes(api, target.webhook, target.blueprint, expected, header_sent=sent)
    problem = Problem(
        "not_arrived",
        f"The alert was taken, but is not in the catalog after {request.timeout:g} seconds.",
        name,
        "The likely causes are listed below."
        if causes
        else "No cause was found: give a longer --wait, or look at the webhook's events in Port.",
    )
    return CheckFailedError(problem.message, problems=(problem, *causes))


def _priority(attempt: _Attempt) -> str:
    return str(attempt.alert.alert.get("priority"))


def _question(
    api: PortApi,
    request: SendTestRequest,
    attempt: _Attempt,
    sidekick: Sidekick,
    context: Context,
) -> ChainEvidence:
    """Read Falcosidekick's counters again, and try what tells the remaining causes apart."""
    after = sidekick.read_counters()
    if attempt.before is None or after is None:
        return ChainEvidence(sidekick.address, None)
    counters = after.since(attempt.before)
    if counters.posted:
        direct = _arrives_directly(api, request, attempt, context)
        return ChainEvidence(sidekick.address, counters, direct=direct)
    if counters.failed or not counters.accepted:
        return ChainEvidence(sidekick.address, counters)
    return ChainEvidence(sidekick.address, counters, probe=_probe(attempt, sidekick, after))


def _probe(attempt: _Attempt, sidekick: Sidekick, before: Counters) -> Counters | None:
    """Send an alert that no minimum priority holds up; return what the counters gained by it."""
    alert = replace(attempt.alert, alert={**attempt.alert.alert, "rule": _TEST_RULE})
    try:
        sidekick.post(alert.line.encode())
    except FalcoportError:
        return None
    gained = None
    until = time.monotonic() + _PROBE_SECONDS
    while time.monotonic() < until:
        now = sidekick.read_counters()
        gained = None if now is None else now.since(before)
        if gained is None or gained.posted or gained.failed:
            break
        time.sleep(_POLL)
    return gained


def _arrives_directly(
    api: PortApi, request: SendTestRequest, attempt: _Attempt, context: Context
) -> bool | None:
    """Post the same alert straight to the webhook; None where its secret is not known."""
    try:
        header = require_header(attempt.target.webhook, request.secret, hint="")
        _post_directly(attempt, {header.name: header.value} if header else {}, context)
    except UsageError:
        return None
    except FalcoportError:
        return False
    name = attempt.target.blueprint["identifier"]
    seconds = min(request.timeout, _PROBE_SECONDS)
    return wait_for(api, name, attempt.expected, timeout=seconds) is not None


def _clean_up(api: PortApi, target: _Target, expected: dict[str, Any], context: Context) -> int:
    """Remove the test alert, and those that earlier tests left; return how many went."""
    blueprint = target.blueprint["identifier"]
    identifiers = {str(expected["identifier"])}
    try:
        identifiers |= _find_earlier(api, blueprint)
    except FalcoportError as error:
        context.warn(f"only this test alert is removed, not earlier ones: {error.message}")
    for identifier in sorted(identifiers):
        try:
            api.delete_entity(blueprint, identifier)
        except NotFoundError:
            continue
    return len(identifiers)


def _find_earlier(api: PortApi, blueprint: str) -> set[str]:
    query = {
        "combinator": "and",
        "rules": [{"property": "tags", "operator": "containsAny", "value": [TEST_TAG]}],
    }
    body: dict[str, Any] = {"query": query, "include": ["$identifier", "tags"]}
    found: set[str] = set()
    page: dict[str, Any] = {}
    while True:
        entities, following = api.search_entities(blueprint, body | page)
        found |= {str(entity["identifier"]) for entity in entities}
        if following is None:
            return found
        page = {"from": following}
