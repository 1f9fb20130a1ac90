"""Images at other positions."""
import numpy as np

from families.node import FLOATS, FUNCTION, maybe, values
from random_ops import pick

RULES = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]


def roi_align(random, node, dtype):
    """Regions inside of an image and beside it, of less than a pixel and of all of them; some end before they begin."""
    shape = [pick(random, [1, 2]), pick(random, [1, 3, 8, 21]), *(int(d) for d in random.integers(1, 14, 2))]
    count, size = pick(random, [1, 2, 5]), max(shape[2:])
    attributes = {"spatial_scale": pick(random, [0.25, 0.5])} if maybe(random) else {}
    attributes |= {name: int(random.integers(1, 6)) for name in ("output_height", "output_width") if maybe(random, 0.8)}
    attributes |= {"sampling_ratio": pick(random, [0, 1, 2, 3])} if maybe(random, 0.7) else {}
    attributes |= {"mode": pick(random, ["avg", "avg", "max"])} if maybe(random, 0.7) else {}
    if node.opset >= 16 and maybe(random, 0.7):
        attributes["coordinate_transformation_mode"] = pick(random, ["half_pixel", "output_half_pixel"])
    begin = random.uniform(-3, size + 1, [count, 2])
    end = begin + random.uniform(pick(random, [0, 0, -1]), size * pick(random, [0.5, 1, 4]), [count, 2])
    boxes = (np.concatenate([begin, end], 1) / attributes.get("spatial_scale", 1)).astype(dtype)
    operands = [values(random, dtype, shape, False), boxes, random.integers(0, shape[0], count)]
    node.result("RoiAlign", [node.operand(operand) for operand in operands], dtype, 40 * FUNCTION, 4.0, **attributes)


def resample(random, node):
    """Resize of all opsets, modes and rules, Upsample, GridSample, AffineGrid, RoiAlign."""
    op = pick(random, ["Resize", "Resize", "Resize", "Resize", "GridSample", "GridSample" if node.opset >= 22 else "RoiAlign"] if node.opset >= 10 else ["Upsample"])
    dtype = pick(random, FLOATS)
    if op == "RoiAlign":
        # Whether a sample lies in the image, and how many there are, are decided by digits of positions.
        return roi_align(random, node, pick(random, [np.float32, np.float32, np.float64]))
    if op == "GridSample" and node.opset >= 20 and maybe(random, 0.3):
        dims = pick(random, [2, 2, 3])
        size = np.array([pick(random, [1, 2, 3]), 4, *random.integers(1 if maybe(random, 0.2) else 2, 8, dims)])
        attributes = {"align_corners": pick(random, [0, 1])} if maybe(random, 0.7) else {}
        theta = node.operand(values(random, dtype, [size[0], dims, dims + 1], False, -1, 1))
        node.result("AffineGrid", [theta, node.constant(size)], dtype, 4 * FUNCTION, 4.0, **attributes)
        return
    rank = pick(random, [1, 2, 2, 2, 3])
    shape = [pick(random, [1, 2]), pick(random, [1, 3, 5]), *(int(d) for d in random.choice(np.arange(2, 9), rank, replace=False))]
    value = node.operand(values(random, dtype, shape))
    if op == "GridSample":
        sizes = [int(d) for d in random.integers(1, 6, rank)]
        grid = node.operand(values(random, np.float32, [shape[0], *sizes, rank], False, -1.2, 1.2).astype(dtype if dtype != np.float64 else np.float64))
        attributes = {"mode": pick(random, ["linear", "nearest", "cubic"] if node.opset >= 20 else ["bilinear", "nearest", "bicubic"])}
        attributes |= {"padding_mode": pick(random, ["zeros", "border", "reflection"])} if maybe(random, 0.7) else {}
        attributes |= {"align_corners": pick(random, [0, 1])} if maybe(random, 0.7) else {}
        node.result(op, [value, grid], dtype, 40 * FUNCTION, 4.0, **attributes)
        return
    factors = [1.0, 1.0, *(pick(random, [1, 2, 3, 0.5, 1.5, 0.75, 1.25, 2.5]) for _ in range(rank))]
    # Scales are f32, and so are positions and weights, of f64 as well.
    slack, scale = (40 if dtype != np.float64 else 4e8) * FUNCTION, 4.0
    if op == "Upsample":
        factors = [max(f, 1.0) for f in factors]
        mode = pick(random, ["nearest", "linear"])
        attributes = {"mode": mode} if mode != "nearest" or maybe(random) else {}
        if node.opset < 9:
            node.result(op, [value], dtype, slack, scale, scales=factors, **attributes)
        else:
            node.result(op, [value, node.constant(np.array(factors, np.float32))], dtype, slack, scale, **attributes)
        return
    if node.opset == 10:
        mode = pick(random, ["nearest", "linear"])
        node.result(op, [value, node.constant(np.array(factors, np.float32))], dtype, slack, scale, mode=mode)
        return
    mode = pick(random, ["nearest", "linear", "cubic"])
    rules = list(RULES) + (["tf_half_pixel_for_nn"] if node.opset < 13 else []) + (["half_pixel_symmetric"] if node.opset >= 19 else [])
    rule = pick(random, rules + ["tf_crop_and_resize"])
    attributes = {"mode": mode} if mode != "nearest" or maybe(random) else {}
    attributes |= {"coordinate_transformation_mode": rule} if rule != "half_pixel" or maybe(random) else {}
    if mode == "nearest" and maybe(random, 0.7):
        attributes["nearest_mode"] = pick(random, ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
    if mode == "cubic":
        attributes |= {"cubic_coeff_a": pick(random, [-0.5, -0.75])} if maybe(random) else {}
        attributes |= {"exclude_outside": pick(random, [0, 1])} if maybe(random) else {}
    if node.opset >= 18 and mode != "nearest" and maybe(random, 0.3):
        attributes["antialias"] = 1
    axes = list(range(rank + 2))
    if node.opset >= 18 and maybe(random, 0.4):
        axes = list(range(2, rank + 2))
        attributes["axes"] = axes
    roi = ""
    if rule == "tf_crop_and_resize":
        low, high = random.uniform(0, 0.4, len(axes)), random.uniform(0.6, 1.2, len(axes))
        low[:len(axes) - rank], high[:len(axes) - rank] = 0, 1
        roi = node.constant(np.concatenate([low, high]).astype(np.float32))
        attributes |= {"extrapolation_value": 0.5} if maybe(random) else {}
    elif node.opset < 13:
        roi = node.constant(np.zeros([0], np.float32))
    if maybe(random):
        scales = node.constant(np.array([factors[a] for a in axes], np.float32))
        node.result(op, [value, roi, scales], dtype, slack, scale, **attributes)
    else:
        sizes = [*shape[:2], *(int(d) for d in random.integers(1, 14, rank))]
        if node.opset >= 18 and len(axes) == rank and maybe(random, 0.4):
            attributes["keep_aspect_ratio_policy"] = pick(random, ["stretch", "not_larger", "not_smaller"])
        scales = "" if node.opset >= 13 else node.constant(np.zeros([0], np.float32))
        node.result(op, [value, roi, scales, node.constant(np.array([sizes[a] for a in axes], np.int64))], dtype, slack, scale, **attributes)
