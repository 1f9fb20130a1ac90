"""RNN, GRU and LSTM."""
import numpy as np

from families.node import FLOATS, FUNCTION, maybe, values
from random_ops import pick

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
FUNCTIONS = {"RNN": 1, "GRU": 2, "LSTM": 3}  # per direction
ACTIVATIONS = ["Sigmoid", "Tanh", "Relu", "HardSigmoid", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "Affine", "Elu", "Softsign", "Softplus"]


def recurrent(random, node):
    """Both directions, all optional inputs and outputs, activations with and without their parameters, clipping, peepholes."""
    op = pick(random, list(GATES))
    dtype = pick(random, [np.float32, np.float32, np.float64, np.float16])
    dtype = np.dtype(dtype)
    direction = pick(random, ["forward", "reverse", "bidirectional"])
    ways = 2 if direction == "bidirectional" else 1
    steps, batch, width, hidden = int(random.integers(1, 5)), pick(random, [1, 2, 3]), int(random.integers(1, 7)), int(random.integers(1, 7))
    gates = GATES[op]
    attributes = {"hidden_size": hidden}
    attributes |= {"direction": direction} if direction != "forward" or maybe(random) else {}
    batch_first = node.opset >= 14 and maybe(random, 0.25)
    attributes |= {"layout": 1} if batch_first else {}

    def tensor(*shape):
        return node.operand(values(random, dtype, shape, False, -0.7, 0.7))

    x = tensor(*((batch, steps) if batch_first else (steps, batch)), width)
    state = (batch, ways, hidden) if batch_first else (ways, batch, hidden)
    operands = [x, tensor(ways, gates * hidden, width), tensor(ways, gates * hidden, hidden)]
    extra = [lambda: tensor(ways, 2 * gates * hidden),
             lambda: node.operand(random.integers(1, steps + 1, batch).astype(np.int32)), lambda: tensor(*state)]
    if op == "LSTM":
        extra += [lambda: tensor(*state), lambda: tensor(ways, 3 * hidden)]
    given = [maybe(random, share) for share in (0.6, 0.25, 0.4, 0.4, 0.3)][:len(extra)]
    while given and not given[-1]:
        given.pop()
    operands += [make() if use else "" for make, use in zip(extra, given)]
    if maybe(random, 0.4):
        # Of values of 16 bits some lie at its step, which a rounding jumps over.
        known = [name for name in ACTIVATIONS if name != "ThresholdedRelu" or dtype != np.float16]
        names = [pick(random, known) for _ in range(FUNCTIONS[op] * ways)]
        attributes["activations"] = names
        if maybe(random):
            parameters = {"HardSigmoid": (0.3, 0.4), "LeakyRelu": (0.1,), "ThresholdedRelu": (0.2,), "ScaledTanh": (0.8, 0.7),
                          "Affine": (0.9, 0.1), "Elu": (0.8,)}
            # The k-th value belongs to the k-th function that has such a parameter.
            attributes["activation_alpha"] = [parameters[name][0] for name in names if name in parameters]
            attributes["activation_beta"] = [parameters[name][1] for name in names if len(parameters.get(name, ())) > 1]
            for key in ("activation_alpha", "activation_beta"):
                if not attributes[key]:
                    del attributes[key]
    attributes |= {"clip": 0.4} if maybe(random, 0.2) else {}
    if op == "GRU" and maybe(random, 0.4):
        attributes["linear_before_reset"] = pick(random, [0, 1])
    if op == "LSTM" and maybe(random, 0.1):
        attributes["input_forget"] = 1
    dtypes = [dtype, dtype] + ([dtype] if op == "LSTM" else [])
    if maybe(random, 0.3):
        dtypes[0] = None
    if maybe(random, 0.3):
        dtypes = dtypes[:1] if dtypes[0] is not None else dtypes
    node.results(op, operands, dtypes, 10 * FUNCTION, 1.0, **attributes)
    node.halves = 2.5  # gates and states are tensors
