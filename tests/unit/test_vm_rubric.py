"""What a definition must have for a guest to install and to run well, looked for in every golden one: a rule, to which
kinds of request it applies, and what it asks of the XML. The golden files say what is written; these say why."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from tests.unit.test_vm_golden import GOLDEN
from tests.unit.vm_cases import CASES
from tests.unit.vm_rubric import (
    MARK,
    Made,
    absolute,
    at_home,
    disks,
    enlightened,
    evdev,
    feature,
    once,
    one_slot,
    orders,
    pinned,
    power_of_two,
    room,
    secure,
    topology,
    tpm,
)

AMD = {"amd-two-ccx"}


class Rule(NamedTuple):
    """What has to hold, and of which definitions."""

    applies: Callable[[Made], bool]
    holds: Callable[[Made], object]


@cache
def made() -> tuple[Made, ...]:
    """Every golden definition."""
    return tuple(Made(name, ElementTree.parse(GOLDEN / f"{name}.xml").getroot()) for name in CASES)


def always(found: Made) -> bool:
    return True


def _windows(found: Made) -> bool:
    return found.windows


def _card(found: Made) -> bool:
    return found.card


def _asks(option: str) -> Callable[[Made], bool]:
    return lambda found: found.asked(option)


def _asks_not(option: str) -> Callable[[Made], bool]:
    return lambda found: not found.asked(option)


def _smt_amd(found: Made) -> bool:
    return CASES[found.name].machine in AMD and found.attribute("cpu/topology", "threads") == "2"


def _secured(found: Made) -> bool:
    return found.asked("--secure-boot") or (found.os == "win11" and not found.asked("--no-secure-boot"))


def _no_keys(found: Made) -> bool:
    """As with Arch's firmware: libvirt finds none for a feature that none has."""
    return found.name == "win11-no-keys"


def _with_tpm(found: Made) -> bool:
    refused = found.asked("--no-tpm") or found.name == "poor-libvirt"  # no swtpm there
    return found.asked("--tpm") or (found.os == "win11" and not refused)


def _plain_efi(found: Made) -> bool:
    return found.q35 and not secure(found)


