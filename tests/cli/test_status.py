"""`status --watch` goes on until Ctrl-C, `status --open` shows the catalog page in a browser."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from support.command_line import falcoport
from support.terminal import running_at_terminal

from falcoport.commands.status import find_catalog_page

if TYPE_CHECKING:
    from falcoport.sandbox.options import RunningSandbox

ROOT = Path(__file__).parent.parent.parent
STATUS = [sys.executable, "-m", "falcoport", "status"]


@pytest.fixture
def wired(pointed: RunningSandbox) -> RunningSandbox:
    """Give a sandbox with a whole set-up."""
    assert falcoport("setup", "--create-namespace-blueprint").exit_code == 0
    return pointed


def test_watching_shows_a_new_screen_each_time_and_ctrl_c_ends_it_with_0(
    wired: RunningSandbox, tmp_path: Path
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [*STATUS, "--watch", "--interval", "1"]
    with running_at_terminal(command, environment, tmp_path) as (terminal, process):
        terminal.wait_for("alerts       0", "Ctrl-C ends it")
        assert falcoport("send-test").exit_code == 0
        terminal.wait_for("alerts       1", "Ctrl-C ends it")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_watching_outlasts_a_failure_of_port(wired: RunningSandbox, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PORT_API_URL": "http://127.0.0.1:1"}
    command = [*STATUS, "--watch", "--interval", "1"]
    with running_at_terminal(command, environment, tmp_path) as (terminal, process):
        terminal.wait_for("error:", "Ctrl-C ends it")
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_watching_is_for_people(wired: RunningSandbox) -> None:
    ran = falcoport("status", "--watch", "-o", "json")
    assert ran.exit_code == 2
    assert ran.envelope["errors"][0]["where"] == "--watch"


@pytest.mark.parametrize("works", [True, False])
def test_opening_starts_the_browser_with_the_page_or_says_where_it_is(
    wired: RunningSandbox, tmp_path: Path, *, works: bool
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\nexit {0 if works else 1}\n')
    browser.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BROWSER": f"{browser} %s"}
    ran = subprocess.run(
        [*STATUS, "--open"], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    page = (tmp_path / "opened").read_text().strip()
    assert page == f"{wired.url}/falco_alerts"
    assert ("no browser" in ran.stderr and page in ran.stderr) is not works
    shown = httpx.get(page, follow_redirects=True, headers={"accept": "text/html"})
    assert shown.status_code == 200
    assert str(shown.url) == f"{wired.url}/catalog/falco_alert"


def test_without_a_set_up_there_is_no_page_to_open(pointed: RunningSandbox) -> None:
    ran = falcoport("status", "--open")
    assert ran.exit_code == 3
    assert "no catalog page yet" in ran.stderr


@pytest.mark.parametrize(
    ("api_url", "page"),
    [
        ("https://api.port.io", "https://app.port.io/falco_alerts"),
        ("https://api.us.port.io", "https://app.us.port.io/falco_alerts"),
        ("http://127.0.0.1:8780", "http://127.0.0.1:8780/falco_alerts"),
    ],
)
def test_the_page_is_that_of_the_region(api_url: str, page: str) -> None:
    assert find_catalog_page(api_url, "falco_alert") == page


def test_links_of_messages_lead_to_the_entity_in_the_sandbox_too(wired: RunningSandbox) -> None:
    assert falcoport("send-test").exit_code == 0
    address = f"{wired.url}/falco_alertEntity?identifier=a%2Fb"
    answer = httpx.get(address, headers={"accept": "text/html"})
    assert answer.headers["location"] == "/catalog/falco_alert/a%2Fb"
    assert httpx.get(f"{wired.url}/nothing").status_code == 404
