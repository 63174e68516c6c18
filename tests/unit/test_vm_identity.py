"""UUID and network address of a machine: the same for the same name and host, others for others."""

from __future__ import annotations

import re
import uuid

from vdesk.vm.identity import mac_address, machine_uuid


def test_the_same_and_others() -> None:
    assert machine_uuid("host", "hoth") == machine_uuid("host", "hoth")
    assert mac_address("host", "hoth") == mac_address("host", "hoth")
    for make in (machine_uuid, mac_address):
        assert len({make("host", "hoth"), make("host", "hoth2"), make("other", "hoth"), make("hosth", "oth")}) == 4
    assert uuid.UUID(machine_uuid("", "hoth")).version == 5
    assert re.fullmatch(r"52:54:00(:[0-9a-f]{2}){3}", mac_address("", "hoth"))


def test_a_uuid_that_is_taken() -> None:
    """A machine that was renamed keeps its own."""
    first = machine_uuid("host", "hoth")
    second = machine_uuid("host", "hoth", {first})
    assert second != first and machine_uuid("host", "hoth", {first, second}) not in (first, second)
