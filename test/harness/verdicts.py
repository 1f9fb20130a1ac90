"""Where onnxruntime and ONNX's reference evaluator differ: which of them follows the text of the operator, and why.

A verdict speaks where both give other results, and where only one of them runs the node. OFF_ALIKE lists where both are off in the same
way, and KNOWN what nncc itself gets wrong: the random comparison leaves out exactly that.
"""
from dataclasses import dataclass
from typing import Callable

import numpy as np
from onnx import helper

ORT, REFERENCE = "onnxruntime", "reference"
REDUCTIONS = ("ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")


@dataclass
class Verdict:
    """What is right of some operators where a condition holds.

    ops    the operators
    when   holds of the case, see Facts
    right  the oracles that are right: one, both (the text leaves it open), or none (the case is not made)
    reason in the words of the standard where it has some
    """
    ops: tuple[str, ...]
    when: Callable
    right: tuple[str, ...]
    reason: str


class Facts:
    """What verdicts ask of a case: its node, attributes, opset, and the types and values of its operands."""

    def __init__(self, node, graph, results=()):
        self.results = [value for values in dict(results).values() for value in values]
        self.runtime = [name for name in node.input if name in graph.inputs]
        self.node, self.op, self.opset = node, node.op_type, graph.opset
        self.attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute if not a.HasField("g")}
        known = graph.values()
        self.operands = [known.get(name) for name in node.input]
        self.types = {v.dtype for v in self.operands if v is not None} | {np.dtype(dtype) for _, dtype in graph.outputs}

    def has(self, index: int) -> bool:
        """Whether an optional operand is there."""
        return index < len(self.operands) and self.operands[index] is not None

    def has_both_bounds(self) -> bool:
        """Of Clip."""
        return {"min", "max"} <= self.attributes.keys() if self.opset < 11 else self.has(1) and self.has(2)

    def rank(self) -> int:
        """Of the first operand."""
        return self.operands[0].ndim

    def finite(self) -> bool:
        """Whether all floats among the operands are finite."""
        return all(np.isfinite(v.astype(np.float64)).all() for v in self.operands if v is not None and v.dtype.kind in "fV")

    def rule(self) -> bytes:
        """Of coordinates, of Resize."""
        return self.attributes.get("coordinate_transformation_mode", b"half_pixel")

    def quotient_overflows(self) -> bool:
        """Whether QuantizeLinear divides to what no 32-bit integer holds."""
        x, scale = (v.astype(np.float64) for v in self.operands[:2])
        return bool(x.size and np.nanmax(np.abs(x), initial=0) / scale.min() >= 2**31)

    def keeps_all_extents(self) -> bool:
        """Whether a Resize by scales rounds to the shape that was."""
        scales = self.attributes.get("scales", self.operands[-1] if self.has(1) else None)
        if self.op == "Resize" and self.opset > 10:
            scales = self.operands[2] if self.has(2) else None
        if scales is None or not len(scales):
            return False
        shape = np.array(self.operands[0].shape)[-len(scales):]
        return np.array_equal(np.floor(np.array(scales, np.float32) * shape), shape)

    def rounds_to_one(self) -> bool:
        """Whether a Resize by scales makes one pixel of more than one."""
        if not self.has(2) or not self.operands[2].size:
            return False
        dims = len(self.operands[2])
        extents = self.operands[2] * np.array(self.operands[0].shape[-dims:])
        return bool(((extents > 1) & (extents < 2)).any())

    def keeps_an_extent(self) -> bool:
        """Whether a Resize leaves an extent of the image as it is."""
        dims = self.rank() - 2
        if self.has(2) and self.operands[2].size:
            return bool((self.operands[2][-dims:] == 1).any())
        return bool((self.operands[3][-dims:] == np.array(self.operands[0].shape[-dims:])).any())

    def scales_to_the_same(self) -> bool:
        """Whether a Resize may scale a dim by another number than 1 and leave its extent, as one scale for all dims does."""
        if self.attributes.get("keep_aspect_ratio_policy", b"stretch") != b"stretch":
            return True
        if not self.has(2) or not self.operands[2].size:
            return False
        scales = self.operands[2]
        shape = np.array(self.operands[0].shape)[list(self.attributes.get("axes", range(self.rank())))]
        return bool(((np.floor(scales * shape) == shape) & (scales != 1)).any())

    def has_windows_of_padding(self) -> bool:
        """Whether windows lie in the padding as a whole."""
        kernel, pads = self.attributes.get("kernel_shape", ()), self.attributes.get("pads", ())
        return any(pad >= size for size, pad in zip([*kernel, *kernel], pads))

    def starts_before(self) -> bool:
        """Whether a Slice goes backwards from a place before the first element."""
        if not self.has(4):
            return False
        starts, steps, shape = self.operands[1], self.operands[4], self.operands[0].shape
        axes = self.operands[3] if self.has(3) else range(len(starts))
        return any(step < 0 and start + shape[axis] < 0 for start, axis, step in zip(starts.tolist(), axes, steps))

    def is_same(self) -> bool:
        """Whether windows are padded by rule to keep the extents."""
        return self.attributes.get("auto_pad", b"NOTSET").startswith(b"SAME")

    def jumps_over_elements(self) -> bool:
        """Whether windows are smaller than the steps between them."""
        kernel = self.attributes.get("kernel_shape") or (self.operands[1].shape[2:] if self.has(1) else ())
        return any(k < s for k, s in zip(kernel, self.attributes.get("strides", ())))

    def is_dilated(self) -> bool:
        """Whether windows have holes."""
        return any(d > 1 for d in self.attributes.get("dilations", ()))

    def activations(self) -> set[bytes]:
        """Of an RNN, GRU or LSTM, where they are named."""
        return set(self.attributes.get("activations", ()))

    def shows_raw_scores(self) -> bool:
        """An Attention whose fourth output is scores before softcap bounds them."""
        return len(self.node.output) > 3 and not self.attributes.get("qk_matmul_output_mode", 0) and self.attributes.get("softcap", 0) > 0

    def is_causal_behind_others(self) -> bool:
        """An Attention whose queries stand behind keys of the past."""
        return bool(self.attributes.get("is_causal", 0)) and self.has(4)

    def is_plain_recurrence(self) -> bool:
        """An RNN, GRU or LSTM of which the reference evaluator knows all attributes and operands."""
        return (not self.attributes.keys() & {"activations", "clip", "input_forget", "activation_alpha", "activation_beta"}
                and self.attributes.get("direction", b"forward") == b"forward" and not self.has(4))


