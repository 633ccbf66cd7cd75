"""A set-up by falcoport, by Terraform with Port's provider, and by a script of curl and jq.

All three make the same blueprint and webhook with its mapping, first in a catalog that has neither,
then again. Each answer of the sandbox takes 100 ms, as one of Port's may. They run in turns, each
in a new process and each round against a new sandbox; medians are compared.

    python benchmarks/first_contact.py [ROUNDS]

tofu (or terraform) and terraform-provider-port-labs, curl and jq are looked for on PATH; what is
missing is left out.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LATENCY = 0.1
FALCOPORT = (sys.executable, "-m", "falcoport")
SCRIPT = """\
#!/bin/sh
# What an engineer writes who knows Port's API: look, then create or replace.
set -eu
api=$PORT_API_URL/v1
token=$(jq -n '{clientId: env.PORT_CLIENT_ID, clientSecret: env.PORT_CLIENT_SECRET}' |
    curl -sf "$api/auth/access_token" -H 'content-type: application/json' -d @- |
    jq -r .accessToken)
put() { # kind identifier file
    url=$api/$1/$2 method=PUT
    status=$(curl -s -o /dev/null -w '%{http_code}' -H "authorization: Bearer $token" "$url")
    if [ "$status" = 404 ]; then url=$api/$1 method=POST; fi
    curl -sf -X $method -H "authorization: Bearer $token" -H 'content-type: application/json' \\
        -d @"$3" "$url"
}
put blueprints falco_alert blueprint.json > /dev/null
put webhooks falco_alert_mapper webhook.json | jq -r .integration.url
"""


@contextmanager
def running_sandbox() -> Iterator[dict[str, str]]:
    """Run a sandbox in a process of its own; give what points clients to it."""
    command = [*FALCOPORT, "sandbox", "--port", "0", "--latency", str(LATENCY)]
    command += ["--catalog", "exporter-legacy", "-o", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            text = ""
            while not text.endswith("}\n") or text.count("{") != text.count("}"):
                line = process.stdout.readline()
                if not line:
                    sys.exit("The sandbox did not start.")
                text += line
            address = json.loads(text)["data"]
            yield {**address, "PORT_BASE_URL": address["PORT_API_URL"].removesuffix("/v1")}
        finally:
            process.terminate()


def timed(command: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> float:
    """Run a command and return its seconds; end where it fails."""
    started = time.perf_counter()
    ran = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
        text=True,
    )
    seconds = time.perf_counter() - started
    if ran.returncode:
        sys.exit(f"{' '.join(command)}\n{ran.stdout}{ran.stderr}")
    return seconds


def exported(form: str) -> str:
    """Return the set-up as code of this kind, for an empty catalog."""
    command = [*FALCOPORT, "export", "--offline", "--format", form]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def find_tools(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return each tool's command line, having written what it reads into the folder."""
    tools: dict[str, tuple[str, ...]] = {"falcoport": (*FALCOPORT, "setup")}
    provider = shutil.which("terraform-provider-port-labs")
    tofu = shutil.which("tofu") or shutil.which("terraform")
    if provider and tofu:
        write_terraform(folder, provider)
        tools["terraform"] = (tofu, "apply", "-auto-approve", "-no-color")
    if shutil.which("curl") and shutil.which("jq"):
        bodies: dict[str, Any] = json.loads(exported("json"))
        (folder / "blueprint.json").write_text(json.dumps(bodies["blueprint"]))
        (folder / "webhook.json").write_text(json.dumps(bodies["webhook"]))
        (folder / "script.sh").write_text(SCRIPT)
        tools["script"] = ("sh", "script.sh")
    return tools


def write_terraform(folder: Path, provider: str) -> None:
    """Write the code, and the configuration with which the provider need not be downloaded."""
    (folder / "main.tf").write_text(exported("terraform"))
    place = Path(provider).resolve().parent
    (folder / "cli.tfrc").write_text(
        "provider_installation {\n  dev_overrides {\n"
        f'    "port-labs/port-labs" = "{place}"\n  }}\n  direct {{}}\n}}\n'
    )


def measure(tools: dict[str, tuple[str, ...]], folder: Path) -> dict[str, tuple[float, float]]:
    """Run each tool twice against a sandbox of its own; return its seconds."""
    found = {}
    for name, command in tools.items():
        for state in folder.glob("terraform.tfstate*"):
            state.unlink()
        with running_sandbox() as address:
            environment = {**address, "TF_CLI_CONFIG_FILE": str(folder / "cli.tfrc")}
            if name != "falcoport":
                environment["PORT_API_URL"] = environment["PORT_BASE_URL"]
            first = timed(command, folder, environment)
            found[name] = (first, timed(command, folder, environment))
    return found


def main() -> None:
    """Print the medians, and falcoport's beside each of the others."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tools = find_tools(folder)
        for missing in {"terraform", "script"} - set(tools):
            print(f"{missing}: skipped, not on PATH")
        results = [measure(tools, folder) for _ in range(rounds)]
    medians = {
        name: [statistics.median(one[name][run] for one in results) for run in (0, 1)]
        for name in tools
    }
    for name, (first, second) in medians.items():
        ratios = [medians["falcoport"][run] / medians[name][run] for run in (0, 1)]
        beside = (
            "" if name == "falcoport" else f"; falcoport {ratios[0]:.2f} and {ratios[1]:.2f} of it"
        )
        print(f"{name}: first {first:.2f} s, second {second:.2f} s{beside}")


if __name__ == "__main__":
    main()
