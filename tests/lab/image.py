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
import subprocess
import sys
import tempfile
import time
import tokenize
import uuid
from collections.abc import Callable
from pathlib import Path

from . import debian, disk, qemu
from .cache import cache, digest, only_lab
from .errors import EmulatorBroke, LabError, need

HERE = Path(__file__).parent
TOP = HERE.parents[1]
RECIPE = (
    "debian.py", "disk.py", "guest_iso.py", "guest/grub-embedded.cfg", "guest/lab-agent.service", "guest/lab_agent.py",
)  # fmt: skip
TOOLS = ("mmdebstrap", "mke2fs", "sfdisk", "chroot", "grub-mkstandalone", "mformat", "xorriso", "qemu-img")
SUITES = ("trixie", "bookworm")
BOOTS = 4


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
    # -B: no caches of root's in the user's checkout.
    words = ["env", f"VDESK_LAB_CACHE={cache()}", sys.executable, "-B", "-m", "tests.lab.image", "--locked", suite]
    print("lab: the image is made as root, through sudo", file=sys.stderr, flush=True)
    done = subprocess.run(["sudo", *words], cwd=TOP, check=False)
    if done.returncode:
        raise LabError(f"the image was not made; as root: {' '.join(words)}")


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

        def attempt() -> None:
            disk.make_disk(root, raw, root_uuid)
            say(begin, "the disk is made; first boot, to install GRUB")
            disk.first_boot(root, raw, root_uuid)

        until_booted(attempt, begin)
        partial = target.with_suffix(".partial")
        qemu.image_tool("convert", "-O", "qcow2", raw, partial)
    partial.rename(target)
    give_to_user(target.parent)
    say(begin, f"{target}, {target.stat().st_size >> 20} MiB")


def until_booted(attempt: Callable[[], None], begin: float) -> None:
    """Attempt again while the emulation breaks, BOOTS times at most."""
    for left in reversed(range(BOOTS)):
        try:
            return attempt()
        except EmulatorBroke as problem:
            say(begin, str(problem))
            if not left:
                raise


def say(begin: float, text: str) -> None:
    """Report progress."""
    print(f"lab: {time.monotonic() - begin:4.0f} s  {text}", file=sys.stderr, flush=True)


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