def always(_) -> bool:
    """Of a whole operator."""
    return True


VERDICTS = [
    Verdict(("GlobalMaxPool",), lambda f: not f.finite() or f.rank() != 4, (),
            "onnxruntime skips NaN by the order of its comparisons, the reference reduces too few dims unless there are four"),
    Verdict(("GlobalAveragePool",), lambda f: f.rank() != 4, (ORT,), "the reference keeps the wrong dims unless there are four"),
    Verdict(("MaxPool",), lambda f: f.has_windows_of_padding(), (), "onnxruntime refuses windows of padding alone, and the reference makes 0 of them"),
    Verdict(("ReduceMax", "ReduceMin"), lambda f: not f.finite(), (REFERENCE,),
            "a maximum of numbers and NaN is NaN, as of Max; onnxruntime's depends on where the NaN stands"),
    Verdict(("MaxPool",), lambda f: not f.finite() and f.rank() == 4 and len(f.node.output) == 1 and not f.attributes.keys() & {"auto_pad", "ceil_mode", "dilations"},
            (REFERENCE,), "the same"),
    Verdict(("MaxPool",), lambda f: not f.finite(), (), "the same, and the reference's windows are wrong for all but the plainest form"),
    Verdict(("MaxPool",), lambda f: f.is_same() and f.is_dilated(), (),
            "onnxruntime forgets dilations where it pads by rule, and the reference puts windows elsewhere"),
    Verdict(("LpPool", "AveragePool"), lambda f: f.is_same() and f.is_dilated(), (),
            "the same, and the reference's own windows lie elsewhere"),
    Verdict(("MaxPool", "AveragePool", "LpPool", "Conv"), lambda f: f.is_same() and f.jumps_over_elements(), (),
            "by the formula fewer than no elements are padded: onnxruntime crops, refuses or pads by none, from one operator to the next"),
    Verdict(("LpPool",), lambda f: f.is_dilated(), (ORT,), "the reference forgets dilations in the extents of its result"),
    Verdict(("AveragePool",), always, (ORT,), "the reference forgets dilations, and where a window ends behind the image it pads the other side"),
    Verdict(("MaxPool",), always, (ORT,), "the reference pads at the end for SAME_LOWER, reads two pads of one dim as those of two dims, and counts "
            "indices within a channel"),
    Verdict(("ReduceLogSumExp",), lambda f: f.operands[0].dtype.kind in "iu", (REFERENCE,),
            "'data_double = Cast<to = 11>(data)': onnxruntime casts every exponential to an integer"),
    Verdict(("ReduceMean",), lambda f: f.operands[0].size == 0, (), "a mean of no numbers is undefined"),
    Verdict(REDUCTIONS, lambda f: f.operands[0].size == 0, (REFERENCE,), "onnxruntime does not count negative axes from the end of an empty tensor"),
    Verdict(("Gemm",), lambda f: f.operands[0].size == 0, (REFERENCE,), "beta * C is added to a product of no terms, too"),
    Verdict(("MatMul",), lambda f: any(v.size == 0 for v in f.operands), (REFERENCE,), "a product of no terms is 0, and its batches broadcast as others do"),
    Verdict(("Pow",), lambda f: not f.finite(), (ORT,), "the reference takes a root where the exponent is a half: IEEE 754 says pow(-inf, 0.5) = inf"),
    Verdict(("QLinearConv", "ConvInteger"), lambda f: f.rank() != 4, (ORT,), "the reference's result has a dim too many unless there are four"),
    Verdict(("ConvTranspose",), lambda f: f.is_same() and any(s > 1 for s in f.attributes.get("strides", ())), (),
            "'output_shape[i] = input_shape[i] * strides[i]', also where the window is smaller than the stride: both have other shapes there"),
    Verdict(("ConvTranspose",), lambda f: f.opset < 11 and "output_shape" in f.attributes, (),
            "the text of opset 1 pads the other side than that of opset 11, which says to have only corrected it"),
    Verdict(("ConvTranspose",), always, (ORT,), "the reference adds the first group's bias to all, and has output_shape's odd pad at the end"),
    Verdict(("Mod",), lambda f: f.attributes.get("fmod", 0) and f.operands[0].dtype.itemsize == 8, (REFERENCE,), "onnxruntime takes the remainder in f64"),
    Verdict(("Shrink",), always, (REFERENCE,), "'y = x - bias' in the type of x; onnxruntime computes f64 in f32, and compares unsigned with -lambd"),
    Verdict(("Sigmoid",), always, (REFERENCE,), "onnxruntime's approximation is 0 below -18 and less exact than its other functions"),
    Verdict(("Erf",), lambda f: np.dtype(np.float64) in f.types, (), "onnxruntime has no kernel of it, and the reference computes it in f32"),
    Verdict(("PRelu",), lambda f: not f.finite(), (ORT,), "'f(x) = x for x >= 0', whatever the slope"),
    Verdict(("Clip",), lambda f: not f.finite(), (ORT,), "the bounds 'default to numeric_limits::lowest() and numeric_limits::max()'"),
    Verdict(("Softmax", "LogSoftmax", "Hardmax"), lambda f: f.opset < 13, (ORT,), "up to opset 12 all dims from the axis on are one, which the reference does not know"),
    Verdict(("LogSoftmax",), always, (ORT,), "the reference takes the logarithm of what has become 0"),
    Verdict(("BatchNormalization",), lambda f: f.attributes.get("training_mode", 0), (REFERENCE,), "onnxruntime does not train"),
    Verdict(("BatchNormalization",), lambda f: f.opset < 14, (ORT,), "the reference computes a step of training"),
    Verdict(("GroupNormalization", "LayerNormalization"), lambda f: np.dtype(np.float64) in f.types, (ORT, REFERENCE),
            "stash_type is f32 unless it is given, and computing in f64 is no worse"),
    Verdict(("LRN",), always, (ORT,), "the reference normalizes as many channels as the batch has images"),
    Verdict(("LpNormalization",), lambda f: f.attributes.get("p", 2) == 1, (ORT,), "a norm is of absolute values, which the reference forgets for p = 1"),
    Verdict(("MeanVarianceNormalization",), always, (REFERENCE,), "the function's body adds 1e-9 to the standard deviation"),
    Verdict(("Unsqueeze",), lambda f: f.opset < 13, (ORT,), "'axes' count the dims of the result, negative ones from its end"),
    Verdict(("Slice",), lambda f: f.opset >= 10 and f.starts_before(), (), "'clamped to [0, dims[axes[i]]-1] for negative stepping', as onnxruntime has it: "
            "Python, and so the reference, begins before the first element; onnxruntime has other mistakes"),
    Verdict(("Slice",), lambda f: f.opset >= 10, (REFERENCE,), "'end values are clamped to [-1, dims[axes[i]]-1] for negative stepping': INT_MAX is no "
            "start of a dim"),
    Verdict(("Range",), always, (REFERENCE,), "onnxruntime counts the elements of 64-bit ranges in f64"),
    Verdict(("NonZero",), lambda f: f.rank() == 0, (REFERENCE,), "'for scalar input, NonZero produces output shape (0, N)'"),
    Verdict(("OneHot",), always, (ORT,), "the reference computes the values from their difference, which rounds"),
    Verdict(("QuantizeLinear",), always, (ORT,), "'y = saturate((x / y_scale) + y_zero_point)': the reference casts to int32 before it saturates"),
    Verdict(("Resize",), lambda f: f.rule() == b"tf_crop_and_resize" and (f.keeps_an_extent() or f.keeps_all_extents()), (),
            "onnxruntime crops no dim whose size stays, and the reference takes an unrounded length in the others"),
    Verdict(("Resize", "Upsample"), lambda f: f.keeps_all_extents() and f.opset < 11, (), "onnxruntime copies where no extent changes, whatever the scales"),
    Verdict(("Resize",), lambda f: f.keeps_all_extents(), (REFERENCE,), "the same"),
    Verdict(("Resize",), lambda f: f.opset == 10, (ORT,), "the reference takes the rules of opset 11; those of 10 are Upsample's"),
    Verdict(("Resize",), lambda f: f.rule() == b"pytorch_half_pixel" and f.rounds_to_one(), (),
            "'length_resized > 1' is of the rounded length by the text, and of the unrounded one by the rule of aligned corners"),
    Verdict(("Resize",), lambda f: (f.attributes.get("antialias", 0) or f.attributes.get("mode") == b"cubic") and f.rule() == b"align_corners", (),
            "onnxruntime takes a rounded length, and the reference loses a tap where a position is a whole number"),
    Verdict(("Resize",), lambda f: f.attributes.get("antialias", 0) and f.scales_to_the_same(), (),
            "the same of the reference; onnxruntime copies along a dim whose extent stays, whatever its scale"),
    Verdict(("Resize",), lambda f: f.attributes.get("antialias", 0) or f.attributes.get("mode") == b"cubic", (ORT,),
            "the reference loses a tap where a position is a whole number"),
    Verdict(("Resize",), lambda f: f.rule() == b"tf_crop_and_resize", (ORT,), "'length_resized is the length of the resized tensor', a whole number"),
    Verdict(("Resize",), lambda f: f.rule() == b"align_corners", (REFERENCE,),
            "for aligned corners it is scale * extent, unrounded: so do ONNX's own test data have it"),
    Verdict(("Resize",), lambda f: f.attributes.get("mode", b"nearest") == b"nearest" and f.has(3), (ORT, REFERENCE),
            "sizes make scales that f32 does not hold: positions just below a whole number are rounded either way"),
    Verdict(("Resize",), lambda f: f.rule() == b"half_pixel_symmetric", (ORT,), "the reference loses a tap where a position is a whole number"),
    Verdict(("Shape",), always, (ORT,), "'if the start axis is beyond the end axis, the result is empty', also where both are clamped"),
    Verdict(("GridSample",), lambda f: f.attributes.get("mode") == b"cubic" and f.rank() != 4 and f.attributes.get("padding_mode", b"zeros") != b"zeros", (),
            "as below, and onnxruntime, whose taps are moved, has images alone"),
    Verdict(("GridSample",), lambda f: f.attributes.get("mode") in (b"cubic", b"bicubic"), (ORT, REFERENCE),
            "the text leaves open whether a location beyond the border is moved there, or each of its taps"),
    Verdict(("RoiAlign",), lambda f: f.opset < 16, (ORT,), "opset 10 knows no half pixel, which the reference takes from"),
    Verdict(("Attention",), lambda f: f.shows_raw_scores() and (np.dtype(np.float64) in f.types or f.is_causal_behind_others()), (),
            "onnxruntime is off as below, and the reference shows scores that softcap has bounded"),
    Verdict(("Attention",), lambda f: f.shows_raw_scores(), (ORT,), "'0: raw QK matmul result': the reference shows what softcap made of it"),
    Verdict(("Attention",), lambda f: np.dtype(np.float64) in f.types, (REFERENCE,), "onnxruntime's functions have constants of f32"),
    Verdict(("Attention",), lambda f: f.is_causal_behind_others(), (REFERENCE,),
            "'query i attends key j iff j <= i + past_sequence_length': onnxruntime counts from the end of the keys"),
    Verdict(("Loop",), always, (ORT,), "the condition may be left out, and scan outputs are stacked along a new axis"),
    Verdict(("RNN", "GRU", "LSTM"), lambda f: f.activations() & {b"Affine", b"ThresholdedRelu", b"ScaledTanh"} and "activation_alpha" not in f.attributes, (),
            "'default values are the same as of corresponding ONNX operators', 1 of the first two: onnxruntime takes 0; the third has none"),
    Verdict(("LSTM",), lambda f: "clip" in f.attributes, (), "clip 'is applied to the input of activations': onnxruntime leaves out that of h"),
    Verdict(("RNN", "GRU", "LSTM"), lambda f: not f.is_plain_recurrence(), (ORT,), "the reference ignores activations, clip, lengths and directions"),
]

