"""The page "Falco": numbers, charts and the newest alerts or findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.commands.extras.subject import Parts, Subject, rename
from falcoport.manifests.loading import load_document
from falcoport.manifests.page import PAGE
from falcoport.resources.columns import Columns
from falcoport.resources.interface import Key
from falcoport.resources.layout import walk
from falcoport.resources.page import Page, fit_page

if TYPE_CHECKING:
    from falcoport.json_types import Json
    from falcoport.resources.interface import Catalog

_GUIDE = ("pages", "falco.yaml")
_STANDARD = ("pages", "standard", "falco.yaml")
_FINDING = ("pages", "findings", "falco.yaml")
_ENTITY_PAGE = "Entity"
"""What the page of one entity has behind its blueprint's name (Terraform provider, 2026-08)."""
_PAGES: tuple[tuple[str, ...], ...] = (_GUIDE, _STANDARD, _FINDING)


def build_dashboard(subject: Subject, catalog: Catalog) -> Parts:
    """Return the page that fits what a set-up is about, and columns. Raise ManifestError."""
    bodies = {path: load_document(PAGE, *path).body for path in _PAGES}
    body = rename(bodies[_choose(subject)], subject.shipped_name, subject.identifier)
    fitted = fit_page(body, subject.blueprint)
    retired = {name for one in bodies.values() for name in _widget_ids(one)} - _widget_ids(fitted)
    columns = [
        one
        for about in (subject, subject.alerts)
        if about is not None
        for one in _build_columns(about, bodies[_choose(about)], catalog)
    ]
    return Parts((Page(fitted, retired=frozenset(retired)), *columns))


def _choose(subject: Subject) -> tuple[str, ...]:
    if subject.is_finding:
        return _FINDING
    return _STANDARD if subject.has_status else _GUIDE


def _build_columns(subject: Subject, shipped: Json, catalog: Catalog) -> list[Columns]:
    """Return the columns of the pages that Port makes: those of the dashboard's table.

    A page that somebody deleted does not come back.
    """
    name = subject.identifier
    body = fit_page(rename(shipped, subject.shipped_name, name), subject.blueprint)
    table = next(
        widget["blueprintConfig"][name]
        for widget in walk(body["widgets"])
        if name in (widget.get("blueprintConfig") or {})
    )
    order = tuple(table["propertiesSettings"]["shown"])
    is_new = catalog.get(Key("blueprint", name)) is None
    parts = [
        Columns(page, name, table, order)
        for page in (name_catalog_page(name), f"{name}{_ENTITY_PAGE}")
    ]
    return [part for part in parts if is_new or catalog.get(part.key) is not None]


def name_catalog_page(blueprint: str) -> str:
    """Return the identifier of the page that Port makes for a blueprint.

    It is the blueprint's with an `s` appended, unless it ends in one (Terraform provider, its
    acceptance test of catalog pages, 2026-08).
    """
    return f"{blueprint.removesuffix('s')}s"


def _widget_ids(body: Json) -> set[str]:
    return {str(widget["id"]) for widget in walk(body["widgets"])}
