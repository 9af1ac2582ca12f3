"""Task generation, SFT, GRPO and evaluation as a Python program, with stock TRL trainers.

`verirl train` does the same from a recipe and adds exact resuming, a control run, reports and a faster
sampler. Use a loop of your own when you need to change what happens between the parts.
"""

import argparse
import tempfile
from pathlib import Path

import torch
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

import verirl
from datasets import Dataset
from verirl.integrations.trl import dataset, reward_func
from verirl.models import tiny


def pass_at_1(model: Path, tasks: list[verirl.Task]) -> str:
    result = verirl.evaluate(str(model), tasks, max_new_tokens=48)
    estimate = result.evaluation.overall.pass_at[1]
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--sft-steps", type=int, default=900)
    parser.add_argument("--grpo-steps", type=int, default=60)
    options = parser.parse_args()

    # Sums of small numbers in shorthand, with worked answers. Problems of the two splits never overlap.
    kind = {"families": ["arithmetic"], "difficulty": (0.1, 0.25), "options": {"style": "terse"}}
    train = verirl.generate_tasks("math", options.tasks, seed=1, check_mutants=False, **kind)
    held_out = verirl.generate_tasks("math", 50, seed=1, split="eval", check_mutants=False, **kind)

    tokenizer = tiny.make_tokenizer(
        [text for task in train for text in (task.prompt[0].content, task.reference or "")],
        vocabulary=288,
    )
    model = tiny.make_model(tiny.parse_size("tiny:s"), tokenizer, seed=0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)

        examples = Dataset.from_list(
            [
                {
                    "prompt": [turn.model_dump() for turn in task.prompt],
                    "completion": [{"role": "assistant", "content": task.reference}],
                }
                for task in train
            ]
        )
        common = {
            "report_to": [],
            "save_strategy": "no",
            "logging_strategy": "no",
            "disable_tqdm": True,
            "bf16": torch.cuda.is_available(),
        }
        sft = SFTTrainer(
            model=model,
            args=SFTConfig(
                output_dir=str(folder / "sft"),
                max_steps=options.sft_steps,
                per_device_train_batch_size=32,
                learning_rate=1e-3,
                **common,
            ),
            train_dataset=examples,
            processing_class=tokenizer,
        )
        sft.train()
        sft.save_model(str(folder / "after-sft"))
        print("pass@1 after SFT: ", pass_at_1(folder / "after-sft", held_out))

        grpo = GRPOTrainer(
            model=sft.model,
            reward_funcs=[reward_func("math", scheme="binary")],
            args=GRPOConfig(
                output_dir=str(folder / "grpo"),
                max_steps=options.grpo_steps,
                per_device_train_batch_size=256,
                num_generations=8,
                max_completion_length=48,
                learning_rate=3e-4,
                **common,
            ),
            train_dataset=dataset(train),
            processing_class=tokenizer,
        )
        grpo.train()
        grpo.save_model(str(folder / "after-grpo"))
        print("pass@1 after GRPO:", pass_at_1(folder / "after-grpo", held_out))


if __name__ == "__main__":
    main()
