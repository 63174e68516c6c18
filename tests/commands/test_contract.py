"""The command contract, section 1 and 5: what holds for every command."""

from __future__ import annotations

import re

import pytest

import vdesk as package
from tests.commands.cases import ISO
from tests.commands.running import Machines, Ran, on, vdesk
from tests.trees import difference, snapshot

READING = ("check", "groups", "iommu groups", "iommu status", "history", "list --connect test:///default")
CHANGING = (
    "iommu enable",
    "iommu enable --igfx-off --pt",
    "bind 01:00.0",
    "bind 02:00.0 --only",
    f"create hoth --iso {ISO} --connect test:///default",
)
ENVELOPE = ["vdesk", "command", "status", "exit_code", "data", "findings", "changes", "errors"]


# --- options on either side ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", READING)
def test_options_before_and_after(line: str, fresh: Machines) -> None:
    root = fresh("debian")
    before, after = vdesk("--root", root, "--json", *line.split()), vdesk(*line.split(), "--json", "--root", root)
    assert before.envelope == after.envelope
    assert before.envelope["command"] == " ".join(line.split()[: 2 if line.startswith("iommu") else 1]).replace(
        "groups", "iommu groups" if not line.startswith("iommu") else "groups"
    )
    assert list(before.envelope) == ENVELOPE


def test_options_between_a_group_and_its_command(fresh: Machines) -> None:
    root = fresh("debian")
    assert vdesk("iommu", "--root", root, "--json", "groups").envelope == on(root, "groups", "--json").envelope


def test_the_later_root_counts(fresh: Machines) -> None:
    empty, full = fresh("empty"), fresh("debian")
    assert vdesk("--root", empty, "groups", "--json", "--root", full).envelope["data"]["groups"]


