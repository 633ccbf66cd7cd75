"""Catalogs in Port made by hand, with everything that others may have added to a set-up."""

from __future__ import annotations

import copy
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.json_types import Json
from falcoport.manifests.loading import load
from support.port_client import port_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import httpx

    from falcoport.sandbox.server import RunningSandbox

State = dict[tuple[str, str], Json]

WEBHOOK_SECRET = "webhook-secret-of-the-user-4711"
_META = ("updatedAt", "updatedBy", "url")
_ORIGIN = ("createdAt", "createdBy", "webhookKey")


@dataclass(frozen=True)
class Catalog:
    """Bodies to create in this order, as Port's API takes them; `alerts` are entities."""

    blueprints: tuple[Json, ...]
    webhooks: tuple[Json, ...] = ()
    alerts: int = 0

    def seed(self, sandbox: RunningSandbox) -> None:
        """Create everything in a sandbox."""
        with closing(port_client(sandbox)) as client:
            for body in self.blueprints:
                client.post("/blueprints", json=body).raise_for_status()
            for body in self.webhooks:
                client.post("/webhooks", json=body).raise_for_status()
            for number in range(self.alerts):
                entity = {"identifier": f"alert-{number}", "properties": {"rule": "A rule"}}
                path = "/blueprints/falco_alert/entities"
                client.post(path, json=entity).raise_for_status()


def state_of(client: httpx.Client) -> State:
    """Return every blueprint and webhook in the catalog, without what a write always changes."""
    blueprints = client.get("/blueprints").raise_for_status().json()["blueprints"]
    webhooks = client.get("/webhooks").raise_for_status().json()["integrations"]
    return _by_name((("blueprint", blueprints), ("webhook", webhooks)))


def extras_of(client: httpx.Client) -> State:
    """Return what `setup --with` adds and looks at beside blueprints and webhooks, as above."""

    def get(path: str, key: str) -> list[Json]:
        found: list[Json] = client.get(path).raise_for_status().json()[key]
        return found

    permissions = []
    for one in get("/blueprints", "blueprints"):
        answer = client.get(f"/blueprints/{one['identifier']}/permissions").json()
        entities = dict(answer["permissions"]["entities"])
        # Port adds a block for each property that a blueprint gets.
        blocks = entities.pop("updateProperties")
        permissions.append({"identifier": one["identifier"], **entities, **blocks})
    secrets = get("/organization/secrets", "secrets")
    return _by_name(
        (
            ("page", get("/pages", "pages")),
            ("scorecard", get("/scorecards", "scorecards")),
            ("action", get("/actions", "actions")),
            ("secret", [{**one, "identifier": one["secretName"]} for one in secrets]),
            ("permissions", permissions),
        )
    )


def _by_name(lists: Iterable[tuple[str, list[Json]]]) -> State:
    return {
        (kind, one["identifier"]): {key: one[key] for key in one if key not in _META}
        for kind, found in lists
        for one in found
    }


def without_origin(state: State, initial: State) -> State:
    """Return a state to compare with another run's: new resources without when and by whom."""
    return {
        key: value
        if key in initial
        else {name: value[name] for name in value if name not in _ORIGIN}
        for key, value in state.items()
    }


def losses(initial: State, final: State, now: State) -> list[str]:
    """List what was lost or half-written, on the way from `initial` to `final`, in `now`.

    A resource that was there may be gone only where it is gone in the end, and each of its
    top-level keys is as it was or as it will be.
    """
    found = []
    for (kind, name), before in initial.items():
        after = final.get((kind, name))
        here = now.get((kind, name))
        if here is None:
            if after is not None:
                found.append(f"{kind} {name} is gone")
            continue
        for key in {*before, *here}:
            allowed = [side.get(key) for side in (before, after) if side is not None]
            if here.get(key) not in allowed:
                found.append(f"{kind} {name}: {key} is {here.get(key)!r}, not one of {allowed!r}")
    return found


def _shipped() -> tuple[Json, Json, Json]:
    manifests = load(None, None)
    return (
        copy.deepcopy(manifests.blueprint.body),
        copy.deepcopy(manifests.webhook.body),
        copy.deepcopy(manifests.namespaces[1].body),
    )


