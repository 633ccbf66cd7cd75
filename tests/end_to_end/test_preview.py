"""Previews: records in input order, what fails, what collides, bad lines, any size."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.alerts import ALERTS, as_line
from support.command_line import Ran, falcoport

from falcoport.commands.context import Context
from falcoport.commands.preview import PreviewRequest, preview
from falcoport.falco.samples import sample, samples
from falcoport.manifests.loading import load
from falcoport.port.entity_check import property_problem
from falcoport.preview import workers
from falcoport.preview.collisions import CollisionCounter
from falcoport.preview.engine import MapperOptions, Page
from falcoport.preview.workers import Source, pages

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from falcoport.sandbox.server import RunningSandbox

ALERT = sample("fileless-execution")


@pytest.fixture
def alert_file(tmp_path: Path) -> Path:
    path = tmp_path / "alerts.json"
    path.write_text(f"{ALERT.line}\n", encoding="utf-8")
    return path


def records(ran: Ran) -> list[dict[str, Any]]:
    """Return the JSON Lines on stdout."""
    return [json.loads(line) for line in ran.stdout.splitlines()]


def mapping_file(tmp_path: Path, **entity: Any) -> str:
    """Write the shipped webhook with other expressions in its mapping, and return its path."""
    webhook = json.loads(json.dumps(load().webhook.body))
    for key, value in entity.items():
        webhook["mappings"][0]["entity"][key] = value
    path = tmp_path / "webhook.yaml"
    path.write_text(yaml.safe_dump(webhook), encoding="utf-8")
    return str(path)


def test_a_record_is_exactly_what_is_promised(alert_file: Path) -> None:
    ran = falcoport("preview", str(alert_file), "-o", "jsonl")
    assert ran.exit_code == 0, ran.stderr
    alert = ALERT.alert
    identifier = f"{alert['hostname']}-{alert['time']}"
    assert records(ran) == [
        {
            "source": str(alert_file),
            "line": 1,
            "blueprint": "falco_alert",
            "entity": {
                "identifier": identifier,
                "title": identifier,
                "properties": {
                    **{k: v for k, v in alert.items() if k != "output_fields"},
                    "output_field": {
                        **alert["output_fields"],
                        "evt.time": 1786959972318204700,
                    },
                },
                "relations": {"namespace": "auth-namespace"},
            },
            "errors": [],
        }
    ]


def test_without_a_file_the_samples_are_mapped() -> None:
    ran = falcoport("preview", "-o", "json")
    assert ran.exit_code == 0
    assert ran.data["alerts"] == len(samples())
    assert {r["source"] for r in ran.data["entities"]} == {f"samples/{s.name}" for s in samples()}
    text = falcoport("preview")
    assert text.exit_code == 0
    assert "auth-namespace" in text.stdout
    assert f"{len(samples())} alerts" in text.stderr


def test_bad_lines_are_named_and_the_rest_goes_on(alert_file: Path) -> None:
    good = ALERT.line
    nan = '{"rule":"r","priority":"Debug","time":"2026-01-01T00:00:00Z","output_fields":{"a":NaN}}'
    alert_file.write_text(f"{good}\n{nan}\nEvents detected: 2\n{{\n{good}\n", encoding="utf-8")
    ran = falcoport("preview", str(alert_file), "-o", "jsonl")
    assert ran.exit_code == 7
    assert [record["line"] for record in records(ran)] == [1, 5]
    assert f"{alert_file}:2" in ran.stderr
    assert "NaN is not a JSON value" in ran.stderr
    assert f"{alert_file}:4" in ran.stderr
    envelope = falcoport("preview", str(alert_file), "-o", "json")
    assert (envelope.data["bad_lines"], envelope.data["text_lines"]) == (2, 1)
    assert [e["where"] for e in envelope.envelope["errors"]] == [
        f"{alert_file}:{n}" for n in (2, 4)
    ]


@pytest.mark.parametrize("content", [b"", b"text\n", os.urandom(2000), b"\x00" * 500, b"[]\n{}\n"])
def test_no_alert_at_all_ends_with_4(content: bytes, alert_file: Path) -> None:
    alert_file.write_bytes(content)
    ran = falcoport("preview", str(alert_file))
    assert ran.exit_code == 4
    assert "There is no alert in" in ran.stderr
    assert "Traceback" not in ran.everything


def test_files_that_cannot_be_read_are_all_named_first(tmp_path: Path, alert_file: Path) -> None:
    ran = falcoport("preview", str(tmp_path / "none"), str(alert_file), str(tmp_path / "nor"))
    assert ran.exit_code == 4
    assert ran.stdout == ""
    assert len(ran.errors) == 2


def test_a_failing_expression_is_named_with_jqs_own_message(
    alert_file: Path, tmp_path: Path
) -> None:
    config = mapping_file(tmp_path, properties={"rule": ".body.tags + 1", "tags": ".body.tags"})
    ran = falcoport("preview", str(alert_file), "--webhook-config", config, "-o", "jsonl")
    [record] = records(ran)
    [error] = record["errors"]
    assert error["field"] == "entity.properties.rule"
    assert error["expression"] == ".body.tags + 1"
    assert "cannot be added" in error["message"]
    assert record["entity"]["properties"]["rule"] is None
    text = falcoport("preview", str(alert_file), "--webhook-config", config)
    assert "1 with failures" in text.stderr
    assert "entity.properties.rule" in text.stdout


@pytest.mark.parametrize(
    ("entity", "field", "message"),
    [
        ({"identifier": ".body.none"}, "entity.identifier", "Port stores nothing"),
        ({"identifier": ".body.rule"}, "entity.identifier", "characters that Port refuses: ' '"),
        ({"properties": {"tags": ".body.rule"}}, "entity.properties.tags", "wants an array"),
        ({"properties": {"time": ".body.rule"}}, "entity.properties.time", "no date-time"),
        ({"properties": {"more": ".body.rule"}}, "entity.properties.more", "not a property of"),
    ],
)
def test_what_port_would_refuse_is_told(
    entity: dict[str, Any], field: str, message: str, alert_file: Path, tmp_path: Path
) -> None:
    config = mapping_file(tmp_path, **entity)
    ran = falcoport("preview", str(alert_file), "--webhook-config", config, "-o", "jsonl")
    [record] = records(ran)
    assert [error["field"] for error in record["errors"]] == [field]
    assert message in record["errors"][0]["message"]
    if "identifier" in entity and "none" in entity["identifier"]:
        assert record["entity"] is None


def test_what_a_filter_leaves_out_is_counted_and_not_shown(
    alert_file: Path, tmp_path: Path
) -> None:
    webhook = json.loads(json.dumps(load().webhook.body))
    webhook["mappings"][0]["filter"] = '.body.priority == "Debug"'
    config = tmp_path / "webhook.json"
    config.write_text(json.dumps(webhook))
    ran = falcoport("preview", str(alert_file), "--webhook-config", str(config), "-o", "jsonl")
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert "1 left out by a filter" in ran.stderr


def test_each_way_to_fail_is_told_once_with_its_count(alert_file: Path, tmp_path: Path) -> None:
    """Also where it shows only far behind the entities that the table has room for."""
    config = mapping_file(tmp_path, properties={"rule": ".body.rule | ascii_downcase | .[0:3] + 1"})
    alert_file.write_text(f"{ALERT.line}\n" * 100, encoding="utf-8")
    ran = falcoport("preview", str(alert_file), "--webhook-config", config, "-o", "json")
    [failure] = ran.data["failed"]
    assert (failure["count"], failure["line"]) == (100, 1)
    text = falcoport("preview", str(alert_file), "--webhook-config", config)
    assert text.stdout.count("cannot be added") == 1
    assert "… and 60 more" in text.stderr


def test_items_of_a_list_are_mapped_as_well(
    pointed: RunningSandbox, api: httpx.Client, alert_file: Path
) -> None:
    del pointed
    assert falcoport("setup", "--create-namespace-blueprint").exit_code == 0
    webhook = api.get("/webhooks/falco_alert_mapper").json()["integration"]
    items = {
        "blueprint": "namespace",
        "itemsToParse": ".body.tags",
        "filter": '.item | startswith("port-")',
        "entity": {"identifier": ".item"},
    }
    body = {"mappings": [items, *webhook["mappings"]]}
    api.patch("/webhooks/falco_alert_mapper", json=body).raise_for_status()
    ran = falcoport("preview", str(alert_file), "--live", "-o", "json")
    found = [record["entity"]["identifier"] for record in ran.data["entities"]]
    assert found[0] == "port-auth-namespace"
    assert len(found) == 2
    assert ran.data["filtered"] == len(ALERT.alert["tags"]) - 1


def two_rules() -> str:
    other = {**ALERT.alert, "rule": "Drop and execute (new) binary"}
    return f"{ALERT.line}\n{as_line(other)}\n{ALERT.line}\n"


def test_two_rules_on_one_event_collide_and_the_rule_keeps_them_apart(alert_file: Path) -> None:
    alert_file.write_text(two_rules(), encoding="utf-8")
    ran = falcoport("preview", str(alert_file), "-o", "json")
    assert ran.data["collisions"] == {"identifiers": 1, "alerts": 2, "lost": 1}
    told = falcoport("preview", str(alert_file)).stderr
    assert "2 alerts share 1 identifier," in told
    assert f"{alert_file}:1 and {alert_file}:2" in told
    for name in ("hostname-time-rule", "uuid"):
        ran = falcoport("preview", str(alert_file), "--identifier", name, "-o", "json")
        assert ran.data["collisions"]["identifiers"] == 0
        assert not any(record["errors"] for record in ran.data["entities"])


def test_namespaces_are_made_before_the_alert_and_are_no_collision(alert_file: Path) -> None:
    alert_file.write_text(two_rules(), encoding="utf-8")
    ran = falcoport(
        "preview", str(alert_file), "--ensure-namespaces", "--cluster", "prod",
        "--identifier", "hostname-time-rule", "-o", "json",
    )  # fmt: skip
    assert [r["blueprint"] for r in ran.data["entities"]] == ["namespace", "falco_alert"] * 3
    assert ran.data["entities"][0]["entity"] == {
        "identifier": "auth-namespace", "title": None, "properties": {}, "relations": {}
    }  # fmt: skip
    assert ran.data["collisions"]["identifiers"] == 0


def test_custom_tags_are_those_of_falcosidekick(alert_file: Path) -> None:
    ran = falcoport("preview", str(alert_file), "--custom-tag", "port-zz", "-o", "jsonl")
    [record] = records(ran)
    assert "port-zz" in record["entity"]["properties"]["tags"]
    assert record["entity"]["relations"]["namespace"] == "auth-namespace"


def test_live_takes_the_mapping_from_port(
    pointed: RunningSandbox, api: httpx.Client, alert_file: Path
) -> None:
    del pointed
    assert falcoport("preview", str(alert_file), "--live").exit_code == 3
    assert falcoport("setup", "--create-namespace-blueprint").exit_code == 0
    webhook = api.get("/webhooks/falco_alert_mapper").json()["integration"]
    mapping = webhook["mappings"][0]
    mapping["entity"]["title"] = '"live"'
    body = {key: webhook[key] for key in ("title", "enabled")} | {"mappings": [mapping]}
    api.patch("/webhooks/falco_alert_mapper", json=body).raise_for_status()
    ran = falcoport("preview", str(alert_file), "--live", "-o", "jsonl")
    assert records(ran)[0]["entity"]["title"] == "live"
    assert falcoport("preview", "--live", "--cluster", "x").exit_code == 2


def test_other_commands_have_no_json_lines() -> None:
    ran = falcoport("plan", "-o", "jsonl")
    assert ran.exit_code == 2
    assert "is not one of 'text', 'json'" in ran.stderr


def run_apart(*arguments: str, **given: Any) -> subprocess.CompletedProcess[bytes]:
    """Run falcoport in a process of its own."""
    command = [sys.executable, "-m", "falcoport", *arguments]
    return subprocess.run(command, capture_output=True, check=False, **given)


def test_stdin_works_in_a_pipe_and_a_pipe_that_closes_ends_quietly(tmp_path: Path) -> None:
    big = tmp_path / "big.json"
    big.write_text(f"{ALERT.line}\n" * 2500, encoding="utf-8")
    command = f"cat {big} | {sys.executable} -m falcoport preview - -o jsonl | head -1"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
    assert ran.stdout.count(b"\n") == 1
    assert json.loads(ran.stdout)["source"] == "-"
    assert ran.stderr == b""


def test_a_long_file_is_mapped_by_several_processes_in_order(tmp_path: Path) -> None:
    """Twice as many lines as one chunk holds, bad ones among them, and two files."""
    lines = []
    for number in range(1000):
        alert = {**ALERT.alert, "hostname": f"host-{number}"}
        lines.append("{broken" if number % 100 == 7 else as_line(alert))
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("\n".join(lines), encoding="utf-8")
    other.write_text(f"{ALERT.line}\n", encoding="utf-8")
    ran = run_apart("preview", str(one), str(other), "-o", "jsonl")
    assert ran.returncode == 7, ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    expected = [n + 1 for n in range(1000) if n % 100 != 7]
    assert [r["line"] for r in found if r["source"] == str(one)] == expected
    assert found[-1]["source"] == str(other)
    hosts = [r["entity"]["properties"]["hostname"] for r in found[:-1]]
    assert hosts == [f"host-{line - 1}" for line in expected]


def map_all(blocks: list[bytes]) -> list[Page]:
    options = MapperOptions(load().webhook.body["mappings"])
    return [page for _, page in pages(options, [Source("s", blocks)])]


@settings(max_examples=20)
@given(st.lists(ALERTS, min_size=1, max_size=4))
def test_every_alert_that_falcosidekick_passes_on_is_mapped(alerts: list[dict[str, Any]]) -> None:
    text = "".join(f"{as_line(alert)}\n" for alert in alerts).encode()
    [page] = map_all([text])
    assert page.alerts == page.entities == len(alerts)
    assert [json.loads(line)["line"] for line in page.records.splitlines()] == [
        *range(1, len(alerts) + 1)
    ]


def test_one_processor_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_count_processors", lambda: 1)
    block = (ALERT.line + "\n").encode() * 200
    assert sum(page.alerts for page in map_all([block, block])) == 400


def test_what_trickles_in_is_shown_at_once() -> None:
    """A page comes for each small block, before the next block is asked for."""
    line = (ALERT.line + "\n").encode()
    asked = []

    def blocks() -> Any:
        for number in range(4):
            asked.append(number)
            yield line

    options = MapperOptions(load().webhook.body["mappings"])
    for number, (_, page) in enumerate(pages(options, [Source("s", blocks())])):
        assert page.alerts == 1
        assert asked == list(range(number + 1))


def test_collisions_are_counted_by_different_alerts() -> None:
    from array import array

    with CollisionCounter() as counter:
        counter.add("a", array("q", [1, 10, 1, 2, 20, 2, 1, 10, 3]))
        counter.add("b", array("q", [1, 11, 7, 3, 30, 8]))
        counter.add("a", array("q", [2, 21, 9, 2, 22, 10]))
        found = counter.count()
    assert (found.identifiers, found.alerts, found.lost) == (2, 5, 3)
    assert set(found.examples) == {(("a", 1), ("b", 7)), (("a", 2), ("a", 9))}


@pytest.mark.parametrize(
    ("value", "definition", "fine"),
    [
        (None, {"type": "string"}, True),
        ("x", {"type": "string"}, True),
        (1, {"type": "string"}, False),
        (True, {"type": "number"}, False),
        (1.5, {"type": "number"}, True),
        (True, {"type": "boolean"}, True),
        ([], {"type": "array"}, True),
        ({}, {"type": "array"}, False),
        ({}, {"type": "object"}, True),
        ("2026-01-01T00:00:00Z", {"type": "string", "format": "date-time"}, True),
        ("yesterday", {"type": "string", "format": "date-time"}, False),
        (1, {"type": "something new"}, True),
    ],
)
def test_values_as_a_blueprint_wants_them(
    value: Any, definition: dict[str, Any], fine: bool
) -> None:
    assert (property_problem(value, definition) == "") is fine


def test_text_from_an_alert_never_reaches_the_terminal_raw(alert_file: Path) -> None:
    alert = {**ALERT.alert, "rule": "\x1b[31mred\x1b[0m [bold]x[/bold]"}
    alert_file.write_text(as_line(alert), encoding="utf-8")
    ran = falcoport("preview", str(alert_file))
    assert "\x1b" not in ran.everything
    assert "[bold]" in ran.stdout


def test_stdin_without_an_alert_is_named() -> None:
    ran = run_apart("preview", "-", stdin=subprocess.DEVNULL)
    assert ran.returncode == 4
    assert b"There is no alert in standard input." in ran.stderr


def test_the_output_writes_bytes_where_it_can(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    from falcoport.render.console import Format, Output

    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    Output(Format.JSONL, stdout=stream).json_lines('{"é":1}\n'.encode())
    assert stream.buffer.getvalue() == '{"é":1}\n'.encode()
    assert capsysbinary.readouterr().out == b""


def test_the_files_of_a_folder_are_read_by_name(alert_file: Path) -> None:
    folder = alert_file.parent / "stored"
    folder.mkdir()
    for name in ("b.json", "a.json"):
        (folder / name).write_text(ALERT.line, encoding="utf-8")
    found = [
        record["source"] for record in records(falcoport("preview", str(folder), "-o", "jsonl"))
    ]
    assert found == [str(folder / "a.json"), str(folder / "b.json")]


def offline_context() -> Context:
    """Return a context that is asked for nothing: neither Port nor a person."""

    def refuse(*_: object) -> Any:
        raise AssertionError("preview needs nothing from outside")

    return Context(refuse, refuse, refuse, refuse, refuse, refuse)


def test_preview_is_right_without_its_speed_path(alert_file: Path) -> None:
    """Everything that the result holds, records included, is the same with the switch off."""
    alert_file.write_text("\n".join([as_line(ALERT.alert), "{broken", two_rules()]), "utf-8")
    results = []
    for fast in (True, False):
        records: list[bytes] = []
        request = PreviewRequest(load(), files=(str(alert_file),), fast=fast)
        result = preview(request, offline_context(), records.append)
        results.append((result, b"".join(records)))
    assert results[0] == results[1]
    assert results[0][0].entities == 4
    assert results[0][0].bad == 1


def test_the_format_can_be_said_where_it_cannot_be_seen(tmp_path: Path) -> None:
    """A tool's own line comes first here, and the records after it."""
    record = {"topic": "t", "partition": 0, "offset": 1, "payload": samples()[0].line}
    file = tmp_path / "answer"
    file.write_text('{"lines":"of a tool"}\n' + json.dumps(record) + "\n")
    assert falcoport("preview", str(file)).exit_code == 4
    assert falcoport("preview", str(file), "--input", "kafka").exit_code == 0


def test_alerts_that_a_relation_finds_nothing_for_are_counted() -> None:
    ran = falcoport("preview", "--cluster", "prod", "--workload", "-o", "json")
    stored = [one["entity"]["relations"] for one in ran.data["entities"]]
    missing = {
        name: sum(relations[name] is None for relations in stored)
        for name in ("namespace", "workload")
    }
    assert ran.data["unrelated"] == missing
    assert all(missing.values())
    shown = falcoport("preview", "--cluster", "prod", "--workload").stderr
    assert (
        f"{missing['namespace']} without namespace · {missing['workload']} without workload"
        in shown
    )


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full", "/dev/urandom"])
def test_a_device_holds_no_alerts(device: str) -> None:
    ran = falcoport("preview", device)
    assert ran.exit_code == 4
    assert ran.errors == [f"{device} is a device, which holds no alerts."]
