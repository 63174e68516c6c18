"""What this machine itself needs is refused, on the real kernel's own words about it; nothing is changed."""

from __future__ import annotations

import pytest

from .machine import Machine
from .typed import document, driver, typed

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

REFUSED = {
    "0000:00:04.0": ("root-disk", "virtio-pci"),
    "0000:03:00.0": ("host-network", "e1000e"),
    "0000:00:02.0": ("host-display", "bochs-drm"),
}


def test_what_the_host_needs_is_refused(article: Machine) -> None:
    assert "enp3s0" in article.run("ip route show default", check=True).out
    for address, (rule, host_driver) in REFUSED.items():
        typed(article, f"sudo vdesk bind {address} --yes", expect=3)
        found = document(article, f"sudo vdesk bind {address} --yes", expect=3)
        assert found["status"] == "refused" and found["changes"] == []
        assert f"rule.{rule}" in [error["id"] for error in found["errors"]]
        assert all(error["cause"] and error["remedy"] for error in found["errors"])
        assert driver(article, address) == host_driver
    assert document(article, "sudo vdesk history")["data"]["entries"] == []


def test_a_root_disk_cannot_be_forced(article: Machine) -> None:
    """Neither by its rule nor by a rule that can be."""
    typed(article, "sudo vdesk bind 00:04.0 --yes --force root-disk", expect=2)
    typed(article, "sudo vdesk bind 00:04.0 --yes --force host-display", expect=3)
    assert driver(article, "0000:00:04.0") == "virtio-pci"
