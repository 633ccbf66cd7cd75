"""Runs steps as the runners of GitHub Actions and GitLab CI do, as far as falcoport's use them.

GitHub: https://docs.github.com/actions/reference/workflow-commands-for-github-actions and
https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax
(a composite action sees inputs by expressions alone; each step is a file for `bash --noprofile
--norc -eo pipefail`; outputs and summary are files; `::add-mask::` masks what comes after it).
GitLab: https://docs.gitlab.com/ci/inputs/ (inputs are put into the text before it is read as YAML;
a job's lines run in one shell).
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

_EXPRESSION = re.compile(r"\$\{\{\s*([^}]*?)\s*\}\}")
_INTERPOLATION = re.compile(r"\$\[\[\s*inputs\.([\w-]+)\s*\]\]")
_OUTPUT = re.compile(r"([\w-]+)=(.*)")


class InputError(Exception):
    """An input that the runner refuses before anything runs."""


@dataclass
class Finished:
    """What a run left behind: its exit code, its log as people see it, and its files."""

    exit_code: int = 0
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    files: dict[str, str] = field(default_factory=dict)


def run_composite(
    action: Path, inputs: dict[str, str], environment: dict[str, str], folder: Path
) -> Finished:
    """Run a composite action's steps, until one fails."""
    document = yaml.safe_load(action.read_text(encoding="utf-8"))
    unknown = set(inputs) - set(document["inputs"])
    if unknown:
        raise InputError(f"unexpected inputs: {sorted(unknown)}")
    defaults = {name: str(one.get("default", "")) for name, one in document["inputs"].items()}
    values = {f"inputs.{name}": text for name, text in {**defaults, **inputs}.items()}
    values["github.action_path"] = str(action.parent)
    finished, masks = Finished(), list[str]()
    summary = folder / "summary.md"
    summary.touch()
    for number, step in enumerate(document["runs"]["steps"]):
        assert step["shell"] == "bash", "a composite action's step must name its shell"
        assert "${{" not in step["run"], "an expression in a script would be code"
        script, outputs = folder / f"step{number}.sh", folder / f"outputs{number}"
        script.write_text(step["run"], encoding="utf-8")
        outputs.touch()
        given = {name: _expand(str(text), values) for name, text in step.get("env", {}).items()}
        files = {"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary)}
        more = {**files, "RUNNER_TEMP": str(folder), "GITHUB_ACTIONS": "true"}
        done = _bash([str(script)], {**environment, **more, **given}, folder)
        finished.log += _mask(done.stdout, masks)
        finished.exit_code = done.returncode
        for line in outputs.read_text(encoding="utf-8").splitlines():
            found = _OUTPUT.fullmatch(line)
            assert found, f"no output: {line}"
            values[f"steps.{step['id']}.outputs.{found[1]}"] = found[2]
        if done.returncode:
            break
    finished.summary = summary.read_text(encoding="utf-8")
    finished.outputs = {
        name: _expand(one["value"], values) for name, one in document["outputs"].items()
    }
    return finished


def run_component(
    template: Path, inputs: dict[str, str], environment: dict[str, str], folder: Path
) -> Finished:
    """Run a GitLab CI component's one job."""
    text = template.read_text(encoding="utf-8")
    head, _, body = text.partition("\n---\n")
    spec = yaml.safe_load(head)["spec"]["inputs"]
    values = _component_inputs(spec, inputs)
    (job,) = yaml.safe_load(_INTERPOLATION.sub(lambda found: values[found[1]], body)).values()
    script = "\n".join(["set -eo pipefail", *job["script"]])
    variables = {name: str(text) for name, text in job["variables"].items()}
    done = _bash(["-c", script], {**environment, **variables}, folder)
    finished = Finished(done.returncode, done.stdout)
    for name in job["artifacts"]["paths"]:
        if (folder / name).exists():
            finished.files[name] = (folder / name).read_text(encoding="utf-8")
    dotenv = folder / job["artifacts"]["reports"]["dotenv"]
    if dotenv.exists():
        lines = dotenv.read_text(encoding="utf-8").splitlines()
        finished.outputs = dict(line.split("=", 1) for line in lines)
    return finished


def _component_inputs(spec: dict[str, Any], inputs: dict[str, str]) -> dict[str, str]:
    """Return every input's value; raise InputError as GitLab refuses a pipeline."""
    values = {}
    for name, one in spec.items():
        if name not in inputs and "default" not in one:
            raise InputError(f"`{name}` is a required input")
        value = str(inputs.get(name, one.get("default")))
        if "options" in one and value not in one["options"]:
            raise InputError(f"`{name}` must be one of {one['options']}")
        if "regex" in one and not re.search(one["regex"].strip("/"), value):
            raise InputError(f"`{name}` does not match {one['regex']}")
        values[name] = value.lower() if one.get("type") == "boolean" else value
    return values


def _expand(text: str, values: dict[str, str]) -> str:
    """Return a text with its expressions evaluated; one that is not known is empty, as there."""
    return _EXPRESSION.sub(lambda found: values.get(found[1], ""), text)


def _mask(log: str, masks: list[str]) -> str:
    """Return a log as it is shown; a mask holds for all that comes after it."""
    shown = []
    for line in log.splitlines(keepends=True):
        if line.startswith("::add-mask::"):
            masks.append(line.removeprefix("::add-mask::").strip())
            continue
        for hidden in masks:
            line = line.replace(hidden, "***")  # noqa: PLW2901 -- the same line, masked
        shown.append(line)
    return "".join(shown)


def _bash(
    arguments: list[str], environment: dict[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )
