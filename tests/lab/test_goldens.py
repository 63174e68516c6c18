"""The golden definitions before the lab's own libvirt, Debian 13's: its schema and its daemon take each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .machine import Machine

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]
GOLDEN = Path(__file__).resolve().parents[1] / "golden/vm"


def test_libvirt_takes_every_definition(article: Machine) -> None:
    """As type qemu, for the lab has no KVM; and what is wrong on purpose is refused."""
    found = {path.stem: path.read_text(encoding="utf-8") for path in sorted(GOLDEN.iterdir())}
    found["bad-for-the-driver"] = found["defaults"].replace('cache="none"', 'cache="writeback"')
    found["bad-for-the-schema"] = found["defaults"].replace("<acpi />", "<acpi /><nonsense />")
    article.run("mkdir /tmp/golden", check=True)
    for name, xml in found.items():
        named = re.sub(r"<name>.*</name>\n *<uuid>.*</uuid>", f"<name>{name}</name>", xml)
        article.put(named.replace('<domain type="kvm">', '<domain type="qemu">').encode(), f"/tmp/golden/{name}.xml")
    each = "; ".join(f"define --validate /tmp/golden/{name}.xml" for name in found)
    said = article.run(f"virsh -q '{each}'", 600)
    listed = article.run("virsh list --all --name", check=True).out.split()
    assert sorted(set(found) - set(listed)) == ["bad-for-the-driver", "bad-for-the-schema"], said.out + said.err
    article.transcript.note(article.run("virsh version").out)
