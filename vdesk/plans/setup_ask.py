"""The choices of setup, asked one by one; a wrong answer is said and asked again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from vdesk.changes.choices import WITHOUT, Choices
from vdesk.host.account import home
from vdesk.model.errors import VdeskError
from vdesk.plans import setup_card, setup_media, single_gpu
from vdesk.plans.setup_steps import Scene
from vdesk.plans.setup_vm import usual_name
from vdesk.vm.words import check_name


class Talk(Protocol):
    """Somebody at a terminal."""

    def say(self, text: str) -> None:
        """Tell one paragraph."""

    def text(self, question: str, default: str) -> str:
        """A line; the default for an empty one."""
        ...

    def yes(self, question: str, default: bool = False) -> bool:
        """Yes or no; the default for an empty line."""
        ...

    def meant(self, answer: str) -> bool | None:
        """Whether a line is a yes or a no in the language that is spoken; None for anything else."""
        ...


def ask(scene: Scene, choice: str, talk: Talk) -> None:
    """Ask for one choice and remember it in the scene."""
    {
        "gpu": _gpu,
        "force": _force,
        "single_gpu": _single,
        "without": _without,
        "boot": _boot,
        "iso": _iso,
        "virtio_iso": _virtio,
        "name": _name,
    }[choice](scene, talk)


def earlier(kept: Choices, talk: Talk) -> None:
    """Tell what earlier runs have chosen, which is not asked again, and how to choose anew."""
    said = {name: value for name, value in kept.as_json().items() if value not in (None, False, ()) or name == "boot"}
    words = [_word(name, value) for name, value in said.items() if value is not None]
    if words:
        talk.say(f"Chosen before: {' '.join(words)}")
        talk.say("An option chooses anew, and --again asks for all of it.")


def _word(name: str, value: object) -> str:
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{'' if value else 'no-'}{option}"
    return " ".join(f"--{option} {each}" for each in (value if isinstance(value, tuple) else (value,)))


def _until(talk: Talk, question: str, default: str, take: Callable[[str], None], no: str = "") -> None:
    """Ask until the answer can be taken. Where `no` is an answer, yes is the one in brackets, and no is that one."""
    while True:
        answer = talk.text(question, default)
        meant = talk.meant(answer) if no else None
        if meant is not None and (default != no or not meant):
            answer = default if meant else no
        try:
            take(answer)
        except VdeskError as error:
            talk.say(f"{error.problems[0].what}: {error.problems[0].cause}; {error.problems[0].remedy}")
            continue
        return


def _gpu(scene: Scene, talk: Talk) -> None:
    from vdesk.model.address import parse_address
    from vdesk.model.errors import WrongUsage, problem

    found = setup_card.options(scene.host)
    for each in found:
        talk.say(f"  {each.address}  {each.shown}")
    talk.say("  none  the machine gets no card")
    best = setup_card.recommended(found)

    def take(answer: str) -> None:
        if answer.strip() == WITHOUT:
            scene.choices.gpu = WITHOUT
            return
        address = str(parse_address(answer.strip()))
        mine = next((each for each in found if each.address == address), None)
        if mine is None or mine.busy:
            why = mine.busy if mine else "no graphics card is at that address"
            free = [each.address for each in found if not each.busy]
            raise WrongUsage(problem("vm.which-gpu", f"not {address}", why, f"take {' or '.join([*free, WITHOUT])}"))
        if address != scene.choices.gpu:
            scene.choices.gpu, scene.choices.force = address, ()

    _until(talk, "Which card goes to the machine?", best.address if best else WITHOUT, take, WITHOUT)


def _force(scene: Scene, talk: Talk) -> None:
    mine = next((each for each in setup_card.options(scene.host) if each.address == scene.choices.gpu), None)
    kept = mine.kept(scene.choices.force) if mine else []
    for each in kept:
        talk.say(f"  {each.address}  {each.reason}")
        talk.say(f"    {each.remedy}")
    talk.say(
        "Nothing is taken from it now. The machine is made with the card in it, and each start looks again at who has "
        "it; at every boot it is taken before a program can open it."
    )
    if talk.yes("Go on with this card all the same?"):
        scene.choices.force = tuple(dict.fromkeys([*scene.choices.force, *(each.rule for each in kept)]))


def _single(scene: Scene, talk: Talk) -> None:
    """The only card: what giving it away means, before anything is installed for it."""
    for each in setup_card.options(scene.host):
        talk.say(f"  {each.address}  {each.shown}")
    talk.say("There is no other card that could go. This one can, and then the desktop ends while the machine runs:")
    talk.say(single_gpu.NO_PICTURE.format(name="the virtual machine"))
    if talk.yes("Give the desktop's own card away while the machine runs?"):
        scene.choices.single_gpu = True
    else:
        _no_card(scene, talk)


def _without(scene: Scene, talk: Talk) -> None:
    for each in setup_card.options(scene.host):
        talk.say(f"  {each.address}  {each.shown}")
    _no_card(scene, talk)


def _no_card(scene: Scene, talk: Talk) -> None:
    if talk.yes("Make the machine without a card?"):
        scene.choices.gpu, scene.choices.single_gpu = WITHOUT, False


def _boot(scene: Scene, talk: Talk) -> None:
    talk.say(
        "The hook takes the card when the machine starts and gives it back at its end. At every boot it would be the "
        "machine's alone: this machine's own driver never has it. The second is the safe way for cards that do not "
        "come back well, and a first boot without a picture is followed by one without it."
    )
    why = setup_card.unsteady(scene.host, scene.choices.gpu)
    if why:
        talk.say(f"At every boot is recommended here: {why}.")
    scene.choices.boot = talk.yes("Take the card at every boot too?", default=bool(why))


def _iso(scene: Scene, talk: Talk) -> None:
    found = setup_media.installers(scene.host)
    for each in found:
        talk.say(f"  {each}")
    talk.say("Windows' discs come from microsoft.com/software-download; any name will do.")

    def take(answer: str) -> None:
        path = _path(scene, answer)
        if path:
            scene.choices.iso = setup_media.disc(scene.host, path, "--iso").path

    _until(talk, "Path of the installation disc (- for later)", found[0] if found else "-", take, "-")


def _virtio(scene: Scene, talk: Talk) -> None:
    from vdesk.host.virtio_iso import SOURCE

    talk.say(f"Windows has no drivers for the fast disk and network. Get them from {SOURCE}")

    def take(answer: str) -> None:
        path = _path(scene, answer)
        scene.choices.virtio_iso = setup_media.disc(scene.host, path, "--virtio-iso").path if path else WITHOUT

    _until(talk, "Path of the drivers' disc (- goes without)", "-", take, "-")


def _name(scene: Scene, talk: Talk) -> None:
    def take(answer: str) -> None:
        scene.choices.name = check_name(answer.strip())

    _until(talk, "What is the machine called?", usual_name(scene), take)


def _path(scene: Scene, answer: str) -> str:
    """A path as it is typed, `~` and quotes included; empty for `-`."""
    path = answer.strip().strip("'\"")
    own = home(scene.host)
    if path.startswith("~/") and own:
        path = f"/{own}{path[1:]}"
    return "" if path == "-" else path
