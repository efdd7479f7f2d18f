"""Taking a validation part off the training images."""

import math

import numpy as np

from rankcon_cli.errors import RankconError


def split_validation(labels: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (train, validation), each sorted, that part the training images of ``labels`` [N].

    Stratified: a class of n images gives floor or ceil of ``fraction * n``, such that the total is ``fraction * N``
    as nearly as that allows, and always keeps one image for training. RankconError unless 0 <= fraction < 1.
    """
    if not 0 <= fraction < 1:
        raise RankconError(f"the validation fraction is {fraction}; it must be at least 0 and below 1")
    # RandomState's stream is frozen across NumPy releases, so a recorded seed keeps its meaning.
    random = np.random.RandomState(seed)
    validation = [np.empty(0, dtype=np.int64)]
    owed = 0.0
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        quota = fraction * len(members)
        owed += quota
        # The tolerance keeps 0.1 * 30 = 3.0000000000000004 from counting as four.
        most = min(math.ceil(quota - 1e-9), len(members) - 1)
        take = min(max(math.floor(owed + 0.5), math.floor(quota + 1e-9)), most)
        owed -= take
        validation.append(members[:take])
    chosen = np.sort(np.concatenate(validation))
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen
