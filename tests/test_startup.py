"""What vdesk loads before it does anything: a command that is typed all day does not wait for what it does not use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import LIMITS, commands, demo_machine, ratios
from tests.machines.builder import build

HEAVY = {"rich", "libvirt", "pyudev"}
# Of the standard library, unless click itself loads them.
LATE = {"subprocess", "pathlib", "importlib.resources", "tempfile", "xml.etree.ElementTree", "asyncio", "ssl"}
DEVICE = "sys/devices/pci0000:00/0000:00:02.0"

PROBE = """
import json, sys
import click
of_click = set(sys.modules)
from vdesk.__main__ import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
sys.stdout.flush()
print(json.dumps({"code": code or 0, "loaded": sorted(set(sys.modules) - of_click)}), file=sys.stderr)
"""


def loaded(*arguments: str, **environment: str) -> tuple[str, set[str]]:
    """Run vdesk in an interpreter of its own; return its stdout and the modules that it loaded beyond click's."""
    argv = [sys.executable, "-c", PROBE, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    told = json.loads(done.stderr.splitlines()[-1])
    assert told["code"] == 0, done.stderr
    return done.stdout, set(told["loaded"])


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return the root of a machine of one display controller in a group of its own."""
    device = tmp_path / DEVICE
    device.mkdir(parents=True)
    for name, text in {"vendor": "0x8086", "device": "0x0412", "class": "0x030000", "modalias": "pci:v8086"}.items():
        (device / name).write_text(text + "\n")
    group = tmp_path / "sys/kernel/iommu_groups/0/devices"
    group.mkdir(parents=True)
    (group / device.name).symlink_to("../../../../devices/pci0000:00/0000:00:02.0")
    (device / "iommu_group").symlink_to("../../../kernel/iommu_groups/0")
    bus = tmp_path / "sys/bus/pci/devices"
    bus.mkdir(parents=True)
    (bus / device.name).symlink_to("../../../devices/pci0000:00/0000:00:02.0")
    return tmp_path


def test_version_is_light() -> None:
    out, modules = loaded("--version")
    assert out.startswith("vdesk ")
    assert not modules & (HEAVY | LATE | {"json"})


def test_groups_are_light(machine: Path) -> None:
    out, modules = loaded("groups", "--json", "--root", str(machine))
    assert json.loads(out)["data"]["groups"][0]["devices"][0]["address"] == "0000:00:02.0"
    assert not modules & (HEAVY | LATE)


def test_bind_is_light(tmp_path: Path) -> None:
    """What only a binding at every boot, an undo or a plan of setup's needs is not loaded for one function."""
    root = build("article-booted", tmp_path)
    out, modules = loaded("bind", "01:00.1", "--only", "--yes", "--root", str(root))
    assert "0000:01:00.1: snd_hda_intel -> vfio-pci" in out
    names = ("initramfs", "at_boot", "libvirt_hook", "host.kernel_log", "changes.choices")
    unwanted = HEAVY | LATE | {"dataclasses", "copy", "textwrap", *(f"vdesk.{each}" for each in names)}
    assert not modules & {*unwanted, "vdesk.changes.undoing"}
    out, modules = loaded("unbind", "01:00.1", "--yes", "--root", str(root))
    assert "0000:01:00.1: vfio-pci -> snd_hda_intel" in out
    assert not modules & unwanted


def test_completion_is_light() -> None:
    """A TAB is a start of vdesk too; click answers it from the command's names alone."""
    argv = [sys.executable, "-X", "importtime", "-m", "vdesk"]
    words = {"_VDESK_COMPLETE": "bash_complete", "COMP_WORDS": "vdesk iom", "COMP_CWORD": "1"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, **words})
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "plain,iommu" in done.stdout
    assert "click" in names and not names & HEAVY


def test_only_a_process_of_its_own_spares_the_search_for_cycles() -> None:
    """The tests' process, or another's that calls main with words of its own, goes on afterwards and keeps its own."""
    told = "import gc; print(gc.get_threshold()[0] > 100_000, gc.get_freeze_count() > 1000)"
    for call, expected in (("main()", "True True"), ("main(['--version'])", "False False")):
        code = f"import sys; sys.argv = ['vdesk', '--version']; from vdesk.__main__ import main; {call}; {told}"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[1:] == [expected], call


def test_options_that_are_not_used_ask_for_no_translation(machine: Path) -> None:
    """click looks for one of --help's text in the system's folders, and loads the module that knows their names."""
    assert "locale" not in loaded("history", "--json", "--root", str(machine))[1]


@pytest.mark.parametrize("name", LIMITS)
def test_startup_is_quick(name: str, tmp_path: Path) -> None:
    """By processor time, the best of some medians: what else the machine does shows less there than on the clock."""
    argv = commands(demo_machine(str(tmp_path)))[name]
    seen: list[float] = []
    while not seen or (min(seen) > LIMITS[name] and len(seen) < 6):
        seen.append(ratios(argv, 7)[1])
    assert min(seen) <= LIMITS[name], f"{seen} times `import click`"
