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
from vdesk.model import report as state
from vdesk.model.errors import INTERRUPTED, NOT_READY, OK, problem
from vdesk.model.finding import Finding
from vdesk.model.report import ChangeView, Report
from vdesk.plans import setup_gives, setup_steps, setup_words, vm_far
from vdesk.plans.setup_ask import Talk, ask, earlier
from vdesk.plans.setup_itself import by_itself
from vdesk.plans.setup_steps import BLOCKED, DONE, PLANNED, SKIPPED, TODO, Scene, Step
from vdesk.plans.setup_vm import machine

COMMAND = "setup"
Judge = Callable[[Host], Sequence[Finding]]
DECLINED = "you said no"
GO_ON = "go on with: sudo vdesk setup"
ALL: Sequence[Callable[[Scene], Step]] = (
    setup_steps.packages, setup_steps.firmware, setup_steps.argument, setup_steps.reboot,
    setup_gives.card, setup_gives.hooks, setup_gives.binding,
    setup_steps.installer, setup_steps.drivers, machine,
)  # fmt: skip


def setup(
    host: Host,
    choices: Choices,
    mode: Mode,
    talk: Talk | None,
    judge: Judge,
    uri: str | None = None,
    *,
    again: bool = False,
) -> Report:
    """Go as far as the machine, and the person, let it; `judge` are the checks of the processor and the IOMMU. With
    `again` what was chosen in earlier runs does not count.

    WrongUsage before anything is changed or kept. Exit 3 when something is left, 130 on an interrupt."""
    vm_far.refuse(uri, "vdesk setup is done")
    said = setup_words.checked(host, choices)
    if not mode.dry_run:
        may_change(host, mode)
    before = Choices() if again else setup_words.sound(kept.read(host))
    whole = said.over(before)
    if not mode.dry_run and (again or whole.as_json() != Choices().as_json()):
        kept.keep(host, whole)
    if talk is not None:
        earlier(before, talk)
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
        """Every step, until one fails or the machine reboots; what was done before an interrupt stays, and is said."""
        try:
            return self._go()
        except KeyboardInterrupt:
            why = "Ctrl-C, or the end of the terminal"
            self.report.errors.append(problem("interrupted", "interrupted", why, self._stays()))
            self.report.exit_code = INTERRUPTED
            return self.report

    def _go(self) -> Report:
        for number, decide in enumerate(ALL, 1):
            step = decide(self.scene)
            self.steps.append(step)
            asks = step.choose and step.plan is None  # the question tells the rest
            self._tell(f"[{number}/{len(ALL)}] {step.title}" + ("" if asks else f": {_told(step)}"))
            if not asks and step.id != "reboot" and step.plan is None and step.state in (TODO, BLOCKED):
                self._tell(f"  {step.command}")
            ended = self._take(step, decide)
            if ended is not None:
                self._fill()
                self.report.exit_code, self.report.errors = ended.exit_code, ended.errors
                self.report.notes += ended.notes
                if ended.exit_code == INTERRUPTED:
                    self.report.notes.append(f"The steps before: {self._stays()}")
                return self.report
        self._end()
        return self.report

    def _stays(self) -> str:
        done = [each.summary for each in self.report.changes if each.state == state.DONE]
        stays = "what was done before stays, see: vdesk history" if done else "nothing was changed"
        return f"{stays}; {GO_ON}"

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
        """The step after its choices were made: by the person, or where nobody is asked, by what is recommended. A
        choice that the machine would not have is asked for again; one that nobody made is not kept."""
        asked: set[str] = set()
        while step.choose and (step.choose not in asked or step.wrong):
            if self.talk is not None:
                if step.wrong:
                    self._tell(step.why)
                ask(self.scene, step.choose, self.talk)
                if not self.mode.dry_run:
                    kept.keep(self.scene.host, self.scene.choices)
            elif not by_itself(self.scene, step):
                return step
            asked.add(step.choose)
            self.steps[-1] = step = decide(self.scene)
        if self.mode.dry_run and step.state == DONE:
            step.state = PLANNED
        return step

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
            self.report.changes.append(ChangeView("reboot", step.command, "reboot this machine", state=state.SKIPPED))
            return None

        def do(progress: Progress) -> None:
            run_checked(host, argv, 60.0, progress)

        kept.keep(host, choices)
        said = ["Every program that is open ends, and what is not saved in it is lost."]
        if self.scene.menus:
            said.append(f"What to do then: {self.scene.menus}.")
        step_of = Action("reboot", " ".join(argv), "reboot this machine now", do)
        found = act(Actions(COMMAND, [step_of], intro=said, ask=True), host, self.mode)
        if found.exit_code == INTERRUPTED and not found.errors:
            return None
        self.report.changes += found.changes
        return found if found.exit_code else self._rebooting()

    def _rebooting(self) -> Report:
        return Report(COMMAND, NOT_READY, notes=["After the reboot, go on with: sudo vdesk setup"])

    def _tell(self, text: str) -> None:
        if self.talk is not None and text.strip():
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
    words = {SKIPPED: "left out", BLOCKED: "not yet", TODO: "to do"}
    return f"{words[step.state]}, {step.why}" if step.state in words else step.why
