"""What only people who work on nncc should ever read: where it stands on standard error, the mistake is nncc's own.

Every test that runs nncc asks `inner_words`, so no refusal of any file says the compiler's inner words to a user.
"""
import re

INNER_WORDS = re.compile("|".join((
    r"internal error",
    r"see current operation",
    r"failed to legalize",
    r"error: '[\w]+\.[\w.]+' op ",  # MLIR's own prefix of errors about an op
    r"LLVM ERROR",
    r"Assertion `",
    r"terminate called",
    r"Stack dump",
    r"PLEASE submit",
    r"out of memory",
    r"bad_alloc",
)))


def inner_words(stderr: str) -> str | None:
    """The first line of standard error with inner words; None where there is none."""
    return next((line for line in stderr.splitlines() if INNER_WORDS.search(line)), None)
