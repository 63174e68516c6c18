"""`vdesk setup`: one step after the other, each by the plan that its own command has. What is done is only told; what
is left is said, and the next run goes on there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vdesk.changes import choices as kept
from vdesk.changes.actions import Action, Actions, act
from vdesk.changes.change import Progress
from vdesk.changes.choices import Choices
from vdesk.changes.commands import run_checked
from vdesk.changes.drivers import VFIO
from vdesk.changes.executor import Mode, may_change, run
from vdesk.changes.undoing import entries, readable_entries
from vdesk.host import Host
from vdesk.model.errors import INTERRUPTED, NOT_READY, OK
from vdesk.model.finding import Finding
from vdesk.model.report import SKIPPED as NOT_RUN
from vdesk.model.report import ChangeView, Report
from vdesk.plans import vm_far
from vdesk.plans.setup_ask import Talk, ask
from vdesk.plans.setup_steps import BLOCKED, DONE, PLANNED, ROAD, SKIPPED, TODO, Scene, Step
from vdesk.plans.setup_vm import machine

COMMAND = "setup"
Judge = Callable[[Host], Sequence[Finding]]
DECLINED = "you said no"
ALL: Sequence[Callable[[Scene], Step]] = (*ROAD, machine)


def setup(host: Host, choices: Choices, mode: Mode, talk: Talk | None, judge: Judge, uri: str | None = None) -> Report:
    """Go as far as the machine, and the person, let it; `judge` are the checks of the processor and the IOMMU.

    Exit 3 when something is left, 130 on an interrupt."""
    vm_far.refuse(uri, "the way is gone")
    if not mode.dry_run:
        may_change(host, mode)
    whole = choices.over(kept.read(host))
    if not mode.dry_run and whole.as_json() != Choices().as_json():
        kept.keep(host, whole)
    scene = Scene(host, whole, readable_entries if mode.dry_run else entries, judge, mode.dry_run, uri)
    scene.assumes = mode.dry_run and not mode.yes
    return _Road(scene, mode, talk).go()


class _Road:
    """One run of setup."""

    def __init__(self, scene: Scene, mode: Mode, talk: Talk | None) -> None:
        self.scene, self.mode, self.talk = scene, mode, talk
        self.report = Report(COMMAND)
        self.steps: list[Step] = []

    def go(self) -> Report:
        """Every step, until one fails or the machine reboots."""
        for number, decide in enumerate(ALL, 1):
            step = decide(self.scene)
            self.steps.append(step)
            asks = step.choose and step.plan is None  # the question tells the rest
            self._tell(f"[{number}/{len(ALL)}] {step.title}" + ("" if asks else f": {_told(step)}"))
            ended = self._take(step, decide)
            if ended is not None:
                self._fill()
                self.report.exit_code, self.report.errors = ended.exit_code, ended.errors
                self.report.notes += ended.notes
                return self.report
        self._end()
        return self.report

    def _take(self, step: Step, decide: Callable[[Scene], Step]) -> Report | None:
        """Take one step; a report where the whole command ends with it."""
        if step.id == "reboot" and step.state == TODO:
            return self._reboot(step)
        if step.choose:
            step = self._chosen(step, decide)
        if step.plan is None or step.choose:
            return None
        found = run(step.plan, self.scene.host, self.mode)
        self.scene.host.memory.clear()  # what was read is of the machine before
        self.report.changes += found.changes if found.exit_code != INTERRUPTED or found.errors else []
        self.report.findings += found.findings
        if self.mode.dry_run:
            step.state = PLANNED
        elif found.exit_code == OK:
            step.state = DONE
            self._done(step)
        elif found.exit_code == INTERRUPTED and not found.errors:
            step.state, step.why = SKIPPED, DECLINED
            if step.id == "iommu" and not self.scene.setup_of_firmware:
                self.scene.reboot = ""  # nothing was changed that would count from the next boot on
        else:
            return found
        return None

    def _chosen(self, step: Step, decide: Callable[[Scene], Step]) -> Step:
        """The step after its choice was made: by the person, or where nobody is asked, by what is recommended."""
        if self.talk is not None:
            ask(self.scene, step.choose, self.talk)
        elif not _by_itself(self.scene, step):
            return step
        if not self.mode.dry_run:
            kept.keep(self.scene.host, self.scene.choices)
        self.steps[-1] = again = decide(self.scene)
        if self.mode.dry_run and again.state == DONE:
            again.state = PLANNED
        return again

    def _done(self, step: Step) -> None:
        if step.id == "packages" and step.plan:
            self.report.notes += [note for note in step.plan.notes if "vdesk check" not in note]
        if step.id == "iommu" and step.plan and not self.scene.reboot:
            self.report.notes += step.plan.notes[:1]  # the road goes on without it
        if step.id == "bind" and step.plan:
            late = [each["address"] for each in step.plan.data["devices"] if each["driver"] == each["was"] != VFIO]
            said = "taken at the next boot: reboot before the machine's first start"
            self.report.notes += [f"{', '.join(late)}: {said}"] if late else []
        if step.id == "vm" and step.plan:
            kept.forget(self.scene.host)
            self.report.notes += step.plan.notes
            if self.mode.yes:
                self.report.notes += step.plan.intro  # nobody was asked, so nobody has seen them

    def _reboot(self, step: Step) -> Report | None:
        """Reboot where it was asked for, or is agreed to; the road ends here either way."""
        host, choices = self.scene.host, self.scene.choices
        if self.mode.dry_run:
            return None
        argv = step.command.removeprefix("sudo ").split()
        if choices.reboot is False or (self.mode.yes and not choices.reboot):
            return None
        if not host.is_live:
            self.report.changes.append(ChangeView("reboot", step.command, "reboot this machine", state=NOT_RUN))
            return None

        def do(progress: Progress) -> None:
            run_checked(host, argv, 60.0, progress)

        kept.keep(host, choices)
        said = ["Every program that is open ends, and what is not saved in it is lost."]
        step_of = Action("reboot", " ".join(argv), "reboot this machine now", do)
        found = act(Actions(COMMAND, [step_of], intro=said, ask=True), host, self.mode)
        if found.exit_code == INTERRUPTED and not found.errors:
            return None
        self.report.changes += found.changes
        return found if found.exit_code else self._rebooting()

    def _rebooting(self) -> Report:
        return Report(COMMAND, NOT_READY, notes=["After the reboot, go on with: sudo vdesk setup"])

    def _tell(self, text: str) -> None:
        if self.talk is not None:
            self.talk.say(text)

    def _fill(self) -> None:
        """The steps and what was chosen, also of those that were not come to."""
        done = {step.id for step in self.steps}
        for decide in ALL[len(self.steps) :]:
            step = decide(self.scene)
            if step.id not in done:
                step.state = step.state if step.state in (DONE, SKIPPED) else BLOCKED
                self.steps.append(step)
        self.report.data = {"steps": [step.as_json() for step in self.steps], "choices": self.scene.choices.as_json()}

    def _end(self) -> None:
        self._fill()
        left = [step for step in self.steps if step.state in (TODO, BLOCKED) or step.why == DECLINED]
        if left and not self.mode.dry_run:
            self.report.exit_code = NOT_READY
            self.report.notes.append("When that is done, go on with: sudo vdesk setup")


def _told(step: Step) -> str:
    return {DONE: "done", SKIPPED: "left out", BLOCKED: "not yet", TODO: "to do"}[step.state] + f", {step.why}"


def _by_itself(scene: Scene, step: Step) -> bool:
    """Choose as recommended, where nobody is asked; a disc has to be named, but for a plan that is only shown;
    that of --yes is what --yes does."""
    from vdesk.plans import setup_card, setup_media
    from vdesk.plans.setup_vm import usual_name

    if step.choose == "gpu":
        free = [each for each in setup_card.options(scene.host) if not each.busy]
        if len(free) != 1 or free[0].doubt:
            step.command = step.command if len(free) == 1 else "vdesk setup --gpu ADDR"
            return False
        scene.choices.gpu = free[0].address
    elif step.choose == "boot":
        scene.choices.boot = bool(setup_card.unsteady(scene.host, scene.choices.gpu))
    elif step.choose == "name":
        scene.choices.name = usual_name(scene)
    elif step.choose == "iso" and scene.assumes and setup_media.installers(scene.host):
        scene.choices.iso = setup_media.installers(scene.host)[0]
    elif step.choose == "virtio_iso" and scene.choices.virtio_iso is None:
        scene.choices.virtio_iso = kept.WITHOUT
    else:
        return False
    return True
