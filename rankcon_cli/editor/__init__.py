"""The interactive editor of ``rankcon rank edit``: pure state and screens, and a thin layer that meets the terminal."""
