"""The road of `vdesk setup`, step by step: what each finds on the machine, and the plan that would take it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from vdesk.boot.unread import unread
from vdesk.changes.choices import WITHOUT, Choices
from vdesk.changes.journal import Entry
from vdesk.changes.plan import Plan
from vdesk.host import Host
from vdesk.host.iommu_state import WITHOUT_IRQ_REMAP, state
from vdesk.model.errors import Refused, VdeskError, WrongUsage
from vdesk.model.finding import FAIL, UNKNOWN, Finding
from vdesk.model.kernel_args import effect, split
from vdesk.plans import iommu as iommu_plans
from vdesk.plans import setup_media
from vdesk.plans.firmware_menus import into_the_setup, menu
from vdesk.plans.install import install
from vdesk.vm.words import shown_size

DONE, TODO, BLOCKED, PLANNED, SKIPPED = "done", "todo", "blocked", "planned", "skipped"
REBOOT_FIRST = "after the reboot"


@dataclass(eq=False, repr=False)
class Step:
    """One step. `plan` takes it; `choose` names the choice that a person has to make first; without either, a `todo`
    is a person's own to do, as `command` says. `wrong` is the id of what its planner would not have."""

    id: str
    title: str
    state: str
    why: str
    command: str = ""
    plan: Plan | None = None
    choose: str = ""
    wrong: str = ""

    def as_json(self) -> dict[str, str]:
        """The step with the keys of the contract."""
        return {"id": self.id, "title": self.title, "state": self.state, "why": self.why, "command": self.command}


@dataclass(eq=False, repr=False)
class Scene:
    """What the steps look at. `assumes`: a plan is shown, and a disc that is found stands for the one that a person
    would name. `reboot` says why this boot has to end before the road goes on; empty where it need not. `menus` is
    what to do in the firmware's setup then, `undecided` why nothing is done for a card yet, `unsaid` what was chosen
    because nobody is asked."""

    host: Host
    choices: Choices
    entries: Callable[[Host], list[Entry]]
    judge: Callable[[Host], Sequence[Finding]]
    dry_run: bool = False
    uri: str | None = None
    assumes: bool = False
    reboot: str = ""
    setup_of_firmware: bool = False
    menus: str = ""
    undecided: str = ""
    unsaid: set[str] = field(default_factory=set)

    def finding(self, name: str) -> Finding:
        """What the check of that id says; read once until the host's memory is cleared."""
        if "setup-findings" not in self.host.memory:
            self.host.memory["setup-findings"] = {each.id: each for each in self.judge(self.host)}
        found: Finding = self.host.memory["setup-findings"][name]
        return found


def packages(scene: Scene) -> Step:
    """Programs, groups, libvirt's daemon."""
    return planned(
        "packages", "Packages and groups", "vdesk install", lambda: install(scene.host), "all are there", TODO
    )


def firmware(scene: Scene) -> Step:
    """VT-x or SVM, and VT-d or IOMMU: a switch that only a person can move."""
    here, title = state(scene.host), "The firmware's switches"
    wrong = _wrong([scene.finding("cpu.virtualization"), scene.finding("firmware.iommu")])
    if not wrong or (here.is_on and wrong[0].level == UNKNOWN):
        return Step("firmware", title, DONE, "virtualization and the IOMMU are on in the firmware")
    why = "; ".join(each.title for each in wrong)
    if not any(each.level == FAIL for each in wrong):
        return Step("firmware", title, TODO, f"{why}: {wrong[0].cause}", wrong[0].remedy)
    if "virtual machine" in wrong[0].remedy:  # a virtual machine's own firmware has no such switch
        return Step("firmware", title, TODO, why, wrong[0].remedy)
    scene.reboot, scene.setup_of_firmware = "what is set in the firmware", True
    scene.menus = menu(scene.host, here.vendor)
    return Step("firmware", title, TODO, why, scene.menus)


def argument(scene: Scene) -> Step:
    """The kernel's argument, and whether this boot has it."""
    found, choices = state(scene.host), scene.choices
    line = "vdesk iommu enable" + " --igfx-off" * choices.igfx_off + " --pt" * choices.pt
    title = "The kernel's argument"
    if found.is_on and not (choices.igfx_off or choices.pt):
        return _remapped(scene, title)
    step = planned(
        "iommu",
        title,
        line,
        lambda: iommu_plans.enable(scene.host, igfx_off=choices.igfx_off, pt=choices.pt),
        "the IOMMU is on" if found.is_on else "it is configured",
        TODO,
    )
    if step.plan is not None and not found.is_on:
        scene.reboot = scene.reboot or "the kernel's argument"
    elif step.state == DONE and not found.is_on and not scene.reboot:
        _booted_without(scene, step)
    return step


