"""Random scripts: what the reader tells of them is what sh has, and what sh does not read is refused."""

from __future__ import annotations

import pathlib
import subprocess
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.grub_judge import judge, write
from tests.unit.test_grub_shell import told
from vdesk.boot.grub_defaults import DEFAULT, LINUX
from vdesk.model.errors import Refused

D = DEFAULT


def readable(text: str) -> bool:
    """Whether sh reads it to its end without a syntax error, running nothing."""
    return not subprocess.run(["/bin/sh", "-n"], input=text.encode(), capture_output=True, check=False).returncode


NAMES = st.sampled_from([D, LINUX, "X"])
VALUES = st.sampled_from(
    [
        "quiet",
        '"quiet splash"',
        "'a \"b\" c'",
        '"a\\"b"',
        "a\\ b",
        '"$X y"',
        "$X",
        "${X:-z}",
        '"${X:+$X }t"',
        "`echo hi`",
        "$(echo a; echo b)",
        "$((1+2))",
        '""',
        '"a"\'b\'"c"',
        '"a\nb"',
        '"a\\\nb"',
        "~",
        "x:~",
        '"~"',
        "\\$X",
        '"\\$X"',
        '"\\a"',
        "a#b",
        'é"à"',
        "$",
        '"$"',
        '"a$"',
        '$"x"',
        "$'x'",
        '"${X#q}"',
        "${X:=n}",
        '"`echo \\"q\\"`"',
        "",
        "a\\\nb",
        "\\\n",
    ]
)
OTHERS = st.sampled_from(
    [
        "unset X",
        f"unset {D}",
        ": ${X:=w}",
        "A=b true",
        f"{D}=t true",
        f"{D}=t :",
        "eval X=1",
        "f() { X=9; }",
        "set -- a",
        "f() { X=8; }; f",
        "return",
        "read X </dev/null || :",
        "X=2;X=3",
        ": <<E\n$X\nE\n",
        "cat <<'E' >/dev/null\n\"\nE\n",
        '# "\n',
    ]
)


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


TOKENS = [
    f"{D}=",
    "X=1",
    "'a b'",
    '"c"',
    "\\",
    "\n",
    "\n",
    " ",
    ";",
    "&&",
    "||",
    "|",
    "&",
    "(",
    ")",
    "{",
    "}",
    "if",
    "then",
    "fi",
    "else",
    "while",
    "do",
    "done",
    "for",
    "in",
    "case",
    "esac",
    ";;",
    "$",
    "$(",
    "${X}",
    "${X:-",
    "}",
    "#",
    "foo",
    "x",
    "=",
    ">",
    "/dev/null",
    "!",
    '"',
    "'",
    "\t",
    "true",
    "f()",
    " ",
    "\n",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=9).map("".join))
def test_what_sh_does_not_read_is_refused(text: str) -> None:
    try:
        told(text)
    except Refused:
        return  # stricter than sh is safe: the command refuses and changes nothing
    assert readable(text)
