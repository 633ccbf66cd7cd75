"""Port's REST API: one method per call, JSON objects in and out, answers checked for their shape.

Paths and envelopes: Port API reference, 2026-01 (a webhook's answer comes under `integration`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from falcoport.errors import PortError, UnexpectedAnswerError
from falcoport.port.transport import NotFoundError, Transport, UnknownOutcomeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]
Path = Sequence[str]

_BLUEPRINT_KEYS = {"identifier": str, "title": str, "schema": dict, "createdAt": str}
_WEBHOOK_KEYS = {"identifier": str, "title": str, "url": str}
# What holds other people's additions, and is sent whole when it changes.
_BLUEPRINT_MAPS = ("relations",)
_WEBHOOK_MAPS = ("mappings",)
_ENTITY_KEYS = {"identifier": str, "properties": dict, "relations": dict}


class PortApi:
    """What falcoport asks of Port. Raises what `Transport` raises, and as said per method."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def authenticate(self) -> None:
        """Fetch the token now, so that calls made together do not wait for it one by one."""
        self._transport.authenticate()

    def close(self) -> None:
        """Give up the connections."""
        self._transport.close()

    def find(self, path: Path, envelope: str, keys: Mapping[str, type]) -> Json | None:
        """Return the object that `path` names, or None where Port says that there is none.

        `path` are the parts behind `/v1`, not yet escaped; `envelope` is the answer's key that
        holds the object, `keys` what the object must hold, with their JSON types in Python.
        """
        return self._get(_path(*path), envelope, keys)

    def list_all(self, path: Path, envelopes: Path) -> list[Json]:
        """Return the list that an answer holds under one of the keys `envelopes`."""
        return self._list(_path(*path), tuple(envelopes))

    def write(
        self, method: str, path: Path, body: Json, envelope: str, keys: Mapping[str, type]
    ) -> Json:
        """Create or change an object and return it as Port then has it.

        Raise TakenError if it exists, UnknownOutcomeError if only reading can tell the outcome.
        """
        answer = self._transport.write(method, _path(*path), body=body)
        return self._written(answer, envelope, keys, f"{method} {_path(*path)}")

    def delete(self, path: Path) -> None:
        """Delete what `path` names; NotFoundError if it is gone, DependentsError if needed."""
        self._transport.write("DELETE", _path(*path))

    def blueprint(self, identifier: str) -> Json | None:
        """Return a blueprint, or None if Port has none of that identifier."""
        found = self._get(_path("blueprints", identifier), "blueprint", _BLUEPRINT_KEYS)
        return self._whole(found, _BLUEPRINT_MAPS, self.blueprints)

    def blueprints(self) -> list[Json]:
        """Return every blueprint."""
        return self._list("/v1/blueprints", ("blueprints",))

    def webhooks(self) -> list[Json]:
        """Return every webhook."""
        # Clients of Port disagree on the key of this list, and Port's reference gives none.
        return self._list("/v1/webhooks", ("integrations", "webhooks"))

    def create_blueprint(self, body: Json) -> Json:
        """Create a blueprint and return it; TakenError if it exists."""
        answer = self._transport.write("POST", "/v1/blueprints", body=body)
        return self._written(answer, "blueprint", _BLUEPRINT_KEYS, "POST /v1/blueprints")

    def update_blueprint(self, identifier: str, body: Json) -> Json:
        """Replace the given top-level keys of a blueprint and return it whole."""
        path = _path("blueprints", identifier)
        answer = self._transport.write("PATCH", path, body=body)
        return self._written(answer, "blueprint", _BLUEPRINT_KEYS, f"PATCH {path}")

    def delete_blueprint(self, identifier: str) -> None:
        """Delete a blueprint; NotFoundError if it is gone, DependentsError if others need it."""
        self._transport.write("DELETE", _path("blueprints", identifier))

    def webhook(self, identifier: str) -> Json | None:
        """Return a webhook, or None if Port has none of that identifier."""
        found = self._get(_path("webhooks", identifier), "integration", _WEBHOOK_KEYS)
        return self._whole(found, _WEBHOOK_MAPS, self.webhooks)

    def create_webhook(self, body: Json) -> Json:
        """Create a webhook and return it with its URL; TakenError if it exists."""
        answer = self._transport.write("POST", "/v1/webhooks", body=body)
        return self._written(answer, "integration", _WEBHOOK_KEYS, "POST /v1/webhooks")

    def update_webhook(self, identifier: str, body: Json) -> Json:
        """Replace the given top-level keys of a webhook and return it whole."""
        path = _path("webhooks", identifier)
        answer = self._transport.write("PATCH", path, body=body)
        return self._written(answer, "integration", _WEBHOOK_KEYS, f"PATCH {path}")

    def delete_webhook(self, identifier: str) -> None:
        """Delete a webhook; NotFoundError if it is gone."""
        self._transport.write("DELETE", _path("webhooks", identifier))

    def entity(self, blueprint: str, identifier: str) -> Json | None:
        """Return an entity, or None if the catalog has none of that identifier."""
        path = _path("blueprints", blueprint, "entities", identifier)
        return self._get(path, "entity", _ENTITY_KEYS)

    def upsert_entity(self, blueprint: str, body: Json) -> None:
        """Create an entity, or change the given fields of the one there is."""
        self._transport.write(
            "POST",
            _path("blueprints", blueprint, "entities"),
            body=body,
            query={"upsert": "true", "merge": "true"},
        )

    def delete_entity(self, blueprint: str, identifier: str) -> None:
        """Delete an entity; NotFoundError if it is gone."""
        self._transport.write("DELETE", _path("blueprints", blueprint, "entities", identifier))

    def entities_count(self, blueprint: str) -> int | None:
        """Return how many entities a blueprint has; None if there is no such blueprint."""
        path = _path("blueprints", blueprint, "entities-count")
        try:
            answer = self._transport.read(path)
        except NotFoundError:
            return None
        count = answer.get("count")
        if not isinstance(count, int):
            raise _unexpected(f"GET {path}", "no count")
        return count

    def search_entities(self, blueprint: str, body: Json) -> tuple[list[Json], Any]:
        """Return one page of a blueprint's entities and what to send as `from` for the next.

        `body` is Port's search request: `query`, and optionally `include`, `limit`, `from`.
        The second value is None on the last page. Raises NotFoundError without the blueprint.
        """
        path = _path("blueprints", blueprint, "entities", "search")
        answer = self._transport.read(path, body=body)
        entities = answer.get("entities")
        if not isinstance(entities, list) or not all(isinstance(e, dict) for e in entities):
            raise _unexpected(f"POST {path}", "no list of entities")
        return entities, answer.get("next")

    def entities(self, blueprint: str, *, exclude: Sequence[str] = ()) -> list[Json]:
        """Return every entity of a blueprint in one answer, without the properties to `exclude`.

        Raises NotFoundError without the blueprint.
        """
        path = _path("blueprints", blueprint, "entities")
        found = self._transport.read(path, query={"exclude": list(exclude)}).get("entities")
        if not isinstance(found, list) or not all(isinstance(e, dict) for e in found):
            raise _unexpected(f"GET {path}", "no list of entities")
        return found

    def delete_all_entities(self, blueprint: str) -> None:
        """Start the removal of all entities of a blueprint; Port goes on with it by itself."""
        self._transport.write("DELETE", _path("blueprints", blueprint, "all-entities"))

    def _get(self, path: str, envelope: str, keys: Mapping[str, type]) -> Json | None:
        try:
            answer = self._transport.read(path)
        except NotFoundError:
            return None
        return _content(answer, envelope, keys, f"GET {path}")

    @staticmethod
    def _whole(
        found: Json | None, keys: Sequence[str], listed: Callable[[], list[Json]]
    ) -> Json | None:
        """Return what was found, unless its answer lost a part that Port's list still has.

        Port leaves out what is empty, and updates send these parts whole: one that only its answer
        lacks would be lost for good.
        """
        missing = [key for key in keys if found is not None and found.get(key) is None]
        if found is None or not missing:
            return found
        identifier = found["identifier"]
        other = next((one for one in listed() if one.get("identifier") == identifier), {})
        lost = [key for key in missing if other.get(key)]
        if lost:
            raise _unexpected(f"GET {identifier}", f"no {', '.join(lost)} of {identifier}")
        return found

    def _list(self, path: str, envelopes: tuple[str, ...]) -> list[Json]:
        answer = self._transport.read(path)
        found = next((answer[key] for key in envelopes if key in answer), None)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise _unexpected(f"GET {path}", f"no list of {envelopes[0]}")
        return found

    @staticmethod
    def _written(answer: Json, envelope: str, keys: Mapping[str, type], where: str) -> Json:
        """Check a write's answer; a strange one leaves the outcome to be read back."""
        try:
            return _content(answer, envelope, keys, where)
        except UnexpectedAnswerError as error:
            raise UnknownOutcomeError(error.message, where=where, hint=error.hint) from None


