"""gpu.rom, gpu.reset, gpu.power: what the card itself has to be able to."""

from __future__ import annotations

import re

from vdesk.checks.machine import Machine
from vdesk.host.option_rom import has_uefi, images
from vdesk.host.pci import Device
from vdesk.model.errors import Absent, Denied, HostError
from vdesk.model.finding import FAIL, INFO, OK, UNKNOWN, WARN, Finding, finding

ROM_LIMIT = 32 << 20
NO_RESET = re.compile(r"Vega (10|20)\b|Navi (10|12|14)\b|Polaris|Ellesmere|Baffin|Lexa")
OWN_ROM = "if the virtual machine shows no picture, give it the card's own ROM: vdesk create --rom FILE"
POWER_OFF = "power the machine off completely (a reboot is not enough) and on again"
ASLEEP = "sudo sh -c 'echo 0 > /{path}/d3cold_allowed; echo on > /{path}/power/control'"


def rom(machine: Machine, device: Device, *, stays: bool, only: bool) -> Finding:
    """The card's option ROM: it is in sysfs only where the card has one, and readable for root only when enabled."""
    name, address, path = "gpu.rom", str(device.address), f"{device.path}/rom"
    if stays:
        return finding(
            name, INFO, "not looked at: the card stays with this machine", evidence=f"/{path}", device=address
        )
    try:
        size = machine.host.stat(path).size
    except Denied as error:
        cause, remedy = error.problems[0].what, machine.see_more
        title = "it could not be told whether the card has a ROM"
        return finding(name, UNKNOWN, title, cause=cause, remedy=remedy, evidence=f"/{path}", device=address)
    except HostError:
        return finding(
            name,
            WARN,
            "the card shows no ROM",
            cause="it has none of its own (laptops keep it in the firmware), or the firmware gave it no address",
            remedy=OWN_ROM,
            evidence=f"/{path} is not there",
            device=address,
        )
    return _content(machine, device, size, only=only)


def _content(machine: Machine, device: Device, size: int, *, only: bool) -> Finding:
    name, address, path = "gpu.rom", str(device.address), f"{device.path}/rom"
    evidence = f"/{path}: {size} bytes"
    bad = next((line for line in machine.log.matching("Invalid PCI ROM header") if address in line), "")
    if bad or only:
        return finding(
            name,
            WARN,
            "the card's ROM may not be its own",
            cause=f"the kernel says: {bad}"
            if bad
            else "this machine booted with the card: the firmware may have changed its copy",
            remedy=OWN_ROM,
            evidence=evidence,
            device=address,
        )
    try:
        found = images(machine.host.read_bytes(path, ROM_LIMIT))
    except HostError:
        found = []
    if not found:
        return finding(
            name,
            UNKNOWN,
            f"the card has a ROM of {size // 1024} KiB; whether it can show a picture under UEFI could not be told",
            cause="the kernel gives its content to root only, and only after it was switched on",
            remedy=f"look into it with: sudo vdesk gpu rom {address}",
            evidence=evidence,
            device=address,
        )
    if has_uefi(found):
        return finding(name, OK, "the card's ROM has a UEFI part (GOP)", evidence=evidence, device=address)
    return finding(
        name,
        WARN,
        "the card's ROM has no UEFI part",
        cause="it is made for a legacy BIOS: the screen stays dark until Windows has loaded the card's driver",
        remedy="update the card's ROM with its maker's tool, or install Windows by the virtual screen first",
        evidence=evidence,
        device=address,
    )


def reset(machine: Machine, device: Device, *, stays: bool) -> Finding:
    """How the card gets into a clean state between two starts (ABI/testing/sysfs-bus-pci, reset_method)."""
    name, address, path = "gpu.reset", str(device.address), f"{device.path}/reset_method"
    evidence = f"/{path}: {' '.join(device.reset) or 'empty'}"
    if NO_RESET.search(device.name) and device.vendor == "1002" and "device_specific" not in device.reset and not stays:
        return finding(
            name,
            WARN,
            f"cards of this kind do not reset: {device.name}",
            cause="after a virtual machine had it once, it starts again only after a reboot of this machine",
            remedy="install the module vendor-reset, or reboot this machine between two starts",
            evidence=evidence,
            device=address,
        )
    if device.reset:
        whole = device.reset == ("bus",) and device.address.function == 0
        more = ", all functions of the slot at once" if whole else ""
        return finding(name, OK, f"it can be reset ({' '.join(device.reset)}{more})", evidence=evidence, device=address)
    return _no_method(machine, device, stays=stays)


