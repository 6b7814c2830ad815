"""The benchmark behind chapter 13: ``make benchmark`` (README.md tells what it measures and how to repeat it)."""
