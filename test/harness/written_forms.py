"""Activations and normalizations as exporters write them out, by several nodes: what nncc has to recognise.

A form is a function of a random_ops.Graph and the name of a tensor; it adds nodes and returns the name of the result. Those of
ACTIVATIONS work on [N, channels, H, W], those of NORMS on [N, rows, columns] with the last axis normalized.
"""
import numpy as np

ACTIVATIONS, NORMS = {}, {}
SQRT2, SLOPE = np.sqrt(2), np.sqrt(2 / np.pi)


def form(table):
    def add(function):
        table[function.__name__] = function
        return function
    return add


class Words:
    """Node names as methods, numbers as operands: w.mul(x, 3)."""

    def __init__(self, graph):
        self.graph = graph

    def __getattr__(self, op):
        names = {"hardsigmoid": "HardSigmoid", "greaterorequal": "GreaterOrEqual", "leakyrelu": "LeakyRelu"}

        def node(*operands, **attributes):
            return self.graph.node(names.get(op, op.capitalize()), [self.operand(v) for v in operands], **attributes)
        return node

    def operand(self, value):
        return value if isinstance(value, str) else self.graph.constant(np.asarray(value, np.float32))

    def slopes(self, x, random, channels):
        return self.graph.constant(random.uniform(0.05, 0.95, [channels, 1, 1]).astype(np.float32))

    def mean(self, x, axes=(-1,)):
        return self.graph.node("ReduceMean", [x], axes=list(axes), keepdims=1)

    def sum(self, x, axes=(-1,)):
        return self.graph.node("ReduceSum", [x, self.graph.constant(np.array(axes, np.int64))], keepdims=1)

    def most(self, x):
        return self.graph.node("ReduceMax", [x], axes=[-1], keepdims=1)


def _clip6(w, x):
    return w.clip(w.add(x, 3), 0, 6)


ACTIVATIONS.update({
    "hard_swish": lambda w, x, s: w.mul(x, w.hardsigmoid(x, alpha=1 / 6, beta=0.5)),
    "hard_swish_mul_div": lambda w, x, s: w.div(w.mul(x, _clip6(w, x)), 6),
    "hard_swish_swapped": lambda w, x, s: w.div(w.mul(w.clip(w.add(3, x), 0, 6), x), 6),
    "hard_swish_div_mul": lambda w, x, s: w.mul(x, w.div(_clip6(w, x), 6)),
    "hard_swish_sixth": lambda w, x, s: w.mul(w.mul(x, 1 / 6), _clip6(w, x)),
    "hard_swish_min_relu": lambda w, x, s: w.mul(x, w.mul(w.min(w.relu(w.add(x, 3)), 6), 1 / 6)),
    "hard_swish_min_max": lambda w, x, s: w.div(w.mul(x, w.min(w.max(w.add(x, 3), 0), 6)), 6),
    "hard_swish_scaled": lambda w, x, s: w.mul(x, w.clip(w.add(w.mul(x, 1 / 6), 0.5), 0, 1)),
    "hard_sigmoid": lambda w, x, s: w.div(_clip6(w, x), 6),
    "sigmoid": lambda w, x, s: w.div(1, w.add(1, w.exp(w.neg(x)))),
    "silu": lambda w, x, s: w.mul(w.sigmoid(x), x),
    "silu_exp": lambda w, x, s: w.div(x, w.add(1, w.exp(w.neg(x)))),
    "gelu_x_e_half": lambda w, x, s: w.mul(w.mul(x, w.add(w.erf(w.div(x, SQRT2)), 1)), 0.5),
    "gelu_half_x_e": lambda w, x, s: w.mul(w.mul(x, 0.5), w.add(w.erf(w.div(x, SQRT2)), 1)),
    "gelu_half_e_x": lambda w, x, s: w.mul(x, w.mul(0.5, w.add(w.erf(w.mul(x, 1 / SQRT2)), 1))),
    "gelu_e_x_half": lambda w, x, s: w.mul(0.5, w.mul(w.add(1, w.erf(w.mul(x, 1 / SQRT2))), x)),
    "gelu_div_two": lambda w, x, s: w.div(w.mul(x, w.add(w.erf(w.div(x, SQRT2)), 1)), 2),
    "gelu_half_erf": lambda w, x, s: w.mul(x, w.add(w.mul(w.erf(w.div(x, SQRT2)), 0.5), 0.5)),
    "gelu_tanh_pow": lambda w, x, s: w.mul(w.mul(0.5, x), w.add(1, w.tanh(w.mul(SLOPE, w.add(x, w.mul(0.044715, w.pow(x, 3))))))),
    "gelu_tanh_gate": lambda w, x, s: w.mul(x, w.mul(0.5, w.add(1, w.tanh(w.mul(
        w.mul(x, SLOPE), w.add(1, w.mul(w.mul(x, 0.044715), x))))))),
    "gelu_tanh_cube": lambda w, x, s: w.mul(w.mul(x, w.add(1, w.tanh(w.mul(
        w.add(x, w.mul(w.mul(w.mul(x, x), x), 0.044715)), SLOPE)))), 0.5),
    "mish": lambda w, x, s: w.mul(x, w.tanh(w.softplus(x))),
    "mish_log": lambda w, x, s: w.mul(x, w.tanh(w.log(w.add(1, w.exp(x))))),
    "prelu_two_relus": lambda w, x, s: w.add(w.relu(x), w.mul(s(), w.neg(w.relu(w.neg(x))))),
    "prelu_sub": lambda w, x, s: w.sub(w.relu(x), w.mul(s(), w.relu(w.neg(x)))),
    "prelu_abs": lambda w, x, s: w.add(w.relu(x), w.mul(w.mul(s(), w.sub(x, w.abs(x))), 0.5)),
    "prelu_where": lambda w, x, s: w.where(w.greater(x, 0), x, w.mul(x, s())),
    "prelu_where_less": lambda w, x, s: w.where(w.less(x, 0), w.mul(x, s()), x),
    "prelu_min_max": lambda w, x, s: w.add(w.max(x, 0), w.mul(s(), w.min(x, 0))),
    "prelu_max": lambda w, x, s: w.max(x, w.mul(x, s())),
    "leaky_max": lambda w, x, s: w.max(x, w.mul(x, 0.2)),
    "leaky_where": lambda w, x, s: w.where(w.greaterorequal(x, 0), x, w.mul(x, 0.2)),
    "leaky_sub": lambda w, x, s: w.sub(w.relu(x), w.mul(0.2, w.relu(w.neg(x)))),
})


