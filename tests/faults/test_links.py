"""Links where files and folders were: on this machine a file is edited where a link leads; a captured machine's write
stays below its root, also when a folder becomes a link while somebody is asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.test_handing import NOBODY, ROOT
from tests.trees import difference, snapshot
from vdesk.changes import undoing
from vdesk.changes.executor import Mode, run
from vdesk.changes.files import WriteFile
from vdesk.changes.plan import Plan
from vdesk.host import Host, beside, captured
from vdesk.model.errors import Refused, Untrusted, VdeskError
from vdesk.model.report import Report


def silent(text: str) -> None:
    """Progress that nobody watches."""


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("target", ["kept/file", "{root}/kept/file", "../etc/second"])
def test_a_link_is_edited_where_it_leads(target: str, own: bool, memory: Path) -> None:
    """Mode and owner are the file's, never those of the link, which everybody could write; undo gives them back."""
    (memory / "etc/kept").mkdir(parents=True)
    (memory / "etc/kept/file").write_bytes(b"before")
    (memory / "etc/kept/file").chmod(0o640)
    (memory / "etc/second").symlink_to("kept/file")
    (memory / "etc/grub").symlink_to(target.format(root=f"{memory}/etc" if own else "/etc"))
    before = snapshot(memory)
    path, host = (f"{memory}/etc/grub"[1:], Host("/")) if own else ("etc/grub", captured(str(memory)))
    change = WriteFile(path, b"before", b"after", "edit it")
    change.check(host)
    record = change.record(host)
    change.apply(host, silent)
    change.verify(host)
    assert difference(before, snapshot(memory)).changed == ["etc/kept/file"]
    assert (memory / "etc/kept/file").read_bytes() == b"after"
    assert (memory / "etc/kept/file").lstat().st_mode & 0o7777 == 0o640
    assert (record["before"]["mode"], (memory / "etc/grub").is_symlink()) == (0o640, True)
    WriteFile.revert(host, record, silent)
    assert not difference(before, snapshot(memory))


PLACES: dict[str, Callable[[Path], object]] = {
    "the file": lambda top: os.chown(top / "theirs/file", NOBODY, NOBODY),
    "its folder": lambda top: os.chown(top / "theirs", NOBODY, NOBODY),
    "everybody's": lambda top: (top / "theirs").chmod(0o777),
    "a link on the way": lambda top: (os.chown(top / "way", NOBODY, NOBODY)),
}


@pytest.mark.parametrize("name", PLACES)
def test_not_where_another_user_can_turn_it(name: str, memory: Path) -> None:
    """As root: a file of another's, and a link in another's folder on the way to root's, are not written through."""
    for folder in ("theirs", "way"):
        (memory / folder).mkdir()
    (memory / "theirs/file").write_bytes(b"before")
    (memory / "way/on").symlink_to("../theirs/file")
    (memory / "grub").symlink_to("way/on")
    host, path = Host("/"), f"{memory}/grub"[1:]
    host.refuse_links(path)
    if not ROOT:
        return  # who is not root writes as themselves
    PLACES[name](memory)
    before = snapshot(memory)
    change = WriteFile(path, b"before", b"after", "edit it")
    writes: list[Callable[[], object]] = [lambda: change.check(host), lambda: host.write(path, b"after")]
    for write in writes:
        with pytest.raises(Refused, match="is a link, and") as caught:
            write()
        assert caught.value.problems[0].id == "file.link"
    assert not difference(before, snapshot(memory))


def swapped(top: Path, folder: str) -> Callable[[Report], bool]:
    """An answer yes, given after the folder of the captured machine has become a link to the one outside."""

    def ask(shown: Report) -> bool:
        (top / folder).rename(top / "moved")
        (top / folder).symlink_to(top / "outside")
        return True

    return ask


@pytest.fixture
def tree(memory: Path) -> Path:
    """A captured machine beside a folder that has files of the same names."""
    for folder in ("machine/d", "outside/d"):
        (memory / folder).mkdir(parents=True)
    for name in ("machine/d/passwd", "outside/passwd", "outside/d/passwd"):
        (memory / name).write_bytes(b"before")
    return memory


