"""The Dockerfile is built as it is, and the image started with its own command answers. buildah does it without a daemon.

The base is a stand-in for the official one, made of Debian's packages: the same system and the same Python, without asking a
registry of images. It is made once and kept in the user's cache, a name for each list of packages and trust store; everything
that the Dockerfile says is done anew.
"""

from __future__ import annotations

import hashlib
import os
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.deploy.deploy_kit import Image, program, wait_for
from tests.kit.product import PROJECT, eventually
from tests.kit.rig import free_port

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iagente-vida" / "images"
BASE_PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
MAKE_IT_LOOK_OFFICIAL = (
    "ln -sf /usr/bin/python3 /usr/local/bin/python && rm -f /usr/lib/python3*/EXTERNALLY-MANAGED && "
    "printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >/etc/pip.conf"
)
TOKEN = "token-of-the-built-image"


class Builder:
    """buildah with a storage of its own."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._command = [program("buildah", "apt-get install buildah"), "--root", str(CACHE), "--runroot", str(scratch / "run")]
        driver = "overlay" if "overlay" in Path("/proc/filesystems").read_text() else "vfs"
        self._environment = {**os.environ, "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": driver}

    def __call__(self, *words: str, within_s: float = 600) -> str:
        """What it printed; fails with what it complained about."""
        done = subprocess.run(
            [*self._command, *words], env=self._environment, check=False, capture_output=True, text=True, timeout=within_s
        )
        assert done.returncode == 0, f"buildah {words[0]}: {(done.stdout + done.stderr)[-4000:]}"
        return done.stdout.strip()

    def has(self, image: str) -> bool:
        return image in self("images", "--format", "{{.Name}}:{{.Tag}}").splitlines()

    def base(self) -> str:
        """The name of the stand-in, which is made when it is not there."""
        trusted = Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
        key = hashlib.sha256(f"{BASE_PACKAGES}{MAKE_IT_LOOK_OFFICIAL}".encode() + trusted.read_bytes()).hexdigest()[:12]
        name = f"localhost/python-stand-in:{key}"
        if not self.has(name):
            archive = self._scratch / "base.tar"
            debootstrap = program("mmdebstrap", "apt-get install mmdebstrap")
            made = subprocess.run(
                [debootstrap, "--quiet", "--variant=minbase", f"--include={BASE_PACKAGES}", "bookworm", str(archive)],
                check=False, capture_output=True, text=True, timeout=600,
            )  # fmt: skip
            assert made.returncode == 0, made.stderr[-4000:]
            container = self("from", "scratch")
            self("add", "-q", container, str(archive), "/")
            self("copy", "-q", container, str(trusted), "/etc/ssl/certs/ca-certificates.crt")
            self("run", container, "--", "sh", "-c", MAKE_IT_LOOK_OFFICIAL)
            self("commit", "-q", "--rm", container, name)
            archive.unlink()
        return name

    @contextmanager
    def running(self, container: str, environment: dict[str, str], command: list[str], output: Path) -> Iterator[None]:
        """That command in the container, on this machine's network, until the block ends."""
        variables = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
        line = [*self._command, "run", "--network", "host", *variables, container, "--", *command]
        with output.open("wb") as sink:
            process = subprocess.Popen(
                line, env=self._environment, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
            )
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(40)
            finally:
                process.kill()
                process.wait()


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    if os.getuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("an image is built as root here")
        pytest.skip("an image is built as root; on CI this fails")
    CACHE.mkdir(parents=True, exist_ok=True)
    return Builder(tmp_path)


@pytest.mark.timeout(1_200)
def test_the_image_is_built_and_answers(builder: Builder, tmp_path: Path) -> None:
    tag, image = "localhost/iagente-vida-webhook:tested", Image()
    builder("bud", "-q", "--network", "host", "--build-arg", f"PYTHON_IMAGE={builder.base()}", "-t", tag, str(PROJECT))
    container = builder("from", tag)
    port, output = free_port(), tmp_path / "output.txt"
    address = f"http://127.0.0.1:{port}"
    here = {"WEBHOOK_PORT": str(port), "WEBHOOK_HOST": "127.0.0.1", "ADMIN_TOKEN": TOKEN, "DEBOUNCE_S": "0"}
    message = {"id": "test123", "from": "34600000000", "type": "text", "text": {"body": "Hola, quiero información"}}

    def replies() -> list[str]:
        asked = requests.get(
            f"{address}/webhook/conversation/34600000000", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=5
        )
        return [row["text"] for row in asked.json()["messages"] if row["role"] == "bot"] if asked.ok else []

    try:
        with builder.running(container, here, image.command, output):
            wait_for(f"{address}/healthz", output)
            wait_for(f"{address}/readyz", output)
            body = {"entry": [{"changes": [{"value": {"messages": [message]}}]}]}
            assert requests.post(f"{address}/webhook/whatsapp", json=body, timeout=5).status_code == 200
            assert "privacidad" in eventually(replies)[0]
            variables = [word for name, value in here.items() for word in ("--env", f"{name}={value}")]
            builder("run", "--network", "host", *variables, container, "--", *image.health)
            assert builder("run", container, "--", "id", "-u") == "10001"
    finally:
        builder("rm", container)
        builder("rmi", tag)
