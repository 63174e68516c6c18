"""user.groups: may the person at this machine use virtual machines of the system."""

from __future__ import annotations

from vdesk.checks.machine import Machine
from vdesk.host.account import GROUP, LIBVIRT, Account, account
from vdesk.model.errors import HostError
from vdesk.model.finding import INFO, OK, UNKNOWN, WARN, Finding, finding

NAME = "user.groups"
LOGIN = ", then log out and in"


def findings(machine: Machine) -> list[Finding]:
    """The one finding."""
    try:
        person = account(machine.host)
    except HostError as error:
        return [_unknown(machine, error.problems[0].what)]
    if not person.name:
        return [_unknown(machine, "no ordinary user is known on this machine")]
    return [_judged(person)]


def _unknown(machine: Machine, cause: str) -> Finding:
    title = "it could not be told who uses this machine"
    return finding(NAME, UNKNOWN, title, cause=cause, remedy=machine.see_more, evidence=f"/{GROUP}")


def _judged(person: Account) -> Finding:
    """Group libvirt opens the daemon's socket without a password; kvm is for QEMU processes of one's own."""
    name, group = person.name, next((each for each in LIBVIRT if each in person.existing), None)
    evidence = f"/{GROUP}: {name} is in {', '.join(sorted(person.groups)) or 'no group'}"
    if person.uid == 0:
        return finding(NAME, INFO, "root needs no groups", evidence=evidence)
    if group is None:
        title = "there is no group libvirt; it comes with libvirt"
        return finding(NAME, INFO, title, evidence=f"/{GROUP} has no group libvirt")
    if group not in person.groups:
        wanted = ",".join(each for each in (group, "kvm") if each in person.existing)
        return finding(
            NAME,
            WARN,
            f"{name} is not in the group {group}",
            cause="without it every virsh and virt-manager asks for a password, and vdesk needs sudo",
            remedy=f"sudo usermod -aG {wanted} {name}{LOGIN}",
            evidence=evidence,
        )
    if person.active is not None and group not in person.active:
        cause = "a group comes with the next login"
        title = f"{name} is in the group {group}, but not yet in this session"
        return finding(NAME, WARN, title, cause=cause, remedy="log out and in", evidence=evidence)
    if "kvm" in person.existing and "kvm" not in person.groups:
        title = f"{name} is in the group {group}; kvm is only needed for QEMU processes of one's own"
        return finding(NAME, INFO, title, remedy=f"sudo usermod -aG kvm {name}{LOGIN}", evidence=evidence)
    return finding(NAME, OK, f"{name} may use virtual machines of the system", evidence=evidence)
