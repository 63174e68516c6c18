"""`iommu enable`, `disable`, `status` as decisions: vendor, firmware, what is said, which stages disagree."""

from __future__ import annotations

import pathlib

import pytest

from tests.trees import difference, snapshot
from tests.unit.grub_judge import MAIN, grub_cfg, write
from vdesk.changes import executor
from vdesk.changes.executor import Mode
from vdesk.changes.journal import Entry, Journal
from vdesk.host import Host
from vdesk.host.host import captured
from vdesk.model.errors import Refused
from vdesk.plans import iommu

D = "GRUB_CMDLINE_LINUX_DEFAULT"
CFG = "boot/grub/grub.cfg"


def turn_on(root: pathlib.Path) -> None:
    """Make the kernel's facts those of an IOMMU in use."""
    (root / "sys/class/iommu/dmar0").mkdir(parents=True)
    (root / "sys/kernel/iommu_groups/0/devices").mkdir(parents=True)


def titles(host: Host, *, igfx_off: bool = False, pt: bool = False) -> list[str]:
    """The findings of enable, as id and level."""
    return [f"{each.id} {each.level}" for each in iommu.enable(host, igfx_off=igfx_off, pt=pt).findings]


def test_intel(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="quiet"\n')
    plan = iommu.enable(captured(str(tmp_path)), igfx_off=True, pt=True)
    assert [change.target for change in plan.changes] == ["/etc/default/grub", "/boot/grub/grub.cfg"]
    assert plan.data == {
        "arguments": ["intel_iommu=on,igfx_off", "iommu=pt"],
        "vendor": "intel",
        "file": "/etc/default/grub",
    }
    assert plan.findings == []
    preview = plan.changes[1].preview(captured(str(tmp_path)))
    assert f"{D}='quiet intel_iommu=on,igfx_off iommu=pt'" in preview
    assert "$ update-grub -o /boot/grub/grub.cfg.vdesk-new" in preview


def test_not_needed_is_said_and_written(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="quiet"\n')
    turn_on(tmp_path)
    assert titles(captured(str(tmp_path))) == ["kernel.iommu info"]
    assert len(iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False).changes) == 2
    (tmp_path / "proc/cmdline").write_text("root=/dev/sda1 intel_iommu=on\n")
    assert titles(captured(str(tmp_path))) == []


RELEASE = "6.12.48+deb13-amd64"
DEFAULT = "CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF"


def debian(root: pathlib.Path, *, config: str | None = f"{DEFAULT}=y\n", address: str = "0000:00:02.0") -> None:
    """Debian's kernel on a machine with Intel's graphics, VT-d on by default."""
    write(root, f'{D}="quiet"\n')
    turn_on(root)
    files = {
        "etc/os-release": "ID=debian\n",
        "proc/sys/kernel/osrelease": f"{RELEASE}\n",
        **{f"sys/bus/pci/devices/{address}/{name}": text for name, text in INTEL.items()},
    }
    if config is not None:
        files[f"boot/config-{RELEASE}"] = config
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


INTEL = {"vendor": "0x8086\n", "device": "0x1912\n", "class": "0x030000\n"}


@pytest.mark.parametrize("config", [f"A=y\n{DEFAULT}=y\n", None])
def test_debians_default_for_the_integrated_graphics_changes(tmp_path: pathlib.Path, config: str | None) -> None:
    """The argument is not needed, and does more there than nothing; said before it is written."""
    debian(tmp_path, config=config)
    host = captured(str(tmp_path))
    assert titles(host) == ["kernel.iommu info", "kernel.cmdline info"]
    said = iommu.enable(host, igfx_off=False, pt=False).findings[1].title
    assert said.startswith("intel_iommu=on also turns on the translation of the integrated graphics (0000:00:02.0)")
    assert titles(host, igfx_off=True) == ["kernel.iommu info"]
    (tmp_path / "proc/cmdline").write_text("root=/dev/sda1 intel_iommu=on\n")
    assert titles(captured(str(tmp_path))) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"boot/config-{RELEASE}", f"CONFIG_INTEL_IOMMU_DEFAULT_ON=y\n# {DEFAULT} is not set\n"),
        ("proc/sys/kernel/osrelease", "6.12.48-custom\n"),
        ("proc/sys/kernel/osrelease", "../../../etc\n"),
        ("sys/bus/pci/devices/0000:00:02.0/vendor", "0x10de\n"),
        ("sys/bus/pci/devices/0000:00:02.0/class", "0x020000\n"),
    ],
)
def test_elsewhere_nothing_is_said_of_it(tmp_path: pathlib.Path, path: str, text: str) -> None:
    debian(tmp_path)
    (tmp_path / path).write_text(text)
    assert titles(captured(str(tmp_path))) == ["kernel.iommu info"]


