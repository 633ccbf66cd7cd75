"""Kafka credentials, which the sandbox has none of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.errors import ApiError
from falcoport.sandbox.http.routing import Router

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call
    from falcoport.sandbox.state import State

router = Router()


@router.read("GET", "/v1/kafka-credentials")
def get_credentials(_state: State, _call: Call) -> Answer:
    """Refuse: there is no Kafka behind the sandbox."""
    raise ApiError(
        404,
        "not_found",
        "The sandbox has no Kafka: changelog destinations and agents of type KAFKA get nothing; "
        "use polling instead",
    )
