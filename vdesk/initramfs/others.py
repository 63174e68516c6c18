"""Programs of others that build images just now, and a package manager that may begin to: two that write one image
leave it torn."""

from __future__ import annotations

from vdesk.host import Host
from vdesk.host.lock import locked_by, own_processes
from vdesk.model.errors import Refused, problem

BUILDERS = ("update-initramf", "mkinitramfs", "dracut", "mkinitcpio")
"""As the kernel has their names, cut to 15 signs (proc(5), comm)."""
DPKG = ("var/lib/dpkg/lock-frontend", "var/lib/dpkg/lock")


def refuse_others(host: Host) -> None:
    """Raise Refused while somebody else builds an initramfs, or holds dpkg's lock. A package manager that has begun
    this vdesk, to remove its package, waits for it."""
    if not host.is_live:
        return
    own = own_processes()
    for name in host.names("proc"):
        command = host.value(f"proc/{name}/comm") if name.isdecimal() and int(name) not in own else ""
        if command in BUILDERS:
            raise _busy("an initramfs is being built by another program just now", command, int(name))
    for path in DPKG:
        holder = locked_by(host, path)
        if holder and holder not in own:
            command = host.value(f"proc/{holder}/comm") or "?"
            raise _busy("packages are being installed or removed, which may build the initramfs", command, holder)


def _busy(what: str, command: str, pid: int) -> Refused:
    return Refused(
        problem(
            "initramfs.busy",
            f"{what}: {command} (process {pid})",
            "two programs that write the same image leave it torn",
            f"wait until it has ended, then run the same command again; see it with: ps -fp {pid}",
        )
    )
