"""`--disk VG/LV:64G`: a logical volume made, refused, taken back while it is empty; LVM's programs are stand-ins."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.running import on
from tests.machines.builder import build
from vdesk.changes.volumes import CreateVolume
from vdesk.host import Host, captured
from vdesk.host.runner import LocalRunner
from vdesk.model.errors import Refused, VdeskError, WrongUsage
from vdesk.plans.vm_disks import disk_of
from vdesk.vm.spec import Request

GIB = 1 << 30
LVCREATE = """
[ "$8" = --size ] || exit 3
echo "$7" > ROOT/made
"""
LVS = '[ -e ROOT/made ] && echo "  aBcD-$(cat ROOT/made)" || { echo "  Failed to find logical volume" >&2; exit 5; }'
VGS = 'case $* in *vg0) echo "  107374182400" ;; *) echo "  Volume group not found" >&2; exit 5 ;; esac'


class Machine:
    """A machine with LVM's programs."""

    def __init__(self, folder: Path) -> None:
        self.root, self.programs = folder / "root", folder / "bin"
        for each in (self.root, self.programs):
            each.mkdir()
        self.program("lvcreate", LVCREATE)
        self.program("lvs", LVS)
        self.program("vgs", VGS)
        self.program("lvremove", 'echo "$*" > ROOT/removed; rm ROOT/made')
        self.program("blkid", "exit 2")

    def program(self, name: str, text: str) -> None:
        """Put a program into PATH; ROOT in its text is the machine's folder."""
        place = self.programs / name
        place.write_text(f"#!/bin/sh\n{text}\n".replace("ROOT", str(self.root)))
        place.chmod(0o755)

    @property
    def host(self) -> Host:
        """A new one each time, as each command has."""
        return Host(str(self.root), LocalRunner([str(self.programs), "/usr/bin", "/bin"]))


@pytest.fixture
def machine(memory: Path) -> Machine:
    """A volume group vg0 with 100 GiB free."""
    return Machine(memory)


def quiet(text: str) -> None:
    """Hear no progress."""


def asked(machine: Machine, disk: str, format: str | None = None) -> object:
    return disk_of(machine.host, Request("win", "x.iso", disk=disk, disk_format=format), "scsi")


def made(machine: Machine) -> dict[str, object]:
    change = CreateVolume("vg0", "win", 64 * GIB)
    change.check(machine.host)
    record = change.record(machine.host)
    assert change.apply(machine.host, quiet)
    change.verify(machine.host)
    return record | change.done(machine.host)


def test_made_and_taken_back(machine: Machine) -> None:
    record = made(machine)
    assert record["uuid"] == "aBcD-win"
    CreateVolume.can_undo(machine.host, record)
    CreateVolume.revert(machine.host, record, quiet)
    assert (machine.root / "removed").read_text() == "--yes vg0/win\n"
    CreateVolume.can_undo(machine.host, record)
    (machine.root / "removed").unlink()
    CreateVolume.revert(machine.host, record, quiet)
    assert not (machine.root / "removed").exists(), "it is gone already"


def test_one_that_was_written_to_stays(machine: Machine) -> None:
    record = made(machine)
    machine.program("blkid", "echo PTTYPE=gpt")
    with pytest.raises(Refused, match="stays") as caught:
        CreateVolume.can_undo(machine.host, record)
    assert "written to" in caught.value.problems[0].cause


def test_another_volume_of_that_name_stays(machine: Machine) -> None:
    record = made(machine) | {"uuid": "other"}
    with pytest.raises(Refused) as caught:
        CreateVolume.can_undo(machine.host, record)
    assert "another volume" in caught.value.problems[0].cause


def test_one_that_is_there_is_never_made(machine: Machine) -> None:
    made(machine)
    with pytest.raises(Refused, match="exists already"):
        CreateVolume("vg0", "win", GIB).check(machine.host)
    with pytest.raises(Refused, match="exists already"):
        asked(machine, "vg0/win:64G")


def test_what_can_be_asked_for(machine: Machine) -> None:
    found = asked(machine, "vg0/win:64G")
    assert str(found).startswith("Disk(path='/dev/vg0/win', block=True, format='raw', bus='scsi', create=68719476736")
    with pytest.raises(Refused, match="no room"):
        asked(machine, "vg0/win:101G")
    with pytest.raises(WrongUsage, match="no volume group"):
        asked(machine, "vg1/win:1G")
    for name in ("snapshot1", "x_tmeta", "..", "pvmove0"):
        with pytest.raises(VdeskError):
            asked(machine, f"vg0/{name}:1G")
    with pytest.raises(WrongUsage, match="is not a size"):
        asked(machine, "vg0/win:64")
    with pytest.raises(WrongUsage):
        asked(machine, "vg0/win:64G", "qcow2")
    for name in ("-n/win:1G", "vg0/-f:1G", "vg 0/win:1G", "a/b/c:1G"):
        with pytest.raises(VdeskError):
            asked(machine, name)


def test_a_failure_of_lvm(machine: Machine) -> None:
    machine.program("lvcreate", "echo '  insufficient free space' >&2; exit 5")
    change = CreateVolume("vg0", "win", GIB)
    with pytest.raises(VdeskError) as caught:
        change.apply(machine.host, quiet)
    assert "insufficient" in caught.value.problems[0].cause


def test_in_a_plan(memory: Path) -> None:
    """The command line is shown; a captured machine gets no volume; its content is never vdesk's to remove."""
    root = build("debian", memory / "root")
    iso = "/var/lib/libvirt/images/win10.iso"
    ran = on(root, "create", "w", "--iso", iso, "--gpu", "none", "--disk", "vg0/win:64G", "-n")
    assert ran.code == 0, ran.err
    assert "lvcreate --yes --wipesignatures y --zero y --name win --size 68719476736b vg0" in ran.out
    xml = on(root, "create", "w", "--iso", iso, "--gpu", "none", "--disk", "vg0/win:64G", "--print-xml").out
    assert '<source dev="/dev/vg0/win"' in xml and "vdesk:disk" not in xml
    assert captured(str(root)).is_live is False
