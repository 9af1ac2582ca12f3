"""What the system-call filters say, by running them as the kernel would (linux/filter.h)."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verirl.sandbox import seccomp
from verirl_code.execution import child_seccomp

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CLONE = {"x86_64": 56, "aarch64": 220}
SOCKET = {"x86_64": 41, "aarch64": 198}
PRLIMIT = {"x86_64": 302, "aarch64": 261}
THREAD = 0x3D0F00
"""What pthread_create asks clone for."""

PROCESS = 17
NEW_USER = 0x10000000
calls = st.integers(0, 500) | st.integers(0, 0xFFFFFFFF)
machines = st.sampled_from(list(MACHINES))


def said(program: bytes | None, number: int, first: int = 0, *, third: int = 0, audit: int) -> int:
    """What a filter answers to one system call; each jump goes forward and stays inside."""
    assert program is not None
    steps = list(struct.iter_unpack("=HBBI", program))
    data = struct.pack("=IIQQQQ", number, audit, 0, first, 0, third)
    at = value = 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        if code == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif code == 0x06:
            return operand
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += if_true if holds else if_false


def denied(table: str, machine: str) -> set[int]:
    column = 1 if machine == "x86_64" else 2
    entries = [entry.split() for line in table.strip().splitlines() for entry in line.split(",")]
    return {int(entry[column]) for entry in entries if entry[column] != "-"}


@given(machines, calls, st.sampled_from([0, 1, 2, PROCESS, THREAD, THREAD | NEW_USER]))
def test_a_filter_denies_what_its_table_says_and_nothing_else(machine: str, number: int, first: int) -> None:
    audit = MACHINES[machine]
    ours = denied(seccomp._DENIED, machine)
    children = ours | denied(child_seccomp._DENIED, machine)
    for program, table in ((seccomp.program(machine), ours), (child_seccomp.program(machine), children)):
        answer = said(program, number, first, audit=audit)
        if number >= 1 << 30 or number == 435:
            assert answer == ERRNO | errno.ENOSYS
        elif number in table:
            assert answer == ERRNO | errno.EPERM
        elif number not in (CLONE[machine], SOCKET[machine]):
            assert answer == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
def test_each_number_of_the_tables_is_denied(machine: str) -> None:
    audit = MACHINES[machine]
    ours = denied(seccomp._DENIED, machine)
    assert all(said(seccomp.program(machine), n, audit=audit) == ERRNO | errno.EPERM for n in ours)
    children = ours | denied(child_seccomp._DENIED, machine)
    assert all(said(child_seccomp.program(machine), n, audit=audit) == ERRNO | errno.EPERM for n in children)


@pytest.mark.parametrize("machine", MACHINES)
def test_threads_are_made_and_processes_only_where_they_may(machine: str) -> None:
    audit, clone = MACHINES[machine], CLONE[machine]
    for program, processes in ((seccomp.program(machine), True), (child_seccomp.program(machine), False)):
        assert said(program, clone, THREAD, audit=audit) == ALLOW
        assert (said(program, clone, PROCESS, audit=audit) == ALLOW) is processes
        assert said(program, clone, THREAD | NEW_USER, audit=audit) == ERRNO | errno.EPERM
        assert said(program, clone, PROCESS | NEW_USER, audit=audit) == ERRNO | errno.EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_only_families_that_a_namespace_confines(machine: str) -> None:
    audit, call = MACHINES[machine], SOCKET[machine]
    for family in range(50):
        answer = said(seccomp.program(machine), call, family, audit=audit)
        assert (answer == ALLOW) is (family in (1, 2, 10, 16))
        assert said(child_seccomp.program(machine), call, family, audit=audit) == ERRNO | errno.EPERM


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("place", [1, 1 << 31, 1 << 32, (1 << 63) + 5])
def test_a_child_reads_its_limits_and_sets_none(machine: str, place: int) -> None:
    audit, call = MACHINES[machine], PRLIMIT[machine]
    for program, sets in ((seccomp.program(machine), True), (child_seccomp.program(machine), False)):
        assert said(program, call, audit=audit) == ALLOW
        assert (said(program, call, third=place, audit=audit) == ALLOW) is sets


@given(machines, calls)
def test_another_architectures_calls_end_the_process(machine: str, number: int) -> None:
    for program in (seccomp.program(machine), child_seccomp.program(machine)):
        assert said(program, number, audit=0x40000003) == KILL


def test_an_architecture_without_a_table_has_none() -> None:
    assert seccomp.program("riscv64") is None
    assert child_seccomp.program("riscv64") is None
