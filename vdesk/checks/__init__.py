"""Is it so? One file per family: each looks at the machine and returns findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdesk.model.report import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vdesk.checks.machine import Machine
    from vdesk.host.host import Host
    from vdesk.model.address import Address
    from vdesk.model.finding import Finding

COMMAND = "check"


def check(host: Host, addresses: Sequence[Address] = ()) -> Report:
    """Every finding, or with addresses the gpu.* findings of those devices; exit 3 when one fails, or when it could not
    be told whether the IOMMU is on. WrongUsage for an address of no device."""
    from vdesk.checks import gpu
    from vdesk.checks.machine import look
    from vdesk.host.iommu_state import UNKNOWN
    from vdesk.host.pci import find
    from vdesk.model.errors import NOT_READY, OK
    from vdesk.model.finding import FAIL

    machine = look(host)
    asked = [find(machine.devices, address) for address in dict.fromkeys(addresses)]
    findings = gpu.about(machine, asked) if asked else _everything(machine)
    failed = machine.iommu.name == UNKNOWN or any(each.level == FAIL for each in findings)
    data = {
        "iommu": machine.iommu.name,
        "vendor": machine.iommu.vendor,
        "gpus": [device.as_json() for device in machine.gpus],
        "distribution": machine.distribution.as_json(),
    }
    return Report(COMMAND, NOT_READY if failed else OK, data=data, findings=findings)


def off_switches(host: Host) -> list[Finding]:
    """What `setup` asks before all else: the processor's virtualization and the IOMMU, and where they are off."""
    from vdesk.checks import cpu, iommu
    from vdesk.checks.machine import look

    machine = look(host)
    return [*cpu.findings(machine), *iommu.findings(machine)]


def _everything(machine: Machine) -> list[Finding]:
    """Every family, in the order a person would look."""
    from vdesk.checks import (
        arguments,
        boot,
        boot_binding,
        cpu,
        gpu,
        graphics,
        iommu,
        libvirt,
        log,
        memory,
        software,
        user,
        vfio,
    )

    families = (cpu, iommu, arguments, log, vfio, gpu, graphics, software, libvirt, user, boot, boot_binding, memory)
    return [each for family in families for each in family.findings(machine)]
