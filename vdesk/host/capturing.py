"""A captured machine, made of what was read: scrubbed, cut to what vdesk uses, as files, links and folders."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from vdesk.host.kernel_config import CONFIG
from vdesk.host.names import PCI_IDS
from vdesk.host.other_hooks import does
from vdesk.host.recorded import COMMANDS, MACHINE
from vdesk.host.recording import RecordingHost
from vdesk.host.scrub import Scrub

# Never in a capture: what vdesk itself keeps of a machine, people's folders, secrets.
LEFT_OUT = re.compile(
    r"(var/lib/vdesk|run/vdesk|home|root|var/home|etc/shadow|etc/gshadow|etc/sudoers|etc/ssh|etc/NetworkManager"
    r"|etc/libvirt/(qemu|secrets)|var/lib/libvirt/(qemu|swtpm|secrets))(/|$)"
)
SECRETS = re.compile(r"/((product_|board_|chassis_)?serial(_number)?|vpd|wwid|unique_id|(product_)?uuid|address)$")
# What people write for themselves stays theirs; vdesk's own files are compared to the byte.
COMMENTED = re.compile(r"etc/(libvirt/hooks|modprobe\.d|udev/rules\.d)/(?!.*vdesk)")
PROCESS = re.compile(r"proc/(\d+)(/|$)")
NODE = re.compile(
    r"/dev/(dri/|nvidia|snd/|fb\d|i2c-|kfd|vfio/|video|vbi|(sw)?radio|v4l-|media\d|bus/usb/|usb/lp|cdc-wdm|tty(USB|ACM))"
)
DISCS = re.compile(r"virtio-win[-_.\w]*\.iso", re.IGNORECASE)
PEOPLE = range(1000, 60000)
PACKAGES = ("libvirt0", "libvirt-daemon", "qemu-system-x86", "ovmf", "swtpm", "nvidia-prime")


@dataclass
class Capture:
    """What goes into the folder or the archive; paths are relative, links hold their texts."""

    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)


def scrubber(host: RecordingHost) -> Scrub:
    """What is private on this machine: its name, its people, the serial numbers that its firmware tells."""
    rows = [line.split(":") for line in host.text("etc/passwd").splitlines()]
    people = [row[0] for row in rows if len(row) > 3 and row[2].isdecimal() and int(row[2]) in PEOPLE]
    ids = [host.value(f"sys/class/dmi/id/{name}") for name in ("product_serial", "board_serial", "chassis_serial")]
    ids += [host.value(f"sys/block/{name}/device/serial") for name in host.names("sys/block")]
    names = [host.text(path).strip() for path in ("etc/hostname", "proc/sys/kernel/hostname")]
    return Scrub(names, people, [each for each in ids if re.fullmatch(r"[\w.-]+", each)])


def capture(host: RecordingHost, scrub: Scrub, about: dict[str, str], more: dict[str, str]) -> Capture:
    """All that was read. `about` goes into machine.json, `more` are further texts below run/vdesk."""
    found, record = Capture(), host.record
    pids = _holders(record.links)
    for path, data in record.files.items():
        if _wanted(path, pids):
            found.files[scrub.path(path)] = scrub.data(_cut(path, data, record.files))
    for path in set(record.there) - set(record.files):
        if _wanted(path, pids) and _shown(path):
            found.files.setdefault(scrub.path(path), bytes(record.there[path]) if path.endswith("/rom") else b"")
    for path, target in record.links.items():
        if _wanted(path, pids) and (not PROCESS.match(path) or NODE.match(target)):
            found.links[scrub.path(path)] = scrub.path(target)
    found.folders = {scrub.path(path) for path in record.folders if path and _wanted(path, pids)}
    found.unreadable = sorted({scrub.path(path) for path in record.denied if _wanted(path, pids)})
    for name, text in more.items():
        found.files[f"run/vdesk/{name}"] = scrub.text(text).encode("utf-8", "surrogateescape")
    answers = [
        {
            "argv": [scrub.text(word) for word in argv],
            "exit_code": answer.exit_code,
            "stdout": scrub.text(answer.stdout),
            "stderr": scrub.text(answer.stderr),
        }
        for argv, answer in host.heard.answers.items()
    ]
    found.files[COMMANDS] = json.dumps(answers, indent=1).encode()
    found.files[MACHINE] = json.dumps({**about, "unreadable": found.unreadable}, indent=1).encode()
    _tidy(found)
    return found


def _tidy(found: Capture) -> None:
    """A path is one thing, and nothing lies below a file or a link."""
    for path in found.links:
        found.files.pop(path, None)
        found.folders.discard(path)
    solid = {*found.files, *found.links}
    for table in (found.files, found.links):
        for path in [each for each in table if _below(each, solid)]:
            del table[path]
    found.folders = {each for each in found.folders if each not in solid and not _below(each, solid)}


def _below(path: str, solid: set[str]) -> bool:
    while "/" in path:
        path = path.rpartition("/")[0]
        if path in solid:
            return True
    return False


def _holders(links: dict[str, str]) -> set[str]:
    """The processes that have a device node open: of no other anything is kept."""
    found = set()
    for path, target in links.items():
        process = PROCESS.match(path)
        if process and NODE.match(target):
            found.add(process[1])
    return found


def _wanted(path: str, pids: set[str]) -> bool:
    process = PROCESS.match(path)
    if process:
        return process[1] in pids
    return not LEFT_OUT.match(path) and not (path.startswith("sys/") and SECRETS.search(f"/{path}"))


def _shown(path: str) -> bool:
    """Whether a file that was not read is there all the same: the name of a disc may be a person's own."""
    name = path.rpartition("/")[2]
    return not path.startswith("var/lib/libvirt/images/") or bool(DISCS.fullmatch(name))


