"""The phases: prepare, release, and the self-test of `50-vdesk --check`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence

from .consoles import go_on, note_pictures, plan_pictures, release_pictures, return_pictures
from .cpus import free_cpus, keep_cpus, plan_cpus
from .desktop import plan_desktop, start_desktop, stop_desktop
from .domain import UUID, Domain
from .identity import identity
from .look import DEVICES, VFIO, Fact, find_holders, holders, look, named_holders, runs, stays
from .machine import LOG, LOOK_SECONDS, PREPARE_SECONDS, Machine, Trouble, in_child, printable, program, run
from .memory import free_pages, make_pages, plan_pages
from .moves import PROBE, give, is_gpu, take, waiting
from .nvidia import load_nvidia, plan_nvidia, start_services, unload_nvidia
from .state import FOLDER, State, own_folder

GIVE_BACK = "--give-back="
OPTIONS = 5  # `50-vdesk GUEST OPERATION SUBOPERATION EXTRA` is how libvirt calls, whatever the guest's name


def main(argv: Sequence[str], given: bytes) -> int:
    """The exit code of one call. `--check`, `--give-back=UUID`, `--holders=NODES`, and `--root DIR` before, are not
    libvirt's."""
    os.umask(0o077)
    root, words = options(argv)
    machine = Machine(root, os.path.abspath(argv[0]))
    if root != "/" and len(words) == OPTIONS - 1:
        given = sys.stdin.buffer.read()
    if words == ["--check"]:
        return check(machine)
    if len(words) == 1 and words[0].startswith("--holders="):
        print(json.dumps(find_holders(machine, words[0].partition("=")[2].split())))
        return 0
    if len(words) == 1 and words[0].startswith(GIVE_BACK):
        return by_hand(machine, words[0].removeprefix(GIVE_BACK))
    return phase(machine, words, given) if len(words) == OPTIONS - 1 else 0


def options(argv: Sequence[str]) -> tuple[str, list[str]]:
    """The root, and the words after it; a guest of libvirt's may be named `--root`."""
    if len(argv) > 3 and len(argv) != OPTIONS and argv[1] == "--root":
        return argv[2], list(argv[3:])
    return "/", list(argv[1:])


def phase(machine: Machine, call: Sequence[str], xml: bytes) -> int:
    """Do what the phase asks for; 1 with a text on stderr when that did not work, which stops a start."""
    machine.guest, machine.phase = printable(call[0], 64), call[1] if call[1] in ("prepare", "release") else "-"
    try:
        if list(call[1:3]) == ["prepare", "begin"]:
            domain = Domain(xml)
            if domain.marked and (domain.functions or domain.hugepages or domain.pins):
                prepare(machine, domain)
        elif list(call[1:3]) == ["release", "end"]:
            release(machine, Domain(xml).uuid)
    except Exception as error:
        return _told(machine, error)
    return 0


def by_hand(machine: Machine, uuid: str) -> int:
    """Do the release that a killed hook or daemon has left undone: 0 when nothing is taken any more, else 1 with a
    text. Refused while the machine runs, as QEMU's command line tells: libvirt calls the release itself then."""
    machine.guest, machine.phase = printable(uuid, 64), GIVE_BACK.strip("-=")
    try:
        if not machine.root and os.geteuid():
            raise Trouble("only root can give devices back: run it with sudo")
        if not UUID.fullmatch(uuid):
            raise Trouble("that is no uuid of a virtual machine")
        for pid in filter(str.isdecimal, machine.names("proc")):
            if runs(machine, pid, uuid):
                raise Trouble(f"the virtual machine runs (process {pid}): shut it down, and it gives back what it has")
        release(machine, uuid, alone=True)
    except Exception as error:
        return _told(machine, error)
    print(f"nothing is taken for {uuid}")
    return 0


def _told(machine: Machine, error: Exception) -> int:
    text = str(error) if isinstance(error, Trouble) else f"the hook itself failed: {type(error).__name__}: {error}"
    machine.say(text)
    print(f"vdesk: {printable(text, 1500)} (log: /{LOG})", file=sys.stderr)
    return 1


# --- prepare


