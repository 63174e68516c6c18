"""What is installed for virtual machines: programs and their versions, firmware images, the drivers' ISO."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from vdesk.host.host import Host
from vdesk.host.kernel_log import printable
from vdesk.host.virtio_iso import PLACES
from vdesk.model.errors import Absent, HostError

QEMU = ("qemu-system-x86_64", "/usr/libexec/qemu-kvm", "/usr/bin/kvm")
DESCRIPTORS = ("usr/share/qemu/firmware", "etc/qemu/firmware")
"""Later folders override files of the same name; an empty file masks (QEMU: docs/interop/firmware.json)."""

Version = tuple[int, ...]


class Program(NamedTuple):
    """An installed program; `version` None where it could not be asked, and `reason` says why."""

    path: str
    version: Version | None
    reason: str
    command: str

    @property
    def shown(self) -> str:
        """`10.0.13`, or an empty text."""
        return ".".join(map(str, self.version or ()))


class Firmware(NamedTuple):
    """A UEFI image for x86_64 and q35, by its descriptor's path and features."""

    descriptor: str
    features: frozenset[str]

    @property
    def secure(self) -> bool:
        """Secure Boot with Microsoft's keys: what Windows 11 wants."""
        return {"secure-boot", "enrolled-keys"} <= self.features


def program(host: Host, *names: str, ask: tuple[tuple[str, ...], ...] = ()) -> Program | None:
    """The first of the programs that is installed; its version from `--version`, or from the commands in `ask`."""
    path = next((found for name in names if (found := host.which(name))), None)
    if path is None:
        return None
    name = next(each for each in names if path.endswith(each))
    reasons = []
    for argv in ask or ((name, "--version"),):
        try:
            answer = host.run(argv, timeout=20.0)
        except HostError as error:
            reasons.append(error.problems[0].what)
            continue
        version = find_version(answer.stdout)
        if answer.exit_code == 0 and version:
            return Program(path, version, "", " ".join(argv))
        reasons.append(f"{' '.join(argv)}: {printable(answer.stderr.strip() or 'no version in its output', 120)}")
    return Program(path, None, "; ".join(reasons), "")


def find_version(text: str) -> Version | None:
    """The first `N.N` or `N.N.N` in the text."""
    match = re.search(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?", text)
    return tuple(int(part) for part in match.groups() if part is not None) if match else None


def firmwares(host: Host) -> tuple[list[Firmware], list[str]]:
    """The UEFI images for q35 in libvirt's order, and what is wrong with descriptors; HostError when unreadable."""
    files: dict[str, str] = {}
    for folder in DESCRIPTORS:
        files |= {name: f"{folder}/{name}" for name in host.list(folder) if name.endswith(".json")}
    found, wrong = [], []
    for name in sorted(files):
        try:
            each = _descriptor(host, files[name])
        except (HostError, ValueError, RecursionError) as error:
            wrong.append(f"/{files[name]}: {printable(str(error), 120)}")
            continue
        if each is not None:
            found.append(each)
    return found, wrong


def _descriptor(host: Host, path: str) -> Firmware | None:
    """The image, or None where it is masked, not UEFI, or for another machine; ValueError for what is no descriptor."""
    import json

    text = host.read(path, 1 << 20)
    if not text.strip():
        return None
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("not a firmware descriptor")
    if "uefi" not in _texts(content.get("interface-types")) or not _for_q35(content.get("targets")):
        return None
    image = _image(content)
    if image and not host.exists(image.lstrip("/")):
        raise ValueError(f"its image {image} is not there")
    return Firmware(f"/{path}", frozenset(_texts(content.get("features"))))


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _for_q35(targets: Any) -> bool:
    for each in targets if isinstance(targets, list) else []:
        if isinstance(each, dict) and each.get("architecture") == "x86_64":
            return any(fnmatchcase("pc-q35-10.0", pattern) for pattern in _texts(each.get("machines")))
    return False


def _image(content: dict[str, Any]) -> str:
    """The path of the executable, where the descriptor names one plainly."""
    mapping = content.get("mapping")
    part = mapping.get("executable", mapping) if isinstance(mapping, dict) else None
    name = part.get("filename") if isinstance(part, dict) else None
    plain = isinstance(name, str) and name.startswith("/") and ".." not in name.split("/") and "\0" not in name
    return name if isinstance(name, str) and plain else ""


def virtio_isos(host: Host) -> tuple[list[str], list[str]]:
    """ISOs with the VirtIO drivers in the usual places (absolute paths), and the folders that could not be read."""
    found, hidden = [], []
    for folder in PLACES:
        try:
            names = host.list(folder)
        except Absent:
            continue
        except HostError:
            hidden.append(f"/{folder}")
            continue
        found += [f"/{folder}/{printable(name, 255)}" for name in names if re.fullmatch(r"virtio-win.*\.iso", name)]
    return found, hidden
