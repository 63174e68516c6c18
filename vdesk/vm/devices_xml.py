"""The devices of a domain as XML, one short function per element (libvirt formatdomain, Devices)."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from vdesk.model.address import Address
from vdesk.vm import firmware_log
from vdesk.vm.spec import Disk, Evdev, Function, Spec, Usb


def devices(parent: Element, spec: Spec) -> None:
    """Every device, as a person reads a machine: disks, controllers, network, screen, what is given."""
    _disks(parent, spec)
    _controllers(parent, spec)
    _network(parent, spec)
    _channels(parent, spec)
    _serial(parent, spec)
    _screen(parent, spec)
    _sound(parent, spec)
    _tpm(parent, spec)
    for function in spec.functions:
        parent.append(hostdev(function, pcie=spec.pcie))
    for device in spec.usb:
        parent.append(usb_hostdev(device))
    SubElement(parent, "memballoon", model="none" if spec.functions else "virtio")
    _random(parent)
    _shared_memory(parent, spec)


# --- disks


def _disks(parent: Element, spec: Spec) -> None:
    """Disk first, then the disc: an empty disk falls through to it, and later starts never see its prompt."""
    letters = iter("abcdefgh")
    _disk(parent, spec.disk, f"sd{next(letters)}" if spec.disk.bus != "virtio" else "vda")
    bus, prefix = ("sata", "sd") if spec.pcie else ("ide", "hd")
    _disc(parent, spec.install_disc, f"{prefix}{next(letters)}", bus, order="2")
    for path in (spec.drivers_disc, spec.answer_disc):
        if path:
            _disc(parent, path, f"{prefix}{next(letters)}", bus)


def _disk(parent: Element, disk: Disk, target: str) -> None:
    element = SubElement(parent, "disk", type="block" if disk.block else "file", device="disk")
    cache = {"cache": "none", "io": "native"} if disk.direct else {"cache": "writeback", "io": "threads"}
    options = {"name": "qemu", "type": disk.format, **cache, "discard": "unmap", "detect_zeroes": "unmap"}
    SubElement(element, "driver", options)
    SubElement(element, "source", {"dev" if disk.block else "file": disk.path})
    place = SubElement(element, "target", dev=target, bus=disk.bus)
    if disk.bus != "virtio":
        place.set("rotation_rate", "1")
    SubElement(element, "boot", order="1")


def _disc(parent: Element, path: str, target: str, bus: str, order: str = "") -> None:
    element = SubElement(parent, "disk", type="file", device="cdrom")
    SubElement(element, "driver", name="qemu", type="raw")
    SubElement(element, "source", file=path)
    SubElement(element, "target", dev=target, bus=bus)
    SubElement(element, "readonly")
    if order:
        SubElement(element, "boot", order=order)


# --- controllers


def _controllers(parent: Element, spec: Spec) -> None:
    if spec.disk.bus == "scsi":
        controller = SubElement(parent, "controller", type="scsi", index="0", model="virtio-scsi")
        SubElement(controller, "driver", queues=str(spec.cpu.count), iothread="1")
    SubElement(parent, "controller", type="usb", index="0", model="qemu-xhci", ports="15")
    for number in range(spec.ports):
        model = "pcie-root" if number == 0 else "pcie-root-port"
        SubElement(parent, "controller", type="pci", index=str(number), model=model)


def _network(parent: Element, spec: Spec) -> None:
    interface = SubElement(parent, "interface", type="network")
    SubElement(interface, "mac", address=spec.mac)
    SubElement(interface, "source", network=spec.network)
    SubElement(interface, "model", type=spec.nic)


def _channels(parent: Element, spec: Spec) -> None:
    """The guest agent's (clean shutdown), and the viewer's clipboard."""
    channel = SubElement(parent, "channel", type="unix")
    SubElement(channel, "target", type="virtio", name="org.qemu.guest_agent.0")
    if spec.graphics == "spice":
        channel = SubElement(parent, "channel", type="spicevmc")
        SubElement(channel, "target", type="virtio", name="com.redhat.spice.0")


def _serial(parent: Element, spec: Spec) -> None:
    """The port on which the firmware says what it starts and what it cannot find; libvirt keeps it in a file."""
    serial = SubElement(parent, "serial", type="pty")
    SubElement(serial, "log", file=firmware_log.path(spec.name), append="off")
    SubElement(serial, "target", type="isa-serial", port="0")


# --- screen, input, sound


def _screen(parent: Element, spec: Spec) -> None:
    """Nobody but this machine may look: there is no password. The screen stays until the card's driver works."""
    graphics = SubElement(parent, "graphics", type=spec.graphics, autoport="yes")
    SubElement(graphics, "listen", type="address", address="127.0.0.1")
    SubElement(SubElement(parent, "video"), "model", type="vga")
    if not spec.shared_memory:
        SubElement(parent, "input", type="tablet", bus="usb")
    for device in spec.evdev:
        _evdev(parent, device)


