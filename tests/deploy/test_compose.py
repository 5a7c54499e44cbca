"""compose.yaml, checked without a container engine: its schema, what it grants to whom, and its commands run together."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from src.integrations.ledger.embedded_valkey import find_server
from tests.deploy.deploy_kit import DEPLOY, Image, Nginx, compose, contained, running, wait_for
from tests.kit.product import PROJECT, eventually
from tests.kit.rig import Rig, free_port

GIVEN = {"STORE_PASSWORD": "f00d" * 16, "CERTIFICATE_DIR": "/certificates"}
SERVICES = ("nginx", "web", "worker", "store")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return dict(compose(GIVEN)["services"])


@pytest.mark.parametrize("name", ["compose.yaml", "compose.tls.yaml"])
def test_the_file_is_valid(name: str, tmp_path: Path) -> None:
    filled_in = tmp_path / name
    filled_in.write_text(yaml.safe_dump(compose(GIVEN, name)))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    checked = subprocess.run(
        [*command, str(PROJECT / name), str(filled_in)], check=False, capture_output=True, text=True, timeout=60
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("missing", sorted(GIVEN))
def test_nothing_starts_without_what_must_be_given(missing: str) -> None:
    given = {name: value for name, value in GIVEN.items() if name != missing}
    with pytest.raises(KeyError, match=missing):
        compose(given, "compose.tls.yaml" if missing == "CERTIFICATE_DIR" else "compose.yaml")


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_as_few_rights_as_it_needs(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] > 0
    assert service["mem_limit"]
    assert service["healthcheck"]["test"]
    assert service["logging"]["options"]["max-size"]
    user = service.get("user") or Image().all("USER")[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "numbers, and never root"
    assert not {"privileged", "cap_add", "devices", "network_mode", "pid"} & set(service)
    for mount in service["volumes"]:
        source, target, *options = mount.split(":")
        if source.startswith("./"):
            assert (PROJECT / source).exists(), mount
            assert options == ["ro"], mount
        else:
            assert target == "/data"


def test_every_service_is_looked_at() -> None:
    assert set(compose(GIVEN)["services"]) == set(SERVICES)


def test_nothing_is_published_but_nginx_and_the_store_is_out_of_reach(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "ports" in service} == {"nginx"}
    assert services["nginx"]["ports"] == ["127.0.0.1:8080:8080"]
    assert services["store"]["networks"] == ["back"]
    assert "back" not in services["nginx"]["networks"]
    assert compose(GIVEN)["networks"]["back"]["internal"] is True


def test_secrets_go_only_where_they_are_needed(services: dict[str, Any]) -> None:
    assert [name for name in SERVICES if "env_file" in services[name]] == ["web", "worker"]
    assert set(services["store"]["environment"]) == {"STORE_PASSWORD", "STORE_OPERATOR_PASSWORD"}
    assert "environment" not in services["nginx"]
    assert services["web"]["environment"]["TRUSTED_PROXIES"] == services["nginx"]["networks"]["front"]["ipv4_address"]


def test_the_store_is_the_version_that_the_tests_run_on_and_may_fork(services: dict[str, Any]) -> None:
    version = subprocess.run([str(find_server()), "--version"], check=True, capture_output=True, text=True, timeout=10).stdout
    assert services["store"]["image"].partition(":")[2] == re.findall(r"v=([\d.]+)", version)[0]
    limit = re.findall(r"^maxmemory (\d+)mb$", (DEPLOY / "valkey.conf").read_text(), re.MULTILINE)
    assert services["store"]["mem_limit"] == "1g"
    assert 2 * int(limit[0]) <= 1024


def test_the_services_answer_a_message_together(services: dict[str, Any], tmp_path: Path) -> None:
    """Commands, environments, files and health checks as shipped; names of containers become ports of this machine."""
    app, output = Image().unpack(tmp_path / "app"), tmp_path / "output.txt"
    for name in ("data", "store"):
        (tmp_path / name).mkdir()
    store_port, web_port = free_port(), free_port()
    store_environment = {
        **services["store"]["environment"], "PATH": "/usr/bin:/bin", "STORE_RUN_DIR": str(tmp_path),
        "STORE_SERVER": str(find_server()),
    }  # fmt: skip
    interpreter, script, *options = services["store"]["entrypoint"]
    assert script == "/etc/valkey/valkey-start.sh"
    assert options == ["--dir", "/data"]
    here = ["--dir", str(tmp_path / "store"), "--port", str(store_port), "--bind", "127.0.0.1"]
    store_command = [interpreter, str(DEPLOY / "valkey-start.sh"), *here]
    nginx = Nginx(tmp_path / "nginx", web_port)
    with Rig(nginx.address) as rig:

        def line(service: str, command: list[str]) -> list[str]:
            environment = {
                **rig.env("meta"),
                **services[service]["environment"],
                "ADMIN_TOKEN": "operator-for-tests",
                "DEBOUNCE_S": "0",
            }
            environment["REDIS_URL"] = environment["REDIS_URL"].replace("store:6379", f"127.0.0.1:{store_port}")
            environment |= {"WEBHOOK_PORT": str(web_port), "WEBHOOK_HOST": "127.0.0.1"}
            return contained(app, tmp_path / "data", environment, command)

        def health(service: str) -> int:
            _, *command = services[service]["healthcheck"]["test"]
            return subprocess.run(line(service, command), check=False, capture_output=True, timeout=30).returncode

        with (
            running(store_command, output, environment=store_environment),
            running(line("web", services["web"]["command"]), output),
            nginx,
        ):
            wait_for(f"{nginx.address}/healthz", output)
            assert requests.get(f"{nginx.address}/readyz", timeout=5).status_code == 503, "nobody answers yet"
            assert (health("web"), health("worker")) == (0, 1)
            with running(line("worker", services["worker"]["command"]), output):
                wait_for(f"{nginx.address}/readyz", output)
                assert (health("web"), health("worker")) == (0, 0)
                rig.meta.inbound("34600111222", "hola")
                assert eventually(lambda: rig.meta.sent("34600111222"))
    assert "Read-only file system" not in output.read_text()
    assert "Traceback" not in output.read_text()
