// LSTM, GRU and RNN, and the LSTM of onnxruntime that quantizes as it runs, unrolled: one matrix product for the inputs
// of all steps, then a product and gates per step.
#include "dialects/nn/Kinds.h"
#include "lib/import/onnx/Activation.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/ModelFile.h"
#include "lib/import/onnx/Quantize.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

/// More steps than this make more code than anybody wants.
constexpr int64_t kMaxSteps = 1024;

/// A matrix that rows are multiplied with.
struct Weights {
  Value matrix;    ///< [N, K]; of quantized weights [K, N], integers of 8 bits
  Value scale;     ///< of quantized weights: [1, 1] or [1, N]
  Value zeroPoint; ///< as the scale, or null
};

/// What the three operators share. Weights are read per direction.
class Recurrent {
public:
  /// gates        4 for LSTM, 3 for GRU, 1 for RNN
  /// isQuantized  weights are integers, [K, N] for each direction; their scales and zero points are inputs 8 to 11
  Recurrent(Node &node, int64_t gates, ArrayRef<std::string> functions, bool isQuantized = false)
      : node(node), gates(gates), isQuantized(isQuantized) {
    readAttributes(functions);
  }

  bool isReady() const { return !node.failed(); }

  /// Runs all directions; `step` makes the new state from the gates' inputs.
  template <typename Step> void run(bool hasCell, Step step);

  Value apply(const Activation &f, Value x) {
    if (clip > 0)
      x = node.unary(kind::clip, x, -clip, clip);
    return activate(node, f, x);
  }

  Value add(Value a, Value b) { return node.binary(kind::add, a, b); }
  Value sub(Value a, Value b) { return node.binary(kind::sub, a, b); }
  Value mul(Value a, Value b) { return node.binary(kind::mul, a, b); }
  Value one(Value like) { return node.scalar(1, like); }
  /// Columns of gate g: [B, gates * H] -> [B, H].
  Value gate(Value x, int64_t g) { return node.slice(x, 1, g * hidden, hidden); }
  /// x [B, K] times weights, and a bias [N] that may be null.
  Value times(Value x, const Weights &w, Value bias = {}) {
    if (!w.scale)
      return node.make<MatMulOp>(x, w.matrix, bias, true);
    Value product = multiplyDynamically(node, x, w.matrix, w.zeroPoint, w.scale);
    return bias ? add(product, bias) : product;
  }
  /// Rows of direction `d`: [D, ...] -> [...].
  Value ofDirection(Value x, int64_t d) {
    if (!x)
      return {};
    return node.reshape(node.slice(x, 0, d, 1), shapeOf(x).drop_front());
  }

