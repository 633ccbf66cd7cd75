"""Planning: what is refused, what is written in which order, and that nothing else is touched."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest

from falcoport.commands.choices import SetupChoices
from falcoport.commands.goals.relation import RelationChoices, build_relation_goal
from falcoport.commands.goals.removal import RemovalChoices, build_removal_goal
from falcoport.commands.goals.setup import build_setup_goal
from falcoport.errors import CheckFailedError, ConflictError, InputError
from falcoport.manifests.loading import load
from falcoport.reconcile.changes import Action
from falcoport.reconcile.goal import Goal, lay_over
from falcoport.reconcile.plan import Plan, plan
from falcoport.reconcile.writes import make_update
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.interface import Catalog, Key
from falcoport.resources.mappings import find_similar_mapping
from falcoport.resources.relation import Relation
from falcoport.resources.webhook import Webhook

if TYPE_CHECKING:
    from falcoport.json_types import Json

MANIFESTS = load()
SETUP = build_setup_goal(MANIFESTS, SetupChoices())
WITH_HELPER = build_setup_goal(MANIFESTS, SetupChoices(create_namespace_blueprint=True))
ALERT, HOOK, NAMESPACE = (
    Key("blueprint", "falco_alert"),
    Key("webhook", "falco_alert_mapper"),
    Key("blueprint", "namespace"),
)


def whole(goal: Goal = WITH_HELPER) -> dict[Key, Json | None]:
    """Return what Port has after a goal was reached in an empty catalog."""
    found = lay_over(goal, Catalog({})).planned.found
    return {key: copy.deepcopy(body) for key, body in found.items()}


def written(found: Plan) -> list[list[tuple[str, str]]]:
    return [[(str(w.key), str(w.action)) for w in stage] for stage in found.stages]


def test_a_first_set_up_takes_two_stages_and_the_webhook_comes_after_the_blueprint() -> None:
    found = plan(SETUP, Catalog({NAMESPACE: {"identifier": "namespace"}}))
    assert written(found) == [
        [("blueprint falco_alert", "create")],
        [("webhook falco_alert_mapper", "create")],
    ]


def test_a_relation_waits_for_the_new_blueprint_that_it_points_to() -> None:
    found = plan(WITH_HELPER, Catalog({}))
    assert written(found) == [
        [("blueprint namespace", "create"), ("blueprint falco_alert", "create")],
        [("blueprint falco_alert", "update"), ("webhook falco_alert_mapper", "create")],
    ]
    [[_helper, created], [update, _webhook]] = found.stages
    assert created.body["relations"] == {}
    assert update.body.keys() == {"relations"}
    # What this plan itself made is nobody else's yet, so it need not be read again before.
    assert not found.overwrites


def test_an_update_that_waits_for_a_new_blueprint_is_one_update_behind_it() -> None:
    """A relation in the first stage would point to what is created in the same moment."""
    live = whole()
    live[NAMESPACE] = None
    blueprint = live[ALERT]
    assert blueprint is not None
    blueprint["relations"] = {}
    blueprint["title"] = "Drifted"
    found = plan(WITH_HELPER, Catalog(live))
    assert written(found) == [
        [("blueprint namespace", "create")],
        [("blueprint falco_alert", "update")],
    ]
    assert found.writes[1].body.keys() == {"title", "relations"}


def test_an_update_goes_before_the_webhook_that_fills_what_it_adds() -> None:
    live = whole()
    for key in (ALERT, HOOK):
        body = live[key]
        assert body is not None
        body["description"] = "Drifted"
        body["icon"] = "Drifted"
    found = plan(SETUP, Catalog(live))
    assert written(found) == [
        [("blueprint falco_alert", "update")],
        [("webhook falco_alert_mapper", "update")],
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"relations": {"a": 1, "b": 2}}, {"relations": {"a": 1}}),
        ({"schema": {"properties": {"a": {}, "b": {}}}}, {"schema": {"properties": {"a": {}}}}),
        ({"schema": {"properties": {"a": {"x": 1}}}}, {"schema": {"properties": {"a": {}}}}),
    ],
)
def test_what_goes_at_any_depth_is_sent_as_the_whole_resource(before: Json, after: Json) -> None:
    """A PATCH may merge maps as deep as Port likes, so nothing would go."""
    before, after = {"title": "T", **before}, {"title": "T", **after}
    write = make_update(Blueprint, Key("blueprint", "b"), before, after)
    assert write.whole == after
    assert "title" not in write.body


def test_what_only_grows_is_sent_as_what_changed() -> None:
    before = {"title": "T", "schema": {"properties": {"a": {}}}}
    after = {"title": "T", "schema": {"properties": {"a": {"x": 1}, "b": {}}}}
    write = make_update(Blueprint, Key("blueprint", "b"), before, after)
    assert (write.whole, write.body) == (None, {"schema": after["schema"]})


def test_planning_changes_neither_the_goal_nor_the_catalog() -> None:
    live = whole()
    body = live[ALERT]
    assert body is not None
    body["title"] = "Drifted"
    before, goal = copy.deepcopy(live), copy.deepcopy(SETUP)
    plan(SETUP, Catalog(live))
    assert live == before
    assert goal == SETUP


def test_a_whole_set_up_leaves_nothing_to_write() -> None:
    found = plan(WITH_HELPER, Catalog(whole()))
    assert not found.pending
    assert {change.action for change in found.changes} == {Action.UNCHANGED}


@pytest.mark.parametrize("missing", [ALERT, HOOK])
def test_a_part_is_added_only_to_what_is_there(missing: Key) -> None:
    goal = build_relation_goal(MANIFESTS, RelationChoices())
    live = whole()
    live[missing] = None
    with pytest.raises(CheckFailedError, match=missing.identifier):
        plan(goal, Catalog(live))


def test_a_mapping_that_is_not_there_is_not_completed() -> None:
    goal = build_relation_goal(MANIFESTS, RelationChoices())
    live = whole()
    hook = live[HOOK]
    assert hook is not None
    hook["mappings"] = []
    with pytest.raises(CheckFailedError, match="no mapping for blueprint 'falco_alert'"):
        plan(goal, Catalog(live))


def test_a_blueprint_related_to_itself_needs_nothing_else() -> None:
    body = {"identifier": "a", "title": "A", "schema": {"properties": {}}, "relations": {}}
    goal = Goal((Blueprint(body), Relation("a", "parent", {"target": "a"})))
    [[create]] = plan(goal, Catalog({})).stages
    assert create.body["relations"] == {"parent": {"target": "a"}}


def test_every_problem_is_named_at_once() -> None:
    live = whole(SETUP)
    blueprint = live[ALERT]
    assert blueprint is not None
    blueprint["schema"]["properties"]["rule"]["type"] = "number"
    with pytest.raises(InputError) as caught:
        plan(SETUP, Catalog(live))
    assert [problem.code for problem in caught.value.problems] == ["missing_target", "conflict"]


# --- which live mapping is ours -------------------------------------------------------------


def variation(same: int) -> Json:
    """Return a mapping with another identifier and `same` of eight expressions alike."""
    names = "abcdefgh"
    named = {name: f".body.{name}" for name in names}
    other = {n: t if i < same else f"{t}.x" for i, (n, t) in enumerate(named.items())}
    return {"blueprint": "b", "entity": {"identifier": ".body.other", "properties": other}}


OWN = {
    "blueprint": "b",
    "entity": {"identifier": ".body.id", "properties": {n: f".body.{n}" for n in "abcdefgh"}},
}


@pytest.mark.parametrize(("same", "place"), [(8, 0), (5, 0), (4, 0), (3, None), (0, None)])
def test_half_of_the_expressions_make_a_mapping_ours(same: int, place: int | None) -> None:
    assert find_similar_mapping([variation(same)], OWN) == place


def test_relations_count_among_the_expressions() -> None:
    own = {"blueprint": "b", "entity": {"identifier": "x", "relations": {"r": ".a", "s": ".b"}}}
    live = {"blueprint": "b", "entity": {"identifier": "y", "relations": {"r": ".a", "s": ".c"}}}
    assert find_similar_mapping([live], own) == 0


# --- taking away ----------------------------------------------------------------------------


def removal(live: dict[Key, Json | None], **choices: bool) -> Goal:
    return build_removal_goal(MANIFESTS, RemovalChoices(**choices), Catalog(live))


def test_the_webhook_goes_first_then_the_alerts_then_the_blueprint() -> None:
    live = {**whole(), Key("alerts", "falco_alert"): {"count": 3}}
    found = plan(removal(live, delete_alerts=True), Catalog(live))
    assert written(found) == [
        [("webhook falco_alert_mapper", "delete")],
        [("alerts falco_alert", "delete")],
        [("blueprint falco_alert", "delete")],
    ]


def test_a_dependent_that_the_same_plan_frees_does_not_count() -> None:
    live = whole()
    hook = live[HOOK]
    assert hook is not None
    other = {"blueprint": "service", "entity": {"identifier": ".body.id"}}
    hook["mappings"] = [*hook["mappings"], other]
    catalog = Catalog(live, {Webhook: (hook,), Blueprint: ()})
    found = plan(removal(live), catalog)
    assert written(found) == [
        [("webhook falco_alert_mapper", "update")],
        [("blueprint falco_alert", "delete")],
    ]


def test_a_dependent_that_stays_is_named_and_stops_everything() -> None:
    live = whole()
    mapping = {"blueprint": "falco_alert", "entity": {"identifier": ".x"}}
    other = {"identifier": "theirs", "mappings": [mapping]}
    aggregation = {"worst": {"target": "falco_alert"}}
    counting = {"identifier": "team", "aggregationProperties": aggregation}
    catalog = Catalog(live, {Webhook: (other,), Blueprint: (counting,)})
    with pytest.raises(ConflictError) as caught:
        plan(removal(live), catalog)
    assert [problem.message.split(";")[0] for problem in caught.value.problems] == [
        "A mapping of webhook 'theirs' still fills it",
        "Aggregation property 'worst' of blueprint 'team' counts its entities",
    ]
