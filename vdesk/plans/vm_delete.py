"""delete: a machine that vdesk made, with all that was kept for it and the answers for its Setup; its disks only when
asked."""

from __future__ import annotations

import re

from vdesk.changes.disks import RemoveAnswers, RemoveDisk
from vdesk.changes.domain import UndefineDomain, not_running
from vdesk.changes.files import WriteFile, content
from vdesk.changes.firmware_words import ForgetWords, there
from vdesk.changes.hook_guard import STATES
from vdesk.changes.plan import Plan
from vdesk.changes.undoing import entries
from vdesk.host import Host
from vdesk.host.backing import builds_on
from vdesk.host.libvirt_conn import Domain, Libvirt
from vdesk.model.errors import Absent, Denied, HostError, NeedsRoot, Refused, problem
from vdesk.plans import looking_glass, vm_far
from vdesk.plans.vm_look import find_vm
from vdesk.plans.vm_removable import why_answers_kept, why_kept
from vdesk.vm.defined import Defined, read_defined, without_disc
from vdesk.vm.domain_xml import MARK

ADDRESS = re.compile(rb"\b[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b")


def delete(host: Host, libvirt: Libvirt, name: str, *, disks: bool) -> Plan:
    """Remove a machine that vdesk made: definition, NVRAM, TPM state, its firmware's words, the disc with Setup's
    answers, which holds a password; with `disks` its image files too."""
    if disks:
        vm_far.refuse(libvirt.uri, "disks are removed")
    domain = find_vm(libvirt, name)
    found = read_defined(domain.xml)
    if not found.marked:
        raise Refused(
            problem(
                "vm.not-ours",
                f"{name} was not made by vdesk, so vdesk does not delete it",
                f"its definition has no element of {MARK}",
                f"delete it with: virsh undefine {name}",
            )
        )
    not_running(domain, "deleted")
    again = domain._replace(xml=without_disc(domain.xml, found.answers)) if found.answers else domain
    plan = Plan("delete", f"delete {name}", [UndefineDomain(again, libvirt.uri)], {"name": name})
    plan.final = [
        f"The NVRAM and the TPM state of {name} cannot be brought back: a BitLocker disk asks for its recovery key."
    ]
    if libvirt.far:
        plan.notes = [f"{disk.source} stays there" for disk in found.disks if disk.source]
        return plan
    removed, kept = _images(host, libvirt, found, disks)
    answers = _answers(host, libvirt, found, kept)
    plan.changes += [*removed, *answers]
    plan.notes = [f"{path} stays: {why}" for path, why in kept]
    if found.shared_memory:
        plan.changes += looking_glass.ended(host, libvirt, name)
    words = there(host, name)
    plan.changes += [ForgetWords(name, words)] if words else []
    _hook_data(host, domain.uuid, plan)
    if answers:
        plan.final.append("The disc with the answers for Windows Setup is not brought back: it holds a password.")
    if removed:
        plan.final.append("Removed disks cannot be brought back.")
        plan.settles = _settled(host, domain, libvirt.uri, {disk.path for disk in (*removed, *answers)})
    return plan


def _settled(host: Host, domain: Domain, uri: str, removed: set[str]) -> list[tuple[int, int]]:
    """The records that speak of the machine and of what is removed: nothing of these is left to take back."""
    found = []
    try:
        known = entries(host)
    except (NeedsRoot, Denied):
        return []  # a dry run of somebody who may not look; carrying it out needs root
    for entry in known:
        for step in entry.steps:
            record = step.record
            own = step.kind == "domain" and record.get("uuid") == domain.uuid and record.get("uri") == uri
            if step.in_force and (own or (step.kind in ("disk", "file") and record.get("path") in removed)):
                found.append((entry.id, step.seq))
    return found


def _hook_data(host: Host, uuid: str, plan: Plan) -> None:
    """What the hook wrote down for the machine: it is there after a stop only where giving back failed."""
    path = f"{STATES}/{uuid}.json"
    try:
        data = content(host, path)
    except HostError:
        return
    if data is None:
        return
    plan.changes.append(WriteFile(path, data, None, f"remove what the hook wrote down for it: /{path}"))
    left = sorted({found.decode() for found in ADDRESS.findall(data)})
    if left:
        plan.final.append(f"The hook has not given back {', '.join(left)}; do it with: vdesk unbind {' '.join(left)}")


def _images(
    host: Host, libvirt: Libvirt, found: Defined, disks: bool
) -> tuple[list[RemoveDisk], list[tuple[str, str]]]:
    """The files to remove, and the disks that stay with the reason."""
    shared, unknown = _others(host, libvirt, found.name)
    removed: list[RemoveDisk] = []
    kept = []
    for disk in found.disks:
        if not disk.source or disk.disc or not _there(host, disk.source):
            continue
        if not disks:
            kept.append((disk.source, "it is removed only with --disks"))
        elif disk.block or _kind(host, disk.source) != "file":
            kept.append((disk.source, "it is no regular file, and vdesk empties no device"))
        elif why := shared.get(_resolved(host, disk.source), unknown) or why_kept(host, disk.source):
            kept.append((disk.source, why))
        else:
            place = disk.source.lstrip("/")
            removed.append(RemoveDisk(place, host.resolve(place)))
    return removed, kept


def _answers(host: Host, libvirt: Libvirt, found: Defined, kept: list[tuple[str, str]]) -> list[RemoveAnswers]:
    """The disc with the answers, also one that is in no drive any more: nobody needs it, and it holds a password."""
    mine = found.answers in found.made and _resolved(host, found.answers) not in _others(host, libvirt, found.name)[0]
    if not mine or _kind(host, found.answers) != "file":
        return []
    if why := why_answers_kept(host, found.answers):
        kept.append((found.answers, why))
        return []
    return [RemoveAnswers(found.answers.lstrip("/"))]


def _others(host: Host, libvirt: Libvirt, name: str) -> tuple[dict[str, str], str]:
    """Path -> why it stays: another machine uses it, or has an image that builds on it; and why all stay, where what an
    image builds on cannot be told."""
    used: dict[str, str] = {}
    unknown = ""
    every = [read_defined(domain.xml) for domain in libvirt.domains() if domain.name != name]
    for other, disk in [(each.name, disk) for each in every for disk in each.disks if disk.source]:
        used[_resolved(host, disk.source)] = f"{other} uses it too"
        try:
            below = () if disk.disc else builds_on(host, disk.source)
        except Absent:
            continue
        except HostError as error:
            unknown = f"{disk.source} of {other} cannot be read, and could build on it ({error.cause})"
            continue
        for path in below:
            used.setdefault(_resolved(host, path), f"{disk.source} of {other} builds on it")
    return used, unknown


def _resolved(host: Host, path: str) -> str:
    """The file itself, should one of the two name it by way of a link."""
    try:
        return host.resolve(path.lstrip("/"))
    except (HostError, ValueError):
        return path.lstrip("/")


def _there(host: Host, path: str) -> bool:
    try:
        return host.exists(path.lstrip("/"))
    except ValueError:  # with `..`: a path of nobody's making
        return True


def _kind(host: Host, path: str) -> str:
    try:
        return host.stat(path.lstrip("/"), follow=False).kind
    except (HostError, ValueError):
        return ""
