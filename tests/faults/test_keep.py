"""`undo --all --keep`: what a removal of the package leaves, virtual machines above all."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.faults.cases import CREATE
from tests.faults.daemon import Daemon, without
from tests.faults.played import Played
from tests.trees import difference
from vdesk.cli.history import KEPT

HOOK = "etc/libvirt/hooks/qemu.d/50-vdesk"
GRUB = "etc/default/grub"
DONE = ("iommu enable --pt", "hook install", "bind 01:00.0")


@pytest.fixture
def used(played: Played) -> tuple[Played, dict[str, bytes]]:
    """Return a machine on which a few things are in force, and two of its files from before."""
    before = {GRUB: (played.root / GRUB).read_bytes()}
    for line in DONE:
        assert played.vdesk(*line.split(), "--yes").code == 0
    return played, before


@pytest.mark.parametrize("keep", [(), ("iommu",), ("hook",), ("bind",), ("iommu", "hook", "bind")])
def test_what_is_kept_is_in_force(keep: tuple[str, ...], used: tuple[Played, dict[str, bytes]]) -> None:
    played, before = used
    words = [word for each in keep for word in ("--keep", each)]
    ended = played.vdesk("undo", "--all", *words, "--yes")
    assert ended.code == 0
    assert ((played.root / GRUB).read_bytes() != before[GRUB]) is ("iommu" in keep)
    assert (played.root / HOOK).exists() is ("hook" in keep)
    link = played.root / "sys/bus/pci/devices/0000:01:00.0/driver"
    assert (link.resolve().name == "vfio-pci") is ("bind" in keep)
    last = ended.out.splitlines()[-1]
    named = last.count(" (") if last.startswith(("Kept: ", "There is nothing to take back but ")) else 0
    assert named == len(keep), "each entry that stays is named"
    assert played.vdesk("undo", "--all", "--yes").code == 0
    assert (played.root / GRUB).read_bytes() == before[GRUB] and not (played.root / HOOK).exists()


def test_machines_and_their_disks(played: Played, libvirtd: Daemon) -> None:
    """All of a machine's entry stays, its disk too; the rest goes, whatever came before and after it."""
    before = played.tree()
    uri = libvirtd.test
    assert played.vdesk("hook", "install", "--yes").code == 0
    assert played.vdesk(*CREATE.split(), "--connect", uri, "--yes").code == 0
    assert played.vdesk("iommu", "enable", "--yes").code == 0
    ended = played.vdesk("undo", "--all", "--keep", "vms", "--yes", "--json")
    assert (ended.code, json.loads(ended.out)["data"]["entries"]) == (0, [3, 1])
    changed = {path for path in difference(before, played.tree()).added if not path.startswith("var/lib/vdesk")}
    assert changed == {"var/lib/libvirt/images/hoth.img"}
    assert "hoth" in played.vdesk("list", "--connect", uri).out
    ended = played.vdesk("undo", "--all", "--keep", "vms", "--yes")
    assert (ended.code, ended.out) == (0, "There is nothing to take back but what is kept: 2 (create).\n")
    without(uri, "hoth")


def test_keep_is_for_all(played: Played) -> None:
    assert played.vdesk("undo", "--keep", "vms", "--yes").code == 2
    assert played.vdesk("undo", "--all", "--keep", "disks", "--yes").code == 2


def test_the_package_names_what_there_is() -> None:
    debian = Path(__file__).parents[2] / "packaging/debian"
    text = "".join((debian / name).read_text(encoding="utf-8") for name in ("prerm", "postrm"))
    named = set(re.findall(r"--keep (\w+)", text))
    assert named == {"vms", "install", "iommu", "gpu", "hook"} and named < set(KEPT)
