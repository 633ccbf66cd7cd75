"""Notifications: an automation per channel, and the secret through which it reaches it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from falcoport.commands.extras.choices import DEFAULT_PRIORITY, Channel
from falcoport.commands.extras.subject import ALERT, Parts, Subject, rename
from falcoport.commands.extras.texts import replace_text
from falcoport.falco.priorities import PRIORITIES
from falcoport.manifests.action import ACTION
from falcoport.manifests.extra_names import ChannelKind
from falcoport.manifests.loading import load_document
from falcoport.mapping.finding_expressions import BLUEPRINT as FINDING
from falcoport.resources.action import Action
from falcoport.resources.interface import Key
from falcoport.resources.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from falcoport.json_types import Json
    from falcoport.resources.interface import Catalog, Part

_APP = "APP_URL"
"""What the shipped files say for the address of Port's web pages."""


def build_notify(
    subject: Subject, channels: Sequence[Channel], app_url: str, catalog: Catalog
) -> Parts:
    """Return the secret and the automation of each channel.

    Without a choice, these are the channels that Port has, as they are.
    """
    chosen = channels or [Channel(kind) for kind in ChannelKind if _is_there(kind, catalog)]
    parts = [part for one in chosen for part in _build_channel(subject, one, app_url, catalog)]
    return Parts(tuple(parts))


def locate_notify(subject: Subject, app_url: str, catalog: Catalog) -> Parts:
    """Return the parts of every channel that there can be."""
    everything = [Channel(kind) for kind in ChannelKind]
    return build_notify(subject, everything, app_url, catalog)


def _is_there(kind: ChannelKind, catalog: Catalog) -> bool:
    return catalog.get(Key(Action.kind, f"falco_notify_{kind}")) is not None


def _build_channel(
    subject: Subject, channel: Channel, app_url: str, catalog: Catalog
) -> list[Part]:
    body = load_document(ACTION, "actions", "notify", f"{channel.kind}.yaml").body
    live = catalog.get(Key(Action.kind, body["identifier"]))
    priority = channel.priority or _read_priority(live) or DEFAULT_PRIORITY
    named = rename(replace_text(body, _APP, app_url), ALERT, subject.identifier)
    named = replace_text(named, f"{ALERT}Entity", f"{subject.identifier}Entity")
    condition = {**named["trigger"]["condition"], "expressions": [_condition(subject, priority)]}
    trigger = {**named["trigger"], "condition": condition}
    secret = f"FALCO_NOTIFY_{channel.kind.upper()}"
    return [
        Secret(
            secret, f"Where falcoport's automation {body['identifier']} sends to", channel.value
        ),
        Action(
            {**named, "trigger": trigger},
            own_blueprints=(ALERT, FINDING),
            secret=secret,
        ),
    ]


def _condition(subject: Subject, priority: str) -> str:
    """Return the JQ that lets through what is new at or above a priority.

    A finding that was resolved and is seen again counts as new, once. Falco writes nine digits of a
    second, people's tools three or none, so that whole seconds are compared.
    """
    wanted = ", ".join(json.dumps(name) for name in _at_or_above(priority))
    matches = f".diff.after != null and (.diff.after.properties.priority | IN({wanted}))"
    if not subject.is_finding:
        return f"{matches} and .diff.before == null"
    resolved = ".diff.after.properties.resolvedAt"
    again = (
        f'.diff.after.properties.status == "Resolved" and {resolved} != null'
        f" and .diff.after.properties.lastSeen[0:19] > {resolved}[0:19]"
        f" and .diff.before.properties.lastSeen[0:19] <= {resolved}[0:19]"
    )
    return f"{matches} and (.diff.before == null or ({again}))"


def _at_or_above(priority: str) -> tuple[str, ...]:
    return PRIORITIES[: PRIORITIES.index(priority) + 1]


def _read_priority(live: Json | None) -> str | None:
    """Return the lowest priority that a live automation of ours lets through."""
    if live is None:
        return None
    condition = (live.get("trigger") or {}).get("condition") or {}
    text = "".join(str(one) for one in condition.get("expressions") or ())
    named = [name for name in PRIORITIES if f'"{name}"' in text.split(")")[0]]
    return named[-1] if named else None
