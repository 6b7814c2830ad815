"""Makes what the package stores and no library made: the reference posteriors, and the exercises' answers."""
