"""The pages of the catalog: blueprints and webhooks, a blueprint's entities, one entity."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from falcoport.sandbox.http.requests import read_key
from falcoport.sandbox.storage.pages import ENTITY_PAGE_SUFFIX
from falcoport.sandbox.web.actions import list_actions
from falcoport.sandbox.web.alert_reader import is_alert
from falcoport.sandbox.web.dashboards import build_rows
from falcoport.sandbox.web.filters import Filters, read_filters
from falcoport.sandbox.web.home import build_overview, choose_columns
from falcoport.sandbox.web.rendering import entity_address
from falcoport.sandbox.web.rows import build_alert_rows, build_entity_rows, build_relations
from falcoport.sandbox.web.runs import list_runs
from falcoport.sandbox.web.site import mapped_blueprints
from falcoport.sandbox.web.summary import find_newest
from falcoport.sandbox.web.widgets.scope import Scope

if TYPE_CHECKING:
    from falcoport.sandbox.storage.blueprints import Blueprint
    from falcoport.sandbox.storage.entities import Row
    from falcoport.sandbox.web.alert_reader import AlertReader
    from falcoport.sandbox.web.dashboards import Row as WidgetRow
    from falcoport.sandbox.web.site import Document, Site, View

_ON_PAGE, _DEPENDENTS, _OTHERS = 50, 20, 10
_NEWEST = 1 << 62
_COMPUTED = {
    "mirror": "mirrorProperties",
    "calculation": "calculationProperties",
    "aggregation": "aggregationProperties",
}
_PLACES = ("namespace", "workload", "cluster")


async def show_catalog(site: Site, view: View) -> str:
    """Return the page of all blueprints and webhooks."""
    blueprints = site.state.blueprints
    return site.render(
        "catalog.html",
        view,
        here="catalog",
        is_live=True,
        blueprints=[
            {**_describe(blueprint), "count": blueprints.count(blueprint)}
            for blueprint in blueprints.listed()
        ],
        webhooks=[
            {
                "title": webhook.document["title"],
                "identifier": webhook.identifier,
                "enabled": webhook.enabled,
                "blueprints": mapped_blueprints(webhook.document),
            }
            for webhook in site.state.webhooks.all().values()
        ],
    )


async def show_blueprint(site: Site, view: View) -> str:
    """Return a blueprint with a page of its entities, newest first."""
    blueprint = site.state.blueprints.get(view.path["blueprint"])
    before = read_key(view.last("before"))
    rows = site.state.entities.page(blueprint, before or _NEWEST, _ON_PAGE + 1, newest_first=True)
    return site.render(
        "blueprint.html",
        view,
        here="catalog",
        is_live=before is None,
        blueprint=_describe(blueprint),
        count=site.state.blueprints.count(blueprint),
        rows=build_entity_rows(site, rows[:_ON_PAGE]),
        is_alert=is_alert(blueprint),
        older=rows[_ON_PAGE - 1].key if len(rows) > _ON_PAGE else None,
    )


async def show_entity(site: Site, view: View) -> str:
    """Return everything about an entity: its values, its alerts, and what points to it."""
    blueprint = site.state.blueprints.get(view.path["blueprint"])
    row = site.state.entities.existing(blueprint, view.path["entity"])
    entity = site.state.entities.shown([row])[0]
    values: Document = {
        "here": "home" if is_alert(blueprint) else "catalog",
        "is_live": True,
        "blueprint": _describe(blueprint),
        "entity": {"title": None, "scorecards": {}, **entity},
        "heading": _find_heading(blueprint, entity),
        "relations": build_relations(blueprint, entity),
        "widget_rows": await _build_widgets(site, view, blueprint, row),
        "dependents": _group_dependents(site, row),
        "actions": list_actions(site, blueprint.identifier),
        "runs": list_runs(
            site, entity=row.identifier, blueprint=blueprint.identifier, limit=_OTHERS
        ),
    }
    if is_alert(blueprint):
        return site.render(
            "alert.html", view, **values, others=await _find_others(site, blueprint, row)
        )
    overview = await _find_alerts_of(site, view, blueprint, row)
    if overview is not None:
        return site.render("place.html", view, **values, **overview)
    return site.render("entity.html", view, **values)


async def _build_widgets(site: Site, view: View, blueprint: Blueprint, row: Row) -> list[WidgetRow]:
    """Return the widgets of the page that Port keeps for the entities of a blueprint."""
    page = site.state.pages.documents.find(f"{blueprint.identifier}{ENTITY_PAGE_SUFFIX}")
    widgets = [] if page is None else page.document.get("widgets") or []
    scope = Scope(site, view, entity=(blueprint.identifier, row.identifier))
    return await build_rows(scope, widgets)


async def _find_alerts_of(
    site: Site, view: View, blueprint: Blueprint, row: Row
) -> Document | None:
    """Return the overview of the alerts that an entity is the namespace, workload or cluster of."""
    for alerts in site.alert_blueprints():
        reader = await site.read_alerts(alerts)
        place = next((one for one in _PLACES if row.key in reader.table.count(one)), None)
        if place is None and _is_cluster_of_any(reader, row):
            place = "cluster"
        if place is None:
            continue
        filters = read_filters(view.query, view.now).choose(place, (row.identifier,))
        path = entity_address(blueprint.identifier, row.identifier)
        return {
            **build_overview(site, alerts, reader, replace(filters, fixed=place), view, path),
            "alerts_title": alerts.document["title"],
        }
    return None


def _is_cluster_of_any(reader: AlertReader, row: Row) -> bool:
    return any(entity.cluster == row.identifier for entity in reader.entities.values())


async def _find_others(site: Site, blueprint: Blueprint, row: Row) -> list[Document]:
    """Return the other alerts of an alert's namespace and workload, and of its rule."""
    reader = await site.read_alerts(blueprint)
    if row.key not in reader.table:
        return []
    alert = reader.table.get(row.key)
    found = []
    for facet in ("namespace", "workload", "rule"):
        value = getattr(alert, facet)
        count = reader.table.count(facet)[value] - 1
        if value in (None, "") or count < 1:
            continue
        entity = reader.entities.get(value) if isinstance(value, int) else None
        name = str(value) if entity is None else entity.identifier
        keys = find_newest(reader.table, facet, value, _OTHERS + 1)
        found.append(
            {
                "facet": facet,
                "name": name,
                "entity": entity,
                "count": count,
                "address": Filters(blueprint=blueprint.identifier).choose(facet, (name,)).address(),
                # An alert is opened by its rule, so that column stays also where all rules are one.
                "columns": choose_columns(reader, () if facet == "rule" else (facet,)),
                "rows": build_alert_rows(
                    site, reader, [key for key in keys if key != row.key][:_OTHERS]
                ),
            }
        )
    return found


