"""`falcoport replay` over real HTTP: to a webhook that a test decides on, and into the sandbox."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from support.command_line import Ran, falcoport
from support.queues import stored_alert
from support.relays import here_until
from support.stores import WRITERS, generate_bodies
from support.webhooks import Receiver, receiver

from falcoport.delivery.posting import prepare
from falcoport.falco.samples import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from falcoport.sandbox.server import RunningSandbox


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiver() as found:
        monkeypatch.setenv("FALCOPORT_WEBHOOK_URL", found.url)
        yield found


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: Path, *bodies: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(body + b"\n" for body in bodies))
    return str(path)


def alert(number: int, **more: Any) -> bytes:
    """Return an alert whose time goes with its number."""
    time = f"2026-08-17T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
    return stored_alert(number, time=time, **more)


def numbers(here: Receiver) -> list[int]:
    return [int(uuid.rsplit("-", 1)[1]) for uuid in here.uuids]


def test_alerts_of_a_tree_are_sent_in_order_of_time_as_they_were_stored(
    tmp_path: Path, here: Receiver
) -> None:
    for number in (5, 3, 4):
        write(tmp_path / "s3" / "2026-08-17" / f"{9 - number}.json", alert(number))
    compressed = tmp_path / "s3" / "2026-08-16" / "a.json.gz"
    compressed.parent.mkdir()
    compressed.write_bytes(gzip.compress(alert(2)))
    write(tmp_path / "s3" / ".hidden.json", alert(9))
    ran = falcoport("replay", str(tmp_path / "s3"), "--max-in-flight", "1")
    assert ran.exit_code == 0, ran.stderr
    assert here.accepted == [alert(n) + b"\n" for n in (2, 3, 4, 5)]
    assert "automations" in ran.stderr


def test_headers_are_those_of_falcosidekick(
    tmp_path: Path, here: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", "s3cret-of-it")
    falcoport("replay", write(tmp_path / "a", alert(1)))
    headers = here.headers[0]
    assert headers["User-Agent"] == "Falcosidekick"
    assert headers["X-Falcoport-Secret"] == "s3cret-of-it"


@pytest.mark.parametrize("shape", WRITERS)
def test_every_stored_shape_is_replayed(shape: str, tmp_path: Path, here: Receiver) -> None:
    bodies = generate_bodies(5)
    (tmp_path / "stored").write_bytes(WRITERS[shape](bodies))
    ran = falcoport("replay", "stored")
    assert ran.exit_code == 0, ran.stderr
    assert sorted(here.accepted) == sorted(body + b"\n" for body in bodies)


def test_an_alert_without_a_uuid_gets_the_same_one_each_time(
    tmp_path: Path, here: Receiver
) -> None:
    line = samples()[0].line.encode()
    (tmp_path / "falco.log").write_bytes(line + b"\n" + line + b"\n")
    assert falcoport("replay", "falco.log").exit_code == 0
    assert falcoport("replay", "falco.log").exit_code == 0
    assert len(here.accepted) == 2, "once in each run"
    assert len(set(here.uuids)) == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--since", "2026-08-17T00:00:03Z"], [3, 4, 5, 6, 7]),
        (["--until", "2026-08-17T00:00:03Z"], [0, 1, 2]),
        (["--since", "2026-08-17", "--until", "2026-08-18"], [0, 1, 2, 3, 4, 5, 6, 7]),
        (["--since", "1d"], []),
        (["--max", "3"], [0, 1, 2]),
        (["--min-priority", "critical"], [0, 1, 2]),
        (["--min-priority", "INFO"], [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_options_choose_alerts(
    arguments: list[str], expected: list[int], tmp_path: Path, here: Receiver
) -> None:
    priorities = "Emergency Alert Critical Error Warning Notice Informational Debug".split()
    bodies = [alert(n, priority=priority) for n, priority in enumerate(priorities)]
    write(tmp_path / "a", *reversed(bodies))
    ran = falcoport("replay", "a", "--max-in-flight", "1", *arguments)
    assert ran.exit_code == 0, ran.stderr
    assert numbers(here) == expected


def test_shards_together_send_every_alert_once(tmp_path: Path, here: Receiver) -> None:
    write(tmp_path / "a", *(alert(n) for n in range(100)))
    counts = []
    for number in range(3):
        assert falcoport("replay", "a", "--shard", f"{number}/3").exit_code == 0
        counts.append(len(here.accepted))
    assert sorted(numbers(here)) == list(range(100))
    assert 0 < counts[0] < counts[1] < counts[2] == 100


def test_a_dry_run_says_what_there_is_and_sends_nothing(tmp_path: Path, here: Receiver) -> None:
    write(tmp_path / "a", *(alert(n) for n in range(3)), b"{broken")
    ran = falcoport("replay", "a", "--dry-run", "--checkpoint", "c.db", "-o", "json")
    assert ran.exit_code == 7
    assert here.bodies == []
    assert not (tmp_path / "c.db").exists()
    reading = ran.data["reading"]
    assert (reading["chosen"], reading["bad"]) == (3, 1)
    assert reading["first"] == "2026-08-17T00:00:00Z"
    assert ["Warning", 3] in reading["priorities"]


def test_refused_alerts_are_kept_to_be_replayed_and_the_exit_code_says_so(
    tmp_path: Path, here: Receiver
) -> None:
    here.answer = lambda body, _count: 422 if b'"Rule 3"' in body else 202
    write(tmp_path / "a", *(alert(n) for n in range(10)))
    ran = falcoport("replay", "a", "--checkpoint", "c.db", "-o", "json")
    assert ran.exit_code == 7
    assert (ran.data["accepted"], ran.data["refused"]) == (9, 1)
    assert ran.data["reasons"] == [["status 422", 1]]
    assert (tmp_path / "falcoport-refused.jsonl").read_bytes() == alert(3) + b"\n"
    here.answer = lambda _body, _count: 202
    assert falcoport("replay", "falcoport-refused.jsonl").exit_code == 0
    assert sorted(numbers(here)) == list(range(10))


@pytest.mark.parametrize("status", [429, 503, 500])
def test_a_webhook_that_is_away_for_a_moment_is_waited_for(
    status: int, tmp_path: Path, here: Receiver
) -> None:
    here.answer = lambda _body, count: status if count < 4 else 202
    write(tmp_path / "a", *(alert(n) for n in range(20)))
    ran = falcoport("replay", "a", "--max-in-flight", "4")
    assert ran.exit_code == 0
    assert sorted(numbers(here)) == list(range(20))


@pytest.mark.parametrize(("status", "code"), [(401, 5), (403, 5), (404, 6), (200, 6)])
def test_a_wrong_address_ends_it_at_once(
    status: int, code: int, tmp_path: Path, here: Receiver
) -> None:
    here.answer = lambda _body, _count: status
    write(tmp_path / "a", *(alert(n) for n in range(500)))
    ran = falcoport("replay", "a")
    assert ran.exit_code == code
    assert len(here.bodies) <= 32
    assert here.url not in ran.everything


def test_a_second_run_with_the_checkpoint_sends_what_is_left(
    tmp_path: Path, here: Receiver
) -> None:
    write(tmp_path / "a", *(alert(n) for n in range(20)))
    falcoport("replay", "a", "--max", "8", "--checkpoint", "c.db")
    write(tmp_path / "b", *(alert(n) for n in range(30)))
    ran = falcoport("replay", "a", "b", "--checkpoint", "c.db")
    assert ran.exit_code == 0
    assert sorted(numbers(here)) == list(range(30))
    assert "16 were sent by an earlier run" in ran.stderr


@pytest.mark.slow  # four processes
def test_a_replay_that_is_killed_and_run_again_loses_nothing(
    tmp_path: Path, here: Receiver
) -> None:
    write(tmp_path / "a", *(alert(n) for n in range(400)))
    command = [sys.executable, "-m", "falcoport", "replay", str(tmp_path / "a")]
    command += ["--checkpoint", "c.db", "--max-in-flight", "8"]
    repeats = 0
    for kills in range(1, 4):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        here.wait_until(lambda: len(set(here.accepted)) >= 100 * kills)  # noqa: B023 -- used at once
        process.send_signal(signal.SIGKILL)
        process.wait()
        repeats += 8
    ran = falcoport(*command[3:])
    assert ran.exit_code == 0
    assert sorted(set(numbers(here))) == list(range(400))
    assert len(here.accepted) <= 400 + repeats


def test_the_rate_bounds_how_fast_alerts_are_sent(tmp_path: Path, here: Receiver) -> None:
    write(tmp_path / "a", *(alert(n) for n in range(20)))
    ran = falcoport("replay", "a", "--rate", "50", "-o", "json")
    assert ran.data["seconds"] >= 19 / 50


def test_no_more_than_the_bound_are_in_flight(tmp_path: Path, here: Receiver) -> None:
    inside, most, lock = [0], [0], threading.Lock()
    pause = threading.Event()

    def answer(_body: bytes, _count: int) -> int:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        pause.wait(0.005)
        with lock:
            inside[0] -= 1
        return 202

    here.answer = answer
    write(tmp_path / "a", *(alert(n) for n in range(60)))
    assert falcoport("replay", "a", "--max-in-flight", "3").exit_code == 0
    assert most[0] <= 3


def test_stdin_is_read_to_its_end(tmp_path: Path, here: Receiver) -> None:
    command = [sys.executable, "-m", "falcoport", "replay", "-"]
    lines = b"".join(alert(n) + b"\n" for n in (2, 1))
    subprocess.run([*command, "--max-in-flight", "1"], input=lines, check=True, capture_output=True)
    assert numbers(here) == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "No alerts were given"),
        (["missing"], 4, "missing cannot be read"),
        (["text"], 4, "There is no alert in text"),
        (["a", "--since", "soon"], 2, "--since is 'soon', not a time"),
        (["a", "--shard", "3/3"], 2, "not I/N"),
        (["a", "--min-priority", "high"], 2, "Falco has Emergency"),
        (["a", "--checkpoint", "text"], 2, "cannot be used as a checkpoint"),
        (["a", "--through", "api"], 2, "takes the mapping from the webhook in Port"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    arguments: list[str], code: int, message: str, tmp_path: Path, here: Receiver
) -> None:
    write(tmp_path / "a", alert(1))
    (tmp_path / "text").write_text("{nothing of Falco's in here, but something like it\n" * 30)
    ran = falcoport("replay", *arguments)
    assert ran.exit_code == code, ran.everything
    assert message in ran.everything
    assert here.bodies == []


# --- into the catalog ---------------------------------------------------------------------------


def identifiers(api: httpx.Client) -> list[str]:
    found = api.get("/blueprints/falco_alert/entities").raise_for_status().json()["entities"]
    return sorted(one["identifier"] for one in found)


def set_up(*arguments: str) -> None:
    ran = falcoport("setup", *arguments)
    assert ran.exit_code == 0, ran.stderr


def replay_both_ways(api: httpx.Client, file: str) -> tuple[list[Any], list[Any]]:
    """Return the catalog after a replay by the webhook and after one through the API."""
    found = []
    for through in ("webhook", "api"):
        ran = falcoport("replay", file, "--through", through)
        assert ran.exit_code == 0, ran.stderr
        here_until(lambda: len(identifiers(api)) == 60)
        entities = api.get("/blueprints/falco_alert/entities").json()["entities"]
        kept = ("identifier", "title", "properties", "relations", "team", "icon")
        found.append(
            sorted(
                ({k: one.get(k) for k in kept} for one in entities),
                key=lambda one: str(one["identifier"]),
            )
        )
        api.delete("/blueprints/falco_alert/all-entities").raise_for_status()
        here_until(lambda: identifiers(api) == [])
    return found[0], found[1]


def test_both_ways_give_the_same_entities(
    tmp_path: Path, pointed: RunningSandbox, api: httpx.Client
) -> None:
    set_up("--no-relation")
    bodies = [
        json.dumps({**json.loads(b), "hostname": f"node-{n}"}, separators=(",", ":")).encode()
        for n, b in enumerate(generate_bodies(60))
    ]
    by_webhook, by_api = replay_both_ways(api, write(tmp_path / "a", *bodies))
    assert len(by_webhook) == 60
    assert by_api == by_webhook


def test_through_the_api_each_refusal_has_its_reason(
    tmp_path: Path, pointed: RunningSandbox, api: httpx.Client
) -> None:
    set_up("--create-namespace-blueprint")
    missing = [prepare(alert(n, tags=["port-nowhere"])).body[:-1] for n in (3, 7)]
    write(tmp_path / "a", *(alert(n) for n in range(3)), *missing)
    ran: Ran = falcoport("replay", "a", "--through", "api", "-o", "json")
    assert ran.exit_code == 7
    assert (ran.data["accepted"], ran.data["refused"]) == (3, 2)
    assert "nowhere" in ran.data["reasons"][0][0]
    assert (tmp_path / "falcoport-refused.jsonl").read_bytes() == b"".join(
        body + b"\n" for body in missing
    )
    assert len(identifiers(api)) == 3


def test_twice_through_the_api_is_once_in_the_catalog(
    tmp_path: Path, pointed: RunningSandbox, api: httpx.Client
) -> None:
    set_up("--no-relation")
    write(tmp_path / "a", *(alert(n) for n in range(50)))
    for _ in range(2):
        assert falcoport("replay", "a", "--through", "api").exit_code == 0
    assert len(identifiers(api)) == 50
