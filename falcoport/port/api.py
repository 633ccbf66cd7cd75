"""Port's REST API: one method per call, JSON objects in and out, answers checked for their shape.

Paths and envelopes: Port API reference, 2026-01 (a webhook's answer comes under `integration`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from falcoport.errors import UnexpectedAnswerError
from falcoport.port.errors import NotFoundError, UnknownOutcomeError
from falcoport.urls import find_webhook_url_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from falcoport.json_types import Json
    from falcoport.port.transport import Transport

Path = Sequence[str]

_BLUEPRINT_KEYS = {"identifier": str, "title": str, "schema": dict, "createdAt": str}
_WEBHOOK_KEYS = {"identifier": str, "title": str, "url": str}
# What may hold other people's additions, and is sent whole when it changes.
_BLUEPRINT_PARTS = (
    "relations",
    "mirrorProperties",
    "calculationProperties",
    "aggregationProperties",
)
_WEBHOOK_PARTS = ("mappings",)
_SHOWN_URL = 80
_ENTITY_KEYS = {"identifier": str, "properties": dict, "relations": dict}


_FAILURES = 50


@dataclass(frozen=True)
class AuditFailure:
    """One failure in the audit log: of which resource, called what, and why."""

    resource: str
    identifier: str
    message: str


def _read_failure(entry: Json) -> AuditFailure | None:
    if str(entry.get("status") or "FAILURE").upper() != "FAILURE":
        return None
    message = next(
        (
            found
            for found in (entry.get("message"), entry.get("additionalData"), entry.get("error"))
            if found
        ),
        None,
    )
    if message is None:
        return None
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    context = entry.get("context")
    entity = context.get("entity") if isinstance(context, dict) else None
    identifier = entry.get("identifier") or entity or ""
    return AuditFailure(str(entry.get("resourceType") or ""), str(identifier), text)


class PortApi:
    """What falcoport asks of Port. Raises what `Transport` raises, and as said per method."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        # The parts that the last answer about a blueprint did not have, by its path.
        self._absent_parts: dict[str, tuple[str, ...]] = {}

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

    def list_all(
        self, path: Path, envelopes: Path, query: Mapping[str, Any] | None = None
    ) -> list[Json]:
        """Return the list that an answer holds under one of the keys `envelopes`."""
        return self._list(_path(*path), tuple(envelopes), query)

    def ask(self, path: Path, *, body: Any = None, query: Mapping[str, Any] | None = None) -> Json:
        """Return the whole answer to a request that changes nothing: a GET, or a POST of `body`."""
        return self._transport.read(_path(*path), body=body, query=query)

    def send(self, method: str, path: Path, body: Any) -> Json:
        """Send a write whose answer does not hold the object; raise as `write`."""
        return self._transport.write(method, _path(*path), body=body)

    def write(
        self, method: str, path: Path, body: Json, envelope: str, keys: Mapping[str, type]
    ) -> Json:
        """Create or change an object and return it as Port then has it.

        Raise TakenError if it exists, UnknownOutcomeError if only reading can tell the outcome.
        """
        answer = self._transport.write(method, _path(*path), body=body)
        return self._read_written(answer, envelope, keys, f"{method} {_path(*path)}")

    def delete(self, path: Path) -> None:
        """Delete what `path` names; NotFoundError if it is gone, DependentsError if needed."""
        self._transport.write("DELETE", _path(*path))

    def blueprint(self, identifier: str) -> Json | None:
        """Return a blueprint, or None if Port has none of that identifier."""
        path = _path("blueprints", identifier)
        found = self._get(path, "blueprint", _BLUEPRINT_KEYS)
        self._absent_parts[path] = _absent_parts(found, _BLUEPRINT_PARTS)
        return found

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
        return self._read_written(answer, "blueprint", _BLUEPRINT_KEYS, "POST /v1/blueprints")

    def update_blueprint(self, identifier: str, body: Json) -> Json:
        """Replace the given top-level keys of a blueprint and return it whole.

        Raises UnexpectedAnswerError instead of overwriting what its last answer lost.
        """
        path = _path("blueprints", identifier)
        self._keep_lost_parts(path, identifier, body)
        answer = self._transport.write("PATCH", path, body=body)
        return self._read_written(answer, "blueprint", _BLUEPRINT_KEYS, f"PATCH {path}")

    def delete_blueprint(self, identifier: str) -> None:
        """Delete a blueprint; NotFoundError if it is gone, DependentsError if others need it."""
        path = _path("blueprints", identifier)
        self._keep_lost_parts(path, identifier)
        self._transport.write("DELETE", path)

    def webhook(self, identifier: str) -> Json | None:
        """Return a webhook, or None if Port has none of that identifier."""
        path = _path("webhooks", identifier)
        found = self._get(path, "integration", _WEBHOOK_KEYS)
        # One without mappings does nothing, so there is hardly any: the list is asked at once.
        absent = _absent_parts(found, _WEBHOOK_PARTS)
        _refuse_lost_parts(path, identifier, absent, self.webhooks)
        if found is not None:
            _check_webhook_url(found, f"GET {path}")
        return found

    def create_webhook(self, body: Json) -> Json:
        """Create a webhook and return it with its URL; TakenError if it exists."""
        answer = self._transport.write("POST", "/v1/webhooks", body=body)
        return self._read_written(answer, "integration", _WEBHOOK_KEYS, "POST /v1/webhooks")

    def update_webhook(self, identifier: str, body: Json) -> Json:
        """Replace the given top-level keys of a webhook and return it whole."""
        path = _path("webhooks", identifier)
        answer = self._transport.write("PATCH", path, body=body)
        return self._read_written(answer, "integration", _WEBHOOK_KEYS, f"PATCH {path}")

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
            raise _make_unexpected(f"GET {path}", "no count")
        return count

    def upsert_entities(self, blueprint: str, entities: Sequence[Json]) -> list[Json]:
        """Create or change up to 20 entities, each by itself; return what Port refused.

        Each refusal has the `index` in `entities`, a `statusCode` and a `message`. Merging twice
        is merging once, so after an UnknownOutcomeError the same call may be made again.
        """
        path = _path("blueprints", blueprint, "entities", "bulk")
        answer = self._transport.write(
            "POST",
            path,
            body={"entities": list(entities)},
            query={"upsert": "true", "merge": "true"},
        )
        refused = answer.get("errors") or []
        if not isinstance(refused, list) or not all(
            isinstance(one, dict) and isinstance(one.get("index"), int) for one in refused
        ):
            raise _make_unexpected(f"POST {path}", "errors without their index")
        return refused

    def delete_entities(self, blueprint: str, identifiers: Sequence[str]) -> None:
        """Delete up to 100 entities, all or none of them.

        Raises NotFoundError if one is gone, DependentsError if others need one.
        """
        path = _path("blueprints", blueprint, "bulk", "entities", "delete")
        self._transport.write(
            "POST",
            path,
            body={"entities": list(identifiers)},
            query={"delete_dependents": "false"},
        )

    def search_entities(self, blueprint: str, body: Json) -> tuple[list[Json], Any]:
        """Return one page of a blueprint's entities and what to send as `from` for the next.

        `body` is Port's search request: `query`, and optionally `include`, `limit`, `from`.
        The second value is None on the last page. Raises NotFoundError without the blueprint.
        """
        path = _path("blueprints", blueprint, "entities", "search")
        answer = self._transport.read(path, body=body)
        entities = answer.get("entities")
        if not isinstance(entities, list) or not all(isinstance(e, dict) for e in entities):
            raise _make_unexpected(f"POST {path}", "no list of entities")
        return entities, answer.get("next")

    def entities(self, blueprint: str, *, exclude: Sequence[str] = ()) -> list[Json]:
        """Return every entity of a blueprint in one answer, without the properties to `exclude`.

        Raises NotFoundError without the blueprint.
        """
        path = _path("blueprints", blueprint, "entities")
        found = self._transport.read(path, query={"exclude": list(exclude)}).get("entities")
        if not isinstance(found, list) or not all(isinstance(e, dict) for e in found):
            raise _make_unexpected(f"GET {path}", "no list of entities")
        return found

    def webhook_failures(self, webhook: str, since: datetime) -> list[AuditFailure]:
        """Return what Port's audit log says of a webhook's failures since then, newest first.

        Port publishes the parameters but not the answer, so any list of objects in it will do, and
        one that says nothing is left out. Only an administrator may ask.
        """
        query = {
            "webhookId": webhook,
            "status": "FAILURE",
            "from": since.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "limit": _FAILURES,
        }
        answer = self._transport.read(_path("audit-log"), query=query)
        lists = (value for value in answer.values() if isinstance(value, list))
        entries = [entry for found in lists for entry in found if isinstance(entry, dict)]
        failures = (_read_failure(entry) for entry in entries)
        return [failure for failure in failures if failure is not None]

    def delete_all_entities(self, blueprint: str) -> None:
        """Start the removal of all entities of a blueprint; Port goes on with it by itself."""
        self._transport.write("DELETE", _path("blueprints", blueprint, "all-entities"))

    def _get(self, path: str, envelope: str, keys: Mapping[str, type]) -> Json | None:
        try:
            answer = self._transport.read(path)
        except NotFoundError:
            return None
        return _content(answer, envelope, keys, f"GET {path}")

    def _keep_lost_parts(self, path: str, identifier: str, body: Json | None = None) -> None:
        """Raise UnexpectedAnswerError if a write would take away what the last answer had lost.

        Port leaves out what is empty, so an answer without relations says that there are none; one
        that lost them on its way says the same. What was planned from it would send that part
        whole, or delete the blueprint, and the part would be gone for good. Port's list tells the
        two apart, and is asked only here, where it matters: a read, and a run that changes nothing,
        do without that round trip. `body` is the update's, None for a deletion.
        """
        absent = self._absent_parts.get(path, ())
        at_stake = tuple(part for part in absent if body is None or part in body)
        _refuse_lost_parts(path, identifier, at_stake, self.blueprints)

    def _list(
        self, path: str, envelopes: tuple[str, ...], query: Mapping[str, Any] | None = None
    ) -> list[Json]:
        answer = self._transport.read(path, query=query)
        found = next((answer[key] for key in envelopes if key in answer), None)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise _make_unexpected(f"GET {path}", f"no list of {envelopes[0]}")
        return found

    @staticmethod
    def _read_written(answer: Json, envelope: str, keys: Mapping[str, type], where: str) -> Json:
        """Check a write's answer; a strange one leaves the outcome to be read back."""
        try:
            content = _content(answer, envelope, keys, where)
            if keys is _WEBHOOK_KEYS:
                _check_webhook_url(content, where)
        except UnexpectedAnswerError as error:
            raise UnknownOutcomeError(error.message, where=where, hint=error.hint) from None
        return content


