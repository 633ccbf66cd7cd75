"""The CI examples run as they stand, against the sandbox, with a stand-in for kubectl and pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.options import RunningSandbox

EXAMPLES = Path(__file__).parents[2] / "examples" / "ci"
SECRET = "a-secret-kept-in-the-pipeline"

# Keeps every manifest that is applied, and says `unchanged` of one that it has seen.
KUBECTL = """#!/bin/sh
echo "$*" >>"$KUBE/calls"
case "$*" in
"create namespace"*"--dry-run=client -o yaml")
    printf 'apiVersion: v1\\nkind: Namespace\\nmetadata:\\n  name: %s\\n' "$3" ;;
"apply -f "*)
    if [ "$3" = - ]; then cat >"$KUBE/new"; else cat "$3" >"$KUBE/new"; fi
    kind=$(sed -n 's/^kind: "*\\([A-Za-z]*\\)"*$/\\1/p' "$KUBE/new")
    if cmp -s "$KUBE/new" "$KUBE/$kind"; then echo "$kind unchanged"; else echo "$kind applied"; fi
    mv "$KUBE/new" "$KUBE/$kind" ;;
esac
"""


class Machine:
    """A place where a pipeline runs: a folder, a PATH, and a cluster that is only files."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.cluster = folder / "cluster"
        self.cluster.mkdir()
        programs = folder / "bin"
        programs.mkdir()
        self._program("falcoport", f'#!/bin/sh\nexec {sys.executable} -m falcoport "$@"\n')
        self._program("kubectl", KUBECTL)
        for name in ("pip", "curl", "chmod"):
            self._program(name, f'#!/bin/sh\necho "{name} $*" >>"$KUBE/calls"\n')
        self.environment = {
            **environment,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "KUBE": str(self.cluster),
            "TMPDIR": str(folder),
        }

    def _program(self, name: str, text: str) -> None:
        file = self.folder / "bin" / name
        file.write_text(text, encoding="utf-8")
        file.chmod(0o700)

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command there, with more environment variables."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environment, **more},
            capture_output=True,
            check=False,
            text=True,
        )

    @property
    def calls(self) -> list[str]:
        """What the stand-ins were called with."""
        file = self.cluster / "calls"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def applied(self, kind: str) -> Any:
        """Return the manifest of a kind that was applied last."""
        return yaml.safe_load((self.cluster / kind).read_text(encoding="utf-8"))


@pytest.fixture
def machine(sandbox: RunningSandbox, api: httpx.Client, tmp_path: Path) -> Machine:
    """Give a machine whose falcoport talks to a sandbox that has the namespace blueprint."""
    body = {"identifier": "namespace", "title": "Namespace", "schema": {"properties": {}}}
    api.post("/blueprints", json=body).raise_for_status()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PORT_", "FALCO"))}
    return Machine(
        tmp_path,
        {
            **kept,
            "PORT_API_URL": sandbox.url,
            "PORT_CLIENT_ID": sandbox.client_id,
            "PORT_CLIENT_SECRET": sandbox.client_secret,
            "FALCOPORT_WEBHOOK_SECRET": SECRET,
        },
    )


def webhook(api: httpx.Client, identifier: str = "falco_alert_mapper") -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/webhooks/{identifier}").json()["integration"]
    return found


def check_handed_over(
    machine: Machine, found: dict[str, Any], namespace: str, outputs: str
) -> None:
    """Check that the cluster got the webhook, and the log neither its URL nor a secret."""
    secret = machine.applied("Secret")
    assert secret["metadata"] == {"name": "falcosidekick-webhook", "namespace": namespace}
    assert secret["stringData"] == {
        "WEBHOOK_ADDRESS": found["url"],
        "WEBHOOK_CUSTOMHEADERS": f"X-Falcoport-Secret:{SECRET}",
    }
    assert machine.applied("Namespace")["metadata"]["name"] == namespace
    assert found["security"]["signatureAlgorithm"] == "plain"
    for hidden in (SECRET, found["webhookKey"], machine.environment["PORT_CLIENT_SECRET"]):
        assert hidden not in outputs


def test_the_script_wires_everything_and_can_be_run_again(
    machine: Machine, api: httpx.Client
) -> None:
    script = str(EXAMPLES / "bootstrap.sh")
    more = {"FALCO_NAMESPACE": "security", "FALCO_WEBHOOK_ID": "falco_prod"}
    first = machine.run("sh", script, **more)
    assert first.returncode == 0, first.stderr
    found = webhook(api, "falco_prod")
    check_handed_over(machine, found, "security", first.stdout + first.stderr)
    restart = "-n security rollout restart deployment/falco-falcosidekick"
    assert machine.calls.count(restart) == 1
    again = machine.run("sh", script, **more)
    assert again.returncode == 0, again.stderr
    assert webhook(api, "falco_prod") == found
    assert machine.calls.count(restart) == 1
    left = {path.name for path in machine.folder.iterdir()}
    assert left == {"bin", "cluster"}


