"""Searching entities: in one blueprint, in the whole catalog, and by where they came from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from falcoport.sandbox import errors, schemas
from falcoport.sandbox.http.entity_fields import (
    leave_out_computed,
    requested_fields,
    with_titles,
)
from falcoport.sandbox.http.routing import Answer, Router, ok
from falcoport.sandbox.storage.fields import Fields
from falcoport.sandbox.storage.moments import is_before
from falcoport.sandbox.validation import check_encodable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from falcoport.sandbox.http.routing import Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.search import Candidate

router = Router()

_PAGE = 500
_SEARCH_PAGE = 200
"""How many entities a page of a search has unless asked otherwise (Port API)."""
_ANYTHING: Document = {"combinator": "and", "rules": []}
_CURSOR_DIGITS = 19


@router.read("POST", "/v1/blueprints/{blueprint}/entities/search", schemas.BLUEPRINT_SEARCH)
async def search_blueprint(state: State, call: Call) -> Answer:
    """Give a page of the entities of one blueprint that match."""
    body = call.body
    check_encodable(body)
    limit = int(body.get("limit", _SEARCH_PAGE))
    query = body.get("query") or _ANYTHING
    found: list[Candidate] = []
    blueprint = state.blueprints.get(call.path["blueprint"])
    after = _cursor(body.get("from"))
    fields = Fields(body.get("include", ()), body.get("exclude", ()))
    # One more than is asked for shows whether there is a next page.
    size = max(limit + 1, _PAGE)
    async for page in state.search.pages(blueprint, query, after, size=size, fields=fields):
        found += page
        if len(found) > limit:
            break
        await asyncio.sleep(0)
    entities = leave_out_computed(state, call, [one.shown for one in found[:limit]])
    shown = [fields.select(entity) for entity in entities]
    if len(found) > limit:
        return ok(entities=shown, next=str(found[limit - 1].row.key))
    return ok(entities=shown)


@router.read("POST", "/v1/entities/search", schemas.SEARCH)
def search_catalog(state: State, call: Call) -> Answer:
    """Give all entities of the catalog that match."""
    check_encodable(call.body)
    body: Document = {"ok": True, "matchingBlueprints": []}
    return Answer(body=body, entities=_matches(state, call, body["matchingBlueprints"]))


async def _matches(state: State, call: Call, matching: list[str]) -> AsyncIterator[list[Document]]:
    fields = requested_fields(call)
    for blueprint in state.search.blueprints_of(call.body):
        async for page in state.search.pages(blueprint, call.body):
            if page and blueprint.identifier not in matching:
                matching.append(blueprint.identifier)
            shown = [candidate.shown for candidate in page]
            shown = leave_out_computed(state, call, shown)
            titled = with_titles(state, call, blueprint, shown)
            yield [fields.select(entity) for entity in titled]


@router.read("POST", "/v1/blueprints/entities/datasource-entities", schemas.DATASOURCE_SEARCH)
async def search_datasource(state: State, call: Call) -> Answer:
    """Give the entities that came from a source, as Port's integrations ask.

    Ocean pages by 5,000 and may ask for those last changed before a moment; the Kubernetes
    exporter asks for all at once, without a limit, and does not read `next` (both 2026-08).
    """
    prefix = call.body.get("datasource_prefix", "")
    suffix = call.body.get("datasource_suffix", "")
    limit = call.body.get("limit")
    before = call.body.get("before")
    after = _cursor(call.body.get("from"))
    found: list[Document] = []
    while rows := state.entities.page_of_all(after, _PAGE):
        for row in rows:
            after = row.key
            source = row.document.get("datasource", "")
            if not (source and source.startswith(prefix) and source.endswith(suffix)):
                continue
            if before is not None and not is_before(row.document["updatedAt"], before):
                continue
            blueprint = state.blueprints.by_key(row.blueprint).identifier
            found.append({"identifier": row.identifier, "blueprint": blueprint})
            if limit is not None and len(found) >= limit:
                return ok(entities=found, next=str(after))
        await asyncio.sleep(0)
    return ok(entities=found)


def _cursor(given: Any) -> int:
    if given is None:
        return 0
    text = str(given)
    if not (text.isascii() and text.isdigit() and len(text) < _CURSOR_DIGITS):
        raise errors.invalid('"from" is not what an answer gave as "next"')
    return int(text)