  Node &node;
  int64_t gates, hidden = 0, directions = 1, steps = 0, batch = 0;
  double clip = 0;
  SmallVector<Activation> functions; ///< of all directions
  bool batchFirst = false, isReverse = false, isQuantized;
  // Of the direction at work:
  Weights recurrent;              ///< N = gates * H, K = H
  Value inputBias, recurrentBias; ///< [gates * H] each, or null
  Value peepholes;                ///< [3 * H], or null

private:
  void readAttributes(ArrayRef<std::string> defaults) {
    std::string direction = node.text("direction", "forward");
    if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
      return node.error("direction '" + direction + "' is not known", "it is forward, reverse or bidirectional");
    directions = direction == "bidirectional" ? 2 : 1;
    isReverse = direction == "reverse";
    batchFirst = node.flag("layout", false);
    clip = node.number("clip", 0);
    node.ignore({"output_sequence"});
    hidden = node.integer("hidden_size", 0);
    SmallVector<std::string> all;
    for (int64_t d = 0; d < directions; ++d)
      all.append(defaults.begin(), defaults.end());
    SmallVector<std::string> names = node.texts("activations", all);
    SmallVector<double> alphas = node.numbers("activation_alpha"), betas = node.numbers("activation_beta");
    if (names.size() != all.size())
      return node.error("has " + Twine(names.size()) + " activations, needs " + Twine(all.size()));
    // Parameters stand in the lists in the order of the functions that take any.
    size_t nextAlpha = 0, nextBeta = 0;
    for (const std::string &name : names) {
      Activation f = withDefaults(name);
      f.name = name;
      if (parametersOf(name) > 0 && nextAlpha < alphas.size())
        f.alpha = alphas[nextAlpha++];
      if (parametersOf(name) > 1 && nextBeta < betas.size())
        f.beta = betas[nextBeta++];
      functions.push_back(f);
    }
    for (size_t i : {0, 1, 2})
      if (!(isQuantized && i > 0 ? requireByte(node, i) : node.requireFloat(i)) || !node.requireRank(i, 3, 3))
        return;
    ArrayRef<int64_t> x = node.shape(0), w = node.shape(1), r = node.shape(2);
    steps = x[batchFirst ? 1 : 0];
    batch = x[batchFirst ? 0 : 1];
    if (hidden == 0)
      hidden = r[isQuantized ? 1 : 2];
    if (hidden < 1 || hidden > kMaxWindow)
      return node.error("hidden_size " + Twine(hidden) + " is out of range");
    SmallVector<int64_t> needed{directions, gates * hidden, x[2]}, neededState{directions, gates * hidden, hidden};
    if (isQuantized) {
      std::swap(needed[1], needed[2]);
      std::swap(neededState[1], neededState[2]);
    }
    if (w != ArrayRef<int64_t>(needed) || r != ArrayRef<int64_t>(neededState))
      return node.error("weights of shapes " + describeShape(w) + " and " + describeShape(r) +
                        " do not fit an input of shape " + describeShape(x) + " and hidden_size " + Twine(hidden));
    if (steps > kMaxSteps)
      return node.error("a sequence of " + Twine(steps) + " steps is not supported",
                        "nncc unrolls sequences of up to " + Twine(kMaxSteps) + " steps");
    checkShape(3, {directions, 2 * gates * hidden});
    for (size_t state : {5, 6})
      checkShape(state, batchFirst ? SmallVector<int64_t>{batch, directions, hidden}
                                   : SmallVector<int64_t>{directions, batch, hidden});
  }

  void checkShape(size_t i, ArrayRef<int64_t> expected) {
    if (node.hasInput(i) && node.input(i) && node.shape(i) != expected)
      node.error("input " + Twine(i) + " has the shape " + describeShape(node.shape(i)) + ", must be " +
                 describeShape(expected));
  }

public:
  /// The weights of input `i` for a direction. Those of quantized ones have the scale at input `scale`, the zero point
  /// behind it: one for each direction, or for each column of it.
  Weights weights(size_t i, size_t scale, int64_t d) {
    Value matrix = ofDirection(node.input(i), d);
    if (!isQuantized)
      return {matrix, {}, {}};
    auto parameter = [&](size_t at) -> Value {
      Value value = node.input(at);
      int64_t count = value ? product(shapeOf(value)) : 0;
      if (!value || (count != directions && count != directions * gates * hidden)) {
        node.error("input " + Twine(at) + " must have one value for each direction, or for each column of its weights");
        return {};
      }
      return node.slice(node.reshape(value, {directions, count / directions}), 0, d, 1);
    };
    Value zeroPoint = node.hasInput(scale + 1) ? parameter(scale + 1) : Value();
    return {matrix, node.cast(parameter(scale), node.builder.getF32Type()), zeroPoint};
  }

  /// An initial state [B, H] of a direction, zeros when there is none.
  Value initial(size_t i, int64_t d) {
    if (!node.hasInput(i))
      return node.splat(0, {batch, hidden}, node.type(0).getElementType());
    Value state = node.input(i);
    if (batchFirst)
      state = node.transpose(state, {1, 0, 2});
    return ofDirection(state, d);
  }
};

