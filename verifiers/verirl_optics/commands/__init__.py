"""The command group `verirl optics`."""
