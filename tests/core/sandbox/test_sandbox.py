"""The sandbox: what a program sees, what it may use, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import ROOT
from support.toy_domain import processes_with

from verirl import sandbox
from verirl.errors import SandboxError, ToolMissingError
from verirl.sandbox import Limits, SandboxProfile, probe, read_output, run, wrap
from verirl.sandbox import profile as policies

QUICK = Limits(wall_s=1.0, cpu_s=5, processes=16, memory_mb=256, file_mb=1, tmp_mb=8, output_bytes=1000)
MARK = f"9{os.getpid()}2"

both = pytest.mark.parametrize("sandboxed", [True, False], ids=["sandboxed", "bare"])


def shell(script: str, **options: object) -> sandbox.Outcome:
    return run(["sh", "-c", script], **{"limits": QUICK, **options})  # type: ignore[arg-type]


def python(code: str, **options: object) -> sandbox.Outcome:
    options = {"limits": QUICK, "readable": sandbox.interpreter(), **options}
    return run([sys.executable, "-I", "-S", "-c", code], **options)  # type: ignore[arg-type]


@both
def test_input_output_and_exit_code(sandboxed: bool) -> None:
    done = shell("cat; echo err >&2; exit 3", stdin=b"in", sandboxed=sandboxed)
    assert (done.returncode, done.signal, done.stdout, done.stderr) == (3, None, b"in", b"err\n")
    assert not done.ok
    assert not done.timed_out
    assert shell("true", sandboxed=sandboxed).ok


@both
def test_files_go_in(sandboxed: bool) -> None:
    done = shell(
        "cat a.txt sub/deep/b.txt", files={"a.txt": "ä", "sub/deep/b.txt": b"\0b"}, sandboxed=sandboxed
    )
    assert done.stdout == "ä".encode() + b"\0b"


@both
@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "", "a\0b"])
def test_file_names_stay_inside(name: str, sandboxed: bool) -> None:
    with pytest.raises(ValueError, match="file name"):
        shell("true", files={name: "x"}, sandboxed=sandboxed)


@both
def test_a_folder_is_read_and_written(tmp_path: Path, sandboxed: bool) -> None:
    tmp_path.chmod(0o700)
    for round_ in ("one", "two"):
        done = shell(
            "cat in; tr a-z A-Z < in > out; mkdir -p sub; cp in sub/copy",
            files={"in": round_},
            folder=tmp_path,
            sandboxed=sandboxed,
        )
        assert done.stdout == round_.encode(), done.stderr
        assert read_output(tmp_path, "out") == round_.upper().encode()
        assert read_output(tmp_path, "sub/copy") == round_.encode()


def test_the_working_folder_is_called_the_same_everywhere(tmp_path: Path) -> None:
    assert shell("pwd").stdout == shell("pwd", folder=tmp_path).stdout == b"/job\n"


def test_outputs_are_read_through_no_link_and_from_no_pipe(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder = tmp_path / "folder"
    folder.mkdir()
    shell(f"ln -s {secret} link; ln -s {tmp_path} up; mkfifo pipe; mkdir d; echo 12345 > f", folder=folder)
    for name in ("link", "up/secret", "pipe", "d", "absent"):
        assert read_output(folder, name) is None
    assert read_output(folder, "f", limit=3) == b"123"


def test_files_are_written_through_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = tmp_path / "folder"
    folder.mkdir()
    shell(f"ln -s {outside}/x link; ln -s {outside} sub", folder=folder)
    shell("true", files={"link": "mine"}, folder=folder)
    with pytest.raises(ValueError, match="leads out"):
        shell("true", files={"sub/x": "mine"}, folder=folder)
    assert not list(outside.iterdir())


@both
def test_output_is_bounded_and_never_blocks(sandboxed: bool) -> None:
    done = run(["cat"], stdin=b"x" * 4_000_000, limits=QUICK, sandboxed=sandboxed)
    assert (done.returncode, done.stdout, done.truncated) == (0, b"x" * 1000, True)
    both_full = shell(
        "(yes e >&2) & yes o", limits=Limits(wall_s=0.5, output_bytes=5000), sandboxed=sandboxed
    )
    assert both_full.timed_out
    assert len(both_full.stdout) == len(both_full.stderr) == 5000


@both
def test_input_that_nobody_reads(sandboxed: bool) -> None:
    assert shell("exec 0<&-; true", stdin=b"x" * 1_000_000, sandboxed=sandboxed).ok


@both
@pytest.mark.parametrize(
    "script", ["sleep 60", "while :; do :; done", "trap '' TERM INT HUP; sleep 60; sleep 60"]
)
def test_the_wall_clock_ends_it(script: str, sandboxed: bool) -> None:
    done = shell(script, sandboxed=sandboxed)
    assert done.timed_out
    assert done.signal == signal.SIGKILL


@both
def test_the_cpu_limit_ends_it(sandboxed: bool) -> None:
    done = shell("while :; do :; done", limits=Limits(cpu_s=1, wall_s=20), sandboxed=sandboxed)
    assert done.timed_out
    assert done.signal in (signal.SIGXCPU, signal.SIGKILL)
    assert 0.3 <= done.cpu_s <= 3


@both
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL, signal.SIGTERM])
def test_the_signal_that_ended_it_is_told(number: signal.Signals, sandboxed: bool) -> None:
    done = shell(f"kill -{int(number)} $$", sandboxed=sandboxed)
    assert (done.signal, done.returncode, done.timed_out) == (number, -number, False)
    assert done.stderr == b""


@both
def test_memory_of_a_process_is_limited(sandboxed: bool) -> None:
    done = python("bytearray(1 << 30)", sandboxed=sandboxed)
    assert b"MemoryError" in done.stderr


@both
def test_a_file_is_limited(sandboxed: bool) -> None:
    assert shell("head -c 900000 /dev/zero > f && wc -c < f", sandboxed=sandboxed).stdout.strip() == b"900000"
    assert not shell("head -c 2000000 /dev/zero > f", sandboxed=sandboxed).ok


@pytest.mark.parametrize("place", ["/tmp", "/job", "/dev/shm"])
def test_memory_files_are_limited_in_all(place: str) -> None:
    done = shell(
        f"for i in 1 2 3 4 5 6 7 8 9; do head -c 1000000 /dev/zero > {place}/$i; done; du -s {place}"
    )
    assert b"No space left" in done.stderr
    assert int(done.stdout.split()[0]) <= 8 * 1024


def test_a_single_process() -> None:
    assert run(["true"], limits=Limits(processes=1)).ok
    assert not shell("sleep 0 & wait $!", limits=Limits(processes=1)).ok


BOMB = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"


def test_a_fork_bomb_stays_small() -> None:
    counting = """
