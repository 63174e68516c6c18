"""Debian packages for a machine of the lab that has no network: fetched here, with what they need, put in as a CD."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from . import debian
from .machine import Machine

PLACE = "/media/debs"


def fetch(machine: Machine, *names: str) -> list[str]:
    """Put the packages, and those they need that the machine has not, into its drive; their paths inside."""
    suite = machine.hardware.suite
    with tempfile.TemporaryDirectory(dir=machine.work) as name:
        folder = Path(name)
        for each in ("lists/partial", "cache/archives/partial", "parts"):
            (folder / each).mkdir(parents=True)
        (folder / "status").write_bytes(machine.get("/var/lib/dpkg/status"))
        (folder / "sources.list").write_text("\n".join(debian.sources(suite)) + "\n")
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
        disc = machine.work / "debs.iso"
        subprocess.run(
            ["xorriso", "-as", "mkisofs", "-quiet", "-J", "-R", "-o", str(disc), *map(str, found)],
            check=True, capture_output=True,
        )  # fmt: skip
    machine.insert_cd(disc)
    machine.run(
        f"mkdir -p {PLACE}; for i in $(seq 20); do mount -r /dev/sr0 {PLACE} && break; sleep 1; done", check=True
    )
    return [f"{PLACE}/{path.name}" for path in found]
