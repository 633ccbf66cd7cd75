"""Access tokens: a client id and secret for a token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox import schemas
from falcoport.sandbox.http.routing import Answer, Router

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Call
    from falcoport.sandbox.state import State

router = Router()


@router.public("POST", "/v1/auth/access_token", schemas.TOKEN)
def create_token(state: State, call: Call) -> Answer:
    """Exchange a client id and secret for a token."""
    return Answer(body=state.tokens.issue(call.body["clientId"], call.body["clientSecret"]))
