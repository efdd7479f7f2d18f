"""The command line: a thin skin over the other rooms. Nothing heavy is imported at module level here."""

import gc

# Start-up allocates much and frees next to nothing: looking for garbage every 700 objects would cost a tenth of it.
gc.set_threshold(100_000, 20, 20)
