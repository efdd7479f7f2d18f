"""The path on real sets in the forms users have them: CIFAR-10 as npz and as folders, fruits in nested folders."""

import pytest

SHORT = ("--encoder", "resnet8", "--epochs", 1, "--batch-size", 64)


@pytest.fixture(scope="module")
def cifar10(real_data):
    return real_data("cifar10", "--per-class", "30") / "cifar10.npz"


def test_cifar10_as_npz_against_cifar100_and_textures(rankcon, cifar10, real_data, tmp_path):
    run = tmp_path / "run"
    trained = rankcon(
        "train", "--ranking", "cifar10", "--data", f"npz:{cifar10}", "--withhold", "ship,truck", *SHORT, "--out", run
    )
    assert (trained.code, trained.out) == (0, f"{run}\n")
    found = rankcon("evaluate", run, "--json").json
    assert found["data"]["images"] == "test split" and found["data"]["n"] == 240
    assert found["data"]["left_out"]["withheld"] == {"ship": 30, "truck": 30}
    cifar100 = real_data("cifar100", "--per-class", "2") / "cifar100.npz"
    textures = real_data("dtd10", "--per-class", "10") / "dtd10.npz"
    done = rankcon(
        *(
            "ood-report",
            run,
            "--ood",
            f"npz:{cifar100}",
            "--ood",
            f"npz:{textures}",
            "--out",
            tmp_path / "report",
            "--json",
        )
    )
    assert [(s["name"], s["n"]) for s in done.json["sets"]] == [("withheld", 60), ("cifar100", 200), ("dtd10", 100)]
    assert (tmp_path / "report" / "report.html").stat().st_size < 2_000_000


def test_cifar10_as_folders_trains_on_the_same_images(rankcon, cifar10, real_data, tmp_path):
    folders = real_data("cifar10", "--as", "folder", "--per-class", "30") / "cifar10"
    accuracies = set()
    for name, spec in (("npz", f"npz:{cifar10}"), ("folder", f"folder:{folders}")):
        assert rankcon("train", "--ranking", "cifar10", "--data", spec, *SHORT, "--out", tmp_path / name).code == 0
        accuracies.add(rankcon("evaluate", tmp_path / name, "--json").json["accuracy"])
    assert len(accuracies) == 1, "the same pixels in the same order give the same network"


def test_fruits_in_nested_folders(rankcon, real_data, tmp_path):
    fruits = real_data("fruits67") / "fruits67"
    training = f"tree:{fruits / 'Training'}"
    assert rankcon("data", "info", training, "--json").json["classes"]
    arguments = ("--loss", "supcon", *SHORT, "--image-size", 32, "--val-fraction", 0.3)
    assert rankcon("train", "--data", training, *arguments, "--out", tmp_path / "run").code == 0
    done = rankcon("ood-report", tmp_path / "run", "--ood", f"tree:{fruits / 'Test'}", "--json")
    (unknown,) = done.json["sets"]
    assert done.code == 0
    # 18 varieties are in Test, but the images of two of them are, pixel by pixel, in Training under another name.
    assert len(unknown["classes"]) == 16 and "20 images" in done.json["warnings"][0]
    assert done.json["id"]["images"] == "validation images of the run"
