"""bind on captured machines: which functions go, what the tree is afterwards, and that it all comes back."""

from __future__ import annotations

import pathlib

import pytest

from tests.kernel.binding import (
    DRIVERS,
    FOLDER,
    GPU,
    SOUND,
    YES,
    Fresh,
    bound,
    driver,
    given_back,
    planned,
    since,
    undone,
)
from tests.kernel.pieces import function, host_of
from tests.machines.builder import build, lay_out, tree_of
from tests.machines.desktops import debian
from tests.trees import difference, snapshot
from vdesk.changes import executor
from vdesk.checks.groups import groups
from vdesk.host import Host, captured
from vdesk.model.errors import Refused, WrongUsage


@pytest.fixture
def fresh(tmp_path: pathlib.Path) -> Fresh:
    """Lays out a ready-made machine."""
    return lambda name: captured(str(build(name, tmp_path / name)))


def refused(host: Host, *addresses: str, only: bool = False, force: tuple[str, ...] = ()) -> dict[str, str]:
    with pytest.raises(Refused) as error:
        planned(host, *addresses, only=only, force=force)
    assert error.value.exit_code == 3
    assert all(each.cause and each.remedy for each in error.value.problems)
    return {each.id.removeprefix("rule."): f"{each.what}: {each.cause}" for each in error.value.problems}


def test_the_card_and_its_sound_function(fresh: Fresh) -> None:
    host = fresh("debian")
    before = snapshot(host.root)
    plan = planned(host, "01:00.0")
    assert plan.intro == [
        f"With {GPU} goes what shares its slot or group: {SOUND}.",
        f"{GPU}: nouveau lets go of an idle card; after a guest has used it, it may show no picture before a reboot",
        f"{GPU}: the kernel can reset it by bus (its whole bus); that takes every function of its slot",
        f"{SOUND}: its sound card disappears for programs; one that keeps it open makes the kernel wait",
    ]
    assert [change.summary for change in plan.changes][1:] == [
        f"{SOUND}: snd_hda_intel -> vfio-pci",
        f"{GPU}: nouveau -> vfio-pci",
    ]
    assert not since(host, before), "a plan changes nothing"
    report = executor.run(plan, host, YES)
    assert (report.exit_code, [each.state for each in report.changes]) == (0, ["skipped", "done", "done"])
    assert report.data == {
        "devices": [
            {"address": GPU, "driver": "vfio-pci", "was": "nouveau"},
            {"address": SOUND, "driver": "vfio-pci", "was": "snd_hda_intel"},
        ]
    }
    after = since(host, before)
    assert after.added == [f"{DRIVERS}/vfio-pci", f"{DRIVERS}/vfio-pci/{GPU}", f"{DRIVERS}/vfio-pci/{SOUND}"]
    assert after.removed == [f"{DRIVERS}/nouveau/{GPU}", f"{DRIVERS}/snd_hda_intel/{SOUND}"]
    assert after.changed == [
        f"{FOLDER}/{function}/{name}"
        for function in (GPU, SOUND)
        for name in ("d3cold_allowed", "driver", "driver_override")
    ]
    assert host.read(f"{FOLDER}/{GPU}/d3cold_allowed") == "0", "some cards do not come back from that"
    assert (driver(host, GPU), host.read(f"{FOLDER}/{GPU}/driver_override")) == ("vfio-pci", "vfio-pci\n")
    again = planned(host, "01:00.0")
    assert (again.changes, again.notes) == ([], [f"{GPU}, {SOUND}: on vfio-pci already, nothing to do."])
    assert [each["was"] for each in again.data["devices"]] == ["vfio-pci", "vfio-pci"]


