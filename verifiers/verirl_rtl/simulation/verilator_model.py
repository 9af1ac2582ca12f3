"""A Verilog module as a Python object, simulated by Verilator, in the shape of `pyverilator`.

    with Module.from_source(Path("counter.v"), top="counter") as counter:
        counter.io.enable = 1
        counter.clock.tick(10)
        print(counter.io.count)

The design is read, built and run in a sandbox of its own; nothing of it is loaded into the calling process.
Builds are cached by content under `${XDG_CACHE_HOME:-~/.cache}/verirl/models`.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, Literal, Self

import verirl
import verirl_rtl
from verirl import sandbox
from verirl.errors import InputError, VerirlError
from verirl_rtl.language.inspection import Inspection, Port, inspect_answer
from verirl_rtl.simulation import pyverilator_backend, verilator_build
from verirl_rtl.tools import ToolLimits, run, version

BUILD_TIMEOUT_S = 60.0
EVAL_TIMEOUT_S = 10.0

Backend = Literal["verilator", "pyverilator"]
_PACKAGES = tuple(Path(one).parent for one in (verirl.__file__, verirl_rtl.__file__))


class SimulationError(VerirlError, RuntimeError):
    """The simulation gives no answer: it crashed, does not settle, or takes too long."""


class Module:
    """A running simulation of a design. Use it as a context manager, or call `close`.

    Values are integers of the port's width; a signed output reads as a signed number. Inputs start at 0.

    Attributes:
        inputs: The input ports in order.
        outputs: The output ports in order.
        io: The values of the ports, by name.
    """

    def __init__(
        self,
        folder: Path,
        ports: Sequence[Port],
        clock: str | None = None,
        trace: Path | None = None,
        backend: Backend = "verilator",
    ) -> None:
        self.inputs = tuple(port for port in ports if port.direction == "input")
        self.outputs = tuple(port for port in ports if port.direction == "output")
        self.io = Values(self)
        self._clock = clock
        self._given = {port.name: 0 for port in self.inputs}
        self._read: dict[str, int] = {}
        self._fresh = False
        self._trace = trace
        self._stack = ExitStack()
        place = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="verirl-model-")))
        shutil.copy2(folder / "model", place / "model")
        place.chmod(0o777)
        self._place = place
        limits = sandbox.Limits(cpu_s=None, wall_s=float("inf"), memory_mb=1024, file_mb=1024)
        if backend == "verilator":
            argv, policy = ["./model", "1"], sandbox.SandboxProfile(limits, folder=place)
        else:
            argv = [sys.executable, "-P", "-m", "verirl_rtl.simulation.pyverilator_backend"]
            policy = sandbox.SandboxProfile(limits, _readable(), folder=place, environment=_environment())
        with sandbox.wrap(argv, policy) as command:
            self._process = subprocess.Popen(
                command.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=command.fds
            )

    @classmethod
    def from_source(
        cls,
        source: str | Path,
        top: str,
        *,
        clock: str | None = None,
        parameters: Mapping[str, int] | None = None,
        trace: Path | None = None,
        backend: Backend = "verilator",
    ) -> Self:
        """Build a module and start its simulation.

        Args:
            source: A Verilog text, or the path of a file.
            top: The module to simulate.
            clock: The input that `clock.tick()` drives; by default the one input that is named like a clock.
            parameters: Values for the parameters of `top`.
            trace: A VCD file to write when the simulation is closed.
            backend: `pyverilator` is the fork `pyverilator-mm`, which builds more slowly and has no traces.

        Returns:
            The running simulation.

        Raises:
            InputError: If the design is refused, does not elaborate or cannot be built.
            ToolMissingError: If Verilator, a compiler or bubblewrap is not installed.

        Example:
            `with Module.from_source(Path("counter.v"), top="counter") as counter: counter.clock.tick(10)`
        """
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
        given = {name: str(value) for name, value in (parameters or {}).items()}
        if backend == "pyverilator":
            pyverilator_backend.require_pyverilator()
            if trace is not None:
                raise InputError("trace: the backend 'pyverilator' writes none; use 'verilator'")
        folder = _built(text, top, given, backend, traced=trace is not None)
        ports = [Port(**port) for port in json.loads((folder / "ports.json").read_text(encoding="utf-8"))]
        return cls(folder, ports, _clock_of(ports, clock), trace, backend)

    @property
    def clock(self) -> Clock:
        """The clock of the module.

        Raises:
            InputError: If no input is known to be the clock.
        """
        if self._clock is None:
            raise InputError("no input is a clock by its name; say which with clock=")
        return Clock(self, self._clock)

    def eval(self) -> None:
        """Let the design settle with the current inputs."""
        bits = "".join(format(self._given[port.name], f"0{port.width}b") for port in self.inputs)
        answer = self._asked(f"1{bits}\n".encode())
        start = 0
        for port in self.outputs:
            value = int(answer[start : start + port.width], 2)
            start += port.width
            if port.signed and value >> (port.width - 1):
                value -= 1 << port.width
            self._read[port.name] = value
        self._fresh = True

    def close(self) -> None:
        """End the simulation, and write the trace if there is one."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
            try:
                self._process.wait(EVAL_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._trace is not None and self._trace != self._place / "trace.vcd":
                with suppress(FileNotFoundError):
                    shutil.copyfile(self._place / "trace.vcd", self._trace)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _asked(self, line: bytes) -> bytes:
        """Send one line to the model and return its answer."""
        if self._process.stdin is None or self._process.stdout is None:
            raise SimulationError("the simulation has no pipes")
        wanted = sum(port.width for port in self.outputs) + 1
        answer = b""
        until = time.monotonic() + EVAL_TIMEOUT_S
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
            while len(answer) < wanted:
                left = until - time.monotonic()
                if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                    self._process.kill()
                    raise SimulationError(f"the design does not settle within {EVAL_TIMEOUT_S:.0f} s")
                part = os.read(self._process.stdout.fileno(), wanted - len(answer))
                if not part:
                    raise SimulationError("the simulation ended: the design does not settle, or it crashed")
                answer += part
        except BrokenPipeError:
            raise SimulationError("the simulation has ended") from None
        if answer.strip(b"01\n"):
            raise SimulationError("the simulation ended: the design does not settle")
        return answer[:-1]


class Values(MutableMapping[str, int]):
    """The values of the ports, by attribute or by key; inputs take effect at the next `eval` or read."""

    __slots__ = ("_module",)
    _module: Module

    def __init__(self, module: Module) -> None:
        object.__setattr__(self, "_module", module)

    def __getitem__(self, name: str) -> int:
        module = self._module
        if name in module._given:
            return module._given[name]
        if all(port.name != name for port in module.outputs):
            raise KeyError(name)
        if not module._fresh:
            module.eval()
        return module._read[name]

    def __setitem__(self, name: str, value: int) -> None:
        module = self._module
        port = next((port for port in module.inputs if port.name == name), None)
        if port is None:
            raise KeyError(f"'{name}' is no input")
        module._given[name] = value & ((1 << port.width) - 1)
        module._fresh = False

    def __delitem__(self, name: str) -> None:
        raise TypeError("a port cannot be taken away")

    def __iter__(self) -> Iterator[str]:
        module = self._module
        return iter([port.name for port in (*module.inputs, *module.outputs)])

    def __len__(self) -> int:
        return len(self._module.inputs) + len(self._module.outputs)

    def __getattr__(self, name: str) -> int:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no port is called '{name}'") from None

    def __setattr__(self, name: str, value: int) -> None:
        try:
            self[name] = value
        except KeyError as error:
            raise AttributeError(str(error)) from None


class Clock:
    """One clock input."""

    def __init__(self, module: Module, name: str) -> None:
        self.module, self.name = module, name

    def tick(self, cycles: int = 1) -> None:
        """Settle, raise the clock, settle, lower it, settle: `cycles` times."""
        for _ in range(cycles):
            self.module.eval()
            for level in (1, 0):
                self.module.io[self.name] = level
                self.module.eval()


def _clock_of(ports: Sequence[Port], named: str | None) -> str | None:
    inputs = [port.name for port in ports if port.direction == "input" and port.width == 1]
    if named is not None:
        if named not in inputs:
            raise InputError(f"clock: '{named}' is no one-bit input; there are {', '.join(inputs) or 'none'}")
        return named
    alike = [name for name in inputs if name.lower() in ("clk", "clock", "clk_i", "i_clk", "ck")]
    return alike[0] if len(alike) == 1 else None


def _readable() -> tuple[Path, ...]:
    return (*sandbox.interpreter(), *_PACKAGES, verilator_build.runtime_folder())


def _environment() -> dict[str, str]:
    return {
        "PYTHONPATH": os.pathsep.join(str(path.parent) for path in _PACKAGES),
        "PYTHONDONTWRITEBYTECODE": "1",
        verilator_build.RUNTIME_VARIABLE: str(verilator_build.runtime_folder()),
    }


def _built(text: str, top: str, parameters: Mapping[str, str], backend: Backend, *, traced: bool) -> Path:
    """Return the folder with `model` and `ports.json`, from the cache or built in a sandbox."""
    parts = (
        text,
        top,
        sorted(parameters.items()),
        traced,
        backend,
        version("verilator"),
        str(verilator_build.runtime_folder()),
    )
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "verirl" / "models"
    kept = base / hashlib.sha256(repr(parts).encode()).hexdigest()[:32]
    if (kept / "model").is_file():
        return kept
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base) as name:
        folder = Path(name)
        order = {"top": top, "parameters": dict(parameters), "traced": traced, "text": text}
        order["backend"] = backend
        done = sandbox.run(
            [sys.executable, "-P", "-m", "verirl_rtl.simulation.verilator_model"],
            stdin=json.dumps(order).encode(),
            folder=folder,
            limits=sandbox.Limits(cpu_s=BUILD_TIMEOUT_S, wall_s=BUILD_TIMEOUT_S, memory_mb=4096),
            readable=_readable(),
            environment=_environment(),
        )
        if not done.ok:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it takes too long"]
            raise InputError(f"the design cannot be built: {words[-1][:500]}")
        made = Path(tempfile.mkdtemp(dir=base))
        for item, mode in (("model", 0o755), ("ports.json", 0o644)):
            data = sandbox.read_output(folder, item) or b""
            (made / item).write_bytes(data)
            (made / item).chmod(mode)
        with suppress(OSError):
            made.rename(kept)
        shutil.rmtree(made, ignore_errors=True)
    return kept


