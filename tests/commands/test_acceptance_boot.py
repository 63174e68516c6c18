"""`iommu enable` on small machines: never exit 0 where sh does not have the argument in the end, and no trace left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.running import on
from tests.trees import difference, snapshot
from tests.unit.grub_judge import judge, write

PLAIN = 'GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"\n'
HOPELESS: dict[str, tuple[str | bytes, dict[str, str], str]] = {
    "readonly": (PLAIN, {"50.cfg": "readonly GRUB_CMDLINE_LINUX_DEFAULT GRUB_CMDLINE_LINUX\n"}, "grub.nowhere"),
    "readonly with a value": (PLAIN, {"50.cfg": "readonly GRUB_CMDLINE_LINUX_DEFAULT=quiet\n"}, "grub.nowhere"),
    "exit in the folder": (PLAIN, {"50.cfg": "exit 0\n"}, "grub.nowhere"),
    "exit after the line": (f"{PLAIN}exit\n", {}, "grub.nowhere"),
    "a byte order mark": (b"\xef\xbb\xbf" + PLAIN.encode(), {}, "grub.not-text"),
}


@pytest.mark.parametrize("name", HOPELESS)
def test_what_cannot_be_won_is_refused(name: str, tmp_path: Path) -> None:
    """Exit 3, and nothing written: sh would fail, or end, before the argument counts."""
    main, extra, error = HOPELESS[name]
    write(tmp_path, main, extra)
    before = snapshot(tmp_path)
    ran = on(tmp_path, "iommu", "enable", "--yes", "--json")
    assert (ran.code, ran.errors) == (3, [error])
    assert not difference(before, snapshot(tmp_path), ("var/lib/vdesk",))


def test_an_exit_that_is_not_reached_hinders_nothing(tmp_path: Path) -> None:
    """What only may end the program is left to sh, which is asked on the machine itself."""
    write(tmp_path, f"{PLAIN}[ -e /etc/default/grub ] || exit 1\nreturn\nexit\n")
    assert on(tmp_path, "iommu", "enable", "--yes", "--json").code == 0


def test_disable_takes_the_folders_too(tmp_path: Path) -> None:
    """Where not even /etc was there: enable makes it for its drop-in, disable leaves nothing."""
    (tmp_path / "boot/grub").mkdir(parents=True)
    (tmp_path / "boot/grub/grub.cfg").write_text("linux /vmlinuz quiet\n")
    before = snapshot(tmp_path)
    assert on(tmp_path, "iommu", "enable", "--yes", "--json").code == 0
    found = judge(tmp_path)
    assert found is not None
    assert found.default.split() == ["intel_iommu=on"]
    assert on(tmp_path, "iommu", "disable", "--yes", "--json").code == 0
    assert not difference(before, snapshot(tmp_path), ("var/lib/vdesk",))


def test_a_folder_of_tables_without_one_for_the_iommu_says_off_in_firmware(tmp_path: Path) -> None:
    """An empty folder of ACPI tables was looked at; one that is not there was not."""
    (tmp_path / "sys/kernel/iommu_groups").mkdir(parents=True)
    assert on(tmp_path, "iommu", "status", "--json").envelope["data"]["state"] == "unknown"
    (tmp_path / "sys/firmware/acpi/tables").mkdir(parents=True)
    assert on(tmp_path, "iommu", "status", "--json").envelope["data"]["state"] == "off-in-firmware"
