"""The hook with the machine's only card: the desktop ends first, and begins again after whatever end."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import pytest

from tests.kernel.hooked import (
    CARD,
    SOUND,
    STATE,
    UUID,
    ModelMachine,
    call,
    domain,
    drivers,
    fails,
    log,
    process,
    put,
    small,
)
from tests.machines.parts import Tree
from vdesk.libvirt_hook.phases import release

MARK = '<vdesk:domain xmlns:vdesk="urn:vdesk:domain:1" os="win10"><vdesk:desktop stop="yes"/></vdesk:domain>'
# Stopping the display manager ends the session's programs, unless one stays.
SYSTEMCTL = """#!/bin/sh
root=${0%/usr/sbin/systemctl}
echo "$*" >> $root/asked
case "$*" in
"is-active display-manager.service") cat $root/manager; grep -q '^active' $root/manager ;;
"stop display-manager.service") [ -e $root/stays ] || rm -rf $root/proc/500; echo inactive > $root/manager ;;
"--no-block start display-manager.service") [ ! -e $root/broken ] || exit 1; echo active > $root/manager ;;
esac
"""


def tree(manager: str = "active") -> Tree:
    """The small machine, its card on nouveau with the desktop on it."""
    more = {"usr/sbin/systemctl": SYSTEMCTL, "usr/sbin/modprobe": "#!/bin/sh\n", "manager": f"{manager}\n"}
    return small("nouveau", **more) | process(500, "gnome-shell", "/dev/dri/card1")


@pytest.fixture
def found(memory: Path) -> ModelMachine:
    """The desktop runs on the card."""
    return ModelMachine(put(tree(), memory))


def xml(mark: str = MARK) -> bytes:
    return domain(CARD, SOUND, mark=mark)


def asked(at: ModelMachine) -> list[str]:
    return [line for line in at.text("asked").splitlines() if "is-active" not in line]


def test_it_ends_and_begins_again(found: ModelMachine) -> None:
    assert call(found, "prepare", xml()) == 0
    assert drivers(found) == ["vfio-pci", "vfio-pci"] and asked(found) == ["stop display-manager.service"]
    assert call(found, "release", xml()) == 0
    assert drivers(found) == ["nouveau", "snd_hda_intel"] and not found.exists(STATE)
    assert asked(found)[1:] == ["--no-block start display-manager.service"]
    assert "the desktop has ended" in log(found) and "the desktop begins again" in log(found)


def test_only_when_the_mark_asks_for_it(found: ModelMachine) -> None:
    """A machine that did not ask is refused as ever, and the desktop goes on."""
    plain = MARK.replace('<vdesk:desktop stop="yes"/>', "")
    for mark in (plain, plain.replace("</", '<vdesk:desktop stop="no"/></')):
        assert call(found, "prepare", xml(mark)) == 1
    assert asked(found) == [] and found.exists("proc/500")


def test_no_desktop_runs(memory: Path) -> None:
    """Nothing is ended, so nothing begins."""
    quiet = {path: text for path, text in tree("inactive").items() if not path.startswith("proc/500")}
    at = ModelMachine(put(quiet, memory))
    assert call(at, "prepare", xml()) == 0 and call(at, "release", xml()) == 0
    assert asked(at) == []


def test_a_program_that_stays(found: ModelMachine, capfd: pytest.CaptureFixture[str]) -> None:
    """The start ends with its name, and the desktop is back."""
    Path(found.place("stays")).touch()
    assert call(found, "prepare", xml()) == 1
    assert "gnome-shell (pid 500" in capfd.readouterr().err
    assert drivers(found) == ["nouveau", "snd_hda_intel"] and found.text("manager") == "active"
    assert not found.exists(STATE)


def test_a_card_that_cannot_be_taken(memory: Path) -> None:
    at = ModelMachine(put(tree(), memory), {"drivers_probe": fails(errno.EIO)})
    assert call(at, "prepare", xml()) == 1
    assert at.text("manager") == "active"


def test_a_crash_before_the_end(found: ModelMachine) -> None:
    """Never released: the next start finds no desktop, and its end begins the one that there was."""
    assert call(found, "prepare", xml()) == 0
    assert call(found, "prepare", xml()) == 0
    assert call(found, "release", xml()) == 0
    assert found.text("manager") == "active" and not found.exists(STATE)


def test_a_card_that_takes_all_the_time_there_is(found: ModelMachine, capfd: pytest.CaptureFixture[str]) -> None:
    """The desktop has time of its own to begin, also where systemd does not answer at once."""
    assert call(found, "prepare", xml()) == 0
    script = Path(found.place("usr/sbin/systemctl"))
    script.write_text(SYSTEMCTL.replace("\ncase", "\nsleep 1\ncase"))
    found.started = time.monotonic() - 60
    release(found, UUID)
    assert found.text("manager") == "active" and not found.exists(STATE)


def test_a_display_manager_that_does_not_begin(found: ModelMachine, capfd: pytest.CaptureFixture[str]) -> None:
    """Said, and tried again with the next release."""
    assert call(found, "prepare", xml()) == 0
    Path(found.place("broken")).touch()
    assert call(found, "release", xml()) == 1
    assert "sudo systemctl start display-manager.service" in capfd.readouterr().err
    Path(found.place("broken")).unlink()
    assert call(found, "release", xml()) == 0 and found.text("manager") == "active"