import os
for _ in range(100):
    try:
        if os.fork() == 0:
            __import__("time").sleep(30)
    except OSError as problem:
        break
__import__("time").sleep(0.4)
print(sum(name.isdigit() for name in os.listdir("/proc")))
"""
    done = python(counting)
    if os.geteuid() == 0 and not policies.switches_user():
        assert done.signal == signal.SIGKILL
    else:
        assert int(done.stdout) <= (QUICK.processes or 0) + 3
    bomb = python(BOMB)
    assert bomb.timed_out or bomb.signal == signal.SIGKILL


@pytest.mark.skipif(not policies.switches_user(), reason="needs a root that could mount, to take that away")
def test_the_same_holds_in_a_container_whose_root_may_not_mount() -> None:
    less = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]
    chosen = ["fork_bomb", "system_cannot_be_written", "only_what_is_needed", "denied", "nothing_outlives"]
    tests = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        __file__,
        "-k",
        " or ".join(chosen),
    ]
    done = subprocess.run([*less, *tests], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout


@both
def test_nothing_outlives_a_run(sandboxed: bool) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    # Another test's own long-lived sandbox may be a child of this process too.
    already = _sandboxes_below()
    for script in (
        f"setsid sleep {MARK} & sleep {MARK}",
        f"(setsid sleep {MARK} &) ; exit 0",
        f"sleep {MARK} & exit 1",
    ):
        done = shell(script, sandboxed=sandboxed)
        assert done.returncode in (0, 1, -9)
        if sandboxed:
            assert not processes_with(f"sleep {MARK}")
        for line in subprocess.run(
            ["pgrep", "-f", f"sleep {MARK}"], capture_output=True, check=False
        ).stdout.split():
            os.kill(int(line), signal.SIGKILL)
    for _ in range(20):
        shell("true", sandboxed=sandboxed)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert _sandboxes_below() <= already


def _sandboxes_below() -> set[str]:
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {pid for pid in children if "bwrap" in Path(f"/proc/{pid}/stat").read_text()}


def test_only_what_is_needed_is_visible() -> None:
    os.environ["SECRET_TOKEN"] = "x"
    code = """
