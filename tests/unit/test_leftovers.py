"""What else than vdesk binds devices at boot: what the plan of `bind --boot` says of it, and which devices ids mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.running import on
from tests.machines.builder import build
from vdesk.host import captured
from vdesk.host.leftovers import by_ids
from vdesk.host.pci import devices

CARD, SOUND = "0000:01:00.0", "0000:01:00.1"
ARGUMENT = "vfio-pci.ids=10de:1402"


@pytest.mark.parametrize(
    ("path", "text", "way"),
    [
        (f"etc/driverctl.d/pci-{CARD}", "vfio-pci\n", f"sudo driverctl unset-override {CARD}"),
        ("etc/modprobe.d/o.conf", "options vfio-pci ids=10de:1402\n", "take the line out of /etc/modprobe.d/o.conf"),
        ("proc/cmdline", f"ro {ARGUMENT}\n", f"take {ARGUMENT} out of the kernel command line"),
    ],
)
def test_another_owner_is_told(memory: Path, path: str, text: str, way: str) -> None:
    """It would bind the card also in the boot after a failed trial."""
    root = build("debian", memory / "root")
    assert "also in a boot that leaves" not in on(root, "bind", CARD, "--boot", "-n").out
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)
    told = on(root, "bind", CARD, "--boot", "-n")
    said = " ".join((told.out + told.err).split())
    assert f"{CARD}: /{path}" in said and "also in a boot that leaves this binding out" in said
    assert way in said


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ("10de:1402", [CARD]),
        ("10DE:1402,10de:fba", [CARD, SOUND]),
        ("10de:1402:ffffffff:ffffffff:030000:ffffff", [CARD]),
        ("10de:1402:1043", [CARD]),
        ("10de:1402:1458", []),
        ("10de", []),
        (",:,::", []),
    ],
)
def test_ids(memory: Path, ids: str, expected: list[str]) -> None:
    found = by_ids(ids, devices(captured(str(build("debian", memory / "root"))), names=False))
    assert [str(each.address) for each in found] == expected
