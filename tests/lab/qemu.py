"""QEMU as the lab runs it: its command line, its process, its version. Software emulation only: no KVM is needed.

Written for QEMU 7.2 (Debian 12), 8.2 (Ubuntu 24.04) and 10.0 (Debian 13) alike.
"""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import LabError, need
from .topologies import TOPOLOGIES

PROGRAM = "qemu-system-x86_64"
MEMORY_MIB = 2560
# la57: with five levels of page tables QEMU 7.2 does not get systemd up. erms, fsrm: they make a kernel copy byte by
# byte, which costs an emulated one a fifth of its boot.
CPU = "max,-la57,-erms,-fsrm"
SNAPSHOT = "lab"


@functools.cache
def version() -> str:
    """Return the first line of QEMU's --version."""
    need(PROGRAM, "qemu-img", "setpriv")
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


def command(topology: str, work: Path, drive: str, memory: int = MEMORY_MIB, extra: Sequence[str] = ()) -> list[str]:
    """Return the words that run a machine whose sockets and logs lie in `work` and whose disk is `drive`."""
    if topology not in TOPOLOGIES:
        raise LabError(f"no topology {topology!r}; there are {', '.join(sorted(TOPOLOGIES))}")
    kind = TOPOLOGIES[topology]
    return [
        PROGRAM, "-machine", kind.machine, "-accel", "tcg,thread=multi,tb-size=1024", "-cpu", CPU,
        "-smp", str(kind.processors), "-m", str(memory),
        "-nodefaults", "-display", "none", "-rtc", "base=utc,clock=host",
        *(("-device", kind.iommu) if kind.iommu else ()), *kind.boot_vga,
        # A flush of the guest still reaches the host's page cache, so what a power cut takes is what it would take.
        "-drive", f"{drive},if=none,id=root,cache=unsafe,discard=unmap",
        "-device", "virtio-serial-pci,addr=05.0", "-device", "virtserialport,chardev=agent,name=lab",
        "-chardev", f"socket,id=agent,path={work}/agent.sock,server=on,wait=off",
        "-chardev", f"socket,id=ser,path={work}/serial.sock,server=on,wait=off,logfile={work}/serial.log,logappend=on",
        "-serial", "chardev:ser", "-qmp", f"unix:{work}/qmp.sock,server=on,wait=off",
        "-device", "ide-cd,id=cd0,bus=ide.0", *kind.devices, "-device", kind.root_disk, *extra,
    ]  # fmt: skip


def launch(words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start QEMU; it ends with the process that started it, however that ends."""
    with log.open("ab") as file:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *words], stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )


def end(process: subprocess.Popen[bytes] | None) -> None:
    """Take the power away; fine when it is off."""
    if process:
        process.kill()
        process.wait()


def image_tool(*argv: object) -> None:
    """Run qemu-img; LabError with its words when it fails."""
    words = ["qemu-img", *map(str, argv)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(words)} exited {done.returncode}: {done.stderr.strip()}")
