"""The ready-made machines hold together: links lead somewhere, groups agree, vdesk reads what is described."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines.builder import build, machine, names
from vdesk.host import captured
from vdesk.host.groups import group_ids, members
from vdesk.host.pci import devices

OWN_LINKS = ("proc/", "dev/", "bin", "sbin")


@pytest.mark.parametrize("name", names())
def test_links_lead_somewhere(name: str, memory: Path) -> None:
    root = build(name, memory / "machine")
    broken = []
    for path in root.rglob("*"):
        place = path.relative_to(root).as_posix()
        if path.is_symlink() and not place.startswith(OWN_LINKS):
            target = (path.parent / path.readlink()).resolve()
            if path.readlink().is_absolute() or not target.exists() or not target.is_relative_to(root.resolve()):
                broken.append(place)
    assert not broken


@pytest.mark.parametrize("name", [each for each in names() if each != "empty"])
def test_devices_are_read_as_described(name: str, memory: Path) -> None:
    described = machine(name)
    found = devices(captured(str(build(name, memory / "machine"))))
    assert {str(each.address): (each.ids.strip("[]"), each.driver, each.group, each.boot_vga) for each in found} == {
        each.name: (each.ids, each.driver, each.group, bool(each.boot_vga)) for each in described.pci
    }
    assert all(each.name and not each.name.endswith("Device") for each in found), "a name that pci.ids does not have"
    assert all(each.is_bridge == each.pci_class.startswith("06") for each in found)


@pytest.mark.parametrize("name", [each for each in names() if each != "empty"])
def test_groups_agree(name: str, memory: Path) -> None:
    host = captured(str(build(name, memory / "machine")))
    known = members(devices(host))
    assert list(known) == group_ids(host)
    for number, inside in known.items():
        assert host.list(f"sys/kernel/iommu_groups/{number}/devices") == sorted(str(each.address) for each in inside)
