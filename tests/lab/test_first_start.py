"""The first start of an installation, whose disc asks for a key as Windows's does: too late at first, then in time."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from .guest_iso import TOO_LATE_CFG, make_iso
from .machine import Machine
from .test_whole_vm import IMAGES, SERIAL, drivers_disc
from .typed import USER, typed

pytestmark = [pytest.mark.lab_long, pytest.mark.timeout(2400)]

DISC, DISK, DRIVERS = f"{IMAGES}/setup.iso", f"{IMAGES}/kept.img", f"{IMAGES}/virtio-win.iso"
CREATE = (
    f"sudo vdesk create hoth --iso {DISC} --os win10 --virtio-iso {DRIVERS} --disk {DISK} --gpu none --memory 512M"
    " --cpus 2 --yes"
)
FAILED = "doctor.efi-shell"


def memory(folder: Path) -> bytes:
    """A disk with nothing to start on it, and a file in which GRUB keeps what it is told."""
    image, kept = folder / "kept.img", folder / "grubenv"
    kept.write_bytes(b"# GRUB Environment Block\n".ljust(1024, b"#"))
    subprocess.run(["mformat", "-C", "-i", image, "-T", "32768", "::"], check=True, capture_output=True)
    subprocess.run(["mcopy", "-i", image, kept, "::/grubenv"], check=True, capture_output=True)
    return image.read_bytes()


def failures(machine: Machine) -> list[str]:
    """What doctor finds, without the lab's own."""
    found = json.loads(machine.run("sudo vdesk doctor hoth --json", user=USER).out)
    return [each["id"] for each in found["findings"] if each["level"] == "fail"]


def test_a_key_that_comes_too_late(article: Machine, tmp_path: Path) -> None:
    machine = article
    machine.put(make_iso(tmp_path / "setup.iso", TOO_LATE_CFG).read_bytes(), DISC)
    machine.put(memory(tmp_path), DISK)
    machine.put(drivers_disc(tmp_path / "drivers"), DRIVERS)
    typed(machine, CREATE)
    started = typed(machine, "sudo vdesk start hoth -v", timeout=900)
    said = machine.run(f"cat -v {SERIAL.format('hoth')}", check=True).out
    assert said.index("GUEST-TOO-LATE") < said.rindex("BdsDxe: starting") < said.index("GUEST-STARTS")
    assert "begins again" in started.err and "The disc asked for a key, and got it." in started.out
    assert FAILED not in failures(machine)
    assert "key" not in typed(machine, "sudo vdesk stop hoth --force --yes").out

    # a disc that cannot be started: said, and asked again at the next start
    typed(machine, "sudo vdesk delete hoth --yes")
    typed(machine, CREATE)
    machine.run(f"truncate -s 0 {DISC} && truncate -s 4M {DISC}", check=True)
    for _ in range(2):
        again = typed(machine, "sudo vdesk start hoth -v", timeout=900)
        assert "begins again" in again.err and "found nothing to start, twice" in again.out
        assert FAILED in failures(machine)
        typed(machine, "sudo vdesk stop hoth --force --yes")
    machine.run(f"ls -l {SERIAL.format('hoth')}", check=True)
