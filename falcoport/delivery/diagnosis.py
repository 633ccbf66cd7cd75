"""Why a test alert did not arrive: what can be known, looked up one by one.

The cases are those in which Port takes an alert with 202 and stores nothing (Port docs,
"Webhook"); nothing about them can be read from the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.errors import FalcoportError, Problem
from falcoport.port.entity_check import EntityCheck

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from falcoport.mapping.outcomes import Outcome
    from falcoport.port.api import PortApi


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
    via: str | None,
) -> Iterator[Problem]:
    """Look up, one by one, why an alert that was sent is not in the catalog.

    `entity` is what the mapping makes of it; `header_sent` tells whether a secret header went
    along; `via` is the Falcosidekick that the alert was sent through.
    """
    where = f"webhook {webhook.get('identifier')}"
    if via is not None:
        yield Problem(
            "sidekick",
            f"Falcosidekick at {via} took the alert, and may not have sent it to this webhook.",
            via,
            "Compare its WEBHOOK_ADDRESS and WEBHOOK_MINIMUMPRIORITY with `falcoport show-url`, "
            "and look for 'Webhook' in its log.",
        )
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
