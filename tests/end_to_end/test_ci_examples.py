"""The CI examples run as they stand: the real kubectl against a small API server, and the sandbox.

Stand-ins are only what would reach the internet: pip and curl.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml
from support.kube_api import Cluster, run_cluster
from support.sidekick import run_sidekick

from falcoport.falco.samples import sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcoport.sandbox.server import RunningSandbox

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "ci"
SECRET = "a-secret-kept-in-the-pipeline"
OTHER_SECRET = "another-secret-after-a-rotation"
COMMIT = "git+https://git.example.com/falcoport@0123456789abcdef0123456789abcdef01234567"
CHART_NAMES = ("falco-falcosidekick", "falcosidekick")

KUBECTL = shutil.which("kubectl")
needs_kubectl = pytest.mark.skipif(KUBECTL is None, reason="needs the kubectl program")

CURL = """#!/bin/sh
# curl -fsSLo FILE URL: gives kubectl.
cp "$KUBECTL" "$2"
"""


class Machine:
    """A place where a pipeline runs: a folder, a PATH, and a cluster."""

    def __init__(self, folder: Path, environment: dict[str, str], cluster: Cluster) -> None:
        self.folder = folder
        self.cluster = cluster
        (folder / "bin").mkdir()
        self._program("falcoport", f'#!/bin/sh\nexec {sys.executable} -m falcoport "$@"\n')
        self._program("kubectl", f'#!/bin/sh\nexec {KUBECTL} "$@"\n')
        self._program("pip", f'#!/bin/sh\nenv >"{folder}/pip-env"\necho "$*" >>"{folder}/pip"\n')
        self._program("curl", CURL)
        self.environment = {
            **environment,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "KUBECONFIG": str(folder / "kubeconfig.json"),
            "KUBECTL": str(folder / "bin" / "kubectl"),
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "FALCO_DRAIN_SECONDS": "0",
            "FALCOPORT_PACKAGE": COMMIT,
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

    def run_script(self, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the shell script."""
        return self.run("sh", str(EXAMPLES / "bootstrap.sh"), **more)

    def run_github(self, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the workflow's job as the runner does: a shell for each step, until one fails."""
        return self._run_steps("bootstrap", **more)

    def run_github_drift(self) -> subprocess.CompletedProcess[str]:
        """Run the workflow's job that looks for drift."""
        return self._run_steps("drift")

    def _run_steps(self, name: str, **more: str) -> subprocess.CompletedProcess[str]:
        workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text(encoding="utf-8"))
        config = Path(self.environment["KUBECONFIG"]).read_text(encoding="utf-8")
        done = subprocess.CompletedProcess("", 1, "", "")
        for step in workflow["jobs"][name]["steps"]:
            if "run" not in step:
                continue
            assert step["shell"] == "bash"
            file = self.folder / "step.sh"
            file.write_text(step["run"], encoding="utf-8")
            plain = {key: text for key, text in workflow["env"].items() if "${{" not in text}
            given = {**plain, "RUNNER_TEMP": str(self.folder), "KUBECONFIG_CONTENT": config}
            shell = ("bash", "--noprofile", "--norc", "-eo", "pipefail", str(file))
            done = self.run(*shell, **{**given, **more})
            if done.returncode:
                break
        return done

    def run_gitlab(self, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the job as GitLab's runner does: its blocks one after the other, in one shell."""
        return self._run_gitlab("falcoport:bootstrap", **more)

    def run_gitlab_drift(self) -> subprocess.CompletedProcess[str]:
        """Run the job that looks for drift."""
        return self._run_gitlab("falcoport:drift")

    def _run_gitlab(self, name: str, **more: str) -> subprocess.CompletedProcess[str]:
        document = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text(encoding="utf-8"))
        job = document[name]
        lines = [*document[job["extends"]]["before_script"], *job["script"]]
        variables = {key: str(text) for key, text in document["variables"].items()}
        script = "\n".join(["set -eo pipefail", *lines])
        kubectl = (self.folder / "bin" / "kubectl").read_bytes()
        variables["KUBECTL_SHA256"] = hashlib.sha256(kubectl).hexdigest()
        return self.run("bash", "-c", script, **{**variables, **more})


PIPELINES = {
    "script": Machine.run_script,
    "github": Machine.run_github,
    "gitlab": Machine.run_gitlab,
}
pipelines = pytest.mark.parametrize("pipeline", PIPELINES)


