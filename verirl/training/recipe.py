"""A recipe: what to train, on which tasks, through which stages; YAML, checked to the last key."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from verirl.errors import InputError
from verirl.evaluation.gates import parse as parse_gate
from verirl.models.tiny import parse_size
from verirl.presets import find as find_scheme

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]

RECIPES = Path(__file__).parent.parent / "recipes"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lora(_Part):
    """Low-rank adaptation (Hu et al. 2021): train `rank` directions of each linear layer only."""

    rank: Positive = 16
    alpha: Rate = 32.0
    dropout: Share = 0.0


class Model(_Part):
    """What is trained. `vocabulary` is for `tiny` alone: above 261 its tokenizer merges frequent pairs."""

    name: str = "tiny:s"
    vocabulary: int = Field(default=0, ge=0)
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    device: Literal["cpu", "cuda"] | None = None
    gradient_checkpointing: bool = False
    lora: Lora | None = None


class TaskSet(_Part):
    """Tasks by name: made by a domain (`domain`, `n`, …) or read from a `file`."""

    domain: str | None = None
    n: Positive | None = None
    seed: int | None = None
    split: Literal["train", "eval"] = "train"
    difficulty: tuple[Share, Share] = (0.0, 1.0)
    families: tuple[str, ...] = ()
    options: dict[str, str] = {}
    mutants: bool = True
    file: str | None = None
    limit: Positive | None = None

    @model_validator(mode="after")
    def _one_source(self) -> TaskSet:
        if (self.file is None) == (self.domain is None):
            raise ValueError("give either 'domain' (with 'n') or 'file'")
        if self.domain is not None and self.n is None:
            raise ValueError("'n' is missing: how many tasks to make")
        return self


class Optimiser(_Part):
    """AdamW's knobs. `warmup` and `schedule` follow transformers; `weight_decay` is decoupled."""

    learning_rate: Rate
    warmup: Share = 0.0
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    weight_decay: float = Field(default=0.0, ge=0)
    beta2: float = Field(default=0.999, gt=0, lt=1)
    max_grad_norm: Rate = 1.0


class Watch(_Part):
    """A small evaluation every so many steps: the held-out curve of the report."""

    tasks: str
    every: Positive
    first: Positive = 100
    max_new_tokens: Positive = 64


class Sft(_Part):
    """Supervised fine-tuning on the references of a task set."""

    tasks: str
    steps: Positive
    batch: Positive = 32
    micro_batch: Positive | None = None
    optimiser: Optimiser
    max_length: Positive = 1024
    checkpoint_every: Positive = 100
    watch: Watch | None = None


class Mix(_Part):
    """One ingredient of a mixture: a task set and its share of the prompts."""

    tasks: str
    weight: Rate = 1.0


class Length(_Part):
    """A last tier below every stage: full up to `budget` tokens, empty from `budget` + `span` tokens on."""

    budget: Positive
    span: Positive
    levels: Annotated[int, Field(ge=2)] = 17


class Grpo(_Part):
    """Group-relative policy optimisation (Shao et al. 2024) on verified rewards.

    A step updates on `prompts` × `group` completions. `updates` steps share one generation; `iterations`
    is how often each completion is used (μ). `advantages` is what a verdict becomes; `loss` and the rest
    are TRL's. `beta` is the weight of the KL term to the start. `fold` leaves rows without advantage out of
    the update and lets one row stand for equal ones, which changes its cost and not its gradient.
    """

    tasks: str | tuple[Mix, ...]
    steps: Positive
    prompts: Positive = 8
    group: Annotated[int, Field(ge=2)] = 8
    micro_batch: Positive | None = None
    updates: Positive = 1
    iterations: Positive = 1
    optimiser: Optimiser
    temperature: Rate = 1.0
    max_new_tokens: Positive = 256
    scheme: str = "lexicographic"
    advantages: Literal["grpo", "dr_grpo", "lexicographic"] = "lexicographic"
    gamma: float = Field(default=1.0, gt=0, le=1)
    length: Length | None = None
    loss: Literal["dapo", "grpo", "dr_grpo", "bnpo", "cispo"] = "dapo"
    epsilon: Rate = 0.2
    epsilon_high: Rate | None = None
    beta: float = Field(default=0.0, ge=0)
    sampler: Literal["verirl", "transformers", "vllm"] = "verirl"
    fold: bool = True
    deadline_s: Rate | None = None
    checkpoint_every: Positive = 50
    watch: Watch | None = None


