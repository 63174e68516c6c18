"""`vdesk gpu list|query|select`: what has the cards, and prime-select as it really behaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.running import on
from tests.machines.builder import build
from tests.trees import difference, snapshot
from vdesk.changes import executor, undoing
from vdesk.changes.executor import Mode
from vdesk.changes.plan import Plan
from vdesk.host import Host
from vdesk.host.prime import WRITTEN, mode, others
from vdesk.host.runner import LocalRunner
from vdesk.model.errors import Refused
from vdesk.model.report import Report
from vdesk.plans import gpu

YES = Mode(yes=True)
CARD, IGPU = "0000:01:00.0", "0000:00:02.0"
CHOICE = "etc/prime-discrete"
# As nvidia-prime: query maps the file; a choice writes files, and a failure is told on stderr with exit code 0.
PRIME = """
case $1 in
query)
    [ -e ROOT/etc/prime-discrete ] || { echo 'Error: no profile can be found' >&2; exit 1; }
    case $(cat ROOT/etc/prime-discrete) in on) echo nvidia ;; on-demand) echo on-demand ;; *) echo intel ;; esac ;;
intel | nvidia | on-demand)
    if [ -e ROOT/no-igpu ]; then echo 'Error: no integrated GPU detected.' >&2; exit 0; fi
    echo "Info: selecting the $1 profile"
    mkdir -p ROOT/lib/modprobe.d
    rm -f ROOT/lib/modprobe.d/*.conf
    case $1 in
    nvidia) echo on > ROOT/etc/prime-discrete ;;
    on-demand) echo on-demand > ROOT/etc/prime-discrete
        echo options > ROOT/lib/modprobe.d/nvidia-runtimepm.conf ;;
    intel) echo off > ROOT/etc/prime-discrete; echo blacklist nvidia > ROOT/lib/modprobe.d/blacklist-nvidia.conf ;;
    esac ;;
*) echo usage >&2; exit 1 ;;
esac
"""


class Machine:
    """A laptop whose programs run."""

    def __init__(self, folder: Path) -> None:
        self.root, self.programs = build("laptop-muxless", folder / "root"), folder / "bin"
        self.programs.mkdir()
        self.program("prime-select", PRIME)
        self.program("systemctl", "echo $* >> ROOT/asked")
        (self.root / "lib/modprobe.d").mkdir(parents=True, exist_ok=True)

    def program(self, name: str, text: str) -> None:
        """Put a program into PATH; ROOT in its text is the machine's folder."""
        place = self.programs / name
        place.write_text(f"#!/bin/sh\n{text}\n".replace("ROOT", str(self.root)))
        place.chmod(0o755)

    @property
    def host(self) -> Host:
        """A new one each time, as each command has."""
        return Host(str(self.root), LocalRunner([str(self.programs), "/usr/bin", "/bin"]))

    def run(self, plan: Plan) -> Report:
        """Carry the plan out."""
        return executor.run(plan, self.host, YES)

    def select(self, wanted: str, restart: bool = False) -> Report:
        """`gpu select`."""
        return self.run(gpu.select(self.host, wanted, restart))


@pytest.fixture
def laptop(memory: Path) -> Machine:
    """on-demand is chosen; no display manager."""
    return Machine(memory)


def test_the_cards(memory: Path) -> None:
    found = on(build("article-booted", memory / "root"), "gpu", "list", "--json").envelope["data"]
    cards = {each["address"]: each for each in found["gpus"]}
    assert cards[IGPU]["display"] and "HDMI-A-1" in cards[IGPU]["display_reason"]
    assert {each["command"] for each in cards[IGPU]["holders"]} == {"gnome-shell"}
    assert cards[IGPU]["connectors"][0] == {"name": "DP-1", "status": "disconnected", "enabled": False}
    card = cards[CARD]
    assert (card["display"], card["rom"], card["reset"], card["driver"]) == (False, "uefi", ["bus"], None)
    assert found["mode"] == "intel" and card["seat"] is None


def test_the_mode_is_asked_for(laptop: Machine) -> None:
    assert gpu.query(laptop.host).data["mode"] == "on-demand"
    (laptop.root / CHOICE).unlink()
    report = gpu.query(laptop.host)
    assert report.data["mode"] is None and "No mode was ever chosen" in report.notes[0]


@pytest.mark.parametrize(
    ("text", "expected"), [("on\n", "nvidia"), ("on-demand\n", "on-demand"), ("off\n", "intel"), ("\0", "intel")]
)
def test_the_file_of_the_mode(memory: Path, text: str, expected: str) -> None:
    """Where the program's answer was not captured."""
    root = build("laptop-muxless", memory / "root")
    (root / "run/vdesk/commands.json").write_text("[]")
    (root / CHOICE).write_text(text)
    assert on(root, "gpu", "query").out == f"{expected}\n"


def test_chosen_and_back(laptop: Machine) -> None:
    """What the program writes is what there is; undo gives every file its bytes from before."""
    before = snapshot(laptop.root)
    report = laptop.select("intel")
    assert report.exit_code == 0 and mode(laptop.host) == "intel"
    moved = difference(before, snapshot(laptop.root), ("var/lib/vdesk",))
    assert (moved.added, moved.changed) == (["lib/modprobe.d/blacklist-nvidia.conf"], [CHOICE])
    assert set(moved.added + moved.changed) <= set(WRITTEN)
    again = laptop.select("intel")
    assert again.changes == [] and "already" in again.notes[0]
    assert undoing.undo(laptop.host, None, True, YES).exit_code == 0
    assert not difference(before, snapshot(laptop.root), ("var/lib/vdesk",))


def test_the_first_choice_is_taken_back(laptop: Machine) -> None:
    (laptop.root / CHOICE).unlink()
    before = snapshot(laptop.root)
    laptop.select("nvidia")
    assert undoing.undo(laptop.host, None, True, YES).exit_code == 0
    assert not difference(before, snapshot(laptop.root), ("var/lib/vdesk",))


def test_a_failure_that_reports_success(laptop: Machine) -> None:
    """Exit code 0 and nothing done: asked again, told, and put back."""
    (laptop.root / "no-igpu").touch()
    before = snapshot(laptop.root)
    report = laptop.select("nvidia")
    assert (report.exit_code, report.errors[0].id) == (1, "gpu.mode-not-set")
    assert "no integrated GPU detected" in report.errors[0].cause
    assert not difference(before, snapshot(laptop.root), ("var/lib/vdesk",))


def test_somebody_chose_another_mode_since(laptop: Machine) -> None:
    laptop.select("intel")
    (laptop.root / CHOICE).write_text("on\n")
    report = undoing.undo(laptop.host, None, True, YES)
    assert report.exit_code == 5 and mode(laptop.host) == "nvidia"


def test_the_display_manager_is_restarted_on_demand_only(laptop: Machine) -> None:
    (laptop.root / "etc/systemd/system").mkdir(parents=True)
    link = laptop.root / "etc/systemd/system/display-manager.service"
    link.symlink_to("/usr/lib/systemd/system/gdm3.service")
    laptop.select("intel")
    assert not (laptop.root / "asked").exists()
    plan = gpu.select(laptop.host, "nvidia", True)
    assert "graphical session" in plan.final[0] and "gdm3.service" in plan.changes[1].summary
    laptop.run(plan)
    assert (laptop.root / "asked").read_text() == "--no-block restart display-manager.service\n"
    link.unlink()
    with pytest.raises(Refused, match="no display manager"):
        gpu.select(laptop.host, "intel", True)


def test_suse_has_another_program_of_that_name(memory: Path) -> None:
    root = build("laptop-muxless", memory / "root")
    (root / CHOICE).unlink()
    (root / "etc/prime").mkdir()
    (root / "etc/prime/current_type").write_text("nvidia\n")
    refused = on(root, "gpu", "select", "on-demand", "--yes", "--json")
    error = refused.envelope["errors"][0]
    assert refused.code == 3 and "SUSE" in error["what"] and error["remedy"] == "sudo prime-select offload"


OTHERS = {
    "envycontrol": ({"usr/bin/envycontrol": ""}, "sudo envycontrol -s hybrid"),
    "supergfxctl": ({"etc/supergfxd.conf": '{"mode": "Integrated"}'}, "supergfxctl -m Hybrid"),
    "system76-power": ({"usr/bin/system76-power": ""}, "sudo system76-power graphics hybrid"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_programs_are_named(memory: Path, name: str) -> None:
    """With the word that each has for the mode."""
    root = build("debian", memory / "root")
    files, command = OTHERS[name]
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        (root / path).chmod(0o755)
    error = on(root, "gpu", "select", "on-demand", "--json").envelope["errors"][0]
    assert name in error["cause"] and error["remedy"] == command
    assert name in on(root, "gpu", "query", "--json").envelope["errors"][0]["remedy"]


@pytest.mark.parametrize("name", OTHERS)
def test_no_mode_that_takes_the_card_off_the_bus(memory: Path, name: str) -> None:
    """Their `integrated` removes the card or its power: the desktop is kept off it by the binding at boot."""
    root = build("debian", memory / "root")
    files, command = OTHERS[name]
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
        (root / path).chmod(0o755)
    remedy = on(root, "gpu", "select", "intel", "--json").envelope["errors"][0]["remedy"]
    assert remedy.startswith(f"{command}, reboot, then sudo vdesk bind {CARD} --boot")


def test_a_hostile_configuration_of_another_program(memory: Path) -> None:
    root = build("debian", memory / "root")
    (root / "etc/supergfxd.conf").write_text('{"mode": "\x1b[31m; rm -rf /"}')
    assert others(Host(str(root)))[0].mode is None
    assert "\x1b" not in json.dumps(on(root, "gpu", "query", "--json").envelope)