OFF_ALIKE = [
    Verdict(("Gelu",), lambda f: np.dtype(np.float64) in f.types, (),
            "both run the function's body, whose constants are f32: 0.044715 and 2 / pi are off by 3e-8; exact_values.py has the text's own"),
    Verdict(("GridSample",), lambda f: np.dtype(np.float64) in f.types, (), "both compute positions of f64 in f32: exact_values.py has them in f64"),
    Verdict(("GroupNormalization",), lambda f: np.dtype(np.float64) in f.types and f.opset >= 21 and f.attributes.get("stash_type", 1) == 1, (),
            "stash_type is f32 unless it is given, and both compute so; computing in f64 is no worse: exact_values.py"),
    Verdict(("Attention",), lambda f: np.dtype(np.float64) in f.types and "scale" in f.attributes, (),
            "both multiply queries and keys with a root of the scale that f32 has rounded: exact_values.py"),
    Verdict(("QuantizeLinear",), lambda f: "block_size" in f.attributes and f.quotient_overflows(), (),
            "'y = saturate((x / y_scale) + y_zero_point)': in blocks onnxruntime casts to int32 before it saturates, too; exact_values.py"),
]

KNOWN = [
    Verdict(("Clip",), lambda f: not f.finite() and not f.has_both_bounds(), (),
            "a bound that is not given is infinite: the text says the largest number, which would make another function of relu, Clip(x, 0)"),
]


def find(table, facts: Facts) -> Verdict | None:
    """The first row that speaks of a case."""
    return next((v for v in table if facts.op in v.ops and v.when(facts)), None)
