"""The shell's part of binding at boot, in every shell that an initramfs may have."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from tests.kernel.booted import IDS, LIST, OURS
from tests.kernel.hooked import CARD, DISK, SOUND, small
from tests.machines.builder import lay_out
from tests.machines.parts import Tree
from vdesk.at_boot.listed import BOOT_DISPLAY, Listed, written
from vdesk.at_boot.moving import HOLD
from vdesk.initramfs.hold import early, late, on_the_system

SHELLS = {
    "dash": ["/usr/bin/dash"],
    "bash": ["/usr/bin/bash", "--posix"],
    "busybox": ["/usr/bin/busybox", "sh"],
    "klibc": ["/usr/lib/klibc/bin/sh"],
}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    """Each of the shells."""
    return SHELLS[request.param]


def machine(folder: pathlib.Path, cmdline: str = "ro quiet", devices: str = LIST) -> pathlib.Path:
    """The small machine before any driver is there, but for the disk's."""
    tree: Tree = {}
    for path, content in small().items():
        if path.endswith("/driver") and not path.startswith(f"sys/devices/pci0000:00/{DISK}"):
            continue
        tree[path] = content
        if path.endswith("/vendor"):
            tree |= {path.replace("/vendor", f"/{name}"): f"{text}\n" for name, text in IDS.items()}
    tree |= {"proc/cmdline": f"{cmdline}\n", "etc/vdesk/devices": devices, "dev/kmsg": ""}
    return lay_out(tree, folder)


def ran(shell: list[str], root: pathlib.Path, text: str, *words: str, sourced: bool = False, path: str = "") -> str:
    """What a script says on the machine below `root`; it must not end the shell that sources it."""
    for folder in ("/sys/", "/proc/", "/etc/vdesk", "/dev/kmsg"):
        text = text.replace(f" {folder}", f" {root}{folder}").replace(f'"{folder}', f'"{root}{folder}')
    script = root / "script"
    script.write_text(text)
    asked = [*shell, "-c", f". {script}; echo on"] if sourced else [*shell, str(script), *words]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=20, env={"PATH": path}, check=False)
    assert done.returncode == 0 and done.stderr == "", done
    assert done.stdout == ("on\n" if sourced else "")
    return done.stdout


def overrides(root: pathlib.Path) -> list[str]:
    return [(root / f"sys/bus/pci/devices/{each}/driver_override").read_text().strip() for each in (CARD, SOUND, DISK)]


@pytest.mark.parametrize("sourced", [False, True])
def test_held(shell: list[str], memory: pathlib.Path, sourced: bool) -> None:
    """What is listed and there, and nothing else; said to the kernel's log."""
    root = machine(memory)
    ran(shell, root, early(), sourced=sourced)
    assert overrides(root) == [HOLD, HOLD, "(null)"]
    assert (root / "dev/kmsg").read_text().strip().startswith("vdesk holds 0000:01:00.")


@pytest.mark.parametrize(
    "words",
    ["vdesk.off", "ro vdesk.off quiet", "single", "s", "S", "1", "recovery nomodeset", "rescue", "emergency", "-b",
     "systemd.unit=rescue.target", "ro systemd.unit=emergency.target"],
)  # fmt: skip
def test_left_out_once(shell: list[str], memory: pathlib.Path, words: str) -> None:
    root = machine(memory, words)
    ran(shell, root, early())
    assert overrides(root) == ["(null)", "(null)", "(null)"]


@pytest.mark.parametrize("words", ["vdesk.offer", "notvdesk.off", "root=/dev/1", "s=1", "*", "$(touch x) `id`"])
def test_not_left_out(shell: list[str], memory: pathlib.Path, words: str) -> None:
    root = machine(memory, words)
    ran(shell, root, early())
    assert overrides(root) == [HOLD, HOLD, "(null)"]


@pytest.mark.parametrize(
    "other",
    ["8086:1235 1043:8591", "8087:1234 1043:8591", "8086:1234 1043:8592", "8086:1234 1044:8591"],
)
def test_another_device_is_left_alone(shell: list[str], memory: pathlib.Path, other: str) -> None:
    """Vendor, device and subsystem all count."""
    root = machine(memory, devices=written([Listed(CARD, other), Listed(SOUND, OURS)], True))
    ran(shell, root, early())
    assert overrides(root) == ["(null)", HOLD, "(null)"]


@pytest.mark.parametrize(("mark", "held"), [("", "(null)"), (BOOT_DISPLAY, HOLD)])
def test_the_card_that_the_machine_booted_on(
    shell: list[str], memory: pathlib.Path, mark: str, held: str
) -> None:
    """And its sound: an equal card may have moved there, unless it was so when it was listed."""
    root = machine(memory, devices=written([Listed(CARD, OURS, mark), Listed(SOUND, OURS, mark)], True))
    (root / f"sys/bus/pci/devices/{CARD}/boot_vga").write_text("1\n")
    ran(shell, root, early())
    assert overrides(root) == [held, held, "(null)"]
    (root / f"sys/bus/pci/devices/{CARD}/boot_vga").write_text("0\n")
    ran(shell, root, early())
    assert overrides(root) == [HOLD, HOLD, "(null)"]


def test_a_driver_or_an_override_that_is_there_stays(shell: list[str], memory: pathlib.Path) -> None:
    root = machine(memory, devices=written([Listed(DISK, OURS), Listed(SOUND, OURS)], True))
    (root / f"sys/bus/pci/devices/{SOUND}/driver_override").write_text("pci-stub\n")
    ran(shell, root, early())
    assert overrides(root) == ["(null)", "pci-stub", "(null)"]