def _group_dependents(site: Site, row: Row) -> list[Document]:
    """Return the newest entities that point to one, by their blueprint, alerts left out."""
    groups: dict[int, list[Row]] = {}
    for dependent in site.state.entities.dependents(row.key, _DEPENDENTS):
        groups.setdefault(dependent.blueprint, []).append(dependent)
    return [
        {"title": blueprint.document["title"], "rows": build_entity_rows(site, rows)}
        for key, rows in groups.items()
        for blueprint in [site.state.blueprints.by_key(key)]
        if not is_alert(blueprint)
    ]


def _find_heading(blueprint: Blueprint, entity: Document) -> str:
    """Return what an entity's page is headed by: an alert's rule, or else its title."""
    rule = entity["properties"].get("rule") if is_alert(blueprint) else None
    return str(rule or entity.get("title") or entity["identifier"])


def _describe(blueprint: Blueprint) -> Document:
    schema = blueprint.document["schema"]
    required = schema.get("required") or ()
    return {
        "identifier": blueprint.identifier,
        "title": blueprint.document["title"],
        "description": blueprint.document.get("description"),
        "properties": [
            {
                "name": name,
                "title": definition.get("title") or name,
                "type": definition["type"],
                "format": definition.get("format"),
                "required": name in required,
            }
            for name, definition in schema["properties"].items()
        ]
        + [
            {
                "name": name,
                "title": definition.get("title") or name,
                "type": kind,
                "format": None,
                "required": False,
            }
            for kind, group in _COMPUTED.items()
            for name, definition in blueprint.document.get(group, {}).items()
        ],
        "relations": [
            {
                "name": name,
                "title": relation.get("title") or name,
                "target": relation["target"],
                "many": relation["many"],
                "required": relation["required"],
            }
            for name, relation in blueprint.document.get("relations", {}).items()
        ],
    }
