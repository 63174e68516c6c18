"""Small machines, written by hand from what the kernel has: only the files that matter, in one of the places they can
have. What protects the host must not rest on a second copy of a fact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.commands.running import on

PCI = "sys/devices/pci0000:00"
TYPING = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
KEYBOARD = f"{PCI}/0000:00:14.0/usb1/1-1/1-1:1.0/0003:046D:C31C.0001/input/input5"
CARD = f"{PCI}/0000:01:00.0"
DISK = f"{PCI}/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda"
FUNCTIONS = (
    ("0000:00:02.0", "030000", 2, "i915"),
    ("0000:00:14.0", "0c0330", 3, "xhci_hcd"),
    ("0000:00:17.0", "010601", 4, "ahci"),
    ("0000:00:1f.6", "020000", 5, "e1000e"),
    ("0000:01:00.0", "030000", 1, "nouveau"),
    ("0000:01:00.1", "040300", 1, "snd_hda_intel"),
)


def machine(root: Path, files: Mapping[str, str], links: Mapping[str, str] | None = None) -> Path:
    """A machine with an IOMMU that is on, one function per group but for the card and its sound, and these files."""
    links = dict(links or {})
    texts = {"proc/cmdline": "quiet\n", "sys/class/iommu/dmar0/intel-iommu/version": "1:0\n", **files}
    for address, pci_class, group, driver in FUNCTIONS:
        place = f"{PCI}/{address}"
        texts |= {f"{place}/class": f"0x{pci_class}\n", f"{place}/vendor": "0x8086\n", f"{place}/device": "0x1901\n"}
        texts[f"{place}/boot_vga"] = f"{int(address == '0000:00:02.0')}\n"
        links[f"sys/bus/pci/devices/{address}"] = f"../../../devices/pci0000:00/{address}"
        links[f"{place}/iommu_group"] = f"../../../kernel/iommu_groups/{group}"
        links[f"sys/kernel/iommu_groups/{group}/devices/{address}"] = f"../../../../devices/pci0000:00/{address}"
        links[f"{place}/driver"] = f"../../../bus/pci/drivers/{driver}"
        links[f"sys/bus/pci/drivers/{driver}/{address}"] = f"../../../../devices/pci0000:00/{address}"
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    for path, target in links.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)
    return root


def unreadable(*paths: str) -> dict[str, str]:
    """What a capture says that could not read these."""
    return {"run/vdesk/machine.json": json.dumps({"unreadable": paths})}


DISK_FILES = {f"{DISK}/dev": "8:0\n", f"{DISK}/sda1/dev": "8:1\n", f"{DISK}/sda1/partition": "1\n"}
DISK_LINKS = {"sys/block/sda": f"../{DISK.removeprefix('sys/')}"}
OUTPUT = {
    f"{CARD}/drm/card1/card1-HDMI-A-1/status": "connected\n",
    f"{CARD}/drm/card1/card1-HDMI-A-1/enabled": "enabled\n",
}
INPUT = {f"{KEYBOARD}/name": "kb\n", f"{KEYBOARD}/capabilities/ev": "120013\n"}
INPUT[f"{KEYBOARD}/capabilities/key"] = f"{TYPING}\n"
HELD = {"proc/77/comm": "game\n"}

REFUSED = {
    "a lit output, without the class": ("01:00.0", "host-display", OUTPUT, {}),
    "an open node, without the class": (
        "01:00.0",
        "in-use",
        {**HELD, f"{CARD}/drm/renderD129/dev": "226:129\n"},
        {"proc/77/fd/5": "/dev/dri/renderD129"},
    ),
    "an open sound node, without the class": (
        "01:00.0",
        "in-use",
        {**HELD, f"{PCI}/0000:01:00.1/sound/card1/pcmC1D3p/dev": "116:5\n"},
        {"proc/77/fd/5": "/dev/snd/pcmC1D3p"},
    ),
    "the last keyboard, by its class": (
        "00:14.0",
        "last-input",
        INPUT,
        {"sys/class/input/input5": f"../../{KEYBOARD.removeprefix('sys/')}"},
    ),
    "a mount in proc/self/mounts": (
        "00:17.0",
        "root-disk",
        {**DISK_FILES, "proc/self/mounts": "/dev/sda1 / ext4 rw 0 0\n"},
        DISK_LINKS,
    ),
    "a pool in proc/mounts": (
        "00:17.0",
        "root-disk",
        {**DISK_FILES, "proc/mounts": "rpool/ROOT / zfs rw 0 0\n"},
        DISK_LINKS,
    ),
    "mounts that could not be read": ("00:17.0", "root-disk", unreadable("proc/self/mountinfo"), {}),
    "a folder that could not be read": ("00:17.0", "root-disk", unreadable("/proc/self"), {}),
    "routes that could not be read": ("00:1f.6", "host-network", unreadable("proc/net/route"), {}),
    "inputs that could not be read": ("00:14.0", "last-input", unreadable("proc/bus/input/devices"), {}),
    "outputs that could not be read": ("01:00.0", "host-display", unreadable("sys/class/drm"), {}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bind_refuses_by_what_there_is(name: str, tmp_path: Path) -> None:
    """Each fact is enough alone, and one that could not be read is not taken for a free device."""
    address, rule, files, links = REFUSED[name]
    machine(tmp_path, files, links)
    ran = on(tmp_path, "bind", address, "--yes", "--json")
    assert (ran.code, ran.errors) == (3, [f"rule.{rule}"])


@pytest.mark.parametrize("address", ["00:14.0", "00:17.0", "00:1f.6", "01:00.0"])
def test_bind_takes_what_nothing_speaks_for(address: str, tmp_path: Path) -> None:
    """The same machines without those files: nothing refuses."""
    machine(tmp_path, DISK_FILES, DISK_LINKS)
    assert on(tmp_path, "bind", address, "--yes", "--json").code == 0


@pytest.mark.parametrize("paths", [("proc/self/mountinfo",), ("proc/mounts", "proc/self/mounts")])
def test_a_disk_that_cannot_be_told_free_blocks_its_group(paths: tuple[str, ...], tmp_path: Path) -> None:
    """`viable` is false where bind would refuse."""
    machine(tmp_path, {**unreadable(*paths), **DISK_FILES}, DISK_LINKS)
    groups = on(tmp_path, "groups", "--json").envelope["data"]["groups"]
    assert [each["blockers"] for each in groups if not each["viable"]] == [["0000:00:02.0"], ["0000:00:17.0"]]