_SERVICE: Json = {
    "identifier": "service",
    "title": "Service",
    "schema": {"properties": {"tier": {"type": "string"}}, "required": []},
    "relations": {},
}
_OTHER_WEBHOOK: Json = {
    "identifier": "github",
    "title": "GitHub",
    "enabled": True,
    "mappings": [{"blueprint": "service", "entity": {"identifier": ".body.repository.name"}}],
    "security": {"secret": WEBHOOK_SECRET, "signatureAlgorithm": "sha256"},
}


def before_setup() -> Catalog:
    """Return a catalog that knows namespaces and nothing of Falco."""
    _blueprint, _webhook, namespace = _shipped()
    return Catalog((namespace, _SERVICE), (_OTHER_WEBHOOK,))


def without_namespaces() -> Catalog:
    """Return a catalog that knows neither namespaces nor Falco."""
    return Catalog((_SERVICE,), (_OTHER_WEBHOOK,))


def as_set_up() -> Catalog:
    """Return a set-up as falcoport makes it, with nothing added."""
    blueprint, webhook, namespace = _shipped()
    return Catalog((namespace, _SERVICE, blueprint), (_OTHER_WEBHOOK, webhook))


def secured(secret: str) -> Catalog:
    """Return a set-up whose webhook asks for a secret in a header."""
    catalog = as_set_up()
    other, webhook = catalog.webhooks
    webhook["security"] = {
        "secret": secret,
        "signatureHeaderName": "X-Falco-Secret",
        "signatureAlgorithm": "plain",
        "requestIdentifierPath": ".body.uuid",
    }
    return Catalog(catalog.blueprints, (other, webhook))


def extended(change: Callable[[Json, Json], None] = lambda _blueprint, _webhook: None) -> Catalog:
    """Return a set-up to which others added all there is; `change` alters it further.

    `change` gets the blueprint's and the webhook's body.
    """
    blueprint, webhook, namespace = _shipped()
    blueprint["description"] = "Alerts of our clusters"
    blueprint["schema"]["properties"]["severity_score"] = {"type": "number", "title": "Score"}
    blueprint["schema"]["properties"]["rule"]["description"] = "As in the runbook"
    blueprint["schema"]["required"] = ["rule"]
    blueprint["relations"]["service"] = {
        "title": "Service",
        "target": "service",
        "required": False,
        "many": True,
    }
    blueprint["mirrorProperties"] = {"tier": {"title": "Tier", "path": "namespace.labels"}}
    blueprint["calculationProperties"] = {
        "loud": {"title": "Loud", "type": "boolean", "calculation": '.properties.priority == "x"'}
    }
    own = webhook["mappings"][0]
    own["entity"]["properties"]["severity_score"] = ".body.output_fields.score"
    webhook["mappings"] = [
        {"blueprint": "service", "entity": {"identifier": ".body.hostname"}},
        own,
        {
            "blueprint": "falco_alert",
            "filter": '.body.priority == "Debug"',
            "operation": {"type": "delete"},
            "entity": {"identifier": ".body.uuid"},
        },
        {
            "blueprint": "falco_alert",
            "filter": '.body.source == "audit"',
            "entity": {"identifier": ".body.uuid", "properties": {"rule": ".body.rule"}},
        },
    ]
    webhook["security"] = {
        "secret": WEBHOOK_SECRET,
        "signatureHeaderName": "x-falco-signature",
        "signatureAlgorithm": "sha256",
    }
    change(blueprint, webhook)
    return Catalog((namespace, _SERVICE, blueprint), (_OTHER_WEBHOOK, webhook))


def drifted() -> Catalog:
    """Return an extended set-up of which several things were changed by hand."""

    def change(blueprint: Json, webhook: Json) -> None:
        blueprint["title"] = "Falco"
        del blueprint["schema"]["properties"]["source"]
        blueprint["schema"]["properties"]["priority"]["title"] = "Prio"
        blueprint["relations"]["namespace"]["title"] = "NS"
        webhook["mappings"][1]["entity"]["properties"]["output"] = ".body.out"
        webhook["enabled"] = False

    return extended(change)


def without_relation() -> Catalog:
    """Return an extended set-up that lacks the relation to the namespace."""

    def change(blueprint: Json, webhook: Json) -> None:
        del blueprint["relations"]["namespace"]
        blueprint["mirrorProperties"] = {"tier": {"title": "Tier", "path": "service.tier"}}
        del webhook["mappings"][1]["entity"]["relations"]

    return extended(change)