@pytest.mark.parametrize("kind", ["0x0c0330", "0x0c0320"])
def test_a_usb_controller_is_not_held(shell: list[str], memory: pathlib.Path, kind: str) -> None:
    """The passphrase of an encrypted disk may be typed on it; neither here nor by the unit on the whole system."""
    root = machine(memory)
    (root / f"sys/bus/pci/devices/{SOUND}/class").write_text(f"{kind}\n")
    ran(shell, root, early())
    assert overrides(root) == [HOLD, "(null)", "(null)"]
    ran(shell, root, on_the_system(), "hold")
    assert overrides(root) == [HOLD, "(null)", "(null)"]


def test_a_list_that_is_no_list(shell: list[str], memory: pathlib.Path) -> None:
    """Addresses that are not there, lines of anything, no end of line: nothing breaks."""
    text = f"0000:7f:00.0 {OURS}\n../../{CARD} {OURS}\n$(reboot)\n\n*\n{CARD}\n{SOUND} {OURS} more\n{CARD} {OURS}"
    root = machine(memory, devices=text)
    ran(shell, root, early())
    assert overrides(root) in ([HOLD, HOLD, "(null)"], ["(null)", HOLD, "(null)"])
    (root / "etc/vdesk/devices").unlink()
    ran(shell, root, early())


def test_let_go_where_nothing_decides(shell: list[str], memory: pathlib.Path) -> None:
    """The new root has no list, no program, or no python."""
    root = machine(memory)
    ran(shell, root, early())
    for path in ("etc/vdesk/devices", "etc/vdesk/boot", "usr/bin/python3"):
        (root / "new" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "new" / path).write_text("")
    text = late().replace("${rootmnt:-${NEWROOT:-/new_root}}", f"{root}/new")
    ran(shell, root, text)
    assert overrides(root) == [HOLD, HOLD, "(null)"]
    (root / "new/usr/bin/python3").unlink()
    (root / "new/usr/bin/python3").symlink_to("/nowhere/python3.11")
    ran(shell, root, text)
    assert overrides(root) == [HOLD, HOLD, "(null)"]
    (root / "new/etc/vdesk/boot").unlink()
    ran(shell, root, text)
    assert overrides(root) == ["", "", "(null)"]
    assert (root / "sys/bus/pci/drivers_probe").read_text() == f"{SOUND}\n"


def test_let_go_in_an_initramfs_of_systemd(shell: list[str], memory: pathlib.Path) -> None:
    """The same, as its unit runs it: the new root is at /sysroot."""
    root = machine(memory)
    text = on_the_system().replace("rootmnt=/sysroot", f"rootmnt={root}/sysroot")
    ran(shell, root, text, "hold")
    for path in ("etc/vdesk/devices", "etc/vdesk/boot", "usr/bin/python3"):
        (root / "sysroot" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "sysroot" / path).write_text("")
    ran(shell, root, text, "late")
    assert overrides(root) == [HOLD, HOLD, "(null)"]
    (root / "sysroot/usr/bin/python3").unlink()
    ran(shell, root, text, "late")
    assert overrides(root) == ["", "", "(null)"]


MODPROBE = """#!/bin/sh
echo "$@" >> {root}/loaded
mkdir -p {root}/sys/bus/pci/drivers/nvidia
ln -s ../../../../bus/pci/drivers/nvidia {root}/sys/bus/pci/devices/{card}/driver 2> /dev/null
exit 1
"""


def test_the_fallback_loads_a_module(shell: list[str], memory: pathlib.Path) -> None:
    """All are let go before any module is loaded, and a module that cannot be is no reason to stop."""
    root = machine(memory)
    alias = "pci:v000010DEd00001402sv*; touch {root}/x; $(touch {root}/x) -r"
    for function, text in ((CARD, alias.format(root=root)), (SOUND, "pci:sound")):
        (root / f"sys/bus/pci/devices/{function}/modalias").write_text(f"{text}\n")
    (root / "bin").mkdir()
    (root / "bin/modprobe").write_text(MODPROBE.format(root=root, card=CARD))
    (root / "bin/modprobe").chmod(0o755)
    ran(shell, root, on_the_system(), "hold")
    ran(shell, root, on_the_system(), "release", path=f"{root}/bin:/usr/bin:/bin")
    assert overrides(root) == ["", "", "(null)"] and not (root / "x").exists()
    assert (root / "loaded").read_text() == f"-q -- {alias.format(root=root)}\n-q -- pci:sound\n"
    assert (root / f"sys/bus/pci/devices/{CARD}/driver").exists()
    assert (root / "sys/bus/pci/drivers_probe").read_text() == f"{SOUND}\n", "the card's driver took it by itself"
    (root / "loaded").unlink()
    ran(shell, root, on_the_system(), "release", path=f"{root}/bin:/usr/bin:/bin")
    assert not (root / "loaded").exists(), "only what was held"


def test_on_the_system(shell: list[str], memory: pathlib.Path) -> None:
    root = machine(memory)
    ran(shell, root, on_the_system())
    assert overrides(root) == ["(null)", "(null)", "(null)"]
    ran(shell, root, on_the_system(), "hold")
    assert overrides(root) == [HOLD, HOLD, "(null)"]
    ran(shell, root, on_the_system(), "release")
    assert overrides(root) == ["", "", "(null)"]
