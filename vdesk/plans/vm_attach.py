"""attach and detach: one PCI function of the host to a machine that is defined, and back."""

from __future__ import annotations

from xml.etree import ElementTree

from vdesk.changes.domain_devices import AttachDevice, DetachDevice, fragment_of
from vdesk.changes.plan import Plan
from vdesk.host import Host
from vdesk.host.libvirt_conn import Domain, Libvirt
from vdesk.host.pci import devices as read_devices
from vdesk.model.address import Address
from vdesk.model.errors import Problem, Refused
from vdesk.plans import rules, vm_far, vm_wiping
from vdesk.plans.vm_look import find_vm
from vdesk.vm.defined import has_balloon, placed, read_defined
from vdesk.vm.devices_xml import hotplug_hostdev
from vdesk.vm.layout import join

BALLOON = (
    "{name} keeps its memory balloon, which is slow and of no use with a device of this machine's; libvirt takes none"
    " out of a definition as a device. Write <memballoon model='none'/> in its place with: virsh edit {name}"
)
NEXT_START = (
    "{name} is running and gets {address} at its next start: nothing can be plugged in beside a card's other functions."
)
KEEPS = "{name} is running and keeps {address} until it is off: one of a card's functions cannot be unplugged."
ANOTHER_NUMBER = (
    "In the guest {address} is function {number} of its card, as another one has its number there. To have them as on"
    " the board, detach them and attach them again, the first function first."
)
NO_FIRST = "The guest sees none of these functions before {name} has the card's first one, too."


def attach(host: Host, libvirt: Libvirt, name: str, address: Address, force: tuple[str, ...] = ()) -> Plan:
    """Give a function to a machine; the rules of bind hold, and what the machine has leaves with it."""
    vm_far.refuse(libvirt.uri, "a device is given away")
    domain = find_vm(libvirt, name)
    plan = Plan("attach", f"attach {address} to {name}", data={"name": name, "address": str(address)})
    if fragment_of(domain.xml, address) is not None:
        plan.notes = [f"{name} has {address} already."]
        return plan
    found = read_defined(domain.xml)
    forced = rules.check_force(force)
    known = read_devices(host)
    taken = rules.named_devices(known, [address])
    gone = [each for each in known if each.address in found.functions]
    try:
        plan.intro = rules.check(host, known, taken, (), forced, gone)
    except Refused as error:
        raise Refused(*(_bound_first(each, address) for each in error.problems)) from error
    plan.intro += vm_wiping.still_waiting(host, found, address)
    _give(plan, domain, libvirt.uri, address)
    if has_balloon(domain.xml):
        plan.notes.append(BALLOON.format(name=name))
    return plan


def _give(plan: Plan, domain: Domain, uri: str, address: Address) -> None:
    """The change, and what is to know of the function's place in the guest: beside the others of its card."""
    others = placed(domain.xml)
    guest = join(others, address)
    element = hotplug_hostdev(address, guest)
    ElementTree.indent(element, "  ")
    fragment = ElementTree.tostring(element, encoding="unicode")
    plan.changes = [AttachDevice(domain, uri, address, fragment, live=guest is None)]
    if guest is None:
        return
    beside = [each for each in others.values() if each.slot_name == guest.slot_name]
    if domain.active:
        plan.notes.append(NEXT_START.format(name=domain.name, address=address))
    if guest.function != address.function:
        plan.notes.append(ANOTHER_NUMBER.format(address=address, number=guest.function, name=domain.name))
    if all(each.function for each in (guest, *beside)):
        plan.notes.append(NO_FIRST.format(name=domain.name))


def _bound_first(each: Problem, address: Address) -> Problem:
    """The group rule where devices are given one by one: what shares the group leaves this machine before."""
    if each.id != "rule.group":
        return each
    return each._replace(remedy=f"take the whole group first: vdesk bind {address}; then attach each of it")


def detach(libvirt: Libvirt, name: str, address: Address) -> Plan:
    """Take a function from a machine."""
    domain = find_vm(libvirt, name)
    plan = Plan("detach", f"detach {address} from {name}", data={"name": name, "address": str(address)})
    fragment = fragment_of(domain.xml, address)
    if fragment is None:
        plan.notes = [f"{name} does not have {address}."]
        return plan
    guest = placed(domain.xml)
    beside = [other for other, place in guest.items() if place.slot_name == guest.get(address, address).slot_name]
    alone = address not in guest or beside == [address]
    plan.changes = [DetachDevice(domain, libvirt.uri, address, fragment, live=alone)]
    if domain.active and not alone:
        plan.notes = [KEEPS.format(name=name, address=address)]
    return plan