def test_other_kernels_and_cards_without_their_configuration(tmp_path: pathlib.Path) -> None:
    debian(tmp_path, config=None, address="0000:03:00.0")
    assert titles(captured(str(tmp_path))) == ["kernel.iommu info"]
    for name, text in INTEL.items():
        path = tmp_path / "sys/bus/pci/devices/0000:00:02.0" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert len(titles(captured(str(tmp_path)))) == 2
    (tmp_path / "proc/sys/kernel/osrelease").write_text("4.19.0-27-amd64\n")
    assert titles(captured(str(tmp_path))) == ["kernel.iommu info"]
    (tmp_path / "proc/sys/kernel/osrelease").write_text(f"{RELEASE}\n")
    (tmp_path / "etc/os-release").write_text("ID=ubuntu\nID_LIKE=debian\n")
    assert titles(captured(str(tmp_path))) == ["kernel.iommu info"]


def test_firmware_off_is_written_with_a_warning(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="quiet"\n')
    (tmp_path / "sys/firmware/acpi/tables/DMAR").rename(tmp_path / "sys/firmware/acpi/tables/FACP")
    (tmp_path / "sys/bus/pci/devices").mkdir(parents=True)
    plan = iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False)
    assert [f"{each.id} {each.level}" for each in plan.findings] == ["firmware.iommu warn"]
    assert len(plan.changes) == 2


def test_amd_needs_no_argument(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="quiet"\n', intel=False)
    plan = iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False)
    assert plan.changes == [] and "No argument is needed" in plan.notes[0]
    (tmp_path / MAIN).write_text(f'{D}="quiet amd_iommu=off"\n')
    with pytest.raises(Refused) as caught:
        iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False)
    assert caught.value.problems[0].id == "iommu.turned-off"


def test_amd_with_pt_gets_no_intel_argument(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="quiet"\n', intel=False)
    host = captured(str(tmp_path))
    plan = iommu.enable(host, igfx_off=True, pt=True)
    assert executor.run(plan, host, Mode(yes=True)).exit_code == 0
    assert (tmp_path / MAIN).read_text() == f'{D}="quiet iommu=pt"\n'
    assert [each.title for each in plan.findings] == ["igfx_off is left out: it is an argument of Intel's IOMMU only"]


def test_the_table_decides_not_the_processor(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="quiet"\n')
    (tmp_path / "proc/cpuinfo").write_text("vendor_id\t: AuthenticAMD\nflags\t\t: svm\n")
    assert iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False).data["arguments"] == ["intel_iommu=on"]


def test_nothing_known_of_the_machine(tmp_path: pathlib.Path) -> None:
    (tmp_path / "etc/default").mkdir(parents=True)
    (tmp_path / MAIN).write_text(f'{D}="quiet"\n')
    plan = iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False)
    assert plan.data["arguments"] == ["intel_iommu=on"]
    assert [f"{each.id} {each.level}" for each in plan.findings] == ["kernel.cmdline info"]


def test_an_empty_tree_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Refused) as caught:
        iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False)
    assert caught.value.problems[0].id == "boot.loader-not-supported"
    assert iommu.status(captured(str(tmp_path)))["configured"] is None


def test_a_dry_run_changes_nothing(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="quiet"\n')
    before, host = snapshot(tmp_path), captured(str(tmp_path))
    report = executor.run(iommu.enable(host, igfx_off=False, pt=False), host, Mode(dry_run=True))
    assert f'-{D}="quiet"\n+{D}="quiet intel_iommu=on"\n' in report.changes[0].diff
    assert not difference(before, snapshot(tmp_path))


def test_configured_but_booted_without_it(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="intel_iommu=on"\n')
    (tmp_path / CFG).write_text(grub_cfg("intel_iommu=on"))
    plan = iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False)
    assert plan.changes == [] and plan.notes[0].startswith("Nothing to change") and "Reboot" in plan.notes[1]
    (tmp_path / "proc/cmdline").write_text("root=/dev/sda1 intel_iommu=on\n")
    assert len(iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False).notes) == 1


def test_a_stale_grub_cfg_of_a_captured_machine_is_seen(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="intel_iommu=on"\n')
    plan = iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False)
    assert [change.kind for change in plan.changes] == ["generated-file"]