def _remapped(scene: Scene, title: str) -> Step:
    found = state(scene.host)
    if found.name != WITHOUT_IRQ_REMAP:
        return Step("iommu", title, DONE, "the IOMMU is on")
    wrong = scene.finding("kernel.irq-remapping")
    return Step("iommu", title, TODO if wrong.level == FAIL else DONE, wrong.title, wrong.remedy)


def _booted_without(scene: Scene, step: Step) -> None:
    """All is configured and the IOMMU is off: this boot is older than the argument, or something else is wrong."""
    found = state(scene.host)
    on = found.booted is not None and effect(split(" ".join(found.booted))).intel is True
    if found.vendor != "amd" and not on:
        past = unread(scene.host)
        if past is None:
            scene.reboot = "the kernel's argument"
        else:
            step.state, step.why, step.command = TODO, f"{past.what}: {past.cause}", past.remedy
        return
    wrong = scene.finding("kernel.iommu")
    step.state, step.why, step.command = TODO, f"{wrong.title}: {wrong.cause}", wrong.remedy


def reboot(scene: Scene) -> Step:
    """The end of this boot, where the road needs it."""
    if not scene.reboot:
        return Step("reboot", "Reboot", DONE, "nothing waits for one")
    line = into_the_setup(scene.host) if scene.setup_of_firmware else "sudo systemctl reboot"
    return Step("reboot", "Reboot", TODO, f"{scene.reboot} counts from the next boot on", line)


def installer(scene: Scene) -> Step:
    """The disc that the guest is installed from."""
    title, chosen = "The installation disc", scene.choices.iso
    if chosen is not None:
        try:
            os = setup_media.guest(scene.host, chosen, scene.choices.os)
        except VdeskError as error:
            return Step("iso", title, TODO, error.problems[0].what, "vdesk setup --iso FILE", choose="iso")
        return Step("iso", title, DONE, f"{chosen} ({os})")
    found = setup_media.installers(scene.host)
    why = f"found: {', '.join(found)}" if found else "none was found in /var/lib/libvirt/images and Downloads"
    return Step("iso", title, TODO, why, f"vdesk setup --iso {found[0] if found else 'FILE'}", choose="iso")


def drivers(scene: Scene) -> Step:
    """The VirtIO drivers that Windows lacks."""
    from vdesk.host.virtio_iso import SOURCE

    title, choices = "The VirtIO drivers", scene.choices
    if choices.virtio_iso == WITHOUT:
        why = "no disc with them was found" if "virtio_iso" in scene.unsaid else "you said so"
        return Step("virtio", title, SKIPPED, f"the machine gets a slower disk and network: {why}")
    try:
        os = setup_media.guest(scene.host, choices.iso, choices.os) if choices.iso is not None else None
    except VdeskError:
        os = None
    if os is None or choices.iso is None:
        return Step("virtio", title, BLOCKED, "the installation disc tells whether the guest needs them")
    try:
        if not setup_media.wants_drivers(os):
            return Step("virtio", title, SKIPPED, "the guest has them")
        if choices.virtio_iso is not None:
            setup_media.disc(scene.host, choices.virtio_iso, "--virtio-iso")
            return Step("virtio", title, DONE, choices.virtio_iso)
    except VdeskError as error:
        return Step("virtio", title, TODO, error.problems[0].what, "vdesk setup --virtio-iso FILE", choose="virtio_iso")
    found = setup_media.usual_drivers(scene.host, choices.iso, choices.os)
    if found is None:
        choices.virtio_iso = found = setup_media.other_drivers(scene.host)
    if found:
        return Step("virtio", title, DONE, found)
    why = f"no disc with them was found; get {SOURCE} into /var/lib/libvirt/images"
    return Step("virtio", title, TODO, why, "vdesk setup --virtio-iso FILE", choose="virtio_iso")


def _wrong(found: Sequence[Finding]) -> list[Finding]:
    """What is wrong or unknown, the certain first."""
    return sorted((each for each in found if each.level in (FAIL, UNKNOWN)), key=lambda each: each.level != FAIL)


def planned(name: str, title: str, line: str, planner: Callable[[], Plan], there: str, refused: str = BLOCKED) -> Step:
    """The step of a plan: done where it changes nothing; `refused` is its state where that is what the planner says."""
    try:
        plan = planner()
    except (Refused, WrongUsage) as error:
        first = error.problems[0]
        return Step(name, title, refused, f"{first.what}: {first.cause}", first.remedy, wrong=first.id)
    if not plan.changes:
        return Step(name, title, DONE, there, line)
    return Step(name, title, TODO, plan.changes[0].summary, line, plan)


def about(data: dict[str, Any]) -> str:
    """A machine's size in words."""
    memory = shown_size(data["memory_mib"] << 20)
    if data["cpus"] == 1:
        return f"{data['os']}, 1 CPU, {memory} of memory, disk {data['disk']}"
    return f"{data['os']}, {data['cpus']} CPUs, {memory} of memory, disk {data['disk']}"
