"""`vdesk demo`: the tour as a whole, single commands on the demo machine, and nothing outside its folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from tests.commands.running import Machines, on, vdesk
from tests.trees import difference, snapshot
from vdesk.machines import CONFIGURATION, reboot, unpack
from vdesk.machines.tour import TOUR

TOP = Path(__file__).resolve().parents[2]

# Runs vdesk and reports every file that it opened for writing or changed otherwise, and every program and connection.
PROBE = """
import json, os, sys
sys.dont_write_bytecode = True
touched, reached = set(), []
WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {"mkdir": 2, "rmdir": 1, "remove": 1, "rename": 2, "symlink": 2, "link": 2, "chmod": 2, "chown": 3,
           "truncate": 9}  # and which argument is the open folder
REACHES = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "os.kill")
def below(path, folder):
    known = isinstance(folder, int) and folder >= 0 and not path.startswith("/")
    return os.readlink(f"/proc/self/fd/{folder}") + "/" + path if known else path
def watch(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)) and args[2] & WRITE:
        known = sys._getframe(1).f_locals  # the event does not tell in which open folder
        touched.add(below(os.fsdecode(args[0]), known.get("beside", known.get("folder", -1))))
    elif event.startswith("os.") and event[3:] in CHANGES:
        place = args[1] if event == "os.symlink" else args[0]
        if not isinstance(place, int):  # a file that is open, seen when it was opened
            number = CHANGES[event[3:]]
            touched.add(below(os.fsdecode(place), args[number] if number < len(args) else -1))
    elif event in REACHES:
        reached.append(event)
sys.addaudithook(watch)
from vdesk.cli import run
code = run(sys.argv[1:])
sys.stdout.flush()
print(json.dumps({"code": code, "touched": sorted(touched), "reached": reached}), file=sys.stderr)
"""


def above(temporary: Path) -> Path:
    """Where the demo's folder is made: root takes no user's word for that."""
    return temporary if os.geteuid() else Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp")


def probed(temporary: Path, *argv: str, **environment: str) -> tuple[str, dict[str, object]]:
    """Run vdesk with a HOME that is not there; return stdout, and what the probe saw."""
    env = {**os.environ, "TMPDIR": str(temporary), "HOME": "/nonexistent", "PYTHONPATH": str(TOP), **environment}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *argv], capture_output=True, text=True, env=env, cwd="/", check=True
    )
    found = json.loads(done.stderr.splitlines()[-1])
    assert isinstance(found, dict)
    return done.stdout, found


# --- the tour ---------------------------------------------------------------------------------------------------------


def test_tour(memory: Path) -> None:
    """Every step is shown with what it printed; all is done in one folder, by this process alone, and removed."""
    out, seen = probed(memory, "demo")
    assert seen["code"] == 0, out
    shown = [line.removeprefix("$ vdesk ") for line in out.splitlines() if line.startswith("$ vdesk ")]
    assert shown == [" ".join(step.words) for step in TOUR]
    assert "DMAR: IOMMU enabled" in out and "DMAR: Disable GFX device mapping" in out
    assert "snd_hda_intel -> vfio-pci" in out and "define the virtual machine hoth" in out
    assert "\x1b" not in out and str(memory) not in out
    touched = seen["touched"]
    assert isinstance(touched, list) and len(touched) > 500
    place = f"{above(memory)}/vdesk-demo-"
    assert [path for path in touched if not path.startswith(place)] == []
    assert seen["reached"] == []
    (folder,) = {path.removeprefix(place).partition("/")[0] for path in touched}
    assert os.listdir(memory) == [] and not os.path.exists(place + folder)


def test_tour_as_json(memory: Path) -> None:
    """One document; every step holds the envelope of its own, each valid by the schema."""
    found = vdesk("demo", "--json").envelope
    assert [step["command"][1:] for step in found["data"]["steps"]] == [list(step.words) for step in TOUR]
    assert all(step["result"]["exit_code"] == step["expected"] for step in found["data"]["steps"])


def test_tour_without_libvirt(memory: Path) -> None:
    """The step that needs it says so and prints the definition; the others are as ever."""
    (memory / "without").mkdir()
    (memory / "without/libvirt.py").write_text("raise ImportError('not here')\n")
    out, seen = probed(memory, "demo", PYTHONPATH=f"{memory / 'without'}:{TOP}")
    assert seen["code"] == 0, out
    assert "libvirt is not installed" in out and "--print-xml" in out and "<name>hoth</name>" in out


def test_tour_undoes_everything(memory: Path) -> None:
    """After the last step the machine is as after a reboot without the argument, but for vdesk's own journal."""
    (memory / "m").mkdir()
    unpack("demo-before", str(memory / "m"))
    original = (memory / "m" / CONFIGURATION).read_bytes()
    before = {}
    for step in TOUR:
        if step.reboot:
            before = snapshot(memory / "m")
            reboot(str(memory / "m"))
            edited, before = (memory / "m" / CONFIGURATION).read_bytes(), snapshot(memory / "m")
            assert b'="quiet splash intel_iommu=on,igfx_off"' in edited
        words = step.instead or step.words
        assert on(memory / "m", *words).code == step.exit_code
    apart = difference(before, snapshot(memory / "m"), without=("var/lib/vdesk",))
    empty = ["sys/bus/pci/drivers/vfio-pci"]
    assert [path for path in apart.added if path not in empty] == []
    assert (apart.removed, apart.changed) == ([], [CONFIGURATION])
    assert (memory / "m" / CONFIGURATION).read_bytes() == original


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}])
def test_tour_on_a_terminal(environment: dict[str, str]) -> None:
    """Eighty columns, with colour and without: what vdesk says fits; only diffs keep their long lines."""
    env = {**os.environ, "TERM": "xterm-256color", **environment}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "vdesk", "demo"],
        env=env,
        cwd=str(TOP),
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 80),
    )
    child.expect(pexpect.EOF)
    text = str(child.before)
    assert ("\x1b[" in text) is not bool(environment)
    if environment:
        long = [line for line in text.split("\r\n") if len(line) > 80]
        assert all(line.startswith(("         ", "$ vdesk create", "generate ")) for line in long), long