def _no_method(machine: Machine, device: Device, *, stays: bool) -> Finding:
    """An empty or absent list; kernels before 5.15 only have `reset`, which is there when some method works."""
    name, address, path = "gpu.reset", str(device.address), f"{device.path}/reset_method"
    try:
        machine.host.read(path, 1 << 12)
        evidence = f"/{path}: empty"
    except Absent:
        evidence = f"/{path} is not there"
        if machine.host.exists(f"{device.path}/reset"):
            return finding(name, OK, "it can be reset", evidence=f"/{device.path}/reset is there", device=address)
    except HostError as error:
        title, cause = "it could not be told whether it can be reset", error.problems[0].what
        return finding(name, UNKNOWN, title, cause=cause, remedy=machine.see_more, evidence=f"/{path}", device=address)
    if stays or device.is_bridge:
        return finding(name, INFO, "it has no reset, and needs none here", evidence=evidence, device=address)
    return finding(
        name,
        WARN,
        "the kernel knows no way to reset it",
        cause="it may start in a virtual machine once and not again before this machine is rebooted",
        remedy="hand all functions of its slot over together; if a second start fails, reboot this machine",
        evidence=evidence,
        device=address,
    )


def power(machine: Machine, device: Device) -> Finding:
    """Is it awake, or has it fallen off the bus (its configuration space then reads FF everywhere)."""
    name, address, path = "gpu.power", str(device.address), device.path
    if lost := _lost(machine, device):
        title, cause = (
            "the card has fallen off the bus",
            "it does not answer: it did not come back from sleep or from a reset",
        )
        return finding(name, FAIL, title, cause=cause, remedy=POWER_OFF, evidence=lost, device=address)
    value = machine.host.value
    state, runtime = value(f"{path}/power_state"), value(f"{path}/power/runtime_status")
    evidence = f"/{path}/power_state: {state or 'not there'}; /{path}/power/runtime_status: {runtime or 'not there'}"
    if runtime == "error":
        title, cause = "its power management failed", "the kernel could not put it to sleep or wake it up"
        return finding(name, WARN, title, cause=cause, remedy=POWER_OFF, evidence=evidence, device=address)
    if state == "D3cold" and device.is_vfio:
        return finding(
            name,
            WARN,
            "it sleeps without power (D3cold)",
            cause="some cards do not wake up from that when the virtual machine starts",
            remedy=ASLEEP.replace("{path}", path),
            evidence=evidence,
            device=address,
        )
    if not state and not runtime:
        if machine.host.is_live or not _hidden(machine, device):
            return finding(name, INFO, "the kernel tells nothing of its power", evidence=evidence, device=address)
        title, cause = "it could not be told whether it is awake", "its power files could not be read"
        return finding(name, UNKNOWN, title, cause=cause, remedy=machine.see_more, evidence=evidence, device=address)
    asleep = runtime == "suspended" or state.startswith("D3")
    title = (
        f"it sleeps and wakes up when it is used ({state or runtime})"
        if asleep
        else f"it is awake ({state or runtime})"
    )
    return finding(name, OK, title, evidence=evidence, device=address)


def _lost(machine: Machine, device: Device) -> str:
    """Where it shows that the device is gone, or an empty text."""
    if device.vendor == "ffff":
        return f"/{device.path}/vendor: 0xffff"
    try:
        config = machine.host.read_bytes(f"{device.path}/config", 1 << 16)
    except HostError:
        config = b""
    if config[:16] == b"\xff" * 16:
        return f"/{device.path}/config reads FF"
    lines = machine.log.matching("from D3cold to D0, device inaccessible", "config space inaccessible")
    return next((f"{machine.log.source}: {line}" for line in lines if str(device.address) in line), "")


def _hidden(machine: Machine, device: Device) -> bool:
    """Whether the power files are there and may not be read."""
    for name in ("power_state", "power/runtime_status"):
        try:
            machine.host.read(f"{device.path}/{name}", 1 << 12)
        except Absent:
            continue
        except HostError:
            return True
    return False
