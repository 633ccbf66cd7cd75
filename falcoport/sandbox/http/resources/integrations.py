"""Integrations: what Port's exporters register and ask for when they start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox import errors
from falcoport.sandbox.exporter_mapping import default_config
from falcoport.sandbox.http.parameters import read_choice, read_limit
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.options import Catalog
from falcoport.sandbox.schemas import BOOLEAN, NULLABLE, STRING, Schema, object_of
from falcoport.sandbox.storage.audit import CREATE, DELETE, UPDATE, Subject
from falcoport.sandbox.storage.entities import generated_identifier

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.documents import Documents, Stored

router = Router()

_ALL, _ONE = "/v1/integration", "/v1/integration/{integration}"
_CONFIG: Schema = {"type": ["object", "null"]}
_CHANGELOG: Schema = {
    "anyOf": [
        {"type": "null"},
        {
            "type": "object",
            "properties": {
                "type": {"enum": ["WEBHOOK", "KAFKA"]},
                "url": {"type": "string", "format": "uri"},
                "agent": BOOLEAN,
            },
        },
    ]
}
_MEMBERS: Schema = {
    "installationId": STRING,
    "title": NULLABLE,
    "installationAppType": NULLABLE,
    "version": NULLABLE,
    "spec": {"type": ["object", "null"]},
    "actionsProcessingEnabled": {"type": ["boolean", "null"]},
    "config": _CONFIG,
    "changelogDestination": _CHANGELOG,
}
_OBJECT: Schema = {"type": "object"}


@router.read("GET", _ALL)
def list_integrations(state: State, _call: Call) -> Answer:
    """List the integrations."""
    return ok(integrations=[_show(state, one) for one in _documents(state).all(0)])


@router.write("POST", _ALL, object_of(_MEMBERS, more=True))
def create_integration(state: State, call: Call) -> Answer:
    """Register an integration."""
    body = {
        "installationId": generated_identifier(),
        "logIngestId": generated_identifier(),
        **call.body,
    }
    if _is_provisioned(state, call):
        body["config"] = default_config()
    made = _documents(state).create(body["installationId"], body, call.actor.name)
    _record(state, call, CREATE, after=made)
    return ok(integration=_show(state, made))


@router.read("GET", f"{_ALL}/metadata")
def list_metadata(state: State, _call: Call) -> Answer:
    """List what every user may know of the integrations."""
    names = ("identifier", "installationId", "title", "installationAppType", "updatedAt")
    return ok(
        integrations=[
            {name: value for name, value in _show(state, one).items() if name in names}
            for one in _documents(state).all(0)
        ]
    )


@router.read("GET", f"{_ALL}/provision-enabled")
def list_provisioned(_state: State, _call: Call) -> Answer:
    """List the kinds of integration whose defaults Port makes: none here, so that they do."""
    return ok(integrations=[])


@router.read("GET", _ONE)
def get_integration(state: State, call: Call) -> Answer:
    """Show an integration, by its installation id or by the one of its logs."""
    field = read_choice(call.query, "byField", ("installationId", "logIngestId"))
    if field == "logIngestId":
        for stored in _documents(state).all(0):
            if stored.document["logIngestId"] == call.path["integration"]:
                return ok(integration=_show(state, stored))
        raise errors.not_found("Integration", call.path["integration"])
    return ok(integration=_show(state, _store(state, call)))


@router.write("PATCH", _ONE, object_of(_MEMBERS, more=True))
def patch_integration(state: State, call: Call) -> Answer:
    """Change the given fields of an integration."""
    return _patch(state, call, call.body)


@router.write("PATCH", f"{_ONE}/config", object_of({"config": _CONFIG}, ("config",), more=True))
def patch_config(state: State, call: Call) -> Answer:
    """Replace the mapping of an integration."""
    return _patch(state, call, {"config": call.body["config"]})


@router.write("DELETE", _ONE)
def delete_integration(state: State, call: Call) -> Answer:
    """Delete an integration; its entities stay."""
    integration = _store(state, call)
    _documents(state).delete(integration)
    _record(state, call, DELETE, before=integration)
    return ok()


@router.write("PATCH", f"{_ONE}/resync-state", _OBJECT)
def patch_resync_state(state: State, call: Call) -> Answer:
    """Note how far an integration's resync is."""
    resync = {**call.body, "updatedAt": state.store.now()}
    return _patch(state, call, {"resyncState": resync})