class Eval(_Part):
    """How the start, the result and the control are scored on held-out tasks.

    `min` are gates on the last model (as of `verirl eval --min`), `min_gain` one on GRPO's gain in pass@1.
    """

    tasks: str
    samples: Positive = 4
    k: tuple[Positive, ...] = (1,)
    temperature: float = Field(default=1.0, ge=0)
    greedy: bool = True
    max_new_tokens: Positive = 256
    scheme: str = "lexicographic"
    min: tuple[str, ...] = ()
    min_gain: float | None = None


class Recipe(_Part):
    """A whole run. Stages that are absent are not run."""

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    description: str = ""
    seed: int = 0
    threads: Positive | None = None
    workers: Positive | None = None
    model: Model = Model()
    tasks: dict[str, TaskSet] = Field(min_length=1)
    sft: Sft | None = None
    grpo: Grpo | None = None
    control: bool = False
    eval: Eval | None = None
    trackers: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = ()

    @model_validator(mode="after")
    def _sets_exist(self) -> Recipe:
        wanted: dict[str, str] = {}
        if self.sft:
            wanted["sft.tasks"] = self.sft.tasks
            if self.sft.watch:
                wanted["sft.watch.tasks"] = self.sft.watch.tasks
        if self.grpo:
            mixture = self.grpo_mixture()
            wanted |= {f"grpo.tasks.{place}": mix.tasks for place, mix in enumerate(mixture)}
            if self.grpo.watch:
                wanted["grpo.watch.tasks"] = self.grpo.watch.tasks
        if self.eval:
            wanted["eval.tasks"] = self.eval.tasks
        for place, name in wanted.items():
            if name not in self.tasks:
                raise ValueError(f"{place} names '{name}', and 'tasks' has {', '.join(self.tasks)}")
        if self.control and not (self.sft and self.grpo):
            raise ValueError("'control' continues SFT for as long as GRPO takes: it needs both stages")
        if self.control and self.sft and self.sft.optimiser.schedule != "constant":
            raise ValueError("'control' carries SFT on: that is fair with sft.optimiser.schedule 'constant'")
        return self

    @model_validator(mode="after")
    def _says_what_can_be_done(self) -> Recipe:
        """Refuse now what would only come out after hours of training."""
        if self.model.name.partition(":")[0] == "tiny":
            parse_size(self.model.name)
        if self.sft:
            _divides("sft.batch", self.sft.batch, "sft.micro_batch", self.sft.micro_batch)
        if self.grpo:
            self._check_scheme(self.grpo.scheme, [mix.tasks for mix in self.grpo_mixture()])
            if self.grpo.length and self.grpo.scheme != "lexicographic":
                raise ValueError("grpo.length is a tier of the lexicographic scheme and goes with no other")
            batch = self.grpo.prompts * self.grpo.group
            _divides("grpo.prompts × grpo.group", batch, "grpo.micro_batch", self.grpo.micro_batch)
        if self.eval:
            self._check_scheme(self.eval.scheme, [self.eval.tasks])
            for gate in self.eval.min:
                parse_gate(gate)
            if self.eval.min_gain is not None and self.grpo is None:
                raise ValueError("eval.min_gain is a gate on what GRPO gains: it needs that stage")
            if 1 not in self.eval.k:
                raise ValueError("eval.k must hold 1: the comparison of the stages is in pass@1")
            if max(self.eval.k) > self.eval.samples:
                raise ValueError(f"eval.k asks for pass@{max(self.eval.k)} of {self.eval.samples} samples")
            if self.eval.temperature == 0 and self.eval.samples > 1:
                raise ValueError("eval.samples: at temperature 0 every sample is the same; take 1")
        return self

    def _check_scheme(self, name: str, sets: list[str]) -> None:
        """A preset goes with its own domain; of which domain a file's tasks are is seen when it is read."""
        made = [self.tasks[tasks].domain for tasks in sets]
        find_scheme(name, [domain for domain in made if domain] or None)

    def grpo_mixture(self) -> tuple[Mix, ...]:
        """The ingredients of the GRPO prompts."""
        if self.grpo is None:
            return ()
        tasks = self.grpo.tasks
        return (Mix(tasks=tasks),) if isinstance(tasks, str) else tasks

    def stages(self) -> tuple[str, ...]:
        """The stages that this recipe runs, in order."""
        present = (
            ("synth", True),
            ("sft", self.sft is not None),
            ("grpo", self.grpo is not None),
            ("control", self.control),
            ("eval", self.eval is not None),
        )
        return tuple(name for name, there in present if there)

    def to_yaml(self) -> str:
        """The resolved recipe, every default written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _divides(name: str, batch: int, part: str, micro: int | None) -> None:
    if micro and batch % micro:
        raise ValueError(f"{name} is {batch}, which is no multiple of {part} ({micro})")


def built_in() -> dict[str, str]:
    """The recipes that come with verirl: name → description."""
    found = {}
    for path in sorted(RECIPES.glob("*.yaml")):
        found[path.stem] = str((_parse(path, path.read_text(encoding="utf-8"))).get("description", ""))
    return found


def find(argument: str) -> Path:
    """The file that a RECIPE argument names: a path, or a built-in recipe."""
    path = Path(argument)
    if path.is_file():
        return path
    shipped = RECIPES / f"{argument}.yaml"
    if shipped.is_file():
        return shipped
    near = difflib.get_close_matches(argument, built_in(), n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"built in: {', '.join(built_in())}"
    raise InputError(f"no recipe '{argument}'; {hint}")


def load(path: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """Read and check a recipe, with `key.path=value` overrides; InputError names the key that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError.at(path, str(problem)) from problem
    value = _parse(path, text)
    for override in overrides:
        _override(value, override)
    try:
        return Recipe.model_validate(value)
    except ValidationError as problem:
        raise _explain(
            path, text, problem, {override.partition("=")[0] for override in overrides}
        ) from problem


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        _refuse_double_keys(yaml.compose(text, Loader=yaml.SafeLoader), set())
        value = yaml.safe_load(text)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else None
        raise InputError.at(path, f"not valid YAML: {problem.problem}", line=line) from problem
    except (yaml.YAMLError, RecursionError) as problem:
        raise InputError.at(path, f"not valid YAML: {problem}") from problem
    if not isinstance(value, dict):
        raise InputError.at(path, "a recipe is a mapping of keys, as `verirl train --show quickstart` prints")
    return value


