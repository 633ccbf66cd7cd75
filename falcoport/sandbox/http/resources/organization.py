"""The organization: what Port's clients ask about the account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.storage.tokens import ORGANIZATION_ID

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call
    from falcoport.sandbox.state import State

router = Router()


@router.read("GET", "/v1/organization")
def get_organization(_state: State, _call: Call) -> Answer:
    """Show the account's name and features."""
    return ok(organization={"id": ORGANIZATION_ID, "name": "falcoport sandbox", "featureFlags": []})
