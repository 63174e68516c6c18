"""The domain's XML: one short function per element (libvirt formatdomain). No policy here: see defaults."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from vdesk.host.cpu_topology import format_list
from vdesk.vm import devices_xml
from vdesk.vm.spec import Pinning, Spec

MARK = "urn:vdesk:domain:1"
OSINFO = "http://libosinfo.org/xmlns/libvirt/domain/1.0"
OS_IDS = {"win10": "http://microsoft.com/win/10", "win11": "http://microsoft.com/win/11"}


def domain_xml(spec: Spec) -> str:
    """One `<domain>` document, indented, with a newline at its end."""
    root = Element("domain", type="kvm" if spec.kvm else "qemu")
    _text(root, "name", spec.name)
    _text(root, "uuid", spec.uuid)
    _metadata(root, spec)
    _memory(root, spec)
    _vcpus(root, spec)
    _os(root, spec)
    _features(root, spec)
    _cpu(root, spec)
    _clock(root, spec)
    _ends(root)
    devices_xml.devices(SubElement(root, "devices"), spec)
    ElementTree.indent(root, "  ")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _text(parent: Element, tag: str, text: str, **attributes: str) -> None:
    SubElement(parent, tag, attributes).text = text


def _metadata(root: Element, spec: Spec) -> None:
    """vdesk's mark, with what its later commands and its hook need to know, and the guest's name for other programs."""
    metadata = SubElement(root, "metadata")
    mark = SubElement(metadata, "vdesk:domain", {"xmlns:vdesk": MARK, "os": spec.os})
    if spec.gpu:
        SubElement(mark, "vdesk:gpu", address=str(spec.gpu))
    for each in spec.functions:
        if each.identity:
            SubElement(mark, "vdesk:device", address=str(each.address), identity=each.identity)
    if spec.stops_desktop:
        SubElement(mark, "vdesk:desktop", stop="yes")
    if spec.disk.create is not None and not spec.disk.block:  # a volume's content is never removed by vdesk
        SubElement(mark, "vdesk:disk", path=spec.disk.path)
    if spec.answer_disc:
        SubElement(mark, "vdesk:disk", path=spec.answer_disc, answers="yes")
    if spec.windows:
        SubElement(mark, "vdesk:install", key="enter")
    if spec.os in OS_IDS:
        info = SubElement(metadata, "libosinfo:libosinfo", {"xmlns:libosinfo": OSINFO})
        SubElement(info, "libosinfo:os", id=OS_IDS[spec.os])


def _memory(root: Element, spec: Spec) -> None:
    """Current memory equal to the maximum: a device handed over pins all of it anyway."""
    unit, size = ("GiB", spec.memory >> 30) if spec.memory % (1 << 30) == 0 else ("MiB", spec.memory >> 20)
    _text(root, "memory", str(size), unit=unit)
    _text(root, "currentMemory", str(size), unit=unit)
    if spec.hugepages:
        SubElement(SubElement(root, "memoryBacking"), "hugepages")


def _vcpus(root: Element, spec: Spec) -> None:
    _text(root, "vcpu", str(spec.cpu.count), placement="static")
    if spec.iothread:
        _text(root, "iothreads", "1")
    if spec.pinning:
        _pinning(root, spec, spec.pinning)


def _pinning(root: Element, spec: Spec, pinning: Pinning) -> None:
    tune = SubElement(root, "cputune")
    for number, cpu in enumerate(pinning.cpus):
        SubElement(tune, "vcpupin", vcpu=str(number), cpuset=str(cpu))
    host = format_list(pinning.host)
    SubElement(tune, "emulatorpin", cpuset=host)
    SubElement(tune, "iothreadpin", iothread="1", cpuset=host)


def _os(root: Element, spec: Spec) -> None:
    """Firmware by its features, never by a path. Said also when off: a bare `efi` took Secure Boot on Debian."""
    os = SubElement(root, "os", firmware="efi")
    _text(os, "type", "hvm", arch="x86_64", machine=spec.machine)
    firmware = SubElement(os, "firmware")
    state = "yes" if spec.secure_boot else "no"
    SubElement(firmware, "feature", enabled=state, name="secure-boot")
    if spec.enrolled_keys:
        SubElement(firmware, "feature", enabled="yes", name="enrolled-keys")
    if spec.secure_loader:
        SubElement(os, "loader", secure="yes")


def _features(root: Element, spec: Spec) -> None:
    features = SubElement(root, "features")
    SubElement(features, "acpi")
    SubElement(features, "apic")
    if spec.hyperv:
        _hyperv(SubElement(features, "hyperv"), spec)
    SubElement(features, "vmport", state="off")
    if spec.secure_boot:
        SubElement(features, "smm", state="on")


def _hyperv(hyperv: Element, spec: Spec) -> None:
    for name in spec.hyperv:
        each = SubElement(hyperv, name, state="on")
        if name == "spinlocks":
            each.set("retries", "8191")
        if name == "stimer":
            SubElement(each, "direct", state="on")


def _cpu(root: Element, spec: Spec) -> None:
    """The host's own processor. Under emulation host-passthrough is refused; `maximum` is all that QEMU can emulate."""
    cpu = SubElement(root, "cpu", mode="host-passthrough" if spec.cpu.passthrough else "maximum", check="none")
    if not spec.cpu.migratable:
        cpu.set("migratable", "off")
    cores, threads = str(spec.cpu.cores), str(spec.cpu.threads)
    SubElement(cpu, "topology", sockets="1", dies="1", cores=cores, threads=threads)
    if spec.cpu.real_cache:
        SubElement(cpu, "cache", mode="passthrough")
    if spec.cpu.address_bits:
        SubElement(cpu, "maxphysaddr", mode="emulate", bits=str(spec.cpu.address_bits))
    elif spec.cpu.real_address_width:
        width = SubElement(cpu, "maxphysaddr", mode="passthrough")
        if spec.cpu.address_limit:
            width.set("limit", str(spec.cpu.address_limit))
    if spec.cpu.topoext:
        SubElement(cpu, "feature", policy="require", name="topoext")


def _clock(root: Element, spec: Spec) -> None:
    clock = SubElement(root, "clock", offset="localtime" if spec.windows else "utc")
    SubElement(clock, "timer", name="rtc", tickpolicy="catchup")
    SubElement(clock, "timer", name="pit", tickpolicy="delay")
    SubElement(clock, "timer", name="hpet", present="no")
    if spec.windows:
        SubElement(clock, "timer", name="hypervclock", present="yes")


def _ends(root: Element) -> None:
    """A card does not come back from the guest's sleep; a crashed guest must not keep it."""
    _text(root, "on_poweroff", "destroy")
    _text(root, "on_reboot", "restart")
    _text(root, "on_crash", "destroy")
    power = SubElement(root, "pm")
    SubElement(power, "suspend-to-mem", enabled="no")
    SubElement(power, "suspend-to-disk", enabled="no")
