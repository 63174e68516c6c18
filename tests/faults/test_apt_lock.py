"""apt itself, on package lists and a dpkg of the machine that is played, while another program holds dpkg's lock."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cases import packages
from tests.faults.played import Played

NAMES = ("swtpm", "swtpm-tools")
CONFIGURATION = """
Dir "{root}";
Dir::State::status "{root}/var/lib/dpkg/status";
APT::Sandbox::User "root";
APT::Architecture "amd64";
"""
# apt reads no configuration of the machine that tests run on, and waits a second for the lock instead of sixty.
APT = 'APT_CONFIG=ROOT/apt.conf exec /usr/bin/apt-get "$@" -o DPkg::Lock::Timeout=1'
HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def bare(memory: Path) -> Played:
    """Return a Debian without a TPM emulator, whose apt is the real one with a source of two packages."""
    found = Played(memory, "no-tpm")
    packages(found)
    found.fake("apt-get", APT)
    root = found.root
    for folder in ("etc/apt", "var/lib/dpkg", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "source"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "apt.conf").write_text(CONFIGURATION.format(root=root))
    (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{root}/source ./\n")
    for name in ("status", "lock", "lock-frontend"):
        (root / "var/lib/dpkg" / name).touch()
    rows = []
    for name in NAMES:
        data = f"{name}\n".encode()
        (root / f"source/{name}.deb").write_bytes(data)
        about = f"Package: {name}\nVersion: 1\nArchitecture: amd64\nMaintainer: nobody\nDescription: a package\n"
        rows.append(f"{about}Filename: ./{name}.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n")
    (root / "source/Packages").write_text("\n".join(rows))
    updated = subprocess.run([str(found.programs / "apt-get"), "-q", "update"], capture_output=True, check=False)
    assert updated.returncode == 0, updated
    return found


@pytest.fixture
def held(bare: Played) -> Iterator[int]:
    """Hold dpkg's lock as another package manager does; yields that process."""
    argv = [shutil.which("python3") or "/usr/bin/python3", "-c", HOLDER, str(bare.root / "var/lib/dpkg/lock-frontend")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        yield holder.pid
        holder.communicate()


def files(played: Played) -> dict[str, Any]:
    """The machine without what apt and vdesk keep for themselves."""
    own = ("var/lib/vdesk", "var/cache/apt", "var/lib/apt")
    return {path: each for path, each in played.tree().items() if not path.startswith(own)}


def test_dpkg_is_locked(bare: Played, held: int) -> None:
    """Exit 1 with apt's own words, which name the process, and nothing is changed, the groups neither."""
    before = files(bare)
    ended = bare.vdesk("install", "--yes", "--json")
    assert (ended.code, ended.errors) == (1, ["packages.locked"])
    (error,) = json.loads(ended.out)["errors"]
    assert "Could not get lock" in error["cause"] and f"process {held}" in error["cause"]
    assert "let it end" in error["remedy"]
    assert files(bare) == before
    assert bare.vdesk("undo", "--yes").code == 0 and files(bare) == before


def test_without_the_lock_apt_goes_on(bare: Played) -> None:
    """The same machine fails later, at packages that are none: so it was the lock."""
    ended = bare.vdesk("install", "--yes", "--json")
    assert (ended.code, ended.errors) == (1, ["packages.failed"])
