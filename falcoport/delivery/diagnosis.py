"""Why a test alert did not arrive: what can be known, looked up one by one.

The cases are those in which Port takes an alert with 202 and stores nothing (Port docs,
"Webhook"); nothing about them can be read from the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.errors import FalcoportError, Problem
from falcoport.port.entity_check import EntityCheck
from falcoport.resources.webhook_security import header_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from falcoport.delivery.sidekick import Counters
    from falcoport.mapping.outcomes import Outcome
    from falcoport.port.api import AuditFailure, PortApi


def certain_cause(
    webhook: Mapping[str, Any], blueprint: str, outcomes: list[Outcome]
) -> Problem | None:
    """Return why the alert can never become an entity, before it is sent; None if it can."""
    where = f"webhook {webhook.get('identifier')}"
    if webhook.get("enabled") is False:
        return Problem(
            "disabled",
            "The webhook is disabled in Port: every alert is dropped.",
            where,
            "`falcoport setup` enables it.",
        )
    own = [outcome for outcome in outcomes if outcome.blueprint == blueprint]
    if not own:
        return Problem(
            "no_mapping",
            f"The webhook has no mapping for the blueprint {blueprint}.",
            where,
            "`falcoport setup` adds it.",
        )
    if all(outcome.entity is None for outcome in own):
        reasons = "; ".join(dict.fromkeys(_reason(outcome) for outcome in own))
        return Problem(
            "not_mapped",
            f"The mapping stores nothing for this alert: {reasons}.",
            f"{where}: mappings",
            "`falcoport preview --live` shows what it makes of alerts.",
        )
    return None


def _reason(outcome: Outcome) -> str:
    failed = next((error for error in outcome.errors if error.field != "filter"), None)
    if failed is not None and "identifier" in failed.field:
        return f"{outcome.skipped} ({failed.message})"
    if outcome.errors and outcome.skipped.startswith("filter"):
        return f"{outcome.skipped} ({outcome.errors[0].message})"
    return outcome.skipped


def likely_causes(
    api: PortApi,
    webhook: Mapping[str, Any],
    blueprint: Mapping[str, Any],
    entity: Mapping[str, Any],
    *,
    header_sent: bool,
) -> Iterator[Problem]:
    """Look up, one by one, why an alert that Port took is not in the catalog.

    `entity` is what the mapping makes of it; `header_sent` tells whether a secret header went
    along.
    """
    where = f"webhook {webhook.get('identifier')}"
    yield from _missing_targets(api, blueprint, entity)
    if header_sent:
        name = (webhook.get("security") or {}).get("signatureHeaderName")
        yield Problem(
            "secret",
            f"The webhook asks for a secret in the header {name}; the one given may be another.",
            f"{where}: security",
            "`falcoport setup --rotate-secret` sets a new one.",
        )
    check = EntityCheck({str(blueprint.get("identifier")): blueprint})
    for field, problem in check.problems(str(blueprint.get("identifier")), entity):
        yield Problem(
            "refused_value",
            f"Port refuses what the mapping makes: {field} {problem}.",
            f"{where}: mappings",
            "`falcoport preview --live` shows it for more alerts.",
        )


def find_failures(
    api: PortApi, webhook: Mapping[str, Any], identifier: str, since: datetime
) -> list[AuditFailure]:
    """Return what Port's audit log says of an alert; nothing where it cannot be asked.

    `identifier` is that of the alert's entity, `since` when it was sent.
    """
    name = str(webhook.get("identifier"))
    try:
        failures = api.webhook_failures(name, since)
    except FalcoportError:
        return []  # only an administrator may ask, and not every Port has the log
    return [one for one in failures if one.identifier in (identifier, name, "")]


def audit_causes(failures: Iterable[AuditFailure], webhook: Mapping[str, Any]) -> Iterator[Problem]:
    """Quote the audit log."""
    for message in list(dict.fromkeys(one.message for one in failures))[:_QUOTED]:
        yield Problem(
            "audit_log",
            f"Port's audit log says: {message}.",
            f"webhook {webhook.get('identifier')}",
            "Port took the alert and stored nothing, for this reason.",
        )


_QUOTED = 3


@dataclass(frozen=True)
class ChainEvidence:
    """What was seen of a Falcosidekick that an alert went through and was lost behind.

    `counters` is what its counters gained, None where they cannot be read; `probe` what they gained
    by an alert of the rule `Test rule`, which no minimum priority holds up; `direct` whether the
    same alert arrives when it is posted straight to the webhook, None where that was not tried;
    `was_mapped` whether the audit log shows that Port let the alert in and its mapping saw it.
    """

    address: str
    counters: Counters | None
    probe: Counters | None = None
    direct: bool | None = None
    was_mapped: bool = False


def chain_causes(
    evidence: ChainEvidence, webhook: Mapping[str, Any], priority: str
) -> Iterator[Problem]:
    """Name what is wrong between Falcosidekick and Port, as far as it shows from outside."""
    where, counters = f"Falcosidekick at {evidence.address}", evidence.counters
    if counters is None or not counters.accepted:
        yield _unseen(evidence)
    elif counters.failed:
        yield Problem(
            "could_not_send",
            "Falcosidekick could not post the alert to its WEBHOOK_ADDRESS; from outside it does "
            "not show why.",
            where,
            _LOG_LINES,
        )
    elif counters.posted:
        yield _dropped(evidence, webhook)
    elif evidence.probe is not None and (evidence.probe.posted or evidence.probe.failed):
        yield Problem(
            "minimum_priority",
            f"Falcosidekick's minimum priority for the webhook is above {priority}: it left this "
            "alert out, and posted one of the rule `Test rule`, which always passes.",
            where,
            "Lower WEBHOOK_MINIMUMPRIORITY, or send-test with a --priority above it.",
        )
    else:
        yield Problem(
            "no_webhook_output",
            "Falcosidekick posts nothing to any webhook: it has no webhook output.",
            where,
            "WEBHOOK_ADDRESS is missing, or cannot be used: then its log said `Webhook - Bad "
            "Endpoint` when it started. `falcoport show-url --format` writes the settings.",
        )


_LOG_LINES = (
    "Its log line with `Webhook` tells: `resource not found` is a wrong key in the URL, "
    "`connection refused`, `no such host` a wrong host or port, `authentication error` the secret, "
    "`invalid header field` a space or line end in WEBHOOK_CUSTOMHEADERS. `falcoport show-url "
    "--format` writes all of it correctly."
)


def _unseen(evidence: ChainEvidence) -> Problem:
    reason = (
        f"its counters at http://{evidence.address}/metrics cannot be read"
        if evidence.counters is None
        else "the counters at that address are those of another instance"
    )
    return Problem(
        "sidekick",
        f"Falcosidekick took the alert; whether it posted it does not show, since {reason}.",
        f"Falcosidekick at {evidence.address}",
        "Compare its WEBHOOK_ADDRESS and WEBHOOK_MINIMUMPRIORITY with `falcoport show-url`, and "
        "look for `Webhook` in its log. With several replicas, send through one pod.",
    )


def _dropped(evidence: ChainEvidence, webhook: Mapping[str, Any]) -> Problem:
    where = f"Falcosidekick at {evidence.address}"
    posted = "Falcosidekick posted the alert and was answered with success"
    name = header_name(webhook)
    if evidence.was_mapped and evidence.direct:
        return Problem(
            "sidekick_tags",
            f"{posted}, and Port let it in; the same alert arrives when falcoport posts it itself. "
            "What Falcosidekick adds is the cause, such as a tag of CUSTOMTAGS that relates the "
            "alert to an entity that is not there.",
            where,
            "Change CUSTOMTAGS, or create the entity; `falcoport setup --ensure-namespaces` lets "
            "the webhook create it.",
        )
    if evidence.direct is False:
        return Problem(
            "dropped_by_port",
            f"{posted}, so Port dropped it; posted straight to the webhook it is dropped as well.",
            where,
            "The cause is in Port: the webhook, its mapping, or what it relates to.",
        )
    proved = (
        "" if evidence.direct is None else "; the same alert arrives when falcoport posts it itself"
    )
    if name is not None:
        return Problem(
            "sidekick_header",
            f"{posted}{proved}. Its header {name} is missing, has another name, or another secret: "
            "an older one, or one that a `:` or `,` cuts.",
            where,
            "`falcoport show-url --format` writes WEBHOOK_CUSTOMHEADERS; restart Falcosidekick "
            "after a change."
            + ("" if evidence.direct else " With the webhook's secret given, this can be proved."),
        )
    return Problem(
        "sidekick_address",
        f"{posted}{proved}. Its WEBHOOK_ADDRESS is another URL, or a tag of CUSTOMTAGS relates the "
        "alert to an entity that is not there.",
        where,
        "Compare WEBHOOK_ADDRESS with `falcoport show-url`, and its CUSTOMTAGS with the entities "
        "in Port.",
    )


def _missing_targets(
    api: PortApi, blueprint: Mapping[str, Any], entity: Mapping[str, Any]
) -> Iterator[Problem]:
    relations = blueprint.get("relations") or {}
    for name, value in (entity.get("relations") or {}).items():
        if name not in relations:
            yield Problem(
                "no_relation",
                f"The mapping fills the relation {name}, which the blueprint lacks.",
                f"blueprint {blueprint.get('identifier')}",
                "`falcoport add-relation` adds it.",
            )
            continue
        target = str(relations[name]["target"])
        for identifier in value if isinstance(value, list) else [value]:
            if isinstance(identifier, str) and not _exists(api, target, identifier):
                yield Problem(
                    "missing_target",
                    f"The relation {name} points to {identifier}, and the blueprint {target} has "
                    "no such entity.",
                    f"relation {name}",
                    "Create it, or let the webhook do so: `falcoport setup --ensure-namespaces`.",
                )


def _exists(api: PortApi, blueprint: str, identifier: str) -> bool:
    try:
        return api.entity(blueprint, identifier) is not None
    except FalcoportError:
        return True  # it could not be looked up, so nothing is said about it
