"""What comes back from a store is what Falcosidekick would have posted, byte for byte."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from support.stores import WRITERS, generate_bodies

from falcoport.delivery.posting import UnusableAlertError, prepare
from falcoport.falco.inputs.interface import InputFormat, find_alerts, split_source

FORMS = {
    "loki": InputFormat.LOKI,
    "cloudwatch-filter": InputFormat.CLOUDWATCH,
    "cloudwatch-insights": InputFormat.CLOUDWATCH,
    "kcat": InputFormat.KAFKA,
    "kafka-rest": InputFormat.KAFKA,
    "elastic": InputFormat.ELASTICSEARCH,
    "redis-quoted": InputFormat.REDIS,
    "redis-json": InputFormat.REDIS,
    "redis-hash-json": InputFormat.REDIS,
    "splunk": InputFormat.SPLUNK,
    "sqs": InputFormat.SQS,
    "pubsub": InputFormat.PUBSUB,
    "kinesis": InputFormat.KINESIS,
    "rabbitmq": InputFormat.RABBITMQ,
    "datadog": InputFormat.DATADOG,
    "chronicle": InputFormat.CHRONICLE,
    "cloudevents": InputFormat.CLOUDEVENTS,
    "sidekick-ui": InputFormat.SIDEKICK_UI,
    "logstash": InputFormat.LOGSTASH,
    "pretty-alerts": InputFormat.JSON_DOCUMENT,
    "list-of-alerts": InputFormat.JSON_DOCUMENT,
}


def read_back(source: bytes, block: int = 0) -> tuple[list[bytes], list[str]]:
    """Return the bodies and the problems of a source that comes in blocks of that many bytes."""
    blocks = [source[i : i + block] for i in range(0, len(source), block)] if block else [source]
    bodies, problems = [], []
    for chunk in split_source(blocks):
        for found in find_alerts(chunk):
            if found.problem:
                problems.append(found.problem)
            elif found.text:
                try:
                    bodies.append(prepare(found.text).body)
                except UnusableAlertError as error:
                    problems.append(str(error))
    return bodies, problems


@pytest.mark.parametrize("shape", WRITERS)
@pytest.mark.parametrize("block", [0, 97, 4096])
def test_every_alert_comes_back_as_it_was(shape: str, block: int) -> None:
    bodies = generate_bodies(30)
    found, problems = read_back(WRITERS[shape](bodies), block)
    assert problems == []
    assert sorted(found) == sorted(body + b"\n" for body in bodies)


@pytest.mark.slow  # forty shapes of a thousand alerts each
@pytest.mark.parametrize("shape", WRITERS)
def test_a_thousand_alerts_come_back_as_they_were(shape: str) -> None:
    bodies = generate_bodies(1000, seed=16)
    found, problems = read_back(WRITERS[shape](bodies), 256 * 1024)
    assert problems == []
    assert sorted(found) == sorted(body + b"\n" for body in bodies)


@pytest.mark.parametrize(("prefix", "form"), FORMS.items())
def test_the_format_is_found_by_looking(prefix: str, form: InputFormat) -> None:
    for shape in [name for name in WRITERS if name.startswith(prefix)]:
        for count in (1, 40):
            source = WRITERS[shape](generate_bodies(count))
            assert {chunk.form for chunk in split_source([source])} == {form}, shape


@pytest.mark.parametrize("shape", WRITERS)
def test_one_alert_is_found_as_well_as_many(shape: str) -> None:
    [body] = generate_bodies(1)
    assert read_back(WRITERS[shape]([body])) == ([body + b"\n"], [])


def flatten(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name.replace(".", "_").replace("[", "_").replace("]", ""): value
        for name, value in fields.items()
    }


def test_flattened_names_of_elasticsearch_are_falcos_own_again() -> None:
    fields = {
        "k8s.ns.name": "auth",
        "container.image.repository": "r",
        "proc.aname[2]": "sh",
        "proc.is_exe_upper_layer": True,
        "proc.exe_ino.ctime_duration_proc_start": 12,
        "fd.name_changed": "x",
        "fd.l4proto": "tcp",
        "evt.time": 1786960041123456789,
        "ka.req.pod.host_network": "true",
        "my_own": "stays",
    }
    alert = {"rule": "r", "priority": "Notice", "time": "t", "output_fields": flatten(fields)}
    source = json.dumps({"hits": {"hits": [{"_index": "falco", "_source": alert}]}}).encode()
    [chunk] = split_source([source])
    [found] = find_alerts(chunk)
    assert json.loads(found.text)["output_fields"] == fields


def test_dynatrace_gives_the_parts_of_an_alert_back() -> None:
    log = {
        "timestamp": "2026-08-17T09:47:21Z",
        "event.id": "7b0f6c1e-3a52-4d0e-9a4b-2f8c6f0d51aa",
        "event.name": "A rule",
        "severity": "Warning",
        "host.name": "node-1",
        "log.source": "syscall",
        "content": {"output": "x", "output_fields": {"evt.time": 1}, "tags": ["T1059"]},
    }
    [chunk] = split_source([json.dumps([log]).encode()])
    [found] = find_alerts(chunk)
    assert json.loads(found.text) == {
        "uuid": "7b0f6c1e-3a52-4d0e-9a4b-2f8c6f0d51aa",
        "output": "x",
        "priority": "Warning",
        "rule": "A rule",
        "time": "2026-08-17T09:47:21Z",
        "output_fields": {"evt.time": 1},
        "source": "syscall",
        "tags": ["T1059"],
        "hostname": "node-1",
    }


LOKI_TEXT = {
    "labels": {"rule": "A rule", "source": "syscall", "priority": "Warning"},
    "line": "09:47:21.123: Warning A shell",
    "timestamp": "2026-08-17T09:47:21.123Z",
}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (json.dumps(LOKI_TEXT).encode(), "loki.format is text"),
        (b"<13>Aug 17 CEF:0|Falcosecurity|Falco|1.0|Falco Event|A rule|6|x\n", "format CEF"),
        (b"time,rule,priority,source,output,tags,hostname\n2026,r,p,s,o,,h\n", "TimescaleDB"),
        (b"events,rule=r,priority=Warning,source=syscall value=x\n", "InfluxDB"),
        (b'[{"labels":{"alertname":"x","source":"falco"},"startsAt":"t"}]', "Alertmanager"),
        (b'{"resourceLogs":[]}', "OTLP"),
        (b"PAR1\x15\x04", "Parquet"),
        (b'falcosecurity_falcosidekick_outputs_total{destination="x"} 1\n', "metrics count"),
        (
            b'{"Messages":[{"Body":"{\\"Type\\":\\"Notification\\",\\"Message\\":\\"t\\"}"}]}',
            "rawjson",
        ),
        (b'{"results":[[{"field":"@timestamp","value":"x"}]],"status":"Complete"}', "@message"),
        (b'{"preview":false,"result":{"host":"x"}}\n', "_raw"),
        (b'[{"message":{"data":"%%%"}}]', "not base64"),
    ],
)
def test_what_does_not_hold_whole_alerts_is_refused_with_the_reason(
    source: bytes, reason: str
) -> None:
    bodies, problems = read_back(source)
    assert bodies == []
    assert len(problems) == 1
    assert reason in problems[0]


def test_a_format_that_is_given_is_not_looked_for() -> None:
    [body] = generate_bodies(1)
    chunks = list(split_source([body], InputFormat.KAFKA))
    assert [chunk.form for chunk in chunks] == [InputFormat.KAFKA]


def test_lines_of_a_tool_between_alerts_are_passed_over() -> None:
    first, second = generate_bodies(2)
    source = (
        WRITERS["splunk-export"]([first])
        + b'{"preview":false,"lastrow":true}\n'
        + WRITERS["splunk-export"]([second])
    )
    assert read_back(source) == ([first + b"\n", second + b"\n"], [])


def test_a_broken_line_between_alerts_is_named_and_passed_over() -> None:
    first, second = generate_bodies(2)
    source = WRITERS["kcat-json"]([first]) + b'{"topic":\n' + WRITERS["kcat-json"]([second])
    bodies, problems = read_back(source)
    assert bodies == [first + b"\n", second + b"\n"]
    assert len(problems) == 1


def test_a_compressed_file_that_is_cut_off_gives_what_is_whole_and_says_so() -> None:
    bodies = generate_bodies(200)
    source = WRITERS["lines-gzip"](bodies)
    for rest in (b"", b"\xff" * 50):
        found, problems = read_back(source[: len(source) // 2] + rest)
        assert 0 < len(found) < 200
        assert found == [body + b"\n" for body in bodies[: len(found)]]
        assert problems[-1] == "its compression is broken, or it is cut off, from here on"


def test_a_small_file_that_expands_without_end_is_not_held_in_memory() -> None:
    expanded = 64 * 1024 * 1024
    source = gzip.compress(b" " * 1023 + b"\n" * 1) * 2 + gzip.compress(b"\n" * expanded)
    largest = max(len(chunk.text) for chunk in split_source([source]))
    assert largest <= 4 * 1024 * 1024
