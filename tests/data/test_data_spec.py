"""The spec syntax: what it names, and what it says to a spec that names nothing."""

import os

import pytest

from rankcon_cli.data.spec import Spec, absolute_spec, parse_spec
from rankcon_cli.errors import UsageError


@pytest.mark.parametrize(
    "text, expected",
    [
        ("digits", Spec("digits", "", None)),
        ("cifar100#test", Spec("cifar100", "", "test")),
        ("folder:photos", Spec("folder", "photos", None)),
        ("folder:photos/a#b", Spec("folder", "photos/a#b", None)),
        ("tree:a:b#all", Spec("tree", "a:b", "all")),
        ("npz:x.npz#val", Spec("npz", "x.npz", "val")),
    ],
)
def test_specs(text, expected):
    assert parse_spec(text) == expected


def test_home_is_expanded():
    assert parse_spec("folder:~/photos").place == os.path.expanduser("~/photos")


@pytest.mark.parametrize(
    "text, hint",
    [
        ("CIFAR-10", "did you mean cifar10?"),
        ("fashion_mnist#test", "did you mean fashion-mnist#test?"),
        ("floder:photos", "did you mean folder:photos?"),
        ("some.npz#test", "npz:some.npz#test"),
        ("folder:", "folder:PATH"),
        ("qqqqqqqq", "folder:PATH"),
        ("", "folder:PATH"),
    ],
)
def test_unknown_specs_get_a_hint(text, hint):
    with pytest.raises(UsageError) as error:
        parse_spec(text)
    assert hint in error.value.hint


def test_a_bare_folder_is_pointed_to_its_prefix(tmp_path):
    with pytest.raises(UsageError) as error:
        parse_spec(f"{tmp_path}#train")
    assert f"folder:{tmp_path}#train" in error.value.hint


def test_an_absolute_spec_means_the_same_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute_spec("folder:photos#all") == f"folder:{os.path.join(os.getcwd(), 'photos')}#all"
    assert absolute_spec("digits#test") == "digits#test"
