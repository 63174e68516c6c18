"""The six states of the IOMMU, on small trees; what cannot be read is unknown."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vdesk.host import captured
from vdesk.host.iommu_state import IommuState, state

Make = Callable[..., IommuState]
INTEL = {
    "proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vmx\n\n",
    "proc/cmdline": "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet\n",
    "sys/firmware/acpi/tables/FACP": "",
    "sys/firmware/acpi/tables/DMAR": "",
    "sys/bus/pci/devices/.keep": "",
}
GROUPS = {
    "sys/class/iommu/dmar0/intel-iommu/ecap": "f00f4a\n",
    "sys/kernel/iommu_groups/0/type": "DMA-FQ\n",
    "sys/kernel/iommu_groups/1/type": "DMA-FQ\n",
}
AMD = {
    "proc/cpuinfo": "vendor_id\t: AuthenticAMD\nflags\t\t: fpu svm\n\n",
    "sys/firmware/acpi/tables/IVRS": "",
    "sys/class/iommu/ivhd0/type": "",
    "sys/kernel/iommu_groups/0/type": "DMA-FQ\n",
}


def without(files: dict[str, str], *names: str) -> dict[str, str]:
    """Return the files without those whose path holds one of the names."""
    return {path: text for path, text in files.items() if not any(name in path for name in names)}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function: files, kernel log and unreadable paths -> the state of that machine."""

    def build(files: dict[str, str], *, log: str | None = None, unreadable: tuple[str, ...] = ()) -> IommuState:
        extra = {"run/vdesk/kernel.log": log} if log is not None else {}
        marked = {"run/vdesk/machine.json": json.dumps({"unreadable": list(unreadable)})}
        for path, text in (files | extra | marked).items():
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return state(captured(str(tmp_path)))

    return build


def test_on(make: Make) -> None:
    found = make(INTEL | GROUPS, log="[    1.0] DMAR-IR: Enabled IRQ remapping in xapic mode\n")
    assert (found.name, found.vendor, found.groups, found.units) == ("on", "intel", 2, ("dmar0",))
    assert found.irq_remapping is True and found.is_on
    assert found.log == ("DMAR-IR: Enabled IRQ remapping in xapic mode",)


def test_on_without_a_log(make: Make) -> None:
    """Facts decide; without the log nothing is said about interrupt remapping."""
    found = make(INTEL | GROUPS)
    assert (found.name, found.irq_remapping, found.log) == ("on", None, None)
    assert "not recorded" in found.log_reason


def test_amd_by_its_table(make: Make) -> None:
    found = make(AMD, log="AMD-Vi: Interrupt remapping enabled\n")
    assert (found.name, found.vendor, found.irq_remapping) == ("on", "amd", True)


def test_vendor_is_the_tables_not_the_processors(make: Make) -> None:
    assert make(INTEL | GROUPS | {"proc/cpuinfo": AMD["proc/cpuinfo"]}).vendor == "intel"


def test_vendor_of_the_unit_when_tables_are_unreadable(make: Make) -> None:
    found = make(AMD | {"proc/cpuinfo": INTEL["proc/cpuinfo"]}, unreadable=("sys/firmware/acpi/tables",))
    assert (found.name, found.vendor) == ("on", "amd")


@pytest.mark.parametrize(
    "line",
    [
        "DMAR-IR: Not enabling interrupt remapping",
        "DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection attacks.",
        "AMD-Vi: Disabling interrupt remapping",
        "DMAR-IR: [Firmware Bug]: ioapic 2 has no mapping iommu, interrupt remapping will be disabled",
    ],
)
def test_without_remapping_by_the_log(make: Make, line: str) -> None:
    found = make(INTEL | GROUPS, log=f"[    0.1] kernel: {line}\n")
    assert found.name == "on-without-irq-remap" and line in found.cause and found.is_on


@pytest.mark.parametrize("word", ["intremap=off", "nointremap", "intremap=no_x2apic_optout,off"])
def test_without_remapping_by_the_argument(make: Make, word: str) -> None:
    found = make(INTEL | GROUPS | {"proc/cmdline": f"ro {word}\n"})
    assert found.name == "on-without-irq-remap" and word in found.cause