# --- long files, cut to what vdesk looks up


def _cut(path: str, data: bytes, files: dict[str, bytes]) -> bytes:
    text = data.decode("utf-8", "surrogateescape")
    if path in PCI_IDS:
        return _pci_ids(text, _vendors(files)).encode("utf-8", "surrogateescape")
    if path.endswith("/modules.alias"):
        return _lines(text, lambda line: line.startswith("alias pci:")).encode("utf-8", "surrogateescape")
    if path.startswith(CONFIG):
        return _lines(text, lambda line: "INTEL_IOMMU" in line).encode("utf-8", "surrogateescape")
    if path == "var/lib/dpkg/status":
        return _packages(text).encode("utf-8", "surrogateescape")
    if path in ("etc/passwd", "etc/group"):
        return _accounts(text, files.get("etc/passwd", b"").decode("utf-8", "replace")).encode()
    if path == "proc/net/route":
        return re.sub(r"\t(?!0{8}\t)[0-9A-F]{8}(?=\t)", "\t010200C0", text).encode("utf-8", "surrogateescape")
    if COMMENTED.match(path):
        return _uncommented(text, path.startswith("etc/libvirt/hooks/")).encode("utf-8", "surrogateescape")
    return data


def _uncommented(text: str, hook: bool) -> str:
    """A file without what people wrote into it for themselves; of a hook the lines that vdesk looks for, each where it
    was."""
    found = []
    for number, line in enumerate(text.splitlines()):
        first = number == 0 and line.startswith("#!")
        kept = bool(does(line)) if hook else not line.lstrip().startswith("#")
        found.append(line if first or kept or not line.strip() else "#")
    return "".join(f"{line}\n" for line in found)


def _lines(text: str, wanted: Callable[[str], bool]) -> str:
    return "".join(f"{line}\n" for line in text.splitlines() if wanted(line))


def _vendors(files: dict[str, bytes]) -> set[str]:
    return {data[2:6].decode("ascii", "replace") for path, data in files.items() if path.endswith("/vendor")}


def _pci_ids(text: str, vendors: set[str]) -> str:
    """pci.ids with the vendors of this machine."""
    found, inside = [], False
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue  # also in the middle of a vendor's block
        if not line.startswith("\t"):
            inside = line[:4] in vendors or line.startswith("C ")
        if inside:
            found.append(line)
    return "\n".join(found) + "\n"


def _packages(text: str) -> str:
    """dpkg's status of the packages whose versions are looked up."""
    found = []
    for block in text.split("\n\n"):
        name = block.partition("\n")[0].removeprefix("Package: ").strip()
        if name in PACKAGES:
            rows = [line for line in block.splitlines() if line.startswith(("Package:", "Status:", "Version:"))]
            found.append("\n".join(rows))
    return "\n\n".join(found) + "\n"


def _accounts(text: str, passwd: str) -> str:
    """Accounts of the system as they are, people as `user`: their number, their groups, and nothing else."""
    rows = [line.split(":") for line in passwd.splitlines()]
    people = {row[0]: row[2:4] for row in rows if len(row) > 3 and row[2].isdecimal() and int(row[2]) in PEOPLE}
    first = next(iter(people), None)
    found = []
    for fields in (line.split(":") for line in text.splitlines()):
        if len(fields) == 7:
            if fields[0] == first:
                found.append(f"user:x:{fields[2]}:{fields[3]}::/home/user:/bin/sh")
            elif fields[0] not in people:
                found.append(":".join([*fields[:2], *fields[2:4], "", "/", "/bin/sh"]))
        elif len(fields) == 4 and fields[2].isdecimal():
            members = ",".join("user" for each in fields[3].split(",") if first and each == first)
            name = fields[0] if int(fields[2]) not in PEOPLE else f"group{fields[2]}"
            name = "user" if fields[0] == first else name
            found.append(f"{name}:x:{fields[2]}:{members}")
    return "\n".join(found) + "\n"
