"""The image as it is built: by buildah, from the shipped Dockerfile, and run with the command that it has inside."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from packaging.utils import canonicalize_name

from tests.deploy.deploy_kit import Image, running, wait_for
from tests.deploy.image_kit import BuiltImage, built_image, ran
from tests.kit.product import eventually
from tests.kit.rig import Rig, free_port
from tests.test_dependencies import LOCKS, locked

pytestmark = pytest.mark.timeout(2400)
"""The first of these tests waits for the build, and that for a network."""

ACCOUNTS = {
    f"/etc/{name}{version}" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid") for version in ("", "-")
}
"""Where Debian keeps accounts; with a dash as they were before the last change."""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuiltImage]:
    if sys.platform != "linux" or os.geteuid():
        pytest.skip("only root on Linux builds the image here")
    with built_image(tmp_path_factory.mktemp("image")) as built:
        yield built


def test_it_says_what_the_dockerfile_says(image: BuiltImage) -> None:
    """The other tests of this folder read the Dockerfile by themselves: this is what an engine reads."""
    told, read = image.config, Image()
    assert image.command == read.command
    assert dict(pair.split("=", 1) for pair in told["Env"]) == read.environment
    assert told["Healthcheck"]["Test"] == ["CMD", *read.health]
    assert told["User"] == read.all("USER")[-1] == "10001:10001"
    assert told["WorkingDir"] == "/app"
    assert set(told["Volumes"]) == {"/data"}
    assert set(told["ExposedPorts"]) == {"5000/tcp"}
    assert told["StopSignal"] == "SIGTERM"


def test_it_serves_with_its_own_command_as_its_own_user(image: BuiltImage, tmp_path: Path) -> None:
    """A signed message is answered; nobody inside is root or may become it; it ends when it is told to."""
    data, output, port = image.new_volume(tmp_path / "data"), tmp_path / "output.txt", free_port()
    address = f"http://127.0.0.1:{port}"
    with Rig(address) as rig:
        # Unlike in a container this is the machine's own network, where port 5000 may be taken.
        given = {**rig.env("meta"), "WEBHOOK_PORT": str(port), "DEBOUNCE_S": "0"}

        def health() -> subprocess.CompletedProcess[str]:
            line = image.contained(data, given, image.config["Healthcheck"]["Test"][1:])
            return subprocess.run(line, check=False, capture_output=True, text=True, timeout=60)

        assert health().returncode == 1
        with running(image.contained(data, given, image.command), output) as container:
            wait_for(f"{address}/healthz", output)
            wait_for(f"{address}/readyz", output)
            checked = health()
            assert (checked.returncode, checked.stderr) == (0, "")
            assert requests.post(f"{address}/webhook/whatsapp", json={"entry": []}, timeout=10).status_code == 403, "unsigned"
            rig.meta.inbound("34600111222", "hola")
            assert eventually(lambda: rig.meta.sent("34600111222"), within_s=60)
            inside = processes_of(container.pid)
    assert {"python", "valkey-server"} <= {told["Name"] for told in inside}
    assert {told["Uid"] for told in inside} == {"10001 10001 10001 10001"}
    assert {told["Gid"] for told in inside} == {"10001 10001 10001 10001"}
    assert {told["CapEff"] for told in inside} == {"0" * 16}
    assert (data / "webhook.log").stat().st_uid == 10001
    assert "Read-only file system" not in output.read_text()
    assert "Traceback" not in output.read_text()


def processes_of(bubblewrap: int) -> list[dict[str, str]]:
    """What the kernel says of each process in the world that bubblewrap made, itself left out."""
    first = Path(f"/proc/{bubblewrap}/task/{bubblewrap}/children").read_text().split()[0]
    world = Path(f"/proc/{first}/ns/pid").readlink()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "ns" / "pid").readlink() == world:
                lines = (entry / "status").read_text().splitlines()
                found.append({name: " ".join(value.split()) for name, _, value in (line.partition(":") for line in lines)})
        except OSError:
            continue  # it ended meanwhile
    return found


def test_it_holds_what_the_dockerfile_copies_and_nothing_else_of_the_project(image: BuiltImage, tmp_path: Path) -> None:
    shipped = contents(Image().unpack(tmp_path / "app"))
    assert contents(image.root / "app") == shipped
    assert "run_webhook.py" in shipped


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below it but what Python compiled."""
    files = (path for path in folder.rglob("*") if not path.is_dir() and path.parent.name != "__pycache__")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


INVENTORY = """
import importlib.metadata, json, platform
libraries = [(library.name, library.version) for library in importlib.metadata.distributions()]
print(json.dumps([platform.python_version(), libraries]))
"""


def test_it_holds_the_locked_libraries_and_no_other(image: BuiltImage, tmp_path: Path) -> None:
    data = image.new_volume(tmp_path / "data")
    python, listed = json.loads(ran(image.contained(data, {}, ["python", "-c", INVENTORY]), timeout_s=60))
    its_own = {"extra": "", "python_full_version": python, "python_version": python.rpartition(".")[0]}
    pins = [pin for pin, _ in locked(LOCKS[0]) if pin.marker is None or pin.marker.evaluate(its_own)]
    asked = {canonicalize_name(pin.name): pin.specifier for pin in pins}
    found = {canonicalize_name(name): version for name, version in listed}
    assert len(found) == len(listed)
    assert found.keys() == asked.keys()
    assert {name: version for name, version in found.items() if version not in asked[name]} == {}


def test_nothing_is_left_of_the_build(image: BuiltImage) -> None:
    """Neither caches, nor lists, nor what this machine lent to the build. What is in /app and /venv other tests say."""
    own = ("/app", "/venv", "/data")
    elsewhere = {path: file for path, file in image.files.items() if not path.startswith(tuple(f"{folder}/" for folder in own))}
    assert elsewhere.keys() - image.base_files.keys() <= {*own, *ACCOUNTS}
    assert {path for path, file in elsewhere.items() if image.base_files.get(path, file) != file} <= ACCOUNTS
    assert not [path for path in image.files if path.startswith("/data/")]


def test_nothing_can_be_installed_later(image: BuiltImage) -> None:
    """That the base had an installer shows that it was taken away."""
    installers = {"pip", "setuptools", "ensurepip"}
    assert installers <= {Path(path).name for path in image.base_files}
    assert {path for path in image.files if Path(path).name in installers} == set()
    programs = {Path(path).name for path in image.files if Path(path).parent.name in {"bin", "sbin"}}
    assert programs & {"pip3", "uv", "easy_install", "gcc", "cc", "make"} == set()


def test_its_account_owns_and_may_write_nothing_but_data(image: BuiltImage) -> None:
    added = {path: file for path, file in image.files.items() if path not in image.base_files and not stat.S_ISLNK(file.mode)}
    assert {path for path, file in added.items() if file.uid != 0} == {"/data"}
    assert stat.S_IMODE(image.files["/data"].mode) == 0o700
    assert {path for path, file in added.items() if file.mode & (stat.S_IWOTH | stat.S_ISUID | stat.S_ISGID)} == set()
