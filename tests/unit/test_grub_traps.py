"""`iommu enable` and `disable` on every spelling of GRUB's defaults that has broken such a tool; sh judges."""

from __future__ import annotations

import pathlib

import pytest

from tests.trees import difference, snapshot
from tests.unit.grub_judge import FOLDER, MAIN, judge, write
from vdesk.changes import executor
from vdesk.changes.executor import Mode
from vdesk.changes.journal import Journal
from vdesk.changes.plan import Plan
from vdesk.host.host import captured
from vdesk.model.errors import Refused
from vdesk.model.kernel_args import Wanted, effect, split
from vdesk.plans import iommu

D, L = "GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_CMDLINE_LINUX"
DROPIN = f"{FOLDER}/zz-vdesk.cfg"
OURS = ("var/lib/vdesk",)


def enable(root: pathlib.Path, *, igfx_off: bool = False, pt: bool = False) -> Plan:
    """Plan and carry out on the captured machine below root."""
    host = captured(str(root))
    plan = iommu.enable(host, igfx_off=igfx_off, pt=pt)
    assert executor.run(plan, host, Mode(yes=True)).exit_code == 0
    return plan


def disable(root: pathlib.Path) -> Plan:
    """Plan and carry out on the captured machine below root."""
    host = captured(str(root))
    plan = iommu.disable(host, Journal(host).entries())
    assert executor.run(plan, host, Mode(yes=True)).exit_code == 0
    return plan


def main(root: pathlib.Path) -> str:
    """/etc/default/grub as it is now."""
    return (root / MAIN).read_bytes().decode("utf-8", "surrogateescape")


