"""The hook and the program for the boot are run by /usr/bin/python3, on some systems an older one than vdesk's."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.running import on
from tests.machines.builder import build
from tests.trees import difference, snapshot
from vdesk.host import captured
from vdesk.host.system_python import ASK, OLDEST, version
from vdesk.initramfs.program import program
from vdesk.plans.hook_file import hook_bytes

CARD = "0000:01:00.0"
CHECK = ["/etc/libvirt/hooks/qemu.d/50-vdesk", "--check"]
# What came to the standard library, and to calls, after OLDEST (docs.python.org/3/whatsnew).
NEWER = {
    "aiter", "anext", "pairwise", "batched", "bit_count", "orig_argv", "stdlib_module_names", "EncodingWarning",
    "ExceptionGroup", "BaseExceptionGroup", "add_note", "tomllib", "StrEnum", "file_digest", "UTC",
    "eventfd", "splice", "login_tty", "unshare", "setns", "PIDFD_NONBLOCK", "TypeAlias", "ParamSpec", "Concatenate",
    "TypeGuard", "Self", "Never", "NotRequired", "Required", "LiteralString", "Unpack", "assert_never", "assert_type",
    "reveal_type", "dataclass_transform", "hardlink_to", "F_GETPIPE_SZ", "getLevelNamesMapping", "cbrt",
    "exp2", "sumprod", "set_int_max_str_digits",
}  # fmt: skip
KEYWORDS = {("zip", "strict"), ("dataclass", "slots"), ("dataclass", "kw_only"), ("glob", "root_dir")}
INSTALLED = {"hook": lambda: hook_bytes().decode(), "boot": program}


def told(root: Path, argv: list[str], text: str) -> None:
    place = root / "run/vdesk/commands.json"
    known = [each for each in json.loads(place.read_text()) if each["argv"] != argv]
    place.write_text(json.dumps([*known, {"argv": argv, "exit_code": 0, "stdout": text, "stderr": ""}]))


def sources(name: str) -> Iterator[ast.Module]:
    """What is compiled: the file, and the text in it that is compiled when there is work."""
    outer = ast.parse(INSTALLED[name](), feature_version=OLDEST)
    yield outer
    for node in outer.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "WORK":
            yield ast.parse(ast.literal_eval(node.value), feature_version=OLDEST)


@pytest.mark.parametrize("name", INSTALLED)
def test_nothing_newer_is_in_what_is_installed(name: str) -> None:
    found = [mistake for source in sources(name) for node in ast.walk(source) for mistake in newer(node)]
    assert found == []
    assert sum(len(source.body) for source in sources(name)) > 100, "the work was looked at too"


def newer(node: ast.AST) -> Iterator[str]:
    """What an older Python does not have, by name; unions of types at run time, which annotations are not."""
    if isinstance(node, ast.Name | ast.Attribute | ast.alias):
        names = {ast.unparse(node).rpartition(".")[2]}
        yield from names & NEWER
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func).rpartition(".")[2]
        yield from (f"{called}({each.arg}=)" for each in node.keywords if (called, each.arg) in KEYWORDS)
        yield from (f"{called} with a union" for each in node.args if called in ("isinstance", "issubclass", "cast")
                    and any(isinstance(part, ast.BinOp) for part in ast.walk(each)))  # fmt: skip
        if called in ("to_bytes", "from_bytes") and len(node.args) + len(node.keywords) < 2:
            yield f"{called} without its order"
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp) and isinstance(node.value.op, ast.BitOr):
        types = {"None", "int", "str", "bytes", "float", "bool"}
        yield from {ast.unparse(each) for each in ast.walk(node.value) if isinstance(each, ast.expr)} & types


@pytest.mark.parametrize(
    "text",
    ["zip(a, b, strict=True)", "itertools.pairwise(a)", "isinstance(a, int | str)", "T = str | None", "a.to_bytes()"],
)
def test_it_would_be_seen(text: str) -> None:
    assert any(mistake for node in ast.walk(ast.parse(text)) for mistake in newer(node))


@pytest.mark.parametrize(
    "text", ["match a:\n case 1: pass", "try: pass\nexcept* OSError: pass"], ids=["match", "groups"]
)
def test_so_would_newer_words(text: str) -> None:
    with pytest.raises(SyntaxError):
        ast.parse(text, feature_version=OLDEST)


@pytest.mark.parametrize(("text", "code"), [("3.8\n", 3), ("3.9\n", 0), ("none", 0)])
@pytest.mark.parametrize("words", [("hook", "install"), ("hook", "check"), ("bind", CARD, "--boot")])
def test_the_version(tmp_path: Path, words: tuple[str, ...], text: str, code: int) -> None:
    root = build("debian", tmp_path / "debian")
    told(root, CHECK, "ok    log\n")
    if words[-1] == "check":
        assert on(root, "hook", "install", "--yes").code == 0
    told(root, list(ASK), text)
    before = snapshot(root)
    ran = on(root, *words, *(["--yes"] if words[-1] != "check" else []), "--json")
    assert ran.code == code and ran.errors == (["python.too-old"] if code else [])
    if code:
        assert text.strip() in ran.envelope["errors"][0]["what"]
        assert not difference(before, snapshot(root), ())


def test_not_told(tmp_path: Path) -> None:
    assert version(captured(str(tmp_path))) is None