@pytest.mark.parametrize("folder", ["machine/d", "machine"])
@pytest.mark.parametrize("data", [b"after", None])
def test_a_folder_becomes_a_link_at_the_question(data: bytes | None, folder: str, tree: Path) -> None:
    """Also where the look before had it in its memory: what the link leads to is as it was."""
    host = captured(str(tree / "machine"))
    plan = Plan("iommu enable", "it", [WriteFile("d/passwd", b"before", data, "edit it", mode=0o666)])
    outside = snapshot(tree / "outside")
    assert not went_well(lambda: run(plan, host, Mode(ask=swapped(tree, folder))))
    assert not difference(outside, snapshot(tree / "outside"))


@pytest.mark.parametrize("folder", ["machine/d", "machine"])
@pytest.mark.parametrize("before", [b"before", None])
def test_a_folder_becomes_a_link_at_undos_question(before: bytes | None, folder: str, tree: Path) -> None:
    first = captured(str(tree / "machine"))
    if before is None:
        (tree / "machine/d/passwd").unlink()
    change = WriteFile("d/passwd", before, b"after", "edit it", mode=0o666)
    assert run(Plan("iommu enable", "it", [change]), first, Mode(yes=True)).exit_code == 0
    for name in ("passwd", "d/passwd"):
        (tree / "outside" / name).write_bytes(b"after")
    outside = snapshot(tree / "outside")
    host = captured(str(tree / "machine"))
    went_well(lambda: undoing.undo(host, None, False, Mode(ask=swapped(tree, folder))))
    assert not difference(outside, snapshot(tree / "outside"))


def went_well(work: Callable[[], Report]) -> bool:
    """Whether it did; refused is not."""
    try:
        return work().exit_code == 0
    except VdeskError:
        return False


def test_every_write_stays_below_the_root(tree: Path) -> None:
    """A folder that was looked at, and is a link by now: none of the ways to change a file goes through it."""
    (tree / "machine/d/sub").mkdir()
    (tree / "outside/sub").mkdir()
    ways: list[Callable[[Host], object]] = [
        lambda host: host.write("d/passwd", b"x"),
        lambda host: host.create("d/new", b"x"),
        lambda host: host.append("d/passwd", b"x"),
        lambda host: beside.second_name(host, "d/passwd", "d/kept"),
        lambda host: beside.second_name(host, "top", "d/kept"),
        lambda host: beside.copy(host, "d/passwd", "d/kept"),
        lambda host: beside.copy(host, "top", "d/kept"),
        lambda host: beside.succeed(host, "top", "d/passwd"),
        lambda host: beside.flush(host, "d/passwd"),
        lambda host: host.rename("d/passwd", "d/kept"),
        lambda host: host.rename("top", "d/kept"),
        lambda host: host.remove("d/passwd"),
        lambda host: host.make_folder("d/new"),
        lambda host: host.remove_folder("d/sub"),
        lambda host: host.sweep("d/passwd"),
        lambda host: host.read("d/passwd"),
    ]
    (tree / "machine/top").write_bytes(b"top")
    (tree / "outside" / f".passwd.vdesk-{'0' * 16}").write_bytes(b"x")
    hosts = [captured(str(tree / "machine")) for _ in ways]
    assert [host.resolve("d/passwd") for host in hosts] == ["d/passwd"] * len(ways)
    (tree / "machine/d").rename(tree / "machine/moved")
    (tree / "machine/d").symlink_to(tree / "outside")
    outside = snapshot(tree / "outside")
    for host, way in zip(hosts, ways, strict=True):
        went_well(lambda host=host, way=way: (way(host), Report("x"))[1])  # type: ignore[misc]
        assert not difference(outside, snapshot(tree / "outside"))
    with pytest.raises(Untrusted):
        hosts[-1].read("d/passwd")