def test_root_from_the_environment(fresh: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VDESK_ROOT", str(fresh("debian")))
    assert vdesk("groups", "--json").envelope["data"]["groups"]
    assert not vdesk("groups", "--json", "--root", fresh("empty")).envelope["data"]["groups"]


def test_empty_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--root ''` is wrong usage, an empty VDESK_ROOT is unset."""
    ran = vdesk("--root", "", "groups", "--json")
    assert (ran.code, ran.envelope["status"]) == (2, "failed")
    monkeypatch.setenv("VDESK_ROOT", "")
    assert vdesk("--version").code == 0
    assert "usage" not in "".join(vdesk("groups", "--json").errors)


def test_root_that_is_not_there(fresh: Machines) -> None:
    ran = vdesk("--root", fresh("empty") / "nowhere", "groups", "--json")
    assert ran.code != 0 and ran.envelope["errors"]


# --- stdout and stderr ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["groupz", "iommu enabble", "groups --frobnicate", "check 01-00.0", "bind", "undo x", "groups 7f:00.0", ""],
)
def test_wrong_usage(line: str, fresh: Machines) -> None:
    """Exit 2: one JSON document that names what, why and what helps; as text on stderr alone."""
    root = fresh("debian")
    ran = on(root, *line.split(), "--json")
    assert (ran.code, ran.envelope["status"]) == (2, "failed")
    assert ran.errors
    if line:
        said = on(root, *line.split())
        assert (said.code, said.out) == (2, "") and said.err


@pytest.mark.parametrize("line", ["list", "show hoth", "create hoth --iso /srv/win10.iso -y", "stop hoth -y"])
def test_an_address_that_is_empty_names_no_libvirt(line: str, fresh: Machines) -> None:
    """A script's variable that is not set must not lead to this machine's own libvirt."""
    ran = on(fresh("debian"), *line.split(), "--connect", "", "--json")
    assert (ran.code, ran.errors) == (2, ["usage"])


def test_a_remedy_of_attach_is_one_of_attach(fresh: Machines) -> None:
    """The other members of the group are given one by one, so they leave this machine before."""
    ran = on(fresh("debian"), "attach", "test", "01:00.0", "--connect", "test:///default", "-n", "--json")
    assert ran.errors == ["rule.group"]
    remedy = ran.envelope["errors"][0]["remedy"]
    assert "vdesk bind 0000:01:00.0" in remedy and "--device" not in remedy


def test_unknown_command(fresh: Machines) -> None:
    """`command` is null before one is known."""
    assert on(fresh("debian"), "frobnicate", "--json").envelope["command"] is None


@pytest.mark.parametrize("line", ["iommu", ""])
def test_group_without_command(line: str) -> None:
    ran = vdesk(*line.split())
    assert ran.code == 2 and "Usage: vdesk" in ran.out + ran.err


@pytest.mark.parametrize("line", READING)
def test_json_is_all_of_stdout(line: str, fresh: Machines) -> None:
    ran = on(fresh("debian"), *line.split(), "--json")
    assert ran.out.endswith("}\n") and ran.err == ""
    assert ran.envelope


@pytest.mark.parametrize("line", READING)
def test_verbose_speaks_on_stderr(line: str, fresh: Machines) -> None:
    root = fresh("debian")
    quiet, loud = on(root, *line.split(), "--json"), on(root, *line.split(), "--json", "-v")
    assert quiet.envelope == loud.envelope
    assert loud.err or line.startswith(("list", "history"))


@pytest.mark.parametrize("line", READING)
def test_no_escape_and_no_wrapping_in_a_pipe(line: str, fresh: Machines) -> None:
    ran = on(fresh("debian"), *line.split())
    assert "\x1b" not in ran.out + ran.err
    if line in ("groups", "check"):
        assert max(map(len, ran.out.splitlines())) > 100


def test_version() -> None:
    ran = vdesk("--version")
    assert ran == Ran(0, f"vdesk {package.__version__}\n", "")
    assert re.fullmatch(r"vdesk \d+\.\d+\.\d+\n", ran.out)


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["01:00.1", "0000:01:00.1", "pci_0000_01_00_1", "0000:01:00.1".upper()])
def test_spellings_of_an_address(spelling: str, fresh: Machines) -> None:
    found = on(fresh("debian"), "groups", spelling, "--json").envelope["data"]["groups"]
    assert [each["id"] for each in found] == [1]


@pytest.mark.parametrize(
    "spelling", ["01:00", "1:00.0", "01:20.0", "01:00.8", "0000:01:00.0 ", "01:00.0\n", "", "g1:00.0"]
)
def test_what_is_no_address(spelling: str, fresh: Machines) -> None:
    ran = on(fresh("debian"), "bind", spelling, "-n", "--json")
    assert ran.code == 2 if spelling.strip() != "0000:01:00.0" and spelling.strip() != "01:00.0" else True


def test_groups_has_two_names(fresh: Machines) -> None:
    root = fresh("article-booted")
    assert on(root, "groups", "--json").out == on(root, "iommu", "groups", "--json").out
    assert on(root, "groups", "--gpu").out == on(root, "iommu", "groups", "--gpu").out


# --- changing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", CHANGING)
@pytest.mark.parametrize("machine", ["article", "debian"])
def test_dry_run_changes_nothing(line: str, machine: str, fresh: Machines) -> None:
    root = fresh(machine)
    before = snapshot(root)
    ran = on(root, *line.split(), "--dry-run", "--json")
    assert ran.code in (0, 3)
    assert not difference(before, snapshot(root))
    if ran.code == 0:
        assert ran.envelope["changes"] and {each["state"] for each in ran.envelope["changes"]} == {"planned"}


@pytest.mark.parametrize("line", CHANGING)
def test_nobody_to_ask(line: str, fresh: Machines) -> None:
    """Without a terminal and without --yes nothing is changed, exit 2."""
    root = fresh("debian")
    before = snapshot(root)
    ran = on(root, *line.split(), "--json")
    assert (ran.code, ran.errors) == (2, ["usage.confirmation"])
    assert not difference(before, snapshot(root))


@pytest.mark.parametrize("line", READING)
def test_reading_changes_nothing(line: str, fresh: Machines) -> None:
    root = fresh("debian")
    before = snapshot(root)
    assert on(root, *line.split()).code in (0, 3)
    assert not difference(before, snapshot(root))


def test_order_of_refusals(fresh: Machines) -> None:
    """Wrong usage first, then the safety rules, then the confirmation that nobody gave."""
    root = fresh("debian")
    assert on(root, "bind", "7f:00.0", "03:00.0", "--json").code == 2
    refused = on(root, "bind", "03:00.0", "--json")
    assert (refused.code, refused.envelope["status"]) == (3, "refused") and "rule.root-disk" in refused.errors
    assert on(root, "bind", "01:00.0", "--json").errors == ["usage.confirmation"]


def test_a_plan_without_changes_asks_nothing(fresh: Machines) -> None:
    root = fresh("debian")
    for line in ("undo", "undo --all", "iommu disable", "history"):
        ran = on(root, *line.split(), "--json")
        assert (ran.code, ran.envelope["changes"]) == (0, []), line
    assert on(fresh("handed-over"), "bind", "01:00.0", "--json").code == 0


def test_forcing(fresh: Machines) -> None:
    """--force takes four rules by name; the others cannot be forced, and what is no rule is wrong usage."""
    root = fresh("debian")
    assert on(root, "bind", "03:00.0", "--force", "root-disk", "-n", "--json").code == 2
    assert on(root, "bind", "03:00.0", "--force", "gravity", "-n", "--json").code == 2
    assert "rule.host-display" in on(root, "bind", "00:02.0", "-n", "--json").errors
    assert on(root, "bind", "00:02.0", "--force", "host-display", "-n", "--json").errors == ["rule.in-use"]
    both = ("--force", "host-display", "--force", "in-use")
    assert on(root, "bind", "00:02.0", *both, "-n", "--json").code == 0
    assert "rule.host-display" in on(root, "bind", "00:02.0", "--force", "in-use", "-n", "--json").errors


# --- the folder of a captured machine ---------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["m", "./m", "m/", "etc/../m"])
def test_root_is_nowhere_in_the_output(given: str, fresh: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """However --root is spelled, the output is that of an absolute one, and names neither."""
    root = fresh("debian")
    (root.parent / "etc").mkdir()
    root.rename(root.parent / "m")
    monkeypatch.chdir(root.parent)
    for line in ("check", "groups", "bind 03:00.0 -n", "bind 01:00.0 -n", f"create hoth --iso {ISO} --print-xml"):
        said, meant = vdesk("--root", given, *line.split()), vdesk("--root", root.parent / "m", *line.split())
        assert said == meant
        assert str(root.parent) not in said.out + said.err


def test_the_plan_of_setup_yes_is_what_it_does(fresh: Machines) -> None:
    """A disc that lies there is not the one that a person means; without --yes it stands for it in a plan."""
    root = fresh("debian")
    disc = root / "var/lib/libvirt/images/Win10.iso"
    disc.parent.mkdir(parents=True, exist_ok=True)
    disc.write_bytes(b"")

    def state(*words: str) -> str:
        found = on(root, "setup", *words, "--json").envelope["data"]["steps"]
        return next(str(each["state"]) for each in found if each["id"] == "vm")

    assert state("-n") == "planned"
    assert state("-y", "-n") == state("-y") != "planned"
