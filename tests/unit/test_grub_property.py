"""Random but valid GRUB defaults and arguments: enable changes the words it must, disable gives the bytes back.

sh is the judge of before and after."""

from __future__ import annotations

import pathlib
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trees import difference, snapshot
from tests.unit.grub_judge import MAIN, Judged, judge, write
from vdesk.changes import executor
from vdesk.changes.executor import Mode
from vdesk.changes.journal import Journal
from vdesk.host.host import captured
from vdesk.model.kernel_args import Wanted, apply, effect, merge, split
from vdesk.plans import iommu

D, L = "GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_CMDLINE_LINUX"
OURS = ("var/lib/vdesk",)
WORDS = [
    "quiet",
    "splash",
    "console=tty0",
    "console=ttyS0,115200n8",
    "x=1",
    "ümlaut=ß",
    "a.b=c",
    "root_delay=5",
    "--",
    "intel_iommu=on",
    "intel_iommu=off",
    "intel_iommu=pt",
    "intel_iommu=on,igfx_off",
    "intel_iommu=sm_on",
    "iommu=pt",
    "iommu=nopt",
    "iommu=soft",
    "iommu.passthrough=0",
    "xintel_iommu=on",
    "intel_iommu=off,strict",
]
ODD = ['k="a b"', "t='c d'", "m=\\\\x"]
PLAIN = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
RICH = st.lists(st.sampled_from(WORDS + ODD), max_size=6).map(" ".join)


def double(text: str) -> str:
    """In double quotes."""
    return '"' + "".join(f"\\{char}" if char in '"\\$`' else char for char in text) + '"'


def single(text: str) -> str:
    """In single quotes, single quotes of its own outside them."""
    return "'" + text.replace("'", "'\\''") + "'"


def bare(text: str) -> str:
    """Without quotes, everything special escaped."""
    return "".join(char if char.isalnum() or char in "=,._-" else f"\\{char}" for char in text)


@st.composite
def values(draw: st.DrawFn) -> str:
    """A value in one of the ways to write it, in one piece or in two."""
    text = draw(PLAIN | RICH)
    ways = [double, single, bare]
    cut = draw(st.integers(0, len(text)) | st.just(0))
    first, second = draw(st.sampled_from(ways)), draw(st.sampled_from(ways))
    return (first(text[:cut]) if cut else "") + second(text[cut:])


UNRELATED = st.sampled_from(
    [
        "GRUB_DEFAULT=0",
        "GRUB_TIMEOUT=5 # seconds",
        "# intel_iommu=on is not needed",
        "",
        "   ",
        f'#{D}="commented out"',
        "GRUB_DISTRIBUTOR=`( . /etc/os-release && echo ${NAME} )`",
        'GRUB_TERMINAL="console serial"',
        "X='it''s'",
        "if [ -e /nonexistent ]; then GRUB_TIMEOUT=9; fi",
        "true && GRUB_BADRAM=x",
        "export GRUB_MENU_PICTURE=/a\\ b.png",
        'Y="$X and more"',
        ": <<'END'\nno \" end\nEND",
        'GRUB_HIDDEN="a\\\nb"',
        "# é à \\",
    ]
)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """The main file and those of the folder."""
    lines = draw(st.lists(UNRELATED, max_size=4))
    for _ in range(draw(st.integers(0, 2))):
        export = draw(st.sampled_from(["", "export ", "  ", "Z=1 "]))
        comment = draw(st.sampled_from(["", " # mine", "\t#'", " ; W=1"]))
        name = draw(st.sampled_from([D, D, D, L]))
        lines.insert(draw(st.integers(0, len(lines))), f"{export}{name}={draw(values())}{comment}")
    extra = draw(
        st.dictionaries(
            st.sampled_from(["10.cfg", "50-cloud.cfg", "zzz.cfg", "z.cfg"]),
            st.sampled_from(
                [
                    "A=1\n",
                    "# nothing\n",
                    f'{D}="${D} added"\n',
                    f'{L}="${L} console=ttyS1"\n',
                    f'{D}="fresh"\n',
                    f"{D}=`echo computed words`\n",
                    f'if true; then {D}="${D} branch"; fi\n',
                ]
            ),
            max_size=2,
        )
    )
    return "\n".join(lines) + draw(st.sampled_from(["\n", "", "\n\n"])), extra


def carry_out(root: pathlib.Path, wanted: Wanted | None) -> int:
    """Enable, or disable with None; the number of changes."""
    host = captured(str(root))
    if wanted is None:
        plan = iommu.disable(host, Journal(host).entries())
    else:
        plan = iommu.enable(host, igfx_off=wanted.igfx_off, pt=wanted.passthrough)
    assert executor.run(plan, host, Mode(yes=True)).exit_code == 0
    return len(plan.changes)


def plain(judged: Judged) -> list[str]:
    """The words that sh gives to the kernel's line."""
    return [word.plain for word in split(f"{judged.linux} {judged.default}", grub=True)]


@settings(max_examples=100, deadline=None)
@given(files(), st.booleans(), st.booleans())
def test_exactly_the_words_asked_for(given_files: tuple[str, dict[str, str]], igfx_off: bool, pt: bool) -> None:
    wanted = Wanted(True, igfx_off, pt)
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        write(root, *given_files)
        (root / "boot/grub/grub.cfg").unlink()
        was, start = judge(root), snapshot(root)
        assert was is not None
        carry_out(root, wanted)
        now, after = judge(root), snapshot(root)
        assert now is not None
        assert now.others == was.others
        words = split(f"{now.linux} {now.default}", grub=True)
        assert wanted.met_by(effect(words))
        judge_words(was, now, wanted, in_place=difference(start, after, OURS).changed == [MAIN])
        assert carry_out(root, wanted) == 0
        carry_out(root, None)
        assert not difference(start, snapshot(root), OURS)


def judge_words(was: Judged, now: Judged, wanted: Wanted, *, in_place: bool) -> None:
    """In place: the merged words, wherever the new ones went. By the drop-in: all the old ones, and new ones."""
    before = split(f"{was.linux} {was.default}", grub=True)
    old, new = [word.plain for word in before], plain(now)
    if in_place:
        merged = apply(before, merge(before, wanted))
        assert sorted(new) == sorted(merged)
        added = [edit.now for edit in merge(before, wanted) if edit.was is None]
        assert [word for word in new if word not in added] == [word for word in merged if word not in added]
    else:
        rest = iter(new)
        assert all(word in rest for word in old)
        assert all("iommu" in word for word in new[:] if word not in old)