def _affine(w, y, p):
    return w.add(w.mul(y, p()), p())


def _deviation(w, d):
    return w.sqrt(w.add(w.mean(w.mul(d, d)), 1e-4))


def _layer_norm(w, x, p, square=lambda w, d: w.mul(d, d), mean=Words.mean, scale=_affine):
    d = w.sub(x, mean(w, x))
    return scale(w, w.div(d, w.sqrt(w.add(mean(w, square(w, d)), 1e-4))), p)


@form(NORMS)
def layer_norm_pow(w, x, p):
    return _layer_norm(w, x, p, square=lambda w, d: w.pow(d, 2))


@form(NORMS)
def layer_norm_mul(w, x, p):
    return _layer_norm(w, x, p)


@form(NORMS)
def layer_norm_sums(w, x, p):
    return _layer_norm(w, x, p, mean=lambda w, v: w.mul(w.sum(v), 1 / w.columns))


@form(NORMS)
def layer_norm_unscaled(w, x, p):
    return _layer_norm(w, x, p, scale=lambda w, y, p: y)


@form(NORMS)
def layer_norm_two_subs(w, x, p):
    mean = w.mean(x)
    return _affine(w, w.div(w.sub(x, mean), _deviation(w, w.sub(x, mean))), p)


@form(NORMS)
def layer_norm_reciprocal(w, x, p):
    d = w.sub(x, w.mean(x))
    return w.add(p(), w.mul(p(), w.mul(d, w.reciprocal(_deviation(w, d)))))


@form(NORMS)
def layer_norm_shifted(w, x, p):
    mean = w.mean(x)
    s = w.mul(w.reciprocal(_deviation(w, w.sub(x, mean))), p())
    return w.add(w.mul(x, s), w.sub(p(), w.mul(mean, s)))


NORMS.update({
    "rms_norm": lambda w, x, p: w.mul(w.mul(x, w.reciprocal(w.sqrt(w.add(w.mean(w.pow(x, 2)), 1e-4)))), p()),
    "rms_norm_div": lambda w, x, p: w.mul(p(), w.div(x, w.sqrt(w.add(w.mean(w.mul(x, x)), 1e-4)))),
    "l2_norm": lambda w, x, p: w.div(x, w.sqrt(w.sum(w.mul(x, x)))),
    "softmax": lambda w, x, p: (lambda e: w.div(e, w.sum(e)))(w.exp(x)),
    "softmax_shifted": lambda w, x, p: (lambda e: w.div(e, w.sum(e)))(w.exp(w.sub(x, w.most(x)))),
    "log_softmax": lambda w, x, p: w.log(w.graph.node("Softmax", [x], axis=-1)),
})


def activation(random, graph, x, channels):
    """One of ACTIVATIONS on x."""
    name = sorted(ACTIVATIONS)[int(random.integers(len(ACTIVATIONS)))]
    words = Words(graph)
    return ACTIVATIONS[name](words, x, lambda: words.slopes(x, random, channels))


def norm(random, graph, x, columns):
    """One of NORMS on x."""
    name = sorted(NORMS)[int(random.integers(len(NORMS)))]
    words = Words(graph)
    words.columns = columns
    return NORMS[name](words, x, lambda: graph.constant(random.uniform(0.5, 1.5, [columns]).astype(np.float32)))
