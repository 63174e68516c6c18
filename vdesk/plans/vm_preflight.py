"""What a start needs, looked at before anything is touched: the devices are free or can be taken, the memory is there,
every file is there and QEMU may read it. All that is missing is told at once."""

from __future__ import annotations

from collections.abc import Iterator

from vdesk.changes.drivers import driver_of, identity
from vdesk.host import Host, media, qemu_conf
from vdesk.host.cpu_topology import available, free_huge_pages
from vdesk.host.libvirt_guests import saves_in
from vdesk.host.pci import Device
from vdesk.host.pci import devices as read_devices
from vdesk.host.usb import usb_devices
from vdesk.model.address import Address
from vdesk.model.errors import HostError, Problem, Refused, problem
from vdesk.plans import hook_selinux, hook_status, rules, vm_usb, vm_wiping
from vdesk.plans.vm_devices import strangers
from vdesk.vm.defined import Defined
from vdesk.vm.words import shown_size

DESKTOP_RULES = frozenset({"host-display", "in-use", "last-input"})
"""What a machine with the desktop's own card takes on purpose: its hook stops the desktop before."""

SAVED = (
    "Warning: when this machine shuts down, libvirt-guests saves what runs, and {name} cannot be saved with a device of"
    " this machine's: its power is cut. Write ON_SHUTDOWN=shutdown into {path}"
)


def preflight(host: Host, found: Defined, force: tuple[str, ...] = ()) -> list[str]:
    """Sentences on what was looked at and overridden; Refused with every reason why the start would fail or do harm."""
    forced = rules.check_force(force)
    if found.single_gpu:
        forced |= DESKTOP_RULES
    said: list[str] = []
    problems = [
        *_devices(host, found, forced, said),
        *vm_wiping.at_start(host, found, said),
        *_hook(host, found, said),
        *_memory(host, found, said),
        *_files(host, found),
        *_inputs(host, found),
    ]
    if problems:
        raise Refused(*problems)
    settings = saves_in(host) if found.functions else ""
    said += [SAVED.format(name=found.name, path=settings)] if settings else []
    files = len(_paths(found))
    said.append(f"Looked at: {len(found.functions)} devices, {shown_size(found.memory)} of memory, {files} files.")
    return said


# --- devices


def _devices(host: Host, found: Defined, forced: frozenset[str], said: list[str]) -> Iterator[Problem]:
    there = usb_devices(host) if found.usb_by_ids else []
    usb = [vm_usb.having(there, ids) for ids in dict.fromkeys(found.usb_by_ids)]
    instead = vm_usb.WITH_ADDRESS.format(name=found.name)
    yield from (vm_usb.twins(same, instead) for same in usb if len(same) > 1)
    if not (found.functions or any(usb)):
        return
    known = read_devices(host)
    at = {device.address: device for device in known}
    missing = [address for address in found.functions if address not in at]
    yield from (_gone(found, address) for address in missing)
    changed = [each for each in found.identities if _other(host, found, each)]
    yield from (_changed(found, address) for address, _ in changed)
    if missing or changed:
        return  # the rules would speak of devices that nobody means
    taken = [at[address] for address in dict.fromkeys(found.functions)]
    try:
        said += rules.check(host, known, taken, (), forced, usb=[each for same in usb for each in same])
    except Refused as error:
        yield from (_for_start(each, found, known, taken) for each in error.problems)


def _other(host: Host, found: Defined, each: tuple[str, str]) -> bool:
    """Whether another device is at the address now than the one that was given, and that the machine still has."""
    address, was = each
    if not was or address not in map(str, found.functions):
        return False
    now = identity(host, address)
    return bool(now) and now != was


def _gone(found: Defined, address: Address) -> Problem:
    return problem(
        "vm.device-missing",
        f"{found.name} has {address}, and there is no device at that address",
        "cards were moved or taken out, or another program removed it from the bus",
        _moved(found.name, str(address)),
    )


def _changed(found: Defined, address: str) -> Problem:
    return problem(
        "vm.device-changed",
        f"at {address} is another device now than the one that {found.name} was given",
        "addresses change when cards are moved or taken out",
        _moved(found.name, str(address)),
    )


def _moved(name: str, address: str) -> str:
    return (
        f"see today's addresses with: vdesk groups; then: vdesk detach {name} {address}; vdesk bind ADDR, which takes"
        f" the whole group; and for each of its functions: vdesk attach {name} ADDR"
    )


def _for_start(each: Problem, found: Defined, known: list[Device], taken: list[Device]) -> Problem:
    """The group rule in the words of a start: what is missing is attached."""
    mates = [str(device.address) for device in strangers(known, taken)]
    if each.id != "rule.group" or not mates:
        return each
    if len(mates) == 1:
        remedy = f"give it to the machine too: vdesk attach {found.name} {mates[0]}; or bind it: vdesk bind {mates[0]}"
        return each._replace(remedy=remedy)
    give = "; ".join(f"vdesk attach {found.name} {mate}" for mate in mates)  # one by one: each wants the others gone
    bound = f"bind them: vdesk bind {' '.join(mates)}; to give them to the machine too, after that: {give}"
    return each._replace(remedy=bound)


