"""create: the changes that make a machine real, and what a captured machine skips of them."""

from __future__ import annotations

from collections.abc import Sequence

from vdesk.changes.change import Change
from vdesk.changes.disks import CreateDisk
from vdesk.changes.domain import AutostartNetwork, DefineDomain
from vdesk.changes.plan import Plan
from vdesk.changes.volumes import CreateVolume
from vdesk.host import Host, media
from vdesk.host.libvirt_conn import SYSTEM, Libvirt, connect
from vdesk.host.pci import read_device
from vdesk.host.virtio_iso import setup_folder
from vdesk.model.errors import VdeskError, WrongUsage, problem
from vdesk.plans import vm_discs, vm_disks, vm_far
from vdesk.plans.device_notes import at_boot
from vdesk.plans.vm_devices import Choose
from vdesk.plans.vm_spec import Created, decide
from vdesk.vm import words
from vdesk.vm.spec import Request, Spec


def create(
    host: Host, request: Request, uri: str | None, choose: Choose | None = None, *, dry_run: bool = False
) -> Plan:
    """The plan that makes the machine: its disk, its definition, its network. A captured machine defines nothing."""
    vm_far.refuse(uri, "a virtual machine is made")
    libvirt, warning = _connection(host, uri, dry_run)
    _free_name(host, request.name, libvirt)
    made = decide(host, request, libvirt, choose)
    spec = made.spec
    if request.unattended is not None:
        _for_windows(spec)
    where = libvirt.uri if libvirt else (None if not host.is_live else uri or SYSTEM)
    plan = Plan("create", f"create {request.name}", _changes(host, request, spec, made.xml, where))
    if libvirt and not libvirt.mock:
        network = libvirt.network(request.network)
        if network and not network[1]:
            plan.changes.append(AutostartNetwork(request.network, libvirt.uri))
    if spec.shared_memory:
        from vdesk.plans.looking_glass import changes as shared

        plan.changes[:0] = shared(host, made.notes.append)
    warnings = [*warning, *made.notes, *vm_disks.warnings(host, spec.disk), *_at_boot(host, spec)]
    warnings += _answer_warnings(host, request, spec)
    plan.data = describe(made, warnings)
    plan.intro = warnings
    plan.notes = [] if request.unattended is not None else vm_discs.load(spec.os, spec.drivers_disc, spec.disk.bus)
    plan.notes += [f"Start it with: vdesk start {request.name}"] if libvirt and not libvirt.mock else []
    return plan


def _connection(host: Host, uri: str | None, dry_run: bool) -> tuple[Libvirt | None, list[str]]:
    """The connection; none for a captured machine unless a URI is given, or where only looking is asked."""
    if not host.is_live and uri is None:
        return None, []
    try:
        return connect(host, uri or SYSTEM), []
    except VdeskError as error:
        if dry_run or host.needs_root:
            return None, [f"{error.problems[0].what}, so what it can do was not looked at ({error.problems[0].cause})."]
        raise


def _free_name(host: Host, name: str, libvirt: Libvirt | None) -> None:
    words.check_name(name)
    if (libvirt and libvirt.find(name)) or host.exists(f"etc/libvirt/qemu/{name}.xml"):
        raise WrongUsage(
            problem(
                "usage.vm-exists",
                f"there is a virtual machine {name} already",
                "a name belongs to one machine",
                f"choose another name, or delete that one with: vdesk delete {name}",
            )
        )


def _changes(host: Host, request: Request, spec: Spec, xml: str, uri: str | None) -> list[Change]:
    changes: list[Change] = []
    if spec.disk.create is not None:
        owner = (spec.name, uri) if uri and host.is_live else None
        if spec.disk.block:
            group, name = spec.disk.path.split("/")[2:]
            changes.append(CreateVolume(group, name, spec.disk.create, owner))
        else:
            changes.append(CreateDisk(spec.disk.path[1:], spec.disk.create, spec.disk.format, owner))
    changes += _answer_disc(host, request, spec)
    changes.append(DefineDomain(spec.name, spec.uuid, xml, uri))
    return changes


def _for_windows(spec: Spec) -> None:
    """WrongUsage for answers that no installer will read."""
    if not spec.windows:
        raise WrongUsage(
            problem(
                "usage.unattended",
                f"--unattended: the guest is {spec.os}, and only Windows Setup reads such a file",
                "an installer of another system looks for answers of another form, in another place",
                "leave --unattended out, or say --os win10 or --os win11",
            )
        )


def _answer_disc(host: Host, request: Request, spec: Spec) -> Sequence[Change]:
    if request.unattended is None or spec.answer_disc is None:
        return ()
    from vdesk.plans.vm_answer import answer_disc

    return (answer_disc(host, request.unattended, spec.answer_disc),)


def _answer_warnings(host: Host, request: Request, spec: Spec) -> list[str]:
    if request.unattended is None:
        return vm_discs.past_checks(spec)
    from vdesk.plans import vm_answer, vm_wiping
    from vdesk.vm.answer_check import Machine
    from vdesk.vm.install_media import read_images

    wipes = vm_answer.wipes(host, request.unattended)
    if wipes:
        vm_wiping.refuse(host, spec)
    machine = Machine(
        os=spec.os,
        virtio=spec.disk.bus == "scsi",
        wiped=spec.disk.path if spec.disk.create is None else None,
        tpm=spec.tpm,
        secure_boot=spec.secure_boot,
        images=read_images(media.find(host, request.iso, "--iso")),
    )
    said = vm_answer.warnings(host, request.unattended, machine)
    return [*said, *(vm_wiping.warnings(host, spec) if wipes else ())]


def _at_boot(host: Host, spec: Spec) -> list[str]:
    """A card whose driver should not have it first: said before the machine takes it at its first start."""
    card = read_device(host, spec.gpu) if spec.gpu and not spec.stops_desktop else None
    why = at_boot(host, card) if card else ""
    return [f"{spec.gpu}: {why}; better bind it at every boot: sudo vdesk bind {spec.gpu} --boot"] if why else []


def describe(made: Created, warnings: list[str]) -> dict[str, object]:
    """The data of create, for JSON."""
    spec = made.spec
    return {
        "name": spec.name,
        "os": spec.os,
        "type": "kvm" if spec.kvm else "qemu",
        "cpus": spec.cpu.count,
        "memory_mib": spec.memory >> 20,
        "disk": spec.disk.path,
        "drivers_folder": setup_folder(spec.os) if spec.windows and spec.disk.bus == "scsi" else None,
        "gpu": str(spec.gpu) if spec.gpu else None,
        "devices": [str(function.address) for function in spec.functions],
        "warnings": warnings,
        "xml": made.xml,
    }
