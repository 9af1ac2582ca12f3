"""Verilog text before anything runs: language rules, reading and elaboration, and renaming of modules."""
