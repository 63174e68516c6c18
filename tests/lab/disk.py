"""A folder with a Debian in it becomes a disk that boots by its own GRUB."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from . import qemu
from .channel import Agent
from .debian import run
from .errors import INT3, SEARCH, EmulatorBroke, LabError

DISK_MIB, ROOT_START_MIB = 10240, 2
LAYOUT = f"label: gpt\nstart=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649\nstart={ROOT_START_MIB}MiB\n"
# GRUB wants the disk as a disk, so it is installed inside. libvirt asks QEMU once what it can do.
FIRST_BOOT = (
    "grub-install /dev/vda",
    "update-grub",
    "systemctl is-system-running --wait",
    "virsh -c qemu:///system domcapabilities >/dev/null",
    "rm -rf /var/log/journal/* && sync",
)


def make_disk(root: Path, raw: Path, root_uuid: str) -> None:
    """Write the folder to a partitioned raw disk, without mounting anything."""
    with raw.open("wb") as file:
        file.truncate(DISK_MIB << 20)
    sfdisk = shutil.which("sfdisk", path=SEARCH) or "sfdisk"
    subprocess.run([sfdisk, "--quiet", raw], input=LAYOUT, text=True, check=True, capture_output=True)
    size = DISK_MIB - ROOT_START_MIB - 1
    offset = f"offset={ROOT_START_MIB << 20}"
    run("mke2fs", "-q", "-t", "ext4", "-U", root_uuid, "-d", root, "-E", offset, raw, f"{size}M")


def first_boot(root: Path, raw: Path, root_uuid: str) -> None:
    """Boot the disk with the kernel given to QEMU, and do what needs a running system; EmulatorBroke where the boot
    says nothing of the disk."""
    work = raw.parent
    kernel = sorted((root / "boot").glob("vmlinuz-*"))[-1]
    initrd = kernel.with_name(kernel.name.replace("vmlinuz", "initrd.img"))
    arguments = f"root=UUID={root_uuid} rw console=ttyS0"
    words = qemu.command("no-iommu", work, f"file={raw},format=raw", extra=[
        "-kernel", str(kernel), "-initrd", str(initrd), "-append", arguments])  # fmt: skip
    console = work / "serial.log"
    console.unlink(missing_ok=True)  # QEMU appends to it, and an earlier boot may have failed
    process = qemu.launch(words, work / "qemu.log")
    try:
        agent = Agent(work / "agent.sock", process)
        agent.wait_boot(broke=lambda: INT3 in said(console))
        for step in FIRST_BOOT:
            agent.run(step, timeout=600).check()
        agent.post("systemctl poweroff")
        process.wait(180)
    except EmulatorBroke:
        raise
    except (LabError, subprocess.TimeoutExpired) as problem:
        log = f"{said(work / 'qemu.log')}\n{said(console)[-3000:]}"
        raise LabError(f"the first boot failed: {problem}\n{log}") from None
    finally:
        qemu.end(process)


def said(log: Path) -> str:
    """What a log of QEMU's holds; nothing where there is none yet."""
    return log.read_text(errors="replace") if log.exists() else ""
