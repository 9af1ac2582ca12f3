"""Train with a stock TRL GRPOTrainer whose reward is a verdict.

The model is a tiny transformer from scratch, so that the example runs in seconds on a CPU. With a real model,
pass its hub name as `model` and leave `processing_class` out.
"""

import argparse
import tempfile

import torch
from trl import GRPOConfig, GRPOTrainer

import verirl
from verirl.integrations.trl import dataset, reward_func
from verirl.models import tiny


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3)
    steps = parser.parse_args().steps

    tasks = verirl.generate_tasks("math", 32, families=["arithmetic"], options={"style": "terse"})
    tokenizer = tiny.make_tokenizer([task.prompt[0].content for task in tasks])
    with tempfile.TemporaryDirectory() as folder:
        trainer = GRPOTrainer(
            model=tiny.make_model(tiny.parse_size("tiny:xs"), tokenizer, seed=0),
            reward_funcs=[reward_func("math", scheme="hierarchical")],
            args=GRPOConfig(
                output_dir=folder,
                max_steps=steps,
                per_device_train_batch_size=8,
                num_generations=8,
                max_completion_length=16,
                logging_steps=1,
                report_to=[],
                save_strategy="no",
                bf16=torch.cuda.is_available(),
            ),
            train_dataset=dataset(tasks),
            processing_class=tokenizer,
        )
        trainer.train()
    for row in trainer.state.log_history:
        if "reward" in row:
            print(f"step {row['step']}: reward {row['reward']:.3f}")


if __name__ == "__main__":
    main()