template <typename Step> void Recurrent::run(bool hasCell, Step step) {
  // Lengths per batch row: constants that are all full need nothing.
  Value lengths = node.input(4);
  if (auto known = readElements(getConstantValue(lengths ? lengths : node.input(0)), 4096); lengths && known)
    if (llvm::all_of(known->ints, [&](int64_t length) { return length == steps; }))
      lengths = {};
  if (lengths && (product(shapeOf(lengths)) != batch || !node.requireInteger(4)))
    return node.error("sequence_lens has the shape " + describeShape(shapeOf(lengths)) + ", must be [" + Twine(batch) +
                      "]");
  Value x = node.input(0);
  if (batchFirst)
    x = node.transpose(x, {1, 0, 2});
  int64_t inputs = shapeOf(x)[2];
  x = node.reshape(x, {steps * batch, inputs});
  SmallVector<Value> allOutputs(steps * directions), lastHidden, lastCell;
  for (int64_t d = 0; d < directions && !node.failed(); ++d) {
    recurrent = weights(2, 10, d);
    inputBias = recurrentBias = peepholes = Value();
    if (node.hasInput(3)) {
      Value both = ofDirection(node.input(3), d);
      inputBias = node.slice(both, 0, 0, gates * hidden);
      recurrentBias = node.slice(both, 0, gates * hidden, gates * hidden);
    }
    if (node.hasInput(7))
      peepholes = ofDirection(node.input(7), d);
    // GRU's recurrent bias of the last gate is not simply added; the others' go into one product with the input's.
    Value projected = times(x, weights(1, 8, d), inputBias);
    Value h = initial(5, d), c = hasCell ? initial(6, d) : Value();
    bool backward = isReverse || d == 1;
    for (int64_t i = 0; i < steps && !node.failed(); ++i) {
      int64_t t = backward ? steps - 1 - i : i;
      auto [newH, newC] =
          step(*this, node.slice(projected, 0, t * batch, batch), h, c,
               ArrayRef(functions).slice(d * (functions.size() / directions), functions.size() / directions));
      Value output = newH;
      if (lengths && newH) {
        // Behind a row's end its state stays, in reverse direction the initial one, and its output is 0.
        Value isInside = node.binary(kind::greater, lengths, node.scalar(t, lengths));
        isInside = node.reshape(isInside, {batch, 1});
        output = node.select(isInside, newH, node.scalar(0, newH));
        newH = node.select(isInside, newH, h);
        if (hasCell)
          newC = node.select(isInside, newC, c);
      }
      h = newH;
      c = newC;
      allOutputs[t * directions + d] = output;
    }
    lastHidden.push_back(h);
    lastCell.push_back(c);
  }
  if (node.failed())
    return;
  auto pack = [&](ArrayRef<Value> parts, ArrayRef<int64_t> shape) {
    SmallVector<Value> rows;
    for (Value part : parts)
      rows.push_back(node.reshape(part, {1, batch, hidden}));
    if (rows.empty())
      return node.constant({}, shape, node.type(0).getElementType());
    return node.reshape(node.concat(rows, 0), shape);
  };
  if (node.wants(0)) {
    Value y = pack(allOutputs, {steps, directions, batch, hidden});
    node.set(0, batchFirst ? node.transpose(y, {2, 0, 1, 3}) : y);
  }
  for (auto [output, parts] :
       {std::pair<size_t, ArrayRef<Value>>(1, lastHidden), std::pair<size_t, ArrayRef<Value>>(2, lastCell)})
    if (node.wants(output) && (output == 1 || hasCell)) {
      Value y = pack(parts, {directions, batch, hidden});
      node.set(output, batchFirst ? node.transpose(y, {1, 0, 2}) : y);
    }
}

using State = std::pair<Value, Value>;

