"""Plans that cannot work are refused, and the run directory keeps its contract."""

import dataclasses
import json

import numpy as np
import pytest

from rankcon_cli.data import fingerprint
from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.evaluation.images import training_images
from rankcon_cli.training.config import LossConfig
from rankcon_cli.training.plan import make_plan
from rankcon_cli.training.ranks_in_batch import ranks_in_batch
from rankcon_cli.training.run_directory import check_same, create_run, open_run


def changed(config, **parts):
    """``config`` with fields of its sections replaced: data_withhold=..., loss_ranks=..., seed=..."""
    for key, value in parts.items():
        section, _, leaf = key.partition("_")
        if leaf and section in ("data", "loss", "optim", "model"):
            config = dataclasses.replace(
                config, **{section: dataclasses.replace(getattr(config, section), **{leaf: value})}
            )
        else:
            config = dataclasses.replace(config, **{key: value})
    return config


def test_plan_makes_everything_concrete(config):
    plan = make_plan(config)
    assert plan.classes == ("zero", "one", "two", "three", "four")
    assert (len(plan.train), len(plan.validation)) == (90, 10)
    assert set(np.bincount(plan.images.labels[plan.validation])) == {2}
    assert (plan.config.loss.ranks, plan.config.model.encoder, plan.config.augment) == (3, "conv", "light")
    assert (plan.config.device, plan.config.precision, plan.config.data.image_size) == ("cpu", "float32", 8)
    assert (plan.config.data.val_fraction, plan.config.optim.lr) == (0.1, 0.2)
    assert (plan.batch_size, plan.steps_per_epoch, plan.total_steps) == (20, 4, 12)
    pixels = plan.images.images[plan.train] / 255
    np.testing.assert_allclose([plan.mean[0], plan.std[0]], [pixels.mean(), pixels.std()], rtol=1e-6)


def test_withheld_class_is_in_no_image_and_no_tier(config):
    plan = make_plan(changed(config, data_withhold=("two",)))
    assert plan.classes == ("zero", "one", "three", "four")
    assert plan.table.classes == plan.classes
    assert plan.table.tiers[0] == ((2,),), "zero's first tier (two) is gone and the second closes up"
    assert plan.images.labels.max() == 3 and len(plan.images.labels) == 80
    assert "two" in plan.ranking.classes, "the ranking as written is kept whole"


def test_label_order_is_the_datas_and_names_match(config, small_digits):
    document = json.loads((small_digits / "ranking.json").read_text())
    document["classes"] = document["classes"][::-1]
    turned = small_digits / "turned.json"
    turned.write_text(json.dumps(document))
    assert make_plan(changed(config, ranking=str(turned))).table.tiers == make_plan(config).table.tiers


@pytest.mark.parametrize(
    ("change", "says", "hint"),
    [
        ({"data_withhold": ("too",)}, "did you mean 'two'?", "zero"),
        ({"data_withhold": ("zero", "one", "two", "three")}, "1 class is left", None),
        ({"loss_ranks": 4}, "rank 4", "--ranks 3"),
        ({"loss_ranks": 3, "data_withhold": ("three", "zero")}, "rank 3", "--ranks 2"),
        ({"ranking": "cifar10"}, "E110", "rank validate"),
        ({"device": "cuda:99"}, "no device", "doctor"),
    ],
)
def test_impossible_plans_are_refused(config, change, says, hint):
    with pytest.raises(RankconError) as caught:
        make_plan(changed(config, **change))
    assert says in caught.value.message
    assert hint is None or hint in caught.value.hint


def test_ranks_in_batch_are_what_the_batches_hold(config):
    plan = make_plan(config)
    first, second, third = ranks_in_batch(plan)
    assert (first.classes, first.mean) == (5, 2 * 20 / 5 - 1)
    assert (second.classes, second.fewest, second.mean) == (4, 8.0, 8.0), "four has no tier"
    assert (third.classes, third.mean) == (2, 8.0)
    assert ranks_in_batch(make_plan(changed(config, loss_name="supcon"))) == ()


def test_unnamed_data_takes_the_rankings_names(config, small_digits):
    with np.load(small_digits / "small.npz") as archive:
        np.savez(small_digits / "unnamed.npz", **{k: archive[k] for k in archive if k != "class_names"})
    unnamed = f"npz:{small_digits / 'unnamed.npz'}"
    assert make_plan(changed(config, data_spec=unnamed)).classes == ("zero", "one", "two", "three", "four")
    with pytest.raises(RankconError) as caught:
        make_plan(changed(config, data_spec=unnamed, ranking="cifar10"))
    assert "E110" in caught.value.message


