"""Kernel arguments: splitting as the kernel does, what they come to, and merging into them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdesk.model.kernel_args import Wanted, about_iommu, apply, effect, kernel_part, merge, split, unmerge

ON, IGFX, PT = Wanted(), Wanted(igfx_off=True), Wanted(passthrough=True)
BOTH = Wanted(igfx_off=True, passthrough=True)


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("quiet splash", ["quiet", "splash"]),
        ("  quiet\t\nsplash  ", ["quiet", "splash"]),
        ('dyndbg="file a.c +p" quiet', ["dyndbg=file a.c +p", "quiet"]),
        ('"foo=a b" c', ["foo=a b", "c"]),
        ('a"b c"d e', ["ab cd", "e"]),
        ("a='b c'", ["a='b", "c'"]),
        ('open="a b', ["open=a b"]),
        ("", []),
    ],
)
def test_split_as_the_kernel_does(line: str, plain: list[str]) -> None:
    assert [word.plain for word in split(line)] == plain


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("a='b c' d", ["a=b c", "d"]),
        (r"a=b\ c d", ["a=b c", "d"]),
        (r"'a\' b", ["a\\", "b"]),
        (r'"a\"b" c', ['a"b', "c"]),
    ],
)
def test_split_as_grub_does(line: str, plain: list[str]) -> None:
    assert [word.plain for word in split(line, grub=True)] == plain


@given(st.text(alphabet=" \t\n\"'ab=-,\\", max_size=30), st.booleans())
def test_words_are_where_they_say(line: str, grub: bool) -> None:
    words = split(line, grub=grub)
    assert [line[word.start : word.end] for word in words] == [word.text for word in words]
    rest = line
    for word in reversed(words):
        rest = rest[: word.start] + rest[word.end :]
    assert not rest.strip()


def test_after_the_dashes_is_init() -> None:
    words = split("quiet -- intel_iommu=on iommu=off")
    assert [word.plain for word in kernel_part(words)] == ["quiet"]
    assert effect(words) == effect([])
    assert about_iommu(words) == []


@pytest.mark.parametrize(
    ("line", "intel", "igfx", "through", "forbids"),
    [
        ("intel_iommu=on", True, False, None, 0),
        ("intel-iommu=on", True, False, None, 0),
        ("intel_iommu=on intel_iommu=off", False, False, None, 0),
        ("intel_iommu=off,on", True, False, None, 0),
        ("intel_iommu=igfx_off intel_iommu=on", True, True, None, 0),
        ("intel_iommu=onward", True, False, None, 0),
        ("intel_iommu=pt", None, False, None, 0),
        ("intel_iommu", None, False, None, 0),
        ('intel_iommu="on"', True, False, None, 0),
        ("iommu=pt", None, False, True, 0),
        ("iommu=pt iommu=nopt", None, False, False, 0),
        ("iommu=soft,pt", None, False, True, 0),
        ("iommu.passthrough=1", None, False, True, 0),
        ("iommu.passthrough=0", None, False, False, 0),
        ("iommu=off", None, False, None, 1),
        ("iommu=soft,off amd_iommu=off", None, False, None, 2),
        ("xintel_iommu=on intel_iommu.on", None, False, None, 0),
    ],
)
def test_effect(line: str, intel: bool | None, igfx: bool, through: bool | None, forbids: int) -> None:
    found = effect(split(line))
    assert (found.intel, found.igfx_off, found.passthrough, len(found.forbids)) == (intel, igfx, through, forbids)


@pytest.mark.parametrize(
    ("line", "wanted", "after"),
    [
        ("quiet", ON, "quiet intel_iommu=on"),
        ("", IGFX, "intel_iommu=on,igfx_off"),
        ("quiet intel_iommu=on splash", IGFX, "quiet intel_iommu=on,igfx_off splash"),
        ("intel_iommu=on,igfx_off", ON, "intel_iommu=on,igfx_off"),
        ("intel_iommu=igfx_off quiet", ON, "intel_iommu=on,igfx_off quiet"),
        ("intel_iommu=off quiet", ON, "intel_iommu=on quiet"),
        ("intel_iommu=sm_on", IGFX, "intel_iommu=on,sm_on,igfx_off"),
        ("intel_iommu=off,sm_on,strict", ON, "intel_iommu=on,sm_on,strict"),
        ("intel_iommu=on,off", ON, "intel_iommu=on"),
        ("intel_iommu=off,on", ON, "intel_iommu=off,on"),
        ("intel_iommu=on intel_iommu=on", ON, "intel_iommu=on intel_iommu=on"),
        ("intel_iommu=on intel_iommu=off", ON, "intel_iommu=on intel_iommu=on"),
        ("intel_iommu=off intel_iommu=igfx_off", ON, "intel_iommu=on intel_iommu=igfx_off"),
        ("intel_iommu=pt quiet", ON, "intel_iommu=on quiet"),
        ("intel_iommu=on,pt", ON, "intel_iommu=on"),
        ("intel_iommu=on intel_iommu=pt quiet", ON, "intel_iommu=on quiet"),
        ("a -- intel_iommu=off", ON, "a intel_iommu=on -- intel_iommu=off"),
        ("a", BOTH, "a intel_iommu=on,igfx_off iommu=pt"),
        ("iommu=soft a", PT, "iommu=soft a intel_iommu=on iommu=pt"),
        ("iommu=soft,nopt a", PT, "iommu=soft,nopt a intel_iommu=on iommu=pt"),
        ("iommu=soft,pt a", PT, "iommu=soft,pt a intel_iommu=on"),
        ("iommu=nopt intel_iommu=on", PT, "iommu=pt intel_iommu=on"),
        ("iommu=pt iommu.passthrough=0 intel_iommu=on", PT, "iommu=pt iommu.passthrough=1 intel_iommu=on"),
        ("iommu.passthrough=1 intel_iommu=on", PT, "iommu.passthrough=1 intel_iommu=on"),
        ("iommu=pt", Wanted(intel=False, passthrough=True), "iommu=pt"),
        ("intel_iommu=pt", Wanted(intel=False, passthrough=True), "intel_iommu=pt iommu=pt"),
    ],
)
def test_merge(line: str, wanted: Wanted, after: str) -> None:
    words = split(line)
    assert " ".join(apply(words, merge(words, wanted))) == after


PIECES = [
    "quiet",
    "splash",
    "--",
    "x=1",
    "console=tty0",
    "intel_iommu=on",
    "intel_iommu=off",
    "intel_iommu=pt",
    "intel_iommu=sm_on",
    "intel_iommu=on,igfx_off",
    "intel_iommu=off,strict",
    "iommu=pt",
    "iommu=nopt",
    "iommu=soft",
    "iommu.passthrough=0",
    "intel_iommu=igfx_off,off",
    "intel_iommu=on,off,on",
    "intel-iommu=off",
    "iommu",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.booleans(), st.booleans())
def test_merge_is_enough_and_touches_nothing_else(pieces: list[str], igfx_off: bool, pt: bool) -> None:
    words, wanted = split(" ".join(pieces)), Wanted(True, igfx_off, pt)
    after = split(" ".join(apply(words, merge(words, wanted))))
    assert wanted.met_by(effect(after))
    assert merge(after, wanted) == []

    def others(line: list[str]) -> list[str]:
        return [word for word in line if not word.replace("-", "_").startswith(("intel_iommu", "iommu"))]

    assert others([word.plain for word in after]) == others(pieces)
    if "--" in pieces:
        assert [word.plain for word in after][-len(pieces) + pieces.index("--") :] == pieces[pieces.index("--") :]


@given(st.lists(st.sampled_from(PIECES), max_size=8), st.booleans(), st.booleans())
def test_unmerge_takes_back_what_merge_did(pieces: list[str], igfx_off: bool, pt: bool) -> None:
    words = split(" ".join(pieces))
    edits = merge(words, Wanted(True, igfx_off, pt))
    after = split(" ".join(apply(words, edits)))
    for edit in reversed(edits):
        back = unmerge(after, edit.was, edit.now)
        after = split(" ".join(apply(after, [back] if back else [])))
    assert effect(after) == effect(words)


@pytest.mark.parametrize(
    ("line", "was", "now", "after"),
    [
        ("quiet intel_iommu=on mine", None, "intel_iommu=on", "quiet mine"),
        ("intel_iommu=on,sm_on", None, "intel_iommu=on", "intel_iommu=sm_on"),
        ("intel_iommu=on,igfx_off,sm_on", "intel_iommu=on", "intel_iommu=on,igfx_off", "intel_iommu=on,sm_on"),
        ("intel_iommu=on,strict", "intel_iommu=off", "intel_iommu=on", "intel_iommu=off,strict"),
        ("quiet", None, "intel_iommu=on", "quiet"),
        ("intel_iommu=sm_on", None, "intel_iommu=on", "intel_iommu=sm_on"),
        ("quiet -- intel_iommu=on", None, "intel_iommu=on", "quiet -- intel_iommu=on"),
    ],
)
def test_unmerge_keeps_what_a_person_added(line: str, was: str | None, now: str, after: str) -> None:
    words = split(line)
    edit = unmerge(words, was, now)
    assert " ".join(apply(words, [edit] if edit else [])) == after