import json, os
print(json.dumps({
    "root": sorted(os.listdir("/")), "etc": sorted(os.listdir("/etc")), "env": sorted(os.environ),
    "fds": sorted(os.listdir("/proc/self/fd")), "processes": sum(n.isdigit() for n in os.listdir("/proc")),
    "host": os.uname().nodename, "session": os.getsid(0) != 0 or os.getpid(),
}))
"""
    try:
        seen = json.loads(python(code, environment={"MINE": "1"}).stdout)
    finally:
        del os.environ["SECRET_TOKEN"]
    prefixes = {path.parts[1] for path in sandbox.interpreter()}
    system = {"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "proc", "dev", "tmp", "job"}
    assert set(seen["root"]) <= system | prefixes
    assert not {"passwd", "shadow", "hosts"} & set(seen["etc"])
    assert {"SECRET_TOKEN", "HOME", "MINE"} & set(seen["env"]) == {"HOME", "MINE"}
    assert seen["fds"] == ["0", "1", "2", "3"]
    assert seen["processes"] == 2
    assert seen["host"] == "sandbox"


def test_readable_paths_can_be_read_and_not_written(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "f").write_text("data")
    (tmp_path / "other").write_text("other")
    done = shell(
        f"cat {tmp_path}/data/f; ls {tmp_path}; echo x > {tmp_path}/data/f", readable=[tmp_path / "data"]
    )
    assert done.stdout == b"datadata\n"
    assert not done.ok
    assert (tmp_path / "data" / "f").read_text() == "data"


@pytest.mark.parametrize(
    "path", ["/x", "/usr/x", "/etc/x", "/dev/x", "/bin/x", "/proc/sys/kernel/domainname", "/proc/self/comm"]
)
def test_the_system_cannot_be_written(path: str) -> None:
    assert not shell(f"echo x > {path}").ok


DENIED = {
    "network": "import socket; socket.create_connection(('192.0.2.1', 80), 0.3)",
    "vsock": "import socket; socket.socket(40, 1)",
    "raw socket": "import socket; socket.socket(17, 3)",
    "own namespace": "import os, ctypes; os._exit(ctypes.CDLL(None).unshare(0x10000000) != 0)",
    "mount": "import os, ctypes; os._exit(ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, 0) != 0)",
    "trace": "import os, ctypes; os._exit(ctypes.CDLL(None).ptrace(0, 0, 0, 0) != 0)",
    "memory file": "import os; os.memfd_create('x')",
    "become root": "import os; os.setuid(0 if os.getuid() else 1)",
    "kernel log": "open('/dev/kmsg')",
    "disk": "open('/dev/vda')",
    "terminal": "import os; os.open('/dev/tty', os.O_RDWR)",
    "other processes": f"import os; os.kill({os.getpid()}, 0)",
}


@pytest.mark.parametrize("attempt", DENIED)
def test_what_is_denied(attempt: str) -> None:
    assert shell("true").ok
    assert python(DENIED[attempt]).returncode not in (0, 127)


def test_the_first_process_cannot_be_killed_to_escape() -> None:
    assert (
        python("import os\ntry: os.kill(1, 9)\nexcept PermissionError: pass\nprint('alive')").stdout
        == b"alive\n"
    )


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(ToolMissingError, match="no-such-program"):
        run(["no-such-program"])
    assert run(["/no/such/program"]).returncode in (126, 127)


def test_a_sandbox_that_cannot_be_made_is_our_error(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="absent"):
        run(["true"], readable=[tmp_path / "absent"])
    with pytest.raises(SandboxError, match="absent"):
        run(["true"], folder=tmp_path / "absent")


def test_without_bubblewrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("sh", "cat", "sleep", "true"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(tmp_path))
    probe._refusal.cache_clear()
    try:
        with pytest.raises(ToolMissingError, match="apt-get install bubblewrap"):
            run(["true"])
        assert run(["true"], sandboxed=False).ok
    finally:
        probe._refusal.cache_clear()


def test_a_bubblewrap_that_may_not_make_namespaces_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    probe._refusal.cache_clear()
    try:
        with pytest.raises(ToolMissingError, match="namespaces") as caught:
            run(["true"])
    finally:
        probe._refusal.cache_clear()
    assert "apt-get install bubblewrap" not in str(caught.value)


def test_an_old_bubblewrap_is_named() -> None:
    tool, _ = probe.explain("bwrap: Unknown option --disable-userns")
    assert "0.8" in tool


def test_wrap_gives_a_command_with_its_descriptors() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with wrap(["cat", "f"], SandboxProfile(files={"f": b"in"}, pid_1=True)) as command:
        done = subprocess.run(command.argv, pass_fds=command.fds, capture_output=True, check=True)
    assert done.stdout == b"in"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("machine", ["x86_64", "aarch64", "riscv64"])
def test_the_filter_is_a_sound_program(machine: str) -> None:
    from verirl.sandbox import seccomp

    program = seccomp.program(machine)
    if machine == "riscv64":
        assert program is None
        return
    assert program is not None
    assert len(program) % 8 == 0
    assert len(program) // 8 < 4096
    for at in range(0, len(program), 8):
        code, if_true, if_false = (
            int.from_bytes(program[at : at + 2], "little"),
            program[at + 2],
            program[at + 3],
        )
        if code in (0x15, 0x35, 0x45):
            assert at // 8 + 1 + max(if_true, if_false) < len(program) // 8


@given(st.binary(max_size=3000), st.binary(max_size=3000), st.integers(0, 255))
def test_any_bytes_come_through(out: bytes, err: bytes, code: int) -> None:
    files = {"o": out, "e": err}
    done = run(["sh", "-c", f"cat o; cat e >&2; exit {code}"], files=files, sandboxed=False)
    assert (done.stdout, done.stderr) == (out, err)
    assert done.returncode == (code if code <= 128 or code > 192 else 128 - code)


ORDINARY = """
import sys
sys.path[:0] = {path!r}
from verirl import sandbox
from verirl.sandbox import Limits
script = "id -u; ls /root /home; (ulimit -a) | grep -i proc"
done = sandbox.run(["sh", "-c", script], limits=Limits(processes=17))
print(done)
assert sandbox.run(["true"], limits=Limits(processes=1)).ok
assert done.stdout.split()[0] != b"0" and (b"17" in done.stdout or b"18" in done.stdout), done
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="runs as an ordinary user anyway")
def test_an_ordinary_user_gets_the_same() -> None:
    path = [str(ROOT), *(entry for entry in sys.path if "site-packages" in entry)]
    become = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    for interpreter in (sys.executable, "/usr/bin/python3"):
        able = subprocess.run(
            [*become, interpreter, "-c", f"import sys; sys.path[:0] = {path!r}; import verirl.sandbox"],
            capture_output=True,
            cwd="/",
            check=False,
        )
        if able.returncode == 0:
            break
    else:
        pytest.skip("no Python here that an ordinary user can start with these packages")
    done = subprocess.run(
        [*become, interpreter, "-c", ORDINARY.format(path=path)],
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
