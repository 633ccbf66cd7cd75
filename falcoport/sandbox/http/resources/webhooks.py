"""Webhooks: where alerts arrive, and how they become entities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox import schemas
from falcoport.sandbox.http.routing import Router, ok

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call
    from falcoport.sandbox.state import State

router = Router()

_ALL, _ONE = "/v1/webhooks", "/v1/webhooks/{webhook}"
_METADATA = ("identifier", "title", "icon", "updatedAt")


@router.read("GET", _ALL, needs_admin=True)
def list_webhooks(state: State, _call: Call) -> Answer:
    """List the webhooks."""
    found = state.webhooks.all().values()
    return ok(integrations=[state.webhooks.shown(webhook) for webhook in found])


@router.write("POST", _ALL, schemas.WEBHOOK_PUT, needs_admin=True)
def create_webhook(state: State, call: Call) -> Answer:
    """Create a webhook."""
    return ok(201, integration=state.webhooks.create(call.body, call.actor))


@router.read("GET", f"{_ALL}/metadata")
def list_webhook_metadata(state: State, _call: Call) -> Answer:
    """List what a member may know of the webhooks."""
    return ok(
        integrations=[
            {name: webhook.document[name] for name in _METADATA if name in webhook.document}
            for webhook in state.webhooks.all().values()
        ]
    )


@router.read("GET", _ONE, needs_admin=True)
def get_webhook(state: State, call: Call) -> Answer:
    """Show a webhook."""
    return ok(integration=state.webhooks.shown(state.webhooks.get(call.path["webhook"])))


@router.write("PUT", _ONE, schemas.WEBHOOK_PUT, needs_admin=True)
def replace_webhook(state: State, call: Call) -> Answer:
    """Replace a webhook's configuration."""
    return ok(integration=state.webhooks.replace(call.path["webhook"], call.body, call.actor))


@router.write("PATCH", _ONE, schemas.WEBHOOK_PATCH, needs_admin=True)
def patch_webhook(state: State, call: Call) -> Answer:
    """Change the given fields of a webhook."""
    return ok(integration=state.webhooks.patch(call.path["webhook"], call.body, call.actor))


@router.write("DELETE", _ONE, needs_admin=True)
def delete_webhook(state: State, call: Call) -> Answer:
    """Delete a webhook."""
    state.webhooks.delete(call.path["webhook"], call.actor)
    return ok()
