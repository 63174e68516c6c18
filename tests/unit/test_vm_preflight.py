"""What `vdesk start` looks at before it touches anything: devices, memory, files; every reason is told at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.builder import build
from tests.machines.parts import Link
from tests.unit.scenes import Edits, changed
from tests.unit.vm_cases import in_memory
from vdesk.changes.hook_guard import PATH
from vdesk.host import Host
from vdesk.host.libvirt_guests import ENABLED
from vdesk.host.runner import LocalRunner
from vdesk.model.errors import Denied, Problem, Refused, WrongUsage
from vdesk.plans.vm_preflight import preflight
from vdesk.vm.defined import Defined, read_defined

MARK = "<metadata><d:domain xmlns:d='urn:vdesk:domain:1'>{}</d:domain></metadata>"
HOSTDEV = "<hostdev mode='subsystem' type='pci'><source><address domain='0x0000' bus='{}' slot='{}' function='{}'/>"
GTX = "10de:1402 1458:36be"
DISK = "var/lib/libvirt/images/hoth.img"
DESKTOP = "<d:desktop stop='yes'/>"
APPARMOR: Edits = {"sys/module/apparmor/parameters/enabled": "Y\n"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    yield from in_memory()


@pytest.fixture(scope="module")
def debian(folder: Path) -> Path:
    return build("debian", folder / "debian")


def machine(
    *addresses: str, gib: int = 4, mark: str = "", disks: tuple[str, ...] = (), rom: str = "", huge: bool = False
) -> Defined:
    """A definition with the devices, disks and marks."""
    given = []
    for address in addresses:
        bus, slot, function = address.replace(".", ":").split(":")
        inner = HOSTDEV.format(f"0x{bus}", f"0x{slot}", f"0x{function}") + "</source>"
        given.append(inner + (f"<rom file='{rom}'/>" if rom else "") + "</hostdev>")
    files = "".join(f"<disk type='file' device='disk'><source file='{path}'/></disk>" for path in disks)
    backing = "<memoryBacking><hugepages/></memoryBacking>" if huge else ""
    return read_defined(
        f"<domain type='kvm'><name>hoth</name>{MARK.format(mark)}<memory unit='GiB'>{gib}</memory>{backing}"
        f"<devices>{files}{''.join(given)}</devices></domain>"
    )


def look(root: Path, found: Defined, edits: Edits | None = None, force: tuple[str, ...] = ()) -> list[Problem]:
    """The reasons why the start is refused on a machine that is looked at as a live one."""
    with changed(root, edits or {}):
        try:
            preflight(Host(str(root), LocalRunner()), found, force)
        except Refused as refused:
            return list(refused.problems)
    return []


def ids(problems: list[Problem]) -> list[str]:
    return [each.id for each in problems]


def test_all_is_there(debian: Path) -> None:
    with changed(debian, {DISK: "x"}):
        said = preflight(Host(str(debian), LocalRunner()), machine("01:00.0", "01:00.1", disks=(f"/{DISK}",)))
    assert said == ["Looked at: 2 devices, 4 GiB of memory, 1 files."]


UNIT: Edits = {ENABLED: Link("/usr/lib/systemd/system/libvirt-guests.service")}


@pytest.mark.parametrize(
    ("edits", "place"),
    [
        ({}, ""),
        (UNIT, ""),
        ({"etc/default/libvirt-guests": "ON_SHUTDOWN=suspend\n"}, ""),
        ({**UNIT, "etc/default/libvirt-guests": "#ON_SHUTDOWN=suspend\nON_SHUTDOWN=shutdown\n"}, ""),
        ({**UNIT, "etc/default/libvirt-guests": "#ON_SHUTDOWN=suspend\n"}, ""),
        ({**UNIT, "etc/default/libvirt-guests": "ON_SHUTDOWN='suspend'\n"}, "/etc/default/libvirt-guests"),
        ({**UNIT, "etc/sysconfig/libvirt-guests": "#ON_SHUTDOWN=suspend\n"}, "/etc/sysconfig/libvirt-guests"),
        ({**UNIT, "etc/sysconfig/libvirt-guests": "ON_SHUTDOWN=shutdown\n"}, ""),
        ({**UNIT, "etc/sysconfig/x": ""}, "/etc/sysconfig/libvirt-guests"),
        ({**UNIT, "etc/conf.d/libvirt-guests": 'ON_SHUTDOWN="x"\nON_SHUTDOWN=suspend'}, "/etc/conf.d/libvirt-guests"),
    ],
)
def test_a_service_that_saves_machines(edits: Edits, place: str, debian: Path) -> None:
    """One with a device of the host's cannot be saved (`cannot migrate a domain with <hostdev ...>`)."""
    with changed(debian, edits):
        said = preflight(Host(str(debian), LocalRunner()), machine("01:00.0", "01:00.1"))
        assert len(preflight(Host(str(debian), LocalRunner()), machine())) == 1
    assert [each.rpartition(" ")[2] for each in said if "libvirt-guests saves" in each] == [place] * bool(place)


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (("07:00.0",), ["vm.device-missing"]),
        (("00:02.0",), ["rule.host-display"]),
        (("00:01.0",), ["rule.bridge"]),
        (("00:1f.6",), ["rule.host-network"]),
        (("07:00.0", "00:02.0"), ["vm.device-missing"]),
        ((), []),
    ],
)
def test_devices(addresses: tuple[str, ...], expected: list[str], debian: Path) -> None:
    found = ids(look(debian, machine(*addresses)))
    assert found[: len(expected)] == expected and bool(found) is bool(expected)


