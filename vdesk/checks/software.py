"""software.*: QEMU, libvirt, UEFI firmware, TPM, the drivers' ISO. Remedies name this distribution's packages."""

from __future__ import annotations

from vdesk.checks.machine import Machine
from vdesk.host import software, virtio_iso
from vdesk.host.software import Program, Version
from vdesk.model.errors import HostError
from vdesk.model.finding import FAIL, OK, UNKNOWN, WARN, Finding, finding
from vdesk.vm.defaults import OLDEST_LIBVIRT

PROGRAMS = "usr/bin"
OLDEST_QEMU: Version = (6, 2)
ASK_LIBVIRT = (("virsh", "--version"), ("libvirtd", "--version"), ("virtqemud", "--version"))


def findings(machine: Machine) -> list[Finding]:
    """The five findings."""
    return [qemu(machine), libvirt(machine), firmware(machine), tpm(machine), virtio(machine)]


def qemu(machine: Machine) -> Finding:
    """The emulator for x86_64."""
    found = software.program(machine.host, *software.QEMU)
    old = "older ones lack devices that Windows 11 and large cards want"
    return _program(machine, "software.qemu", "QEMU", found, OLDEST_QEMU, old, "qemu")


def libvirt(machine: Machine) -> Finding:
    """libvirt, new enough for the definitions that create writes (7.6), and for hooks in qemu.d (6.5)."""
    found = software.program(machine.host, "virsh", "libvirtd", "virtqemud", ask=ASK_LIBVIRT)
    old = (
        "it does not take all that vdesk create writes: firmware by its features is from 7.2, shared keyboards are"
        " from 7.6; and before 6.5 it reads no hooks in /etc/libvirt/hooks/qemu.d, where vdesk's goes"
    )
    return _program(machine, "software.libvirt", "libvirt", found, OLDEST_LIBVIRT, old, "libvirt")


def _program(
    machine: Machine, name: str, what: str, found: Program | None, oldest: Version, old: str, package: str
) -> Finding:
    install = machine.distribution.install(package)
    if found is None:
        if not machine.has(PROGRAMS):
            return machine.not_captured(name, f"it could not be told whether {what} is installed", PROGRAMS)
        cause = "no such program is in the system's folders"
        return finding(name, FAIL, f"{what} is not installed", cause=cause, remedy=install, evidence="PATH")
    if found.version is None:
        title, remedy = f"{what} is installed, its version could not be told", f"see it with: {found.path} --version"
        return finding(name, UNKNOWN, title, cause=found.reason, remedy=remedy, evidence=found.path)
    evidence = f"{found.path}; {found.command}: {found.shown}"
    if found.version < oldest:
        needed = ".".join(map(str, oldest))
        title = f"{what} {found.shown} is older than {needed}"
        remedy = f"upgrade the distribution, or its packages: {install}"
        return finding(name, WARN, title, cause=old, remedy=remedy, evidence=evidence)
    return finding(name, OK, f"{what} {found.shown}", evidence=evidence)


def firmware(machine: Machine) -> Finding:
    """UEFI for q35, found by its descriptors as libvirt finds it (QEMU: docs/interop/firmware.json)."""
    name, install = "software.firmware", machine.distribution.install("firmware")
    places = " and ".join(f"/{folder}" for folder in software.DESCRIPTORS)
    try:
        found, wrong = software.firmwares(machine.host)
    except HostError as error:
        title, cause = "the firmware descriptors could not be read", error.problems[0].what
        return finding(name, UNKNOWN, title, cause=cause, remedy=machine.see_more, evidence=places)
    if not found and not machine.has("usr/share"):
        return machine.not_captured(name, "it could not be told whether there is UEFI firmware", "usr/share")
    if not found:
        cause = "; ".join(wrong[:3]) or "no descriptor of a UEFI image for the machine type q35"
        evidence = "; ".join(wrong[:3]) or places
        return finding(name, FAIL, "there is no UEFI firmware", cause=cause, remedy=install, evidence=evidence)
    secure = [each for each in found if each.secure]
    if not secure:
        capable = any("secure-boot" in each.features for each in found)
        return finding(
            name,
            WARN,
            "UEFI firmware is there, without Secure Boot keys",
            cause="no image has Microsoft's keys enrolled: Secure Boot is there, which Windows 11's Setup asks for, and"
            " checks nothing" if capable else "no image has Secure Boot, which Windows 11's Setup asks for",
            remedy="where it has to check, enrol keys in the guest's firmware setup" if capable else
            f"{install}; Windows 10 does without",
            evidence=", ".join(each.descriptor for each in found[:4]),
        )  # fmt: skip
    title = "UEFI firmware is there, also with Secure Boot keys"
    return finding(name, OK, title, evidence=", ".join(each.descriptor for each in secure[:4]))


def tpm(machine: Machine) -> Finding:
    """swtpm and its set-up program: the TPM 2.0 of Windows 11."""
    name = "software.tpm"
    paths = {program: machine.host.which(program) for program in ("swtpm", "swtpm_setup")}
    if not machine.has(PROGRAMS):
        return machine.not_captured(name, "it could not be told whether there is a TPM emulator", PROGRAMS)
    missing = [program for program, path in paths.items() if path is None]
    if missing:
        cause = f"{' and '.join(missing)} not found; Windows 11 asks for a TPM 2.0, Windows 10 does not"
        remedy = machine.distribution.install("tpm")
        return finding(name, WARN, "there is no TPM emulator", cause=cause, remedy=remedy, evidence="PATH")
    return finding(name, OK, "a TPM emulator is there (swtpm)", evidence=", ".join(filter(None, paths.values())))


def virtio(machine: Machine) -> Finding:
    """The ISO with the VirtIO drivers for Windows, in the places where packages put it."""
    name = "software.virtio-iso"
    found, hidden = software.virtio_isos(machine.host)
    places = " and ".join(f"/{folder}" for folder in virtio_iso.PLACES)
    if found:
        return finding(name, OK, "the VirtIO drivers for Windows are there", evidence=", ".join(found[:3]))
    title = "it could not be told whether the VirtIO drivers for Windows are there"
    if not hidden and not machine.has("var/lib"):
        return machine.not_captured(name, title, "var/lib")
    if hidden:
        cause = f"{', '.join(hidden)} may not be looked into by this user"
        return finding(name, UNKNOWN, title, cause=cause, remedy=machine.see_more, evidence=places)
    return finding(
        name,
        WARN,
        "the VirtIO drivers for Windows are not there",
        cause="Windows does not see a fast disk and network without them; vdesk create then takes slower ones",
        remedy=f"get {virtio_iso.SOURCE} and put it into /var/lib/libvirt/images",
        evidence=f"{places}: no virtio-win*.iso",
    )
