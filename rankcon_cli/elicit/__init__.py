"""A ranking from answers to "which is more like A: B or C?". Free of torch, numpy and any terminal but in ``screen``."""
