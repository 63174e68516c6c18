"""What a person is told to do where vdesk edits nothing: no line drops root=, none keeps what was of one boot."""

from __future__ import annotations

import pathlib

import pytest

from vdesk.boot import by_hand
from vdesk.boot.detect import LOADER_GUID, Loader
from vdesk.host.host import captured

VARS = "sys/firmware/efi/efivars"
BOOTED = "BOOT_IMAGE=/vmlinuz-linux initrd=\\initramfs-6.1.img root=UUID=1-2 rw quiet vdesk.off\n"
KEPT, LIMINE, REFIND = "etc/kernel/cmdline", "etc/default/limine", "boot/refind_linux.conf"
ON = "intel_iommu=on"
SEEDED = "root=UUID=1-2 rw quiet intel_iommu=on"


def told(root: pathlib.Path, name: str, files: dict[str, str], *, out: str = "", booted: str | None = BOOTED) -> str:
    """What is said for that loader on a machine with these files: to add, or to take `out`."""
    for path, text in (({"proc/cmdline": booted} if booted else {}) | files).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    host, used = captured(str(root)), Loader(name, "a test")
    return by_hand.remove(host, used, out) if out else by_hand.add(host, used, [ON])


@pytest.mark.parametrize(
    ("name", "then"),
    [
        ("systemd-boot", "sudo kernel-install add-all"),
        ("uki", "rebuild the image with: sudo kernel-install add-all, and sign it again"),
        ("proxmox-boot-tool", "sudo proxmox-boot-tool refresh"),
    ],
)
def test_a_new_file_gets_the_whole_line(tmp_path: pathlib.Path, name: str, then: str) -> None:
    """Who makes /etc/kernel/cmdline with the argument alone would boot without root=."""
    found = told(tmp_path, name, {})
    assert f"write this line into /{KEPT}, which has none: {SEEDED}; then" in found and then in found
    assert "BOOT_IMAGE" not in found and "initrd=" not in found and "vdesk.off" not in found


@pytest.mark.parametrize("name", ["systemd-boot", "uki", "proxmox-boot-tool"])
def test_a_file_that_is_there_is_the_seed(tmp_path: pathlib.Path, name: str) -> None:
    found = told(tmp_path, name, {KEPT: "# mine\nroot=LABEL=x\n  ro\n", "usr/lib/kernel/cmdline": "root=LABEL=y\n"})
    assert f"add {ON} to the line in /{KEPT}, so that it reads: root=LABEL=x ro {ON}; then" in found


def test_the_shipped_line_comes_before_the_running_kernels(tmp_path: pathlib.Path) -> None:
    found = told(tmp_path, "uki", {"usr/lib/kernel/cmdline": "root=LABEL=y\n"})
    assert f"which has none: root=LABEL=y {ON}; then" in found


@pytest.mark.parametrize(
    ("booted", "line"),
    [
        ('root=/dev/sda1 a="b c" -- single\n', f'root=/dev/sda1 a="b c" {ON} --'),
        (f"root=/dev/sda1 {ON}\n", f"root=/dev/sda1 {ON}"),
        ("root=/dev/sda1 intel_iommu=off single\n", f"root=/dev/sda1 intel_iommu=off {ON}"),
    ],
)
def test_the_line_as_the_kernel_reads_it(tmp_path: pathlib.Path, booted: str, line: str) -> None:
    assert f"which has none: {line}; then" in told(tmp_path, "systemd-boot", {}, booted=booted)


def test_nothing_to_seed_from(tmp_path: pathlib.Path) -> None:
    """An empty file, and no /proc/cmdline: it is said in words what the line needs."""
    assert "root= among them" in told(tmp_path, "uki", {KEPT: "\n"}, booted=None)


MKINITCPIO = {"usr/bin/mkinitcpio": ""}


@pytest.mark.parametrize(
    ("files", "put", "then"),
    [
        (MKINITCPIO, f"which has none: {SEEDED}", "mkinitcpio -P"),
        (MKINITCPIO | {"etc/cmdline.d/README": ""}, f"which has none: {SEEDED}", "mkinitcpio -P"),
        (MKINITCPIO | {"etc/cmdline.d/root.conf": "root=x"}, "a file of its own, /etc/cmdline.d/zz-", "mkinitcpio -P"),
        ({"etc/cmdline.d/root.conf": "root=x"}, f"which has none: {SEEDED}", "kernel-install add-all"),
        (
            {"etc/dracut.conf.d/a.conf": "uefi=yes\n", "etc/dracut.conf.d/b.conf": 'kernel_cmdline="root=x"\n'},
            f"add {ON} to kernel_cmdline in /etc/dracut.conf.d/b.conf",
            "dracut --regenerate-all --force",
        ),
        ({"etc/dracut.conf": 'kernel_cmdline="x"\n'}, f"which has none: {SEEDED}", "kernel-install add-all"),
    ],
)
def test_an_image_is_made_from_what_its_tool_reads(
    tmp_path: pathlib.Path, files: dict[str, str], put: str, then: str
) -> None:
    found = told(tmp_path, "uki", files)
    assert put in found and f"rebuild the image with: sudo {then}, and sign it again" in found


@pytest.mark.parametrize(
    ("name", "files", "text"),
    [
        ("limine", {}, f"add {ON} to the cmdline of the entry in limine.conf"),
        ("limine", {LIMINE: "ESP_PATH=/boot\n"}, f'add this line to /{LIMINE}: KERNEL_CMDLINE[default]="{SEEDED}"'),
        (
            "limine",
            {LIMINE: 'KERNEL_CMDLINE[default]="root=x"\n'},
            f'add the line KERNEL_CMDLINE[default]+=" {ON}" at the end of /{LIMINE}; then run: sudo limine-update',
        ),
        ("refind", {}, f'write this line into /{REFIND}, which is not there: "Boot with standard options" "{SEEDED}"'),
        ("refind", {REFIND: '"a" "root=x"\n'}, f"add {ON} to the first line of /{REFIND}, inside its second pair"),
        ("grub-mkconfig", {"usr/sbin/grub2-mkconfig": ""}, "run: sudo grub2-mkconfig -o /boot/grub2/grub.cfg"),
        ("grub-mkconfig", {}, "run: sudo grub-mkconfig -o /boot/grub/grub.cfg"),
    ],
)
def test_other_files_get_no_lone_argument(tmp_path: pathlib.Path, name: str, files: dict[str, str], text: str) -> None:
    assert text in told(tmp_path, name, files)


@pytest.mark.parametrize(
    ("loader_info", "said", "not_said"),
    [
        ("GRUB 2.12", "/etc/default/grub", KEPT),
        ("systemd-boot 257", f"which has none: {SEEDED}", "/etc/default/grub"),
        ("", "sudo proxmox-boot-tool status", "nothing else"),
    ],
)
def test_proxmox_has_two_loaders(tmp_path: pathlib.Path, loader_info: str, said: str, not_said: str) -> None:
    path = tmp_path / VARS / f"LoaderInfo-{LOADER_GUID}"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\6\0\0\0" + loader_info.encode("utf-16-le"))
    found = told(tmp_path, "proxmox-boot-tool", {})
    assert said in found and not_said not in found