def _evdev(parent: Element, device: Evdev) -> None:
    source = SubElement(SubElement(parent, "input", type="evdev"), "source", dev=device.path)
    if device.keyboard:
        source.attrib.update({"grab": "all", "grabToggle": "ctrl-ctrl", "repeat": "on"})


def _sound(parent: Element, spec: Spec) -> None:
    """Through the viewer, where the card's own audio is not the way: without a card, or with Looking Glass."""
    if spec.graphics != "spice" or (spec.functions and not spec.shared_memory):
        return
    SubElement(SubElement(parent, "sound", model="ich9"), "audio", id="1")
    SubElement(parent, "audio", id="1", type="spice")


def _tpm(parent: Element, spec: Spec) -> None:
    if spec.tpm:
        tpm = SubElement(parent, "tpm", model="tpm-crb")
        SubElement(tpm, "backend", type="emulator", version="2.0")


def _random(parent: Element) -> None:
    rng = SubElement(parent, "rng", model="virtio")
    SubElement(rng, "backend", model="random").text = "/dev/urandom"


def _shared_memory(parent: Element, spec: Spec) -> None:
    if spec.shared_memory:
        shmem = SubElement(parent, "shmem", name="looking-glass")
        SubElement(shmem, "model", type="ivshmem-plain")
        SubElement(shmem, "size", unit="M").text = str(spec.shared_memory >> 20)


# --- what the host gives


def _place(address: Address) -> dict[str, str]:
    return {
        "domain": f"0x{address.domain:04x}",
        "bus": f"0x{address.bus:02x}",
        "slot": f"0x{address.slot:02x}",
        "function": f"0x{address.function:x}",
    }


def hostdev(function: Function, *, pcie: bool) -> Element:
    """A PCI function of the host. libvirt detaches and returns it itself, unless it is on vfio-pci already."""
    element = Element("hostdev", mode="subsystem", type="pci", managed="yes")
    SubElement(element, "driver", name="vfio")
    SubElement(SubElement(element, "source"), "address", _place(function.address))
    if function.rom:
        SubElement(element, "rom", file=function.rom)
    bus, slot = (function.port, 0) if pcie else (0, function.port)
    guest = SubElement(element, "address", {"type": "pci", **_place(Address(0, bus, slot, function.function))})
    if function.multifunction:
        guest.set("multifunction", "on")
    return element


def hotplug_hostdev(address: Address, guest: Address | None = None) -> Element:
    """A PCI function of the host as a fragment; without a place in the guest libvirt finds one. Where a slot gets a
    function beside its first, libvirt turns multifunction on at that one by itself (virDomainPCIAddressSetAllMulti)."""
    element = Element("hostdev", mode="subsystem", type="pci", managed="yes")
    SubElement(element, "driver", name="vfio")
    SubElement(SubElement(element, "source"), "address", _place(address))
    if guest:
        place = SubElement(element, "address", {"type": "pci", **_place(guest)})
        if guest.function == 0:
            place.set("multifunction", "on")
    return element


def usb_hostdev(device: Usb) -> Element:
    """A USB device of the host; a stick that is not plugged in does not stop the machine."""
    element = Element("hostdev", mode="subsystem", type="usb", managed="yes")
    source = SubElement(element, "source", startupPolicy="optional")
    SubElement(source, "vendor", id=f"0x{device.vendor}")
    SubElement(source, "product", id=f"0x{device.product}")
    return element
