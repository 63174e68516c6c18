"""The steps of setup that give a card away: which one, the hook, and whether at every boot."""

from __future__ import annotations

from vdesk.changes.choices import WITHOUT
from vdesk.changes.plan import Plan
from vdesk.host.iommu_state import state
from vdesk.model.address import parse_address
from vdesk.plans import boot_binding, hook, setup_card
from vdesk.plans.setup_card import Option
from vdesk.plans.setup_steps import BLOCKED, DONE, REBOOT_FIRST, SKIPPED, TODO, Scene, Step, planned

FIRST = "a card has to be chosen first"
TITLE = "The card"


def card(scene: Scene) -> Step:
    """Which card goes, and what is lost by it."""
    chosen, scene.undecided = scene.choices.gpu, ""
    if chosen == WITHOUT:
        return Step("card", TITLE, SKIPPED, "the machine gets no card: you said so")
    if scene.choices.single_gpu:
        named = f"{chosen}, " if chosen else ""
        return Step("card", TITLE, DONE, f"{named}the desktop's own card: the desktop ends while the machine runs")
    found = setup_card.options(scene.host)
    if scene.reboot or not state(scene.host).is_on:
        return _later(scene, found)
    mine = next((each for each in found if each.address == chosen), None)
    if mine and not mine.busy:
        return _taken(scene, mine)
    best = setup_card.recommended(found)
    able = best or next((each for each in found if not each.busy), None)
    if able is None:
        return _none_can_go(scene, found)
    scene.undecided = FIRST
    line = f"vdesk setup --gpu {able.address}"
    if chosen is None:
        why = f"recommended: {best.address} {best.shown}" if best else f"{able.address} {able.shown}"
        return Step("card", TITLE, TODO, why, line, choose="gpu")
    why = f"{mine.address} {mine.shown}" if mine else f"no graphics card is at {chosen} any more"
    return Step("card", TITLE, BLOCKED, why, f"choose another: {line}", choose="gpu")


def _later(scene: Scene, found: list[Option]) -> Step:
    """It is known after the reboot, for without the IOMMU there are no groups; what is known now is said now."""
    likely = [each for each in found if each.device.group is None and each.busy.endswith("the IOMMU is off")]
    if found and not likely and all(each.desktop for each in found) and scene.choices.gpu is None:
        return _none_can_go(scene, found)
    hint = ""
    if likely and scene.choices.gpu is None:
        hint = f"; most likely it is {likely[0].address} {likely[0].device.name}"
    return Step("card", TITLE, BLOCKED, (REBOOT_FIRST if scene.reboot else "the IOMMU is off") + hint)


def _taken(scene: Scene, mine: Option) -> Step:
    """It can go; a program that has it open now is told of, and goes on only where somebody says so."""
    kept = mine.kept(_force(scene))
    if not kept:
        forced = ", ".join(dict.fromkeys(each.rule for each in mine.held if each.rule in scene.choices.force))
        return Step("card", TITLE, DONE, f"{mine.address} {mine.shown}" + (f"; overridden: {forced}" if forced else ""))
    scene.undecided = "the card is in use"
    names = list(dict.fromkeys(each.rule for each in kept))
    why = "; ".join(dict.fromkeys(each.reason for each in kept))
    remedy = "; ".join(dict.fromkeys(each.remedy for each in kept))
    line = f"{remedy}; or go on all the same: vdesk setup {' '.join(f'--force {each}' for each in names)}"
    return Step("card", TITLE, TODO, f"{mine.address} {mine.device.name}: {why}", line, choose="force")


def _none_can_go(scene: Scene, found: list[Option]) -> Step:
    """Nothing is installed for a card before somebody has decided what is to be done without a free one."""
    scene.undecided = FIRST
    why = "; ".join(f"{each.address} {each.shown}" for each in found) or "there is no graphics card"
    return Step("card", TITLE, BLOCKED, why, _way_out(found), choose="single_gpu" if _ends(found) else "without")


def _ends(found: list[Option]) -> bool:
    """Whether the desktop's own card is the one to ask about: there is no other."""
    return bool(found) and all(each.desktop for each in found)


def _way_out(found: list[Option]) -> str:
    """What helps where no card can go."""
    ways = []
    if len(found) > 1 and any("of its group" in each.busy for each in found):
        ways.append("put the card into another slot (see vdesk groups)")
    elif len(found) > 1:
        ways.append("connect the monitor to the other card, and choose that one first in the firmware's setup")
    if found:
        ways.append("give the desktop's own card away while the machine runs: vdesk setup --single-gpu")
    return "; or ".join([*ways, "do without: vdesk setup --gpu none"])


def hooks(scene: Scene) -> Step:
    """The hook that takes the card at a start, and gives it back."""
    title = "The libvirt hook"
    if scene.choices.gpu == WITHOUT:
        return Step("hook", title, SKIPPED, "without a card it has nothing to do")
    if scene.undecided:
        return Step("hook", title, BLOCKED, scene.undecided)
    return planned("hook", title, "vdesk hook install", lambda: hook.install(scene.host), "it is there")


def binding(scene: Scene) -> Step:
    """At every boot, or only while the machine runs."""
    title, choices = "The card at boot", scene.choices
    if choices.gpu == WITHOUT or choices.single_gpu:
        why = "no card is given away" if choices.gpu == WITHOUT else "the desktop has it until the machine starts"
        return Step("bind", title, SKIPPED, why)
    if choices.boot is False:
        return Step("bind", title, SKIPPED, "the hook takes the card at each start, and gives it back at the end")
    if scene.reboot or scene.undecided or choices.gpu is None:
        return Step("bind", title, BLOCKED, REBOOT_FIRST if scene.reboot else scene.undecided or FIRST)
    line = f"vdesk bind {choices.gpu} --boot"
    if choices.boot is None:
        why = "at every boot, or only while the machine runs: the hook then takes the card at each start"
        better = setup_card.unsteady(scene.host, choices.gpu)
        why += f"; recommended: at every boot, for {better}" if better else ""
        return Step("bind", title, TODO, why, line, choose="boot")
    return planned("bind", title, line, lambda: _bind(scene), "it is bound at every boot")


def _bind(scene: Scene) -> Plan:
    host, address = scene.host, parse_address(scene.choices.gpu or "")
    # Not now: a driver that lets go badly is not asked to, so who has the card open is all the same too.
    wait = bool(setup_card.unsteady(host, str(address)))
    return boot_binding.bind(host, [address], scene.entries(host), force=_force(scene), wait=wait)


def _force(scene: Scene) -> tuple[str, ...]:
    """The rules that are overridden: what a person has said, and who has a card open that is not taken now."""
    choices = scene.choices
    later = choices.boot is not False and setup_card.unsteady(scene.host, choices.gpu)
    return (*choices.force, *(("in-use",) if later and "in-use" not in choices.force else ()))
