"""The power goes while vdesk changes the boot configuration: the machine boots, and vdesk puts back what was begun."""

from __future__ import annotations

import pytest

from .machine import Machine
from .typed import GRUB_DEFAULT, booted_with, document, typed

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

# grub-mkconfig runs this last but for the custom entries: it says that it is there and takes its time.
SLOW = b"#!/bin/sh\ntouch /run/slow\nsleep 200\n"
SLOW_PART = "/etc/grub.d/39_slow"
GRUB_CFG = "/boot/grub/grub.cfg"


def test_power_cut_between_intent_and_done(article: Machine) -> None:
    before, generated = article.get(GRUB_DEFAULT), article.get(GRUB_CFG)
    article.put(SLOW, SLOW_PART, 0o755)
    article.run("sync; systemd-run --unit=enable vdesk iommu enable --yes", check=True)
    article.run("for i in $(seq 600); do test -e /run/slow && break; sleep 0.2; done; test -e /run/slow", check=True)
    assert b"intel_iommu=on" in article.get(GRUB_DEFAULT)
    article.crash()
    article.start()

    article.wait_settled()
    assert "intel_iommu=on" not in booted_with(article)
    assert article.get(GRUB_CFG) == generated
    assert b"intel_iommu=on" in article.get(GRUB_DEFAULT)
    article.run(f"rm -f {SLOW_PART}", check=True)
    refused = document(article, "sudo vdesk iommu enable", expect=3)
    assert [error["id"] for error in refused["errors"]] == ["journal.open"]
    assert "vdesk undo" in refused["errors"][0]["remedy"]
    typed(article, "sudo vdesk history")

    typed(article, "sudo vdesk undo --yes")
    assert article.get(GRUB_DEFAULT) == before
    article.run(f"grub-script-check {GRUB_CFG}", check=True)
    assert b"intel_iommu=on" not in article.get(GRUB_CFG)
    assert article.run("ls -A /boot/grub | grep grub.cfg").out == "grub.cfg\n"

    typed(article, "sudo vdesk iommu enable --yes")
    assert b"intel_iommu=on" in article.get(GRUB_CFG)
