"""Alerts as each store or tool gives them back: writers of the real shapes.

Each takes bodies as Falcosidekick encodes them, without a line end, and returns a file's bytes.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
from typing import TYPE_CHECKING, Any

from falcoport.falco.samples import samples
from falcoport.falcosidekick.forward import NotForwardedError, forwarded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Writer = "Callable[[Sequence[bytes]], bytes]"


def generate_bodies(count: int, seed: int = 1) -> list[bytes]:
    """Return what Falcosidekick would post for alerts of many kinds, in order of time."""
    random_ = random.Random(seed)
    shipped = [(one.alert, one.custom_tags) for one in samples()]
    bodies: list[bytes] = []
    while len(bodies) < count:
        alert, tags = random_.choice(shipped)
        number = len(bodies)
        fields = {
            **alert["output_fields"],
            "evt.time": 1786960041123456789 + number,
            "proc.cmdline": random_.choice(
                ["bash -c 'x > /dev/null && é'", "日本 \u2028", "a" * 700, 'q"\\', "</script>"]
            ),
            "fd.ratio": 1.5,
            "proc.tty": None,
        }
        own = {
            **alert,
            "rule": f"{alert['rule']} {number}",
            "time": f"2026-08-17T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:"
            f"{number % 60:02d}.{random_.randrange(10**9):09d}Z",
            "output_fields": fields,
            "hostname": random_.choice(["node-1", "", "knoten-ü"]),
            "tags": random_.choice([[], ["T1059", "port-auth"], alert.get("tags", [])]),
        }
        line = json.dumps(own, ensure_ascii=False, separators=(",", ":"))
        line = line.replace('"fd.ratio":1.5', '"fd.ratio":1.50')  # a number's text is kept
        uuid = f"{random_.getrandbits(32):08x}-0000-4000-8000-{number:012x}"
        try:
            bodies.append(forwarded(line, uuid=uuid, custom_tags=tags).removesuffix(b"\n"))
        except NotForwardedError:
            continue
    return bodies


def _text(body: bytes) -> str:
    return body.decode()


def _lines(values: Sequence[Any]) -> bytes:
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in values)


def _pretty(value: Any) -> bytes:
    return json.dumps(value, indent=4, ensure_ascii=False).encode() + b"\n"


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def _object(body: bytes, **more: str) -> str:
    """Return an alert's object with further members, its numbers as they are written."""
    added = "".join(f",{json.dumps(k)}:{v}" for k, v in more.items())
    return _text(body)[:-1] + added + "}"


def elasticsearch_hits(bodies: Sequence[bytes]) -> bytes:
    hits = ",".join(
        f'{{"_index":"falco-2026.08.17","_id":"{n}","_score":1.0,"_source":'
        + _object(body, **{"@timestamp": json.dumps(json.loads(body)["time"])})
        + "}"
        for n, body in enumerate(bodies)
    )
    return (
        '{"took":3,"timed_out":false,"_shards":{"total":1},"hits":{"total":{"value":'
        + str(len(bodies))
        + f'}},"max_score":1.0,"hits":[{hits}]}}}}'
    ).encode()


def elasticdump(bodies: Sequence[bytes]) -> bytes:
    return "".join(
        f'{{"_index":"falco","_type":"_doc","_id":"{n}","_score":1,"_source":'
        f"{_object(body, **{'@timestamp': json.dumps('x')})}}}\n"
        for n, body in enumerate(bodies)
    ).encode()


def loki_query_range(bodies: Sequence[bytes]) -> bytes:
    halves = (bodies[::2], bodies[1::2])
    streams = [
        {
            "stream": {"rule": f"r{n}", "source": "syscall", "priority": "Warning"},
            # Newest first, as Loki answers unless asked otherwise.
            "values": [[str(10**18 + i), _text(one)] for i, one in enumerate(half)][::-1],
        }
        for n, half in enumerate(halves)
        if half
    ]
    return json.dumps(
        {"status": "success", "data": {"resultType": "streams", "result": streams, "stats": {}}}
    ).encode()


def loki_cri(bodies: Sequence[bytes]) -> bytes:
    return _lines(
        [
            {
                "labels": {"app": "falco", "namespace": "falco"},
                "line": f"2026-08-17T09:00:00.123456789Z stdout F {_text(one)}",
                "timestamp": "2026-08-17T09:00:00.123456789Z",
            }
            for one in bodies
        ]
    )


def redis_quoted(bodies: Sequence[bytes]) -> bytes:
    def quote(raw: bytes) -> str:
        return "".join(
            f"\\{chr(c)}" if c in b'"\\' else chr(c) if 32 <= c < 127 else f"\\x{c:02x}"
            for c in raw
        )

    width = len(str(len(bodies)))
    return "".join(f'{n:>{width}}) "{quote(one)}"\n' for n, one in enumerate(bodies, 1)).encode(
        "latin-1"
    )


def redis_hash(bodies: Sequence[bytes]) -> bytes:
    return b"".join(json.loads(one)["uuid"].encode() + b"\n" + one + b"\n" for one in bodies)


def sqs_sns(bodies: Sequence[bytes]) -> bytes:
    def notification(body: bytes) -> str:
        return json.dumps(
            {"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": _text(body)}
        )

    return _pretty({"Messages": [{"MessageId": "m", "Body": notification(b)} for b in bodies]})


def docker_log(bodies: Sequence[bytes]) -> bytes:
    return _lines([{"log": f"{_text(b)}\n", "stream": "stdout", "time": "t"} for b in bodies])


