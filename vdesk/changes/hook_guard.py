"""The libvirt hook while it has something to give back: then its file stays, whoever wants it gone."""

from __future__ import annotations

from vdesk.host import Host
from vdesk.model.errors import HostError, Refused, problem

HOOKS = "etc/libvirt/hooks"
PATH = f"{HOOKS}/qemu.d/50-vdesk"
GIVE_BACK = f"sudo /{PATH} --give-back="
"""With a uuid, the command for what a killed hook or daemon has left."""
STATES = "run/vdesk/hook"
_GIVES_BACK = b"--give-back="


def taken_for(host: Host) -> list[str] | None:
    """The uuids of the virtual machines that the hook has taken devices for and not given back; None where that could
    not be told: only root may look."""
    try:
        return [name.removesuffix(".json") for name in host.list(STATES) if name.endswith(".json")]
    except HostError:
        return None


def refuse_taken(host: Host) -> None:
    """Refused while the hook has devices, a desktop, modules, memory or CPUs to give back: nobody else would do it."""
    taken = taken_for(host)
    if taken:
        raise Refused(
            problem(
                "hook.devices-taken",
                "the hook has taken devices that it still has to give back, so it stays",
                f"for the virtual machines {', '.join(taken)} (/run/vdesk/hook)",
                "shut them down first: vdesk list, vdesk stop NAME; where one is off already: "
                + " and ".join(f"{GIVE_BACK}{uuid}" for uuid in taken),
            )
        )


def refuse_loss(host: Host, path: str, now: bytes | None, after: bytes | None) -> None:
    """As that, where a file is the hook and would become something that gives nothing back; `after` None is no file."""
    if path == PATH and now is not None and now != after and _GIVES_BACK not in (after or b""):
        refuse_taken(host)
