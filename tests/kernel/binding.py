"""Binding and giving back on a captured machine, as a test says it."""

from __future__ import annotations

from collections.abc import Callable

from tests.trees import Difference, Snapshot, difference, snapshot
from vdesk.changes import executor, undoing
from vdesk.changes.executor import Mode
from vdesk.changes.plan import Plan
from vdesk.host import Host
from vdesk.model.address import parse_address
from vdesk.model.report import Report
from vdesk.plans.bind import bind
from vdesk.plans.giving_back import unbind

YES = Mode(yes=True)
OURS = ("var/lib/vdesk",)
GPU, SOUND, PORT = "0000:01:00.0", "0000:01:00.1", "0000:00:01.0"
FOLDER = f"sys/devices/pci0000:00/{PORT}"
DRIVERS = "sys/bus/pci/drivers"

Fresh = Callable[[str], Host]


def planned(host: Host, *addresses: str, only: bool = False, force: tuple[str, ...] = ()) -> Plan:
    """The plan of `bind`."""
    return bind(host, [parse_address(each) for each in addresses], only=only, force=force)


def bound(host: Host, *addresses: str, force: tuple[str, ...] = ()) -> Report:
    """`bind --yes`."""
    return executor.run(planned(host, *addresses, force=force), host, YES)


def given_back(host: Host, *addresses: str) -> Report:
    """`unbind --yes`."""
    plan = unbind(host, [parse_address(each) for each in addresses], undoing.entries(host))
    return executor.run(plan, host, YES)


def undone(host: Host) -> Report:
    """`undo --all --yes`."""
    return undoing.undo(host, None, True, YES)


def since(host: Host, before: Snapshot) -> Difference:
    """What is different, without vdesk's own files."""
    return difference(before, snapshot(host.root), OURS)


def driver(host: Host, address: str) -> str | None:
    """The driver that has the function."""
    return host.link_name(f"sys/bus/pci/devices/{address}/driver")
