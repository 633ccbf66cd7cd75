"""A generated secret and its file, when runs are cut: the next run settles what Port has."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest
from support.catalogs import as_set_up
from support.command_line import falcoport
from support.faulty_port import FaultyPort, Request, faulty_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from falcoport.sandbox.server import RunningSandbox

OLDER, NEWER = "a" * 64, "b" * 64


@pytest.fixture
def file(tmp_path: Path, pointed: RunningSandbox) -> Path:
    """Name a place for a secret, beside a sandbox that is set up with an open webhook."""
    as_set_up().seed(pointed)
    return tmp_path / "secret"


def secure(file: Path, *more: str) -> int:
    return falcoport("setup", "--secure", "--secret-out", str(file), *more).exit_code


def check_whole(file: Path) -> str:
    """See that nothing is left but the file, whole; return the secret."""
    assert os.listdir(file.parent) == [file.name]  # noqa: PTH208 -- hidden ones too
    found = re.fullmatch(r"([0-9a-f]{64})\n", file.read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def prepare(file: Path, secret: str) -> Path:
    pending = file.with_name(f".{file.name}.pending")
    pending.write_text(f"{secret}\n", encoding="utf-8")
    return pending


@pytest.mark.parametrize("command", [("--secure",), ("--rotate-secret",)])
@pytest.mark.parametrize("known", [False, True], ids=["Port lacks it", "Port has it"])
def test_what_a_cut_run_had_prepared_is_set_and_put_in_place(
    known: bool,
    command: tuple[str, ...],
    file: Path,
    api: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if known:
        monkeypatch.setenv("FALCOPORT_WEBHOOK_SECRET", NEWER)
        assert falcoport("setup", "--secure").exit_code == 0
        monkeypatch.delenv("FALCOPORT_WEBHOOK_SECRET")
    prepare(file, NEWER)
    ran = falcoport("setup", *command, "--secret-out", str(file))
    assert ran.exit_code == 0, ran.stderr
    assert NEWER not in ran.everything
    assert check_whole(file) == NEWER
    assert falcoport("setup", "--secure", "--secret-out", str(file)).exit_code == 0
    assert check_whole(file) == NEWER


def test_the_secret_in_the_file_is_the_one_that_is_set(file: Path, api: httpx.Client) -> None:
    file.write_text(f"{OLDER}\n", encoding="utf-8")
    assert secure(file) == 0
    assert check_whole(file) == OLDER
    block = api.get("/webhooks/falco_alert_mapper").json()["integration"]["security"]
    assert block["signatureAlgorithm"] == "plain"


def test_a_cut_between_the_two_names_of_the_file_leaves_one(file: Path) -> None:
    os.link(prepare(file, OLDER), file)
    assert secure(file) == 0
    assert check_whole(file) == OLDER


def test_what_is_not_whole_is_made_anew(file: Path) -> None:
    prepare(file, "abc")
    assert secure(file) == 0
    assert check_whole(file) != "abc"


def test_a_file_of_somebody_else_is_left_alone(file: Path) -> None:
    file.write_text("mine\n", encoding="utf-8")
    prepare(file, OLDER)
    assert secure(file) == 2
    assert file.read_text(encoding="utf-8") == "mine\n"
    assert secure(file, "--force") == 0
    assert check_whole(file) == OLDER


def test_a_failure_before_the_write_keeps_what_an_earlier_run_had_prepared(
    file: Path, pointed: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = prepare(file, OLDER)
    monkeypatch.setenv("PORT_CLIENT_SECRET", "wrong")
    assert secure(file) == 5
    assert pending.read_text(encoding="utf-8") == f"{OLDER}\n"
    monkeypatch.setenv("PORT_CLIENT_SECRET", pointed.client_secret)
    assert secure(file) == 0
    assert check_whole(file) == OLDER


def test_a_hyphen_is_stdout_as_everywhere(file: Path) -> None:
    ran = falcoport("setup", "--secure", "--secret-out", "-", "--quiet")
    assert ran.exit_code == 0
    url, secret = ran.stdout.splitlines()
    assert url.startswith("http")
    assert re.fullmatch(r"[0-9a-f]{64}", secret)
    assert secret not in ran.stderr
    assert not file.parent.joinpath("-").exists()


@pytest.fixture
def proxy(pointed: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyPort]:
    with faulty_port(pointed.url) as running:
        monkeypatch.setenv("PORT_API_URL", running.url)
        yield running


def kill_at(proxy: FaultyPort, hook: str, file: Path, pick: Callable[[int, Request], bool]) -> bool:
    """Run `setup` and kill it at a request; tell whether there was such a one."""
    hit = False
    line = [sys.executable, "-m", "falcoport", "setup", "--secure", "--secret-out", str(file)]

    def kill(request: Request) -> None:
        nonlocal hit
        if not hit and pick(len(proxy.seen) - 1, request):
            hit = True
            process.send_signal(signal.SIGKILL)
            process.wait(30)

    proxy.forget()
    setattr(proxy, hook, kill)
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.communicate(timeout=60)
    setattr(proxy, hook, lambda _request: None)
    return hit


@pytest.mark.parametrize("hook", ["before", "after"])
def test_a_run_killed_at_the_write_is_finished_by_the_next(
    hook: str, proxy: FaultyPort, file: Path
) -> None:
    assert kill_at(proxy, hook, file, lambda _number, request: request.writes)
    prepared = file.with_name(f".{file.name}.pending").read_text(encoding="utf-8").strip()
    assert not file.exists()
    assert secure(file) == 0
    assert check_whole(file) == prepared
    sent = [request for request in proxy.seen if request.writes]
    assert prepared.encode() in sent[-1].body


@pytest.mark.slow
@pytest.mark.parametrize("hook", ["before", "after"])
def test_a_run_killed_at_any_request_is_finished_by_the_next(
    hook: str, proxy: FaultyPort, file: Path, api: httpx.Client
) -> None:
    for number in range(100):
        if not kill_at(proxy, hook, file, partial(_is_number, number)):
            break
        assert secure(file) == 0
        secret = check_whole(file)
        writes = [one for one in proxy.seen if one.writes and b"secret" in one.body]
        assert secret.encode() in writes[-1].body
        file.unlink()
        api.delete("/webhooks/falco_alert_mapper").raise_for_status()
    assert number > 5


def _is_number(wanted: int, number: int, _request: Request) -> bool:
    return number == wanted
