"""What a run says it has done, after answers were lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from falcoport.reconcile.changes import Action
from falcoport.reconcile.journal import Journal
from falcoport.reconcile.plan import Plan
from falcoport.reconcile.writes import Write
from falcoport.resources.interface import Key
from falcoport.resources.webhook import Webhook

if TYPE_CHECKING:
    from falcoport.json_types import Json

HOOK = Key("webhook", "falco_alert_mapper")
NOTHING_LEFT = Plan(())


def write_of(body: Json) -> Write:
    return Write(Webhook, HOOK, Action.UPDATE, body)


PLAIN = write_of({"title": "Falco"})
SECRET = write_of({"security": {"secret": "s" * 20}})


def test_a_write_that_reading_shows_done_counts_as_done() -> None:
    journal = Journal()
    journal.started(PLAIN)
    assert journal.summary() == "Not known: webhook falco_alert_mapper perhaps updated."
    journal.settle(NOTHING_LEFT)
    assert journal.summary() == "Done so far: webhook falco_alert_mapper updated."


def test_a_write_that_reading_shows_open_counts_as_not_done() -> None:
    journal = Journal()
    journal.started(PLAIN)
    journal.settle(Plan((), ((PLAIN,),)))
    assert journal.summary() == ""


@pytest.mark.parametrize("left", [NOTHING_LEFT, Plan((), ((SECRET,),))])
def test_reading_says_nothing_of_what_port_does_not_give_back(left: Plan) -> None:
    """A secret whose answer was lost may be there or not, whatever else of it agrees."""
    journal = Journal()
    journal.started(SECRET)
    journal.settle(left)
    assert journal.may_have_written_hidden(HOOK)
    assert not journal.has_written_hidden(HOOK)
    journal.finished(SECRET)
    journal.settle(left)
    assert journal.has_written_hidden(HOOK)
