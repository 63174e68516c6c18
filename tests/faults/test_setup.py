"""`vdesk setup` as a person drives it: every answer, every no, Ctrl-C at every question, and on after the reboot."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import sys
import termios
from pathlib import Path
from typing import Any

import pexpect
import pexpect.fdpexpect
import pytest

from tests.faults.cases import packages, two_kernels
from tests.faults.played import ISO, Played
from tests.trees import difference
from vdesk.changes import choices, recovery
from vdesk.cli import run

KEPT = "var/lib/vdesk/setup.json"
# Every question of the road on a machine that lacks packages, in order, with the answer that goes on.
ROAD = (
    ("Do this? [y/N]", "y"),
    ("Which card goes to the machine? [0000:01:00.0]", ""),
    ("Do this? [y/N]", "y"),
    ("Take the card at every boot too? [y/N]", "n"),
    ("Path of the installation disc (- for later)", ISO),
    ("What is the machine called? [win10]", "hoth"),
    ("Do this? [y/N]", "y"),
)
WORDS = ("setup", "--connect", "test:///default", "--disk", "4MiB", "--memory", "2GiB", "--cpus", "2")


class Person:
    """Somebody at a terminal of 80 columns, at which vdesk runs on a played machine."""

    def __init__(self, played: Played, *argv: str) -> None:
        self.pid, self.handle = pty.fork()
        if self.pid == 0:
            code = 99
            try:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                os.environ |= {"TERM": "xterm", "COLUMNS": "80"}
                sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
                code = run([*argv, "--no-color"], played.settings(*argv, "--no-color"))
            finally:
                os._exit(code)
        fcntl.ioctl(self.handle, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        self.screen = pexpect.fdpexpect.fdspawn(self.handle, timeout=30, encoding="utf-8")
        self.seen = ""

    def asked(self, question: str) -> None:
        """Wait for a question."""
        self.screen.expect_exact(question)
        self.seen += str(self.screen.before) + question

    def says(self, *answers: tuple[str, str]) -> None:
        """Answer question after question."""
        for question, answer in answers:
            self.asked(question)
            self.screen.sendline(answer)

    def interrupt(self) -> int:
        """Press Ctrl-C; the exit code. Python misses one in the instant before its read(2): a person presses again."""
        self.screen.send("\x03")
        if self.screen.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=5):
            self.screen.send("\x03")
        else:
            self.seen += str(self.screen.before)
        return self.ended()

    def ended(self) -> int:
        """The exit code; all lines fit, and none is a traceback."""
        self.screen.expect([pexpect.EOF, pexpect.TIMEOUT])
        self.seen += str(self.screen.before)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.handle)
        assert "Traceback" not in self.seen and "vdesk itself failed" not in self.seen, self.seen
        return code


@pytest.fixture
def bare(memory: Path) -> Played:
    """Return a machine that lacks a TPM emulator, groups, hook and virtual machine."""
    found = Played(memory, "no-tpm")
    packages(found)
    return found


def own(played: Played) -> dict[str, Any]:
    """The tree without vdesk's own folder."""
    return {path: each for path, each in played.tree().items() if not path.startswith("var/lib/vdesk")}


def steps(played: Played, *argv: str, code: int = 0) -> dict[str, str]:
    """The states of a run that asks nobody."""
    ended = played.vdesk(*WORDS, "--json", *argv)
    assert ended.code == code, ended
    return {each["id"]: each["state"] for each in json.loads(ended.out)["data"]["steps"]}


def test_the_whole_road(bare: Played) -> None:
    before = own(bare)
    person = Person(bare, *WORDS)
    person.says(*ROAD)
    assert person.ended() == 0
    assert "you lose" in person.seen and "vdesk start hoth" not in person.seen.partition("called?")[0]
    assert (bare.root / "var/lib/libvirt/images/hoth.img").stat().st_size == 4 << 20
    assert (bare.root / "etc/libvirt/hooks/qemu.d/50-vdesk").exists()
    assert "swtpm" in (bare.root / "var/lib/dpkg/list").read_text()
    assert not (bare.root / KEPT).exists(), "nothing has to be remembered"
    assert (
        max(map(len, person.seen.replace("\r", "").split("\n"))) <= 130
    )  # only lines of files and commands are longer
    assert bare.vdesk("undo", "--all", "--yes", "--json").code in (0, 5)
    left = difference(before, own(bare))
    assert not left.changed and not left.removed, left


