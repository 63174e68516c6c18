"""autounattend.xml: what Windows Setup is answered, made anew. One local account, GPT on disk 0, the VirtIO drivers
from whatever letter their disc has, no product key (Microsoft: Unattended Windows Setup Reference).

Setup on Windows 11 24H2 and later takes no vioscsi by DriverPaths, so the drivers are loaded by drvload first;
DriverPaths is what carries them into the installed system."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from vdesk.host.virtio_iso import FOLDERS

NAMESPACE = "urn:schemas-microsoft-com:unattend"
STATE = "http://schemas.microsoft.com/WMIConfig/2002/State"
LETTERS = "DEFGHI"
"""Of the discs: C is taken by the disk or the first disc, X by Setup itself; which of these is not promised."""
DRIVERS = (
    ("vioscsi", "vioscsi.inf"),
    ("viostor", "viostor.inf"),
    ("NetKVM", "netkvm.inf"),
    ("vioserial", "vioser.inf"),
)
EDITIONS = {"win10": "Windows 10 Pro", "win11": "Windows 11 Pro"}
BYPASS = {"tpm": "BypassTPMCheck", "secure_boot": "BypassSecureBootCheck"}
SCRIPT = r"C:\Windows\Setup\Scripts"
PARTITIONS = (("EFI", "260"), ("MSR", "16"), ("Primary", ""))
"""Type and MiB; the last takes the rest. 260 MiB hold a FAT32 with sectors of 4 KiB."""


@dataclass(frozen=True)
class Wanted:
    """What is answered. `password` is kept out of every representation; without `tpm` or `secure_boot` Windows 11 is
    not to ask for what the machine lacks."""

    os: str
    user: str
    edition: str
    language: str
    keyboard: str
    computer: str
    time_zone: str | None
    password: str = field(repr=False, default="")
    tpm: bool = True
    secure_boot: bool = True


def answer_file(wanted: Wanted) -> bytes:
    """The document, UTF-8. It holds the password in plain text: who writes it keeps it from others."""
    root = Element("unattend", {"xmlns": NAMESPACE, "xmlns:wcm": STATE})
    _windows_pe(SubElement(root, "settings", {"pass": "windowsPE"}), wanted)
    _specialize(SubElement(root, "settings", {"pass": "specialize"}), wanted)
    _oobe(SubElement(root, "settings", {"pass": "oobeSystem"}), wanted)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _component(settings: Element, name: str) -> Element:
    return SubElement(
        settings,
        "component",
        {
            "name": name,
            "processorArchitecture": "amd64",
            "publicKeyToken": "31bf3856ad364e35",
            "language": "neutral",
            "versionScope": "nonSxS",
        },
    )


def _texts(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = text


def _added(parent: Element, name: str) -> Element:
    return SubElement(parent, name, {"wcm:action": "add"})


def _commands(component: Element, commands: Iterable[str]) -> None:
    """Command lines one after the other; Setup takes up to 259 characters each."""
    run = SubElement(component, "RunSynchronous")
    for number, command in enumerate(commands, 1):
        _texts(_added(run, "RunSynchronousCommand"), Order=str(number), Path=command)


# --- windowsPE: Setup itself


def _windows_pe(settings: Element, wanted: Wanted) -> None:
    core = _component(settings, "Microsoft-Windows-International-Core-WinPE")
    _texts(SubElement(core, "SetupUILanguage"), UILanguage=wanted.language)
    _locales(core, wanted)
    _driver_paths(_component(settings, "Microsoft-Windows-PnpCustomizationsWinPE"), wanted)
    setup = _component(settings, "Microsoft-Windows-Setup")
    folder = FOLDERS[wanted.os]
    loads = (_load(rf"{driver}\{folder}\amd64\{inf}") for driver, inf in DRIVERS)
    _commands(setup, (*_checks_off(wanted), *loads))
    _disk(setup)
    _image(setup, wanted)
    data = SubElement(setup, "UserData")
    _texts(SubElement(data, "ProductKey"), WillShowUI="OnError")
    _texts(data, AcceptEula="true")
    _texts(SubElement(setup, "DynamicUpdate"), Enable="false", WillShowUI="Never")
    _texts(setup, UseConfigurationSet="false")


def _locales(core: Element, wanted: Wanted) -> None:
    language = wanted.language
    _texts(core, InputLocale=wanted.keyboard, SystemLocale=language, UILanguage=language, UserLocale=language)


def _load(inf: str) -> str:
    letters = " ".join("C" + LETTERS)
    return rf"cmd /c for %d in ({letters}) do if exist %d:\{inf} drvload %d:\{inf}"


def lab_config(value: str) -> str:
    """The command that turns off one of the questions of Windows 11's Setup, in Setup."""
    return rf"reg add HKLM\SYSTEM\Setup\LabConfig /v {value} /t REG_DWORD /d 1 /f"


