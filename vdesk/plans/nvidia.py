"""What has to happen before NVIDIA's driver lets go of its last card: services stopped, modules unloaded in order.

Unbinding a card whose modules are in use makes the writer wait in the kernel for ever; unloading them fails instead."""

from __future__ import annotations

from collections.abc import Sequence

from vdesk.changes.change import Change
from vdesk.changes.commands import RunCommand
from vdesk.changes.modules import Modules
from vdesk.host import Host
from vdesk.host.holders import nvidia_modules, other_nvidia
from vdesk.host.pci import Device
from vdesk.model.errors import HostError

SERVICES = ("nvidia-persistenced.service", "nvidia-powerd.service")


def cards(devices: Sequence[Device]) -> list[Device]:
    """The functions that NVIDIA's own driver has."""
    return [device for device in devices if device.driver == "nvidia"]


def unloads(host: Host, devices: Sequence[Device]) -> bool:
    """Whether the modules go: the driver has no card besides these, and its modules are there to be unloaded."""
    taken = [device.address for device in cards(devices)]
    return bool(taken) and not other_nvidia(host, taken) and bool(nvidia_modules(host))


def release(host: Host, devices: Sequence[Device]) -> list[Change]:
    """The changes that go before the binding of NVIDIA's cards; none when the driver has none of them."""
    if not cards(devices):
        return []
    found: list[Change] = [
        RunCommand(["systemctl", "stop", service], f"stop {service}", ["systemctl", "start", service])
        for service in SERVICES
        if _active(host, service)
    ]
    if unloads(host, devices):
        found.append(Modules(nvidia_modules(host), False, {str(each.address): "nvidia" for each in cards(devices)}))
    return found


def again(host: Host, devices: Sequence[Device]) -> list[Change]:
    """The changes after the binding: the services start again where the driver still has a card."""
    if not cards(devices) or unloads(host, devices):
        return []
    return [
        RunCommand(["systemctl", "start", service], f"start {service} again", ["systemctl", "stop", service])
        for service in SERVICES
        if _active(host, service)
    ]


def _active(host: Host, service: str) -> bool:
    if host.which("systemctl") is None:
        return False
    try:
        return host.run(["systemctl", "is-active", service], timeout=10).stdout.strip() == "active"
    except HostError:
        return False
