"""Commands as a user types them on the lab's machine, and what the machine itself says about it, vdesk not asked."""

from __future__ import annotations

import json
from typing import Any

from .channel import Reply
from .machine import Machine

USER = "desk"
GRUB_DEFAULT = "/etc/default/grub"
# What of the machine's own files vdesk could have a reason to touch, without what libvirt and the boot write.
FIND = (
    "find /etc /boot /var/lib/libvirt/images /var/lib/libvirt/qemu/nvram"
    " -path /etc/apparmor.d/libvirt -prune -o -type f"
)
# libvirt gives a CD to QEMU's user and does not take it back.
OWN_FILES = f"{{ {FIND} -not -name lab-guest.iso -printf '%m %U:%G %p\\n'; {FIND} -exec sha256sum {{}} +; }} | sort"


def typed(machine: Machine, command: str, expect: int = 0, timeout: float = 300) -> Reply:
    """Run a command as the user; its exit code is part of what is tested."""
    reply = machine.run(command, timeout, user=USER)
    said = f"{command}: exit {reply.rc}, expected {expect}\n{reply.out}{reply.err}"
    assert reply.rc == expect, said
    assert "Traceback" not in reply.out + reply.err, said
    return reply


def document(machine: Machine, command: str, expect: int = 0) -> dict[str, Any]:
    """Run a command with --json and return its one document; the exit code stands in it too."""
    reply = typed(machine, f"{command} --json", expect)
    found: dict[str, Any] = json.loads(reply.out)
    assert found["vdesk"] == 1 and found["exit_code"] == expect
    return found


def levels(found: dict[str, Any]) -> dict[str, str]:
    """Return the level of each finding by its id; of several, the last."""
    return {finding["id"]: finding["level"] for finding in found["findings"]}


def driver(machine: Machine, address: str) -> str:
    """Return the driver of a function as sysfs has it, `` for none."""
    return machine.run(f"readlink /sys/bus/pci/devices/{address}/driver | xargs -r basename").out.strip()


def override(machine: Machine, address: str) -> str:
    """Return the driver override of a function, `(null)` for none."""
    return machine.run(f"cat /sys/bus/pci/devices/{address}/driver_override", check=True).out.strip()


def booted_with(machine: Machine) -> list[str]:
    """Return the words of the kernel's command line."""
    return machine.get("/proc/cmdline").decode().split()


def own_files(machine: Machine) -> list[str]:
    """Return a line with mode and owner and one with the digest of each of those files."""
    return machine.agent.run(OWN_FILES, 120).out.splitlines()