@pytest.mark.parametrize(
    ("main", "generated", "booted", "expected", "todo"),
    [
        ("quiet", "quiet", "quiet", ([], [], []), []),
        (
            "intel_iommu=on",
            "quiet",
            "quiet",
            (["intel_iommu=on"], [], []),
            ["sudo update-grub", "sudo systemctl reboot"],
        ),
        (
            "intel_iommu=on",
            "intel_iommu=on",
            "q",
            (["intel_iommu=on"], ["intel_iommu=on"], []),
            ["sudo systemctl reboot"],
        ),
        ("intel_iommu=on a", "intel_iommu=on", "intel_iommu=on x", (["intel_iommu=on"],) * 3, []),
        ("quiet", "quiet", "iommu=pt intremap=off", ([], [], ["iommu=pt", "intremap=off"]), ["sudo systemctl reboot"]),
        ("a -- iommu=pt", "a -- iommu=pt", "a -- iommu=pt", ([], [], []), []),
    ],
)
def test_status_compares_the_stages(
    tmp_path: pathlib.Path,
    main: str,
    generated: str,
    booted: str,
    expected: tuple[list[str], list[str], list[str]],
    todo: list[str],
) -> None:
    write(tmp_path, f'{D}="{main}"\n')
    (tmp_path / CFG).write_text(grub_cfg(generated))
    (tmp_path / "proc/cmdline").write_text(f"BOOT_IMAGE=/vmlinuz ro {booted}\n")
    found = iommu.status(captured(str(tmp_path)))
    assert (found["configured"], found["generated"], found["booted"]) == expected
    assert found["next"][: len(todo)] == todo and bool(todo) == bool(found["next"])
    assert found["state"] == "off-in-kernel" and found["vendor"] == "intel"


def test_status_of_what_cannot_be_read(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="$(echo intel_iommu=on)"\n')
    (tmp_path / "run/vdesk").mkdir(parents=True)
    (tmp_path / "run/vdesk/machine.json").write_text('{"unreadable": ["boot/grub/grub.cfg", "proc/cmdline"]}')
    found = iommu.status(captured(str(tmp_path)))
    assert (found["configured"], found["generated"], found["booted"]) == (None, None, None)
    assert found["generated_reason"].startswith("/boot/grub/grub.cfg could not be read: ")
    assert found["booted_reason"].startswith("/proc/cmdline could not be read: ")
    assert "command substitution" in found["configured_reason"]
    assert found["disagreements"] == [] and found["next"] == []


def test_status_of_what_is_not_there(tmp_path: pathlib.Path) -> None:
    """Absent is told apart from unreadable by its reason; both are null."""
    write(tmp_path, f'{D}="quiet"\n')
    (tmp_path / CFG).unlink(missing_ok=True)
    found = iommu.status(captured(str(tmp_path)))
    assert (found["generated"], found["generated_reason"]) == (None, "/boot/grub/grub.cfg is not there")
    (tmp_path / CFG).write_text("menuentry 'nothing' {\n}\n")
    found = iommu.status(captured(str(tmp_path)))
    assert (found["generated"], found["generated_reason"]) == (None, "/boot/grub/grub.cfg has no kernel entry")
    (tmp_path / CFG).write_text(grub_cfg("quiet"))
    found = iommu.status(captured(str(tmp_path)))
    assert (found["generated"], found["generated_reason"]) == ([], "")


def test_the_entries_of_other_systems_do_not_count(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="quiet"\n')
    other = (
        "### BEGIN /etc/grub.d/05_other ###\n\tlinux /boot/vmlinuz intel_iommu=on\n### END /etc/grub.d/05_other ###\n"
    )
    (tmp_path / CFG).write_text(other + grub_cfg("quiet ; intel_iommu=on"))
    assert iommu.status(captured(str(tmp_path)))["generated"] == []


def test_disable_trusts_no_journal(tmp_path: pathlib.Path) -> None:
    """A captured tree's journal may say anything: only GRUB's own files are written from it."""
    write(tmp_path, f'{D}="quiet"\n')
    host = captured(str(tmp_path))
    assert executor.run(iommu.enable(host, igfx_off=False, pt=False), host, Mode(yes=True)).exit_code == 0
    entries: list[Entry] = Journal(host).entries()
    for path in ("etc/shadow", "etc/default/grub.d/../../shadow", 5):
        entries[0].steps[0].record["path"] = path
        with pytest.raises(Refused) as caught:
            iommu.disable(host, entries)
        assert caught.value.problems[0].id == "journal.damaged"


def test_disable_of_nothing(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="quiet intel_iommu=on"\n')
    plan = iommu.disable(captured(str(tmp_path)), [])
    assert plan.changes == [] and "Nothing to take out" in plan.notes[0]
