"""The command line: a thin skin over the other rooms. Nothing heavy is imported at module level here."""