@router.read("GET", f"{_ONE}/resync-request")
def get_resync_request(state: State, call: Call) -> Answer:
    """Tell whether somebody asked for a resync: nobody can here."""
    _store(state, call)
    return ok(request=None)


@router.read("GET", f"{_ONE}/kinds")
def list_kinds(state: State, call: Call) -> Answer:
    """List the kinds of which an integration sent examples."""
    return ok(data=_store(state, call).document.get("kinds", {}))


@router.write("POST", f"{_ONE}/kinds/{{kind}}/examples", _OBJECT)
def add_examples(state: State, call: Call) -> Answer:
    """Keep the examples of a kind, in the place of older ones."""
    kinds = {**_store(state, call).document.get("kinds", {}), call.path["kind"]: call.body}
    _patch(state, call, {"kinds": kinds})
    return ok(data=call.body)


@router.read("GET", f"{_ONE}/logs")
def list_logs(state: State, call: Call) -> Answer:
    """List the logs of an integration: the sandbox takes none."""
    read_limit(call.query, "limit", minimum=0, maximum=300)
    read_choice(call.query, "direction", ("up", "down"))
    _store(state, call)
    return ok(data=[])


@router.read("GET", f"{_ONE}/syncMetrics")
def list_sync_metrics(state: State, call: Call) -> Answer:
    """List the figures of past resyncs: the sandbox keeps none."""
    _store(state, call)
    return ok(count=0, data=[])


@router.read("GET", f"{_ONE}/syncsMetadata")
def list_syncs(state: State, call: Call) -> Answer:
    """List past resyncs: the sandbox keeps none."""
    _store(state, call)
    return ok(count=0, data=[])


@router.read("GET", f"{_ONE}/cursor")
def get_cursor(state: State, call: Call) -> Answer:
    """Show how far an integration has read its source."""
    return ok(cursor=_store(state, call).document.get("cursor"))


@router.write("PUT", f"{_ONE}/cursor", _OBJECT)
def put_cursor(state: State, call: Call) -> Answer:
    """Note how far an integration has read its source."""
    _patch(state, call, {"cursor": call.body.get("cursor", call.body)})
    return ok()


@router.write("DELETE", f"{_ONE}/cursor")
def delete_cursor(state: State, call: Call) -> Answer:
    """Forget how far an integration has read its source."""
    _patch(state, call, {"cursor": None})
    return ok()


def _is_provisioned(state: State, call: Call) -> bool:
    """Return whether Port configures a new integration, as it does for today's exporter."""
    asks = call.query.get("integration_modes") == "create_resources"
    given = (call.body.get("config") or {}).get("resources")
    return asks and not given and state.options.catalog is Catalog.EXPORTER


def _documents(state: State) -> Documents:
    return state.documents("integration", "Integration")


def _store(state: State, call: Call) -> Stored:
    return _documents(state).get(call.path["integration"])


def _patch(state: State, call: Call, members: Document) -> Answer:
    old = _store(state, call)
    new = _documents(state).patch(old, members, call.actor.name)
    _record(state, call, UPDATE, before=old, after=new)
    return ok(integration=_show(state, new))


def _show(state: State, stored: Stored) -> Document:
    """Return an integration with what Port's exporters dereference unchecked (2026-08)."""
    document = stored.document
    ingest = document["logIngestId"]
    logs, figures = (f"{state.url}/_sandbox/{name}/{ingest}" for name in ("logs", "metrics"))
    return {
        "identifier": stored.identifier,
        "config": {},
        "changelogDestination": None,
        "resyncState": {"updatedAt": document["updatedAt"]},
        **document,
        "logAttributes": {"ingestId": ingest, "ingestUrl": logs},
        "metricAttributes": {"ingestId": ingest, "ingestUrl": figures},
    }


def _record(
    state: State,
    call: Call,
    action: str,
    *,
    before: Stored | None = None,
    after: Stored | None = None,
) -> None:
    stored = after or before
    assert stored is not None
    state.audit.record(
        action,
        Subject("integration", stored.identifier),
        call.actor,
        before=None if before is None else before.document,
        after=None if after is None else after.document,
    )