def test_a_rule_can_be_overridden_and_is_then_said(debian: Path) -> None:
    found = machine("00:02.0")
    assert "rule.host-display" in ids(look(debian, found))
    assert not set(ids(look(debian, found, force=("host-display", "in-use")))) & {"rule.host-display", "rule.in-use"}
    with pytest.raises(WrongUsage):
        look(debian, found, force=("bridge",))


def test_the_desktops_own_card_is_taken_on_purpose(debian: Path) -> None:
    assert "rule.host-display" not in ids(look(debian, machine("00:02.0", mark="<d:desktop stop='yes'/>")))


def test_a_group_is_completed_by_attach(folder: Path) -> None:
    root = build("shared-group", folder / "shared")
    problems = look(root, machine("01:00.0", "01:00.1"))
    assert "rule.group" in ids(problems)
    assert "vdesk attach hoth 0000:" in next(each.remedy for each in problems if each.id == "rule.group")


def test_what_a_start_says_can_be_done(debian: Path, folder: Path) -> None:
    """attach takes the last of a group; where several are missing it refused the first for the sake of the next."""
    (mate,) = look(debian, machine("01:00.0"))
    assert "vdesk attach hoth 0000:01:00.1; or" in mate.remedy
    (moved,) = look(debian, machine("07:00.0"))
    assert moved.id == "vm.device-missing" and "vdesk bind ADDR, which takes the whole group" in moved.remedy
    root = build("shared-group", folder / "several")
    group = next(each for each in look(root, machine("01:00.0")) if each.id == "rule.group")
    assert group.remedy.startswith("bind them: vdesk bind 0000:01:00.1 ") and "after that" in group.remedy


def test_another_device_at_the_address(debian: Path) -> None:
    now = "<d:device address='0000:01:00.0' identity='{}'/>"
    host = Host(str(debian), LocalRunner())
    from vdesk.changes.drivers import identity

    here = identity(host, "0000:01:00.0")
    assert look(debian, machine("01:00.0", "01:00.1", mark=now.format(here))) == []
    assert ids(look(debian, machine("01:00.0", "01:00.1", mark=now.format(GTX + "0")))) == ["vm.device-changed"]
    assert look(debian, machine("01:00.1", "01:00.0", mark=now.format(""))) == []
    detached = machine("01:00.1", mark=now.format(GTX + "0"))
    assert "vm.device-changed" not in ids(look(debian, detached)), "what was detached since is not looked at"


def meminfo(available: int, huge: int = 0) -> Edits:
    text = f"MemTotal: 33554432 kB\nMemAvailable: {available << 20} kB\nHugePages_Free: {huge}\nHugepagesize: 2048 kB\n"
    return {"proc/meminfo": text}


@pytest.mark.parametrize(
    ("found", "edits", "expected"),
    [
        (machine("01:00.0", "01:00.1", gib=8), meminfo(7), ["vm.memory-busy"]),
        (machine("01:00.0", "01:00.1", gib=8), meminfo(8), []),
        (machine("01:00.0", "01:00.1", gib=8, huge=True), meminfo(4, 2048), []),
        (machine("01:00.0", "01:00.1", gib=8), meminfo(4, 2048), ["vm.memory-busy"]),
        (machine(gib=8), meminfo(7), []),
        (machine(gib=8, huge=True), meminfo(7), ["vm.memory-busy"]),
        (machine("01:00.0", "01:00.1", gib=8), {"proc/meminfo": "MemTotal: 1 kB\n"}, []),
    ],
)
def test_memory(found: Defined, edits: Edits, expected: list[str], debian: Path) -> None:
    assert ids(look(debian, found, edits)) == expected


def test_a_machine_without_devices_may_swap(debian: Path) -> None:
    with changed(debian, meminfo(7)):
        assert "swap" in preflight(Host(str(debian), LocalRunner()), machine(gib=8))[0]


