"""attach and detach: one PCI function of the host to a machine that is defined, and back."""

from __future__ import annotations

from xml.etree import ElementTree

from vdesk.changes.domain_devices import AttachDevice, DetachDevice, fragment_of
from vdesk.changes.plan import Plan
from vdesk.host import Host
from vdesk.host.libvirt_conn import Libvirt
from vdesk.model.address import Address
from vdesk.model.errors import Problem, Refused
from vdesk.plans import vm_far
from vdesk.plans.vm_devices import given
from vdesk.plans.vm_look import find_vm
from vdesk.vm.devices_xml import hotplug_hostdev
from vdesk.vm.spec import Request


def attach(host: Host, libvirt: Libvirt, name: str, address: Address, force: tuple[str, ...] = ()) -> Plan:
    """Give a function to a machine; the rules of bind hold."""
    vm_far.refuse(libvirt.uri, "a device is given away")
    domain = find_vm(libvirt, name)
    plan = Plan("attach", f"attach {address} to {name}", data={"name": name, "address": str(address)})
    if fragment_of(domain.xml, address) is not None:
        plan.notes = [f"{name} has {address} already."]
        return plan
    try:
        found = given(host, Request(name, "", gpu="none", devices=(address,), force=force), None)
    except Refused as error:
        raise Refused(*(_bound_first(each, address) for each in error.problems)) from error
    element = hotplug_hostdev(address)
    ElementTree.indent(element, "  ")
    fragment = ElementTree.tostring(element, encoding="unicode")
    plan.changes, plan.intro = [AttachDevice(domain, libvirt.uri, address, fragment)], list(found.overridden)
    return plan


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
    plan.changes = [DetachDevice(domain, libvirt.uri, address, fragment)]
    return plan
