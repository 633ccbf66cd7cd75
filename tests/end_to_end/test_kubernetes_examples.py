"""The Kubernetes examples are valid for the API, and start falcoport with options that it has.

The Job that sets Port up is played as a kubelet does: its containers one after the other, with the
real kubectl against a small API server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml
from support.command_line import falcoport
from support.kube_api import run_cluster

if TYPE_CHECKING:
    import httpx

    from falcoport.sandbox.server import RunningSandbox

EXAMPLES = Path(__file__).parents[2] / "examples" / "kubernetes"
KUBECTL = shutil.which("kubectl")
BASES = sorted(path.parent.name for path in EXAMPLES.glob("*/kustomization.yaml"))
FILES = sorted(path for path in EXAMPLES.rglob("*.yaml") if path.name != "kustomization.yaml")


def documents(text: str) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(text) if one]


def pod_specs(found: Any) -> list[dict[str, Any]]:
    """Return every pod's spec, however deep it lies."""
    if isinstance(found, list):
        return [spec for one in found for spec in pod_specs(one)]
    if not isinstance(found, dict):
        return []
    own = [found] if "containers" in found else []  # of a Deployment, a Job, a CronJob
    return own + [spec for one in found.values() for spec in pod_specs(one)]


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [*spec.get("initContainers", []), *spec["containers"]]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.skipif(KUBECTL is None, reason="needs kubectl, which builds kustomizations")
def test_a_base_builds_to_valid_objects(base: str) -> None:
    assert KUBECTL is not None
    built = subprocess.run(
        [KUBECTL, "kustomize", str(EXAMPLES / base)], capture_output=True, text=True, check=True
    )
    found = documents(built.stdout)
    assert found
    for one in found:
        kubernetes_validate.validate(one, "1.32", strict=True)
        if one["kind"] in ("PodDisruptionBudget", "NetworkPolicy", "Service"):
            assert f"app.kubernetes.io/name: falcoport-{base}" in yaml.safe_dump(
                one["spec"].get("selector") or one["spec"].get("podSelector")
            ), "it would select every pod, or none"


@pytest.mark.parametrize("file", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_holds_valid_objects(file: Path) -> None:
    for one in documents(file.read_text(encoding="utf-8")):
        if one["kind"] in ("Job", "CronJob"):  # the rest is complete only once it is built
            kubernetes_validate.validate(one, "1.32", strict=True)


@pytest.mark.parametrize("file", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_pods_run_with_the_least_they_need(file: Path) -> None:
    for spec in pod_specs(documents(file.read_text(encoding="utf-8"))):
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(spec):
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("file", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_containers_use_options_that_falcoport_has(file: Path) -> None:
    for spec in pod_specs(documents(file.read_text(encoding="utf-8"))):
        for container in containers(spec):
            if not container["image"].startswith("falcoport"):
                continue
            # With --help at the end the options are parsed and nothing is run.
            ran = falcoport(*container["args"], "--help")
            assert ran.exit_code == 0, ran.stderr


def parsed(name: str) -> list[dict[str, Any]]:
    return documents((EXAMPLES / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_manifest_holds_a_secret(file: Path) -> None:
    for one in documents(file.read_text(encoding="utf-8")):
        if one["kind"] == "Secret":
            assert not {"data", "stringData"} & set(one)
    assert not [name for spec in pod_specs(parsed(str(file))) for name in secret_values(spec)]


def secret_values(spec: dict[str, Any]) -> list[str]:
    """Return the variables whose name says secret and whose value is written down."""
    values = [one for container in containers(spec) for one in container.get("env", [])]
    return [one["name"] for one in values if "SECRET" in one["name"] and "value" in one]


def test_the_setup_job_may_do_nothing_but_change_its_secret() -> None:
    roles = [one for one in parsed("setup/rbac.yaml") if "rules" in one]
    assert [(one["kind"], one["rules"]) for one in roles] == [
        (
            "Role",
            [
                {
                    "apiGroups": [""],
                    "resources": ["secrets"],
                    "resourceNames": ["falcosidekick-webhook"],
                    "verbs": ["get", "patch"],
                }
            ],
        )
    ]
    (spec,) = pod_specs(parsed("setup/job.yaml"))
    with_token = [
        one["name"]
        for one in containers(spec)
        if "token" in [mount["name"] for mount in one.get("volumeMounts", [])]
    ]
    assert with_token == ["apply"]


@pytest.mark.skipif(KUBECTL is None, reason="needs the kubectl program")
def test_the_setup_job_fills_the_secret_and_can_run_again(
    sandbox: RunningSandbox,
    api: httpx.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Applying the empty Secret's manifest again afterwards empties nothing."""
    assert KUBECTL is not None
    api.post(
        "/blueprints",
        json={"identifier": "namespace", "title": "Namespace", "schema": {"properties": {}}},
    )
    for name, value in {
        "PORT_API_URL": sandbox.url,
        "PORT_CLIENT_ID": sandbox.client_id,
        "PORT_CLIENT_SECRET": sandbox.client_secret,
        "FALCOPORT_WEBHOOK_SECRET": "kept-by-whoever-runs-this",
    }.items():
        monkeypatch.setenv(name, value)
    (spec,) = pod_specs(parsed("setup/job.yaml"))
    kubeconfig = tmp_path / "kubeconfig.json"

    def fill(argument: str) -> str:
        text = argument.replace("$(NAMESPACE)", "falco")
        return text.replace("/secret/", f"{tmp_path}/")

    def kubectl(*arguments: str) -> None:
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path)}
        subprocess.run([str(KUBECTL), "--namespace=falco", *arguments], env=environment, check=True)

    with run_cluster(kubeconfig) as cluster:
        for _ in range(2):
            kubectl("apply", "-f", str(EXAMPLES / "setup" / "secret.yaml"))
            for container in containers(spec):
                arguments = [fill(one) for one in container["args"]]
                if container["image"].startswith("falcoport"):
                    ran = falcoport(*arguments)
                    assert ran.exit_code == 0, ran.stderr
                else:
                    kubectl(*arguments)
        kubectl("apply", "-f", str(EXAMPLES / "setup" / "secret.yaml"))
        held = cluster.secret("falco", "falcosidekick-webhook")
    found = api.get("/webhooks/falco_alert_mapper").json()["integration"]
    assert held["WEBHOOK_ADDRESS"] == found["url"]
    assert held["WEBHOOK_CUSTOMHEADERS"] == "X-Falcoport-Secret:kept-by-whoever-runs-this"
