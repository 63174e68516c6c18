"""What the role asks of vdesk for virtual machines and packages: a program answers and keeps the command lines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.ansible.playing import ROLE, Controller, Played, local

pytestmark = pytest.mark.timeout(400)

PROGRAM = Path(__file__).parent / "programs/vdesk"
CREATE = {"iso": "/srv/Win11.iso", "os": "win11", "disk_format": "raw", "device": ["02:00.0", "03:00.0"]}
HOTH = {"name": "hoth", "started": True, "options": CREATE | {"pin": True, "evdev": False, "tpm": False, "rom": None}}
MADE = (
    "--json --yes create --iso=/srv/Win11.iso --os=win11 --disk-format=raw --device=02:00.0 --device=03:00.0"
    " --pin --no-tpm -- hoth"
)
START = "--json --yes start -- hoth"


class Host:
    """A machine that is a folder, and the role's variables."""

    def __init__(self, controller: Controller, folder: Path) -> None:
        self.controller, self.folder = controller, folder

    def play(self, *words: str, **variables: Any) -> Played:
        """Run the role."""
        return self.several(variables, words=words)

    def several(self, *sets: dict[str, Any], words: Sequence[str] = ()) -> Played:
        """Run the role once with each of these, in one play."""
        roles = [{"role": ROLE, "vars": {f"vdesk_{name}": value for name, value in each.items()}} for each in sets]
        play = {"environment": {"FAKE_MACHINE": str(self.folder)}, "roles": roles}
        return self.controller.play(play, {"host": local(vdesk_executable=str(PROGRAM))}, *words)

    def calls(self) -> list[str]:
        """Return the command lines since the last look."""
        log = self.folder / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    def made(self) -> list[str]:
        """Return what is on the machine."""
        return sorted(name for name in os.listdir(self.folder) if name != "calls")


@pytest.fixture
def host(controller: Controller, tmp_path: Path) -> Iterator[Host]:
    """Return a new machine."""
    yield Host(controller, tmp_path)


def test_a_machine_is_made_once(host: Host) -> None:
    wanted: dict[str, Any] = {"machines": [HOTH], "hook": False, "iommu": False}
    checked = host.play("--check", **wanted)
    assert (checked.code, checked.changed, host.made()) == (0, {"host": 2}, []), checked.out
    dry = MADE.replace("--yes", "--dry-run")
    assert host.calls()[-2:] == ["--json --dry-run list", dry]

    twice = host.several(wanted, wanted | {"reboot": True})
    assert (twice.code, twice.changed, host.made()) == (0, {"host": 3}, ["on-hoth", "packages", "vm-hoth"]), twice.out
    assert [line for line in host.calls() if "hoth" in line] == [MADE, START, START]
    assert "no VirtIO disc" in twice.out

    gone = wanted | {"machines": [{"name": "hoth", "state": "absent", "delete_disks": True}]}
    back = host.several(gone | {"connect": "qemu+ssh://far/system"}, gone)
    assert (back.code, back.changed) == (0, {"host": 1}), back.out
    deleted = [line for line in host.calls() if "delete" in line]
    assert deleted == ["--json --yes delete --connect=qemu+ssh://far/system --disks -- hoth"]


def test_only_what_is_asked_for(host: Host) -> None:
    """Packages with their options, and nothing else where everything else is off; words of a command line are texts."""
    off = "vdesk_hook=false vdesk_iommu=no vdesk_reboot=false"
    one = host.play("-e", off, install_options={"user": "desk"})
    assert (one.code, one.changed) == (0, {"host": 1}), one.out
    assert host.calls() == [
        "--json --yes iommu status", "--json --yes install --user=desk", "--json --yes iommu status",
    ]  # fmt: skip


def test_check_mode_without_vdesk(controller: Controller) -> None:
    """A host that does not have vdesk yet: check mode says so and ends well where the role would install it."""
    host = {"host": local(vdesk_executable="no-such-vdesk")}
    bare = controller.play({"roles": [{"role": ROLE}]}, host, "--check")
    assert bare.code == 2 and "there is no no-such-vdesk on this host" in bare.out, bare.out
    absent = controller.play({"roles": [{"role": ROLE, "vars": {"vdesk_state": "absent"}}]}, host)
    assert (absent.code, absent.changed) == (0, {"host": 0}), absent.out
