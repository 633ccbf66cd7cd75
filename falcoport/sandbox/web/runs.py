"""Runs of actions and automations: what started each, what was sent, what came back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.web.moments import parse_moment

if TYPE_CHECKING:
    from falcoport.sandbox.web.site import Document, Site

_COLORS = {
    "SUCCESS": "mapped",
    "FAILURE": "refused",
    "IN_PROGRESS": "waiting",
    "WAITING_FOR_APPROVAL": "partial",
    "DECLINED": "skipped",
}


def list_runs(
    site: Site,
    *,
    action: str | None = None,
    entity: str | None = None,
    blueprint: str | None = None,
    limit: int,
) -> list[Document]:
    """Return runs, newest first: of one action, of one entity, of one blueprint, or all."""
    wanted = {"action": action, "entity": entity, "blueprint": blueprint}
    found = [
        stored.document
        for stored in reversed(site.state.documents("run", "Run").all())
        if all(
            value is None or _name_of(stored.document.get(name)) == value
            for name, value in wanted.items()
        )
    ]
    return found[:limit]


def describe_run(_site: Site, run: Document) -> Document:
    """Return what a table shows of a run."""
    status = run.get("status") or "IN_PROGRESS"
    return {
        "id": run["id"],
        "action": (run.get("action") or {}).get("title") or _name_of(run.get("action")) or "",
        "status": status.replace("_", " ").lower(),
        "color": _COLORS.get(status, "skipped"),
        "summary": run.get("summary"),
        "blueprint": _name_of(run.get("blueprint")),
        "entity": _name_of(run.get("entity")),
        "created": parse_moment(run.get("createdAt")),
        "by": run.get("createdBy") or "",
    }


def _name_of(value: object) -> str | None:
    """Return the identifier that a run says, plain or inside an object."""
    if isinstance(value, dict):
        value = value.get("identifier")
    return value if isinstance(value, str) else None