@pytest.mark.parametrize("override", ["(null)\n", "\n", "nouveau\n", None])
@pytest.mark.parametrize("way", ["undo", "unbind"])
def test_byte_for_byte_back(way: str, override: str | None, tmp_path: pathlib.Path) -> None:
    tree = tree_of(debian())
    path = f"{FOLDER}/{GPU}/driver_override"
    if override is None:
        del tree[path]
    else:
        tree[path] = override
    host = captured(str(lay_out(tree, tmp_path / "root")))
    (tmp_path / "root" / f"{FOLDER}/{SOUND}/driver_override").chmod(0o600)
    before = snapshot(host.root)
    assert bound(host, GPU).exit_code == 0
    back = given_back(host, GPU) if way == "unbind" else undone(host)
    assert (back.exit_code, back.errors) == (0, [])
    assert not since(host, before)
    assert undone(host).notes == ["There is nothing to take back."]
    assert not since(host, before)


def test_a_thin_capture_comes_back_too(tmp_path: pathlib.Path) -> None:
    """The driver's link leads nowhere, the driver's folder has no entry, the group is all that is known."""
    pieces = function(GPU, "030000", driver="nouveau", group="1")
    del pieces[f"{DRIVERS}/nouveau/{GPU}"]
    host = host_of(tmp_path, pieces, function("0000:00:02.0", "030000", boot_vga="1", driver="i915", group="2"))
    before = snapshot(host.root)
    assert bound(host, GPU).exit_code == 0
    assert driver(host, GPU) == "vfio-pci"
    assert undone(host).exit_code == 0
    assert not since(host, before)


def test_only_the_function_named(fresh: Fresh) -> None:
    host = fresh("debian")
    found = refused(host, "01:00.0", only=True)
    assert list(found) == ["group"] and SOUND in found["group"]
    both = planned(host, "01:00.1", "01:00.0", "01:00.0", only=True)
    assert [each["address"] for each in both.data["devices"]] == [GPU, SOUND]
    alone = planned(host, "02:00.0", only=True)
    assert [each["address"] for each in alone.data["devices"]] == ["0000:02:00.0"]


def test_a_member_without_driver_goes_along_and_a_function_without_stays(tmp_path: pathlib.Path) -> None:
    """Endpoints of the group move whatever they have; of the slot, beyond the group, only what a host driver holds."""
    host = host_of(
        tmp_path,
        function("0000:02:00.0", "0c0330", driver="xhci_hcd", group="5"),
        function("0000:02:00.1", "0c8000", group="5"),
        function("0000:02:00.2", "0c8000", group="6"),
        function("0000:02:00.3", "040300", driver="snd_hda_intel", group="7"),
        function("0000:02:00.4", "060400", driver="pcieport", group="5"),
        function("0000:03:00.0", "020000", driver="e1000e", group="5"),
        function("0000:04:00.0", "020000", driver="e1000e", group="9"),
    )
    plan = planned(host, "02:00.0")
    assert [(each["address"][5:], each["was"]) for each in plan.data["devices"]] == [
        ("02:00.0", "xhci_hcd"),
        ("02:00.1", None),
        ("02:00.3", "snd_hda_intel"),
        ("03:00.0", "e1000e"),
    ]


