"""A folder with a Debian in it becomes a disk that boots by its own GRUB."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from . import qemu
from .channel import Agent
from .debian import run
from .errors import SEARCH, LabError

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
    """Boot the disk with the kernel given to QEMU, and do what needs a running system."""
    work = raw.parent
    kernel = sorted((root / "boot").glob("vmlinuz-*"))[-1]
    initrd = kernel.with_name(kernel.name.replace("vmlinuz", "initrd.img"))
    arguments = f"root=UUID={root_uuid} rw console=ttyS0"
    words = qemu.command("no-iommu", work, f"file={raw},format=raw", extra=[
        "-kernel", str(kernel), "-initrd", str(initrd), "-append", arguments])  # fmt: skip
    process = qemu.launch(words, work / "qemu.log")
    try:
        agent = Agent(work / "agent.sock", process)
        agent.wait_boot()
        for step in FIRST_BOOT:
            agent.run(step, timeout=600).check()
        agent.post("systemctl poweroff")
        process.wait(180)
    except (LabError, subprocess.TimeoutExpired) as problem:
        console = (work / "serial.log").read_text(errors="replace")[-3000:]
        raise LabError(f"the first boot failed: {problem}\n{(work / 'qemu.log').read_text()}\n{console}") from None
    finally:
        qemu.end(process)
