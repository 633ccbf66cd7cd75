"""The token is asked for while manifests are read, and what goes wrong is said in the old order."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from support.command_line import falcoport
from support.faulty_port import faulty_port

if TYPE_CHECKING:
    import pytest
    from support.faulty_port import Request

    from falcoport.sandbox.options import RunningSandbox

BLUEPRINT = Path(__file__).parent.parent.parent / "blueprints" / "falco_alert.yaml"


def test_the_token_is_asked_for_before_the_manifest_was_read(
    pointed: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest is a pipe whose writer waits for the token's request."""
    pipe = tmp_path / "blueprint.yaml"
    os.mkfifo(pipe)
    asked = threading.Event()

    def note(request: Request) -> None:
        if request.path.endswith("/auth/access_token"):
            asked.set()

    def write() -> None:
        assert asked.wait(30)
        pipe.write_text(BLUEPRINT.read_text())

    with faulty_port(pointed.url) as port:
        port.before = note
        monkeypatch.setenv("PORT_API_URL", port.url)
        writer = threading.Thread(target=write)
        writer.start()
        ran = falcoport("plan", "--create-namespace-blueprint", "--blueprint", str(pipe))
        writer.join()
    assert ran.exit_code == 0, ran.stderr


def test_what_is_wrong_with_a_manifest_is_said_before_credentials_that_port_refuses(
    pointed: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT_CLIENT_SECRET", "wrong")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("identifier: 1\n")
    assert falcoport("setup", "--blueprint", str(wrong)).exit_code == 4
    assert falcoport("setup").exit_code == 5


def test_a_manifest_is_read_before_missing_credentials_are_said(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("identifier: 1\n")
    assert falcoport("setup", "--blueprint", str(wrong)).exit_code == 4
    assert falcoport("setup").exit_code == 2
