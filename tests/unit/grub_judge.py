"""sh itself as the judge of GRUB's configuration: it sources the files as grub-mkconfig does."""

from __future__ import annotations

import hashlib
import json
import pathlib
import subprocess
from typing import NamedTuple

MAIN, FOLDER = "etc/default/grub", "etc/default/grub.d"
CFG, ENTRY = "boot/grub/grub.cfg", "var/lib/vdesk/journal/000001.jsonl"
# The copy of grub-mkconfig (2.06): `set -e`, the main file, then the folder's files in glob order.
SCRIPT = """set -e
if test -f "$1/etc/default/grub"; then . "$1/etc/default/grub" >/dev/null; fi
for x in "$1"/etc/default/grub.d/*.cfg; do if [ -e "$x" ]; then . "$x" >/dev/null; fi; done
printf '%s\\0%s\\0' "$GRUB_CMDLINE_LINUX" "$GRUB_CMDLINE_LINUX_DEFAULT"
unset x; set
"""


class Judged(NamedTuple):
    """What sh has afterwards: both variables, and all its other variables as `set` lists them."""

    linux: str
    default: str
    others: str


def judge(root: pathlib.Path) -> Judged | None:
    """What sh makes of the files below root; None where it fails."""
    ended = subprocess.run(
        ["/bin/sh", "-c", SCRIPT, "sh", str(root)],
        capture_output=True, stdin=subprocess.DEVNULL, timeout=20, check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"},
    )  # fmt: skip
    if ended.returncode:
        return None
    linux, default, rest = ended.stdout.decode("utf-8", "surrogateescape").split("\0", 2)
    return Judged(linux, default, _without_ours(rest))


def _without_ours(text: str) -> str:
    """The variables but those judged apart; a value over several lines stays with its name."""
    kept, keep = [], True
    for line in text.split("\n"):
        name = line.partition("=")[0]
        if name.isidentifier() and "=" in line:
            keep = name not in ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT", "_", "PPID")
        if keep:
            kept.append(line)
    return "\n".join(kept)


def write(
    root: pathlib.Path, main: str | bytes | None, extra: dict[str, str] | None = None, *, intel: bool = True
) -> None:
    """A small captured machine with these files, Intel's or AMD's IOMMU in its firmware, and a grub.cfg without it."""
    (root / FOLDER).mkdir(parents=True)
    if main is not None:
        (root / MAIN).write_bytes(main if isinstance(main, bytes) else main.encode("utf-8", "surrogateescape"))
    for name, text in (extra or {}).items():
        (root / FOLDER / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    (root / "sys/firmware/acpi/tables").mkdir(parents=True)
    (root / "sys/firmware/acpi/tables" / ("DMAR" if intel else "IVRS")).write_bytes(b"")
    (root / "proc").mkdir()
    vendor, flag = ("GenuineIntel", "vmx") if intel else ("AuthenticAMD", "svm")
    (root / "proc/cpuinfo").write_text(f"vendor_id\t: {vendor}\nflags\t\t: fpu {flag}\n\n")
    (root / "proc/cmdline").write_text("BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet splash\n")
    (root / "boot/grub").mkdir(parents=True)
    (root / "boot/grub/grub.cfg").write_text(grub_cfg("quiet splash"))


def grub_cfg(arguments: str) -> str:
    """grub.cfg as 10_linux writes it: an ordinary entry and a recovery one."""
    return (
        "### BEGIN /etc/grub.d/10_linux ###\n"
        "menuentry 'Debian GNU/Linux' {\n"
        f"\tlinux\t/boot/vmlinuz-6.1.0 root=UUID=1-2 ro  {arguments}\n\tinitrd\t/boot/initrd.img-6.1.0\n}}\n"
        "menuentry 'Debian GNU/Linux (recovery mode)' {\n"
        "\tlinux\t/boot/vmlinuz-6.1.0 root=UUID=1-2 ro single \n}\n"
        "### END /etc/grub.d/10_linux ###\n"
    )


def generated(root: pathlib.Path, arguments: str) -> None:
    """What a captured machine leaves out of `iommu enable`: grub.cfg made anew, and written down in the first entry."""
    (root / CFG).write_text(grub_cfg(arguments))
    after = hashlib.sha256((root / CFG).read_bytes()).hexdigest()
    lines = [json.loads(line) for line in (root / ENTRY).read_text().splitlines()]
    step = next(line["seq"] for line in lines if line.get("kind") == "generated-file")
    lines = [line for line in lines if line.get("state") != "skipped"]
    more = {"after": after, "mtime": (root / CFG).stat().st_mtime_ns}
    lines.insert(-1, {"seq": step, "state": "done", "more": more})
    (root / ENTRY).write_text("".join(json.dumps(line) + "\n" for line in lines))
