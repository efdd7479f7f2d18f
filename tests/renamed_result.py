"""A made-up OOD result under other names, hostile ones say."""

from dataclasses import replace

from rankcon_cli.ood.result import OodResult


def renamed(result: OodResult, names: dict[str, str]) -> OodResult:
    """``result`` with every class, set and run name that is a key of ``names`` replaced."""

    def new(value):
        if isinstance(value, str):
            return names.get(value, value)
        if isinstance(value, tuple):
            return tuple(map(new, value))
        if isinstance(value, dict):
            return {new(key): entry for key, entry in value.items()}
        if hasattr(value, "__dataclass_fields__"):
            # A kind is one of ours, whatever the sets are called.
            return replace(value, **{k: new(getattr(value, k)) for k in value.__dataclass_fields__ if k != "kind"})
        return value

    return new(result)
