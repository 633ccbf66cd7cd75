"""Filters that options write: read back exactly, and the same to jq as to the predicate."""

from __future__ import annotations

import fnmatch
import json
import shutil
import subprocess
from typing import Any

import jq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.alert_filters import make_predicate
from support.alerts import ALERTS, as_line

from falcoport.errors import OptionValueError
from falcoport.falco.priorities import PRIORITIES
from falcoport.falcosidekick.forward import forwarded
from falcoport.mapping.expressions import requoted
from falcoport.mapping.filter_expressions import (
    ALL,
    AlertFilter,
    check_filter,
    read_filter,
    write_filter,
)

JQ = shutil.which("jq")
NAMES = ["Terminal shell in container", "Read sensitive file untrusted", "Test (1+1) 'x' \\ \"y\""]
GLOBS = st.lists(
    st.sampled_from([*NAMES, "*", "Read*", "?e*", "shop", "kube-*", "a|b", "é*", "'q'"])
    | st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1),
    max_size=4,
).map(tuple)
FILTERS = st.builds(
    AlertFilter,
    min_priority=st.none() | st.sampled_from(PRIORITIES),
    only_rules=GLOBS,
    skip_rules=GLOBS,
    only_namespaces=GLOBS | st.just(("",)) | st.just(("auth", "")),
    skip_namespaces=GLOBS | st.just(("",)),
)
BASES = st.sampled_from([ALL, '.body.source != "internal"', "(.a) and (.b)"])


@given(FILTERS, BASES)
def test_a_filter_is_read_back_from_what_was_written(chosen: AlertFilter, base: str) -> None:
    assert read_filter(write_filter(chosen, base), base) == check_filter(chosen)


@given(FILTERS)
def test_ports_reading_of_single_quotes_leaves_a_filter_alone(chosen: AlertFilter) -> None:
    text = write_filter(chosen)
    assert requoted(text) == text


@given(FILTERS, st.lists(ALERTS, min_size=1, max_size=5))
def test_jq_passes_what_the_predicate_passes(
    chosen: AlertFilter, alerts: list[dict[str, Any]]
) -> None:
    for name in chosen.only_rules[:1]:
        alerts = [*alerts, {**alerts[0], "rule": name or "x"}]
    bodies = [json.loads(forwarded(as_line(alert))) for alert in alerts]
    passes = make_predicate(chosen)
    program = write_filter(chosen)
    events = "\n".join(json.dumps({"body": body}) for body in bodies)
    expected = [passes(body) for body in bodies]
    assert jq.compile(program).input_text(events).all() == expected
    if JQ is not None:
        ran = subprocess.run(
            [JQ, "-c", program], input=events, capture_output=True, text=True, check=False
        )
        assert [json.loads(line) for line in ran.stdout.split()] == expected, ran.stderr


@given(st.text("ab*?", min_size=1, max_size=6), st.text("ab", max_size=6))
def test_a_glob_means_what_a_shell_takes_it_for(glob: str, name: str) -> None:
    passes = make_predicate(AlertFilter(only_rules=(glob,)))
    assert passes({"rule": name}) == fnmatch.fnmatchcase(name, glob)


def test_a_filter_is_one_readable_line() -> None:
    chosen = AlertFilter("error", skip_rules=("Contact K8S API Server From Container",))
    assert write_filter(chosen) == (
        '(.body.priority | IN("Emergency", "Alert", "Critical", "Error")) and '
        '(.body.rule | IN("Contact K8S API Server From Container") | not)'
    )
    assert '(.body.rule | test("\\\\A(?:Read .*)\\\\z"))' in write_filter(
        AlertFilter(only_rules=("Read *",))
    )


def test_an_alert_without_a_namespace_passes_only_where_that_is_asked_for() -> None:
    host = {"rule": "r", "output_fields": {"k8s.ns.name": None}}
    assert not make_predicate(AlertFilter(only_namespaces=("auth",)))(host)
    assert make_predicate(AlertFilter(only_namespaces=("auth", "")))(host)
    assert make_predicate(AlertFilter(skip_namespaces=("auth",)))(host)


def test_the_lowest_priority_lets_everything_pass() -> None:
    assert write_filter(AlertFilter(min_priority="debug")) == ALL
    assert write_filter(AlertFilter(min_priority="info")) != ALL


@pytest.mark.parametrize(
    "text",
    [
        None,
        "false",
        '.body.priority == "Critical"',
        '(.body.priority | IN("Emergency", "Critical"))',
        '(.body.rule | IN("a")) or true',
        '(.body.rule | test("a.*"))',
        '(.body.rule | test("\\\\A(?:a[b])\\\\z"))',
    ],
)
def test_a_filter_of_somebody_else_is_not_read(text: object) -> None:
    assert read_filter(text) is None


@pytest.mark.parametrize(
    "chosen",
    [
        AlertFilter(min_priority="urgent"),
        AlertFilter(only_rules=("",)),
        AlertFilter(skip_rules=("a\nb",)),
        AlertFilter(only_namespaces=("\x1b[0m",)),
    ],
)
def test_what_cannot_be_meant_is_refused(chosen: AlertFilter) -> None:
    with pytest.raises(OptionValueError) as caught:
        write_filter(chosen)
    assert caught.value.problems[0].where.startswith("--")
