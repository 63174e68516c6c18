"""`vdesk groups`: order, filters, what blocks, and why a list is empty."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import run

import pytest

from tests.machines.builder import build
from vdesk.checks.groups import KINDS, groups
from vdesk.host import captured
from vdesk.model.address import parse_address
from vdesk.model.errors import HostError, WrongUsage
from vdesk.model.report import Report

KEYS = [
    "address", "class", "class_name", "vendor", "device", "subsystem", "name", "driver", "modules", "group", "boot_vga",
    "reset", "bridge",
]  # fmt: skip


def listed(report: Report) -> list[int]:
    """Return the numbers of the groups."""
    return [group["id"] for group in report.data["groups"]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a machine with a group of a GPU, a disk, a NIC and bridges."""
    return build("shared-group", tmp_path_factory.mktemp("shared"))


def test_the_group_with_its_blockers(root: Path) -> None:
    report = groups(captured(str(root)))
    assert (report.command, report.exit_code, report.notes) == ("iommu groups", 0, [])
    assert listed(report) == sorted(listed(report))
    shared = next(group for group in report.data["groups"] if group["id"] == 1)
    assert shared["viable"] is False and shared["blockers"] == ["0000:03:00.0", "0000:04:00.0"]
    assert all(list(device) == KEYS for group in report.data["groups"] for device in group["devices"])
    bridges = [device["address"] for device in shared["devices"] if device["bridge"]]
    assert bridges and not set(bridges) & set(shared["blockers"])


def test_the_desktops_card_blocks_its_group(root: Path) -> None:
    own = next(group for group in groups(captured(str(root))).data["groups"] if group["id"] == 2)
    assert own["blockers"] == ["0000:00:02.0"]


@pytest.mark.parametrize(("kind", "classes"), KINDS.items())
def test_filters_keep_whole_groups(root: Path, kind: str, classes: tuple[str, ...]) -> None:
    every = groups(captured(str(root))).data["groups"]
    wanted = [each for each in every if any(device["class"].startswith(classes) for device in each["devices"])]
    assert wanted
    assert groups(captured(str(root)), kinds=frozenset({kind})).data["groups"] == wanted


def test_two_filters_are_either(root: Path) -> None:
    host = captured(str(root))
    both = listed(groups(host, kinds=frozenset({"gpu", "usb"})))
    assert set(both) == {
        *listed(groups(host, kinds=frozenset({"gpu"}))),
        *listed(groups(host, kinds=frozenset({"usb"}))),
    }


def test_the_group_of_a_device(root: Path) -> None:
    assert listed(groups(captured(str(root)), address=parse_address("01:00.1"))) == [1]


def test_no_such_device(root: Path) -> None:
    with pytest.raises(WrongUsage):
        groups(captured(str(root)), address=parse_address("7f:00.0"))


def test_a_filter_that_matches_nothing(root: Path) -> None:
    report = groups(captured(str(root)), kinds=frozenset({"usb"}), address=parse_address("00:02.0"))
    assert (report.exit_code, report.data["groups"], report.findings) == (0, [], [])
    assert "vdesk groups" in report.notes[0]


def test_a_device_that_the_iommu_leaves_out(tmp_path: Path) -> None:
    report = groups(captured(str(build("article-booted", tmp_path))), address=parse_address("00:02.0"))
    assert report.data["groups"] == [] and "igfx_off" in report.notes[0]


@pytest.mark.parametrize(
    ("name", "cause"),
    [("article", "without intel_iommu=on"), ("no-iommu", "the firmware offers none"), ("empty", "acpi/tables")],
)
def test_no_groups_at_all(tmp_path: Path, name: str, cause: str) -> None:
    """An empty list is an answer; why it is empty is said as kernel.iommu says it."""
    report = groups(captured(str(build(name, tmp_path))))
    assert (report.exit_code, report.data) == (0, {"groups": []})
    assert [each.id for each in report.findings] == ["kernel.iommu"]
    assert cause in report.notes[0]


def test_groups_of_no_iommu_mode_are_left_out(tmp_path: Path) -> None:
    root = build("debian", tmp_path)
    (root / "sys/kernel/iommu_groups/1/name").write_text("vfio-noiommu\n")
    assert 1 not in listed(groups(captured(str(root))))


def test_unreadable(tmp_path: Path) -> None:
    root = build("debian", tmp_path)
    (root / "run/vdesk/machine.json").write_text('{"unreadable": ["sys/bus/pci/devices"]}')
    with pytest.raises(HostError):
        groups(captured(str(root)))


def test_nothing_heavy_is_loaded(root: Path) -> None:
    code = (
        "import sys; from vdesk.host import captured; from vdesk.checks.groups import groups;"
        f"groups(captured({str(root)!r})); print(*sorted(sys.modules))"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"rich", "libvirt", "pyudev", "subprocess", "vdesk.checks.iommu", "vdesk.host.cpu"}
    assert not heavy & set(done.stdout.split())
