"""The Kubernetes examples are valid for the API, and start falcoport with options that it has."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from support.command_line import falcoport

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
        for container in spec["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("file", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_containers_use_options_that_falcoport_has(file: Path) -> None:
    for spec in pod_specs(documents(file.read_text(encoding="utf-8"))):
        for container in spec["containers"]:
            # With --help at the end the options are parsed and nothing is run.
            ran = falcoport(*container["args"], "--help")
            assert ran.exit_code == 0, ran.stderr
