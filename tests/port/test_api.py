"""What the API makes of answers that lost a part on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from falcoport.errors import UnexpectedAnswerError
from falcoport.port.api import PortApi
from falcoport.port.transport import Transport
from falcoport.settings import SettingOptions, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = resolve(
    SettingOptions(api_url="https://port.example"),
    {"PORT_CLIENT_ID": "id", "PORT_CLIENT_SECRET": "secret-4711"},
)
BARE = {"identifier": "x", "title": "X", "schema": {}, "createdAt": "2026-01-01T00:00:00.000Z"}
RELATIONS = {"owner": {"target": "team"}}


class Port:
    """A Port whose answer about blueprint `x` lacks its relations, and whose list says `listed`."""

    def __init__(self, listed: dict[str, Any]) -> None:
        self.listed = listed
        self.seen: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/v1/auth/access_token":
            return httpx.Response(200, json={"ok": True, "accessToken": "t"})
        self.seen.append(f"{request.method} {path}")
        if path == "/v1/blueprints":
            return httpx.Response(200, json={"ok": True, "blueprints": [BARE | self.listed]})
        return httpx.Response(200, json={"ok": True, "blueprint": BARE})

    def api(self) -> PortApi:
        """Return a client that has read the blueprint."""
        api = PortApi(Transport(SETTINGS, transport=httpx.MockTransport(self)))
        assert api.blueprint("x") == BARE
        assert self.seen == ["GET /v1/blueprints/x"]
        return api


@pytest.mark.parametrize(
    "write",
    [
        lambda api: api.update_blueprint("x", {"title": "Y", "relations": {}}),
        lambda api: api.delete_blueprint("x"),
    ],
    ids=["update", "delete"],
)
def test_a_part_that_only_the_answer_lost_is_never_taken_away(
    write: Callable[[PortApi], Any],
) -> None:
    port = Port({"relations": RELATIONS})
    api = port.api()
    with pytest.raises(UnexpectedAnswerError, match="no relations of x"):
        write(api)
    assert port.seen[1:] == ["GET /v1/blueprints"]


def test_a_part_that_is_not_there_is_written() -> None:
    port = Port({})
    port.api().update_blueprint("x", {"relations": RELATIONS})
    assert port.seen[1:] == ["GET /v1/blueprints", "PATCH /v1/blueprints/x"]


def test_an_update_of_something_else_asks_for_no_list() -> None:
    port = Port({"relations": RELATIONS})
    port.api().update_blueprint("x", {"title": "Y"})
    assert port.seen[1:] == ["PATCH /v1/blueprints/x"]
