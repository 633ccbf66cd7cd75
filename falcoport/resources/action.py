"""An action of Port: a button that people press, or an automation that starts by itself.

Requests and fields: Port API reference, 2026-01. A PUT replaces an action whole, so that what
others added to it is sent along.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.errors import Problem
from falcoport.manifests.action import SENT_KEYS
from falcoport.port.errors import NotFoundError
from falcoport.resources.interface import Key, Resource
from falcoport.resources.merging import merge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcoport.json_types import Json
    from falcoport.port.api import PortApi

_KEYS = {"identifier": str, "trigger": dict, "invocationMethod": dict}
_ENVELOPE = "action"


@dataclass(frozen=True)
class Action(Resource):
    """What one action must be; `body` is as in a manifest.

    `own_blueprints` are those that it was about under other options. `secret` is what it sends
    along, None for nothing.
    """

    kind = "action"
    keep_hint = "Change it in Port first."

    body: Json
    own_blueprints: tuple[str, ...] = ()
    secret: str | None = None

    @property
    def key(self) -> Key:
        """See Part."""
        return Key(self.kind, self.body["identifier"])

    @property
    def follows(self) -> tuple[Key, ...]:
        """The blueprint that it is about, and the secret that it sends along."""
        secret = () if self.secret is None else (Key("secret", self.secret),)
        return (Key("blueprint", find_blueprint(self.body)), *secret)

    @classmethod
    def read(cls, api: PortApi, key: Key) -> Json | None:
        """See Resource."""
        return api.find(("actions", key.identifier), _ENVELOPE, _KEYS)

    @classmethod
    def list_all(cls, api: PortApi) -> list[Json]:
        """See Resource."""
        return api.list_all(("actions",), ("actions",))

    @classmethod
    def create(cls, api: PortApi, key: Key, body: Json) -> Json:  # noqa: ARG003 -- it is in the body
        """See Resource."""
        return api.write("POST", ("actions",), body, _ENVELOPE, _KEYS)

    @classmethod
    def update(cls, api: PortApi, key: Key, body: Json) -> Json:
        """See Resource: Port takes it whole, so what does not change is read right before."""
        live = cls.read(api, key)
        if live is None:
            raise NotFoundError(f"There is no {key} left.", where=str(key))
        whole = {name: one for name, one in live.items() if name in SENT_KEYS}
        path = ("actions", key.identifier)
        return api.write("PUT", path, {**whole, **body}, _ENVELOPE, _KEYS)

    @classmethod
    def delete(cls, api: PortApi, key: Key) -> None:
        """See Resource."""
        api.delete(("actions", key.identifier))

    @classmethod
    def find_references(cls, body: Json, to: Key) -> Iterator[str]:
        """Say that an action is about a blueprint, or sends a secret along."""
        name = f"action {body.get('identifier')!r}"
        if to.kind == "blueprint":
            written = (body.get("invocationMethod") or {}).get("blueprintIdentifier")
            if to.identifier in (find_blueprint(body), written):
                yield f"{name} is about it"
        elif to.kind == "secret" and f".secrets.{to.identifier} " in json.dumps(body):
            yield f"{name} sends it along"

    def merge(self, live: Json | None) -> Json:
        """See Resource."""
        return self.body if live is None else merge(live, self.body)

    def find_conflicts(self, live: Json | None) -> Iterator[Problem]:
        """Refuse to change an action of the same identifier that somebody else made."""
        if live is None or self._is_own(live):
            return
        yield Problem(
            "conflict",
            f"Port has an action {self.key.identifier!r} that falcoport did not make; nothing was "
            "written.",
            str(self.key),
            "Rename or remove it in Port first.",
        )

    def remove_own(self, live: Json) -> Json | None:
        """See Resource: one of somebody else stays."""
        return None if self._is_own(live) else live

    def describe_rest(self, rest: Json) -> str:  # noqa: ARG002 -- it is the same for all
        """See Resource."""
        return "somebody else's stays"

    def _is_own(self, live: Json) -> bool:
        return (
            live["trigger"].get("type") == self.body["trigger"]["type"]
            and live["invocationMethod"].get("type") == self.body["invocationMethod"]["type"]
            and find_blueprint(live) in (find_blueprint(self.body), *self.own_blueprints)
        )


def find_blueprint(body: Json) -> str:
    """Return the blueprint that an action is about; empty for none."""
    trigger = body.get("trigger") or {}
    return str((trigger.get("event") or trigger).get("blueprintIdentifier") or "")