def test_an_argument_of_init_is_not_the_kernels(make: Make) -> None:
    assert make(INTEL | GROUPS | {"proc/cmdline": "ro -- nointremap\n"}).name == "on"


def test_without_remapping_by_the_unit(make: Make) -> None:
    """The lab's machine without remapping logs nothing about it; ecap f42 has no bit 3."""
    found = make(INTEL | GROUPS | {"sys/class/iommu/dmar0/intel-iommu/ecap": "f42\n"}, log="DMAR: Host width 48\n")
    assert found.name == "on-without-irq-remap" and "ecap" in found.cause


def test_without_remapping_by_the_table(make: Make) -> None:
    table = "DMAR" + "\0" * 33 + "\0" + "\0" * 20
    found = make(
        without(INTEL | GROUPS, "ecap") | {"sys/firmware/acpi/tables/DMAR": table, "sys/class/iommu/dmar0/x": ""}
    )
    assert found.name == "on-without-irq-remap" and "INTR_REMAP" in found.cause


def test_off_in_kernel(make: Make) -> None:
    """The article's line proves that the argument was parsed, not that there are groups."""
    found = make(INTEL, log="[    0.0] DMAR: IOMMU enabled\n")
    assert (found.name, found.is_on) == ("off-in-kernel", False)
    assert found.log == ("DMAR: IOMMU enabled",)


def test_groups_of_no_iommu_mode_do_not_count(make: Make) -> None:
    found = make(INTEL | {"sys/kernel/iommu_groups/0/name": "vfio-noiommu\n"})
    assert (found.name, found.groups) == ("off-in-kernel", 0)


def test_groups_without_a_unit_do_not_count(make: Make, tmp_path: Path) -> None:
    (tmp_path / "sys/class/iommu").mkdir(parents=True)
    assert make(INTEL | {"sys/kernel/iommu_groups/0/type": "unknown\n"}).name == "off-in-kernel"


def test_off_in_firmware(make: Make) -> None:
    found = make(without(INTEL, "DMAR"))
    assert (found.name, found.vendor, found.table) == ("off-in-firmware", "intel", "")


def test_no_virtualization_also_with_groups(make: Make) -> None:
    found = make(INTEL | GROUPS | {"proc/cpuinfo": "vendor_id\t: GenuineIntel\nflags\t\t: fpu\n"})
    assert (found.name, found.is_on) == ("no-virtualization", True)


@pytest.mark.parametrize(
    "unreadable", [("sys/firmware/acpi/tables/DMAR", "sys/firmware/acpi/tables"), ("sys/kernel/iommu_groups",)]
)
def test_unreadable_is_unknown(make: Make, unreadable: tuple[str, ...]) -> None:
    found = make(INTEL, unreadable=unreadable)
    assert found.name == "unknown" and "could not be read" in found.cause


def test_an_unreadable_processor_does_not_hide_the_groups(make: Make) -> None:
    assert make(INTEL | GROUPS, unreadable=("proc/cpuinfo",)).name == "on"


def test_empty_machine(make: Make) -> None:
    found = make({})
    assert (found.name, found.vendor) == ("unknown", "other")


def test_hostile_files(make: Make, tmp_path: Path) -> None:
    (tmp_path / "sys/kernel").mkdir(parents=True)
    (tmp_path / "sys/kernel/iommu_groups").symlink_to("../../../../../../../../../../../../etc")
    found = make(INTEL | {"proc/cmdline": "\x1b[2Jnointremap \udcff".encode("utf-8", "replace").decode()})
    assert found.name == "unknown"
    assert found.booted is not None and not any("\x1b" in word for word in found.booted)


def test_log_lines_are_printable(make: Make) -> None:
    found = make(INTEL | GROUPS, log="[ 1.0] host kernel: DMAR: \x1b[31mred\x07" + "x" * 9000 + "\n")
    assert found.log is not None and "\x1b" not in found.log[0] and len(found.log[0]) <= 400
