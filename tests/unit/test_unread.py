"""Started past the grub.cfg that vdesk generated: said where it is certain, by every command, and never otherwise."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable

import pytest

from tests.unit.grub_judge import CFG, ENTRY, MAIN, generated, grub_cfg, write
from vdesk.boot.detect import LOADER_GUID
from vdesk.boot.unread import unread
from vdesk.changes import executor
from vdesk.changes.choices import Choices
from vdesk.changes.executor import Mode
from vdesk.checks import check
from vdesk.host.host import captured
from vdesk.model.report import Report
from vdesk.plans import iommu
from vdesk.plans.setup_steps import Scene, argument

D = "GRUB_CMDLINE_LINUX_DEFAULT"
BOOT = "proc/sys/kernel/random/boot_id"
ON = "intel_iommu=on"


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a machine whose argument vdesk configured and generated during the boot before, and which lacks it."""
    write(tmp_path, f'{D}="quiet splash"\n')
    (tmp_path / BOOT).parent.mkdir(parents=True)
    (tmp_path / BOOT).write_text("first\n")
    (tmp_path / "sys/class/iommu").mkdir(parents=True)
    (tmp_path / "sys/kernel/iommu_groups").mkdir(parents=True)
    host = captured(str(tmp_path))
    assert executor.run(iommu.enable(host, igfx_off=False, pt=False), host, Mode(yes=True)).exit_code == 0
    generated(tmp_path, f"quiet splash $vt_handoff {ON}")
    (tmp_path / BOOT).write_text("second\n")
    return tmp_path


def judge(root: pathlib.Path) -> Report:
    """What `vdesk check` says."""
    return check(captured(str(root)))


def test_status_and_enable_send_nobody_into_another_reboot(root: pathlib.Path) -> None:
    status = iommu.status(captured(str(root)))
    assert status["disagreements"] == [["generated", "booted"]]
    assert status["next"] == ["sudo vdesk iommu disable"]
    assert "another boot loader" in status["unread"]["cause"]
    assert status["unread"]["evidence"] == "/proc/cmdline has BOOT_IMAGE=/vmlinuz, as a GRUB gives it"
    plan = iommu.enable(captured(str(root)), igfx_off=False, pt=False)
    assert plan.changes == [] and not any("Reboot" in note for note in plan.notes)
    assert [(each.id, each.level) for each in plan.findings] == [("kernel.iommu", "warn")]
    assert "sudo vdesk iommu disable" in plan.findings[0].remedy


def test_check_and_setup_say_it(root: pathlib.Path) -> None:
    found = next(each for each in judge(root).findings if each.id == "kernel.iommu")
    assert found.remedy.endswith(f"add {ON} there, and take it back here with: sudo vdesk iommu disable")
    assert f"/{CFG} has {ON} since an earlier boot" in found.cause
    host = captured(str(root))
    scene = Scene(host, Choices(), lambda _: [], lambda each: check(each).findings)
    step = argument(scene)
    assert step.state == "todo" and not scene.reboot and "vdesk iommu disable" in step.command


def test_the_loader_that_named_itself_is_the_evidence(root: pathlib.Path) -> None:
    path = root / f"sys/firmware/efi/efivars/LoaderInfo-{LOADER_GUID}"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\6\0\0\0" + "GRUB 2.06".encode("utf-16-le"))
    found = unread(captured(str(root)))
    assert found and found.evidence == "EFI variable LoaderInfo: GRUB 2.06" and "bootctl status" in found.remedy


def test_a_line_without_boot_image_is_no_grubs(root: pathlib.Path) -> None:
    (root / "proc/cmdline").write_text("initrd=\\x.img root=/dev/sda1 ro quiet splash\n")
    found = unread(captured(str(root)))
    assert found and found.evidence == "/proc/cmdline has no BOOT_IMAGE=, which every GRUB gives"


