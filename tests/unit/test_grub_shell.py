"""Reading GRUB's defaults without running them, with sh as the judge: what is told is right, what is not sure is not told."""

from __future__ import annotations

import pathlib
import subprocess
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
        f'{D}="quiet', f"{D}='quiet", f"{D}=`x", f"{D}=$(x", f'{D}="${{X"', f"{D}=(a b)", "if true; then X=1", "fi", "X=1 )",
        "a && ", "| a", "case x in a) X=1", "for in", "{ X=1", "f( {", "X=1 ;; Y=2", "$((1", "while true; done", "a >",
        f'{D}="a\r\n\r\n', f'{D}="a"\r\n\r\n', ": <<E\n$(x\nE\n", "((((" * 30, "$(" * 100,
    ],
)  # fmt: skip
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


def readable(text: str) -> bool:
    """Whether sh reads it to its end without a syntax error, running nothing."""
    return not subprocess.run(["/bin/sh", "-n"], input=text.encode(), capture_output=True, check=False).returncode


NAMES = st.sampled_from([D, LINUX, "X"])
VALUES = st.sampled_from(
    ["quiet", '"quiet splash"', "'a \"b\" c'", '"a\\"b"', "a\\ b", '"$X y"', "$X", "${X:-z}", '"${X:+$X }t"', "`echo hi`",
     "$(echo a; echo b)", "$((1+2))", '""', "\"a\"'b'\"c\"", '"a\nb"', '"a\\\nb"', "~", "x:~", '"~"', "\\$X", '"\\$X"', '"\\a"',
     "a#b", 'é"à"', "$", '"$"', '"a$"', '$"x"', "$'x'", '"${X#q}"', "${X:=n}", '"`echo \\"q\\"`"', "", "a\\\nb", "\\\n"]
)  # fmt: skip
OTHERS = st.sampled_from(
    ["unset X", f"unset {D}", ": ${X:=w}", "A=b true", f"{D}=t true", f"{D}=t :", "eval X=1", "f() { X=9; }", "set -- a",
     "f() { X=8; }; f", "return", "read X </dev/null || :", "X=2;X=3", ": <<E\n$X\nE\n", "cat <<'E' >/dev/null\n\"\nE\n", "# \"\n"]
)  # fmt: skip


def statements(depth: int) -> st.SearchStrategy[str]:
    """Scripts of assignments, and of what surrounds them."""
    assign = st.builds("{}={}".format, NAMES, VALUES)
    simple = assign | assign | st.builds("export {}={}".format, NAMES, VALUES) | OTHERS
    if depth:
        inner = statements(depth - 1)
        simple |= (
            st.builds("if {}; then\n{}\nelse {}\nfi".format, st.sampled_from(["true", "false"]), inner, inner)
            | st.builds("for i in a b; do {}\ndone".format, inner)
            | st.builds("case x in a|x) {}\n;; *) :;; esac".format, inner)
            | st.builds("{{ {}\n}}".format, inner)
            | st.builds("( {}\n)".format, inner)
            | st.builds("{} {}".format, st.sampled_from(["true &&", "false ||", "!", "true |"]), assign)
        )
    return st.lists(simple, min_size=1, max_size=4).map("\n".join)


@settings(max_examples=150, deadline=None)
@given(statements(2))
def test_whatever_is_told_is_what_sh_has(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        write(root, text)
        judged = judge(root)
    if judged is None:
        return  # sh stopped: no grub.cfg would come of it, whatever was told
    try:
        found = told(text)
    except Refused:
        assert not readable(text)  # sh had left the file before the mistake
        return
    assert found.get(D).text in (None, judged.default)
    assert found.get(LINUX).text in (None, judged.linux)


TOKENS = [f"{D}=", "X=1", "'a b'", '"c"', "\\", "\n", "\n", " ", ";", "&&", "||", "|", "&", "(", ")", "{", "}", "if", "then",
          "fi", "else", "while", "do", "done", "for", "in", "case", "esac", ";;", "$", "$(", "${X}", "${X:-", "}", "#", "foo",
          "x", "=", ">", "/dev/null", "!", '"', "'", "\t", "true", "f()", " ", "\n"]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=9).map("".join))
def test_what_sh_does_not_read_is_refused(text: str) -> None:
    try:
        told(text)
    except Refused:
        return  # stricter than sh is safe: the command refuses and changes nothing
    assert readable(text)
