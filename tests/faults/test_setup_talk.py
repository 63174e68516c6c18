"""How `vdesk setup` speaks: in the person's language, with the way out where it is needed, and true after Ctrl-C."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.played import ISO, Played
from tests.faults.test_setup import ROAD, WORDS, Person, bare

__all__ = ["bare"]
MENU = "Advanced > System Agent (SA) Configuration > VT-d: Enabled"

INTERRUPTED = """
case $1 in is-active) echo active;; reload) [ -e ROOT/once ] || { touch ROOT/once; kill -INT $PPID; sleep 5; };; esac
"""


def plain(text: str) -> str:
    """The words of a screen, as if it had no lines."""
    return " ".join(text.split())


@pytest.fixture
def spanish(monkeypatch: pytest.MonkeyPatch) -> None:
    """The locale of somebody who speaks Spanish."""
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv("LANG", "es_ES.UTF-8")
    monkeypatch.setenv("LANGUAGE", "es")


@pytest.mark.usefixtures("spanish")
def test_all_of_it_is_in_spanish(bare: Played) -> None:
    """Every question is, and takes a Spanish yes; so is what is said between them."""
    person = Person(bare, *WORDS)
    person.says(("¿Hacer esto? [s/N]", "s"), ("¿Qué tarjeta va a la máquina? [0000:01:00.0]", "s"))
    person.says(("¿Hacer esto? [s/N]", "sí"), ("¿Tomar la tarjeta también en cada arranque? [s/N]", "quizá"))
    person.says(("entrada no válida", ""), ("Ruta del disco de instalación (- para más tarde)", ISO))
    person.says(("¿Cómo se llama la máquina?", "hoth"), ("¿Hacer esto? [s/N]", "s"))
    assert person.ended() == 0, person.seen
    said = plain(person.seen)
    for words in ("Paquetes y grupos: falta", "toma la tarjeta cuando", "none la máquina no recibe", "vale"):
        assert words in said, words
    assert not re.search(r"\b(?:Which|What is|Take the|Path of|Do this|you lose|to do|done|likely)\b", said), said


def test_yes_and_no_at_a_question_for_words(bare: Played) -> None:
    """Yes is what stands in brackets, no is to go without; that Enter takes it is said, once."""
    person = Person(bare, *WORDS, "--no-boot")
    person.says(ROAD[0], (ROAD[1][0], "y"), ROAD[2], (ROAD[4][0], "n"))
    assert person.ended() == 3, person.seen
    assert person.seen.count("Enter takes what stands in brackets") == 1
    person = Person(bare, *WORDS, "--again")
    person.says((ROAD[1][0], "no"), (ROAD[4][0], "y"))
    person.asked("win10.iso is not a disc image")
    person.says((ROAD[4][0], ISO))  # the one in brackets is an empty file
    person.says(("called? [win10]", "y"), ("Do this? [y/N]", "n"))  # a name like any other
    assert person.ended() == 3, person.seen


def test_ctrl_c_says_what_stays(bare: Played) -> None:
    person = Person(bare, *WORDS)
    person.says(*ROAD[:3])
    person.asked(ROAD[3][0])
    assert person.interrupt() == 130
    said = plain(person.seen)
    assert "half-done" not in said and "what was done before stays, see: vdesk history" in said
    assert "go on with: sudo vdesk setup" in said
    assert re.search(r"^error ", person.seen, re.MULTILINE), "on a line of its own"
    assert (bare.root / "etc/libvirt/hooks/qemu.d/50-vdesk").exists()


def test_ctrl_c_before_anything_was_done(bare: Played) -> None:
    person = Person(bare, *WORDS)
    person.asked(ROAD[0][0])
    assert person.interrupt() == 130
    assert "nothing was changed; go on with: sudo vdesk setup" in plain(person.seen)


def test_ctrl_c_in_the_midst_of_a_step(bare: Played) -> None:
    """The step is put back, and what the steps before did is told to stay."""
    bare.fake("systemctl", INTERRUPTED)
    person = Person(bare, *WORDS)
    person.says(*ROAD[:3])
    assert person.ended() == 130, person.seen
    assert "The steps before: what was done before stays" in plain(person.seen)


def test_the_firmware_menus_come_before_the_reboot(memory: Path) -> None:
    played = Played(memory, "no-iommu")
    played.fake("systemctl", f"case $1 in is-active) echo active;; reboot) touch {played.root}/rebooted;; esac")
    (played.root / "sys/class/dmi/id").mkdir(parents=True, exist_ok=True)
    (played.root / "sys/class/dmi/id/board_vendor").write_text("ASUSTeK COMPUTER INC.\n")
    person = Person(played, *WORDS)
    person.says(("Do this? [y/N]", "y"))
    assert MENU in plain(person.seen.partition("[3/10]")[0]), "at the step"
    seen = len(person.seen)
    person.asked("Do this? [y/N]")
    assert "What to do then: in the firmware's setup" in plain(person.seen[seen:]), "and at the question"
    assert MENU in plain(person.seen[seen:])
    person.screen.sendline("y")
    assert person.ended() == 3
    assert (played.root / "rebooted").exists()


def test_a_new_file_is_told_by_its_length(bare: Played) -> None:
    person = Person(bare, *WORDS)
    person.says(*ROAD[:2])
    person.asked(ROAD[2][0])
    said = plain(person.seen)
    assert re.search(r"a new file of \d{4} lines; see them with --dry-run -v", said)
    assert "import" not in said
    person.screen.sendline("n")
    person.says((ROAD[3][0], "n"), ("(- for later)", "-"))
    assert person.ended() == 3
    whole = bare.vdesk("setup", "--dry-run", "-v")
    assert "+import" in whole.out
