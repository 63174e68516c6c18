#!/usr/bin/python3 -IS
"""vdesk's hook for libvirt: takes the PCI devices of a virtual machine before it starts, gives them back after it ends.

`vdesk hook install` writes this file to /etc/libvirt/hooks/qemu.d/50-vdesk. libvirt calls it as root, under libvirtd's
AppArmor profile, with `GUEST OPERATION SUBOPERATION EXTRA` and the domain's XML on stdin, and waits for it without a
time limit (libvirt.org/hooks.html). So it works for domains with vdesk's mark only, calls no libvirt, prints nothing on
stdout, and limits itself: what may hang in the kernel happens in children that are left behind when their time is over.

prepare begin   the domain's functions and their companions go to vfio-pci; exit 1 with a text, and all back, if not
release end     what prepare has taken goes back, as the state file has it; also after a prepare that was cut off
anything else   nothing: a `reconnect` that fails would kill the running machine
"""

from __future__ import annotations

import sys

MARK = b"urn:vdesk:domain:1"
INPUT_LIMIT = 16 << 20
STATES = "/run/vdesk/hook"
WORK = ""  # in the installed file: the modules beside this one, as text


def concerns(call: list[str], xml: bytes) -> bool:
    """Whether there may be work: the phase is one of the two, and the mark is somewhere in the bytes; or a release of
    a machine that something was taken for, whatever its XML has become."""
    if call[1:3] == ["prepare", "begin"] or call[1:3] == ["release", "end"]:
        return MARK in xml or (call[1] == "release" and _taken_for(xml))
    return False


def _taken_for(xml: bytes) -> bool:
    import posix

    try:
        uuids = [name[: -len(".json")] for name in posix.listdir(STATES) if name.endswith(".json")]
    except OSError:
        return False
    return any(uuid.encode() in xml for uuid in uuids)


def main(argv: list[str]) -> int:
    """The exit code. Most starts are of machines that are not ours: for them the work is not even compiled."""
    given = b""
    if len(argv) == 5:
        given = sys.stdin.buffer.read(INPUT_LIMIT)
        if not concerns(argv[1:], given):
            return 0
    names: dict[str, object] = {"__name__": "vdesk_hook"}
    exec(compile(WORK, argv[0], "exec"), names)  # noqa: S102
    work = names["main"]
    return int(work(argv, given)) if callable(work) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