REFUSED: dict[str, tuple[str, str, list[str], str]] = {
    "the desktop's card": ("debian", "00:02.0", ["host-display", "in-use"], "0000:00:02.0"),
    "the root disk": ("debian", "03:00.0", ["root-disk"], "/ on nvme0n1p2"),
    "a RAID member": ("lvm-crypt-raid", "00:17.0", ["root-disk"], "swap on dm-2"),
    "the NIC of the bond, and its group": ("lvm-crypt-raid", "00:1f.6", ["host-network", "in-use"], "bond0"),
    "keyboard and mouse": ("usb-only-input", "02:00.0", ["last-input"], "no other pointer"),
    "a bridge": ("debian", "00:1c.0", ["bridge"], "endpoints only"),
    "no IOMMU": ("no-iommu", "01:00.0", ["iommu-off"], "there are no groups"),
    "off in the kernel": ("off-in-kernel", "02:00.0", ["iommu-off"], "there are no groups"),
    "virtual functions": ("sriov", "02:00.0", ["in-use"], "2 virtual functions"),
    "everything in one group": ("shared-group", "01:00.0", ["root-disk", "host-network", "group"], "0000:03:00.0"),
    "the only card": ("single-gpu", "01:00.0", ["host-display", "in-use"], "shows a picture"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_rules_refuse(name: str, fresh: Fresh) -> None:
    machine, address, rules, words = REFUSED[name]
    host = fresh(machine)
    before = snapshot(host.root)
    found = refused(host, address)
    assert list(found) == rules
    assert any(words in text for text in found.values())
    assert not difference(before, snapshot(host.root))


def test_the_blocking_member_is_named(fresh: Fresh) -> None:
    host = fresh("shared-group")
    assert "0000:03:00.0" in refused(host, "01:00.0")["group"]
    forced = refused(host, "01:00.0", force=("host-network",))
    assert list(forced) == ["root-disk", "group"] and "0000:04:00.0" not in forced["group"]
    assert list(refused(host, "01:00.0", only=True)) == ["group"]


def test_a_bridge_with_a_driver_of_its_own_keeps_its_group(tmp_path: pathlib.Path) -> None:
    """An ISA bridge's driver claims the group's memory accesses, unlike pcieport (facts: driver_managed_dma)."""
    isa = function("0000:00:1f.0", "060100", driver="lpc_ich", group="7")
    smbus = function("0000:00:1f.3", "0c0500", driver="i801_smbus", group="7")
    found = refused(host_of(tmp_path, isa, smbus), "00:1f.3")
    assert list(found) == ["group"] and "0000:00:1f.0" in found["group"] and "lpc_ich" in found["group"]


@pytest.mark.parametrize(
    ("driver", "viable"), [("lpc_ich", False), ("pcieport", True), ("pci-stub", True), ("vfio-pci", True), ("", True)]
)
def test_groups_and_bind_agree_about_a_bridge(driver: str, viable: bool, tmp_path: pathlib.Path) -> None:
    isa = function("0000:00:1f.0", "060100", group="7", **{"driver": driver} if driver else {})
    smbus = function("0000:00:1f.3", "0c0500", driver="i801_smbus", group="7")
    host = host_of(tmp_path, isa, smbus)
    (shown,) = groups(host).data["groups"]
    assert (shown["viable"], shown["blockers"]) == (viable, [] if viable else ["0000:00:1f.0"])
    if viable:
        assert planned(host, "00:1f.3").changes
    else:
        assert list(refused(host, "00:1f.3")) == ["group"]


def test_the_group_of_the_no_iommu_mode_is_none(tmp_path: pathlib.Path) -> None:
    pieces = function(GPU, "020000", driver="e1000e", group="0")
    pieces["sys/kernel/iommu_groups/0/name"] = "vfio-noiommu\n"
    assert list(refused(host_of(tmp_path, pieces), GPU)) == ["iommu-off"]


def test_force_overrides_exactly_the_rule_named(fresh: Fresh) -> None:
    host = fresh("debian")
    assert list(refused(host, "00:02.0", force=("host-display",))) == ["in-use"]
    assert list(refused(host, "00:02.0", force=("in-use",))) == ["host-display"]
    plan = planned(host, "00:02.0", force=("host-display", "in-use"))
    assert any(each.startswith("overridden, host-display: 0000:00:02.0: its output") for each in plan.intro)
    assert any("the text console on it goes, and comes back with it" in each for each in plan.intro)
    assert any("i915 is not made to let go" in each for each in plan.intro)


@pytest.mark.parametrize("rule", ["root-disk", "group", "bridge", "iommu-off", "gravity", ""])
def test_rules_that_cannot_be_overridden(rule: str, fresh: Fresh) -> None:
    with pytest.raises(WrongUsage) as error:
        planned(fresh("debian"), "01:00.0", force=(rule,))
    assert [each.id for each in error.value.problems] == ["usage.force"]


def test_addresses_of_no_device_are_all_named_and_come_before_the_rules(fresh: Fresh) -> None:
    with pytest.raises(WrongUsage) as error:
        planned(fresh("debian"), "03:00.0", "7e:00.0", "7f:00.0")
    assert [each.what for each in error.value.problems] == [
        "there is no device 0000:7e:00.0",
        "there is no device 0000:7f:00.0",
    ]