def test_the_script_passes_a_failure_on(machine: Machine) -> None:
    failed = machine.run("sh", str(EXAMPLES / "bootstrap.sh"), PORT_CLIENT_SECRET="wrong")
    assert failed.returncode == 5
    assert "bad_credentials" in failed.stderr
    assert machine.calls == []


def test_the_script_wants_a_secret_that_is_kept(machine: Machine) -> None:
    failed = machine.run("sh", str(EXAMPLES / "bootstrap.sh"), FALCOPORT_WEBHOOK_SECRET="")
    assert failed.returncode != 0
    assert "FALCOPORT_WEBHOOK_SECRET" in failed.stderr
    assert machine.calls == []


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")
def test_the_script_is_clean() -> None:
    subprocess.run(["shellcheck", str(EXAMPLES / "bootstrap.sh")], check=True)


def github_job(name: str) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Return the workflow's environment, without secrets, and the steps of a job that run."""
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text(encoding="utf-8"))
    plain = {key: text for key, text in workflow["env"].items() if "${{" not in text}
    return plain, [step for step in workflow["jobs"][name]["steps"] if "run" in step]


def run_github(machine: Machine, name: str) -> list[subprocess.CompletedProcess[str]]:
    """Run a job's steps as the runner does: each in a shell of its own, until one fails."""
    environment, steps = github_job(name)
    done = []
    for step in steps:
        assert step["shell"] == "bash"
        file = machine.folder / "step.sh"
        file.write_text(step["run"], encoding="utf-8")
        done.append(
            machine.run(
                *("bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)),
                **environment,
                RUNNER_TEMP=str(machine.folder),
                KUBECONFIG_CONTENT="apiVersion: v1",
            )
        )
        if done[-1].returncode:
            break
    return done


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq here; GitHub's runners have it")
def test_the_github_workflow_wires_everything_and_finds_drift(
    machine: Machine, api: httpx.Client
) -> None:
    done = run_github(machine, "bootstrap")
    assert [step.returncode for step in done] == [0, 0, 0], done[-1].stderr
    found = webhook(api)
    log = "".join(step.stdout + step.stderr for step in done)
    check_handed_over(machine, found, "falco", log.replace(f"::add-mask::{found['url']}\n", ""))
    assert "webhook falco_alert_mapper: create\n" in log
    assert (machine.folder / "kubeconfig").stat().st_mode & 0o077 == 0
    assert [step.returncode for step in run_github(machine, "drift")] == [0, 0]
    api.patch("/webhooks/falco_alert_mapper", json={"enabled": False}).raise_for_status()
    assert [step.returncode for step in run_github(machine, "drift")] == [0, 3]


def test_the_github_workflow_checks_on_a_schedule() -> None:
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text(encoding="utf-8"))
    triggers = workflow[True]  # YAML 1.1 reads the key `on` so
    assert triggers["schedule"]
    assert workflow["jobs"]["drift"]["if"] == "github.event_name == 'schedule'"
    assert workflow["jobs"]["bootstrap"]["if"] == "github.event_name != 'schedule'"


def run_gitlab(machine: Machine, name: str) -> subprocess.CompletedProcess[str]:
    """Run a job as GitLab's runner does: its lines one after the other, in one shell."""
    document = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text(encoding="utf-8"))
    job = document[name]
    lines = [*job["before_script"], *job["script"]]
    done = machine.run("bash", "-c", "\n".join(["set -eo pipefail", *lines]), **variables(document))
    for line in job.get("after_script", []):
        machine.run("bash", "-c", line)
    return done


def variables(document: dict[str, Any]) -> dict[str, str]:
    return {name: str(text) for name, text in document["variables"].items()}


def test_the_gitlab_job_wires_everything_and_finds_drift(
    machine: Machine, api: httpx.Client
) -> None:
    done = run_gitlab(machine, "falcoport:bootstrap")
    assert done.returncode == 0, done.stderr
    check_handed_over(machine, webhook(api), "falco", done.stdout + done.stderr)
    assert not (machine.folder / "setup.json").exists()
    assert run_gitlab(machine, "falcoport:drift").returncode == 0
    api.patch("/webhooks/falco_alert_mapper", json={"enabled": False}).raise_for_status()
    assert run_gitlab(machine, "falcoport:drift").returncode == 3
