"""What Windows Setup would stumble over in an answer file, as sentences (Microsoft: Unattended Windows Setup
Reference)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from vdesk.host.virtio_iso import FOLDERS
from vdesk.model.near import did_you_mean
from vdesk.vm.install_media import Images
from vdesk.vm.spec import TITLES

NAMESPACE = "{urn:schemas-microsoft-com:unattend}"
PASSES = (
    "windowsPE", "offlineServicing", "generalize", "specialize", "auditSystem", "auditUser", "oobeSystem",
)  # fmt: skip
NEW_SETUP = 26100
"""From this build (24H2) on Setup takes no SCSI driver by DriverPaths."""
TOOLS = ("virtio-win-guest-tools", "virtio-win-gt")
FORMATTED = ("efi", "primary")


@dataclass(frozen=True)
class Machine:
    """What the answers are for. `virtio`: its disk needs the drivers; `wiped`: a disk that was there before; `images`:
    what its disc installs, where that is known."""

    os: str
    virtio: bool
    wiped: str | None = None
    tpm: bool = True
    secure_boot: bool = True
    images: Images | None = None


def sentences(root: Element, path: str, machine: Machine) -> list[str]:
    """What a person should know before; nothing for a good file."""
    found = [*_keys(root, path), *_disks(root, path)]
    if machine.virtio:
        found += _drivers(root, path, machine)
    found += [*_passes(root, path), *_architecture(root, path), *_formats(root, path)]
    found += [*_other_drivers(root, path, machine.os), *_edition(root, path, machine), *_language(root, path, machine)]
    found += lab_config(root, path, machine)
    if machine.wiped and "true" in texts(root, "WillWipeDisk"):
        found.append(f"WARNING: Windows Setup wipes {machine.wiped} without asking: the answer file says WillWipeDisk.")
    return found


def texts(root: Element, name: str) -> list[str]:
    """The texts of every element of that name."""
    return [(each.text or "").strip() for each in root.iter(f"{NAMESPACE}{name}")]


def _whole(root: Element) -> str:
    """All that the file says, lower case: drivers are loaded by scripts in it too."""
    return " ".join((each.text or "").lower() for each in root.iter())


def _keys(root: Element, path: str) -> Iterator[str]:
    """A product key anywhere: UserData's, or the one that specialize leaves installed."""
    inner = [(each.text or "").strip() for each in root.iterfind(f".//{NAMESPACE}ProductKey/{NAMESPACE}Key")]
    if any(key.strip("0-") for key in (*texts(root, "ProductKey"), *inner)):
        yield f"{path} holds a product key: Windows is installed with it, and it stays in the guest."


# --- the disk and its drivers


def _disks(root: Element, path: str) -> Iterator[str]:
    others = ", ".join(sorted({number for number in texts(root, "DiskID") if number != "0"}))
    if others:
        yield f"{path} installs to disk {others}, and the machine has one disk, number 0: Setup will stop."


def _formats(root: Element, path: str) -> Iterator[str]:
    """A partition that is made has to be formatted too: Setup does it for none."""
    for disk in root.iter(f"{NAMESPACE}Disk"):
        made = {
            each.findtext(f"{NAMESPACE}Order", "").strip(): each.findtext(f"{NAMESPACE}Type", "").strip().lower()
            for each in disk.iter(f"{NAMESPACE}CreatePartition")
        }
        done = {
            each.findtext(f"{NAMESPACE}PartitionID", "").strip()
            for each in disk.iter(f"{NAMESPACE}ModifyPartition")
            if each.findtext(f"{NAMESPACE}Format", "").strip()
        }
        bare = ", ".join(sorted(number for number, kind in made.items() if kind in FORMATTED and number not in done))
        if bare:
            yield (
                f"{path} makes partition {bare} without a Format in ModifyPartition: Setup stops at about three"
                " quarters."
            )


def _drivers(root: Element, path: str, machine: Machine) -> Iterator[str]:
    told = _whole(root)
    if "vioscsi" not in told:
        yield (
            f"{path} names no vioscsi driver (DriverPaths or drvload), so Setup does not see the disk of the machine. "
            "Make one that does with: vdesk answer-file"
        )
    elif machine.os == "win11" and "drvload" not in told and _is_new(machine.images):
        yield (
            f"{path} gives the vioscsi driver by DriverPaths alone: the Setup of Windows 11 24H2 and later does not"
            " take it from there, and sees no disk. It has to be loaded by drvload too. Make one that does with: vdesk"
            " answer-file"
        )
    if any(tool in told for tool in TOOLS):
        return
    if "netkvm" not in told:
        yield f"{path} brings no NetKVM driver, and no virtio-win-guest-tools: Windows will have no network."
    if "vioser" not in told:
        yield (
            f"{path} brings no vioserial driver, and no virtio-win-guest-tools: the guest's agent will have no channel,"
            " so vdesk cannot tell that Windows is installed."
        )


