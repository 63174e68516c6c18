"""The distribution's own package manager: what it calls itself, how it is asked and told (apt-get(8), dnf(8),
zypper(8), pacman(8))."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from vdesk.host.host import Host
from vdesk.model.errors import HostError

QUIET = ("env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_MODE=l", "APT_LISTCHANGES_FRONTEND=none")
"""No question can be answered here; needrestart lists what it would restart, and restarts nothing of the desktop's."""
APT = (
    *QUIET, "apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=60", "-o", "Dpkg::Use-Pty=0",
    "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
)  # fmt: skip
DNF = ("dnf", "-y")
ZYPPER = ("zypper", "--non-interactive")
RPM_NAMES = ("rpm", "-qa", "--qf", "%{NAME}\\n")
NOT_THERE = ("not-installed", "config-files")
PLAN_SECONDS = 900.0
"""For a manager that fetches its lists again first."""


class Manager(NamedTuple):
    """Commands as lists, to which the packages' names are added; `shown` is how a person would type it.

    `plan` tells what would be installed, and changes nothing. `refresh` gets new lists where the first download fails,
    `mend` ends what was cut off; either may be empty. `alone` answers whether nothing else needs the packages. `fine`
    are the exit codes of success."""

    program: str
    shown: str
    names: tuple[str, ...]
    download: tuple[str, ...]
    install: tuple[str, ...]
    remove: tuple[str, ...]
    alone: tuple[str, ...]
    plan: tuple[str, ...]
    refresh: tuple[str, ...] = ()
    mend: tuple[str, ...] = ()
    vital: tuple[str, ...] = ()
    fine: tuple[int, ...] = (0,)


VITAL = "${Package}\\t${Essential}${Important}${Protected}\\t${Pre-Depends}, ${Depends}\\n"

MANAGERS = {
    "debian": Manager(
        "apt-get",
        "apt-get -y --install-recommends install",
        ("dpkg-query", "-W", "-f", "${Package}\\t${db:Status-Status}\\n"),
        (*APT, "--install-recommends", "--download-only", "install"),
        (*APT, "--install-recommends", "install"),
        (*APT, "remove"),
        ("apt-get", "-q", "-s", "remove"),
        ("apt-get", "-q", "-s", "--install-recommends", "install"),
        (*QUIET, "apt-get", "-q", "update"),
        (*QUIET, "dpkg", "--force-confdef", "--force-confold", "--configure", "-a"),
        ("dpkg-query", "-W", "-f", VITAL),
    ),
    "fedora": Manager(
        "dnf",
        "dnf -y install",
        RPM_NAMES,
        (*DNF, "--downloadonly", "install"),
        (*DNF, "install"),
        (*DNF, "--setopt=clean_requirements_on_remove=0", "remove"),
        ("rpm", "-e", "--test"),
        ("dnf", "--assumeno", "install"),
    ),
    "suse": Manager(
        "zypper",
        "zypper --non-interactive install",
        RPM_NAMES,
        (*ZYPPER, "install", "--download-only"),
        (*ZYPPER, "install"),
        (*ZYPPER, "remove", "--no-clean-deps"),
        ("rpm", "-e", "--test"),
        (*ZYPPER, "--xmlout", "install", "--dry-run"),
        fine=(0, 102, 103),
    ),
    "arch": Manager(
        "pacman",
        "pacman -S --noconfirm --needed",
        ("pacman", "-Qq"),
        ("pacman", "-Sw", "--noconfirm", "--needed"),
        ("pacman", "-S", "--noconfirm", "--needed"),
        ("pacman", "-R", "--noconfirm"),
        ("pacman", "-R", "--print"),
        ("pacman", "-S", "--noconfirm", "--needed", "--print", "--print-format", "%n"),
    ),
}


def manager(host: Host, family: str) -> Manager | None:
    """The package manager of a distribution's family; None for one that vdesk does not know, or that has none here."""
    found = MANAGERS.get(family)
    return found if found and host.which(found.program) else None


def there(host: Host, asked: Manager) -> frozenset[str]:
    """The names of the packages that are there, also half-way; raises HostError where it cannot be asked."""
    answer = host.run(asked.names)
    if answer.exit_code:
        raise HostError(asked.names[0], answer.stderr.strip() or f"exit code {answer.exit_code}")
    rows = (line.split("\t") for line in answer.stdout.splitlines() if line)
    return frozenset(row[0] for row in rows if row[-1] not in NOT_THERE)


def vital(host: Host, asked: Manager, names: Sequence[str]) -> frozenset[str]:
    """Those of the packages that apt removes from no machine (Essential, Important, Protected: deb-control(5)), and
    those that these need."""
    if not asked.vital or not names:
        return frozenset()
    answer = host.run((*asked.vital, *names))
    rows = [f"{line}\t\t".split("\t")[:3] for line in answer.stdout.splitlines()]
    needs = {name: frozenset(re.findall(r"(?:^|[,|])\s*([a-z0-9][a-z0-9+.-]*)", rest)) for name, _, rest in rows}
    kept: set[str] = set()
    found = {name for name, marks, _ in rows if "yes" in marks}
    while found:
        kept |= found
        found = {each for name in found for each in needs[name] if each in needs} - kept
    return frozenset(kept)


def planned(host: Host, asked: Manager, names: Sequence[str]) -> list[str]:
    """The names, and what the manager says that it would install along; the names alone where it cannot tell."""
    try:
        said = host.run((*asked.plan, *names), timeout=PLAN_SECONDS).stdout
    except HostError:
        return sorted(names)
    return sorted({*names, *_READ[asked.program](said)})


def _apt_plan(said: str) -> list[str]:
    return re.findall(r"^Inst (\S+)", said, re.MULTILINE)


def _dnf_plan(said: str) -> list[str]:
    """The first column below `Installing:`, `Installing dependencies:`, `Installing weak dependencies:`."""
    found, inside = [], False
    for line in said.splitlines():
        if line[:1].isspace():
            found += line.split()[:1] if inside else []
        elif line:
            inside = line.startswith("Installing") and line.rstrip().endswith(":")
    return found


def _zypper_plan(said: str) -> list[str]:
    parts = re.findall(r"<to-install>(.*?)</to-install>", said, re.DOTALL)
    return re.findall(r"<solvable\b[^>]*?\bname=\"([^\"]+)\"", "".join(parts))


def _pacman_plan(said: str) -> list[str]:
    return [line for line in said.split("\n") if re.fullmatch(r"[\w@.+-]+", line)]


_READ = {"apt-get": _apt_plan, "dnf": _dnf_plan, "zypper": _zypper_plan, "pacman": _pacman_plan}


def needed_by_others(host: Host, asked: Manager, names: Sequence[str], half_way: bool = False) -> str:
    """Why the packages cannot go alone, empty when they can: something that was installed since needs one of them.

    With `half_way`, packages were cut off in their installation: that the manager cannot tell is then no answer."""
    answer = host.run((*asked.alone, *names), timeout=120.0)
    if answer.exit_code and half_way:
        return ""
    if answer.exit_code:
        lines = [line.strip() for line in (answer.stderr or answer.stdout).splitlines() if line.strip()]
        return "; ".join(lines[-3:]) or f"{asked.alone[0]}: exit code {answer.exit_code}"
    # apt-get tells what it would remove along; the others refuse.
    words = [line.split() for line in answer.stdout.splitlines() if line.startswith(("Remv ", "Purg "))]
    along = sorted({each[1] for each in words if len(each) > 1} - set(names))
    return f"with them would go: {', '.join(along)}" if along else ""
