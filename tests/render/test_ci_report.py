"""What a pipeline shows of a run: none of it is markup, a runner's command, or a secret."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from falcoport.render.ci_report import build_summary, count_changes, main, report_to_github

if TYPE_CHECKING:
    from pathlib import Path


def envelope(**more: Any) -> dict[str, Any]:
    return {"command": "plan", "exit_code": 0, "data": None, "errors": [], **more}


def change(action: str, before: Any = None, after: Any = None) -> dict[str, Any]:
    fields = [{"field": "title", "from": before, "to": after}]
    return {"resource": "webhook", "identifier": "w", "action": action, "fields": fields}


def test_what_is_unchanged_does_not_count() -> None:
    changes = [change("create"), change("unchanged"), change("update"), change("delete")]
    assert count_changes(envelope(data={"changes": changes})) == 3


@pytest.mark.parametrize("text", ["a|b", "<img src=x>", "`x`", "@everyone", "[a](b)", "a\n| b"])
def test_a_value_is_text_in_its_cell(text: str) -> None:
    data = {"pending": 1, "changes": [change("update", text, "new")]}
    (row,) = [line for line in build_summary(envelope(data=data)).splitlines() if "title" in line]
    assert row.count("|") == 7
    assert not {"<img", "`", "@", "["} & set(
        row.replace("<code>", "").replace("</code>", "").split()
    )
    assert "<img" not in row


def test_a_long_value_is_cut() -> None:
    data = {"pending": 1, "changes": [change("update", "x" * 5000, "")]}
    assert len(build_summary(envelope(data=data))) < 500


def test_a_message_cannot_become_a_command_of_the_runner(tmp_path: Path) -> None:
    problem = {"code": "c", "message": "a\n::set-output name=x::y", "hint": "100%", "where": ""}
    out, files = (
        io.StringIO(),
        {n: str(tmp_path / n) for n in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")},
    )
    report_to_github(envelope(exit_code=4, errors=[problem]), "", files, out)
    assert out.getvalue() == "::error title=falcoport c::a%0A::set-output name=x::y 100%25\n"


def test_credentials_are_masked_before_anything_else(tmp_path: Path) -> None:
    out, files = (
        io.StringIO(),
        {n: str(tmp_path / n) for n in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")},
    )
    data = {"webhook_url": "https://x/KEY", "webhook_secret": "S", "changes": []}
    report_to_github(envelope(data=data), "", files, out)
    assert out.getvalue() == "::add-mask::https://x/KEY\n::add-mask::S\n"
    assert "webhook-url=https://x/KEY\n" in (tmp_path / "GITHUB_OUTPUT").read_text("utf-8")


def test_an_envelope_that_is_not_there_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "e.json"
    file.write_text("", encoding="utf-8")
    assert main([str(file)]) == 1
    assert "holds no envelope" in capsys.readouterr().err


def test_files_that_others_read_have_no_url(tmp_path: Path) -> None:
    file = tmp_path / "e.json"
    data = {"webhook_url": "https://x/KEY", "changes": [change("create")]}
    file.write_text(json.dumps(envelope(command="setup", data=data)), encoding="utf-8")
    main([str(file), "--markdown", str(tmp_path / "m"), "--dotenv", str(tmp_path / "d")])
    assert (tmp_path / "d").read_text("utf-8") == "FALCOPORT_CHANGES=1\n"
    assert "KEY" not in (tmp_path / "m").read_text("utf-8")
    assert "**1 of 1** changed." in (tmp_path / "m").read_text("utf-8")
