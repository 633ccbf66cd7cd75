"""Texts: Markdown, links, frames of other sites, the details of one entity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.web.markdown import is_safe_address, render_markdown
from falcoport.sandbox.web.records import short_name
from falcoport.sandbox.web.rows import build_relations

if TYPE_CHECKING:
    from falcoport.sandbox.web.site import Document
    from falcoport.sandbox.web.widgets.scope import Scope


async def build_markdown(scope: Scope, widget: Document) -> Document:
    """Return a text: the widget's own, or that of an entity's property."""
    text = widget.get("markdown") or ""
    if widget.get("source") == "property":
        about = {"blueprint": widget["blueprintIdentifier"], "entity": widget["entityIdentifier"]}
        _, entity = scope.entity_of(about)
        text = entity["properties"].get(short_name(widget["propertyIdentifier"])) or ""
    return {
        "shape": "markdown",
        "html": render_markdown(str(text)),
        "is_empty": not str(text).strip(),
    }


async def build_links(_desk: Scope, widget: Document) -> Document:
    """Return the links that a browser may follow; others are shown as text."""
    links = [
        {
            "title": link["title"],
            "description": link.get("description"),
            "url": link["url"] if is_safe_address(link["url"]) else None,
        }
        for link in widget.get("links") or ()
    ]
    return {"shape": "links", "links": links, "is_empty": not links}


async def build_frame(_desk: Scope, widget: Document) -> Document:
    """Return the address of another site's page: these pages load nothing from elsewhere."""
    url = str(widget.get("url") or "")
    return {"shape": "frame", "url": url if is_safe_address(url) else None, "address": url}


async def build_details(scope: Scope, widget: Document) -> Document:
    """Return the values of one entity."""
    blueprint, entity = scope.entity_of(widget)
    schema = blueprint.document["schema"]["properties"]
    order = [short_name(name) for name in widget.get("order") or ()]
    hidden = {short_name(name) for name in widget.get("hiddenQuery") or ()}
    names = [name for name in dict.fromkeys([*order, *schema]) if name in schema]
    values = [
        (schema[name].get("title") or name, entity["properties"].get(name))
        for name in names
        if name not in hidden
    ]
    if not widget.get("showEmptyValues", True):
        values = [(title, value) for title, value in values if value not in (None, "", [], {})]
    return {
        "shape": "details",
        "values": values,
        "relations": [
            one for one in build_relations(blueprint, entity) if one["name"] not in hidden
        ],
        "blueprint": blueprint.identifier,
        "entity": entity["identifier"],
    }
