"""Adding extras to the goal of a set-up, and taking them out of it.

Pure but for shipped files and `read_with_extras`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from falcoport.commands.catalog_model import MODELS, model_keys
from falcoport.commands.extras.choices import NO_CHOICES, ExtraChoices
from falcoport.commands.extras.subject import Parts, Subject, find_subject
from falcoport.errors import UsageError
from falcoport.manifests.extra_names import Extra
from falcoport.reconcile.reading import read_catalog
from falcoport.resources.interface import NOTHING, Fragment, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from falcoport.port.api import PortApi
    from falcoport.reconcile.goal import Goal
    from falcoport.resources.interface import Catalog, Key, Part


_Builder = Callable[[Extra, Subject, "Catalog", ExtraChoices], Parts]


def build_extra(extra: Extra, subject: Subject, catalog: Catalog, choices: ExtraChoices) -> Parts:
    """Return what an extra consists of. Raise UsageError where the set-up cannot have it."""
    # Each is imported where it is asked for: most runs add none.
    match extra:
        case Extra.DASHBOARD:
            from falcoport.commands.extras.dashboard import build_dashboard

            return build_dashboard(subject, catalog)
        case Extra.ROLLUPS:
            from falcoport.commands.extras.rollups import build_rollups

            return build_rollups(subject, catalog)
        case Extra.SCORECARD:
            from falcoport.commands.extras.scorecard import build_scorecard

            return build_scorecard(subject)
        case Extra.TRIAGE:
            from falcoport.commands.extras.triage import build_triage

            return build_triage(subject)
        case Extra.NOTIFY:
            from falcoport.commands.extras.notify import build_notify

            return build_notify(subject, choices.channels, choices.app_url, catalog)
        case Extra.RETENTION:
            from falcoport.commands.extras.retention import build_retention

            return build_retention(
                subject, catalog, days=choices.retention_days, api_url=choices.api_url
            )


def locate_extra(extra: Extra, subject: Subject, catalog: Catalog, choices: ExtraChoices) -> Parts:
    """Return what Port may have of an extra, whatever else the set-up is now; as `build_extra`."""
    if extra is Extra.ROLLUPS:
        from falcoport.commands.extras.rollups import locate_rollups

        return locate_rollups(subject, catalog)
    if extra is Extra.NOTIFY:
        from falcoport.commands.extras.notify import locate_notify

        return locate_notify(subject, choices.app_url, catalog)
    if extra is Extra.TRIAGE:
        from falcoport.commands.extras.triage import locate_triage

        return locate_triage(subject)
    if extra is Extra.RETENTION:
        from falcoport.commands.extras.retention import locate_retention

        return locate_retention(subject, catalog, api_url=choices.api_url)
    return build_extra(extra, subject, catalog, choices)


def add_extras(goal: Goal, choices: ExtraChoices, catalog: Catalog) -> Goal:
    """Return the goal of a set-up with its extras, and without those that are not wanted.

    Raise UsageError where one is wanted that the set-up cannot have.
    """
    if not choices.named:
        return goal
    subject = find_subject(goal, catalog)
    wanted = [build_extra(extra, subject, catalog, choices) for extra in choices.wanted]
    unwanted = [
        parts
        for extra in choices.unwanted
        for parts in _offered(locate_extra, extra, subject, catalog, choices)
    ]
    _refuse_needed(choices, subject, catalog)
    # One that is missing is said by the relation to it, which says what to do as well.
    owners = [
        owner
        for parts in (*wanted, *unwanted)
        for owner in parts.owners
        if catalog.get(owner.key) is not None
    ]
    return replace(
        goal,
        present=_unique(goal.present, owners, [one for parts in wanted for one in parts.own]),
        absent=(
            *goal.absent,
            *(one for parts in reversed(unwanted) for one in reversed(parts.own)),
        ),
    )


def _refuse_needed(choices: ExtraChoices, subject: Subject, catalog: Catalog) -> None:
    """Raise UsageError where roll-ups are to go which a scorecard of ours looks at."""
    if Extra.ROLLUPS not in choices.unwanted or Extra.SCORECARD in choices.unwanted:
        return
    for parts in _offered(build_extra, Extra.SCORECARD, subject, catalog):
        if any(is_installed(part, catalog) for part in parts.own):
            raise UsageError(
                "The scorecard needs the roll-ups, so they cannot be removed before it.",
                where="--without",
                hint="Remove both: --without rollups,scorecard.",
            )


def _offered(
    build: _Builder,
    extra: Extra,
    subject: Subject,
    catalog: Catalog,
    choices: ExtraChoices = NO_CHOICES,
) -> list[Parts]:
    """Return the parts of an extra, none where the set-up cannot have it."""
    try:
        return [build(extra, subject, catalog, choices)]
    except UsageError:
        return []


def find_installed(
    goal: Goal, catalog: Catalog, choices: ExtraChoices = NO_CHOICES
) -> Mapping[Extra, Parts]:
    """Return the extras of which Port has anything, each with the parts that it should have."""
    return _find(build_extra, goal, catalog, choices)


def find_expected(goal: Goal, catalog: Catalog, choices: ExtraChoices) -> Mapping[Extra, Parts]:
    """Return the extras of which Port has anything, and those that are wanted and can be had."""
    subject = find_subject(goal, catalog)
    there = replace(choices, wanted=(), channels=())
    found = dict(find_installed(goal, catalog, there))
    for extra in choices.wanted:
        for wanted in _offered(build_extra, extra, subject, catalog, choices):
            known = found.get(extra, Parts(()))
            keys = {part.key for part in known.own}
            further = tuple(part for part in wanted.own if part.key not in keys)
            found[extra] = Parts((*known.own, *further), (*known.owners, *wanted.owners))
    return {extra: found[extra] for extra in Extra if extra in found}


def find_refusals(goal: Goal, catalog: Catalog, choices: ExtraChoices) -> Mapping[Extra, str]:
    """Return why a set-up cannot have some extras, and what to do about it."""
    subject = find_subject(goal, catalog)
    reasons = {}
    for extra in Extra:
        try:
            build_extra(extra, subject, catalog, choices)
        except UsageError as error:
            [problem] = error.problems
            reasons[extra] = f"{problem.message} {problem.hint}"
    return reasons


def _find(
    build: _Builder, goal: Goal, catalog: Catalog, choices: ExtraChoices = NO_CHOICES
) -> dict[Extra, Parts]:
    subject = find_subject(goal, catalog)
    return {
        extra: parts
        for extra in Extra
        for parts in _offered(build, extra, subject, catalog, choices)
        if any(is_installed(part, catalog) for part in parts.own)
    }


def is_installed(part: Part, catalog: Catalog) -> bool:
    """Tell whether Port has a part of an extra."""
    if isinstance(part, Fragment):
        owner = catalog.get(part.owner)
        return owner is not None and part.extract(owner) is not None
    live = catalog.get(part.key)
    if live is None or not isinstance(part, Resource):
        return False
    return part.remove_own(live) != live


def read_with_extras(
    api: PortApi, keys: Iterable[Key], build: Callable[[Catalog], Goal]
) -> tuple[Catalog, Goal]:
    """Return what Port has of a set-up and of every extra, and the goal that `build` makes of it.

    What an extra consists of depends on the profile and the findings that Port has: what could not
    be known before is read in a second round trip. Raise AccessError and PortError.
    """
    catalog = read_catalog(api, keys)
    goal = build(catalog)
    further = [key for key in list_keys(goal) if key not in catalog.found]
    if further:
        more = read_catalog(api, further)
        catalog = replace(catalog, found={**catalog.found, **more.found})
    return catalog, goal


def list_keys(goal: Goal, extras: Iterable[Extra] = tuple(Extra)) -> tuple[Key, ...]:
    """Return what must be read to know what some extras consist of, and whether they are there."""
    subject = find_subject(goal, NOTHING)
    named = set(extras)
    if Extra.ROLLUPS in named:
        named.add(Extra.SCORECARD)  # it may stand in the way of their removal
    offered = [
        p
        for extra in Extra
        if extra in named
        for p in _offered(
            build_extra if extra is Extra.ROLLUPS else locate_extra, extra, subject, NOTHING
        )
    ]
    parts = [one for offer in offered for one in (*offer.owners, *offer.own)]
    keys = replace(goal, present=tuple(parts), absent=()).keys
    # Which of the exporter's blueprints count, and have a scorecard, is known once they were read.
    scorecards = [key for key in keys if key.kind == "scorecard"]
    models = model_keys() if Extra.SCORECARD in named else ()
    return (
        *keys,
        *models,
        *(replace(one, parent=m.namespace) for one in scorecards for m in MODELS),
    )


def _unique(
    present: Iterable[Part], owners: Iterable[Resource], parts: Iterable[Part]
) -> tuple[Part, ...]:
    """Return all parts, each once: what a goal has already says more than what an extra needs."""
    found = {part.key: part for part in present}
    for part in (*owners, *parts):
        found.setdefault(part.key, part)
    return tuple(found.values())


def remove_extras(goal: Goal, setup: Goal, catalog: Catalog) -> Goal:
    """Return the goal of a removal with every extra that Port has; `setup` is what it undoes."""
    installed = _find(locate_extra, setup, catalog).values()
    owners = [
        owner for parts in installed for owner in parts.owners if catalog.get(owner.key) is not None
    ]
    taken = {part.key for part in goal.absent}
    return replace(
        goal,
        present=_unique(goal.present, [one for one in owners if one.key not in taken], ()),
        absent=(
            *(
                one
                for parts in reversed(tuple(installed))
                for one in reversed(parts.own)
                if is_installed(one, catalog)
            ),
            *goal.absent,
        ),
    )


def with_installed(goal: Goal, installed: Mapping[Extra, Parts]) -> Goal:
    """Return the goal of a set-up with the extras that Port has, to be compared with Port."""
    owners = [owner for parts in installed.values() for owner in parts.owners]
    own = [one for parts in installed.values() for one in parts.own]
    return replace(goal, present=_unique(goal.present, owners, own))