def _refuse_double_keys(node: yaml.Node | None, seen: set[int]) -> None:
    """A key written twice is a mistake, not an override."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_double_keys(item, seen)
    elif isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            if key.value in names:
                raise yaml.MarkedYAMLError(
                    problem=f"key '{key.value}' appears twice", problem_mark=key.start_mark
                )
            names.add(key.value)
            _refuse_double_keys(value, seen)


def _override(value: dict[str, Any], text: str) -> None:
    path, equals, raw = text.partition("=")
    if not equals or not path.strip():
        raise InputError(f"--set {text}: expected key.path=value, as in --set grpo.steps=20")
    try:
        parsed = yaml.safe_load(raw)
    except yaml.YAMLError as problem:
        raise InputError(f"--set {text}: the value is not valid YAML") from problem
    *parents, last = path.strip().split(".")
    here = value
    for parent in parents:
        inner = here.setdefault(parent, {})
        if inner is None:
            inner = here[parent] = {}
        if not isinstance(inner, dict):
            raise InputError(f"--set {text}: '{parent}' holds a value, not keys")
        here = inner
    here[last] = parsed


def _explain(path: Path, text: str, problem: ValidationError, overridden: set[str]) -> InputError:
    found = problem.errors(include_url=False)
    # A key that is misspelt is also one that is missing; the spelling is what helps.
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    location = [str(part) for part in first["loc"] if not _is_union_branch(str(part))]
    field = ".".join(location) or None
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = _keys_at(first["loc"][:-1])
        near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.5)
        message = "unknown key; " + (f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}")
    elif first["type"] == "missing":
        message = "missing"
    if any(field == key or str(field).startswith(f"{key}.") for key in overridden):
        return InputError(f"--set {field}: {message}")
    return InputError.at(path, message, line=_line_of(text, location), field=field)


def _is_union_branch(part: str) -> bool:
    return part in ("str", "tuple[Mix, ...]", "tuple[Mix,...]")


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    kind: Any = Recipe
    for part in location:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[str(part)].annotation
        elif get_args(kind):
            kind = get_args(kind)[-1]
        found = [
            arg for arg in (kind, *get_args(kind)) if isinstance(arg, type) and issubclass(arg, BaseModel)
        ]
        kind = found[0] if found else kind
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _line_of(text: str, location: list[str]) -> int | None:
    """The line of the deepest key of `location` that the YAML text has."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    line: int | None = None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == part), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
        else:
            break
    return line
