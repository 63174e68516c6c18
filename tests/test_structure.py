"""The size and the shape of the code: what design.md sections 3, 4 and 9 promise, read from the syntax trees."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
PACKAGE = TOP / "vdesk"

MODULE_LINES = 300
FUNCTION_LINES = 60
FUNCTION_MEDIAN = 10

# Modules that reach the machine's files or programs. Text functions of os and os.path are everybody's.
MACHINE_MODULES = {"subprocess", "shutil", "tempfile", "glob", "fcntl", "mmap", "socket", "ctypes", "pty"}
PURE_OS = {
    "environ", "getenv", "fspath", "fsencode", "fsdecode", "strerror", "sep", "linesep", "devnull", "path", "PathLike",
    "geteuid", "getuid", "getpid",
}  # fmt: skip
PURE_OS_PATH = {
    "join", "basename", "dirname", "normpath", "isabs", "split", "splitext", "commonpath", "commonprefix", "sep",
}  # fmt: skip
PURE_PATHLIB = {"PurePath", "PurePosixPath"}

# Where a module belongs to the machine although it is not in host/, with the reason.
FILE_DOORS = {
    "vdesk/libvirt_hook": "installed as one file on the host, may import nothing of vdesk",
    "vdesk/at_boot": "installed as one file on the host, with what the hook knows of a machine",
}


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def modules(*folders: Path) -> list[Path]:
    """Return the Python files below the folders, sorted."""
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def name_of(path: Path) -> str:
    """Return a path from the top of the checkout, for messages."""
    return path.relative_to(TOP).as_posix()


def room(path: Path) -> str:
    """Return the package below vdesk that a module lies in, `` for those at the top."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (place, lines) of every function of a module, decorators not counted."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno
            yield f"{name_of(path)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def imports(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield (line, module, name) of every import; name is `` for a plain `import module`."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.lineno, node.module or "", alias.name) for alias in node.names)


ALL = modules(PACKAGE)
HOUSE = [*ALL, *modules(TOP / "tests", TOP / "packaging")]


@pytest.mark.parametrize("path", HOUSE, ids=name_of)
def test_module_size(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MODULE_LINES, f"{lines} lines: split it by what it is about"


@pytest.mark.parametrize("path", HOUSE, ids=name_of)
def test_function_size(path: Path) -> None:
    long = [f"{place}: {lines} lines" for place, lines in functions(path) if lines > FUNCTION_LINES]
    assert not long


def test_function_median() -> None:
    lengths = [lines for path in ALL for _, lines in functions(path)]
    assert lengths and statistics.median(lengths) <= FUNCTION_MEDIAN


# --- documentation ----------------------------------------------------------------------------------------------------

Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public_names(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Documented]]:
    """Yield the public functions and classes, and their public methods; overloads and overrides are told elsewhere."""
    for node in body:
        if not isinstance(node, Documented) or node.name.startswith("_"):
            continue
        if any(isinstance(mark, ast.Name) and mark.id in ("overload", "override") for mark in node.decorator_list):
            continue
        yield prefix + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from public_names(node.body, f"{prefix}{node.name}.")


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_docstrings(path: Path) -> None:
    bare = [f"{node.lineno}: {name}" for name, node in public_names(tree(path).body) if not ast.get_docstring(node)]
    if path.name != "__init__.py" or tree(path).body:
        bare += [] if ast.get_docstring(tree(path)) else ["the module itself"]
    assert not bare


# --- one door to the machine ------------------------------------------------------------------------------------------


def is_door(path: Path) -> bool:
    """Tell whether a module may touch files and programs by itself."""
    return room(path) == "host" or any(name_of(path).startswith(door) for door in FILE_DOORS)


