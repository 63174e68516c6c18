"""`iommu enable` and `disable` carried out with programs in the place of update-grub: done, failed, put back."""

from __future__ import annotations

import pathlib

import pytest

from tests.trees import Difference, difference, snapshot
from tests.unit.grub_judge import FOLDER, MAIN, grub_cfg, write
from vdesk.changes import executor, undoing
from vdesk.changes.executor import Mode
from vdesk.changes.journal import Journal
from vdesk.changes.plan import Plan
from vdesk.host import Host
from vdesk.host.runner import LocalRunner
from vdesk.model.errors import FAILED, OK, Refused
from vdesk.model.report import Report
from vdesk.plans import iommu

D = "GRUB_CMDLINE_LINUX_DEFAULT"
CFG = "boot/grub/grub.cfg"
OURS = ("var/lib/vdesk",)
YES = Mode(yes=True)
# What update-grub does, for the part that counts here: source the files, write the entries to FILE.new, then FILE.
UPDATE_GRUB = """set -e
out=ROOT$2
for x in ROOT/etc/default/grub ROOT/etc/default/grub.d/*.cfg; do if [ -e "$x" ]; then . "$x"; fi; done
echo 'Generating grub configuration file ...' >&2
cat > "$out.new" <<END
### BEGIN /etc/grub.d/10_linux ###
menuentry 'Debian' {
\tlinux\t/boot/vmlinuz root=UUID=1 ro $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT
}
menuentry 'Debian (recovery mode)' {
\tlinux\t/boot/vmlinuz root=UUID=1 ro single $GRUB_CMDLINE_LINUX
}
### END /etc/grub.d/10_linux ###
END
THEN
cat "$out.new" > "$out"
rm "$out.new"
"""


class Machine:
    """A machine below a folder, with programs of its own that stand for GRUB's."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.root, self.programs = folder / "root", folder / "bin"
        self.programs.mkdir(0o755)
        write(self.root, f'# mine\n{D}="quiet splash" # end\n')
        (self.root / CFG).chmod(0o400)
        (self.root / MAIN).chmod(0o640)
        self.program("update-grub", UPDATE_GRUB.replace("THEN", ":"))
        self.program("grub-script-check", "test -s ROOT$1")
        self.start = snapshot(self.root)

    def program(self, name: str, text: str) -> None:
        """Put a program into PATH; ROOT in its text is the machine's folder."""
        (self.programs / name).write_text(f"#!/bin/sh\n{text}\n".replace("ROOT", str(self.root)))
        (self.programs / name).chmod(0o755)

    @property
    def host(self) -> Host:
        """The machine as vdesk sees it; a new one each time, as each command has."""
        return Host(str(self.root), LocalRunner([str(self.programs), "/usr/bin", "/bin"]))

    def run(self, plan: Plan) -> Report:
        """Carry the plan out."""
        return executor.run(plan, self.host, YES)

    def enable(self, *, igfx_off: bool = False, pt: bool = False) -> Report:
        """`vdesk iommu enable --yes`."""
        return self.run(iommu.enable(self.host, igfx_off=igfx_off, pt=pt))

    def disable(self) -> Report:
        """`vdesk iommu disable --yes`."""
        return self.run(iommu.disable(self.host, Journal(self.host).entries()))

    def difference(self) -> Difference:
        """What is otherwise than at the start, vdesk's own journal left out."""
        return difference(self.start, snapshot(self.root), OURS)

    def text(self, path: str) -> str:
        """A file's content."""
        return (self.root / path).read_text()


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Machine:
    """A machine with quiet splash configured."""
    return Machine(tmp_path)


def test_enabled_generated_and_given_back(machine: Machine) -> None:
    report = machine.enable(igfx_off=True)
    assert (report.exit_code, [each.state for each in report.changes]) == (OK, ["done", "done"])
    assert machine.text(MAIN) == f'# mine\n{D}="quiet splash intel_iommu=on,igfx_off" # end\n'
    assert "ro  quiet splash intel_iommu=on,igfx_off\n" in machine.text(CFG)
    assert machine.difference() == Difference([], [], [CFG, MAIN])
    assert (machine.root / CFG).stat().st_mode & 0o777 == 0o400
    assert "Reboot" in report.notes[0] and "vdesk check" in report.notes[1]
    assert machine.enable(igfx_off=True).changes == []
    assert machine.disable().exit_code == OK
    assert machine.difference().changed == [CFG]
    assert "intel_iommu" not in machine.text(CFG)
    assert machine.text(MAIN) == f'# mine\n{D}="quiet splash" # end\n'
    assert undoing.undo(machine.host, None, True, YES).changes == []


def test_undo_gives_back_every_byte(machine: Machine) -> None:
    machine.enable()
    assert undoing.undo(machine.host, None, False, YES).exit_code == OK
    assert not machine.difference()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("update-grub", "echo 'grub-probe: error: no such disk' >&2; exit 1", "no such disk"),
        ("update-grub", UPDATE_GRUB.replace("THEN", "echo broken half >&2; exit 1"), "broken half"),
        ("update-grub", "echo nothing > ROOT$2", "no line begins with"),
        ("update-grub", "printf 'linuxes are fine\\n' > ROOT$2", "no line begins with"),
        ("update-grub", "printf '\\tlinux\\t/boot/vmlinuz root=x ro quiet\\n' > ROOT$2", "does not use"),
        ("update-grub", "true", "grub-script-check"),
        ("grub-script-check", "echo 'error: line: 3' >&2; exit 1", "line: 3"),
        ("grub-script-check", "kill -9 $$", "grub-script-check"),
    ],
)
def test_a_failure_leaves_everything_as_it_was(machine: Machine, name: str, text: str, said: str) -> None:
    machine.program(name, text)
    report = machine.enable()
    assert report.exit_code == FAILED
    assert any(said in f"{each.what} {each.cause}" for each in report.errors)
    assert not machine.difference()


def test_without_update_grub_nothing_is_left(machine: Machine) -> None:
    (machine.programs / "update-grub").unlink()
    assert machine.enable().exit_code == FAILED
    assert not machine.difference()


def test_grub_mkconfig_stands_in_for_update_grub(machine: Machine) -> None:
    (machine.programs / "update-grub").rename(machine.programs / "grub-mkconfig")
    assert machine.enable().exit_code == OK
    assert "intel_iommu=on" in machine.text(CFG)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ("echo noise; false\n", "grub.not-sourced"),  # sh stops here, as grub-mkconfig would
        ("true && exit 0\n", "grub.not-sourced"),
        (f"{D}=$(printf 'a\\t--')\n", "grub.not-as-planned"),  # a `--` that the drop-in does not see
        (f"{D}=$(echo iommu=off)\n", "grub.not-as-planned"),
        (f"{D}=$(printf 'a\\nb')\n", "grub.not-as-planned"),  # GRUB's line would end before the argument
    ],
)
def test_sh_has_the_last_word(machine: Machine, more: str, error: str) -> None:
    """What static reading cannot tell, the live machine's sh decides, before update-grub is run."""
    (machine.root / FOLDER / "50.cfg").write_text(f"{D}=$(echo quiet)\n{more}")
    machine.program("update-grub", "echo must not be run >&2; exit 77")
    start = snapshot(machine.root)
    report = machine.enable()
    assert (report.exit_code, [each.id for each in report.errors]) == (FAILED, [error])
    assert not difference(start, snapshot(machine.root), OURS)


def test_what_is_computed_is_judged_by_sh(machine: Machine) -> None:
    (machine.root / MAIN).write_text(f'echo "noise on stdout"\n{D}="$(echo quiet)"\n')
    assert machine.enable().exit_code == OK
    assert "ro  quiet intel_iommu=on\n" in machine.text(CFG)
    assert (machine.root / FOLDER / "zz-vdesk.cfg").exists()


def test_a_command_that_dash_does_not_know_is_put_back(machine: Machine) -> None:
    (machine.root / MAIN).write_text(f'{D}="quiet"\n{D}+=" splash"\n')
    start = snapshot(machine.root)
    report = machine.enable()
    assert (report.exit_code, report.errors[0].id) == (FAILED, "grub.not-sourced")
    assert not difference(start, snapshot(machine.root), OURS)


def test_after_a_power_cut_only_grub_cfg_is_generated(machine: Machine) -> None:
    (machine.root / MAIN).write_text(f'{D}="quiet intel_iommu=on"\n')
    (machine.root / "boot/grub/grub.cfg.new").write_text("torn")
    assert iommu.status(machine.host)["next"][0] == "sudo update-grub"
    plan = iommu.enable(machine.host, igfx_off=False, pt=False)
    assert [change.target for change in plan.changes] == ["/boot/grub/grub.cfg"]
    assert machine.run(plan).exit_code == OK
    assert "quiet intel_iommu=on\n" in machine.text(CFG)
    assert machine.text(MAIN) == f'{D}="quiet intel_iommu=on"\n'


def test_disable_keeps_what_a_person_wrote_since(machine: Machine) -> None:
    machine.enable(igfx_off=True, pt=True)
    text = f'# new\n{D}="quiet mine=1 intel_iommu=on,igfx_off,sm_on iommu=pt late=2" # end\nGRUB_TIMEOUT=3\n'
    (machine.root / MAIN).write_text(text)
    assert machine.disable().exit_code == OK
    assert machine.text(MAIN) == f'# new\n{D}="quiet mine=1 intel_iommu=sm_on late=2" # end\nGRUB_TIMEOUT=3\n'
    assert "ro  quiet mine=1 intel_iommu=sm_on late=2\n" in machine.text(CFG)


