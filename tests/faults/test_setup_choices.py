"""What `vdesk setup` is told: refused before any change where it means nothing, kept, chosen anew, never made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faults.cases import two_kernels
from tests.faults.played import ISO, Played
from tests.faults.test_setup import KEPT, ROAD, WORDS, Person, bare, steps
from tests.trees import difference
from vdesk.changes import choices

__all__ = ["bare"]
HOOK = "etc/libvirt/hooks/qemu.d/50-vdesk"
HELD = ("Go on with this card all the same? [y/N]", "y")
NAMED = ("What is the machine called? [win10]", "hoth")
YES = ("Do this? [y/N]", "y")


def why(played: Played, step: str, *argv: str) -> tuple[str, str]:
    """The state of a step of a run that asks nobody, and its reason."""
    found = json.loads(played.vdesk(*WORDS, "--json", *argv).out)["data"]["steps"]
    return next((each["state"], f"{each['why']} {each['command']}") for each in found if each["id"] == step)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--gpu", "00:1f.3"), "usage.no-gpu"),
        (("--gpu", "99:00.0"), "usage.no-device"),
        (("--name", "../x"), "usage.name"),
        (("--memory", "lots"), "usage.size"),
        (("--disk", "5"), "usage.size"),
        (("--iso", "/nowhere.iso"), "usage.no-file"),
        (("--virtio-iso", "/nowhere.iso"), "usage.no-file"),
        (("--force", "group"), "usage.force"),
        (("--single-gpu", "--gpu", "none"), "usage.single-gpu"),
    ],
)
def test_words_that_mean_nothing(words: tuple[str, ...], error: str, bare: Played) -> None:
    """Exit 2, and nothing was changed or kept: no other card is taken in place of the one that was named."""
    before = bare.tree()
    ended = bare.vdesk("setup", "--yes", "--boot", "--iso", ISO, *words, "--json")
    assert (ended.code, ended.errors) == (2, [error])
    assert not difference(before, bare.tree())


def test_all_wrong_words_are_told_at_once(bare: Played) -> None:
    ended = bare.vdesk("setup", "--yes", "--name", "../x", "--memory", "lots", "--json")
    assert ended.errors == ["usage.name", "usage.size"]


def test_a_card_that_is_gone_is_not_replaced(played: Played) -> None:
    (played.root / "var/lib/vdesk").mkdir(parents=True)
    (played.root / KEPT).write_text('{"gpu": "0000:09:00.0"}')
    state, said = why(played, "card", "--yes", "--iso", ISO)
    assert state == "blocked" and "no graphics card is at 0000:09:00.0 any more" in said
    assert not (played.root / HOOK).exists()


def test_what_was_kept_and_means_nothing_is_asked_again(played: Played) -> None:
    (played.root / "var/lib/vdesk").mkdir(parents=True)
    (played.root / KEPT).write_text('{"name": "../x", "memory": "lots", "disk": "5", "gpu": "x", "force": ["group"]}')
    assert steps(played, "--yes", "--iso", ISO)["vm"] == "done"


def test_a_name_that_is_taken_is_asked_again(bare: Played) -> None:
    (bare.root / "var/lib/libvirt/images/endor.img").write_bytes(b"x")
    person = Person(bare, *WORDS, "--name", "endor", "--no-boot", "--iso", ISO)
    person.says(ROAD[0], ROAD[1], YES, ("What is the machine called? [win10]", "hoth"), YES)
    assert person.ended() == 0, person.seen
    assert "/var/lib/libvirt/images/endor.img exists already" in " ".join(person.seen.split())


def test_chosen_anew(bare: Played) -> None:
    """What was chosen before is told, with how to choose anew; an option, or --again, does."""
    person = Person(bare, *WORDS)
    person.says(ROAD[0], (ROAD[1][0], "none"), (ROAD[4][0], "-"))
    assert person.ended() == 3
    assert "Chosen before" not in person.seen
    person = Person(bare, *WORDS)
    person.says((ROAD[4][0], "-"))
    assert person.ended() == 3
    assert "Chosen before: --gpu none" in person.seen and "--again" in person.seen
    person = Person(bare, *WORDS, "--again")
    person.says(ROAD[1], (YES[0], "n"), *ROAD[3:])
    assert person.ended() == 3, person.seen
    assert choices.read(bare.host()).gpu is None or "--gpu none" not in person.seen


def test_another_card_leaves_what_was_said_of_the_first() -> None:
    kept = choices.Choices(gpu="0000:01:00.0", force=("in-use",), name="hoth", single_gpu=True)
    for said in (choices.Choices(gpu="0000:02:00.0"), choices.Choices(gpu="none")):
        found = said.over(kept)
        assert (found.gpu, found.single_gpu, found.force, found.name) == (said.gpu, False, (), "hoth")
    assert choices.Choices().over(kept).as_json() == kept.as_json()
    assert choices.Choices(single_gpu=True).over(choices.Choices(gpu="none")).gpu is None


def test_undo_forgets_what_was_chosen(bare: Played) -> None:
    assert steps(bare, "--yes", "--name", "hoth", code=3)["packages"] == "done"
    assert (bare.root / KEPT).exists()
    assert bare.vdesk("undo", "--all", "--keep", "hook", "--yes").code == 0
    assert (bare.root / KEPT).exists(), "not all was taken back"
    assert bare.vdesk("hook", "install", "--yes").code == 0
    ended = bare.vdesk("undo", "--all", "--yes")
    assert ended.code == 0 and "vdesk setup is forgotten" in ended.out
    assert not (bare.root / KEPT).exists()


def test_the_drivers_are_not_left_out_for_another_reason(played: Played) -> None:
    """A disc that is not there yet says nothing about the drivers, and what nobody said is not kept."""
    (played.root / "var/lib/vdesk").mkdir(parents=True)
    (played.root / KEPT).write_text('{"iso": "/nix.iso"}')
    assert steps(played, "--yes", code=3)["virtio"] == "blocked"
    drivers = played.root / "var/lib/libvirt/images/virtio-win.iso"
    if drivers.exists():
        drivers.unlink()
    state, said = why(played, "virtio", "--yes", "--iso", ISO, "--name", "endor")
    assert state == "skipped" and "you said so" not in said
    assert choices.read(played.host()).virtio_iso is None


def test_a_relative_disc_is_kept_by_its_whole_path(bare: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bare.root / "var/lib/libvirt/images")
    steps(bare, "--yes", "--iso", "setup.iso", "--memory", "900TiB", code=3)
    assert choices.read(bare.host()).iso == ISO


# --- a card that somebody has


def test_a_card_in_use_is_told_at_the_card(memory: Path) -> None:
    """Nothing is installed for it before somebody has said what is to be done."""
    played = Played(memory, "intel-hybrid")
    state, said = why(played, "card", "--yes", "--iso", ISO)
    assert state == "todo" and "gnome-shell (pid 1893" in said and "vdesk setup --force in-use" in said
    assert not (played.root / HOOK).exists()
    found = steps(played, "--yes", "--iso", ISO, "--force", "in-use")
    assert found["card"] == found["hook"] == found["vm"] == "done"


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_card_in_use_is_asked_about(answer: str, memory: Path) -> None:
    played = Played(memory, "intel-hybrid")
    person = Person(played, *WORDS, "--iso", ISO, "--no-boot")
    person.says(ROAD[1], (HELD[0], answer))
    if answer == "y":
        person.says(YES, NAMED, YES)
    assert person.ended() == (0 if answer == "y" else 3), person.seen
    assert "gnome-shell (pid 1893" in person.seen
    assert (played.root / HOOK).exists() is (answer == "y")


def test_a_card_in_use_is_bound_at_boot(memory: Path) -> None:
    played = Played(memory, "intel-hybrid")
    two_kernels(played)
    found = steps(played, "--yes", "--iso", ISO, "--force", "in-use", "--boot")
    assert found["bind"] == found["vm"] == "done"


# --- the only card


def test_one_card_says_the_way_out_first(memory: Path) -> None:
    played = Played(memory, "single-gpu")
    assert steps(played, "--yes", "--iso", ISO, code=3)["hook"] == "blocked"
    assert not (played.root / HOOK).exists()
    assert steps(played, "--yes", "--iso", ISO, "--single-gpu")["vm"] == "done"


@pytest.mark.parametrize("answers", ["y", "ny", "nn"])
def test_one_card_is_asked_about(answers: str, memory: Path) -> None:
    played = Played(memory, "single-gpu")
    person = Person(played, *WORDS, "--iso", ISO)
    questions = ("Give the desktop's own card away while the machine runs?", "Make the machine without a card?")
    person.says(*zip(questions, answers, strict=False))
    assert "has no picture" in " ".join(person.seen.split())
    if answers == "y":
        person.says(YES)
    if answers != "nn":
        person.says(NAMED, YES)
    assert person.ended() == (3 if answers == "nn" else 0), person.seen
    assert (played.root / HOOK).exists() is (answers == "y")


def test_no_card_of_a_shared_group(memory: Path) -> None:
    """Another card could go in another slot; without one is asked, and the hook is not for nothing."""
    played = Played(memory, "shared-group")
    person = Person(played, *WORDS, "--iso", ISO)
    person.says(("Make the machine without a card? [y/N]", "n"))
    assert person.ended() == 3
    assert "another slot" in person.seen and not (played.root / HOOK).exists()