def _content(answer: Json, envelope: str, keys: Mapping[str, type], where: str) -> Json:
    content = answer.get(envelope)
    if not isinstance(content, dict):
        raise _unexpected(where, f"no {envelope}")
    for key, kind in keys.items():
        if not isinstance(content.get(key), kind):
            raise _unexpected(where, f"a {envelope} without its {key}")
    return content


def _unexpected(where: str, what: str) -> UnexpectedAnswerError:
    return UnexpectedAnswerError(
        f"Port's answer is incomplete: {what}.",
        where=where,
        hint="Run the same command again; if it stays, check that the API URL is Port's.",
    )


def _path(*parts: str) -> str:
    # Identifiers may hold `/`, `:` and more, so nothing is left unescaped (Port's own clients
    # escape path parameters as well).
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make several calls at the same time and return their results in order.

    Raises the first failure in the order of `calls`. Daemon threads, so that Ctrl-C does not wait
    for an answer that never comes.
    """
    if len(calls) == 1:
        return [calls[0]()]
    outcomes: list[tuple[Any, BaseException | None]] = [(None, None)] * len(calls)

    def run(index: int) -> None:
        try:
            outcomes[index] = (calls[index](), None)
        except BaseException as error:  # noqa: BLE001 -- carried to the caller's thread
            outcomes[index] = (None, error)

    threads = [
        threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(calls))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _value, error in outcomes:
        if error is not None:
            raise error
    return [value for value, _error in outcomes]


__all__ = ["Json", "PortApi", "PortError", "together"]
