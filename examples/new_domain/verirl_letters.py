"""Letters in alphabetical order: the smallest domain that has everything."""

from collections import Counter

from pydantic import Field

from verirl import Domain, Message, Mutant, Spec, Stage, Task, failed, passed
from verirl.seeds import rng


class LettersSpec(Spec):
    word: str = Field(pattern="^[A-Za-z]+$", description="the word, in ASCII letters")


class Letters(Domain):
    name = "letters"
    version = "1.0"  # change it whenever a verdict could change: it is part of the cache key
    confined = True  # the stages run in the worker itself, so the worker is sandboxed
    spec_model = LettersSpec
    families = ("sort",)
    ladder = (
        Stage(name="letters", weight=1.0, levels=5),
        Stage(name="order", weight=2.0),
        Stage(name="short", kind="quality", weight=0.5, levels=3),
    )

    def generate(self, seed, index, difficulty, *, split="train", family=None, options=None):
        draw = rng("letters", split, seed, index)
        length = 3 + round(9 * difficulty)
        word = "".join(draw.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(length))
        return Task(
            id=f"letters/{split}-{seed}-{index}",
            domain=self.name,
            prompt=(Message(role="user", content=f"Sort the letters of {word}. Say nothing else."),),
            spec={"word": word},
            reference="".join(sorted(word)),
            difficulty=difficulty,
            split=split,
        )

    def stages(self, task, completion, context):
        answer = completion.strip()
        wanted = Counter(task.spec["word"])
        shared = (wanted & Counter(answer)).total()
        letters = [letter for letter in answer if letter.isalpha()]
        if Counter(letters) != wanted:
            yield failed("letters", shared / max(wanted.total(), len(answer)), "not the letters of the word")
            return
        yield passed("letters")
        if letters != sorted(letters):
            yield failed("order", detail="the letters are not in order")
            return
        yield passed("order")
        yield passed("short", wanted.total() / len(answer))

    def mutants(self, task):
        right = task.reference
        wrong = {"reversed": right[::-1], "unsorted": task.spec["word"], "one short": right[:-1]}
        return [Mutant(kind, text) for kind, text in wrong.items() if list(text) != sorted(task.spec["word"])]

    def render(self, task, completion, verdict):
        return f"{task.spec['word']} → {completion.strip()}"