def test_undo_ends_it(root: pathlib.Path) -> None:
    host = captured(str(root))
    from vdesk.changes.undoing import entries

    assert executor.run(iommu.disable(host, entries(host)), host, Mode(yes=True)).exit_code == 0
    assert (root / MAIN).read_text() == f'{D}="quiet splash"\n'
    assert unread(captured(str(root))) is None


def same_boot(root: pathlib.Path) -> None:
    """Not rebooted since."""
    (root / BOOT).write_text("first\n")


def no_boot_id(root: pathlib.Path) -> None:
    """A machine that does not say which boot this is."""
    (root / BOOT).unlink()


def generated_again(root: pathlib.Path) -> None:
    """A new kernel, or a person who took the argument out and put it in again: the same bytes at another time."""
    stat = (root / CFG).stat()
    os.utime(root / CFG, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))


def other_bytes(root: pathlib.Path) -> None:
    """Edited, with its time kept."""
    stat = (root / CFG).stat()
    (root / CFG).write_text(grub_cfg(f"quiet {ON}"))
    os.utime(root / CFG, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def rescue(root: pathlib.Path) -> None:
    """The recovery entry lacks the argument on purpose."""
    (root / "proc/cmdline").write_text("BOOT_IMAGE=/vmlinuz root=UUID=1-2 ro single\n")


def rescue_by_hand(root: pathlib.Path) -> None:
    """Typed in the menu."""
    (root / "proc/cmdline").write_text("BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro systemd.unit=rescue.target\n")


def old_entry(root: pathlib.Path) -> None:
    """A person's own entry without it."""
    (root / "boot/grub/custom.cfg").write_text("menuentry 'x' {\n\tlinux\t/vmlinuz root=/dev/sda1 ro\n}\n")


def switched(root: pathlib.Path) -> None:
    """A person gave another value in the menu."""
    (root / "proc/cmdline").write_text("BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet splash intel_iommu=off\n")


def hidden(root: pathlib.Path) -> None:
    """Only root may look into the journal."""
    (root / "run/vdesk").mkdir(parents=True)
    (root / "run/vdesk/machine.json").write_text('{"unreadable": ["var/lib/vdesk/journal"]}')


def older(root: pathlib.Path) -> None:
    """An entry of a vdesk that noted no time."""
    (root / ENTRY).write_text((root / ENTRY).read_text().replace('"mtime"', '"other"'))


def torn(root: pathlib.Path) -> None:
    """A journal that says nonsense where the words stood."""
    (root / ENTRY).write_text((root / ENTRY).read_text().replace('"edits"', '"e"'))


DOUBTS = [
    same_boot, no_boot_id, generated_again, other_bytes, rescue, rescue_by_hand, old_entry, switched, hidden, older,
    torn,
]  # fmt: skip


@pytest.mark.parametrize("doubt", DOUBTS)
def test_it_is_not_said_in_doubt(root: pathlib.Path, doubt: Callable[[pathlib.Path], None]) -> None:
    doubt(root)
    assert unread(captured(str(root))) is None
    status = iommu.status(captured(str(root)))
    assert status["unread"] is None and status["next"][:1] == ["sudo systemctl reboot"]


def test_another_loaders_grub_cfg_is_nobodys(root: pathlib.Path) -> None:
    """What lies there beside systemd-boot is neither generated nor a reason to reboot."""
    path = root / f"sys/firmware/efi/efivars/LoaderInfo-{LOADER_GUID}"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\6\0\0\0" + "systemd-boot 257".encode("utf-16-le"))
    status = iommu.status(captured(str(root)))
    assert status["generated"] is None and status["next"] == [] and status["disagreements"] == []


def test_the_executor_notes_the_time(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="quiet"\n')
    host = captured(str(tmp_path))
    change = iommu.enable(host, igfx_off=False, pt=False).changes[1]
    assert change.done(host)["mtime"] == (tmp_path / CFG).stat().st_mtime_ns
