"""The page "Falco": numbers, charts and the newest alerts or findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.commands.extras.subject import Parts, Subject, rename
from falcoport.manifests.loading import load_document
from falcoport.manifests.page import PAGE
from falcoport.resources.layout import walk
from falcoport.resources.page import Page, fit_page

if TYPE_CHECKING:
    from falcoport.json_types import Json

_GUIDE = ("pages", "falco.yaml")
_STANDARD = ("pages", "standard", "falco.yaml")
_FINDING = ("pages", "findings", "falco.yaml")
_PAGES: tuple[tuple[str, ...], ...] = (_GUIDE, _STANDARD, _FINDING)


def build_dashboard(subject: Subject) -> Parts:
    """Return the page that fits what a set-up is about. Raise ManifestError."""
    bodies = {path: load_document(PAGE, *path).body for path in _PAGES}
    body = rename(bodies[_choose(subject)], subject.shipped_name, subject.identifier)
    fitted = fit_page(body, subject.blueprint)
    retired = {name for one in bodies.values() for name in _widget_ids(one)} - _widget_ids(fitted)
    return Parts((Page(fitted, retired=frozenset(retired)),))


def _choose(subject: Subject) -> tuple[str, ...]:
    if subject.is_finding:
        return _FINDING
    return _STANDARD if subject.has_status else _GUIDE


def _widget_ids(body: Json) -> set[str]:
    return {str(widget["id"]) for widget in walk(body["widgets"])}
