"""attach and detach: one PCI function of the host to a machine that is defined, and back."""

from __future__ import annotations

from xml.etree import ElementTree

from vdesk.changes.domain_devices import AttachDevice, DetachDevice, fragment_of
from vdesk.changes.plan import Plan
from vdesk.host import Host
from vdesk.host.libvirt_conn import Libvirt
from vdesk.model.address import Address
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
    found = given(host, Request(name, "", gpu="none", devices=(address,), force=force), None)
    element = hotplug_hostdev(address)
    ElementTree.indent(element, "  ")
    fragment = ElementTree.tostring(element, encoding="unicode")
    plan.changes, plan.intro = [AttachDevice(domain, libvirt.uri, address, fragment)], list(found.overridden)
    return plan


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
