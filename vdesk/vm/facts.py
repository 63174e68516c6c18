"""What of the host decides how a virtual machine looks, read once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vdesk.host import Host
from vdesk.host.acpi import address_bits
from vdesk.host.cpu_topology import CPUINFO, CpuTopology, huge_page, memory, read_topology
from vdesk.host.software import Firmware, firmwares
from vdesk.model.errors import HostError
from vdesk.vm.capabilities import Capabilities, has_kvm, parse_capabilities

RECORDED = "run/vdesk/domcapabilities.xml"
RECORDED_HOST = "run/vdesk/capabilities.xml"
PACKAGES = "var/lib/dpkg/status"
DPKG_VERSION = r"^Package: libvirt0\n(?:.+\n)*?Version: (?:\d+:)?(\d+)\.(\d+)"
BY_ID = "dev/input/by-id"


@dataclass(frozen=True)
class Facts:
    """`memory` and `huge_page` in bytes; `libvirt` its version, None unknown; `seed` tells this machine from others.
    `address_limit`: the bits of the IOMMU's addresses, where they are fewer than the processor's. `firmware`: the UEFI
    images for q35, None where one of their descriptors, or all, could not be read."""

    topology: CpuTopology
    memory: int | None
    huge_page: int
    kvm: bool
    capabilities: Capabilities | None
    libvirt: tuple[int, ...] | None
    seed: str
    inputs: tuple[tuple[str, bool], ...]
    address_limit: int | None = None
    firmware: tuple[Firmware, ...] | None = None

    @property
    def no_virtualization(self) -> bool:
        """Whether the processor says what it can do, and neither VT-x nor AMD-V is among it."""
        return bool(self.topology.flags) and not self.topology.flags & {"vmx", "svm"}


@dataclass(frozen=True)
class Answers:
    """What a running libvirt said; None for what it was not asked or did not know."""

    domain_capabilities: str | None = None
    capabilities: str | None = None
    version: tuple[int, ...] | None = None


def read_facts(host: Host, answers: Answers) -> Facts:
    """The facts of a live machine from the kernel and libvirt, of a captured one from its files."""
    topology = read_topology(host)
    live = host.is_live
    domain = answers.domain_capabilities or (None if live else host.text(RECORDED))
    return Facts(
        topology,
        memory(host),
        huge_page(host),
        _kvm(host, answers),
        parse_capabilities(domain),
        answers.version or (None if live else _recorded_version(host)),
        host.text("etc/machine-id").strip(),
        _inputs(host),
        _address_limit(host),
        _firmware(host),
    )


def _address_limit(host: Host) -> int | None:
    """What the processor can address and the IOMMU cannot is out of the card's reach: 39 bits of 46 are common."""
    found = re.search(r"^address sizes\s*: (\d+) bits physical", host.text(CPUINFO), re.MULTILINE)
    bits = address_bits(host)
    return bits if bits and found and bits < int(found[1]) else None


def _firmware(host: Host) -> tuple[Firmware, ...] | None:
    """What libvirt chooses from: domcapabilities tell of Secure Boot, but not whether keys are enrolled."""
    try:
        found, wrong = firmwares(host)
    except HostError:
        return None
    return tuple(found) if found and not wrong else None


def _kvm(host: Host, answers: Answers) -> bool:
    """As libvirt says, on a running machine also by the device; KVM where libvirt was not asked: it is what is meant,
    and a machine whose firmware has it off still gets a definition that is right once it is on."""
    if not host.is_live:
        return has_kvm(host.text(RECORDED_HOST)) is not False
    return answers.capabilities is None or (host.exists("dev/kvm") and has_kvm(answers.capabilities) is not False)


def _recorded_version(host: Host) -> tuple[int, ...] | None:
    """libvirt's version as a capture recorded it, or as dpkg's status file has it (deb-version(7))."""
    try:
        told = host.run(["libvirtd", "--version"]).stdout
    except HostError:
        told = ""
    match = re.search(r"(\d+)\.(\d+)", told) or re.search(DPKG_VERSION, host.text(PACKAGES), re.MULTILINE)
    return (int(match[1]), int(match[2])) if match else None


def _inputs(host: Host) -> tuple[tuple[str, bool], ...]:
    """(path, is it a keyboard) of every keyboard and mouse by id, each once: event numbers move, these do not."""
    found: dict[str, tuple[str, bool]] = {}
    try:
        names = host.list(BY_ID)
    except HostError:
        return ()
    for name in names:
        if name.endswith(("-event-kbd", "-event-mouse")) and name.isprintable():
            found.setdefault(host.link(f"{BY_ID}/{name}") or name, (f"/{BY_ID}/{name}", name.endswith("-kbd")))
    return tuple(sorted(found.values()))
