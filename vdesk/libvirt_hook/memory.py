"""Huge pages for a domain that asks for them: made at its start, gone at its end. Set for good, they would take the
memory from the desktop all day (Documentation/admin-guide/mm/hugetlbpage.rst)."""

from __future__ import annotations

import time

from .domain import Domain
from .machine import Machine, Stuck, Trouble, in_child, named_process, still_there
from .state import State

PAGES = "sys/kernel/mm/hugepages"
MEMINFO = "proc/meminfo"
TRIES = 3
FREE_SECONDS = 15.0
GONE_SECONDS = 5.0
"""For a child to be gone that was killed: making pages stops at a signal (mm/hugetlb.c), drawing memory together may
end first."""
IN_PIECES = "the memory is in too many pieces for huge pages"
"""vdesk start knows it by these words, and starts the machine without."""
STILL = "the huge pages of the last start are still being made or let go"


def _number(machine: Machine, path: str) -> int:
    text = machine.text(path)
    return int(text) if text.isdecimal() else 0


def _page(machine: Machine) -> tuple[str, int]:
    """The folder of the default huge page, and its size in KiB; nothing where the kernel has none."""
    for line in machine.text(MEMINFO).splitlines():
        if line.startswith("Hugepagesize:"):
            size = line.split()[1]
            folder = f"{PAGES}/hugepages-{size}kB"
            return (folder, int(size)) if size.isdecimal() and int(size) and machine.exists(folder) else ("", 0)
    return "", 0


def plan_pages(machine: Machine, state: State, domain: Domain) -> None:
    """Note how many pages have to be made beside those that are free and promised to nobody."""
    if not domain.hugepages:
        return
    folder, size = _page(machine)
    if not folder:
        raise Trouble("the machine asks for huge pages, and this kernel has none. Take --hugepages out of it")
    pid = _left_behind(machine, state, folder)
    if pid:
        raise Trouble(f"{STILL}: process {pid} waits in the kernel. Start the machine again when it is gone")
    spare = _number(machine, f"{folder}/free_hugepages") - _number(machine, f"{folder}/resv_hugepages")
    state.new_pages = max(0, -(-domain.memory // (size << 10)) - max(0, spare))
    state.pages += state.new_pages


def _left_behind(machine: Machine, state: State, folder: str) -> str:
    """The pid of a child of an earlier call that is still at the pages; what one has done that is gone is counted."""
    pid = still_there(state.pages_by)
    if state.pages_by and not pid:
        there = _number(machine, f"{folder}/nr_hugepages") - state.pages_below
        state.pages, state.pages_by = min(state.pages, max(0, there)), ""
    return pid


def make_pages(machine: Machine, state: State) -> None:
    """Make them, from memory that is drawn together first; Trouble when the kernel cannot, or not in time."""
    if not state.new_pages:
        return
    folder, size = _page(machine)
    before = _number(machine, f"{folder}/nr_hugepages")

    deadline = time.monotonic() + machine.page_patience

    def work() -> str:
        for path, text in (("proc/sys/vm/drop_caches", "1"), ("proc/sys/vm/compact_memory", "1")):
            machine.write(path, text)
        for _ in range(TRIES):
            if time.monotonic() >= deadline:
                break
            machine.write(f"{folder}/nr_hugepages", str(before + state.new_pages))
            if _number(machine, f"{folder}/nr_hugepages") >= before + state.new_pages:
                break
        return ""

    try:
        with machine.more_time():
            in_child(work, machine.page_patience, "making huge pages", GONE_SECONDS)
    except Stuck as stuck:
        if stuck.child:
            note_child(state, stuck.child, before + state.new_pages)
            raise Trouble(f"{IN_PIECES}: {stuck}") from None
    wanted, made = state.new_pages, max(0, _number(machine, f"{folder}/nr_hugepages") - before)
    if made < wanted:
        state.pages -= wanted - made
        raise Trouble(
            f"{IN_PIECES}: {made} of {wanted} pages of {size >> 10} MiB could be made in the time there is. "
            "Close programs, or restart this machine; vdesk start runs the machine without them"
        )
    machine.say(f"made {made} huge pages of {size >> 10} MiB")


def note_child(state: State, child: int, most: int) -> None:
    """Remember a child that may still change the number of pages, which is `most` with all that are the domain's."""
    state.pages_by, state.pages_below = named_process(child), max(0, most - state.pages)


def free_pages(machine: Machine, state: State) -> list[str]:
    """Let the pages go that were made; what could not be done, in sentences."""
    if not state.pages:
        return []
    folder, _ = _page(machine)
    pid = _left_behind(machine, state, folder)
    if pid:
        return [f"{STILL}: process {pid} waits in the kernel; give them back when it is gone"]
    if not state.pages:
        return []
    there = _number(machine, f"{folder}/nr_hugepages")

    def work() -> str:
        machine.write(f"{folder}/nr_hugepages", str(max(0, there - state.pages)))
        return ""

    try:
        with machine.more_time():
            in_child(work, FREE_SECONDS, "letting huge pages go", GONE_SECONDS)
    except Stuck as stuck:
        note_child(state, stuck.child, there)
        return [str(stuck)]
    except Trouble as error:
        return [f"the huge pages are still there: {error}"]
    machine.say(f"let {state.pages} huge pages go")
    state.pages = 0
    return []