def test_run_directory_gives_back_what_was_planned(config, tmp_path):
    plan = make_plan(changed(config, data_withhold=("two",)))
    created = create_run(tmp_path / "run", plan)
    run = open_run(tmp_path / "run")
    assert run.config == plan.config == created.config
    assert run.table == plan.table and run.ranking.classes == plan.ranking.classes
    assert (run.classes, run.withheld) == (plan.classes, ("two",))
    train, validation = run.splits()
    assert np.array_equal(train, plan.train) and np.array_equal(validation, plan.validation)
    assert not run.finished
    with pytest.raises(RankconError, match="did not finish"):
        run.network()


def test_an_existing_directory_is_not_overwritten(config, tmp_path):
    plan = make_plan(config)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    for force in (False, True):
        with pytest.raises(UsageError, match="no run directory"):
            create_run(tmp_path / "mine", plan, force=force)
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"

    create_run(tmp_path / "run", plan)
    (tmp_path / "run" / "notes.txt").write_text("keep me")
    with pytest.raises(UsageError, match="holds a run already"):
        create_run(tmp_path / "run", plan)
    create_run(tmp_path / "run", plan, force=True)
    assert (tmp_path / "run" / "notes.txt").read_text() == "keep me"


def test_a_ranking_edited_after_training_is_noticed(config, tmp_path):
    create_run(tmp_path / "run", make_plan(config))
    path = tmp_path / "run" / "ranking.json"
    path.write_text(path.read_text().replace('"three"], ["zero"', '"zero"], ["three"'))
    with pytest.raises(RankconError, match="not the ranking this run was trained with"):
        open_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no run.json"),
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"format": "other"}', "not a run record"),
        ('{"format": "rankcon/run", "version": 99}', "version 99"),
        ('{"format": "rankcon/run", "version": 1}', "config: field required"),
    ],
)
def test_what_is_no_run_directory(tmp_path, content, says):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(RankconError, match=says):
        open_run(tmp_path)


def test_resume_refuses_other_settings(config, tmp_path, small_digits):
    run = create_run(tmp_path / "run", make_plan(config))
    check_same(run, {"optim.epochs": 3, "device": "cuda", "ranking": str(small_digits / "ranking.json"), "seed": None})
    for flags in ({"optim.epochs": 4}, {"ranking": "cifar10"}, {"data.spec": "digits"}):
        with pytest.raises(UsageError, match="was started with"):
            check_same(run, flags)


def test_without_a_ranking_there_is_none_in_the_run(config, tmp_path):
    plan = make_plan(dataclasses.replace(config, ranking=None, loss=LossConfig("supcon")))
    run = create_run(tmp_path / "run", plan)
    assert run.table is None and run.ranking is None and not (tmp_path / "run" / "ranking.json").exists()


def test_a_validation_split_of_the_sets_own_is_used(config, small_digits, tmp_path):
    with np.load(small_digits / "small.npz") as archive:
        arrays = dict(archive)
    own = {"val_images": arrays["test_images"][::2], "val_labels": arrays["test_labels"][::2]}
    np.savez(tmp_path / "own.npz", **arrays, **own)
    config = changed(config, data_spec=f"npz:{tmp_path / 'own.npz'}", data_withhold=("zero",))
    plan = make_plan(config)
    assert plan.own_validation and (len(plan.train), len(plan.validation)) == (80, 20)
    assert np.array_equal(plan.images.images[plan.validation], own["val_images"][own["val_labels"] > 0][:, None])
    run = create_run(tmp_path / "run", plan)
    assert run.record["splits"]["validation_from"] == "its own split"
    assert fingerprint(training_images(run)) == plan.fingerprint, "evaluation finds the same images"
    asked = make_plan(changed(config, data_val_fraction=0.25))
    assert not asked.own_validation and (len(asked.train), len(asked.validation)) == (60, 20)


def test_a_class_without_training_images_is_told(config, small_digits, tmp_path):
    with np.load(small_digits / "small.npz") as archive:
        arrays = dict(archive)
    kept = arrays["train_labels"] != 2
    arrays |= {"train_images": arrays["train_images"][kept], "train_labels": arrays["train_labels"][kept]}
    np.savez(tmp_path / "gap.npz", **arrays)
    with pytest.raises(RankconError, match=r"1 classes .* have no training image: two"):
        make_plan(changed(config, data_spec=f"npz:{tmp_path / 'gap.npz'}"))
