"""`vdesk check` as a whole: one finding per id, exit codes, devices by name, and files that nobody should trust."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.machines.builder import build, lay_out, machine, names, tree_of
from tests.unit.test_checks_levels import CARDS, EVERYWHERE
from vdesk.checks import check
from vdesk.host import captured
from vdesk.host.host import Host
from vdesk.model.address import parse_address
from vdesk.model.errors import WrongUsage
from vdesk.model.finding import FAIL
from vdesk.model.finding import LEVELS as ALL_LEVELS
from vdesk.model.report import Report

OF_A_CARD = CARDS.split()
ONCE = EVERYWHERE


def ids(report: Report, device: str = "") -> list[str]:
    """Return the ids of the findings about a device, or about the machine."""
    return [each.id for each in report.findings if each.device == device]


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the root of a machine whose IOMMU is on."""
    return build("debian", tmp_path_factory.mktemp("debian"))


@pytest.mark.parametrize("name", names())
def test_one_finding_per_id_and_card(name: str, tmp_path: Path) -> None:
    report = check(captured(str(build(name, tmp_path))))
    assert sorted(ids(report)) == sorted(ONCE)
    cards = [device["address"] for device in report.data["gpus"]]
    assert {each.device for each in report.findings} == {"", *cards}
    assert all(sorted(ids(report, card)) == sorted(OF_A_CARD) for card in cards)
    assert all(each.level in ALL_LEVELS for each in report.findings)
    failed = any(each.level == FAIL for each in report.findings) or report.data["iommu"] == "unknown"
    assert report.exit_code == (3 if failed else 0)
    assert report.status == ("not-ready" if failed else "ok")


def test_data(debian: Path) -> None:
    data = check(captured(str(debian))).data
    assert data["iommu"] == "on" and data["vendor"] == "intel"
    assert data["distribution"] == {"id": "debian", "version": "13", "name": "Debian GNU/Linux 13 (trixie)"}
    assert [(each["address"], each["class"], each["driver"]) for each in data["gpus"]] == [
        ("0000:00:02.0", "0300", "i915"),
        ("0000:01:00.0", "0300", "nouveau"),
    ]


def test_nothing_is_written(debian: Path) -> None:
    before = {path: os.lstat(path).st_mtime_ns for path in debian.rglob("*")}
    check(captured(str(debian)))
    assert {path: os.lstat(path).st_mtime_ns for path in debian.rglob("*")} == before


# --- devices by name


def test_a_card_by_name(debian: Path) -> None:
    report = check(captured(str(debian)), [parse_address("01:00.0")])
    assert [each.id for each in report.findings] == OF_A_CARD
    assert {each.device for each in report.findings} == {"0000:01:00.0"}
    assert report.exit_code == 0


def test_twice_the_same_is_once(debian: Path) -> None:
    report = check(captured(str(debian)), [parse_address("01:00.0"), parse_address("pci_0000_01_00_0")])
    assert len(report.findings) == len(OF_A_CARD)


def test_the_desktops_card_by_name_fails(debian: Path) -> None:
    """Asked for, it would be handed over: that it stays is no answer."""
    report = check(captured(str(debian)), [parse_address("00:02.0")])
    found = {each.id: each for each in report.findings}
    assert found["gpu.group"].level == "fail" and "shows a picture" in found["gpu.group"].cause
    assert report.exit_code == 3


def test_any_device_by_name(debian: Path) -> None:
    report = check(captured(str(debian)), [parse_address("02:00.0")])
    assert ids(report, "0000:02:00.0") == ["gpu.group", "gpu.driver", "gpu.reset", "gpu.power"]


def test_a_device_the_host_needs(debian: Path) -> None:
    """The disk with / blocks its own group, with the place it is mounted at."""
    report = check(captured(str(debian)), [parse_address("03:00.0")])
    group = report.findings[0]
    assert group.level == "fail" and "the host's disk is behind it" in group.cause


