"""`vdesk install`: the packages that are missing, the person's groups, and libvirt's daemon where it is not active."""

from __future__ import annotations

from vdesk.changes.libvirt_daemon import EnableDaemon, is_active
from vdesk.changes.packages import InstallPackages
from vdesk.changes.plan import Plan
from vdesk.changes.user_groups import JoinGroups
from vdesk.host import Host, software
from vdesk.host.account import LIBVIRT, account
from vdesk.host.distribution import PACKAGES, Distribution, distribution
from vdesk.host.packages import Manager, manager, there
from vdesk.model.errors import HostError, Problem, Refused, problem

COMMAND = "install"
OSTREE = "run/ostree-booted"


def install(host: Host) -> Plan:
    """The plan. Refused where the distribution's packages are not known, or its system cannot be added to."""
    here = distribution(host)
    missing = missing_packages(host, here)
    plan = Plan(COMMAND, "Install what virtual machines need")
    user, groups = missing_groups(host)
    plan.data = {"distribution": here.as_json(), "packages": missing, "user": user or None, "groups": groups}
    if missing:
        refuse_unknown(host, here, missing)
        plan.changes.append(InstallPackages(here.family, missing))
    if groups:
        plan.changes.append(JoinGroups(user, groups))
    if needs_daemon(host, here, missing):
        plan.changes.append(EnableDaemon())
    if not plan.changes:
        plan.notes = ["Everything is there: nothing to do."]
        return plan
    plan.intro = _intro(missing)
    plan.notes = _notes(host, user, groups)
    return plan


def missing_packages(host: Host, here: Distribution) -> list[str]:
    """The names of the packages whose programs are not there, as this distribution calls them (else as Debian does)."""
    wanted = [name for what in PACKAGES if not _has(host, what) for name in _names(here, what)]
    return [name for name in dict.fromkeys(wanted) if name not in _installed(host, manager(host, here.family))]


def _names(here: Distribution, what: str) -> list[str]:
    return PACKAGES[what][here.family or "debian"].split()


def _installed(host: Host, asked: Manager | None) -> frozenset[str]:
    """The packages that are there; none where that cannot be asked: the programs have told then."""
    if asked is None:
        return frozenset()
    try:
        return there(host, asked)
    except HostError:
        return frozenset()


def _has(host: Host, what: str) -> bool:
    """Whether the machine has it, from wherever: one's own QEMU in /usr/local is as good as a package."""
    if what == "qemu":
        return any(host.which(name) for name in software.QEMU)
    if what == "firmware":
        try:
            return bool(software.firmwares(host)[0])
        except HostError:
            return False
    if what == "libvirt" and not any(host.which(name) for name in ("libvirtd", "virtqemud")):
        return False
    needed = {
        "libvirt": ("virsh", "virt-manager"),
        "tpm": ("swtpm", "swtpm_setup"),
        "viewer": ("virt-viewer",),
        "images": ("qemu-img",),
    }
    return all(host.which(name) for name in needed[what])


def missing_groups(host: Host) -> tuple[str, list[str]]:
    """The person who will use the machines (the one behind sudo), and the groups that person lacks."""
    try:
        person = account(host)
    except HostError:
        return "", []
    if not person.name or person.uid == 0:
        return "", []
    group = next((each for each in LIBVIRT if each in person.existing), LIBVIRT[0])
    return person.name, [each for each in (group, "kvm") if each not in person.groups]


def needs_daemon(host: Host, here: Distribution, missing: list[str]) -> bool:
    """Whether somebody has to start libvirt: Debian's packages do it, those of others leave it to you."""
    if not host.is_live or not host.exists("run/systemd/system"):
        return False
    fresh = set(_names(here, "libvirt")) & set(missing) if here.family else set()
    if fresh and not any(host.which(name) for name in ("libvirtd", "virtqemud")):
        return here.family != "debian"
    return not is_active(host)


def refuse_unknown(host: Host, here: Distribution, missing: list[str]) -> None:
    """Raise Refused where vdesk cannot install: it says what is needed."""
    named = here.name or "this distribution"
    if host.exists(OSTREE) and here.family:
        raise Refused(
            _cannot(
                f"{named} keeps its system in images (ostree), to which vdesk adds no packages",
                f"/{OSTREE} is there",
                f"layer them yourself and reboot: sudo rpm-ostree install {' '.join(missing)}",
            )
        )
    if manager(host, here.family) is None:
        raise Refused(
            _cannot(
                f"how packages are installed on {named} is not known to vdesk",
                "it knows apt, dnf, zypper and pacman",
                f"install these yourself (as Debian calls them): {' '.join(missing)}; then run vdesk install again, "
                "for the groups"
                if not here.family
                else f"install these yourself: {' '.join(missing)}; then run vdesk install again, for the groups",
            )
        )


def _cannot(what: str, cause: str, remedy: str) -> Problem:
    return problem("packages.unknown-distribution", what, cause, remedy)


def _intro(missing: list[str]) -> list[str]:
    if not missing:
        return []
    return [
        "vdesk undo removes exactly the packages that come new by this, with what they brought along. What the "
        "package manager brings up to date on the way stays so, and configuration files stay."
    ]


def _notes(host: Host, user: str, groups: list[str]) -> list[str]:
    found = []
    if groups:
        found.append(
            f"The groups count for {user} from the next login on: log out and in. One shell has them at once with: "
            f"newgrp {groups[0]}"
        )
    return [*found, "Go on with: vdesk check"]