def machine_imports(path: Path) -> Iterator[str]:
    """Yield the imports that reach around Host."""
    for line, module, name in imports(path):
        if module.split(".")[0] in MACHINE_MODULES:
            yield f"line {line}: imports {module}"
        if (module == "os" and name and name not in PURE_OS) or (module == "os.path" and name not in PURE_OS_PATH):
            yield f"line {line}: from {module} import {name}"
        if module == "pathlib" and name not in PURE_PATHLIB:
            yield f"line {line}: pathlib.{name or '*'}: paths of the machine are relative text for Host"


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` of an attribute chain on a name, `` for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def machine_calls(path: Path) -> Iterator[str]:
    """Yield the uses of open() and of functions of os and os.path that reach the machine's files."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and dotted(node.func) in ("open", "io.open", "builtins.open"):
            yield f"line {node.lineno}: {dotted(node.func)}()"
        if not isinstance(node, ast.Attribute):
            continue
        base = dotted(node.value)
        if (base == "os" and node.attr not in PURE_OS) or (base == "os.path" and node.attr not in PURE_OS_PATH):
            yield f"line {node.lineno}: {base}.{node.attr}"


@pytest.mark.parametrize("path", [path for path in ALL if not is_door(path)], ids=name_of)
def test_files_and_programs_only_through_host(path: Path) -> None:
    assert not [*machine_imports(path), *machine_calls(path)]


def module_is(*names: str) -> Callable[[str], bool]:
    """Return a test for these modules and what is in them."""
    return lambda module: module.split(".")[0] in names


@pytest.mark.parametrize(
    ("library", "home"), [("click", "cli"), ("rich", "render"), ("libvirt", "host"), ("pyudev", "host")]
)
def test_library_has_one_room(library: str, home: str) -> None:
    """Import-linter says it of the modules it sees; this also sees `from click.shell_completion import`."""
    users = [path for path in ALL if any(module_is(library)(module) for _, module, _ in imports(path))]
    assert not [name_of(path) for path in users if room(path) != home]
    if home == "host":
        assert len(users) <= 1, users


def test_hook_stands_alone() -> None:
    own = [path for path in ALL if room(path) == "libvirt_hook"]
    taken = module_is("vdesk", "click", "rich", "libvirt", "pyudev")
    assert not [f"{name_of(path)}:{line}" for path in own for line, module, _ in imports(path) if taken(module)]


# --- never ------------------------------------------------------------------------------------------------------------


RUNS_TEXT = {"os.system", "os.popen", "eval", "exec", "tempfile.mktemp", "pickle.load", "pickle.loads"}
EXITS = {"sys.exit", "exit", "quit"}

# Where text is run, with the reason: `exec` of a constant of the file itself.
CARRIES_TEXT = {
    "vdesk/libvirt_hook/hook.py": "starts of machines that are not vdesk's do not pay for compiling the hook's work",
}


def forbidden(path: Path) -> Iterator[str]:
    """Yield what no module of vdesk does: shells, bare excepts, code made from text, exits from deep inside."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"line {node.lineno}: bare except"
        if not isinstance(node, ast.Call):
            continue
        if any(word.arg == "shell" for word in node.keywords):
            yield f"line {node.lineno}: shell="
        carried = dotted(node.func) == "exec" and name_of(path) in CARRIES_TEXT
        if dotted(node.func) in RUNS_TEXT and not carried:
            yield f"line {node.lineno}: {dotted(node.func)}"
        if dotted(node.func) in EXITS and room(path) not in ("", "cli", "libvirt_hook", "at_boot"):
            yield f"line {node.lineno}: exits from below cli, nothing can be put back after that"


@cache
def documentation(path: Path) -> set[int]:
    """Return the ids of the constants that are docstrings."""
    bodies = (node.body for node in ast.walk(tree(path)) if isinstance(node, Documented | ast.Module) and node.body)
    return {id(body[0].value) for body in bodies if isinstance(body[0], ast.Expr)}


def new_id_words(path: Path) -> Iterator[str]:
    """Yield the texts that end in new_id: a driver's new_id takes every card of the same id (design.md 6)."""
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in documentation(path):
            continue
        if node.value.rstrip().split("/")[-1] in ("new_id", "remove_id"):
            yield f"line {node.lineno}: {node.value}"


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_forbidden(path: Path) -> None:
    assert not [*forbidden(path), *new_id_words(path)]


SPEAKS = "vdesk/cli/spoken.py"
ASKS = {"click.prompt", "click.confirm", "click.secho"}


def untamed(path: Path) -> Iterator[str]:
    """Yield what goes to a person by click itself, with the escapes of a terminal that names may have in them."""
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call) or name_of(path) == SPEAKS:
            continue
        told = dotted(node.func) == "click.echo" and any(word.arg == "err" for word in node.keywords)
        if told or dotted(node.func) in ASKS:
            yield f"line {node.lineno}: {dotted(node.func)}; take {SPEAKS}"


@pytest.mark.parametrize("path", modules(PACKAGE / "cli"), ids=name_of)
def test_one_way_to_speak(path: Path) -> None:
    assert not [*untamed(path)]


def test_no_utils() -> None:
    assert not [name_of(path) for path in HOUSE if path.stem in ("utils", "util", "helpers", "misc", "common")]


SKIPS = {f"pytest.{name}" for name in ("skip", "xfail", "importorskip", "mark.skip", "mark.skipif", "mark.xfail")}
PATCHES = {"monkeypatch.setattr", "mocker.patch", "mock.patch"}


@pytest.mark.parametrize("path", HOUSE, ids=name_of)
def test_tests_hide_nothing(path: Path) -> None:
    """No skip, no xfail, no patched functions: a test that does not run, or runs something else, shows nothing."""
    names = ((node.lineno, dotted(node)) for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute))
    found = [f"line {line}: {name}" for line, name in names if name in SKIPS | PATCHES]
    found += [f"line {line}: {module} {name}" for line, module, name in imports(path) if "mock" in (module, name)]
    found += [f"line {line}: {module}" for line, module, _ in imports(path) if module == "unittest.mock"]
    assert not found


@pytest.mark.parametrize("path", HOUSE, ids=name_of)
def test_postponed_annotations(path: Path) -> None:
    annotated = any(isinstance(node, Documented | ast.AnnAssign) for node in ast.walk(tree(path)))
    assert not annotated or any(module == "__future__" for _, module, _ in imports(path))
