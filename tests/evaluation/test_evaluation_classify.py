import math

import numpy as np
import pytest
import torch

from rankcon_cli.errors import RankconError
from rankcon_cli.evaluation import classify


def blobs(n_classes=4, per_class=15, dim=6, spread=0.6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(n_classes, dim, generator=generator)
    labels = torch.arange(n_classes).repeat(per_class)
    return centres[labels] + spread * torch.randn(len(labels), dim, generator=generator), labels


def test_unit_keeps_zero_rows_and_widens_half():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float16)
    assert torch.equal(classify.unit(x), torch.tensor([[0.6, 0.8], [0.0, 0.0]]))


def test_class_means_equal_a_loop():
    x, y = blobs()
    means = classify.class_means(x * torch.rand(len(x), 1).add(0.1), y, 4)  # lengths must not matter
    for c in range(4):
        mean = np.mean([row / np.linalg.norm(row) for row in x[y == c].numpy()], axis=0)
        np.testing.assert_allclose(means[c], mean / np.linalg.norm(mean), atol=1e-6)


def test_a_class_without_images_is_named():
    x, y = blobs()
    with pytest.raises(RankconError, match=r"1 of 5 classes have no training image \(by index: 4\)") as caught:
        classify.class_means(x, y, 5)
    assert caught.value.hint


def test_nearest_class_mean_gives_cosines():
    x, y = blobs()
    means = classify.class_means(x, y, 4)
    cosines = classify.nearest_class_mean(means, 7 * x)
    expected = [[float(a @ m / a.norm() / m.norm()) for m in means] for a in x]
    np.testing.assert_allclose(cosines, expected, atol=1e-6)


def test_blocks_change_no_result(monkeypatch):
    x, y = blobs()
    test, _ = blobs(seed=1)

    def everything():
        return (
            classify.class_means(x, y, 4),
            classify.knn_predict(x, y, test, 5, 4),
            torch.cat([indices for _, _, indices in classify.neighbours(classify.unit(test), classify.unit(x), 7)]),
        )

    whole = everything()
    monkeypatch.setattr(classify, "_BLOCK", 130)
    for one, other in zip(whole, everything(), strict=True):
        torch.testing.assert_close(one, other)


def test_neighbours_put_the_lower_index_first_among_ties():
    gallery = torch.eye(4)[[0, 1, 0, 2, 1, 0, 1, 1]]
    queries = torch.eye(4)[[1, 3]]
    for k in range(1, 9):
        ((_, cosines, indices),) = classify.neighbours(queries, gallery, k)
        assert indices.tolist() == [[1, 4, 6, 7, 0, 2, 3, 5][:k], list(range(k))]
        assert cosines.tolist() == [([1.0] * 4 + [0.0] * 4)[:k], [0.0] * k]


def test_knn_votes_by_weight():
    train, y = blobs(spread=1.5)
    test, _ = blobs(spread=1.5, seed=3)
    predictions = classify.knn_predict(train, y, test, 7, 4)
    for query, prediction in zip(test, predictions, strict=True):
        cosines = torch.nn.functional.cosine_similarity(query[None], train)
        votes = [0.0] * 4
        for i in cosines.argsort(descending=True)[:7]:
            votes[y[i]] += math.exp(float(cosines[i]) / 0.07)
        assert int(prediction) == int(np.argmax(votes))


def test_knn_caps_k_at_the_training_set():
    train = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert classify.knn_predict(train, torch.tensor([1, 0]), train, 99, 2).tolist() == [1, 0]


def test_linear_probe_equals_scikit_learn():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = blobs(spread=1.5)
    x = torch.cat([100 * x, torch.full((len(x), 1), 5.0)], dim=1)  # a large scale and a constant feature
    probe = classify.linear_probe(x, y, 4)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)).fit(x.numpy(), y.numpy())
    np.testing.assert_allclose(probe.logits(x).softmax(1), model.predict_proba(x.numpy()), atol=2e-3)


def test_linear_probe_of_two_classes_has_two_opposite_logits():
    from sklearn.linear_model import LogisticRegression

    x, y = blobs(n_classes=2, per_class=30, spread=1.5)
    probe = classify.linear_probe(x, y, 2)
    logits = probe.logits(x)
    assert logits.shape == (60, 2)
    torch.testing.assert_close(logits.sum(1), torch.zeros(60))
    standard = ((x - x.mean(0)) / x.std(0, correction=0)).numpy()
    expected = LogisticRegression().fit(standard, y.numpy()).predict_proba(standard)
    np.testing.assert_allclose(logits.softmax(1), expected, atol=2e-3)


@pytest.mark.parametrize(("n_classes", "message"), [(1, "at least two classes"), (4, "no training image")])
def test_linear_probe_refuses_what_it_cannot_fit(n_classes, message):
    x, _ = blobs()
    labels = torch.zeros(len(x), dtype=torch.long) if n_classes == 1 else torch.arange(len(x)) % 3
    with pytest.raises(RankconError, match=message):
        classify.linear_probe(x, labels, n_classes)


def test_accuracy_and_confusion_matrix():
    from sklearn import metrics

    generator = torch.Generator().manual_seed(0)
    y, p = torch.randint(5, (2, 80), generator=generator)
    assert classify.accuracy(p, y) == metrics.accuracy_score(y, p)
    np.testing.assert_array_equal(
        classify.confusion_matrix(p, y, 6), metrics.confusion_matrix(y, p, labels=list(range(6)))
    )
    assert math.isnan(classify.accuracy(p[:0], y[:0]))