def test_disable_puts_a_replaced_word_back(machine: Machine) -> None:
    (machine.root / MAIN).write_text(f'{D}="a intel_iommu=off b"\n')
    machine.enable()
    (machine.root / MAIN).write_text(f'{D}="a intel_iommu=on b mine"\n')
    machine.disable()
    assert machine.text(MAIN) == f'{D}="a intel_iommu=off b mine"\n'


def test_disable_takes_back_three_enables_at_once(machine: Machine) -> None:
    (machine.root / MAIN).write_text(f"{D}=quiet # no quotes\n")
    machine.enable()
    machine.enable(igfx_off=True)
    machine.enable(pt=True)
    assert machine.text(MAIN) == f'{D}="quiet intel_iommu=on,igfx_off iommu=pt" # no quotes\n'
    machine.disable()
    assert machine.text(MAIN) == f"{D}=quiet # no quotes\n"
    assert machine.disable().notes == ["Nothing to take out: vdesk has put no argument into the boot configuration."]


def test_disable_keeps_a_persons_lines_in_the_drop_in(machine: Machine) -> None:
    (machine.root / FOLDER / "50.cfg").write_text(f'{D}="loud"\n')
    machine.enable()
    dropin = machine.root / FOLDER / "zz-vdesk.cfg"
    dropin.write_text(f"GRUB_TIMEOUT=1\n{dropin.read_text()}GRUB_BADRAM=2\n")
    machine.disable()
    assert dropin.read_text() == "GRUB_TIMEOUT=1\nGRUB_BADRAM=2\n"


def test_disable_keeps_a_persons_lines_around_the_longer_drop_in(machine: Machine) -> None:
    (machine.root / FOLDER / "50.cfg").write_text(f'{D}="loud -- x"\n')
    machine.enable()
    dropin = machine.root / FOLDER / "zz-vdesk.cfg"
    dropin.write_text(f"GRUB_TIMEOUT=1\n{dropin.read_text()}GRUB_BADRAM=2\n")
    machine.disable()
    assert dropin.read_text() == "GRUB_TIMEOUT=1\nGRUB_BADRAM=2\n"


def test_disable_of_what_is_gone_already(machine: Machine) -> None:
    machine.enable()
    (machine.root / MAIN).write_text(f'{D}="quiet"\n')
    report = machine.disable()
    assert (report.exit_code, report.changes) == (OK, [])
    assert "already" in report.notes[0]


def test_disable_that_is_not_safe_is_refused(machine: Machine) -> None:
    machine.enable()
    text = f'X="quiet intel_iommu=o"\n{D}="${{X}}n"\n'
    (machine.root / MAIN).write_text(text)
    with pytest.raises(Refused) as caught:
        machine.disable()
    assert caught.value.problems[0].id == "grub.edited-since"
    assert machine.text(MAIN) == text


def test_a_failed_disable_leaves_the_argument_in(machine: Machine) -> None:
    machine.enable()
    before = snapshot(machine.root)
    machine.program("update-grub", "exit 1")
    assert machine.disable().exit_code == FAILED
    assert not difference(before, snapshot(machine.root), OURS)


def test_interrupted_at_every_step(tmp_path: pathlib.Path) -> None:
    """Stopped anywhere on the way, and everything is as before; the last round comes through."""
    stopped = 0
    for number in range(1, 40):
        (tmp_path / str(number)).mkdir()
        machine = Machine(tmp_path / str(number))

        def reach(place: str, at: int, stop: int = number) -> None:
            if at == stop and place not in ("revert", "reverted", "close"):
                raise KeyboardInterrupt

        plan = iommu.enable(machine.host, igfx_off=False, pt=False)
        report = executor.run(plan, machine.host, Mode(yes=True, reach=reach))
        if report.exit_code == OK:
            assert machine.difference() == Difference([], [], [CFG, MAIN])
            break
        assert not machine.difference()
        stopped += 1
    assert stopped >= 6


def test_grub_cfg_that_a_kernel_update_made_since_is_made_again(machine: Machine) -> None:
    machine.enable()
    (machine.root / CFG).chmod(0o600)
    (machine.root / CFG).write_text(grub_cfg("quiet splash intel_iommu=on").replace("6.1.0", "6.1.9"))
    assert undoing.undo(machine.host, None, False, YES).exit_code == OK
    assert "ro  quiet splash\n" in machine.text(CFG)
