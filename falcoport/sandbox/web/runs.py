"""Runs of actions and automations: what started each, what was sent, what came back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.automation.definitions import blueprint_of, is_automation
from falcoport.sandbox.automation.runs import AWAITING_APPROVAL
from falcoport.sandbox.web.moments import parse_moment

if TYPE_CHECKING:
    from falcoport.sandbox.web.site import Document, Site, View

_ON_PAGE, _LOG_LINES = 100, 50
_COLORS = {
    "SUCCESS": "mapped",
    "FAILURE": "refused",
    "IN_PROGRESS": "waiting",
    "WAITING_FOR_APPROVAL": "partial",
    "DECLINED": "skipped",
}


async def show_runs(site: Site, view: View) -> str:
    """Return the newest runs, and the actions and automations that make them."""
    action = view.last("action") or None
    actions = [stored.document for stored in site.state.documents("action", "Action").all()]
    return site.render(
        "runs.html",
        view,
        here="runs",
        is_live=True,
        runs=list_runs(site, action=action, limit=_ON_PAGE),
        chosen=action,
        actions=[describe_action(one) for one in actions],
    )


async def show_run(site: Site, view: View) -> str:
    """Return one run with its inputs, its log, and the decision that it may wait for."""
    run = site.state.runs.get(view.path["run"])
    return site.render(
        "run.html",
        view,
        here="runs",
        is_live=True,
        run=describe_run(run),
        inputs=run.get("properties") or {},
        is_waiting=run["status"] == AWAITING_APPROVAL,
        approval=run.get("approval") or {},
        lines=[
            {"at": parse_moment(line["createdAt"]), "message": line["message"]}
            for line in site.state.runs.logs(run["id"], _LOG_LINES, 0)
        ],
    )


def list_runs(
    site: Site,
    *,
    limit: int,
    action: str | None = None,
    entity: str | None = None,
    blueprint: str | None = None,
) -> list[Document]:
    """Return runs, newest first: of one action, of one entity, of one blueprint, or all."""
    found = site.state.runs.find(limit=limit, action=action, entity=entity, blueprint=blueprint)
    return [describe_run(run) for run in found]


def describe_run(run: Document) -> Document:
    """Return what a table shows of a run."""
    status = run["status"]
    action = run.get("action") or {}
    return {
        "id": run["id"],
        "action": action.get("title") or action.get("identifier") or "",
        "action_identifier": action.get("identifier"),
        "status": run.get("statusLabel") or status.replace("_", " ").lower(),
        "color": _COLORS.get(status, "skipped"),
        "summary": run.get("summary"),
        "source": run.get("source"),
        "blueprint": (run.get("blueprint") or {}).get("identifier"),
        "entity": (run.get("entity") or {}).get("identifier"),
        "created": parse_moment(run.get("createdAt")),
        "ended": parse_moment(run.get("endedAt")),
        "by": run.get("createdBy") or "",
    }


def describe_action(action: Document) -> Document:
    """Return what is said of an action: what starts it, what it does."""
    trigger, invocation = action["trigger"], action["invocationMethod"]
    event = trigger.get("event") or {}
    return {
        "identifier": action["identifier"],
        "title": action.get("title") or action["identifier"],
        "description": action.get("description"),
        "is_automation": is_automation(action),
        "is_on": not is_automation(action) or bool(action.get("publish")),
        "starts": event.get("type") or trigger.get("operation") or "",
        "blueprint": blueprint_of(action),
        "does": invocation.get("type"),
        "needs_entity": not is_automation(action)
        and trigger.get("operation") != "CREATE"
        and blueprint_of(action) is not None,
    }
