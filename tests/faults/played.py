"""A machine that is played: a captured tree whose kernel is the model's and whose programs really run, as fakes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.machines.builder import lay_out, machine, tree_of
from tests.machines.parts import Machine
from tests.trees import Snapshot
from vdesk.cli import run
from vdesk.cli.options import Settings
from vdesk.host import Host
from vdesk.host.kernel_model import KernelModel
from vdesk.host.runner import Completed, LocalRunner, RecordedRunner

ISO = "/var/lib/libvirt/images/setup.iso"
NVIDIA_MODULES = ("nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia")
# `{root}` is the machine's folder: what a program is told about /boot, it does below it.
FAKES = {
    "update-grub": """
[ "$1" = -o ] || exit 2
. {root}/etc/default/grub
for file in {root}/etc/default/grub.d/*.cfg; do [ -e "$file" ] && . "$file"; done
printf 'menuentry Debian {{\\n\\tlinux /vmlinuz root=/dev/sda1 %s %s\\n}}\\n' \\
    "$GRUB_CMDLINE_LINUX" "$GRUB_CMDLINE_LINUX_DEFAULT" > "{root}$2"
""",
    "grub-script-check": '[ -s "{root}$1" ]',
    "systemctl": """
case $1 in
is-active) case $2 in libvirtd.service|nvidia-persistenced.service) echo active; exit 0;; esac; echo inactive; exit 3;;
esac
""",
    "fallocate": '[ "$1" = -l ] && exec truncate -s "$2" "{root}$3"',
    "qemu-img": "exit 0",
    "modprobe": """
cd {root} || exit 1
option=$1; shift
case $option in
vfio-pci) mkdir -p sys/bus/pci/drivers/vfio-pci;;
-r) for device in sys/bus/pci/drivers/nvidia/0000:*; do
        [ -L "$device" ] && rm "$(readlink -f "$device")/driver" "$device"
    done
    for module; do rm -rf "sys/module/$module"; done;;
-a) for module; do mkdir -p "sys/module/$module"; echo 0 > "sys/module/$module/refcnt"; done
    real=$(readlink -f sys/bus/pci/devices/0000:01:00.0)
    [ -e "$real/driver" ] || [ "$(cat "$real/driver_override")" != "(null)" ] && exit 0
    ln -s ../../../../bus/pci/drivers/nvidia "$real/driver"
    ln -s ../../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0 sys/bus/pci/drivers/nvidia/0000:01:00.0;;
esac
""",
}


class LikeAKernel(KernelModel):
    """The model for a machine that is live: an override that was taken away reads `(null)`."""

    def restore(self, path: str, before: str | None) -> None:
        """As the kernel does, also for the empty text."""
        super().restore(path, "(null)\n" if before == "\n" else before)


class Programs:
    """Commands that change something run as fakes; what only asks is answered as it was recorded, else by a fake."""

    live = True

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder, self.fakes = folder, LocalRunner([str(folder), "/usr/bin", "/bin"])
        recorded = {
            tuple(each["argv"]): Completed(tuple(each["argv"]), each["exit_code"], each["stdout"], each["stderr"])
            for each in json.loads((root / "run/vdesk/commands.json").read_text())
            if each["argv"][0] != "systemctl"
        }
        self.recorded = RecordedRunner(lambda: recorded, lambda path: (root / path).exists())
        self.names = {argv[0] for argv in recorded}

    def which(self, program: str) -> str | None:
        """A fake's path, or where the machine has the program."""
        fake = self.folder / program
        return str(fake) if fake.is_file() else self.recorded.which(program)

    def run(
        self, argv: Sequence[str], *, timeout: float, changes: bool, on_line: Callable[[str], None] | None
    ) -> Completed:
        """Run the fake; what was recorded answers for itself."""
        if not changes and argv[0] in self.names and not (self.folder / argv[0]).exists():
            return self.recorded.run(argv, timeout=timeout, changes=changes, on_line=on_line)
        return self.fakes.run(argv, timeout=timeout, changes=changes, on_line=on_line)


class Ended(NamedTuple):
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The ids of the errors of a document."""
        return [each["id"] for each in json.loads(self.out)["errors"]]


class Played:
    """The machine: its root, and vdesk's command lines on it, in this process."""

    def __init__(self, folder: Path, base: str | Machine = "debian") -> None:
        self.seen: dict[tuple[str, int, int, int], tuple[str, bytes]] = {}
        self.root, self.programs = folder / "root", folder / "bin"
        self.programs.mkdir(parents=True, mode=0o755)
        lay_out(tree_of(machine(base) if isinstance(base, str) else base), self.root)
        for name, text in FAKES.items():
            self.fake(name, text)
        generated = LocalRunner([str(self.programs), "/usr/bin", "/bin"])
        generated.run(["update-grub", "-o", "/boot/grub/grub.cfg"], timeout=10, changes=True, on_line=None)
        (self.root / ISO.lstrip("/")).write_bytes(b"\0" * 32768 + b"\1CD001".ljust(2048, b"\0") * 2)

    def fake(self, name: str, text: str) -> None:
        """Put a program there, or another in its place."""
        file = self.programs / name
        own = text.replace("ROOT", str(self.root)) if "ROOT" in text else text.format(root=self.root)
        file.write_text(f"#!/bin/sh\n{own}\n")
        file.chmod(0o755)

    def host(self) -> Host:
        """The machine as a new process of vdesk sees it."""
        host = Host(str(self.root), Programs(self.root, self.programs))
        host._kernel = LikeAKernel(host.tree)
        return host

    def vdesk(self, *argv: str) -> Ended:
        """Run a command line as a new process would; a traceback is a failure of the test."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(list(argv), self.settings(*argv))
        ended = Ended(code, out.getvalue(), err.getvalue())
        assert not re.search(r"Traceback|vdesk itself failed", ended.out + ended.err), ended
        return ended

    def settings(self, *argv: str) -> Settings:
        """The settings of a command line on this machine."""
        settings = Settings(list(argv))
        settings._host = self.host()
        return settings

    def tree(self) -> Snapshot:
        """All that is below the root, as tests.trees has it; what the kernel says is untouched is not read again."""
        found: Snapshot = {}
        self._walk(str(self.root), "", found)
        return found

    def _walk(self, folder: str, above: str, found: Snapshot) -> None:
        for each in os.scandir(folder):
            path, info = above + each.name, each.stat(follow_symlinks=False)
            key = (path, info.st_ino, info.st_ctime_ns, info.st_size)
            if key not in self.seen:
                self.seen[key] = _content(each)
            kind, data = self.seen[key]
            found[path] = (kind, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, data)
            if kind == "folder":
                self._walk(each.path, f"{path}/", found)

    def forget(self) -> None:
        """Take vdesk's own folder away, so that the next try begins without a history."""
        import shutil

        shutil.rmtree(self.root / "var/lib/vdesk", ignore_errors=True)


def _content(entry: os.DirEntry[str]) -> tuple[str, bytes]:
    if entry.is_symlink():
        return "link", os.readlink(entry.path).encode()
    if entry.is_dir():
        return "folder", b""
    return ("file", Path(entry.path).read_bytes()) if entry.is_file() else ("other", b"")


def in_child(action: Callable[[], object]) -> int:
    """Run it in a process of its own; the exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            with (
                open(os.devnull, "w") as nothing,
                contextlib.redirect_stdout(nothing),
                contextlib.redirect_stderr(nothing),
            ):
                found = action()
            code = found if isinstance(found, int) else 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
