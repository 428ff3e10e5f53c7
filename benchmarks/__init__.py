"""Time, memory and energy, measured: run ``python -m benchmarks``."""