def _content(answer: Json, envelope: str, keys: Mapping[str, type], where: str) -> Json:
    content = answer.get(envelope)
    if not isinstance(content, dict):
        raise _make_unexpected(where, f"no {envelope}")
    for key, kind in keys.items():
        if not isinstance(content.get(key), kind):
            raise _make_unexpected(where, f"a {envelope} without its {key}")
    return content


def _check_webhook_url(webhook: Json, where: str) -> None:
    """Raise UnexpectedAnswerError for a URL that must neither be shown as one nor posted to."""
    url = webhook["url"]
    problem = find_webhook_url_problem(url)
    if problem:
        seen = ascii(url if len(url) <= _SHOWN_URL else f"{url[:_SHOWN_URL]}…")
        raise UnexpectedAnswerError(
            f"The URL of webhook {webhook['identifier']!r} in Port's answer cannot be used: "
            f"{problem}. It is {seen}.",
            where=where,
            code="bad_webhook_url",
            hint="Nothing was posted to it. Look at the webhook in Port, and check that the API "
            "URL is Port's.",
        )


def _absent_parts(found: Json | None, parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(part for part in parts if found is not None and found.get(part) is None)


def _refuse_lost_parts(
    path: str, identifier: str, absent: Sequence[str], list_all: Callable[[], list[Json]]
) -> None:
    """Raise UnexpectedAnswerError if Port's list has a part that its answer did not have."""
    if not absent:
        return
    listed = next((one for one in list_all() if one.get("identifier") == identifier), {})
    lost = [part for part in absent if listed.get(part)]
    if lost:
        raise _make_unexpected(f"GET {path}", f"no {', '.join(lost)} of {identifier}")


def _make_unexpected(where: str, what: str) -> UnexpectedAnswerError:
    return UnexpectedAnswerError(
        f"Port's answer is incomplete: {what}.",
        where=where,
        hint="Run the same command again; if it stays, check that the API URL is Port's.",
    )


def _path(*parts: str) -> str:
    # Identifiers may hold `/`, `:` and more, so nothing is left unescaped (Port's own clients
    # escape path parameters as well).
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)
