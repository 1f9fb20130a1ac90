"""The attributes that convolutions and pooling share."""
from families.node import maybe
from random_ops import pick

RANKS = [1] * 6 + [2] * 20 + [3]


def window(random, rank: int, names: bool = True) -> tuple[dict, list[int], list[int]]:
    """Random attributes of a window over `rank` dims, its extents, and the image's extents that it fits in."""
    kernel = [int(k) for k in random.integers(1, 5 if rank < 3 else 3, rank)]
    dilations = [pick(random, [1, 1, 1, 2, 3]) if maybe(random, 0.4) else 1 for _ in range(rank)]
    strides = [pick(random, [1, 1, 2, 3]) if maybe(random, 0.6) else 1 for _ in range(rank)]
    pads = [int(random.integers(0, (k - 1) * d + 1)) if maybe(random, 0.5) else 0 for k, d in zip(kernel * 2, dilations * 2)]
    image = [(k - 1) * d + int(random.integers(1, {1: 30, 2: 9}.get(rank, 5))) for k, d in zip(kernel, dilations)]
    attributes = {}
    if any(s != 1 for s in strides) or maybe(random, 0.3):
        attributes["strides"] = strides
    if any(d != 1 for d in dilations) or maybe(random, 0.2):
        attributes["dilations"] = dilations
    rule = pick(random, ["", "", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]) if names else ""
    if rule:
        attributes["auto_pad"] = rule
    if rule in ("", "NOTSET") and (any(pads) or maybe(random, 0.3)):
        attributes["pads"] = pads
    return attributes, kernel, image
