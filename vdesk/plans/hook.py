"""Plans of `vdesk hook install` and `vdesk hook remove`: one file, and the daemon told to look for it."""

from __future__ import annotations

from collections.abc import Sequence

from vdesk.changes.change import Change
from vdesk.changes.commands import RunCommand
from vdesk.changes.files import WriteFile
from vdesk.changes.hook_guard import HOOKS, PATH, refuse_taken
from vdesk.changes.journal import Entry
from vdesk.changes.plan import Plan
from vdesk.host import Host, system_python
from vdesk.model.errors import Refused, problem
from vdesk.plans import hook_selinux
from vdesk.plans.hook_file import hook_bytes
from vdesk.plans.hook_status import OLDEST_LIBVIRT, active_daemons, noticed, others, own, version

MODE = 0o755
FOLDERS = (f"{HOOKS}/qemu.d", HOOKS)  # what an install may have made, the deepest first


def install(host: Host) -> Plan:
    """Put this vdesk's hook there. Refused where libvirt would never run it."""
    _refuse_old(host)
    system_python.refuse_old(host, "the hook")
    plan = Plan("hook install", "Install vdesk's libvirt hook", data={"path": f"/{PATH}"})
    mine, data, units = own(host), hook_bytes(), active_daemons(host)
    if not (mine.current and mine.executable):
        what = "write" if mine.data is None else "replace"
        summary = f"{what} /{PATH}, {len(data.splitlines())} lines, mode 755"
        plan.changes.append(WriteFile(PATH, mine.data, data, summary, MODE))
    if plan.changes or noticed(host, units) is False:
        plan.changes += [_reload(unit) for unit in units]
    plan.intro, plan.findings = _said_of_others(host), hook_selinux.findings(host)
    if not plan.changes:
        plan.notes = [f"/{PATH} is there already, and is this vdesk's: nothing to do.", *plan.intro]
        return plan
    plan.notes = [
        "It works for the virtual machines that vdesk defined, from their next start on.",
        "Test it with: sudo vdesk hook check",
    ]
    return plan


def remove(host: Host, entries: Sequence[Entry]) -> Plan:
    """Take the hook away. Refused while it still has to give devices back."""
    plan = Plan("hook remove", "Remove vdesk's libvirt hook", data={"path": f"/{PATH}"})
    mine = own(host)
    if mine.data is None:
        plan.notes = [f"There is no /{PATH}: nothing to remove."]
        return plan
    refuse_taken(host)
    ours = [entry for entry in entries if entry.command == "hook install"]
    steps = [(entry, step) for entry in ours for step in entry.steps if step.in_force]
    made = {folder for _, step in steps if step.kind == "file" for folder in step.record.get("folders", [])}
    emptied = [folder for folder in FOLDERS if folder in made]
    plan.changes = [WriteFile(PATH, mine.data, None, f"remove /{PATH}", emptied=emptied)]
    plan.changes += [_reload(unit) for unit in active_daemons(host)]
    plan.settles = [(entry.id, step.seq) for entry, step in steps]
    return plan


def _reload(unit: str) -> Change:
    """A reload, never a restart: running machines notice nothing of it."""
    argv = ["systemctl", "reload", unit]
    return RunCommand(argv, f"reload {unit}, so that it looks for hooks", argv, timeout=60.0)


def _refuse_old(host: Host) -> None:
    found = version(host)
    if found is None:
        raise Refused(
            problem(
                "hook.no-libvirt",
                "libvirt is not installed, so that nothing would run the hook",
                "neither virsh nor libvirtd nor virtqemud was found",
                "install libvirt first; vdesk check names the packages",
            )
        )
    if found.version and found.version < OLDEST_LIBVIRT:
        raise Refused(
            problem(
                "hook.old-libvirt",
                f"libvirt {found.shown} would never run the hook",
                "it reads hooks in /etc/libvirt/hooks/qemu.d from 6.5.0 on only",
                "use a newer libvirt; until then, bind the devices before the start: vdesk bind ADDR",
            )
        )


def _said_of_others(host: Host) -> list[str]:
    """Sentences about hooks of other people that do the same work; they are left alone."""
    found = []
    for other in others(host):
        if other.does and other.executable:
            found.append(
                f"{other.path} stays as it is. It {', '.join(other.does)}: two hooks that move the same devices get in "
                "each other's way. Take that part out, or make it skip the machines that vdesk defined."
            )
    return found
