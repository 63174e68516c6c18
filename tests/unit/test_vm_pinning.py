"""Where vCPUs sit: properties that hold for every machine, and the cases that a person would choose by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vdesk.host.cpu_topology import Core, CpuTopology, format_list, parse_list
from vdesk.vm.pinning import most, pin


def machine(caches: list[int], threads: int = 2, efficient: int = 0, nodes: bool = False) -> CpuTopology:
    """Cores in caches of the sizes given, siblings far apart as on AMD, then efficient cores of one thread."""
    count = sum(caches)
    cores: list[Core] = []
    for cache, size in enumerate(caches):
        for _ in range(size):
            first = len(cores)
            cpus = tuple(first + count * thread for thread in range(threads))
            cores.append(Core(cpus, 0, sum(caches[:cache]), cache if nodes else 0))
    start = count * threads
    cores += [Core((start + number,), 0, 0, 0, fast=False) for number in range(efficient)]
    return CpuTopology(tuple(cores), "amd", frozenset())


MACHINES = st.builds(
    machine, st.lists(st.integers(1, 8), min_size=1, max_size=4), st.integers(1, 2), st.integers(0, 8), st.booleans()
)


@given(MACHINES, st.integers(1, 64), st.integers(-1, 3))
def test_what_always_holds(topology: CpuTopology, vcpus: int, node: int) -> None:
    threads = topology.threads if vcpus % topology.threads == 0 else 1
    found = pin(topology, vcpus, threads, node)
    if found is None:
        assert vcpus > most(topology)
        return
    assert len(found.cpus) == vcpus == len(set(found.cpus))
    assert not set(found.cpus) & set(found.host)
    whole = [core for core in topology.cores if not set(core.cpus) & set(found.cpus)]
    assert len(whole) >= 2
    assert 0 in found.host or len(topology.fast) == 1
    assert set(found.host) == {cpu for core in whole for cpu in core.cpus}
    fast = {cpu for core in topology.fast for cpu in core.cpus}
    assert set(found.cpus) <= fast
    if threads == 2:
        siblings = {core.cpus for core in topology.cores}
        assert all(found.cpus[place : place + 2] in siblings for place in range(0, vcpus, 2))


def test_one_cache_when_it_fits() -> None:
    found = pin(machine([6, 6]), 12, 2)
    assert found and set(found.cpus) == {*range(6, 12), *range(18, 24)}


def test_the_smallest_cache_that_fits() -> None:
    found = pin(machine([6, 6, 3]), 4, 2)
    assert found and set(found.cpus) == {13, 14, 28, 29}


def test_the_cards_memory() -> None:
    near = pin(machine([6, 6], nodes=True), 4, 2, node=0)
    assert near and set(near.cpus) == {4, 5, 16, 17}


def test_too_many() -> None:
    assert pin(machine([4]), 6, 2) is None
    assert most(machine([4])) == 4
    assert most(machine([2])) == 0


def test_lists() -> None:
    assert parse_list("0-2,5,7-8\n") == (0, 1, 2, 5, 7, 8)
    assert parse_list("") == parse_list("x") == parse_list("1-x") == ()
    assert format_list((8, 0, 1, 2, 5, 7)) == "0-2,5,7-8"


@given(st.sets(st.integers(0, 300)))
def test_lists_there_and_back(numbers: set[int]) -> None:
    assert parse_list(format_list(tuple(numbers))) == tuple(sorted(numbers))
