import sys
from pathlib import Path

# The scripts import one another by name, as they do when one of them is run.
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