def _checks_off(wanted: Wanted) -> Iterable[str]:
    """Before Setup looks; Windows 10 asks for neither."""
    if wanted.os == "win11" and not wanted.tpm:
        yield lab_config(BYPASS["tpm"])
    if wanted.os == "win11" and not wanted.secure_boot:
        yield lab_config(BYPASS["secure_boot"])


def _driver_paths(component: Element, wanted: Wanted) -> None:
    """Every driver at every letter; Setup passes over what is not there."""
    paths = SubElement(component, "DriverPaths")
    places = [rf"{letter}:\{driver}\{FOLDERS[wanted.os]}\amd64" for letter in LETTERS for driver, _ in DRIVERS]
    for number, place in enumerate(places, 1):
        one = SubElement(paths, "PathAndCredentials", {"wcm:action": "add", "wcm:keyValue": str(number)})
        _texts(one, Path=place)


def _disk(setup: Element) -> None:
    """One disk, GPT: EFI, MSR, Windows. Without the formats Setup stops at three quarters."""
    configuration = SubElement(setup, "DiskConfiguration")
    disk = _added(configuration, "Disk")
    _texts(disk, DiskID="0", WillWipeDisk="true")
    create = SubElement(disk, "CreatePartitions")
    for number, (kind, size) in enumerate(PARTITIONS, 1):
        one = _added(create, "CreatePartition")
        _texts(one, Order=str(number), Type=kind)
        _texts(one, **({"Size": size} if size else {"Extend": "true"}))
    modify = SubElement(disk, "ModifyPartitions")
    _texts(_added(modify, "ModifyPartition"), Order="1", PartitionID="1", Format="FAT32", Label="System")
    _texts(_added(modify, "ModifyPartition"), Order="2", PartitionID="2")
    windows = {"Order": "3", "PartitionID": "3", "Format": "NTFS", "Label": "Windows", "Letter": "C"}
    _texts(_added(modify, "ModifyPartition"), **windows)
    _texts(configuration, WillShowUI="OnError")


def _image(setup: Element, wanted: Wanted) -> None:
    image = SubElement(SubElement(setup, "ImageInstall"), "OSImage")
    chosen = _added(SubElement(image, "InstallFrom"), "MetaData")
    _texts(chosen, Key="/IMAGE/NAME", Value=wanted.edition)
    _texts(SubElement(image, "InstallTo"), DiskID="0", PartitionID="3")


# --- specialize and oobeSystem: the installed system


def _specialize(settings: Element, wanted: Wanted) -> None:
    shell = _component(settings, "Microsoft-Windows-Shell-Setup")
    _texts(shell, ComputerName=wanted.computer)
    if wanted.time_zone:
        _texts(shell, TimeZone=wanted.time_zone)
    _commands(_component(settings, "Microsoft-Windows-Deployment"), _script())


def _script() -> Iterable[str]:
    """SetupComplete.cmd, which Windows runs as SYSTEM before the first logon: drivers and guest agent, no sleep."""
    tools, log = r"%%d:\virtio-win-guest-tools.exe", r"C:\Windows\Temp\virtio-win-guest-tools.log"
    lines = (
        f"for %%d in ({' '.join(LETTERS)}) do if exist {tools} {tools} /install /passive /norestart /log {log}",
        "powercfg /h off",
        "powercfg /x standby-timeout-ac 0",
        "powercfg /x monitor-timeout-ac 0",
    )
    yield rf"cmd /c mkdir {SCRIPT}"
    # The file first: `0>>` at the end of a line would say what goes there, the handle 0, and not the line.
    yield from (rf"cmd /c >>{SCRIPT}\SetupComplete.cmd echo {line}" for line in lines)


def _oobe(settings: Element, wanted: Wanted) -> None:
    _locales(_component(settings, "Microsoft-Windows-International-Core"), wanted)
    shell = _component(settings, "Microsoft-Windows-Shell-Setup")
    account = _added(SubElement(SubElement(shell, "UserAccounts"), "LocalAccounts"), "LocalAccount")
    _texts(SubElement(account, "Password"), Value=wanted.password, PlainText="true")
    _texts(account, Name=wanted.user, DisplayName=wanted.user, Group="Administrators")
    _texts(
        SubElement(shell, "OOBE"),
        HideEULAPage="true",
        HideOEMRegistrationScreen="true",
        HideOnlineAccountScreens="true",
        HideWirelessSetupInOOBE="true",
        ProtectYourPC="3",
    )
