"""A hook that SELinux may forbid is no hook until a start has shown that libvirt runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines.builder import build
from tests.unit.scenes import Edits, changed
from tests.unit.test_vm_preflight import DESKTOP, ids, machine
from vdesk.changes.hook_guard import PATH
from vdesk.host import captured
from vdesk.model.errors import Problem, Refused
from vdesk.plans.vm_preflight import preflight

ENFORCING: Edits = {"sys/fs/selinux/enforce": "1\n", "usr/sbin/virtqemud": "", PATH: "#!/usr/bin/python3\n"}
RAN = (
    "2026-11-22T20:01:02+0100 my VM prepare: takes 0000:01:00.0 (process 7, security label: {})\n"
    "2026-11-22T20:01:03+0100 my VM prepare: stopped nvidia-persistenced.service\n"
)
VIRTQEMUD = RAN.format("system_u:system_r:virtqemud_t:s0-s0:c0.c1023")
BY_HAND = RAN.format("unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023")
HOOK_LOG = "var/log/vdesk/hook.log"
MODULE = "var/lib/selinux/{}/active/modules/400/permissive_virtqemud_t/cil"


@pytest.fixture
def fedora(tmp_path: Path) -> Path:
    """A card with nvidia, and libvirt's modular daemons alone."""
    root = build("intel-hybrid", tmp_path / "fedora")
    for name in ("libvirtd", "virtqemud"):
        for place in ("usr/sbin", "usr/bin"):
            (root / place / name).unlink(missing_ok=True)
    return root


def enforced(root: Path, edits: Edits, mark: str = "") -> tuple[list[Problem], list[str]]:
    """The refusals, and what was said."""
    host = captured(str(root))
    with changed(root, {**ENFORCING, **edits}):
        for name in ("usr/sbin/virtqemud", PATH):
            (root / name).chmod(0o755)
        try:
            rules = ("in-use", "host-display")
            return [], preflight(host, machine("01:00.0", "01:00.1", mark=mark), rules)
        except Refused as refused:
            return list(refused.problems), []


@pytest.mark.parametrize(
    ("edits", "refused"),
    [
        ({}, True),
        ({HOOK_LOG: BY_HAND}, True),
        ({HOOK_LOG: VIRTQEMUD}, False),
        ({HOOK_LOG: BY_HAND, f"{HOOK_LOG}.1": VIRTQEMUD}, False),
        ({HOOK_LOG: VIRTQEMUD.replace("takes 0000:01:00.0", "gives")}, True),
        ({"sys/fs/selinux/enforce": "0\n"}, False),
        ({MODULE.format("targeted"): "(typepermissive virtqemud_t)"}, False),
        ({MODULE.format("mls"): "", "etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=mls\n"}, False),
        ({MODULE.format("mls"): ""}, True),
    ],
)
def test_a_hook_that_selinux_may_forbid(edits: Edits, refused: bool, fedora: Path) -> None:
    """libvirt would take the card from nvidia by itself, and wait for ever: a start has to have shown that it runs."""
    problems, _ = enforced(fedora, edits)
    assert ("vm.hook-unproven" in ids(problems)) is refused
    if refused:
        told = next(each for each in problems if each.id == "vm.hook-unproven")
        assert "vdesk bind 0000:01:00.0" in told.remedy and "semanage permissive -a virtqemud_t" in told.remedy


def test_with_the_desktop_s_card_there_is_no_other_way(fedora: Path) -> None:
    problems, _ = enforced(fedora, {}, DESKTOP)
    told = next(each for each in problems if each.id == "vm.hook-unproven")
    assert told.remedy == "let it: sudo semanage permissive -a virtqemud_t"


def test_the_whole_libvirtd_is_not_confined_so(fedora: Path) -> None:
    with changed(fedora, {"usr/sbin/libvirtd": ""}):
        (fedora / "usr/sbin/libvirtd").chmod(0o755)
        assert "vm.hook-unproven" not in ids(enforced(fedora, {})[0])


def test_only_root_may_read_the_log(fedora: Path) -> None:
    """Not known is not a no: it is said."""
    closed = fedora / "run/vdesk/machine.json"
    closed.parent.mkdir(parents=True, exist_ok=True)
    closed.write_text(f'{{"unreadable": ["{HOOK_LOG}"]}}')
    problems, said = enforced(fedora, {HOOK_LOG: ""})
    assert problems == [] and any("start hoth with sudo the first time" in each for each in said), problems