def _hook(host: Host, found: Defined, said: list[str]) -> Iterator[Problem]:
    """Without the hook it is libvirt that takes the card: nobody ends the desktop, or stops NVIDIA's services and
    unloads its modules before, and the unbind of a held nvidia waits for ever (seen)."""
    if not found.marked:
        return  # another's machine, with hooks of its own
    nvidia = [address for address in found.functions if driver_of(host, str(address)) == "nvidia"]
    if not (found.single_gpu or nvidia):
        return
    try:
        mine = hook_status.own(host)
        deaf = mine.executable and hook_status.noticed(host, hook_status.active_daemons(host)) is False
    except HostError:
        mine, deaf = None, False  # a user for whom /etc/libvirt is closed, as on Fedora: not known is not missing
    if mine is None or (mine.executable and not deaf):
        yield from _barred(host, found, str(next(iter(nvidia), "ADDR")), said)
        return
    why = "libvirt has not noticed it yet" if deaf else "it is not executable" if mine.data else "it is not installed"
    yield problem(
        "vm.no-hook",
        f"{found.name} cannot be started without the hook: {why}",
        "the hook ends the desktop before the card is taken, and begins it again" if found.single_gpu else
        f"{nvidia[0]} is with nvidia: the hook stops its services and unloads its modules before, else the unbind"
        " can wait for ever",
        "sudo vdesk hook install" if found.single_gpu else f"sudo vdesk hook install; or once: vdesk bind {nvidia[0]}",
    )  # fmt: skip


def _barred(host: Host, found: Defined, card: str, said: list[str]) -> Iterator[Problem]:
    """The hook is there, and SELinux may keep libvirt from running it: without it, as above."""
    doubt = hook_selinux.doubt(host)
    if doubt == hook_selinux.UNTOLD:
        said.append(
            f"{hook_selinux.TITLE}; whether it has ever run only root can tell: start {found.name} with sudo the first "
            "time."
        )
    elif doubt:
        yield problem(
            "vm.hook-unproven",
            f"{found.name} is not started: {hook_selinux.TITLE}",
            hook_selinux.CAUSE,
            f"let it: {hook_selinux.PERMIT}" if found.single_gpu else hook_selinux.way(card),
        )


# --- memory


def _memory(host: Host, found: Defined, said: list[str]) -> Iterator[Problem]:
    free = available(host)
    if free is None:
        return
    if found.hugepages:
        free += free_huge_pages(host)
    if found.memory <= free:
        return
    what = f"{found.name} needs {shown_size(found.memory)} of memory, and {shown_size(free >> 20 << 20)} are free"
    if found.functions or found.hugepages:
        yield problem(
            "vm.memory-busy",
            what,
            "with a device of this machine's all of the guest's memory has to be there at the start",
            f"close large programs, or give it less with: virsh edit {found.name}",
        )
    else:
        said.append(f"{what}: this machine will swap.")


# --- files


def _paths(found: Defined) -> list[tuple[str, bool]]:
    """(path, is it a ROM) of every file that the definition names."""
    return [*((disk.source, False) for disk in found.disks if disk.source), *((rom, True) for rom in found.roms)]


def _files(host: Host, found: Defined) -> Iterator[Problem]:
    """A captured machine lacks the files, so only a live one is looked at."""
    if not host.is_live:
        return
    conf = qemu_conf.settings(host)
    blocks = {disk.source for disk in found.disks if disk.block}
    for path, rom in _paths(found):
        try:
            kind = host.stat(path.lstrip("/"))
        except HostError as error:
            if error.id == "host.absent":
                yield _missing(found, path)
            continue
        if path in blocks or kind.kind != "file":
            continue
        yield from _readable(host, found, path, conf, rom=rom)


def _readable(host: Host, found: Defined, path: str, conf: dict[str, str], *, rom: bool) -> Iterator[Problem]:
    folder = None if qemu_conf.runs_as_root(conf) else media.closed_folder(host, path, qemu_conf.users(conf))
    if folder:
        yield problem(
            "vm.file-closed",
            f"{found.name} needs {path}, and QEMU's user may not enter {folder}",
            "QEMU runs as a user of its own, for whom a home folder is closed",
            "move it to /var/lib/libvirt/images, or let QEMU in: sudo setfacl -m"
            f" u:{qemu_conf.users(conf)[0]}:x {folder}",
        )
    elif qemu_conf.confined(host, conf) and qemu_conf.denied(path):
        place = "/usr/share/vgabios" if rom else "/var/lib/libvirt/images"
        yield problem(
            "vm.file-apparmor",
            f"{found.name} needs {path}, and AppArmor does not let QEMU read it there",
            "libvirt's profiles leave out hidden folders in a home, and the system's own folders",
            f"move it to {place}, and name the new place with: virsh edit {found.name}",
        )


def _missing(found: Defined, path: str) -> Problem:
    return problem(
        "vm.file-missing",
        f"{path} is missing, and {found.name} needs it",
        "the file was moved or removed since the machine was defined",
        f"put it back, or take it out of the machine with: virsh edit {found.name}",
    )


# --- keyboards and mice


def _inputs(host: Host, found: Defined) -> Iterator[Problem]:
    """QEMU opens each of them at the start, and gives up where one is gone (formatdomain, input type evdev)."""
    for path in found.evdev if host.is_live else ():
        if not host.exists(path.lstrip("/")):
            yield problem(
                "vm.input-missing",
                f"{path} is not there, and {found.name} shares it",
                "the keyboard or mouse was unplugged since the machine was defined, or its receiver is asleep",
                f"plug it in, or take its <input type='evdev'> out of the machine with: virsh edit {found.name}",
            )
