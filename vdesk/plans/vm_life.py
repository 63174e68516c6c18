"""The life of a machine: start and stop."""

from __future__ import annotations

import time

from vdesk.changes.actions import Action, Actions
from vdesk.changes.change import Progress
from vdesk.host import Host
from vdesk.host.libvirt_conn import Domain, Libvirt
from vdesk.libvirt_hook.memory import IN_PIECES
from vdesk.model.errors import Refused, VdeskError, problem
from vdesk.model.report import Report
from vdesk.plans import single_gpu, vm_far, vm_install, vm_key
from vdesk.plans.vm_install import SHELL
from vdesk.plans.vm_look import find_vm
from vdesk.plans.vm_preflight import preflight
from vdesk.vm.defined import Defined, mark_without_install, read_defined, without_hugepages
from vdesk.vm.domain_xml import MARK
from vdesk.vm.firmware_log import ASKED, DENIED, STUCK, UNKNOWN

START_SECONDS = 600.0
SHUTDOWN_SECONDS = 120.0
TICK = 10.0
"""Seconds between two words of progress."""
SMALL_PAGES = (
    "Warning: {name} runs without huge pages this time, a little slower: the memory of this machine is in too many"
    " pieces. Close programs or restart this machine before the next start; its definition still asks for them."
)
STAYED = (
    "Warning: the firmware of {name} found nothing to start, twice: the disc cannot be started by UEFI, or it asks for"
    " more than a key. Look at its screen; in the shell (`Shell>`) type FS0: and then \\EFI\\BOOT\\BOOTX64"
)
REFUSED = (
    "Warning: Secure Boot does not let {name} start its disc, which is not signed, or was signed by a key that is"
    " revoked since. What helps: vdesk doctor {name}"
)

WAKING = {"paused": "resume", "suspended": "dompmwakeup"}
"""What has a machine in that state run again (virsh)."""
HALTED = {
    "paused": "somebody paused it, or QEMU did: an error of its disk, or no room left where its image lies",
    "suspended": "the guest went to sleep",
    "crashed": "the guest's kernel said that it has failed, and its definition keeps it for a look",
}

# --- start


def start(host: Host, libvirt: Libvirt, name: str, force: tuple[str, ...] = ()) -> Actions:
    """Look whether all is there, bring up the networks that the machine uses, start it, and answer the disc's question
    on the first start. `force` overrides the rules named, as at `bind`. A machine that ends the desktop is asked
    about, and one that is on and does not run is refused."""
    domain = find_vm(libvirt, name)
    found = read_defined(domain.xml)
    if domain.active:
        _refuse_halted(domain)
        return Actions(
            "start",
            [],
            {"name": name, "state": domain.state},
            notes=[f"{name} is running already.", *_where(host, libvirt, found)],
        )
    ready = [vm_far.unseen(libvirt)] if libvirt.far else preflight(host, found, force)
    steps = [_network(libvirt, network) for network in dict.fromkeys(found.networks) if not _active(libvirt, network)]
    notes = _where(host, libvirt, found)
    steps.append(
        Action("start", name, f"start {name}", lambda progress: _start(libvirt, found, notes, progress), final=True)
    )
    if found.install:
        answer = "press Enter when the disc asks for it (`Press any key to boot from CD`); on this first start only"
        steps.append(Action("key", name, answer, lambda progress: _press(host, libvirt, domain, notes, progress)))
    data = {"name": name, "state": "running"}
    if found.single_gpu:
        ready.append(single_gpu.NO_PICTURE.format(name=name))
    return Actions("start", steps, data, intro=ready, notes=notes, ask=found.single_gpu, here=False)


def _refuse_halted(domain: Domain) -> None:
    """A machine that is on and does not run: what it is, and how it goes on (virDomainState)."""
    name = domain.name
    if domain.state in WAKING:
        remedy = f"let it go on with: virsh {WAKING[domain.state]} {name}; what stopped it: vdesk doctor {name}"
    elif domain.state == "crashed":
        remedy = f"see why with: vdesk doctor {name}; then take its power away: vdesk stop {name} --force; and start it"
    else:
        return
    raise Refused(
        problem("vm.halted", f"{name} is on, and does not run: it is {domain.state}", HALTED[domain.state], remedy)
    )


def _start(libvirt: Libvirt, found: Defined, notes: list[str], progress: Progress) -> None:
    """With its huge pages; where the memory is in too many pieces for them, this once without, which is said."""
    name = found.name

    def waiting(seconds: float) -> None:
        progress(f"{name} is still starting ({seconds:.0f} s): its devices are taken from this machine")

    try:
        libvirt.start(name, START_SECONDS, waiting)
    except VdeskError as error:
        if not found.hugepages or not any(IN_PIECES in each.cause for each in error.problems):
            raise
        progress(f"{IN_PIECES}: {name} starts without them")
        libvirt.start_once(name, without_hugepages, START_SECONDS, waiting)
        notes.insert(0, SMALL_PAGES.format(name=name))


def _active(libvirt: Libvirt, network: str) -> bool:
    known = libvirt.network(network)
    if known is None:
        raise Refused(
            problem(
                "vm.network-missing",
                f"the machine's network {network} does not exist",
                "libvirt knows no network of that name",
                "list them with: virsh net-list --all",
            )
        )
    return known[0]


