"""The image, built from the shipped Dockerfile by buildah: no daemon, no registry, and a store that is gone afterwards.

No registry is asked for the Dockerfile's own base. What stands in for it is made of Debian's packages: the same release of
Debian, the same minor version of Python, pip and setuptools where that image has them. What is built is then run by bubblewrap.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from tests.deploy.deploy_kit import program
from tests.kit.product import PROJECT

BASE, IMAGE = "localhost/python-stand-in", "localhost/iagente-vida-webhook"
DOWNLOADING_S = 900
"""For what waits for a network; a machine at rest needs less than a tenth of it."""
COPYING_S = 300


class File(NamedTuple):
    """What one path of an image is; a folder has no size of its own."""

    mode: int
    uid: int
    size: int


@dataclass(frozen=True)
class BuiltImage:
    """The image: what it says of itself, its files, and those of its base, by their paths inside."""

    config: dict[str, Any]
    root: Path
    files: dict[str, File] = field(repr=False)
    base_files: dict[str, File] = field(repr=False)

    @property
    def command(self) -> list[str]:
        """What starts when nobody says what to start."""
        return [*(self.config.get("Entrypoint") or []), *(self.config.get("Cmd") or [])]

    def new_volume(self, directory: Path) -> Path:
        """What a container gets as /data when nobody gives it any: a copy of the image's own, owner and rights included."""
        ran(["cp", "--archive", str(self.root / "data"), str(directory)], timeout_s=COPYING_S)
        return directory

    def contained(self, data: Path, environment: Mapping[str, str], command: Sequence[str]) -> list[str]:
        """A command line that runs `command` as a container of this image: its user, its environment and nothing of ours,
        number 1 in its own world, read-only files but /data and /tmp, no capability. The network is this machine's."""
        uid, _, gid = self.config["User"].partition(":")
        own = dict(pair.split("=", 1) for pair in self.config["Env"])
        line = [program("bwrap", "apt-get install bubblewrap"), "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
        line += ["--as-pid-1", "--die-with-parent", "--clearenv"]
        line += ["--ro-bind", str(self.root), "/", "--bind", str(data), "/data", "--dev", "/dev", "--proc", "/proc"]
        for directory in ("/tmp", "/dev/shm"):
            line += ["--perms", "1777", "--tmpfs", directory]
        for name, value in {"HOME": "/data", **own, **environment}.items():
            line += ["--setenv", name, value]
        line += ["--chdir", self.config["WorkingDir"]]
        as_its_user = ["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups", "--no-new-privs"]
        return [*line, *as_its_user, "--bounding-set=-all", "--inh-caps=-all", *command]


@contextmanager
def built_image(directory: Path) -> Iterator[BuiltImage]:
    """Builds the image in that directory, which is gone afterwards with everything that buildah made."""
    try:
        yield _build(_Store(directory / "store"), _base(directory), directory)
    finally:
        # What the build saw of this machine was mounted for the build alone; were it still there, it would be deleted too.
        assert f" {directory}/" not in Path("/proc/self/mountinfo").read_text()
        shutil.rmtree(directory)


def _build(store: _Store, base: Path, directory: Path) -> BuiltImage:
    from_this_machine = _what_pip_needs(directory / "pip.conf")
    container = store.buildah("from", "scratch")
    store.buildah("add", "--quiet", container, str(base), "/")
    # Also makes the places where those files are mounted, so that they are the base's and not left behind by the build.
    store.buildah("run", *from_this_machine, container, "--", "true")
    base_files = _files(Path(store.buildah("mount", container)))
    store.buildah("commit", "--quiet", "--rm", container, BASE)
    store.buildah(
        "build", "--pull=never", "--format", "docker", "--network", "host", *from_this_machine,
        "--build-arg", f"PYTHON_IMAGE={BASE}", "--tag", IMAGE, str(PROJECT), timeout_s=DOWNLOADING_S,
    )  # fmt: skip
    config = json.loads(store.buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
    root = Path(store.buildah("mount", store.buildah("from", "--pull-never", IMAGE)))
    return BuiltImage(config, root, _files(root), base_files)


class _Store:
    """Where buildah keeps containers and images: a folder of ours. Plain copies, so any file system will do."""

    def __init__(self, directory: Path) -> None:
        places = ["--root", str(directory / "root"), "--runroot", str(directory / "run"), "--storage-driver", "vfs"]
        self._command = [program("buildah", "apt-get install buildah"), *places]

    def buildah(self, *arguments: str, timeout_s: float = COPYING_S) -> str:
        """What it printed."""
        environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        return ran([*self._command, *arguments], timeout_s=timeout_s, environment=environment).strip()


def ran(command: Sequence[str], *, timeout_s: float, environment: Mapping[str, str] | None = None) -> str:
    """What a command printed. It fails with the command's last words; what the command started ends with it."""
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        errors="replace", start_new_session=True,
    )  # fmt: skip
    try:
        printed, complaints = process.communicate(timeout=timeout_s)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    assert process.returncode == 0, f"{' '.join(command)} ended with {process.returncode}:\n{(printed + complaints)[-6000:]}"
    return printed


def _files(root: Path) -> dict[str, File]:
    found = {}
    for folder, folders, names in os.walk(root):
        for name in (*folders, *names):
            seen = os.lstat(f"{folder}/{name}")
            size = 0 if stat.S_ISDIR(seen.st_mode) else seen.st_size
            found["/" + os.path.relpath(f"{folder}/{name}", root)] = File(seen.st_mode, seen.st_uid, size)
    return found


# -- the base ------------------------------------------------------------------------------------------------------

PACKAGES = "python3,python3-venv,ca-certificates"
PREPARE = """
set -eu
python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
test "$python" = "$WANTED" || { echo "this Debian has Python $python, the Dockerfile wants $WANTED" >&2; exit 1; }
ln -s /usr/bin/python3 /usr/local/bin/python
rm "/usr/lib/python$WANTED/EXTERNALLY-MANAGED"
wheels=/usr/share/python-wheels
python "$(ls $wheels/pip-*.whl)/pip" install --quiet --root-user-action ignore --no-index --find-links $wheels pip setuptools
rm -r $wheels /etc/apt/apt.conf.d/99mmdebstrap
"""
"""What Debian keeps apart and python's own image has: the name `python`, and a pip that may install and be taken away."""
DEBIANS_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def _base(directory: Path) -> Path:
    """The stand-in's files as a tar archive. Made once a month and kept in the user's cache."""
    command = [program("mmdebstrap", "apt-get install mmdebstrap"), "--variant=minbase", f"--include={PACKAGES}"]
    python, suite = _wanted()
    month = f"{datetime.now(UTC):%Y-%m}"
    recipe = hashlib.sha256(f"{python} {suite} {PACKAGES} {PREPARE}".encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iagente-vida"
    kept = cache / f"python-stand-in-{suite}-{month}-{recipe}.tar"
    if kept.exists():
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    made = directory / "base.tar"
    command += ['--aptopt=APT::Sandbox::User "root"', *(f"--aptopt={option}" for option in _apt_options())]
    # An archive is made of it, so nothing has to be on the disk before the next thing is written.
    command += ["--dpkgopt=force-unsafe-io"]
    command += ['--customize-hook=chroot "$1" env -i PATH="$PATH" WANTED="$WANTED" sh -c "$PREPARE"']
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment = {**os.environ, "TMPDIR": str(directory), "PATH": path, "WANTED": python, "PREPARE": PREPARE}
    ran([*command, suite, str(made), *_apt_sources(suite)], timeout_s=DOWNLOADING_S, environment=environment)
    for older in cache.glob("python-stand-in-*.tar"):
        older.unlink(missing_ok=True)
    beside = kept.with_suffix(f".{os.getpid()}")
    shutil.move(made, beside)
    beside.rename(kept)
    return kept


def _wanted() -> tuple[str, str]:
    """Which Python on which release of Debian the Dockerfile is made for."""
    asked = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    assert asked, "the Dockerfile names no PYTHON_IMAGE"
    tag = re.fullmatch(r"python:(\d+\.\d+)\.\d+-slim-([a-z]+)(@\S+)?", asked[1])
    assert tag, f"{asked[1]} is not one of python's slim images on a release of Debian: nothing can stand in for it here"
    return tag[1], tag[2]


# -- what this machine says of its network -------------------------------------------------------------------------
# Read where the machine keeps it, handed to what downloads, and left out of the image.


def _apt_options() -> list[str]:
    listed = ran(["apt-config", "dump", "Acquire::http", "Acquire::https"], timeout_s=COPYING_S)
    return ['Acquire::Retries "3"', *(line for line in listed.splitlines() if not line.endswith(' "";'))]


def _apt_sources(suite: str) -> list[str]:
    """Where this machine takes Debian's packages from; none when it does not say, or takes another release's."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    listed = ran([*asked, "Origin: Debian"], timeout_s=COPYING_S)
    sources = [line.split() for line in dict.fromkeys(listed.splitlines()) if line.startswith("http")]
    if not any(release == suite for _, release, _ in sources):
        return []
    signed = f"[signed-by={DEBIANS_KEYS}] " if DEBIANS_KEYS.exists() else ""
    return [f"deb {signed}{uri} {release} {component}" for uri, release, component in sources if release.startswith(suite)]


PIP_OPTIONS = {
    "index-url", "extra-index-url", "no-index", "find-links", "trusted-host", "cert", "client-cert", "proxy", "timeout",
    "default-timeout", "retries",
}  # fmt: skip
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def _what_pip_needs(settings_file: Path) -> list[str]:
    """buildah's options that give pip in the build what pip has here: where packages come from, and whom to trust."""
    listed = ran([sys.executable, "-m", "pip", "config", "list"], timeout_s=COPYING_S)
    pairs = [line.partition("=")[::2] for line in listed.splitlines()]
    by_strength = [f"{scope}.{option}" for scope in ("global", "install", ":env:") for option in sorted(PIP_OPTIONS)]
    said = {name: ast.literal_eval(value) for name, value in pairs if name in by_strength}
    settings = {name.rpartition(".")[2]: said[name] for name in by_strength if name in said}
    named = [os.environ.get(name, "") for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")]
    trusted = [path for path in (*named, str(CERTIFICATES)) if Path(path).is_file()]
    if trusted:
        settings.setdefault("cert", trusted[0])
    lines = [f"{option} = {value}".replace("\n", "\n  ") for option, value in settings.items()]
    settings_file.write_text("\n".join(["[global]", *lines, ""]))
    settings_file.chmod(0o600)
    local = sorted({str(place) for option, value in settings.items() for place in _local_places(option, value)})
    mounts = [f"{settings_file}:/etc/pip.conf:ro", *(f"{path}:{path}:ro" for path in local)]
    return [word for mount in mounts for word in ("--volume", mount)]


def _local_places(option: str, value: str) -> Iterator[Path]:
    """The files and folders of this machine that an option of pip names."""
    for word in value.split():
        path = Path(word.removeprefix("file://"))
        if path.is_absolute() and path.exists():
            yield path.parent if option.endswith("index-url") else path  # an index links to files that lie beside it
