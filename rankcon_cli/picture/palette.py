"""The colours of pictures, by role, for a light and a dark page.

Tiers are ordinal: their colours fall steadily in contrast to the page, and differ in lightness, so that every kind of
colour vision, and a grey print, keeps their order.
"""

#: Most colours that tiers get; where there are more tiers, neighbouring ones share.
MOST_STEPS = 12

#: From tier 1 to the last: dark to pale on a light page, bright to deep on a dark one.
_SCALES = {
    False: ("#14265c", "#1d5b9b", "#2b95a8", "#7cc3a2", "#cbdf96"),
    True: ("#fbe68a", "#8ed08c", "#34a59a", "#2f74a3", "#42478a"),
}
_ROLES = {
    False: {"page": "#fdfdfb", "ink": "#1c2127", "soft": "#59626d", "panel": "#ecece8", "self": "#9aa1a8"},
    True: {"page": "#14171b", "ink": "#e4e7ea", "soft": "#9ba5b0", "panel": "#23282f", "self": "#6b747e"},
}


def step(tier: int, depth: int) -> int:
    """The colour, 1..``MOST_STEPS``, of a tier where classes have up to ``depth``."""
    return tier if depth <= MOST_STEPS else 1 + (tier - 1) * MOST_STEPS // depth


def steps(depth: int) -> int:
    """How many colours ``depth`` tiers have."""
    return min(depth, MOST_STEPS)


def colours(depth: int, *, dark: bool = False) -> dict[str, str]:
    """Role -> colour: ``page``, ``ink``, ``soft``, ``panel``, ``self``, and for step k ``t<k>`` with ``on<k>`` upon it."""
    found = dict(_ROLES[dark])
    for k in range(1, steps(depth) + 1):
        # Few tiers stay in the strong half of the scale: a single one is not pale, two are apart.
        colour = _between(_SCALES[dark], (k - 1) / max(3, steps(depth) - 1))
        found[f"t{k}"] = colour
        found[f"on{k}"] = "#ffffff" if _luminance(colour) < 0.3 else "#10151c"
    return found


def _between(scale: tuple[str, ...], place: float) -> str:
    """The colour at ``place`` in [0, 1] of a scale of equally spaced colours."""
    at = place * (len(scale) - 1)
    left = min(int(at), len(scale) - 2)
    share = at - left
    mixed = (a + share * (b - a) for a, b in zip(_rgb(scale[left]), _rgb(scale[left + 1]), strict=True))
    return "#" + "".join(f"{round(part):02x}" for part in mixed)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = (part / 255 for part in _rgb(colour))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
