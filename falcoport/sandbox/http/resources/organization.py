"""The organization: its name, its settings and its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox import errors
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.options import Catalog
from falcoport.sandbox.schemas import BOOLEAN, NULLABLE, STRING, STRINGS, enum_of, object_of
from falcoport.sandbox.storage.tokens import ORGANIZATION_ID

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.documents import Documents, Stored

router = Router()

_PATH, _SECRETS = "/v1/organization", "/v1/organization/secrets"
_SECRET = f"{_SECRETS}/{{secret}}"
_NAME = "falcoport sandbox"
_SETTINGS = {
    "hiddenBlueprints": STRINGS,
    "federatedLogout": BOOLEAN,
    "portalIcon": STRING,
    "portalTitle": {"type": "string", "maxLength": 30},
}
_ANNOUNCEMENT = object_of(
    {
        "enabled": BOOLEAN,
        "content": {"type": "string", "minLength": 1, "maxLength": 300},
        "link": {**NULLABLE, "maxLength": 300},
        "color": enum_of("blue", "red"),
    },
    more=True,
)
_ORGANIZATION = {
    "name": STRING,
    "settings": object_of(_SETTINGS, more=True),
    "announcement": _ANNOUNCEMENT,
    "isOnboarded": BOOLEAN,
    "toolSelectionProvisioning": {"type": "object"},
}
_DESCRIPTION = {"type": "string", "maxLength": 200}


@router.read("GET", _PATH)
def get_organization(state: State, _call: Call) -> Answer:
    """Show the account's name and features."""
    stored = state.documents("organization", "Organization").find(ORGANIZATION_ID)
    document = {} if stored is None else stored.document
    # Port's Kubernetes exporter leaves its blueprints to Port where this is said (2026-08).
    provisions = state.options.catalog is Catalog.EXPORTER
    flags = ["USE_PROVISIONED_DEFAULTS"] if provisions else []
    organization = {"name": _NAME, **document, "id": ORGANIZATION_ID, "featureFlags": flags}
    return ok(organization=organization)


@router.write("PUT", _PATH, object_of(_ORGANIZATION, ("name",)), needs_admin=True)
def replace_organization(state: State, call: Call) -> Answer:
    """Replace the account's name and settings."""
    _write(state, call, call.body)
    return ok()


@router.write("PATCH", _PATH, object_of(_ORGANIZATION), needs_admin=True)
def patch_organization(state: State, call: Call) -> Answer:
    """Change the account's name or settings."""
    stored = state.documents("organization", "Organization").find(ORGANIZATION_ID)
    _write(state, call, {**({} if stored is None else stored.document), **call.body})
    return ok()


def _write(state: State, call: Call, body: Document) -> None:
    documents = state.documents("organization", "Organization")
    stored = documents.find(ORGANIZATION_ID)
    if stored is None:
        documents.create(ORGANIZATION_ID, body, call.actor.name)
    else:
        documents.replace(stored, body, call.actor.name)


@router.read("GET", _SECRETS, needs_admin=True)
def list_secrets(state: State, _call: Call) -> Answer:
    """List the secrets, without their values."""
    return ok(secrets=[_show(secret) for secret in _documents(state).all(0)])


@router.write(
    "POST",
    _SECRETS,
    object_of(
        {
            "secretName": {
                "type": "string",
                "pattern": r"^[A-Za-z0-9-_]*\Z",
                "minLength": 1,
                "maxLength": 100,
            },
            "secretValue": STRING,
            "description": _DESCRIPTION,
        },
        ("secretName", "secretValue"),
    ),
    needs_admin=True,
)
def create_secret(state: State, call: Call) -> Answer:
    """Store a secret."""
    made = _documents(state).create(call.body["secretName"], call.body, call.actor.name)
    return ok(201, secret=_show(made))


@router.read("GET", _SECRET, needs_admin=True)
def get_secret(state: State, call: Call) -> Answer:
    """Show a secret, without its value."""
    return ok(secret=_show(_documents(state).get(call.path["secret"])))


@router.write(
    "PATCH",
    _SECRET,
    object_of({"secretValue": STRING, "description": _DESCRIPTION}),
    needs_admin=True,
)
def patch_secret(state: State, call: Call) -> Answer:
    """Change the value or the description of a secret."""
    return _change(state, call)


@router.write(
    "PUT",
    _SECRET,
    object_of({"secretName": STRING, "secretValue": STRING, "description": _DESCRIPTION}),
    needs_admin=True,
)
def replace_secret(state: State, call: Call) -> Answer:
    """Replace a secret, as some of Port's libraries do."""
    if call.body.get("secretName", call.path["secret"]) != call.path["secret"]:
        raise errors.invalid('"secretName" must be the name of the secret')
    return _change(state, call)


def _change(state: State, call: Call) -> Answer:
    old = _documents(state).get(call.path["secret"])
    return ok(secret=_show(_documents(state).patch(old, call.body, call.actor.name)))


@router.write("DELETE", _SECRET, needs_admin=True)
def delete_secret(state: State, call: Call) -> Answer:
    """Delete a secret."""
    _documents(state).delete(_documents(state).get(call.path["secret"]))
    return ok()


def _documents(state: State) -> Documents:
    return state.documents("secret", "Secret")


def _show(secret: Stored) -> Document:
    names = ("secretName", "description", "createdAt", "updatedAt")
    return {name: secret.document[name] for name in names if name in secret.document}