def _network(libvirt: Libvirt, network: str) -> Action:
    return Action(
        "network",
        network,
        f"bring up the network {network}",
        lambda progress: libvirt.start_network(network),
        lambda progress: libvirt.stop_network(network),
    )


def _press(host: Host, libvirt: Libvirt, domain: Domain, notes: list[str], progress: Progress) -> None:
    told = vm_key.pressed(host, libvirt, domain.name, progress) if not libvirt.mock else UNKNOWN
    after_key(libvirt, domain, told, notes)


def after_key(libvirt: Libvirt, domain: Domain, told: str, notes: list[str]) -> None:
    """What follows from how the disc was answered. Later starts must not press: Enter would restart Setup; they do
    where Setup has not begun."""
    mark = mark_without_install(domain.xml)
    if told in (STUCK, DENIED):
        notes[notes.index(SHELL)] = (STAYED if told == STUCK else REFUSED).format(name=domain.name)
    elif mark:
        libvirt.forget_install(domain.name, mark, MARK)
    if told == ASKED:
        notes[notes.index(SHELL)] = "The disc asked for a key, and got it."


def _where(host: Host, libvirt: Libvirt, found: Defined) -> list[str]:
    """Where the guest is to be seen: a window first; the monitor at the card once the guest has its driver."""
    look = f"Its screen: virt-viewer -c {libvirt.uri} --attach {found.name}"
    if found.gpu:
        look += f"; once the guest has its driver, the monitor at the card {found.gpu} (switch its input)"
    said = [look]
    if found.shared_memory:
        said.append(
            "Looking Glass: looking-glass-client, once its host program and the card's driver run in the guest."
        )
    if found.evdev:
        said.append("Keyboard and mouse: both Ctrl keys together hand them to the guest, and back.")
    if found.install:
        said.append(SHELL)
    if libvirt.far:
        return [*said, f"If it does not come up, on that machine: sudo vdesk doctor {found.name}"]
    said += [*vm_install.load(found), *vm_install.said(host, found)]
    said.append(f"If it does not come up: vdesk doctor {found.name}")
    return said


# --- stop


def stop(
    host: Host,
    libvirt: Libvirt,
    name: str,
    *,
    force: bool,
    installed: bool = False,
    seconds: float = SHUTDOWN_SECONDS,
) -> Actions:
    """Ask the guest to shut down and wait; with `force` take the power away. A finished installation is tidied up:
    where the guest's agent answers, or a person says that it is `installed`, also of a machine that is off."""
    domain = find_vm(libvirt, name)
    found = read_defined(domain.xml)
    data = {"name": name, "state": "shut off"}
    if installed:
        vm_far.refuse(libvirt.uri, "the answers of an installation are removed")
        vm_install.check_told(found)
    after = vm_install.finishing(host, libvirt, found, told=installed) if domain.active or installed else []
    notes = [] if after or libvirt.far else vm_install.said(host, found)
    ask = installed and bool(after)
    if not domain.active:
        return Actions("stop", after, data, notes=[f"{name} is not running.", *notes], ask=ask)
    if force:
        summary = f"take the power from {name}: what it has not written to disk is lost"
        power = Action("stop", name, summary, lambda progress: libvirt.destroy(name), final=True)
        return Actions("stop", [power, *after], data, notes=notes, ask=True, here=not libvirt.far)
    summary = f"ask {name} to shut down, and wait up to {seconds:.0f} s"

    def do(progress: Progress) -> None:
        _refuse_deaf(domain)
        _shut_down(libvirt, name, seconds, progress)

    return Actions("stop", [Action("stop", name, summary, do, final=True), *after], data, notes=notes, ask=ask)


def _refuse_deaf(domain: Domain) -> None:
    """A machine that does not run hears nothing: that is said at once, not after the time that another one has."""
    if domain.state not in HALTED:
        return
    name, first = domain.name, WAKING.get(domain.state)
    raise VdeskError(
        problem(
            "vm.still-running",
            f"{name} cannot shut down: it is {domain.state}",
            HALTED[domain.state],
            f"let it go on with: virsh {first} {name}; then: vdesk stop {name}; or: vdesk stop {name} --force"
            if first
            else f"take its power away: vdesk stop {name} --force",
        )
    )


def still_running(report: Report) -> bool:
    """Whether a stop ended because the guest did not go off, so that taking its power away is what is left."""
    return any(each.id == "vm.still-running" for each in report.errors)


def _shut_down(libvirt: Libvirt, name: str, seconds: float, progress: Progress) -> None:
    """By the guest's agent where it answers, else by the power button (virDomainShutdownFlags without flags)."""
    libvirt.shutdown(name)
    begin = told = time.monotonic()
    while (now := time.monotonic()) < begin + seconds:
        found = libvirt.find(name)
        if found is None or not found.active:
            return
        if now - told >= TICK:
            told = now
            progress(f"{name} is still shutting down ({now - begin:.0f} of {seconds:.0f} s)")
        time.sleep(1)
    raise VdeskError(
        problem(
            "vm.still-running",
            f"{name} did not shut down within {seconds:.0f} s",
            "the guest ignores the power button, is still at work, or waits for an answer on its screen",
            f"shut it down from inside, or take its power away: vdesk stop {name} --force",
        )
    )