@pytest.mark.parametrize(
    ("path", "expected", "edits"),
    [
        ("/srv/none.img", ["vm.file-missing"], {}),
        ("/srv/w.img", [], {}),
        ("/home/luke/w.img", ["vm.file-closed"], {}),
        ("/home/luke/w.img", [], {"etc/libvirt/qemu.conf": 'user = "root"\n'}),
        ("/home/luke/w.img", ["vm.file-closed"], {"etc/libvirt/qemu.conf": '#user = "root"\nuser = "nobody"\n'}),
        ("/usr/share/w.img", [], {}),
        ("/usr/share/w.img", ["vm.file-apparmor"], APPARMOR),
        ("/usr/share/w.img", [], {**APPARMOR, "etc/libvirt/qemu.conf": 'security_driver = "none"\n'}),
        ("/usr/share/OVMF/w.img", [], APPARMOR),
    ],
)
def test_files(path: str, expected: list[str], edits: Edits, debian: Path) -> None:
    home = debian / "home/luke"
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    there = {path[1:]: "x"} if "none" not in path else {}
    assert ids(look(debian, machine(disks=(path,)), {**edits, **there})) == expected


def test_a_hidden_folder_in_a_home(debian: Path) -> None:
    (debian / "home/luke").mkdir(parents=True, exist_ok=True)
    os.chmod(debian / "home/luke", 0o755)
    path = "/home/luke/.vm/w.img"
    assert ids(look(debian, machine(disks=(path,)), {path[1:]: "x", **APPARMOR})) == ["vm.file-apparmor"]
    assert look(debian, machine(disks=(path,)), {path[1:]: "x"}) == []


def test_the_rom_is_a_file_too(debian: Path) -> None:
    found = machine("01:00.0", "01:00.1", rom="/etc/card.rom")
    assert ids(look(debian, found))[0] == "vm.file-missing"
    problems = look(debian, found, {"etc/card.rom": "x", **APPARMOR})
    assert ids(problems)[0] == "vm.file-apparmor" and "/usr/share/vgabios" in problems[0].remedy


def test_a_keyboard_that_was_unplugged(debian: Path) -> None:
    """QEMU would refuse to start; both names are told, and only those that are gone."""
    here, gone = "/dev/input/by-id/usb-A_Keyboard-event-kbd", "/dev/input/by-id/usb-B_Mouse-event-mouse"
    inputs = "".join(f"<input type='evdev'><source dev='{path}'/></input>" for path in (here, gone))
    found = read_defined(
        f"<domain type='kvm'><name>hoth</name><memory unit='GiB'>4</memory><devices>{inputs}</devices></domain>"
    )
    problems = look(debian, found, {here[1:]: ""})
    assert ids(problems) == ["vm.input-missing"] and gone in problems[0].what
    assert ids(look(debian, found)) == ["vm.input-missing"] * 2
    assert not look(debian, found, {here[1:]: "", gone[1:]: ""})


def test_every_reason_at_once(debian: Path) -> None:
    found = machine("07:00.0", gib=900, disks=("/srv/none.img",))
    assert ids(look(debian, found)) == ["vm.device-missing", "vm.memory-busy", "vm.file-missing"]


@pytest.mark.parametrize(
    ("base", "addresses", "mark", "needs"),
    [
        ("single-gpu", ("01:00.0", "01:00.1"), DESKTOP, True),
        ("intel-hybrid", ("01:00.0", "01:00.1"), "", True),  # the card is with nvidia
        ("intel-hybrid", ("01:00.1",), "", False),
        ("debian", ("01:00.0", "01:00.1"), "", False),  # with nouveau, which lets go
    ],
)
def test_what_only_the_hook_can_take(
    base: str, addresses: tuple[str, ...], mark: str, needs: bool, folder: Path, tmp_path: Path
) -> None:
    root = build(base, tmp_path / base)
    found = machine(*addresses, mark=mark)
    rules = ("in-use", "host-display")
    assert ("vm.no-hook" in ids(look(root, found, force=rules))) is needs
    if needs:
        with changed(root, {PATH: "#!/usr/bin/python3\n"}):
            problem = next(each for each in look(root, found, force=rules) if each.id == "vm.no-hook")
            assert "not executable" in problem.what and "vdesk hook install" in problem.remedy
            (root / PATH).chmod(0o755)
            assert "vm.no-hook" not in ids(look(root, found, force=rules))


def test_a_hook_that_may_not_be_looked_at_is_not_a_missing_one(tmp_path: Path) -> None:
    """As for a user of group libvirt where /etc/libvirt is root's alone."""

    class Closed(Host):
        def read_bytes(self, path: str, limit: int = 1 << 20) -> bytes:
            if path == PATH:
                raise Denied("/" + path, "Permission denied (EACCES)")
            return super().read_bytes(path, limit)

    root = build("intel-hybrid", tmp_path / "machine")
    with pytest.raises(Refused) as told:
        preflight(Closed(str(root), LocalRunner()), machine("01:00.0", "01:00.1"))
    assert {each.id for each in told.value.problems} == {"rule.in-use"}