@pytest.mark.parametrize("number", range(len(ROAD)))
def test_no_at_every_question(number: int, bare: Played) -> None:
    """The step is left out, what does not need it goes on, and exit 3 says that something is left."""
    person = Person(bare, *WORDS)
    for place, (question, answer) in enumerate(ROAD):
        no = {"Which": "none", "Path": "-", "What": "hoth"}.get(question.split()[0], "n")
        if number == 1 and question.startswith("Take the card"):
            continue  # without a card nothing is bound, and the hook has nothing to do
        if number == 1 and place == 2:
            continue
        if number == 4 and place > 4:
            break
        person.says((question, no if place == number else answer))
    code = person.ended()
    assert code == (3 if number in (0, 2, 4, 6) else 0), person.seen
    assert recovery.interrupted(bare.host()) == []
    hook = bare.root / "etc/libvirt/hooks/qemu.d/50-vdesk"
    assert hook.exists() is (number not in (1, 2))
    assert ("swtpm" in (bare.root / "var/lib/dpkg/list").read_text()) is (number != 0)
    assert (bare.root / "var/lib/libvirt/images/hoth.img").exists() is (number not in (4, 6))


@pytest.mark.parametrize("number", range(len(ROAD)))
def test_ctrl_c_at_every_question(number: int, bare: Played) -> None:
    before = own(bare)
    person = Person(bare, *WORDS)
    person.says(*ROAD[:number])
    person.asked(ROAD[number][0])
    assert person.interrupt() == 130
    assert recovery.interrupted(bare.host()) == []
    assert bare.vdesk("undo", "--all", "--yes").code == 0
    assert not difference(before, own(bare))


def test_goes_on_where_it_stopped(bare: Played) -> None:
    person = Person(bare, *WORDS)
    person.says(*ROAD[:4])
    person.asked(ROAD[4][0])
    assert person.interrupt() == 130
    assert (bare.root / KEPT).stat().st_mode & 0o777 == 0o600
    again = Person(bare, *WORDS)
    again.says(*ROAD[4:])
    assert again.ended() == 0, again.seen


def test_wrong_answers_are_asked_again(bare: Played) -> None:
    person = Person(bare, *WORDS, "--no-boot")
    person.says(ROAD[0])
    person.says(("machine? [0000:01:00.0]", "nonsense"), ("machine? [0000:01:00.0]", "00:02.0"))
    person.says(("machine? [0000:01:00.0]", "09:00.0"), ("machine? [0000:01:00.0]", "01:00.0"))
    person.says(ROAD[2], ("(- for later)", "/nowhere.iso"), ("(- for later)", f"'{ISO}'"))
    person.says(("called? [win10]", "a/b"), ("called? [win10]", "hoth"), ("Do this? [y/N]", "y"))
    assert person.ended() == 0, person.seen
    said = " ".join(person.seen.split())
    for words in ("is not a PCI address", "shows a picture", "no graphics card is at", "/nowhere.iso", "holds no /"):
        assert words in said, words


@pytest.mark.parametrize("answer", ["y", "n"])
def test_the_reboot(answer: str, memory: Path) -> None:
    """Asked for when the argument waits for it; it is done, or left to the person, and the road stops there."""
    played = Played(memory, "article")
    played.fake("systemctl", f"case $1 in is-active) echo active;; reboot) touch {played.root}/rebooted;; esac")
    person = Person(played, *WORDS)
    person.says(("Do this? [y/N]", "y"), ("Do this? [y/N]", answer))
    if answer == "n":
        person.says(("Do this? [y/N]", "y"))  # the hook needs no reboot
        person.says(("(- for later)", ISO))
    assert person.ended() == 3
    assert (played.root / "rebooted").exists() is (answer == "y")
    assert "sudo vdesk setup" in person.seen
    assert "intel_iommu=on" in (played.root / "etc/default/grub").read_text()


