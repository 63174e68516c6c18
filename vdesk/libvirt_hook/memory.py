"""Huge pages for a domain that asks for them: made at its start, gone at its end. Set for good, they would take the
memory from the desktop all day (Documentation/admin-guide/mm/hugetlbpage.rst)."""

from __future__ import annotations

from .domain import Domain
from .machine import Machine, Stuck, Trouble, in_child
from .state import State

PAGES = "sys/kernel/mm/hugepages"
MEMINFO = "proc/meminfo"
TRIES = 3
MAKE_SECONDS, FREE_SECONDS = 45.0, 15.0
"""Beside the time of the other changes: drawing together gigabytes takes the kernel seconds, more on a busy machine."""
IN_PIECES = "the memory is in too many pieces for huge pages"
"""vdesk start knows it by these words, and starts the machine without."""


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
    spare = _number(machine, f"{folder}/free_hugepages") - _number(machine, f"{folder}/resv_hugepages")
    state.new_pages = max(0, -(-domain.memory // (size << 10)) - max(0, spare))
    state.pages += state.new_pages


def make_pages(machine: Machine, state: State) -> None:
    """Make them, from memory that is drawn together first; Trouble when the kernel cannot."""
    if not state.new_pages:
        return
    folder, size = _page(machine)
    before = _number(machine, f"{folder}/nr_hugepages")

    def work() -> str:
        for path, text in (("proc/sys/vm/drop_caches", "1"), ("proc/sys/vm/compact_memory", "1")):
            machine.write(path, text)
        for _ in range(TRIES):
            machine.write(f"{folder}/nr_hugepages", str(before + state.new_pages))
            if _number(machine, f"{folder}/nr_hugepages") >= before + state.new_pages:
                break
        return ""

    with machine.more_time():
        in_child(work, MAKE_SECONDS, "making huge pages")
    wanted, made = state.new_pages, max(0, _number(machine, f"{folder}/nr_hugepages") - before)
    if made < wanted:
        state.pages -= wanted - made
        raise Trouble(
            f"{IN_PIECES}: {made} of {wanted} pages of {size >> 10} MiB "
            "could be made. Close programs, or restart this machine; vdesk start runs the machine without them"
        )
    machine.say(f"made {made} huge pages of {size >> 10} MiB")


def free_pages(machine: Machine, state: State) -> list[str]:
    """Let the pages go that were made; what could not be done, in sentences."""
    if not state.pages:
        return []
    folder, _ = _page(machine)

    def work() -> str:
        left = max(0, _number(machine, f"{folder}/nr_hugepages") - state.pages)
        machine.write(f"{folder}/nr_hugepages", str(left))
        return ""

    try:
        with machine.more_time():
            in_child(work, FREE_SECONDS, "letting huge pages go")
    except Stuck as stuck:
        return [str(stuck)]
    except Trouble as error:
        return [f"the huge pages are still there: {error}"]
    machine.say(f"let {state.pages} huge pages go")
    state.pages = 0
    return []
