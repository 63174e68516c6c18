"""Did you mean: a word that is nearly right gets the right one in its remedy; one that is not near gets none."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.commands.running import Machines, on
from vdesk.host.libvirt_conn import Libvirt

TEST = "test:///default"
NEAR = {
    "groupz": "Did you mean groups",
    "stup": "Did you mean setup",
    "gpu lst": "Did you mean list",
    "iommu enabl": "Did you mean enable",
    "check --jsn": "--json",
    "bind 10:00.0 -n": "or 0000:01:00.0?",
    "bind 01:00.3 -n": "did you mean 0000:01:00.1 or 0000:01:00.0?",
    "bind 01-00.0 -n": "did you mean 0000:01:00.0?",
    "bind 0000:01:00:0 -n": "did you mean 0000:01:00.0?",
    "bind 01:00.0 --force in_use -n": "did you mean in-use?",
    "bind 01:00.0 --force HOST-DISPLAY -n": "did you mean host-display?",
    f"show tset --connect {TEST}": "did you mean test?",
    f"start tes --connect {TEST}": "did you mean test?",
    f"create a --iso /var/lib/libvirt/images/win10.iso --network deflt -n --connect {TEST}": "did you mean default?",
    "doctor hot": "did you mean hoth?",
}
FAR = (
    "xyzzy",
    "bind 7f:1f.7 -n",
    "bind words -n",
    "bind 01:00.0 --force group -n",
    "bind 01:00.0 --force xyzzy -n",
    f"show windows --connect {TEST}",
    "doctor nothing",
)


@pytest.fixture(scope="module", autouse=True)
def kept_open() -> Iterator[None]:
    """Keep libvirt's test driver, which has a machine `test` and a network `default`."""
    kept = Libvirt(TEST)
    yield
    del kept


def said(line: str, fresh: Machines) -> tuple[int, str]:
    """Exit code and the one error's words."""
    root = fresh("debian")
    (root / "etc/libvirt/qemu").mkdir(parents=True, exist_ok=True)
    (root / "etc/libvirt/qemu/hoth.xml").write_text("<domain/>")
    ran = on(root, *line.split(), "--json")
    (error,) = json.loads(ran.out)["errors"]
    return ran.code, f"{error['what']} {error['remedy']}"


@pytest.mark.parametrize("line", NEAR)
def test_nearly_right(line: str, fresh: Machines) -> None:
    code, words = said(line, fresh)
    assert code == 2 and NEAR[line] in words


@pytest.mark.parametrize("line", FAR)
def test_not_near(line: str, fresh: Machines) -> None:
    code, words = said(line, fresh)
    assert code == 2 and "id you mean" not in words
