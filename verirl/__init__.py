"""verirl: reinforcement learning with verifiable rewards for code, RTL, optics and math."""

__version__ = "0.1.0"