def _build_here(order: Mapping[str, Any], folder: Path, errors: IO[str]) -> int:
    """Read the design and build it; runs inside the sandbox."""
    found: Inspection = inspect_answer(order["text"], order["top"], order["parameters"])
    if not found.ok:
        print(found.refusal or "; ".join(found.errors), file=errors)
        return 1
    if any(port.direction == "inout" for port in found.ports):
        print("a port is 'inout', which is not supported", file=errors)
        return 1
    name = "verirl_play"
    given = {key: value for key, value in order["parameters"].items() if key in found.parameters}
    parts = verilator_build.model_files(name, order["top"], found.ports, given, trace=order["traced"])
    for file, text in {**parts, "design.sv": found.text}.items():
        (folder / file).write_text(text, encoding="utf-8")
    (folder / "ports.json").write_text(
        json.dumps(
            [
                {"name": p.name, "direction": p.direction, "width": p.width, "signed": p.signed}
                for p in found.ports
            ]
        )
    )
    if order["backend"] == "pyverilator":
        pyverilator_backend.build(folder, name)
        return 0
    script = verilator_build.model_script(name, trace=order["traced"])
    done = run(
        ["sh", "-c", script],
        folder,
        ToolLimits(wall_s=BUILD_TIMEOUT_S, cpu_s=int(BUILD_TIMEOUT_S), memory_mb=4096),
    )
    if not done.ok:
        print(" ".join((done.stderr or done.stdout).split())[-400:], file=errors)
    return 0 if done.ok else 1


if __name__ == "__main__":
    sys.exit(_build_here(json.load(sys.stdin), Path.cwd(), sys.stderr))