TRAPS = [  # what is there, what is there after `enable`
    (f'{D}="quiet splash"\n', f'{D}="quiet splash intel_iommu=on"\n'),
    (f"{D}='quiet splash'\n", f"{D}='quiet splash intel_iommu=on'\n"),
    (f'{D}=""\n', f'{D}="intel_iommu=on"\n'),
    (f"{D}=''\n", f"{D}='intel_iommu=on'\n"),
    (f"{D}=\n", f'{D}="intel_iommu=on"\n'),
    (f"{D}=quiet\n", f'{D}="quiet intel_iommu=on"\n'),
    (f"{D}=quiet\\ splash\n", f'{D}=quiet\\ splash" intel_iommu=on"\n'),
    (f'{D}="quiet"\' splash\'\n', f"{D}=\"quiet\"' splash intel_iommu=on'\n"),
    (f'{D}="quiet"splash # c\n', f'{D}="quiet"splash" intel_iommu=on" # c\n'),
    (f'{D}="quiet" # a comment with "quotes"\n', f'{D}="quiet intel_iommu=on" # a comment with "quotes"\n'),
    (f'{D}="quiet "\n', f'{D}="quiet intel_iommu=on"\n'),
    (f'{D}="dyndbg=\\"file a.c +p\\" quiet"\n', f'{D}="dyndbg=\\"file a.c +p\\" quiet intel_iommu=on"\n'),
    (f'{D}="quiet dyndbg=\\"file a.c +p\\""\n', f'{D}="quiet dyndbg=\\"file a.c +p\\" intel_iommu=on"\n'),
    (f"{D}='dyndbg=\"file a.c +p\"'\n", f"{D}='dyndbg=\"file a.c +p\" intel_iommu=on'\n"),
    (f'{D}="console=tty0 console=ttyS0,115200n8"\n', f'{D}="console=tty0 console=ttyS0,115200n8 intel_iommu=on"\n'),
    (f'# the iommu stays off\n{D}="quiet"\n', f'# the iommu stays off\n{D}="quiet intel_iommu=on"\n'),
    (f'#{D}="intel_iommu=on"\n{D}="quiet"\n', f'#{D}="intel_iommu=on"\n{D}="quiet intel_iommu=on"\n'),
    (f'{D}="first"\n{D}="second"\n', f'{D}="first"\n{D}="second intel_iommu=on"\n'),
    (f'{D}="a"; {L}="b"\n', f'{D}="a intel_iommu=on"; {L}="b"\n'),
    (f'export {D}="quiet"\n', f'export {D}="quiet intel_iommu=on"\n'),
    (f'  {D}="quiet"', f'  {D}="quiet intel_iommu=on"'),
    ("GRUB_TIMEOUT=5", f'GRUB_TIMEOUT=5\n{D}="intel_iommu=on"\n'),
    ("GRUB_TIMEOUT=5\n", f'GRUB_TIMEOUT=5\n{D}="intel_iommu=on"\n'),
    ("", f'{D}="intel_iommu=on"\n'),
    (f'{D}="quiet \\\n  splash"\n', f'{D}="quiet \\\n  splash intel_iommu=on"\n'),
    (f'{D}="quiet"\r\nGRUB_TIMEOUT=5\r\n', f'{D}="quiet intel_iommu=on"\r\nGRUB_TIMEOUT=5\r\n'),
    (f'{D}="quiet"\n{D}="${D} splash"\n', f'{D}="quiet intel_iommu=on"\n{D}="${D} splash"\n'),
    (f'A=quiet\n{D}="$A"\n', f'A=quiet\n{D}="$A intel_iommu=on"\n'),
    (f"A=quiet\n{D}=$A\n", f'A=quiet\n{D}="$A intel_iommu=on"\n'),
    (f'{D}="a"\n{D}="${{{D}:+${D} }}\\$tuned_params"\n',
     f'{D}="a intel_iommu=on"\n{D}="${{{D}:+${D} }}\\$tuned_params"\n'),
    (f'{D}="quiet -- single"\n', f'{D}="quiet intel_iommu=on -- single"\n'),
    (f"{D}=a\\ --\n", f'{D}=a\\ "intel_iommu=on "--\n'),
    (f'{D}="-- intel_iommu=on"\n', f'{D}="intel_iommu=on -- intel_iommu=on"\n'),
    (f'{L}="a -- b"\n{D}="quiet"\n', f'{L}="a intel_iommu=on -- b"\n{D}="quiet"\n'),
    (f'{D}="intel_iommu=off quiet"\n', f'{D}="intel_iommu=on quiet"\n'),
    (f'{D}="quiet intel_iommu=pt splash"\n', f'{D}="quiet intel_iommu=on splash"\n'),
    (f'{D}="intel_iommu=on intel_iommu=pt quiet"\n', f'{D}="intel_iommu=on quiet"\n'),
    (f'{D}="intel_iommu=sm_on"\n', f'{D}="intel_iommu=on,sm_on"\n'),
    (f'{D}=\'intel_iommu="off"\'\n', f"{D}='intel_iommu=on'\n"),
    (f'{L}="intel_iommu=off"\n{D}="quiet"\n', f'{L}="intel_iommu=on"\n{D}="quiet"\n'),
    (f'{D}="xintel_iommu=on my.intel_iommu=on"\n', f'{D}="xintel_iommu=on my.intel_iommu=on intel_iommu=on"\n'),
    (f'GRUB_DISTRIBUTOR=`( . /etc/os-release && echo ${{NAME}} )`\n{D}="q"\n',
     f'GRUB_DISTRIBUTOR=`( . /etc/os-release && echo ${{NAME}} )`\n{D}="q intel_iommu=on"\n'),
    (f'if [ -e /x ]; then GRUB_TIMEOUT=1; fi\n{D}="q"\n',
     f'if [ -e /x ]; then GRUB_TIMEOUT=1; fi\n{D}="q intel_iommu=on"\n'),
    (f'X="é à ü"\n{D}="quiet ümlaut=ß"\n', f'X="é à ü"\n{D}="quiet ümlaut=ß intel_iommu=on"\n'),
    (f'X="\udce9"\n{D}="quiet"\n', f'X="\udce9"\n{D}="quiet intel_iommu=on"\n'),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after"), TRAPS)
def test_in_place(tmp_path: pathlib.Path, before: str, after: str) -> None:
    write(tmp_path, before)
    was, start = judge(tmp_path), snapshot(tmp_path)
    enable(tmp_path)
    assert main(tmp_path) == after
    now = judge(tmp_path)
    assert was and now and now.others == was.others
    assert Wanted().met_by(effect(split(f"{now.linux} {now.default}", grub=True)))
    assert difference(start, snapshot(tmp_path), OURS).changed == [MAIN]
    assert enable(tmp_path).changes == []
    disable(tmp_path)
    assert not difference(start, snapshot(tmp_path), OURS)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f'{D}="intel_iommu=on quiet"\n', f'{D}="intel_iommu=on,igfx_off quiet iommu=pt"\n'),
        (
            f'{D}="iommu=soft intel_iommu=on,sm_on"\n',
            f'{D}="iommu=soft intel_iommu=on,sm_on,igfx_off iommu=pt"\n',
        ),
        (f'{D}="intel_iommu=on,igfx_off"\n', f'{D}="intel_iommu=on,igfx_off iommu=pt"\n'),
        (f"{D}=quiet\n", f'{D}="quiet intel_iommu=on,igfx_off iommu=pt"\n'),
        (f'{L}="intel_iommu=on"\n{D}="q"\n', f'{L}="intel_iommu=on,igfx_off"\n{D}="q iommu=pt"\n'),
        (f'{D}="intel_iommu=off iommu=nopt"\n', f'{D}="intel_iommu=on,igfx_off iommu=pt"\n'),
    ],
)
def test_merged_with_both_options(tmp_path: pathlib.Path, before: str, after: str) -> None:
    write(tmp_path, before)
    start = snapshot(tmp_path)
    enable(tmp_path, igfx_off=True, pt=True)
    assert main(tmp_path) == after
    assert enable(tmp_path, igfx_off=True, pt=True).changes == []
    disable(tmp_path)
    assert not difference(start, snapshot(tmp_path), OURS)


@pytest.mark.parametrize(
    "text",
    [
        f'{D}="intel_iommu=on"\n',
        f'{D}="intel_iommu=on,igfx_off quiet intel_iommu=on"\n',
        f'{L}="intel_iommu=on"\n{D}="quiet"\n',
        f'{D}="intel_iommu=off"\n{D}="intel-iommu=on"\n',
        f"{D}='\"intel_iommu=on\" quiet'\n",
    ],
)
def test_nothing_to_change(tmp_path: pathlib.Path, text: str) -> None:
    write(tmp_path, text)
    (tmp_path / "boot/grub/grub.cfg").unlink()
    start = snapshot(tmp_path)
    plan = enable(tmp_path)
    assert not plan.changes
    assert "Nothing to change" in plan.notes[0]
    assert not difference(start, snapshot(tmp_path), OURS)


DROPINS: list[tuple[str | None, dict[str, str], str]] = [  # the main file, the folder's, the file that is written
    (f'{D}="quiet"\n', {"50-cloudimg-settings.cfg": f'{D}="console=tty1"\n'}, DROPIN),
    (f'{D}="quiet"\n', {"50.cfg": f'{D}="console=tty1 intel_iommu=off"\n'}, DROPIN),
    (f'{D}="quiet"\n', {"50.cfg": f'{D}="console=tty1 -- x"\n'}, DROPIN),
    (f'{D}="quiet"\n', {"50.cfg": f'{D}="--"\n'}, DROPIN),
    (f'{D}="$(echo quiet)"\n', {}, DROPIN),
    (f"{D}=`echo quiet`\n", {}, DROPIN),
    (f"if true; then {D}=quiet; else {D}=loud; fi\n", {}, DROPIN),
    (f"for x in a b; do {D}=$x; done\n", {}, DROPIN),
    (f"eval '{D}=\"quiet\"'\n", {}, DROPIN),
    (f'{D}="quiet"\nreturn\n{D}="never"\n', {}, DROPIN),
    (f'{D}="$(echo a -- b)"\n', {}, DROPIN),
    (f'{L}="--"\n{D}="$(echo a)"\n', {}, DROPIN),
    (f"unset {D}\n", {"50.cfg": f"{D}=$(echo x)\n"}, DROPIN),
    (None, {}, DROPIN),
    (None, {"50.cfg": "GRUB_TIMEOUT=3\n"}, DROPIN),
    (f'{D}="q"\n', {"zzz.cfg": f'{D}="late"\n'}, f"{FOLDER}/zzzz-vdesk.cfg"),
    (f'{D}="q"\n', {"zzzzz.cfg": f'{D}="late"\n'}, f"{FOLDER}/zzzzz~vdesk.cfg"),
    (f'{D}="q"\n', {"~~~.cfg": f'{D}="late"\n'}, f"{FOLDER}/~~~~vdesk.cfg"),
    (f'{D}="q"\n', {"ÿ.cfg": f'{D}="late"\n'}, f"{FOLDER}/ÿ~vdesk.cfg"),
]


