"""A captured machine as one file: packed, and unpacked again from a file that nobody trusts."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from vdesk.host.runner import LocalRunner
from vdesk.host.unpack import private_folder, remove_folder
from vdesk.model.errors import WrongUsage, problem

SUFFIXES = {".tar.zst": "zst", ".tzst": "zst", ".tar.gz": "gz", ".tgz": "gz", ".tar.xz": "xz", ".tar": ""}
MOST_MEMBERS, MOST_FILE, MOST_ALL, MOST_NAME = 200_000, 64 << 20, 512 << 20, 4096
MOST_DEEP = 64  # folders; sysfs has some twenty
END, MOST_AFTER = 2 * tarfile.BLOCKSIZE, 1 << 20  # bytes of the end of an archive (pax(1)), and of what fills a record
CUT_OFF = "it is cut off: its end is missing"
SECONDS = 300.0


def kind_of(path: str) -> str | None:
    """How a file of that name is packed: `zst`, `gz`, `xz`, `` for not at all; None when it is no archive by name."""
    return next((kind for suffix, kind in SUFFIXES.items() if path.endswith(suffix)), None)


def packed(files: dict[str, bytes], links: dict[str, str], folders: set[str], kind: str) -> bytes:
    """The archive: folders, files and links, in order, with nobody's name and no date on them."""
    buffer = io.BytesIO()
    mode = "w:gz" if kind == "gz" else "w:xz" if kind == "xz" else "w"
    with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for path in sorted({*files, *links, *folders}):
            member = tarfile.TarInfo(path)
            member.mode, data = 0o644, files.get(path)
            if path in links:
                member.type, member.linkname = tarfile.SYMTYPE, links[path]
            elif data is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            member.size = len(data) if data is not None and path not in links else 0
            archive.addfile(member, io.BytesIO(data or b"") if member.size else None)
    return _zstd(["-q", "-c", "-10"], buffer.getvalue()) if kind == "zst" else buffer.getvalue()


def _program() -> str:
    found = LocalRunner().which("zstd")
    if found is None:
        raise WrongUsage(
            problem(
                "usage.zstd",
                "the program zstd is not installed",
                "a file that ends in .zst is packed and unpacked by it",
                "install it with: sudo apt install zstd; or name a file that ends in .tar.gz",
            )
        )
    return found


def _zstd(words: list[str], data: bytes) -> bytes:
    done = subprocess.run([_program(), *words], input=data, capture_output=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise _bad("the archive", f"zstd: {done.stderr.decode(errors='replace').strip()[:200]}")
    return done.stdout


def unpacked(path: str) -> str:
    """Unpack into a new private folder, whose path is returned; WrongUsage, and nothing left, for what no capture
    holds: other things than files, folders and links, names that lead out, sizes that no machine has."""
    folder = private_folder()
    try:
        with _stream(path) as stream:
            counted = _Counted(stream)
            with tarfile.open(fileobj=counted, mode="r|") as archive:  # type: ignore[call-overload]
                _fill(folder, archive)
                counted.to_the_end(archive.offset)
    except BaseException as error:
        remove_folder(folder)
        if isinstance(error, tarfile.TarError | EOFError | OSError | ValueError | zlib.error | lzma.LZMAError):
            raise _bad(path, str(error) or type(error).__name__) from error
        raise
    return folder


class _Counted:
    """A stream that knows how much was read of it: tarfile takes an archive that ends before a member for a whole."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.total = stream, 0

    def read(self, size: int) -> bytes:
        """As a file has it."""
        data = self.stream.read(size)
        self.total += len(data)
        return data

    def to_the_end(self, members: int) -> None:
        """Read the rest, so that the packing is checked to its end; ValueError where the archive has none. `members`:
        where they end."""
        while self.read(1 << 16):
            if self.total - members > MOST_AFTER:
                raise ValueError("more follows its end")
        if self.total < members + END:
            raise ValueError(CUT_OFF)


@contextmanager
def _stream(path: str) -> Iterator[IO[bytes]]:
    """The archive without its packing, never more of it in memory than is looked at."""
    kind = kind_of(path)
    if kind == "zst":
        argv = [_program(), "-dc", "-q", "--memory=512MB", "--", path]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(argv, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet) as child:
            try:
                yield child.stdout or io.BytesIO()
                if child.wait():
                    raise ValueError(CUT_OFF)
            finally:
                child.kill()
        return
    with open(path, "rb") as file:
        if not kind:
            yield file
            return
        with gzip.GzipFile(fileobj=file) if kind == "gz" else lzma.LZMAFile(file, "rb") as plain:
            yield plain  # type: ignore[misc]


def _fill(folder: str, archive: tarfile.TarFile) -> None:
    total = 0
    folders, taken = {""}, set[str]()
    for count, member in enumerate(archive):
        name = _checked(member)
        total += member.size
        if count >= MOST_MEMBERS or member.size > MOST_FILE or total > MOST_ALL:
            raise ValueError("it is larger than any captured machine")
        if not name or (member.isdir() and name in folders):
            continue
        if name in taken or name in folders:
            raise ValueError(f"{name!r} is in it twice")
        _folders(folder, name.rpartition("/")[0] if not member.isdir() else name, folders, taken)
        if member.isdir():
            continue
        taken.add(name)
        place = f"{folder}/{name}"
        if member.issym():
            os.symlink(member.linkname, place)
            continue
        source = archive.extractfile(member)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(place, flags, 0o600), "wb") as file:
            while source and (chunk := source.read(1 << 20)):
                file.write(chunk)


def _checked(member: tarfile.TarInfo) -> str:
    """The name, relative and without `.`; ValueError for what has no place in a captured machine."""
    parts = [part for part in member.name.split("/") if part not in ("", ".")]
    if member.name.startswith("/") or ".." in parts or len(member.name) > MOST_NAME or "\0" in member.name:
        raise ValueError(f"the name {member.name[:80]!r} leads out of it")
    if len(parts) > MOST_DEEP:
        raise ValueError(f"the name {member.name[:80]!r} is deeper than any captured machine")
    if not (member.isreg() or member.isdir() or member.issym()):
        raise ValueError(f"{member.name[:80]!r} is no file, folder or link")
    if member.issym() and (len(member.linkname) > MOST_NAME or "\0" in member.linkname):
        raise ValueError(f"the link {member.name[:80]!r} is no link")
    return "/".join(parts)


def _folders(folder: str, name: str, folders: set[str], taken: set[str]) -> None:
    """Make the folders above; never through a link, nor over a file, of the archive itself."""
    above = ""
    for part in name.split("/") if name else ():
        above = f"{above}/{part}" if above else part
        if above in taken:
            raise ValueError(f"{above!r} is a folder and is none")
        if above not in folders:
            os.mkdir(f"{folder}/{above}", 0o700)
            folders.add(above)


def _bad(path: str, why: str) -> WrongUsage:
    return WrongUsage(
        problem(
            "usage.archive",
            f"{path} cannot be taken for a captured machine",
            why,
            "make it again on the machine with: sudo vdesk capture FILE.tar.zst",
        )
    )
