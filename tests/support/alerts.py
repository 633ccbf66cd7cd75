"""Generated alerts that the tests of falco, mapping and preview share."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from falcoport.falco.priorities import PRIORITIES

TEXTS = st.text(max_size=20)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.text("é€a<", min_size=100, max_size=900),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
NAMESPACES = st.none() | st.sampled_from(["", "<NA>", "auth", "kube-system", "kubernetes"])
TAGS = st.sampled_from(
    ["", "k8s", "port-", "port-auth-namespace", "port-port-x", "port_scan", "support", "T1059"]
)
# The first instant of year 1 is what Go, and so Falcosidekick, takes for no time at all.
TIMES = st.datetimes(min_value=datetime(1, 1, 2)).map(  # noqa: DTZ001 -- Falco's are in UTC
    lambda t: t.isoformat(timespec="microseconds") + "000Z"
)


def _fields(given: tuple[dict[str, Any], Any, Any]) -> dict[str, Any]:
    values, own, audit = given
    # Falcosidekick fails on a pod's name that is not text.
    pod = {"k8s.pod.name": "login-api"} if "k8s.pod.name" in values else {}
    return {**values, **pod, "k8s.ns.name": own, "ka.target.namespace": audit}


ALERTS = st.fixed_dictionaries(
    {
        "output_fields": st.tuples(
            st.dictionaries(TEXTS, VALUES, max_size=5), NAMESPACES, NAMESPACES
        ).map(_fields),
        "priority": st.sampled_from(PRIORITIES),
        "rule": st.text(min_size=1, max_size=30),
        "time": TIMES,
    },
    optional={
        "hostname": TEXTS,
        "output": TEXTS,
        "source": st.sampled_from(["syscall", "k8s_audit", ""]),
        "tags": st.lists(TAGS | TEXTS, max_size=5),
        "message": TEXTS,
    },
)
"""Alerts as Falco could print them, and stranger ones, as objects."""


def as_line(alert: dict[str, Any]) -> str:
    """Return the line that Falco prints for an alert."""
    return json.dumps(alert, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