/// Gates i, o, f, c: ONNX LSTM-14.
void importLSTM(Node &node, bool isQuantized) {
  bool couples = node.flag("input_forget", false);
  Recurrent net(node, 4, {"Sigmoid", "Tanh", "Tanh"}, isQuantized);
  if (!net.isReady())
    return;
  if (node.hasInput(7) && node.shape(7) != ArrayRef<int64_t>{net.directions, 3 * net.hidden})
    return node.error("input 7 has the shape " + describeShape(node.shape(7)) + ", must be " +
                      describeShape({net.directions, 3 * net.hidden}));
  net.run(true, [&](Recurrent &r, Value x, Value h, Value c, ArrayRef<Activation> f) -> State {
    Value sum = r.add(x, r.times(h, r.recurrent, r.recurrentBias));
    auto withPeephole = [&](Value gate, int64_t which, Value cell) {
      if (!r.peepholes)
        return gate;
      return r.add(gate, r.mul(node.slice(r.peepholes, 0, which * r.hidden, r.hidden), cell));
    };
    Value i = r.apply(f[0], withPeephole(r.gate(sum, 0), 0, c));
    Value forget = couples ? r.sub(r.one(i), i) : r.apply(f[0], withPeephole(r.gate(sum, 2), 2, c));
    Value candidate = r.apply(f[1], r.gate(sum, 3));
    Value cell = r.add(r.mul(forget, c), r.mul(i, candidate));
    Value o = r.apply(f[0], withPeephole(r.gate(sum, 1), 1, cell));
    return {r.mul(o, r.apply(f[2], cell)), cell};
  });
}

void importFloatLSTM(Node &node) { importLSTM(node, false); }

/// Inputs and states are quantized by their own range before each product. com.microsoft
void importDynamicQuantizeLSTM(Node &node) { importLSTM(node, true); }

/// Gates z, r, h: ONNX GRU-14.
void importGRU(Node &node) {
  bool linearFirst = node.flag("linear_before_reset", false);
  Recurrent net(node, 3, {"Sigmoid", "Tanh"});
  if (!net.isReady())
    return;
  net.run(false, [&](Recurrent &r, Value x, Value h, Value, ArrayRef<Activation> f) -> State {
    int64_t size = r.hidden;
    Value matrix = r.recurrent.matrix;
    auto rows = [&](Value w, int64_t first, int64_t count) {
      return w ? node.slice(w, 0, first * size, count * size) : w;
    };
    Value z, reset, candidate;
    if (linearFirst) {
      Value all = r.times(h, r.recurrent, r.recurrentBias);
      z = r.apply(f[0], r.add(r.gate(x, 0), r.gate(all, 0)));
      reset = r.apply(f[0], r.add(r.gate(x, 1), r.gate(all, 1)));
      candidate = r.add(r.gate(x, 2), r.mul(reset, r.gate(all, 2)));
    } else {
      Value two = r.times(h, {rows(matrix, 0, 2), {}, {}}, rows(r.recurrentBias, 0, 2));
      z = r.apply(f[0], r.add(r.gate(x, 0), r.gate(two, 0)));
      reset = r.apply(f[0], r.add(r.gate(x, 1), r.gate(two, 1)));
      Value third = r.times(r.mul(reset, h), {rows(matrix, 2, 1), {}, {}}, rows(r.recurrentBias, 2, 1));
      candidate = r.add(r.gate(x, 2), third);
    }
    candidate = r.apply(f[1], candidate);
    return {r.add(r.mul(r.sub(r.one(z), z), candidate), r.mul(z, h)), Value()};
  });
}

void importRNN(Node &node) {
  Recurrent net(node, 1, {"Tanh"});
  if (!net.isReady())
    return;
  net.run(false, [&](Recurrent &r, Value x, Value h, Value, ArrayRef<Activation> f) -> State {
    return {r.apply(f[0], r.add(x, r.times(h, r.recurrent, r.recurrentBias))), Value()};
  });
}

const OpEntry kOps[] = {
    {"LSTM", 3, 8, importFloatLSTM},
    {"DynamicQuantizeLSTM", 3, 12, importDynamicQuantizeLSTM, "com.microsoft"},
    {"GRU", 3, 6, importGRU},
    {"RNN", 3, 6, importRNN},
};
} // namespace

ArrayRef<OpEntry> recurrentOps() { return kOps; }

} // namespace nncc::import
