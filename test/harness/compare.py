"""When two results are equal: the one tolerance of all numeric tests.

Float outputs: max|error| <= 1e-4 x max|reference| (about 1000 roundings of f32: sums are taken in another order), cosine >= 0.99999,
and the same largest element where the output is a distribution. Integers and booleans: exact.
A reference that is almost zero or constant would make any test green: it makes the test invalid instead.
"""
import numpy as np

RELATIVE_ERROR = 1e-4
COSINE = 0.99999
# Storage types with fewer bits than f32 round each stored element: half a unit in the last place, and once more in the reference.
RELATIVE_ERROR_OF = {"float16": 2e-3, "bfloat16": 1.6e-2}


# Where f32 tensors are stored as f16, of the range of the reference: the most that networks of the tests lose by it.
STORED_AS_HALVES = 8e-3
# Where products are added up in f16, too.
ADDED_AS_HALVES = 2e-2


def invalid_reference(reference: np.ndarray) -> str | None:
    """Why a reference proves nothing, or None when it does."""
    if reference.size == 0 or reference.dtype.kind not in "fV":
        return None
    values = reference.astype(np.float64)
    if not np.isfinite(values).all():
        return "the reference has elements that are not finite"
    if np.abs(values).max() < 1e-6:
        return f"the reference is almost zero (max|reference| = {np.abs(values).max():.3g})"
    if reference.size > 1 and np.ptp(values) <= 1e-4 * np.abs(values).max():
        return f"the reference is almost constant ({values.min():.6g} to {values.max():.6g})"
    return None


def is_distribution(reference: np.ndarray) -> bool:
    """True where the last axis sums to 1, as after a softmax."""
    return (reference.dtype.kind == "f" and reference.ndim > 0 and reference.shape[-1] > 1 and reference.size > 0
            and bool((reference >= 0).all()) and bool(np.allclose(reference.sum(-1), 1, atol=1e-3)))


def difference(got: np.ndarray, reference: np.ndarray, least_scale: float = 0) -> str | None:
    """What is wrong with `got`, in one line, or None when it equals the reference within the tolerance.

    least_scale  the error is relative to this where the whole reference is smaller: 1 for what comes out of a saturated sigmoid
    """
    if got.dtype != reference.dtype:
        return f"element type {got.dtype}, expected {reference.dtype}"
    if got.shape != reference.shape:
        return f"shape {list(got.shape)}, expected {list(reference.shape)}"
    if reference.size == 0:
        return None
    if reference.dtype.kind not in "fV":
        wrong = np.argwhere(got != reference)
        if len(wrong):
            at = tuple(int(i) for i in wrong[0])
            return f"{len(wrong)} of {reference.size} elements differ, first at {list(at)}: {got[at]}, expected {reference[at]}"
        return None
    a, b = got.astype(np.float64), reference.astype(np.float64)
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.isfinite(a[finite]).all():
        return f"{int((~np.isfinite(a)).sum())} elements are not finite, expected {int((~finite).sum())}"
    a, b = a[finite], b[finite]
    if b.size == 0:
        return None
    limit = RELATIVE_ERROR_OF.get(reference.dtype.name, RELATIVE_ERROR) * max(np.abs(b).max(), least_scale)
    error = np.abs(a - b)
    if error.max() > limit:
        at = np.unravel_index(np.flatnonzero(finite.ravel())[int(error.argmax())], reference.shape)
        return (f"max|error| {error.max():.4g} > {limit:.4g} at {[int(i) for i in at]}: {got[at]:.8g}, expected {reference[at]:.8g}; "
                f"{int((error > limit).sum())} of {b.size} elements beyond the limit")
    if reference.dtype.name not in RELATIVE_ERROR_OF and np.abs(b).max() >= least_scale and cosine(a, b) < COSINE:
        return f"cosine {cosine(a, b):.7f} < {COSINE}"
    if is_distribution(reference):
        # Two best classes that are nearer to each other than the tolerance are a tie.
        chosen = np.take_along_axis(reference, got.argmax(-1)[..., None], -1)[..., 0]
        if (reference.max(-1) - chosen > 2 * limit).any():
            return "another class is the most probable one"
    return None


def error_of_range(got: np.ndarray, reference: np.ndarray, least_range: float = 0) -> float:
    """The largest error as a part of the reference's range, its largest number or `least_range`, whatever is largest; infinite where an
    element is not finite."""
    values = reference.astype(np.float64)
    if not values.size:
        return 0
    error = np.abs(got.astype(np.float64) - values).max()
    return float(error / max(np.ptp(values), np.abs(values).max(), least_range, 1e-30)) if np.isfinite(error) else float("inf")


def difference_of_halves(got: np.ndarray, reference: np.ndarray, limit: float = STORED_AS_HALVES, least_range: float = 0) -> str | None:
    """What is wrong with a result whose tensors were stored as f16, or None.

    least_range  of the sums behind it, where these are f16 and a function leaves only a part of their range
    """
    if got.dtype != reference.dtype or got.shape != reference.shape or reference.dtype.kind != "f":
        return difference(got, reference)
    error = error_of_range(got, reference, least_range)
    return None if error <= limit else f"max|error| is {error:.2e} of the range, more than {limit}"


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """The cosine between two vectors; 1 where both are zero. Scaled first: squares of large numbers overflow."""
    scale_a, scale_b = np.abs(a).max(), np.abs(b).max()
    if scale_a == 0 or scale_b == 0:
        return 1.0 if scale_a == scale_b else 0.0
    a, b = a / scale_a, b / scale_b
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def summary(got: np.ndarray, reference: np.ndarray) -> str:
    """Error statistics of a comparison that passed, for the log."""
    if reference.dtype.kind != "f" or reference.size == 0:
        return "exact"
    a, b = got.astype(np.float64).ravel(), reference.astype(np.float64).ravel()
    scale = np.abs(b).max() or 1
    return f"max|error| {np.abs(a - b).max() / scale:.1e} x max|reference| {scale:.4g}, 1 - cosine {abs(1 - cosine(a, b)):.0e}"