def _is_new(images: Images | None) -> bool:
    return images is None or images.build is None or images.build >= NEW_SETUP


def _other_drivers(root: Element, path: str, os: str) -> Iterator[str]:
    if os not in FOLDERS:
        return
    other = next(name for name in FOLDERS if name != os)
    told = _whole(root)
    if f"\\{FOLDERS[other]}\\" in told and f"\\{FOLDERS[os]}\\" not in told:
        yield f"{path} loads the drivers for {TITLES[other]}, and the machine is for {TITLES[os]}."


# --- what Setup reads of the file at all


def _passes(root: Element, path: str) -> Iterator[str]:
    for each in root.iter(f"{NAMESPACE}settings"):
        name = each.get("pass", "")
        if name not in PASSES:
            meant = did_you_mean(name, PASSES)
            yield (
                f"{path} has settings for the pass {name!r}, which Setup does not know and leaves out: {meant}it knows"
                f" {', '.join(PASSES)}"
            )


def _architecture(root: Element, path: str) -> Iterator[str]:
    """Components for another processor that have none for this one beside them, as files for several processors do."""
    parts = [
        (settings.get("pass"), each.get("name", ""), each.get("processorArchitecture", ""))
        for settings in root.iter(f"{NAMESPACE}settings")
        for each in settings.iter(f"{NAMESPACE}component")
    ]
    ours = {(phase, name) for phase, name, kind in parts if kind.lower() == "amd64"}
    wrong = [(name, kind) for phase, name, kind in parts if (phase, name) not in ours]
    for kind in dict.fromkeys(kind for _, kind in wrong):
        names = ", ".join(dict.fromkeys(name for name, each in wrong if each == kind))
        yield f"{path} has components for the processor {kind!r}, not amd64, and Setup leaves them out: {names}"


# --- what the disc has, and what Windows 11 asks for


def _edition(root: Element, path: str, machine: Machine) -> Iterator[str]:
    """An edition that is not on the disc: Setup stops there when the disk is wiped already."""
    chosen = [
        each.findtext(f"{NAMESPACE}Value", "").strip()
        for each in root.iter(f"{NAMESPACE}MetaData")
        if each.findtext(f"{NAMESPACE}Key", "").strip().upper() == "/IMAGE/NAME"
    ]
    names = machine.images.names if machine.images else ()
    if names:
        missing = [name for name in chosen if name.casefold() not in [each.casefold() for each in names]]
        for name in missing:
            yield (
                f"WARNING: {path} installs {name}, and the disc has {', '.join(names)}: Setup stops, after it wiped the"
                " disk. Make one that fits with: vdesk answer-file --edition NAME"
            )
        return
    other = next((name for name in FOLDERS if name != machine.os), "") if machine.os in FOLDERS else ""
    wrong = [name for name in chosen if other and name.startswith(TITLES[other])]
    if wrong:
        yield (
            f"WARNING: {path} installs {wrong[0]}, and the machine is for {TITLES[machine.os]}: where the disc has no"
            " such edition Setup stops, after it wiped the disk. Make one that fits with: vdesk answer-file"
            f" --os {machine.os}"
        )


def _language(root: Element, path: str, machine: Machine) -> Iterator[str]:
    """24H2 and later asks for the language where Setup's is none of the disc's."""
    known = machine.images.languages if machine.images else ()
    told = [
        language
        for settings in root.iter(f"{NAMESPACE}settings")
        if settings.get("pass") == "windowsPE"
        for language in texts(settings, "UILanguage")
    ]
    for language in dict.fromkeys(told):
        if known and language.casefold() not in [each.casefold() for each in known]:
            yield (
                f"{path} sets the language {language}, and the disc has {', '.join(known)}: Setup asks for the language"
                " after all. Make one that fits with: vdesk answer-file --language TAG"
            )


def lab_config(root: Element, path: str, machine: Machine) -> list[str]:
    """Where the machine lacks what Windows 11 asks for, and the file does not turn the question off."""
    if machine.os != "win11":
        return []
    told = _whole(root)
    lacks = [("a TPM", "--no-tpm")] * (not machine.tpm and "bypasstpmcheck" not in told)
    lacks += [("Secure Boot", "--no-secure-boot")] * (not machine.secure_boot and "bypasssecurebootcheck" not in told)
    return [
        f"WARNING: the machine is without {what}, and {path} does not turn off Setup's check for it (LabConfig): Setup"
        f" ends with `This PC can't run Windows 11`. Make one that does with: vdesk answer-file {option}"
        for what, option in lacks
    ]
