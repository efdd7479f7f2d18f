"""Training: configuration, batches, augmentation, schedule, the loop, checkpoints and the run directory."""