def prepare(machine: Machine, domain: Domain) -> None:
    """Take the domain's functions and their companions; Trouble when that is not possible, all put back."""
    lock = own_folder(machine)
    try:
        state = State(machine, domain.uuid)
        facts: list[Fact] = json.loads(
            in_child(
                lambda: json.dumps(note_pictures(machine, look(machine, domain.functions))),
                LOOK_SECONDS,
                "looking at the devices",
            )
        )
        _refuse(machine, domain, facts, state)
        moving = _note(machine, state, facts)
        plan_desktop(machine, state, domain)
        plan_pages(machine, state, domain)
        plan_cpus(machine, state, domain)
        names = ", ".join(fact["address"] for fact in moving) or "nothing"
        machine.say(f"takes {names} (process {os.getpid()}, security label: {_label(machine)})")
        state.save()
        _or_back(machine, state, domain, moving)
    finally:
        os.close(lock)


def _or_back(machine: Machine, state: State, domain: Domain, moving: Sequence[Fact]) -> None:
    try:
        _carry_out(machine, state, domain, moving)
    except Exception as error:
        wrong = give_back(machine, state)
        text = str(error) if isinstance(error, Trouble) else f"{type(error).__name__}: {error}"
        after = f"Not put back: {'; '.join(wrong)}" if wrong else "Everything is as it was before."
        raise Trouble(f"{text.rstrip('.')}. {after}") from error


def _refuse(machine: Machine, domain: Domain, facts: Sequence[Fact], state: State) -> None:
    """Trouble, before anything is changed, for what cannot be taken or should not."""
    known = {fact["address"] for fact in facts}
    for address in domain.functions:
        if address not in known:
            there = machine.exists(f"{DEVICES}/{address}")
            why = "it is a bridge, and only endpoints can be given away" if there else "there is no device at it"
            raise Trouble(f"{address} cannot be given to the machine: {why}. See the devices with: vdesk groups")
        _refuse_another(machine, address, domain.identities.get(address, ""))
    for fact in facts:
        if not fact["group"]:
            raise Trouble(f"{fact['address']} is in no IOMMU group: the IOMMU is off. See why with: vdesk check")
        if fact["kept"]:
            raise Trouble(f"{fact['address']} stays with this machine: {fact['kept']}. See it with: vdesk groups")
        pid = waiting(state.functions.get(fact["address"], {}))
        if pid:
            raise Trouble(f"{fact['address']} is still held: process {pid} waits in the kernel for it to be let go")
    nodes = [node for fact in facts for node in fact["nodes"].split()]
    rows = [row for row in holders(machine, nodes) if stays(row)]
    if rows and not domain.desktop:
        raise Trouble(f"the devices are in use: {named_holders(rows)}. Close that, and start the machine again")


def _refuse_another(machine: Machine, address: str, wanted: str) -> None:
    """Addresses move when hardware is added or taken out: never give away what was not meant."""
    there = identity(machine, address)
    if wanted and there != wanted:
        raise Trouble(
            f"another device is at {address} now: {there}; the virtual machine was made for {wanted}. Addresses move "
            f"when hardware is added or taken out. See where it is with: vdesk groups; then: vdesk detach "
            f"{machine.guest} {address}, and vdesk attach {machine.guest} with the right one"
        )


def _note(machine: Machine, state: State, facts: Sequence[Fact]) -> list[Fact]:
    """Put into the state how the functions are now, and return those with something to do, in their order: sound and
    USB before their graphics card. What an earlier prepare took and nobody gave back is remembered as it was then, also
    where a release got as far as taking it from vfio-pci."""
    moving = []
    for fact in facts:
        before = state.functions.get(fact["address"])
        if fact["driver"] in (VFIO, "") and before and before["driver"] != VFIO:
            if fact["driver"] == VFIO:
                continue
            fact |= {name: before[name] for name in ("driver", "override", "d3cold")}
        if fact["driver"] != VFIO or fact["d3cold"] not in ("", "0"):
            state.functions[fact["address"]] = fact
            moving.append(fact)
    plan_nvidia(machine, state, moving)
    plan_pictures(state, moving)
    return sorted(moving, key=is_gpu)


