"""Reading GRUB's defaults without running them, with sh as the judge: what is told is right."""

from __future__ import annotations

import pathlib

import pytest

from tests.unit.grub_judge import FOLDER, MAIN, judge, write
from vdesk.boot.grub_defaults import DEFAULT, LINUX, Chain, Settings, Source
from vdesk.boot.grub_defaults import settings as read_settings
from vdesk.model.errors import Refused

D = DEFAULT


def told(main: str, **extra: str) -> Settings:
    """What the reader makes of a chain; the names of extra files come without .cfg."""
    others = tuple(Source(f"{FOLDER}/{name}.cfg", text.encode()) for name, text in sorted(extra.items()))
    return read_settings(Chain(Source(MAIN, main.encode("utf-8", "surrogateescape")), others, True))


@pytest.mark.parametrize(
    "text",
    [
        f'{D}="quiet splash"',
        f"{D}='quiet splash' # comment \"",
        f"{D}=quiet\\ splash",
        f'{D}="a"\'b c\'d\\"e',
        f'{D}="a\\"b\\$c\\`d\\\\e\\f"',
        f'{D}="a\\\nb"',
        f"{D}='a\\\nb'",
        f'{D}="two\nlines"',
        f'{D}="a" ; {LINUX}=b',
        f'X=1 {D}="$X" Y=2',
        f'export {D}="a b" X=1',
        f"export {D}",
        f'{D}=a\nexport -p {D}\n{D}="${D} b"',
        f'{D}="a"\n{D}="${{{D}:+${D} }}\\$tuned_params"',
        f'{D}="${{{D}:-none}}"',
        f"{D}=\n{D}=x#y",
        f"#{D}=no\n{D}=yes # {D}=no",
        f'GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`\n{D}="quiet"',
        f'GRUB_DISTRIBUTOR=$( . /etc/os-release; echo ${{NAME:-Ubuntu}} )\n{D}="quiet"',
        f"if [ -x /bin/true ]; then GRUB_TIMEOUT=1; fi\n{D}=a",
        f"[ -e /x ] && GRUB_TIMEOUT=2 || true\n{D}=a",
        f"cat <<EOF\n{D}=no ' \"\nEOF\n{D}=yes",
        f"{D}=a\nunset {D}\n{D}=${D}b",
        f"{D}=a\n({D}=b)",
        f"{D}=a\n{D}=b true",
        f'{D}="$"',
        f'{D}=é"à"\u2003x',
        f"{D}=quiet\r\n{LINUX}=x\r",
        f"\t{D}=a\t# b",
        f'{D}="a\tb"',
        f"{D}=a;;;".replace(";;;", ";"),
        f'{D}="a#b" #c\\\n{LINUX}=z',
        f"{{ X=1; }}\n{D}=a",
        f"true | X=2\n{D}=a",
        f"case a in (a|b) X=1 ;; *) ;; esac\n{D}=a",
        f"while false; do X=1; done; until true; do :; done; {D}=a",
        f"f() {{ X=1; }}\n{D}=a",
        f"{D}=`echo x`\n{D}=plain",
    ],
)
def test_told_as_sh_has_it(tmp_path: pathlib.Path, text: str) -> None:
    write(tmp_path, text)
    judged = judge(tmp_path)
    assert judged is not None
    found = told(text)
    assert found.get(D).text == judged.default
    assert found.get(LINUX).text == judged.linux


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'{D}="$(echo quiet)"', "a command substitution"),
        (f"{D}=`echo quiet`", "a command substitution"),
        (f'{D}="$((1+1))"', "arithmetic"),
        (f'{D}+=" x"', "+="),
        (f"if true; then {D}=a; fi", "a conditional"),
        (f"true && {D}=a", "&&"),
        (f"for x in a b; do {D}=$x; done", "a loop"),
        (f"for {D} in a b; do :; done", "a loop"),
        (f"case a in a) {D}=x;; esac", "a case"),
        (f"f() {{ {D}=a; }}\nf", "the command f"),
        (f"eval {D}=a", "the command eval"),
        (". /etc/other", "the command ."),
        (f"read {D} </dev/null", "the command read"),
        (f"{D}=$1", "$1"),
        (f"{D}=$HOME", "$HOME"),
        (f"{D}=~/x", "~"),
        (f"{D}=$'a\\n'", "$'"),
        (f'{D}="${{X#a}}"', "${X#"),
        (f': "${{{D}:=x}}"', "an expansion"),
        (f"{D}=a\n$X {D}=b", "computed"),
        (f"[ -e /x ] && return\n{D}=a", "after &&"),
        (f"{D}=a\nexport {D}=$X", "the command export"),
        (f"{D}=x :", "the command :"),
        (f"{D}=a\nreadonly {D}", "the command readonly"),
        (f"unset $X\n{D}=${D}a", "the command unset"),
    ],
)
def test_cannot_tell(text: str, reason: str) -> None:
    value = told(text).get(D)
    assert value.text is None
    assert reason in value.reason


@pytest.mark.parametrize(
    "text",
    [
        f'{D}="quiet',
        f"{D}='quiet",
        f"{D}=`x",
        f"{D}=$(x",
        f'{D}="${{X"',
        f"{D}=(a b)",
        "if true; then X=1",
        "fi",
        "X=1 )",
        "a && ",
        "| a",
        "case x in a) X=1",
        "for in",
        "{ X=1",
        "f( {",
        "X=1 ;; Y=2",
        "$((1",
        "while true; done",
        "a >",
        f'{D}="a\r\n\r\n',
        f'{D}="a"\r\n\r\n',
        ": <<E\n$(x\nE\n",
        "((((" * 30,
        "$(" * 100,
    ],
)
def test_no_script_is_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        told(text)
    assert caught.value.problems[0].id == "grub.syntax"


def test_a_chain_of_files() -> None:
    found = told(f'{D}="a"', a=f'{D}="${D} b"', b="X=1", c=f"{LINUX}=z")
    assert (found.get(D).text, found.get(LINUX).text) == ("a b", "z")
    assert told(f"{D}=a\nreturn", b=f'{D}="b"').get(D).text == "b"
    assert told("f() { X=1; }", b=f"{D}=a\nf").get(D).text is None


def test_a_value_that_doubles_without_end_is_not_told() -> None:
    assert told(f"{D}=aaaaaaaaaaaaaaaa\n" + f'{D}="${D}${D}"\n' * 60).get(D).text is None
