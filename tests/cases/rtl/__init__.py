"""Verilog that attacks the RTL verifier, and designs that it must accept."""
