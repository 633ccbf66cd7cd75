"""Scorecards: which level the entities of a blueprint have, and which rules hold them back."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.sandbox.web import charts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from falcoport.sandbox.storage.blueprints import Blueprint
    from falcoport.sandbox.web.site import Document, Site, View

_LISTED = 50
_EVERYTHING: Document = {"combinator": "and", "rules": []}
_FAILED = "FAILURE"


@dataclass(frozen=True)
class Scored:
    """One entity with its level and the rules that it fails."""

    identifier: str
    title: str
    level: str
    color: str
    failed: tuple[str, ...]


@dataclass(frozen=True)
class RuleCount:
    """One rule: how many entities it passes, of how many it was asked."""

    title: str
    description: str
    level: str
    color: str
    passed: int
    asked: int


@dataclass(frozen=True)
class Card:
    """One scorecard as its page shows it; `levels` are titles, counts and colours."""

    identifier: str
    title: str
    blueprint: str
    blueprint_title: str
    levels: tuple[tuple[str, int, str], ...]
    rules: tuple[RuleCount, ...]
    worst: tuple[Scored, ...]
    asked: int
    ring: Markup


async def show_scorecards(site: Site, view: View) -> str:
    """Return every scorecard with its levels, its rules, and the entities at the lowest level."""
    cards = []
    for stored in site.state.documents("scorecard", "Scorecard").all():
        assert stored.blueprint is not None
        blueprint = site.state.blueprints.by_key(stored.blueprint)
        cards.append(build_card(blueprint, stored.document, await _read(site, blueprint)))
    return site.render("scorecards.html", view, here="scorecards", is_live=True, cards=cards)


def build_card(
    blueprint: Blueprint, scorecard: Mapping[str, object], entities: Sequence[Document]
) -> Card:
    """Return what is shown of a scorecard, from the entities as the API answers them."""
    document: Document = dict(scorecard)
    identifier = document["identifier"]
    colors = {level["title"]: f"color-{level['color']}" for level in document["levels"]}
    titles = {rule["identifier"]: rule["title"] for rule in document["rules"]}
    scored = [
        (entity, found)
        for entity in entities
        if (found := (entity.get("scorecards") or {}).get(identifier)) is not None
    ]
    counts = Counter(found["level"] for _, found in scored)
    passed = Counter(
        rule["identifier"]
        for _, found in scored
        for rule in found["rules"]
        if rule["status"] != _FAILED
    )
    levels = tuple((title, counts[title], color) for title, color in colors.items())
    rank = {title: position for position, title in enumerate(colors)}
    worst = sorted(scored, key=lambda one: (rank.get(one[1]["level"], 0), one[0]["identifier"]))
    said = ", ".join(f"{title} {count}" for title, count, _ in levels)
    return Card(
        identifier=identifier,
        title=document["title"],
        blueprint=blueprint.identifier,
        blueprint_title=blueprint.document["title"],
        levels=levels,
        rules=tuple(
            RuleCount(
                rule["title"],
                rule.get("description") or "",
                rule["level"],
                colors.get(rule["level"], "other"),
                passed[rule["identifier"]],
                len(scored),
            )
            for rule in document["rules"]
        ),
        worst=tuple(
            Scored(
                entity["identifier"],
                entity.get("title") or entity["identifier"],
                found["level"],
                colors.get(found["level"], "other"),
                tuple(
                    titles.get(rule["identifier"], rule["identifier"])
                    for rule in found["rules"]
                    if rule["status"] == _FAILED
                ),
            )
            for entity, found in worst[:_LISTED]
        ),
        asked=len(scored),
        ring=charts.draw_ring(
            [count for _, count, _ in levels],
            [color for _, _, color in levels],
            f"Levels of {document['title']}: {said}",
        ),
    )


async def _read(site: Site, blueprint: Blueprint) -> list[Document]:
    found: list[Document] = []
    async for page in site.state.search.pages(blueprint, _EVERYTHING):
        found += [candidate.shown for candidate in page]
        await asyncio.sleep(0)
    return found