# --- single commands --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "machine"),
    [
        ("check", "article"),
        ("iommu status", "article"),
        ("iommu enable --igfx-off -n", "article"),
        ("groups", "article-booted"),
        ("iommu groups --gpu", "article-booted"),
        ("bind 01:00.0 --dry-run", "article-booted"),
        ("bind 01:00.0 --json", "article-booted"),
        ("bind 03:00.0 -y", "article-booted"),
        ("--booted check", "article-booted"),
        ("--before groups --json", "article"),
        ("frobnicate --json", "article-booted"),
    ],
)
def test_same_command_same_answer(line: str, machine: str, fresh: Machines) -> None:
    """`vdesk demo COMMAND` is `vdesk --root COPY COMMAND`: output and exit code."""
    plain = [word for word in line.split() if word not in ("--booted", "--before")]
    assert vdesk("demo", *line.split()) == on(fresh(machine), *plain)


def test_discs_of_the_demo() -> None:
    """A disc's bare name is the machine's, as in the road of the README."""
    for words in (["--iso", "win10.iso"], ["--iso=win10.iso", "--virtio-iso", "virtio-win.iso"]):
        assert vdesk("demo", "create", "hoth", *words, "-n").code == 0
    assert vdesk("demo", "create", "hoth", "--iso", "win99.iso", "-n").code == 2


def test_options_of_the_demo_are_passed_on() -> None:
    assert vdesk("--json", "demo", "groups") == vdesk("demo", "--json", "groups") == vdesk("demo", "groups", "--json")
    assert vdesk("demo", "--dry-run", "bind", "01:00.0") == vdesk("demo", "bind", "01:00.0", "--dry-run")


def test_other_machines_are_refused(fresh: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(fresh("empty"))
    for words in (
        ["--root", root, "demo", "groups"],
        ["demo", "--root", root, "groups"],
        ["demo", "demo"],
        *(["demo", "hook", "install", "-y", *each] for each in (["--root", root], [f"--root={root}"])),
    ):
        ran = vdesk("--json", *words)
        assert (ran.code, ran.envelope["command"]) == (2, "demo")
    monkeypatch.setenv("VDESK_ROOT", root)
    assert vdesk("demo", "groups", "--json").envelope["data"]["groups"]


def test_ended_by_a_signal(memory: Path) -> None:
    """The private copy is removed also when the demo is ended at its question."""
    env, place = {**os.environ, "TMPDIR": str(memory)}, above(memory)
    before = set(place.iterdir())
    child = pexpect.spawn(
        sys.executable, ["-m", "vdesk", "demo", "bind", "01:00.0"], env=env, cwd=str(TOP), encoding="utf-8", timeout=30
    )
    child.expect_exact("[y/N]")
    made = [path for path in place.iterdir() if path not in before and path.name.startswith("vdesk-demo-")]
    assert 0o700 in [path.stat().st_mode & 0o777 for path in made]
    child.kill(signal.SIGTERM)
    child.expect(pexpect.EOF)
    child.close()
    deadline = time.monotonic() + 10
    while any(path.exists() for path in made) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(path.exists() for path in made)