def _carry_out(machine: Machine, state: State, domain: Domain, moving: Sequence[Fact]) -> None:
    make_pages(machine, state)
    stop_desktop(machine, state, domain, moving)
    if moving and not machine.exists(f"sys/bus/pci/drivers/{VFIO}"):
        run(machine, ["modprobe", VFIO], machine.left(PREPARE_SECONDS))
    release_pictures(machine, state)
    unload_nvidia(machine, state)
    for fact in moving:
        take(machine, state, fact)
    go_on(machine, moving)
    keep_cpus(machine, state)
    if not state.modules:
        start_services(machine, state)  # the driver has another card
        state.save()


# --- release


def release(machine: Machine, uuid: str, alone: bool = False) -> None:
    """Give back what the state of the domain has; Trouble for what could not be, which stays in the state, and with
    `alone` while another phase is at work."""
    if not machine.exists(f"{FOLDER}/{uuid}.json"):
        return
    lock = -1
    try:
        lock = own_folder(machine)
    except Trouble as error:
        if alone:
            raise
        machine.say(str(error))  # what was taken goes back all the same
    try:
        wrong = give_back(machine, State(machine, uuid))
    finally:
        if lock >= 0:
            os.close(lock)
    if wrong:
        raise Trouble("; ".join(wrong))


def give_back(machine: Machine, state: State) -> list[str]:
    """Give back all that the state has, and keep in it what could not be; that is returned, in sentences."""
    wrong = [*free_cpus(machine, state), *free_pages(machine, state)]
    for address, fact in sorted(state.functions.items(), key=lambda each: not is_gpu(each[1])):
        unloaded = fact["driver"] == "nvidia" and bool(state.modules)
        problem = give(machine, fact, unloaded)
        wrong += [problem] if problem else []
        if not problem and not unloaded:
            del state.functions[address]
    wrong += load_nvidia(machine, state)
    wrong += return_pictures(machine, state)
    wrong += start_services(machine, state)
    wrong += start_desktop(machine, state)
    state.save()
    return wrong


# --- the self-test


def check(machine: Machine) -> int:
    """Print whether the hook can do its work here, a line each; 0 when it can."""
    wrong = 0
    tests: tuple[tuple[str, Callable[[], str]], ...] = (
        ("state folder", lambda: _own(machine)),
        ("log", lambda: _can_log(machine)),
        ("sysfs", lambda: _can_write(machine, PROBE)),
        ("modprobe", lambda: f"/{program(machine, 'modprobe')}"),
        ("systemctl", lambda: f"/{program(machine, 'systemctl')}"),
        ("vfio-pci", lambda: _has_vfio(machine)),
        ("open nodes", lambda: f"{len(holders(machine, ['dev/null']))} seen"),
        ("left over", lambda: _left_over(machine)),
    )
    for what, test in tests:
        try:
            print(f"ok    {what}: {test()}")
        except (Trouble, OSError) as error:
            wrong += 1
            print(f"fail  {what}: {error}")
    print(f"ok    python {sys.version.split()[0]}, security label: {_label(machine)}")
    return 1 if wrong else 0


def _label(machine: Machine) -> str:
    """AppArmor's or SELinux's label of this process."""
    return machine.text("proc/self/attr/current").rstrip("\0") or "none"


def _own(machine: Machine) -> str:
    os.close(own_folder(machine))
    return f"/{FOLDER}"


def _can_log(machine: Machine) -> str:
    machine.phase = "check"
    os.close(machine.log_folder())
    machine.say("the log can be written")
    if not os.access(machine.place(LOG), os.W_OK):
        raise Trouble(f"/{LOG} cannot be written")
    return f"/{LOG}"


def _can_write(machine: Machine, path: str) -> str:
    if not os.access(machine.place(path), os.W_OK):
        raise Trouble(f"/{path} cannot be written; run as root")
    return f"/{path}"


def _has_vfio(machine: Machine) -> str:
    if machine.exists(f"sys/bus/pci/drivers/{VFIO}"):
        return "loaded"
    run(machine, ["modprobe", "--dry-run", VFIO], LOOK_SECONDS)
    return "can be loaded"


def _left_over(machine: Machine) -> str:
    states = [name for name in machine.names(FOLDER) if name.endswith(".json")]
    return f"devices are taken for {len(states)} virtual machines" if states else "nothing is taken"