def split_cri(bodies: Sequence[bytes]) -> bytes:
    out = io.BytesIO()
    for body in bodies:
        out.write(b"2026-08-17T09:00:00.1Z stdout P " + body[:40] + b"\n")
        out.write(b"2026-08-17T09:00:00.1Z stdout F " + body[40:] + b"\n")
    return out.getvalue()


WRITERS: dict[str, Callable[[Sequence[bytes]], bytes]] = {
    "lines": lambda b: b"".join(one + b"\n" for one in b),
    "lines-gzip": lambda b: gzip.compress(b"\n".join(b)),
    "two-gzip-members": lambda b: b"".join(gzip.compress(one + b"\n") for one in b),
    "docker-log": docker_log,
    "cri-parts": split_cri,
    "syslog": lambda b: b"".join(b"Aug 17 09:00:00 node falco[1]: " + one + b"\n" for one in b),
    "loki-logcli": lambda b: _lines(
        [{"labels": {"app": "falco"}, "line": _text(one), "timestamp": "t"} for one in b]
    ),
    "loki-cri": loki_cri,
    "loki-query-range": loki_query_range,
    "cloudwatch-filter": lambda b: _pretty(
        {
            "events": [
                {"logStreamName": "s", "timestamp": 1, "message": _text(one), "eventId": str(n)}
                for n, one in enumerate(b)
            ],
            "searchedLogStreams": [],
        }
    ),
    "cloudwatch-insights": lambda b: _pretty(
        {
            "results": [
                [
                    {"field": "@timestamp", "value": "2026-08-17 09:00:00.000"},
                    {"field": "@message", "value": _text(one)},
                    {"field": "@ptr", "value": "x"},
                ]
                for one in b
            ],
            "status": "Complete",
        }
    ),
    "cloudwatch-export": lambda b: gzip.compress(
        b"".join(b"2026-08-17T09:00:00.000Z " + one + b"\n" for one in b)
    ),
    "kcat-json": lambda b: _lines(
        [
            {
                "topic": "falco",
                "partition": 0,
                "offset": n,
                "tstype": "create",
                "ts": 1786960041123,
                "broker": 1,
                "key": None,
                "payload": _text(one),
            }
            for n, one in enumerate(b)
        ]
    ),
    "kafka-console-consumer": lambda b: b"".join(b"CreateTime:1786960041\t" + o + b"\n" for o in b),
    "kafka-rest": lambda b: json.dumps(
        [
            {"topic": "falco", "key": None, "value": _base64(one), "partition": 0, "offset": n}
            for n, one in enumerate(b)
        ]
    ).encode(),
    "elasticsearch-hits": elasticsearch_hits,
    "elasticdump": elasticdump,
    "redis-raw": lambda b: b"".join(one + b"\n" for one in b),
    "redis-hash-raw": redis_hash,
    "redis-quoted": redis_quoted,
    "redis-json": lambda b: json.dumps([_text(one) for one in b]).encode(),
    "redis-hash-json": lambda b: json.dumps({json.loads(o)["uuid"]: _text(o) for o in b}).encode(),
    "splunk-export": lambda b: _lines(
        [{"preview": False, "offset": n, "result": {"_raw": _text(o)}} for n, o in enumerate(b)]
    ),
    "splunk-hec": lambda b: "".join(
        f'{{"event":{_text(one)},"sourcetype":"falcosidekick"}}\n' for one in b
    ).encode(),
    "sqs": lambda b: _pretty({"Messages": [{"MessageId": "m", "Body": _text(o)} for o in b]}),
    "sqs-sns": sqs_sns,
    "pubsub": lambda b: _pretty(
        [{"ackId": "a", "message": {"data": _base64(o), "messageId": "1"}} for o in b]
    ),
    "kinesis": lambda b: _pretty(
        {"Records": [{"SequenceNumber": "1", "Data": _base64(one)} for one in b]}
    ),
    "rabbitmq": lambda b: json.dumps(
        [{"payload": _text(one), "payload_encoding": "string"} for one in b]
    ).encode(),
    "datadog": lambda b: _lines([{"ddsource": "falco", "message": _text(one)} for one in b]),
    "chronicle": lambda b: _lines([{"data": _base64(o), "logEntryTime": "t"} for o in b]),
    "cloudevents": lambda b: "".join(
        f'{{"specversion":"1.0","type":"falco.rule.output.v1","data":{_text(one)}}}\n' for one in b
    ).encode(),
    "sidekick-ui": lambda b: (
        '{"statistics":{"all":1},"results":[' + ",".join(map(_text, b)) + "]}"
    ).encode(),
    "logstash": lambda b: "".join(
        _object(one, **{"@version": '"1"', "@timestamp": '"t"'}).replace(
            '"proc.aname[2]"', '"proc.aname.2"'
        )
        + "\n"
        for one in b
    ).encode(),
    "pretty-alerts": lambda b: b"".join(_indented(one) for one in b),
    "list-of-alerts": lambda b: b"[\n" + b",\n".join(b) + b"\n]\n",
}
"""Every shape from which an alert comes back to the byte."""


def _indented(body: bytes) -> bytes:
    """Return an alert over several lines; its numbers keep their text."""
    text = json.dumps(json.loads(body, parse_float=lambda t: f"\0{t}\0"), indent=2)
    return text.replace('"\\u0000', "").replace('\\u0000"', "").encode() + b"\n"
