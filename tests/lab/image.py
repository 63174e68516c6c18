"""Make the lab's base image: Debian with libvirt on a GPT disk, booted by its own GRUB through BIOS.

    python3 -m tests.lab.image [trixie|bookworm] [--force]

The result is below $VDESK_LAB_CACHE (default ~/.cache/vdesk-lab), about 1 GB, and is never written again. Its name
holds a digest of its recipe: change the recipe and the next use makes it anew. Only this needs root (through sudo).
"""

from __future__ import annotations

import argparse
import functools
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tokenize
import uuid
from pathlib import Path

from . import debian, qemu
from .cache import cache, digest, only_lab
from .channel import Agent
from .errors import SEARCH, LabError, need

HERE = Path(__file__).parent
TOP = HERE.parents[1]
RECIPE = (
    "image.py", "debian.py", "guest_iso.py", "guest/grub-embedded.cfg", "guest/lab-agent.service", "guest/lab_agent.py",
)  # fmt: skip
TOOLS = ("mmdebstrap", "mke2fs", "sfdisk", "chroot", "grub-mkstandalone", "mformat", "xorriso", "qemu-img")
SUITES = ("trixie", "bookworm")
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


@functools.cache
def base_image(suite: str) -> Path:
    """Return where the image of a suite is or would be."""
    return cache() / suite / f"base-{digest([suite, *map(significant, RECIPE)])}.qcow2"


def significant(name: str) -> str:
    """Return what counts of a recipe's file: of a module, its words without comments and layout."""
    text = (HERE / name).read_text()
    if not name.endswith(".py"):
        return text
    words = tokenize.generate_tokens(io.StringIO(text).readline)
    return "".join(word.string for word in words if word.type != tokenize.COMMENT and word.string.strip())


def ensure(suite: str) -> Path:
    """Return the image, made first when there is none; the caller holds the lab (cache.only_lab)."""
    if suite not in SUITES:
        raise LabError(f"no recipe for {suite!r}; there are {', '.join(SUITES)}")
    if not base_image(suite).exists():
        if os.geteuid() == 0:
            build(suite)
        else:
            build_as_root(suite)
    return base_image(suite)


def build_as_root(suite: str) -> None:
    """Build through sudo, which asks on the terminal."""
    need("sudo")
    words = [sys.executable, "-m", "tests.lab.image", "--locked", suite]
    print("lab: the image is made as root, through sudo", file=sys.stderr, flush=True)
    done = subprocess.run(["sudo", f"VDESK_LAB_CACHE={cache()}", *words], cwd=TOP, check=False)
    if done.returncode:
        raise LabError(f"the image was not made; as root: {' '.join(words[:3])} {suite}")


def build(suite: str) -> None:
    """Make the image, and remove those of older recipes with the states saved on them."""
    need(*TOOLS, qemu.PROGRAM)
    target = base_image(suite)
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in (*target.parent.glob("base-*"), *target.parent.glob("state-*")):
        stale.unlink()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="build.", dir=target.parent) as name:
        root, raw, root_uuid = Path(name) / "root", Path(name) / "disk.raw", str(uuid.uuid4())
        debian.bootstrap(suite, root)
        say(begin, f"Debian {suite} is installed in a folder")
        debian.configure(root, root_uuid)
        make_disk(root, raw, root_uuid)
        say(begin, "the disk is made; first boot, to install GRUB")
        first_boot(root, raw, root_uuid)
        partial = target.with_suffix(".partial")
        qemu.image_tool("convert", "-O", "qcow2", raw, partial)
    partial.rename(target)
    give_to_user(target.parent)
    say(begin, f"{target}, {target.stat().st_size >> 20} MiB")


def say(begin: float, text: str) -> None:
    """Report progress."""
    print(f"lab: {time.monotonic() - begin:4.0f} s  {text}", file=sys.stderr, flush=True)


def make_disk(root: Path, raw: Path, root_uuid: str) -> None:
    """Write the folder to a partitioned raw disk, without mounting anything."""
    with raw.open("wb") as file:
        file.truncate(DISK_MIB << 20)
    sfdisk = shutil.which("sfdisk", path=SEARCH) or "sfdisk"
    subprocess.run([sfdisk, "--quiet", raw], input=LAYOUT, text=True, check=True, capture_output=True)
    size = DISK_MIB - ROOT_START_MIB - 1
    offset = f"offset={ROOT_START_MIB << 20}"
    debian.run("mke2fs", "-q", "-t", "ext4", "-U", root_uuid, "-d", root, "-E", offset, raw, f"{size}M")


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


def give_to_user(folder: Path) -> None:
    """Hand the image to the user whom sudo made root: everything but building it works without."""
    user, group = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if user and group:
        for path in (folder, *folder.iterdir()):
            os.chown(path, int(user), int(group))


def main() -> int:
    """Make the image if it is not there and print its path."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", nargs="?", default="trixie", choices=SUITES)
    parser.add_argument("--force", action="store_true", help="make it again although it is there")
    parser.add_argument("--locked", action="store_true", help=argparse.SUPPRESS)  # whoever called holds the lab
    args = parser.parse_args()
    try:
        if args.locked:
            build(args.suite)
            return 0
        with only_lab():
            if args.force:
                base_image(args.suite).unlink(missing_ok=True)
            print(ensure(args.suite))
    except LabError as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
