"""Debian packages for a machine of the lab that has no network: fetched here, with what they need, put in as a CD."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from pathlib import Path

from . import debian
from .machine import Machine

PLACE = "/media/debs"


def shop(machine: Machine, *names: str) -> None:
    """Make those packages, with all they need, what apt finds on the machine, as if it had a mirror."""
    fetch(machine, *names)
    machine.run(f"echo 'deb [trusted=yes] file:{PLACE} ./' > /etc/apt/sources.list; apt-get update", 300, check=True)


def index(debs: list[Path]) -> str:
    """`Packages` of a flat repository (deb822, wiki.debian.org/DebianRepository/Format)."""
    found = []
    for deb in debs:
        control = subprocess.run(["dpkg-deb", "-f", str(deb)], check=True, capture_output=True, text=True).stdout
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        found.append(f"{control.rstrip()}\nFilename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n")
    return "\n".join(found)


def fetch(machine: Machine, *names: str) -> list[str]:
    """Put the packages, and those they need that the machine has not, into its drive; their paths inside."""
    suite = machine.hardware.suite
    with tempfile.TemporaryDirectory(dir=machine.work) as name:
        folder = Path(name)
        for each in ("lists/partial", "cache/archives/partial", "parts"):
            (folder / each).mkdir(parents=True)
        (folder / "status").write_bytes(machine.get("/var/lib/dpkg/status"))
        lines = debian.sources(suite) or machine.get("/etc/apt/sources.list").decode().splitlines()
        (folder / "sources.list").write_text("\n".join(lines) + "\n")
        options = {
            "Dir::State": folder, "Dir::State::status": folder / "status", "Dir::State::lists": folder / "lists",
            "Dir::Cache": folder / "cache", "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": folder / "parts", "Dir::Etc::preferencesparts": folder / "parts",
            "APT::Architecture": "amd64", "APT::Install-Recommends": "false", "APT::Sandbox::User": "root",
        }  # fmt: skip
        words = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        debian.run("apt-get", *words, "update")
        debian.run("apt-get", *words, "install", "--download-only", "--yes", "--allow-remove-essential", *names)
        found = sorted((folder / "cache/archives").glob("*.deb"))
        (folder / "Packages").write_text(index(found))
        files, disc = [folder / "Packages", *found], machine.work / "debs.iso"
        subprocess.run(
            ["xorriso", "-as", "mkisofs", "-quiet", "-J", "-R", "-o", str(disc), *map(str, files)],
            check=True, capture_output=True,
        )  # fmt: skip
    machine.insert_cd(disc)
    machine.run(
        f"mkdir -p {PLACE}; for i in $(seq 20); do mount -r /dev/sr0 {PLACE} && break; sleep 1; done", check=True
    )
    return [f"{PLACE}/{path.name}" for path in found]
