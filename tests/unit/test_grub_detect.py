"""Which boot loader is in use, and that vdesk touches none but GRUB as Debian has it."""

from __future__ import annotations

import pathlib

import pytest

from tests.trees import difference, snapshot
from tests.unit.grub_judge import write
from vdesk.boot.detect import LOADER_GUID, Loader, loader
from vdesk.host.host import captured
from vdesk.model.errors import Refused
from vdesk.plans import iommu

VARS = "sys/firmware/efi/efivars"
DEFAULTS = 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'


def info(text: str, name: str = "LoaderInfo") -> dict[str, bytes]:
    """An EFI variable of the boot loader interface, as efivarfs shows it."""
    return {f"{VARS}/{name}-{LOADER_GUID}": b"\6\0\0\0" + text.encode("utf-16-le") + b"\0\0"}


def machine(root: pathlib.Path, files: dict[str, bytes]) -> Loader:
    """The loader of a Debian-like machine with these files more."""
    write(root, DEFAULTS)
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return loader(captured(str(root)))


GRUB: list[dict[str, bytes]] = [
    {},
    {"usr/sbin/update-grub": b"", "etc/os-release": b"ID=debian\n"},
    {"etc/os-release": b"ID=linuxmint\nID_LIKE='ubuntu debian'\n", "usr/bin/grub-mkconfig": b""},
    info("GRUB 2.12"),
    # systemd-boot's files lie around, but the firmware's variables are there and none of them names it.
    {"boot/efi/loader/loader.conf": b"", f"{VARS}/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c": b"\0"},
]


@pytest.mark.parametrize("files", GRUB)
def test_grub_as_debian_has_it(tmp_path: pathlib.Path, files: dict[str, bytes]) -> None:
    found = machine(tmp_path, files)
    assert (found.name, found.supported, found.doubt) == ("grub", True, "")
    assert iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False).changes


OTHERS: list[tuple[str, dict[str, bytes], str]] = [
    ("ostree", {"run/ostree-booted": b""}, "sudo rpm-ostree kargs --append-if-missing=intel_iommu=on"),
    ("nixos", {"etc/NIXOS": b""}, 'boot.kernelParams = [ "intel_iommu=on" ]'),
    ("proxmox-boot-tool", {"etc/kernel/proxmox-boot-uuids": b"A\n"}, "proxmox-boot-tool refresh"),
    ("proxmox", {"usr/bin/pveversion": b"", "usr/sbin/update-grub": b""}, "then run: sudo update-grub"),
    ("proxmox", info("GRUB 2.12") | {"usr/bin/pveversion": b""}, "GRUB_CMDLINE_LINUX_DEFAULT in /etc/default/grub"),
    ("kernelstub", {"usr/bin/kernelstub": b"", "etc/kernelstub/configuration": b"{}"}, "kernelstub -a 'intel_iommu=on"),
    ("systemd-boot", info("systemd-boot 257.9-1"), "kernel-install add-all"),
    ("limine", info("Limine 9.6.7") | {"usr/bin/limine-update": b""}, "limine-update"),
    ("refind", info("rEFInd 0.14.2"), "refind_linux.conf"),
    ("uki", info("systemd-stub 257", "StubInfo"), "sign it again"),
    ("pbl", {"etc/os-release": b"ID=opensuse-tumbleweed\nID_LIKE='opensuse suse'\n"}, "update-bootloader --add-option"),
    ("pbl", info("systemd-boot 257") | {"etc/sysconfig/bootloader": b""}, "update-bootloader --add-option"),
    ("grubby", {"etc/os-release": b"ID=fedora\n"}, 'grubby --update-kernel=ALL --args="intel_iommu=on"'),
    ("grub-mkconfig", {"etc/os-release": b"ID=arch\n", "usr/bin/grub-mkconfig": b""}, "-o /boot/grub/grub.cfg"),
    ("grub-mkconfig", {"etc/os-release": b"ID=void\n", "usr/bin/grub-mkconfig": b""}, "grub-mkconfig -o"),
]


@pytest.mark.parametrize(("name", "files", "remedy"), OTHERS)
def test_others_are_refused_with_their_own_command(
    tmp_path: pathlib.Path, name: str, files: dict[str, bytes], remedy: str
) -> None:
    found = machine(tmp_path, files)
    assert (found.name, found.supported) == (name, False)
    before = snapshot(tmp_path)
    with pytest.raises(Refused) as caught:
        iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False)
    assert caught.value.problems[0].id == "boot.loader-not-supported"
    assert remedy in caught.value.problems[0].remedy
    assert "is kept by" in caught.value.problems[0].what and found.evidence in caught.value.problems[0].cause
    assert not difference(before, snapshot(tmp_path))


@pytest.mark.parametrize("path", ["boot/efi/loader/loader.conf", "boot/limine.conf", "boot/refind_linux.conf"])
def test_two_loaders_are_in_doubt(tmp_path: pathlib.Path, path: str) -> None:
    assert machine(tmp_path, {path: b""}).doubt
    with pytest.raises(Refused) as caught:
        iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False)
    assert caught.value.problems[0].id == "boot.loader-in-doubt"
    assert f"/{path}" in caught.value.problems[0].what


def test_no_loader_at_all(tmp_path: pathlib.Path) -> None:
    found = loader(captured(str(tmp_path)))
    assert (found.name, found.supported) == ("unknown", False)
    with pytest.raises(Refused) as caught:
        iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False)
    assert "no boot loader was recognised" in caught.value.problems[0].what
    assert caught.value.problems[0].cause.startswith("no boot loader's files were found; ")


def test_hostile_variable(tmp_path: pathlib.Path) -> None:
    assert machine(tmp_path, info("systemd-boot \x1b[31m\n" + "x" * 500)).evidence.isprintable()