@pytest.mark.parametrize(("text", "extra", "path"), DROPINS)
@pytest.mark.parametrize("more", [False, True])
def test_drop_in(tmp_path: pathlib.Path, text: str | None, extra: dict[str, str], path: str, more: bool) -> None:
    write(tmp_path, text, extra)
    was, start = judge(tmp_path), snapshot(tmp_path)
    enable(tmp_path, igfx_off=more, pt=more)
    now = judge(tmp_path)
    assert was and now and now.others == was.others
    assert Wanted(True, more, more).met_by(effect(split(f"{now.linux} {now.default}", grub=True)))
    words = [word for word in f"{now.linux} {now.default}".split() if not word.startswith(("intel_iommu", "iommu"))]
    assert words == [word for word in f"{was.linux} {was.default}".split() if not word.startswith("intel_iommu")]
    assert difference(start, snapshot(tmp_path), OURS).added == [path]
    assert not difference(start, snapshot(tmp_path), OURS).changed
    assert enable(tmp_path, igfx_off=more, pt=more).changes == []
    disable(tmp_path)
    assert not difference(start, snapshot(tmp_path), OURS)


def test_a_file_that_only_adds_decides_nothing(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="quiet"\n', {"kdump-tools.cfg": f'{D}="${D} crashkernel=512M-:192M"\n', "zzz.cfg": "A=1\n"})
    enable(tmp_path)
    assert main(tmp_path) == f'{D}="quiet intel_iommu=on"\n'
    judged = judge(tmp_path)
    assert judged and judged.default == "quiet intel_iommu=on crashkernel=512M-:192M"


def test_files_that_grub_does_not_source(tmp_path: pathlib.Path) -> None:
    hidden = {".hidden.cfg": f"{D}=x\n", "note.txt": f"{D}=x\n", "old.cfg.bak": "fi\n"}
    write(tmp_path, f'{D}="quiet"\n', hidden)
    (tmp_path / FOLDER / "gone.cfg").symlink_to("nowhere")
    enable(tmp_path)
    assert main(tmp_path) == f'{D}="quiet intel_iommu=on"\n'


def test_second_enable_with_more_grows_the_drop_in(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="$(echo quiet)"\n')
    start = snapshot(tmp_path)
    enable(tmp_path)
    enable(tmp_path, igfx_off=True, pt=True)
    judged = judge(tmp_path)
    assert judged and judged.default == "quiet intel_iommu=on,igfx_off iommu=pt"
    disable(tmp_path)
    assert not difference(start, snapshot(tmp_path), OURS)


def test_dropping_pt_is_said(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="intel_iommu=on,pt"\n')
    plan = enable(tmp_path)
    said = [each for each in plan.findings if "pt is dropped" in each.title]
    assert len(said) == 1 and "iommu=pt" in said[0].title


REFUSED: list[tuple[str | bytes | None, dict[str, str], str]] = [
    (f'{D}="quiet iommu=off"\n', {}, "iommu.turned-off"),
    (f'{D}="quiet"\n{L}="amd_iommu=off"\n', {}, "iommu.turned-off"),
    (f'{D}="iommu=soft,off"\n', {}, "iommu.turned-off"),
    (f'{D}="quiet"\n', {"50.cfg": f'{L}="iommu=off"\n'}, "iommu.turned-off"),
    (f'{D}="quiet\n', {}, "grub.syntax"),
    (f'{D}="quiet"\n', {"50.cfg": "if true; then\n"}, "grub.syntax"),
    (f'{D}="quiet"\r\n\r\n', {}, "grub.syntax"),
    (f"{D}=(quiet)\n", {}, "grub.syntax"),
    (f'{D}="quiet\0"\n'.encode(), {}, "grub.not-text"),
    (b"A" * (300 << 10), {}, "grub.unreadable"),
    (f'{D}="quiet\nsplash"\n', {}, "grub.cut-short"),
    (f'{D}="quiet ; splash"\n', {}, "grub.cut-short"),
    (f'{D}="quiet # splash"\n', {}, "grub.cut-short"),
    (f'{D}="quiet \'splash"\n', {}, "grub.cut-short"),
    (f'{D}="q"\n', {"z" * 247 + ".cfg": f'{D}="late"\n'}, "grub.nowhere"),
]


@pytest.mark.parametrize(("text", "extra", "error"), REFUSED)
def test_refused_and_nothing_changed(
    tmp_path: pathlib.Path, text: str | bytes | None, extra: dict[str, str], error: str
) -> None:
    write(tmp_path, text, extra)
    start = snapshot(tmp_path)
    with pytest.raises(Refused) as caught:
        enable(tmp_path)
    assert [each.id for each in caught.value.problems] == [error]
    assert not difference(start, snapshot(tmp_path))


def test_hostile_files_are_refused(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="quiet"\n')
    (tmp_path / FOLDER / "folder.cfg").mkdir()
    with pytest.raises(Refused) as caught:
        enable(tmp_path)
    assert caught.value.problems[0].id == "grub.unreadable"
    (tmp_path / FOLDER / "folder.cfg").rmdir()
    (tmp_path / FOLDER / "out.cfg").symlink_to("../../../../../../etc/passwd")
    with pytest.raises(Refused) as caught:
        enable(tmp_path)
    assert caught.value.problems[0].id == "grub.unreadable"


def test_a_folder_that_is_not_sourced_is_no_place(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="$(echo quiet)"\n', {"50.cfg": f'{D}="x"\n'})
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/grub-mkconfig").write_text("#! /bin/sh\n. ${sysconfdir}/default/grub\n")
    with pytest.raises(Refused) as caught:
        enable(tmp_path)
    assert caught.value.problems[0].id == "grub.nowhere"
    (tmp_path / MAIN).write_text(f'{D}="quiet"\n')
    enable(tmp_path)
    assert main(tmp_path) == f'{D}="quiet intel_iommu=on"\n'


def test_a_folder_that_vdesk_made_goes_with_its_file(tmp_path: pathlib.Path) -> None:
    write(tmp_path, f'{D}="$(echo quiet)"\n')
    (tmp_path / FOLDER).rmdir()
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/grub-mkconfig").write_text("for x in ${sysconfdir}/default/grub.d/*.cfg ; do\n")
    start = snapshot(tmp_path)
    enable(tmp_path)
    assert difference(start, snapshot(tmp_path), OURS).added == [FOLDER, DROPIN]
    disable(tmp_path)
    assert not difference(start, snapshot(tmp_path), OURS)
