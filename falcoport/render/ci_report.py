"""Report a run's envelope to a pipeline: a summary in Markdown, outputs, annotations, masks.

    falcoport plan -o json >envelope.json
    python -m falcoport.render.ci_report envelope.json --github
    python -m falcoport.render.ci_report envelope.json --markdown plan.md --dotenv out.env

What `action.yml` and `templates/falcoport.yml` run. With --github it writes to the files that a
step of GitHub Actions has for its outputs and its summary, and asks the runner to mask what is a
credential: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
A file that others may read never has the webhook's URL, which is one.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SHOWN = 120
"""How much of a value a table shows."""
# The marks of `falcoport plan`.
_MARKS = {"create": "+", "update": "~", "delete": "-", "unchanged": "="}
_CREDENTIALS = ("webhook_url", "webhook_secret")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write what is asked for; return 1 if the file holds no envelope."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("envelope", type=Path, help="what a command printed with -o json")
    parser.add_argument("--github", action="store_true", help="as a step of GitHub Actions")
    parser.add_argument("--markdown", type=Path, help="write the summary there")
    parser.add_argument("--dotenv", type=Path, help="write FALCOPORT_CHANGES=N there")
    asked = parser.parse_args(arguments)
    try:
        envelope = json.loads(asked.envelope.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        print(f"{asked.envelope} holds no envelope: falcoport was ended", file=sys.stderr)  # noqa: T201 -- a program of its own
        return 1
    summary = build_summary(envelope)
    if asked.github:
        report_to_github(envelope, summary, os.environ, sys.stdout)
    if asked.markdown:
        asked.markdown.write_text(summary, encoding="utf-8")
    if asked.dotenv:
        asked.dotenv.write_text(f"FALCOPORT_CHANGES={count_changes(envelope)}\n", encoding="utf-8")
    return 0


def report_to_github(
    envelope: Mapping[str, Any], summary: str, environment: Mapping[str, str], stdout: TextIO
) -> None:
    """Mask credentials, then write outputs and summary, and an annotation for each error."""
    data = envelope.get("data") or {}
    for name in _CREDENTIALS:
        if data.get(name):
            stdout.write(f"::add-mask::{_escape_command(str(data[name]))}\n")
    for problem in envelope["errors"]:
        said = " ".join(part for part in (problem["message"], problem["hint"]) if part)
        stdout.write(f"::error title=falcoport {problem['code']}::{_escape_command(said)}\n")
    # Masks hold for what comes after them: nothing may stay in a buffer.
    stdout.flush()
    outputs = {
        "changes": str(count_changes(envelope)),
        "exit-code": str(envelope["exit_code"]),
        "webhook-url": str(data.get("webhook_url", "")),
    }
    _append(environment["GITHUB_OUTPUT"], "".join(f"{k}={v}\n" for k, v in outputs.items()))
    _append(environment["GITHUB_STEP_SUMMARY"], summary)


def count_changes(envelope: Mapping[str, Any]) -> int:
    """Return how many things in Port were changed, or would be."""
    return sum(change["action"] != "unchanged" for change in _changes(envelope))


def build_summary(envelope: Mapping[str, Any]) -> str:
    """Return what a run says as Markdown: a table of what changes, and what was wrong."""
    lines = [f"### falcoport {envelope['command']}", ""]
    changes = _changes(envelope)
    if changes:
        lines += ["| | | | field | from | to |", "|---|---|---|---|---|---|"]
        lines += [row for change in changes for row in _rows(change)]
        lines += ["", f"**{count_changes(envelope)} of {len(changes)}** to change."]
        if "pending" not in (envelope.get("data") or {}):
            lines[-1] = f"**{count_changes(envelope)} of {len(changes)}** changed."
    elif not envelope["errors"]:
        lines.append(
            "Done." if envelope["exit_code"] == 0 else f"Exit code {envelope['exit_code']}."
        )
    for problem in envelope["errors"]:
        lines += ["", f"- **{_cell(problem['code'])}**: {_cell(problem['message'])}"]
        if problem["hint"]:
            lines.append(f"  {_cell(problem['hint'])}")
    return "\n".join(lines) + "\n"


def _changes(envelope: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = envelope.get("data")
    found: list[dict[str, Any]] = data.get("changes", []) if isinstance(data, dict) else []
    return found


def _rows(change: Mapping[str, Any]) -> Iterator[str]:
    action = str(change["action"])
    mark = _MARKS.get(action, "")
    lead = f"| {mark} {action} | {_cell(change['resource'])} | {_code(change['identifier'])} |"
    # What is created is new as a whole: its fields are the manifest's.
    fields = change["fields"] if action == "update" else []
    if not fields:
        yield f"{lead} | | |"
    for field in fields:
        yield f"{lead} {_code(field['field'])} | {_value(field['from'])} | {_value(field['to'])} |"
        lead = "| | | |"


def _value(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _code(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def _code(value: Any) -> str:
    return f"<code>{_cell(value)}</code>"


def _cell(value: Any) -> str:
    """Return text that neither ends a cell nor is read as markup or as a mention."""
    text = html.escape(" ".join(str(value).split()), quote=False)
    for character in "|`*_[]@\\":
        text = text.replace(character, f"&#{ord(character)};")
    return text


def _escape_command(text: str) -> str:
    """Return text as a workflow command's data: a line end would begin a command of its own."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _append(file: str, text: str) -> None:
    with Path(file).open("a", encoding="utf-8") as stream:
        stream.write(text)


if __name__ == "__main__":
    sys.exit(main())
