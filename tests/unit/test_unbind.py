"""unbind: each function back to the driver it had, with what was taken together with it."""

from __future__ import annotations

import pathlib

import pytest

from tests.kernel.binding import FOLDER, GPU, SOUND, Fresh, bound, driver, given_back, since, undone
from tests.machines.builder import build, lay_out
from tests.machines.parts import Tree
from tests.trees import snapshot
from vdesk.changes import undoing
from vdesk.changes.journal import Journal
from vdesk.host import captured
from vdesk.model.address import parse_address
from vdesk.model.errors import Refused
from vdesk.plans.giving_back import unbind


@pytest.fixture
def fresh(tmp_path: pathlib.Path) -> Fresh:
    """Lays out a ready-made machine."""
    return lambda name: captured(str(build(name, tmp_path / name)))


def test_unbind_gives_back_what_was_taken_together_and_undo_has_nothing_left(fresh: Fresh) -> None:
    host = fresh("debian")
    before = snapshot(host.root)
    bound(host, GPU)
    report = given_back(host, GPU)
    assert [each.summary for each in report.changes] == [
        f"{GPU}: vfio-pci -> nouveau",
        f"{SOUND}: vfio-pci -> snd_hda_intel",
    ]
    assert report.data == {
        "devices": [
            {"address": GPU, "driver": "nouveau", "was": "vfio-pci"},
            {"address": SOUND, "driver": "snd_hda_intel", "was": "vfio-pci"},
        ]
    }
    assert [entry.state for entry in Journal(host).entries()] == ["undone", "settled"]
    assert not since(host, before)
    again = given_back(host, GPU)
    assert (again.exit_code, again.changes) == (0, [])
    assert again.notes == [f"{GPU} is not on vfio-pci (it has nouveau), nothing to do."]


def test_unbind_of_one_card_leaves_the_other_of_the_same_command(fresh: Fresh) -> None:
    host = fresh("debian")
    before = snapshot(host.root)
    bound(host, GPU, "02:00.0")
    given_back(host, "01:00.1")
    assert [driver(host, each) for each in (GPU, SOUND, "0000:02:00.0")] == ["nouveau", "snd_hda_intel", "vfio-pci"]
    assert [entry.state for entry in Journal(host).entries()] == ["done", "settled"]
    undone(host)
    assert not since(host, before)


def test_unbind_without_a_record_asks_the_kernel(fresh: Fresh) -> None:
    """Bound at boot, by libvirt, or by hand: whichever driver claims the device; none where none is there."""
    host = fresh("handed-over")
    before = snapshot(host.root)
    report = given_back(host, SOUND)
    assert report.data["devices"] == [{"address": SOUND, "driver": "snd_hda_intel", "was": "vfio-pci"}]
    assert driver(host, GPU) == "vfio-pci", "only what was named: nothing says that it belongs together"
    assert host.value(f"{FOLDER}/{SOUND}/driver_override") == "(null)"
    given_back(host, GPU)
    assert driver(host, GPU) is None
    assert undone(host).exit_code == 0
    assert not since(host, before)


def test_records_of_another_boot_do_not_count(fresh: Fresh) -> None:
    host = fresh("debian")
    bound(host, GPU)
    boot = pathlib.Path(host.root, "proc/sys/kernel/random/boot_id")
    boot.parent.mkdir(parents=True, exist_ok=True)
    boot.write_text("another\n")
    plan = unbind(host, [parse_address(GPU)], undoing.entries(host))
    assert plan.settles == [] and "did not bind it in this boot" in plan.intro[0]


def test_a_running_machine_keeps_its_card(fresh: Fresh) -> None:
    """An unbind would wait in the kernel until the machine is gone: refused; so is the undo of the binding."""
    host = fresh("debian")
    bound(host, GPU)
    node: Tree = {"proc/4711/comm": "qemu-system-x86\n", "proc/4711/cmdline": "qemu\0"}
    lay_out(node, host.root)
    fd = pathlib.Path(host.root, "proc/4711/fd")
    fd.mkdir()
    (fd / "9").symlink_to(f"/dev/vfio/{host.link_name(f'sys/bus/pci/devices/{GPU}/iommu_group')}")
    with pytest.raises(Refused, match="in-use"):
        unbind(host, [parse_address(GPU)], undoing.entries(host))
    report = undone(host)
    assert (report.exit_code, {each.id for each in report.errors}) == (5, {"rule.in-use"})
    assert driver(host, GPU) == "vfio-pci"
    (fd / "9").unlink()
    assert undone(host).exit_code == 0
