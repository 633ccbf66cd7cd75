"""Runs of actions: started by API, followed, reported on, approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox import errors
from falcoport.sandbox.automation.definitions import blueprint_of, is_automation
from falcoport.sandbox.automation.runs import (
    AWAITING_APPROVAL,
    DECLINED,
    DONE,
    IN_PROGRESS,
    WAITING,
    Request,
)
from falcoport.sandbox.automation.user_inputs import check_inputs
from falcoport.sandbox.http.parameters import read_flag, read_limit
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.schemas import STRING, STRINGS, enum_of, object_of
from falcoport.sandbox.storage.search import Candidate

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call, Document
    from falcoport.sandbox.state import State

router = Router()

_START = "/v1/actions/{action}/runs"
_ALL, _ONE = "/v1/actions/runs", "/v1/actions/runs/{run}"
_DEFAULT_LIMIT = 100
_OUTCOME = enum_of("SUCCESS", "FAILURE")


@router.write("POST", _START, object_of({"properties": {"type": "object"}, "entity": STRING}))
def start_run(state: State, call: Call) -> Answer:
    """Start a run of a self-service action."""
    action = state.documents("action", "Action").get(call.path["action"]).document
    if is_automation(action):
        raise errors.invalid(
            f'Action "{action["identifier"]}" is an automation, which nobody starts'
        )
    trigger = action["trigger"]
    entity = _entity(state, call, action)
    given = call.body.get("properties") or {}
    values = check_inputs(trigger["userInputs"], given, state.jq)
    actor = call.actor
    by = {"userId": actor.name, "user": {"email": actor.name}}
    context = {
        "inputs": values,
        "entity": entity,
        "action": {name: action[name] for name in ("identifier", "title") if name in action},
        "blueprint": None if entity is None else {"identifier": entity["blueprint"]},
        "trigger": {"by": by, "at": state.store.now(), "operation": trigger["operation"]},
    }
    run = state.runs.create(
        Request(
            action=action,
            source="API",
            context=context,
            properties=values,
            entity=entity,
            needs_approval=bool(action.get("requiredApproval")),
        ),
        actor,
    )
    state.engine.note_run(action["identifier"], run, None, 0)
    state.engine.wake()
    return ok(202, run=run)


def _entity(state: State, call: Call, action: Document) -> Document | None:
    """Return the entity that an action is run on; raise an error if it is not for it."""
    trigger = action["trigger"]
    identifier = call.body.get("entity")
    blueprint_name = blueprint_of(action)
    if trigger["operation"] == "CREATE" or blueprint_name is None:
        return None
    if identifier is None:
        raise errors.invalid("body must have required property 'entity'")
    blueprint = state.blueprints.get(blueprint_name)
    row = state.entities.existing(blueprint, identifier)
    entity = state.entities.shown([row])[0]
    condition = trigger.get("condition")
    if condition is not None:
        query = {"combinator": condition["combinator"], "rules": condition["rules"]}
        if not state.search.matcher(query)(Candidate(row, blueprint, entity)):
            raise errors.invalid(
                f'Entity "{identifier}" does not meet the condition of '
                f'action "{action["identifier"]}"'
            )
    return entity


@router.read("GET", _ALL)
def list_runs(state: State, call: Call) -> Answer:
    """List runs, newest first."""
    query = call.query
    active = read_flag(query, "active") if "active" in query else None
    limit = read_limit(query, "limit", maximum=1000) or _DEFAULT_LIMIT
    found = state.runs.find(
        limit=limit,
        active=active,
        action=query.get("action"),
        blueprint=query.get("blueprint"),
        entity=query.get("entity"),
    )
    sources = call.listed.get("source", ())
    return ok(runs=[run for run in found if not sources or run["source"] in sources])


@router.read("GET", _ONE)
def get_run(state: State, call: Call) -> Answer:
    """Show a run."""
    return ok(run=state.runs.get(call.path["run"]))


@router.write(
    "PATCH",
    _ONE,
    object_of(
        {
            "status": _OUTCOME,
            "statusLabel": STRING,
            "link": {"anyOf": [STRING, STRINGS]},
            "message": {"type": ["object", "string", "null"]},
            "summary": STRING,
            "externalRunId": STRING,
        }
    ),
)
def patch_run(state: State, call: Call) -> Answer:
    """Report on a run, as the backend that does its work."""
    before = state.runs.get(call.path["run"])
    _refuse_unless_sent(before)
    run = state.runs.change(call.path["run"], call.body, call.actor, DONE)
    _tell(state, run, before)
    return ok(run=run)


@router.write(
    "PATCH",
    f"{_ONE}/approval",
    object_of({"status": enum_of("DECLINE", "APPROVE"), "description": STRING}, ("status",)),
)
def decide_run(state: State, call: Call) -> Answer:
    """Approve or decline a run that waits for that."""
    before = state.runs.get(call.path["run"])
    if before["status"] != AWAITING_APPROVAL:
        raise errors.invalid(f'Run "{before["id"]}" does not wait for an approval')
    is_approved = call.body["status"] == "APPROVE"
    approval = {
        "state": "APPROVED" if is_approved else "DECLINED",
        "userId": call.actor.name,
        "description": call.body.get("description", ""),
    }
    status = IN_PROGRESS if is_approved else DECLINED
    run = state.runs.change(
        before["id"],
        {"status": status, "approval": approval},
        call.actor,
        WAITING if is_approved else DONE,
    )
    _tell(state, run, before)
    state.engine.wake()
    return ok(run=run)


@router.read("GET", f"{_ONE}/approvers")
def list_approvers(state: State, call: Call) -> Answer:
    """List who has decided on a run."""
    approval = state.runs.get(call.path["run"]).get("approval", {})
    decided = [approval] if approval.get("userId") else []
    return ok(approvers=decided)


@router.read("GET", f"{_ONE}/logs")
def list_logs(state: State, call: Call) -> Answer:
    """List the log of a run, oldest line first."""
    run = state.runs.get(call.path["run"])["id"]
    limit = read_limit(call.query, "limit", maximum=50) or 50
    offset = read_limit(call.query, "offset", minimum=0, maximum=1 << 31) or 0
    return ok(runLogs=state.runs.logs(run, limit, offset))


@router.write(
    "POST",
    f"{_ONE}/logs",
    object_of(
        {"terminationStatus": _OUTCOME, "statusLabel": STRING, "message": STRING}, ("message",)
    ),
)
def add_log(state: State, call: Call) -> Answer:
    """Add a line to the log of a run, and end it if the line says so."""
    before = state.runs.get(call.path["run"])
    line = state.runs.log(before["id"], call.body["message"], call.actor.name)
    members = {
        name: call.body[given]
        for given, name in (("terminationStatus", "status"), ("statusLabel", "statusLabel"))
        if given in call.body
    }
    if members:
        _refuse_unless_sent(before)
        _tell(state, state.runs.change(before["id"], members, call.actor, DONE), before)
    return ok(201, runLog=line)


def _refuse_unless_sent(run: Document) -> None:
    if run["status"] in (AWAITING_APPROVAL, DECLINED):
        raise errors.invalid(f'Run "{run["id"]}" was not started')


def _tell(state: State, run: Document, before: Document) -> None:
    state.engine.note_run(run["action"]["identifier"], run, before, 0)