def test_no_reboot_for_what_was_not_changed(memory: Path) -> None:
    played = Played(memory, "article")
    person = Person(played, *WORDS)
    person.says(("Do this? [y/N]", "n"), ("Do this? [y/N]", "n"), ("(- for later)", "-"))
    assert person.ended() == 3
    assert "reboot this machine" not in person.seen and "the IOMMU is off" in person.seen


def test_on_after_the_reboot(memory: Path) -> None:
    """What was chosen before is known after it; where the machine stands is looked at anew."""
    before, after = Played(memory / "before", "article"), Played(memory / "after", "article-booted")
    found = steps(before, "--yes", "--no-reboot", "--iso", ISO, "--name", "hoth", "--gpu", "01:00.0", code=3)
    assert (found["iommu"], found["reboot"], found["card"], found["vm"]) == ("done", "todo", "blocked", "blocked")
    (after.root / "var/lib/vdesk").mkdir(parents=True)
    shutil.copy(before.root / KEPT, after.root / KEPT)
    found = steps(after, "--yes")
    assert set(found.values()) <= {"done", "skipped"}, found
    assert (after.root / "var/lib/libvirt/images/hoth.img").exists()


def test_bound_at_boot_when_asked(memory: Path) -> None:
    played = Played(memory)
    two_kernels(played)
    found = steps(played, "--yes", "--boot", "--iso", ISO, "--virtio-iso", "none")
    assert found["bind"] == "done"
    assert "0000:01:00.0" in played.vdesk("bind", "--list").out
    found = steps(played, "--yes", "--boot", "--gpu", "01:00.0", code=3)  # libvirt's test driver forgets the machine
    assert found["bind"] == "done", "it is not bound twice"


def test_what_is_needed_where_nobody_is_asked(bare: Played) -> None:
    assert bare.vdesk("setup", "--json").errors == ["usage.confirmation"]
    assert bare.vdesk("setup", "--gpu", "nonsense", "--json").code == 2
    before = own(bare)
    assert steps(bare, "--dry-run", "--iso", ISO)["vm"] == "planned"
    assert before == own(bare) and not (bare.root / "var/lib/vdesk").exists()
    assert steps(bare, "--yes", code=3)["iso"] == "todo"


def test_a_failing_step_ends_it(bare: Played) -> None:
    bare.fake("apt-get", "echo 'E: broken' >&2; exit 100")
    ended = bare.vdesk(*WORDS, "--yes", "--json")
    assert (ended.code, ended.errors) == (1, ["packages.failed"])
    assert not (bare.root / "etc/libvirt/hooks/qemu.d").exists()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"gpu": 7, "boot": "yes", "nonsense": 1}', "[" * 9000])
def test_choices_that_are_none(text: str, played: Played) -> None:
    (played.root / "var/lib/vdesk").mkdir(parents=True)
    (played.root / KEPT).write_text(text)
    assert choices.read(played.host()).as_json() == choices.Choices().as_json()


MAKERS: dict[str, tuple[str, str]] = {
    "ASUSTeK COMPUTER INC.": ("System Agent", "AMD CBS"),
    "Gigabyte Technology Co., Ltd.": ("VT-d", "Miscellaneous > IOMMU"),
    "Micro-Star International Co., Ltd.": ("Intel VT-D Tech", "SVM Mode"),
    "ASRock": ("Chipset Configuration", "NBIO"),
    "Dell Inc.": ("VT for Direct I/O", "Virtualization Support"),
    "Hewlett-Packard": ("VTd", "SVM CPU Virtualization"),
    "LENOVO": ("Security > Virtualization", "AMD-V"),
    "Nobody": ("System Agent or Chipset", "AMD CBS, NBIO"),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_menus_by_their_maker(maker: str, played: Played) -> None:
    from vdesk.plans.firmware_menus import menu

    folder = played.root / "sys/class/dmi/id"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "board_vendor").write_text(maker + "\n")
    intel, amd = MAKERS[maker]
    assert intel in menu(played.host(), "intel") and amd in menu(played.host(), "amd")
    assert intel in menu(played.host(), "other") and amd in menu(played.host(), "other")