RULES = {
    "V06 kvm": Rule(lambda found: found.name != "emulated", lambda found: found.xml.get("type") == "kvm"),
    "V07 the mark": Rule(always, lambda found: found.has(f"metadata/{MARK}domain")),
    "V09 firmware by features": Rule(
        lambda found: found.q35,
        lambda found: (
            found.attribute("os", "firmware") == "efi"
            and all((each.text, set(each.attrib)) == (None, {"secure"}) for each in found.xml.findall("os/loader"))
        ),
    ),
    "V10 Secure Boot, with keys": Rule(
        lambda found: _secured(found) and found.name != "poor-libvirt",
        lambda found: secure(found) and feature(found, "enrolled-keys") == (None if _no_keys(found) else "yes"),
    ),
    "V11 no Secure Boot is written": Rule(_plain_efi, lambda found: feature(found, "secure-boot") == "no"),
    "V12 Secure Boot has its SMM": Rule(secure, lambda found: found.attribute("features/smm", "state") != "off"),
    "V14 i440fx": Rule(
        _asks("i440fx"),
        lambda found: (
            found.attribute("os/type", "machine") == "pc" and not found.has("devices/controller[@model='pcie-root']")
        ),
    ),
    "V15 ACPI and APIC": Rule(always, lambda found: found.has("features/acpi") and found.has("features/apic")),
    "V17 the host's CPU": Rule(
        lambda found: found.name != "emulated", lambda found: found.attribute("cpu", "mode") == "host-passthrough"
    ),
    "V18 it cannot migrate": Rule(
        lambda found: found.card and found.name != "emulated",
        lambda found: found.attribute("cpu", "migratable") == "off",
    ),
    "V19 every vCPU from the start": Rule(always, lambda found: found.attribute("vcpu", "current") is None),
    "V21 topology": Rule(always, topology),
    "V23 topoext on AMD": Rule(
        _smt_amd, lambda found: found.attribute("cpu/feature[@name='topoext']", "policy") == "require"
    ),
    "V23 no topoext elsewhere": Rule(
        lambda found: CASES[found.name].machine not in AMD,
        lambda found: not found.has("cpu/feature[@name='topoext']"),
    ),
    "V24 no vmx, no svm": Rule(
        always,
        lambda found: not found.has("cpu/feature[@name='vmx']") and not found.has("cpu/feature[@name='svm']"),
    ),
    "V27 nothing is hidden": Rule(always, lambda found: not found.has("features/kvm/hidden")),
    "V28 V29 Hyper-V": Rule(
        lambda found: found.windows and found.name not in ("poor-libvirt", "emulated"),
        lambda found: all(map(found.on, ("relaxed", "vapic", "spinlocks", "vpindex", "synic", "stimer"))),
    ),
    "V32 and what each needs": Rule(always, enlightened),
    "V33 no evmcs": Rule(always, lambda found: not found.has("features/hyperv/evmcs")),
    "V34 none for Linux": Rule(lambda found: not found.windows, lambda found: not found.has("features/hyperv")),
    "V35 the clock": Rule(
        always,
        lambda found: found.attribute("clock", "offset") == ("localtime" if found.windows else "utc"),
    ),
    "V36 no HPET": Rule(always, lambda found: found.attribute("clock/timer[@name='hpet']", "present") == "no"),
    "V39 memory": Rule(
        always,
        lambda found: found.xml.findtext("memory") == found.xml.findtext("currentMemory") != None,  # noqa: E711
    ),
    "V41 no limit on locked memory": Rule(
        always, lambda found: not found.has("memtune") and not found.has("memoryBacking/locked")
    ),
    "V42 no balloon": Rule(_card, lambda found: found.attribute("devices/memballoon", "model") == "none"),
    "V43 huge pages": Rule(_asks("--hugepages"), lambda found: found.has("memoryBacking/hugepages")),
    "V43 only where asked": Rule(_asks_not("--hugepages"), lambda found: not found.has("memoryBacking")),
    "V44 V48 pins": Rule(_asks("--pin"), pinned),
    "V49 the I/O thread's CPUs": Rule(
        lambda found: found.asked("--pin") and found.has("iothreads"),
        lambda found: (
            found.attribute("cputune/iothreadpin", "cpuset") == found.attribute("cputune/emulatorpin", "cpuset")
        ),
    ),
    "V52 only where asked": Rule(_asks_not("--pin"), lambda found: not found.has("cputune")),
    "V53 one disk": Rule(always, lambda found: len(disks(found, "disk")) == 1),
    "V53 V62 paths": Rule(always, absolute),
    "V54 the controller's model": Rule(
        always,
        lambda found: all(
            each.get("model") == "virtio-scsi" for each in found.xml.findall("devices/controller[@type='scsi']")
        ),
    ),
    "V56 formats": Rule(always, lambda found: all(x.find("driver[@type]") is not None for x in disks(found, "disk"))),
    "V57 io and cache": Rule(
        always,
        lambda found: all(
            each.get("cache") in ("none", "directsync")
            for each in found.xml.findall("devices/disk/driver[@io='native']")
        ),
    ),
    "V63 the drivers' disc": Rule(
        lambda found: found.windows and found.has("devices/interface/model[@type='virtio']"),
        lambda found: len(disks(found, "cdrom")) >= 2,
    ),
    "V64 discs": Rule(
        always,
        lambda found: (
            {each.get("bus") for each in found.xml.findall("devices/disk[@device='cdrom']/target")}
            <= ({"sata"} if found.q35 else {"sata", "ide"})
        ),
    ),
    "V65 the order": Rule(always, orders),
    "V67 the network card": Rule(
        always, lambda found: found.attribute("devices/interface/model", "type") in ("virtio", "e1000e", "e1000")
    ),
    "V69 each once": Rule(_card, once),
    "V70 none": Rule(_asks("none"), lambda found: not found.card),
    "V71 V72 the card in the guest": Rule(_card, one_slot),
    "V73 V74 managed, vfio": Rule(
        _card,
        lambda found: all(
            each.get("managed") == "yes" and each.find("driver[@name='vfio']") is not None for each in found.pci
        ),
    ),
    "V75 a ROM only where asked": Rule(
        always, lambda found: found.has("devices/hostdev/rom[@file]") == found.asked("--rom")
    ),
    "V77 USB may be unplugged": Rule(
        _asks("--usb"),
        lambda found: all(
            each.get("startupPolicy") == "optional" for each in found.xml.findall("devices/hostdev[@type='usb']/source")
        ),
    ),
    "V78 USB 3": Rule(always, lambda found: found.has("devices/controller[@type='usb'][@model='qemu-xhci']")),
    "V79 V80 a screen for this machine": Rule(always, at_home),
    "V81 V82 V83 Looking Glass": Rule(_asks("--looking-glass"), power_of_two),
    "V81 only where asked": Rule(_asks_not("--looking-glass"), lambda found: not found.has("devices/shmem")),
    "V86 V87 evdev": Rule(_asks("--evdev"), evdev),
    "V88 the agent": Rule(
        always,
        lambda found: found.attribute("devices/channel/target[@name='org.qemu.guest_agent.0']", "type") == "virtio",
    ),
    "V89 TPM": Rule(_with_tpm, tpm),
    "V90 no sleep": Rule(
        lambda found: found.windows or found.card,
        lambda found: {found.attribute(f"pm/suspend-to-{each}", "enabled") for each in ("mem", "disk")} == {"no"},
    ),
    "V91 ends": Rule(
        always,
        lambda found: (
            [found.xml.findtext(f"on_{each}") for each in ("poweroff", "reboot")] == ["destroy", "restart"]
            and found.xml.findtext("on_crash") in ("destroy", "restart")
        ),
    ),
    "V93 confined": Rule(
        always,
        lambda found: (
            not found.has("seclabel") and not found.has("{http://libvirt.org/schemas/domain/qemu/1.0}commandline")
        ),
    ),
    "room for more": Rule(lambda found: found.q35, room),
}


@pytest.mark.parametrize("rule", RULES)
def test_holds(rule: str) -> None:
    wanted = RULES[rule]
    bound = [each for each in made() if wanted.applies(each)]
    assert bound, "no golden definition shows it"
    assert [each.name for each in bound if not wanted.holds(each)] == []


def test_hosts_and_requests() -> None:
    """Enough of each, and of the kinds of machine that differ in what they can do."""
    hosts = {case.machine for case in CASES.values()}
    assert len(CASES) >= 20 and len(hosts) >= 6
    assert {"debian", "intel-hybrid", "amd-two-ccx", "laptop-muxless", "no-tpm", "old-libvirt"} <= hosts