@pytest.fixture
def machine(sandbox: RunningSandbox, api: httpx.Client, tmp_path: Path) -> Iterator[Machine]:
    """Give a machine whose falcoport talks to a sandbox that has the namespace blueprint."""
    body = {"identifier": "namespace", "title": "Namespace", "schema": {"properties": {}}}
    api.post("/blueprints", json=body)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PORT_", "FALCO"))}
    with run_cluster(tmp_path / "kubeconfig.json") as cluster:
        yield Machine(
            tmp_path,
            {
                **kept,
                "PORT_API_URL": sandbox.url,
                "PORT_CLIENT_ID": sandbox.client_id,
                "PORT_CLIENT_SECRET": sandbox.client_secret,
                "FALCOPORT_WEBHOOK_SECRET": SECRET,
            },
            cluster,
        )


def webhook(api: httpx.Client, identifier: str = "falco_alert_mapper") -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"/webhooks/{identifier}").json()["integration"]
    return found


def alerts(api: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/blueprints/falco_alert/entities").json()["entities"]
    return found


@pytest.mark.slow
@needs_kubectl
@pytest.mark.parametrize(
    ("pipeline", "deployment"),
    [*((name, CHART_NAMES[0]) for name in PIPELINES), ("script", CHART_NAMES[1])],
)
def test_a_pipeline_wires_everything_and_restarts_only_for_a_change(
    pipeline: str, deployment: str, machine: Machine, api: httpx.Client
) -> None:
    """Of either chart: the Deployment is found by its labels, whatever the release is called."""
    run, cluster = PIPELINES[pipeline], machine.cluster
    cluster.add_deployment("falco", deployment, "any-release")
    first = run(machine)
    assert first.returncode == 0, first.stderr
    found = webhook(api)
    assert cluster.secret("falco", "falcosidekick-webhook") == {
        "WEBHOOK_ADDRESS": found["url"],
        "WEBHOOK_CUSTOMHEADERS": f"X-Falcoport-Secret:{SECRET}",
        "WEBHOOK_MAXCONCURRENTREQUESTS": "20",
    }
    assert cluster.restarts("falco", deployment) == 1
    assert alerts(api) == []
    written = list(cluster.writes)
    again = run(machine)
    assert again.returncode == 0, again.stderr
    assert cluster.writes == written
    log = first.stdout + first.stderr + again.stdout + again.stderr
    for hidden in (SECRET, found["webhookKey"], machine.environment["PORT_CLIENT_SECRET"]):
        assert hidden not in log
    if pipeline != "script":
        assert (machine.folder / "pip").read_text(encoding="utf-8").count(COMMIT) == 2


@pytest.mark.slow
@needs_kubectl
@pytest.mark.parametrize(
    "pipeline",
    PIPELINES,
)
def test_a_rotation_changes_to_a_second_webhook_and_back(
    pipeline: str, machine: Machine, api: httpx.Client
) -> None:
    run, cluster = PIPELINES[pipeline], machine.cluster
    cluster.add_deployment("falco", "falco-falcosidekick", "falco")
    for count, (secret, now, gone) in enumerate(
        [
            (SECRET, "falco_alert_mapper", "falco_alert_mapper_b"),
            (OTHER_SECRET, "falco_alert_mapper_b", "falco_alert_mapper"),
            (SECRET, "falco_alert_mapper", "falco_alert_mapper_b"),
        ],
        1,
    ):
        ran = run(machine, FALCOPORT_WEBHOOK_SECRET=secret)
        assert ran.returncode == 0, ran.stderr
        held = cluster.secret("falco", "falcosidekick-webhook")
        assert held["WEBHOOK_ADDRESS"] == webhook(api, now)["url"]
        assert held["WEBHOOK_CUSTOMHEADERS"].endswith(secret)
        assert api.get(f"/webhooks/{gone}").status_code == 404
        assert cluster.restarts("falco", "falco-falcosidekick") == count
        mapping = [{**one, "blueprint": ""} for one in webhook(api, now)["mappings"]]
        assert mapping[0]["entity"]["identifier"].startswith(".body.hostname")


class Fleet:
    """Falcosidekick as the cluster runs it: each roll-out starts one with what the Secret says."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._running = ExitStack()
        self.url = ""
        cluster.on_rollout = self.roll_out

    def roll_out(self, _deployment: dict[str, Any]) -> None:
        environment = self._cluster.secret("falco", "falcosidekick-webhook")
        self.url = self._running.enter_context(run_sidekick("copy", environment))

    def close(self) -> None:
        """Stop them all; each first sends what it holds."""
        self._running.close()


@pytest.mark.slow
@needs_kubectl
def test_a_rotation_loses_no_alert(machine: Machine, api: httpx.Client) -> None:
    """Alerts go on arriving while the secret changes: the old webhook takes them to the end."""
    cluster = machine.cluster
    cluster.add_deployment("falco", "falco-falcosidekick", "falco")
    fleet, stop = Fleet(cluster), threading.Event()
    sent: list[str] = []
    assert machine.run_script().returncode == 0
    line = json.loads(sample("sensitive-file-on-host").line)

    def post() -> None:
        while not stop.wait(0.02):
            name = f"host-{len(sent)}"
            body = json.dumps({**line, "hostname": name})
            httpx.post(fleet.url, content=body, trust_env=False).raise_for_status()
            sent.append(name)

    thread = threading.Thread(target=post)
    thread.start()
    try:
        rotated = machine.run_script(FALCOPORT_WEBHOOK_SECRET=OTHER_SECRET, FALCO_DRAIN_SECONDS="1")
    finally:
        stop.set()
        thread.join()
        fleet.close()
    assert rotated.returncode == 0, rotated.stderr
    assert api.get("/webhooks/falco_alert_mapper").status_code == 404
    assert len(sent) > 20
    while (got := {one["properties"]["hostname"] for one in alerts(api)}) != set(sent):
        assert got < set(sent)


@pytest.mark.slow
@needs_kubectl
def test_a_run_that_was_cut_before_the_restart_goes_on(machine: Machine) -> None:
    """The Secret is as it should be then, but the pods do not have it yet."""
    cluster = machine.cluster
    assert machine.run_script().returncode == 0
    cluster.add_deployment("falco", "falco-falcosidekick", "falco")
    assert machine.run_script().returncode == 0
    assert cluster.restarts("falco", "falco-falcosidekick") == 1


@pytest.mark.slow
@needs_kubectl
def test_names_of_another_cluster_are_kept_apart(machine: Machine, api: httpx.Client) -> None:
    more = {"FALCO_NAMESPACE": "security", "FALCO_WEBHOOK_ID": "falco_prod"}
    ran = machine.run_script(**more)
    assert ran.returncode == 0, ran.stderr
    url = webhook(api, "falco_prod")["url"]
    held = machine.cluster.secret("security", "falcosidekick-webhook")
    assert held["WEBHOOK_ADDRESS"] == url
    left = {path.name for path in machine.folder.iterdir()}
    assert left <= {"bin", "kubeconfig.json", ".kube"}


@pytest.mark.slow
@needs_kubectl
def test_the_proof_goes_through_falcosidekick_where_it_can_be_reached(
    machine: Machine, api: httpx.Client
) -> None:
    """One with another secret is not the chain that was set up, so the pipeline fails."""
    assert machine.run_script().returncode == 0
    wrong = {
        "WEBHOOK_ADDRESS": webhook(api)["url"],
        "WEBHOOK_CUSTOMHEADERS": "X-Falcoport-Secret:x",
    }
    right = machine.cluster.secret("falco", "falcosidekick-webhook")
    with run_sidekick("copy", right) as url:
        assert machine.run_script(FALCOSIDEKICK_URL=url).returncode == 0
    machine.environment["PATH"] = f"{short_patience(machine)}:{machine.environment['PATH']}"
    with run_sidekick("copy", wrong) as url:
        failed = machine.run_script(FALCOSIDEKICK_URL=url)
    assert failed.returncode == 3
    assert "signature" in failed.stderr


def short_patience(machine: Machine) -> Path:
    """Return a folder with a falcoport that does not wait a minute for the test alert."""
    folder = machine.folder / "quick"
    folder.mkdir()
    program = folder / "falcoport"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = send-test ] && set -- "$@" --wait 1\n'
        f'exec {sys.executable} -m falcoport "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o700)
    return folder


@pytest.mark.slow
@needs_kubectl
@pipelines
@pytest.mark.parametrize(
    ("missing", "code"), [("FALCOPORT_WEBHOOK_SECRET", None), ("PORT_CLIENT_SECRET", None)]
)
def test_an_empty_secret_stops_a_pipeline_before_anything(
    missing: str, code: int | None, pipeline: str, machine: Machine, api: httpx.Client
) -> None:
    failed = PIPELINES[pipeline](machine, **{missing: ""})
    assert failed.returncode not in (0, code)
    assert missing in failed.stderr
    assert machine.cluster.writes == []
    assert api.get("/webhooks/falco_alert_mapper").status_code == 404


@pytest.mark.slow
@needs_kubectl
@pipelines
def test_a_failure_of_setup_is_passed_on_with_its_envelope(pipeline: str, machine: Machine) -> None:
    failed = PIPELINES[pipeline](machine, PORT_CLIENT_SECRET="wrong")
    assert failed.returncode == 5
    assert "bad_credentials" in failed.stderr


@pytest.mark.parametrize(
    ("package", "taken"),
    [
        (COMMIT, True),
        ("./falcoport-1.0.0-py3-none-any.whl", True),
        (f"https://files.example.com/falcoport.whl#sha256={'a' * 64}", True),
        ("falcoport", False),
        ("git+https://git.example.com/falcoport@main", False),
        ("", False),
    ],
)
@pytest.mark.slow
@needs_kubectl
def test_only_what_stays_the_same_is_installed(package: str, taken: bool, machine: Machine) -> None:
    for run in (machine.run_github, machine.run_gitlab):
        ran = run(FALCOPORT_PACKAGE=package)
        assert (ran.returncode == 0) == taken, ran.stderr
        assert ("must be a wheel" in ran.stderr) != taken


@pytest.mark.slow
@needs_kubectl
def test_what_is_installed_sees_no_secret(machine: Machine) -> None:
    assert machine.run_gitlab(FALCOPORT_WEBHOOK_SECRET=SECRET).returncode == 0
    seen = (machine.folder / "pip-env").read_text(encoding="utf-8")
    secrets = ("PORT_CLIENT_ID=", "PORT_CLIENT_SECRET=", "FALCOPORT_WEBHOOK_SECRET=", "KUBECONFIG=")
    assert "PATH=" in seen
    assert [line for line in seen.splitlines() if line.startswith(secrets)] == []


def test_only_the_last_step_of_a_workflow_has_secrets() -> None:
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text(encoding="utf-8"))
    assert "secrets." not in json.dumps(workflow["env"])
    for job in workflow["jobs"].values():
        assert "secrets." not in json.dumps({**job, "steps": job["steps"][:-1]})
        assert "secrets." in json.dumps(job["steps"][-1])


@needs_kubectl
def test_a_download_that_is_not_what_was_pinned_is_not_run(machine: Machine) -> None:
    ran = machine.run_gitlab(KUBECTL_SHA256="0" * 64)
    assert ran.returncode != 0
    assert "kubectl: FAILED" in ran.stdout
    pinned = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text(encoding="utf-8"))["variables"]
    assert re.fullmatch(r"[0-9a-f]{64}", pinned["KUBECTL_SHA256"])


@pytest.mark.slow
@needs_kubectl
def test_the_drift_jobs_find_what_somebody_changed(machine: Machine, api: httpx.Client) -> None:
    assert machine.run_github().returncode == 0
    assert machine.run_github_drift().returncode == 0
    assert machine.run_gitlab_drift().returncode == 0
    api.patch("/webhooks/falco_alert_mapper", json={"enabled": False}).raise_for_status()
    assert machine.run_github_drift().returncode == 3
    assert machine.run_gitlab_drift().returncode == 3


def test_the_jobs_are_the_script() -> None:
    """One logic in three places: whoever changes the script changes the jobs."""
    script = (EXAMPLES / "bootstrap.sh").read_text(encoding="utf-8")
    body = script[script.index("set -eu\n") :]
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["bootstrap"]["steps"][-1]["run"].endswith(body)
    document = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text(encoding="utf-8"))
    assert document["falcoport:bootstrap"]["script"] == [body]


def test_secrets_are_given_only_to_the_steps_that_need_them() -> None:
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text(encoding="utf-8"))
    assert "secrets" not in json.dumps(workflow["env"])
    for job in workflow["jobs"].values():
        assert "env" not in job
        install = next(step for step in job["steps"] if "pip install" in step.get("run", ""))
        assert "secrets" not in json.dumps(install)


def test_actions_are_pinned_by_commit() -> None:
    text = (EXAMPLES / "github-actions.yml").read_text(encoding="utf-8")
    uses = [line.split("uses:")[1].split()[0] for line in text.splitlines() if "uses:" in line]
    assert uses
    assert all(len(one.partition("@")[2]) == 40 for one in uses)


def test_the_github_workflow_checks_on_a_schedule() -> None:
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text(encoding="utf-8"))
    triggers = workflow[True]  # YAML 1.1 reads the key `on` so
    assert triggers["schedule"]
    assert workflow["jobs"]["drift"]["if"] == "github.event_name == 'schedule'"
    assert workflow["jobs"]["bootstrap"]["if"] == "github.event_name != 'schedule'"


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="no shellcheck here")
@pytest.mark.parametrize(
    "script",
    [
        "examples/ci/bootstrap.sh",
        ".ci/run",
        "scripts/release",
        "scripts/check_image",
        "scripts/setup",
        "scripts/check",
    ],
)
def test_the_shell_scripts_are_clean(script: str) -> None:
    ran = subprocess.run(
        ["shellcheck", script], cwd=ROOT, capture_output=True, check=False, text=True
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="no actionlint here")
def test_the_workflow_is_clean() -> None:
    file = str(EXAMPLES / "github-actions.yml")
    ran = subprocess.run(["actionlint", file], capture_output=True, check=False, text=True)
    assert ran.returncode == 0, ran.stdout
