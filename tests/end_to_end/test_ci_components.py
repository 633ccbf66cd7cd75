"""The GitHub Action and the GitLab component do what they say, run as their runners run them.

The stand-in is only for what would reach the internet: a virtual environment whose pip notes what
it is to install, and whose falcoport is this checkout's.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from support.ci_runners import Finished, InputError, run_component, run_composite

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.server import RunningSandbox

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"
TEMPLATE = ROOT / "templates" / "falcoport.yml"
TITLE = '--webhook-title "Falco prod"'
SECRET = "a-secret-kept-in-the-pipeline"
COMMIT = "git+https://git.example.com/falcoport@0123456789abcdef0123456789abcdef01234567"

PYTHON = f"""#!/bin/sh
# `python3 -m venv FOLDER` makes an environment whose pip notes its arguments and its environment.
if [ "$1 $2" != "-m venv" ]; then exec {sys.executable} "$@"; fi
mkdir -p "$3/bin"
printf '#!/bin/sh\\necho "$*" >>"$NOTES"\\nenv >>"$NOTES.env"\\n' >"$3/bin/pip"
printf '#!/bin/sh\\nexec {sys.executable} -m falcoport "$@"\\n' >"$3/bin/falcoport"
ln -sf {sys.executable} "$3/bin/python"
chmod +x "$3/bin/pip" "$3/bin/falcoport"
"""


class Pipeline:
    """A runner whose falcoport talks to a sandbox."""

    def __init__(self, folder: Path, sandbox: RunningSandbox, kind: str) -> None:
        self.folder, self.kind, self.count = folder, kind, 0
        self.notes = folder / "notes"
        programs = folder / "bin"
        programs.mkdir()
        (programs / "python3").write_text(PYTHON, encoding="utf-8")
        (programs / "python3").chmod(0o700)
        self.environment = {
            "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "NOTES": str(self.notes),
            "PORT_API_URL": sandbox.url,
            "PORT_CLIENT_ID": sandbox.client_id,
            "PORT_CLIENT_SECRET": sandbox.client_secret,
        }

    def run(self, inputs: dict[str, str], **more: str) -> Finished:
        """Run the action or the component with inputs and further variables."""
        self.count += 1
        folder = self.folder / f"run{self.count}"
        folder.mkdir()
        environment = {**self.environment, **more}
        if self.kind == "github":
            return run_composite(ACTION, inputs, environment, folder)
        return run_component(TEMPLATE, {"version": COMMIT, **inputs}, environment, folder)

    def table(self, finished: Finished) -> str:
        """Return the Markdown that a run left behind."""
        return finished.summary if self.kind == "github" else finished.files["falcoport.md"]

    def changes(self, finished: Finished) -> str:
        """Return the output that says how many changes there are."""
        return finished.outputs["changes" if self.kind == "github" else "FALCOPORT_CHANGES"]


@pytest.fixture(params=["github", "gitlab"])
def pipeline(
    request: pytest.FixtureRequest, sandbox: RunningSandbox, api: httpx.Client, tmp_path: Path
) -> Pipeline:
    body = {"identifier": "namespace", "title": "Namespace", "schema": {"properties": {}}}
    api.post("/blueprints", json=body)
    return Pipeline(tmp_path, sandbox, request.param)


@pytest.mark.slow
def test_plan_setup_and_drift(pipeline: Pipeline, api: httpx.Client) -> None:
    """A plan shows a table, setup does it and gives the URL, drift fails the job on request."""
    planned = pipeline.run({"command": "plan"})
    assert planned.exit_code == 0, planned.log
    assert pipeline.changes(planned) == "3"
    row = "| + create | webhook | <code>falco&#95;alert&#95;mapper</code> |"
    assert row in pipeline.table(planned)
    assert "**3 of 3** to change." in pipeline.table(planned)

    done = pipeline.run(
        {"command": "setup", "args": f"--secure {TITLE}"},
        FALCOPORT_WEBHOOK_SECRET=SECRET,
    )
    assert done.exit_code == 0, done.log
    webhook = api.get("/webhooks/falco_alert_mapper").json()["integration"]
    assert webhook["title"] == "Falco prod"
    if pipeline.kind == "github":
        assert done.outputs["webhook-url"] == webhook["url"]
    everything = done.log + pipeline.table(done)
    for hidden in (webhook["webhookKey"], SECRET, pipeline.environment["PORT_CLIENT_SECRET"]):
        assert hidden not in everything
    assert not list(pipeline.folder.glob("run*/*.json")), "the envelope has the URL, and is removed"

    check = {"fail-on-changes": "true", "args": TITLE}
    same = pipeline.run(check)
    assert (same.exit_code, pipeline.changes(same)) == (0, "0"), same.log
    api.patch("/webhooks/falco_alert_mapper", json={"enabled": False}).raise_for_status()
    assert pipeline.run({"args": TITLE}).exit_code == 0
    drifted = pipeline.run(check)
    assert (drifted.exit_code, pipeline.changes(drifted)) == (3, "1")
    row = "| <code>enabled</code> | <code>false</code> | <code>true</code> |"
    assert row in pipeline.table(drifted)


def test_a_failure_is_explained_in_the_summary(pipeline: Pipeline) -> None:
    failed = pipeline.run({"command": "setup"}, PORT_CLIENT_SECRET="wrong")
    assert failed.exit_code == 5
    assert "bad&#95;credentials" in pipeline.table(failed)
    if pipeline.kind == "github":
        assert "::error title=falcoport bad_credentials::" in failed.log


def test_the_config_that_is_named_is_read(pipeline: Pipeline) -> None:
    file = pipeline.folder / "other.yaml"
    file.write_text("webhook:\n  identifier: falco_stage\n", encoding="utf-8")
    planned = pipeline.run({"config": str(file)})
    assert "falco&#95;stage" in pipeline.table(planned), planned.log


def test_what_is_installed_sees_no_credentials_and_stays_the_same(pipeline: Pipeline) -> None:
    pipeline.run({"version": COMMIT})
    assert COMMIT in pipeline.notes.read_text(encoding="utf-8")
    seen = Path(f"{pipeline.notes}.env").read_text(encoding="utf-8")
    if pipeline.kind == "gitlab":
        assert "PORT_CLIENT_SECRET" not in seen
    for wrong in ("falcoport", "git+https://git.example.com/falcoport@main"):
        if pipeline.kind == "github":
            refused = pipeline.run({"version": wrong})
            assert refused.exit_code == 2
            assert "version must be" in refused.log
        else:
            with pytest.raises(InputError, match="version"):
                pipeline.run({"version": wrong})


def test_an_argument_is_never_code(pipeline: Pipeline) -> None:
    """What a pipeline is given stays one argument, whatever is in it."""
    mark = pipeline.folder / "mark"
    odd = f"--webhook-title=$(touch {mark}) `touch {mark}`; touch {mark} & #"
    assert pipeline.run({"args": odd}).exit_code == 2
    assert not mark.exists()


def test_only_commands_that_make_sense_in_a_pipeline_are_run(pipeline: Pipeline) -> None:
    if pipeline.kind == "github":
        assert pipeline.run({"command": "sandbox"}).exit_code == 2
    else:
        with pytest.raises(InputError, match="command"):
            pipeline.run({"command": "sandbox"})


def test_the_action_installs_what_it_was_checked_out_as_with_its_lock(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    pipeline = Pipeline(tmp_path, sandbox, "github")
    pipeline.run({})
    first, second = pipeline.notes.read_text(encoding="utf-8").splitlines()
    assert first == f"install --quiet --require-hashes -r {ROOT}/requirements/runtime.txt"
    assert second == f"install --quiet --no-deps {ROOT}"
    install = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["runs"]["steps"][0]
    assert not [text for text in install["env"].values() if "secret" in text or "client" in text]


def test_both_know_the_same_inputs() -> None:
    """Who has used one finds the other's way around."""
    action = yaml.safe_load(ACTION.read_text(encoding="utf-8"))["inputs"]
    head = TEMPLATE.read_text(encoding="utf-8").partition("\n---\n")[0]
    component = yaml.safe_load(head)["spec"]["inputs"]
    own = {"client-id", "client-secret", "webhook-secret", "python"}
    assert set(action) - own == set(component) - {"job-name", "stage", "image"}


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="no actionlint here")
def test_the_workflow_that_uses_the_action_is_clean() -> None:
    file = str(ROOT / "examples" / "ci" / "github-action.yml")
    ran = subprocess.run(["actionlint", file], capture_output=True, check=False, text=True)
    assert ran.returncode == 0, ran.stdout