def test_a_bridge_by_name(debian: Path) -> None:
    group = check(captured(str(debian)), [parse_address("00:01.0")]).findings[0]
    assert (group.id, group.level) == ("gpu.group", "fail") and "bridge" in group.title


def test_a_device_without_the_iommu(tmp_path: Path) -> None:
    report = check(captured(str(build("article", tmp_path))), [parse_address("01:00.0")])
    assert report.exit_code == 3
    assert "sudo vdesk iommu enable" in next(each for each in report.findings if each.id == "gpu.group").remedy


def test_no_such_device(debian: Path) -> None:
    with pytest.raises(WrongUsage) as error:
        check(captured(str(debian)), [parse_address("7f:00.0")])
    assert "7f:00.0" in str(error.value)


# --- files that nobody should trust


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def long(path: Path) -> None:
    path.write_bytes(b"A" * (5 << 20))


def numbers(path: Path) -> None:
    path.write_text("9" * 5000 + "\n0x" + "f" * 500 + "\n[[[[{\n²³\n")


def brackets(path: Path) -> None:
    path.write_text("[" * 100_000)


def folder(path: Path) -> None:
    path.mkdir()


def link_out(path: Path) -> None:
    path.symlink_to("../" * 40 + "etc/passwd")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def pipe(path: Path) -> None:
    os.mkfifo(path)


LONG = ("cmdline", "cpuinfo")


@pytest.mark.parametrize("spoil", [binary, empty, long, numbers, brackets, folder, link_out, link_to_itself, pipe])
def test_whatever_lies_there_is_no_crash(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    """Every file that a check reads is replaced; the answer still has every id, and no control character."""
    root = lay_out(tree_of(machine("debian")), tmp_path)
    read: list[str] = []
    check(captured(str(root), read.append))
    files = {os.path.realpath(root / line.removeprefix("read /")) for line in read if line.startswith("read /")}
    for file in sorted(files):
        path = Path(file)
        if path.is_relative_to(root) and path.is_file() and (spoil is not long or path.name in LONG):
            path.unlink()
            spoil(path)
    report = check(captured(str(root)))
    assert sorted(ids(report)) == sorted(ONCE)
    assert all(text.isprintable() for each in report.findings for text in each)


def test_an_unreadable_machine(tmp_path: Path) -> None:
    """Folders that could not be read at all: unknown, and not ready."""
    root = build("debian", tmp_path)
    places = '["sys/bus/pci/devices", "sys/kernel/iommu_groups", "sys/class/drm", "proc/cmdline", "proc/cpuinfo"]'
    (root / "run/vdesk/machine.json").write_text(f'{{"unreadable": {places}}}')
    report = check(captured(str(root)))
    levels = {each.id: each.level for each in report.findings}
    for id in ("cpu.virtualization", "kernel.iommu", "kernel.cmdline", "gpu.present"):
        assert levels[id] == "unknown", id
    assert report.exit_code == 3


def test_a_user_who_may_not_read_the_log(tmp_path: Path) -> None:
    """journalctl and dmesg as a normal user meets them: the finding is unknown and names sudo or the group."""
    from vdesk.host.runner import LocalRunner

    root, programs = build("debian", tmp_path / "root"), tmp_path / "bin"
    (root / "run/vdesk/kernel.log").unlink()
    programs.mkdir(mode=0o755)
    for name, text in (("journalctl", "-- No entries --"), ("dmesg", "")):
        says = "Operation not permitted" if name == "dmesg" else "Hint: You are currently not seeing messages"
        (programs / name).write_text(f"#!/bin/sh\necho '{text}'\necho '{says}' >&2\nexit {int(name == 'dmesg')}\n")
        (programs / name).chmod(0o755)
    report = check(Host(str(root), LocalRunner([str(programs)])))
    log = next(each for each in report.findings if each.id == "kernel.log")
    assert log.level == "unknown" and "not permitted" in log.cause and "systemd-journal" in log.remedy
