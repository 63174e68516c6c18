"""The last step of setup: the virtual machine, by the plan of `create` with what was chosen on the way."""

from __future__ import annotations

from vdesk.changes.choices import WITHOUT
from vdesk.host.libvirt_conn import SYSTEM, connect
from vdesk.model.errors import HostError, VdeskError
from vdesk.plans import setup_media
from vdesk.plans import vm as vm_plans
from vdesk.plans.setup_steps import BLOCKED, DONE, REBOOT_FIRST, Scene, Step, about, planned
from vdesk.vm.defined import read_defined
from vdesk.vm.spec import Request

DEFINED = "etc/libvirt/qemu"
TITLE = "The virtual machine"
OF_NAMES = ("usage.name", "usage.vm-exists", "vm.disk-exists")
"""Ids of what is wrong with a name, or with the files that would have it."""


def machine(scene: Scene) -> Step:
    """The machine: there already, or the plan for it with its size."""
    choices = scene.choices
    there = made(scene)
    mine = [name for name in there if choices.name in (None, name)]
    if mine:
        return Step("vm", TITLE, DONE, f"{', '.join(mine)} is defined", f"vdesk start {mine[0]}")
    if scene.reboot:
        return Step("vm", TITLE, BLOCKED, REBOOT_FIRST)
    if choices.iso is None:
        return Step("vm", TITLE, BLOCKED, "it needs an installation disc")
    if choices.gpu is None and not choices.single_gpu:
        return Step("vm", TITLE, BLOCKED, "a card has to be chosen first, or none")
    if scene.undecided:
        return Step("vm", TITLE, BLOCKED, scene.undecided)
    line = f"vdesk create {choices.name or 'NAME'} --iso {choices.iso} --gpu {choices.gpu or 'auto'}"
    line += " --single-gpu" * choices.single_gpu + "".join(f" --force {each}" for each in choices.force)
    step = planned(
        "vm",
        TITLE,
        line + f" --virtio-iso {choices.virtio_iso}" * (choices.virtio_iso not in (None, WITHOUT)),
        lambda: vm_plans.create(scene.host, _request(scene), scene.uri, None, dry_run=scene.dry_run),
        "it is defined",
    )
    if step.plan is not None:
        step.why = about(step.plan.data)
        step.choose = "" if choices.name else "name"
    elif step.wrong in OF_NAMES:
        step.choose = "name"
    return step


def made(scene: Scene) -> list[str]:
    """The names of the machines that vdesk defined; none where nobody can tell."""
    host = scene.host
    if host.is_live or scene.uri is not None:
        try:
            return [each.name for each in connect(host, scene.uri or SYSTEM).domains() if read_defined(each.xml).marked]
        except VdeskError:
            return []
    found = []
    for name in host.names(DEFINED):
        try:
            marked = name.endswith(".xml") and read_defined(host.read(f"{DEFINED}/{name}")).marked
        except (HostError, ValueError):
            continue
        found += [name.removesuffix(".xml")] * marked
    return found


def usual_name(scene: Scene) -> str:
    """What the machine is called unless somebody says otherwise: its system."""
    try:
        return setup_media.guest(scene.host, scene.choices.iso or "", scene.choices.os)
    except VdeskError:
        return "windows"


def _request(scene: Scene) -> Request:
    choices = scene.choices
    return Request(
        name=choices.name or usual_name(scene),
        iso=choices.iso or "",
        os=choices.os,
        gpu=choices.gpu or ("auto" if choices.single_gpu else "none"),
        cpus=choices.cpus,
        memory=choices.memory,
        disk=choices.disk,
        virtio_iso=None if choices.virtio_iso == WITHOUT else choices.virtio_iso,
        single_gpu=choices.single_gpu,
        force=choices.force,
    )
