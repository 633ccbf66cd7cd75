"""What is concluded from a Falcosidekick's counters, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from falcoport.delivery.diagnosis import ChainEvidence, chain_causes
from falcoport.delivery.sidekick import Counters

OPEN: dict[str, Any] = {"identifier": "w"}
SECURED = {
    **OPEN,
    "security": {"secret": "***", "signatureHeaderName": "X-S", "signatureAlgorithm": "plain"},
}
TAKEN = Counters(accepted=1)
POSTED = Counters(accepted=1, posted=1)


@pytest.mark.parametrize(
    ("webhook", "evidence", "code"),
    [
        (OPEN, {"counters": None}, "sidekick"),
        (OPEN, {"counters": Counters()}, "sidekick"),
        (OPEN, {"counters": Counters(accepted=1, failed=1)}, "could_not_send"),
        (OPEN, {"counters": TAKEN, "probe": POSTED}, "minimum_priority"),
        (OPEN, {"counters": TAKEN, "probe": Counters(1, 0, 1)}, "minimum_priority"),
        (OPEN, {"counters": TAKEN, "probe": TAKEN}, "no_webhook_output"),
        (OPEN, {"counters": TAKEN, "probe": None}, "no_webhook_output"),
        (OPEN, {"counters": POSTED, "direct": True}, "sidekick_address"),
        (SECURED, {"counters": POSTED, "direct": True}, "sidekick_header"),
        (SECURED, {"counters": POSTED}, "sidekick_header"),
        (SECURED, {"counters": POSTED, "direct": False}, "dropped_by_port"),
        (SECURED, {"counters": POSTED, "direct": True, "was_mapped": True}, "sidekick_tags"),
    ],
)
def test_each_case_has_one_cause(
    webhook: dict[str, Any], evidence: dict[str, Any], code: str
) -> None:
    seen = ChainEvidence("localhost:2801", **evidence)
    [problem] = chain_causes(seen, webhook, "Notice")
    assert problem.code == code
    assert problem.where == "Falcosidekick at localhost:2801"
    assert problem.hint
