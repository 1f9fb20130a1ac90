// Attention and what stands around it, written out: products, masks and softmax are ops of other families.
// ONNX Attention-25, RotaryEmbedding-23, LinearAttention-27, FlexAttention-1 of ai.onnx.preview.
#include "lib/import/onnx/Attention.h"
#include "dialects/nn/Kinds.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/Graph.h"
#include "lib/import/onnx/ModelFile.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {

//===-- Heads -------------------------------------------------------------===//

Value splitHeads(Node &node, Value x, int64_t heads) {
  if (!x)
    return {};
  SmallVector<int64_t> shape(shapeOf(x));
  if (heads < 1 || shape[2] % heads) {
    node.error(Twine(heads) + " heads do not divide the last dim of " + describeShape(shape));
    return {};
  }
  return node.transpose(node.reshape(x, {shape[0], shape[1], heads, shape[2] / heads}), {0, 2, 1, 3});
}

Value joinHeads(Node &node, Value x) {
  if (!x)
    return {};
  SmallVector<int64_t> shape(shapeOf(x));
  return node.reshape(node.transpose(x, {0, 2, 1, 3}), {shape[0], shape[2], shape[1] * shape[3]});
}

bool checkOperands(Node &node, const Operands &of) {
  if (!of)
    return false;
  ArrayRef<int64_t> q = shapeOf(of.q), k = shapeOf(of.k), v = shapeOf(of.v);
  bool fits =
      k[0] == q[0] && v[0] == q[0] && k[1] == v[1] && k[1] > 0 && q[1] % k[1] == 0 && k[2] == v[2] && k[3] == q[3];
  if (!fits)
    node.error("queries " + describeShape(q) + ", keys " + describeShape(k) + " and values " + describeShape(v) +
               " (batch, heads, length, size) do not fit each other");
  return fits;
}

Value scoresOf(Node &node, const Operands &of, double scale) {
  Value q = node.binary(kind::mul, of.q, node.scalar(scale, of.q));
  q = node.reshape(q, of.grouped(shapeOf(of.q)[3]));
  Value product = node.make<MatMulOp>(q, of.k, Value(), /*transposeB=*/true);
  return node.reshape(product, {of.batch(), of.heads(), of.queries(), of.keys()});
}

Value capped(Node &node, Value scores, double cap) {
  if (!(cap > 0) || !scores)
    return scores;
  Value limit = node.scalar(cap, scores);
  return node.binary(kind::mul, node.unary(kind::tanh, node.binary(kind::div, scores, limit)), limit);
}

Value weigh(Node &node, const Operands &of, Value probabilities) {
  Value grouped = node.reshape(node.cast(probabilities, elementOf(of.v)), of.grouped(of.keys()));
  Value product = node.make<MatMulOp>(grouped, of.v, Value(), /*transposeB=*/false);
  return node.reshape(product, {of.batch(), of.heads(), of.queries(), shapeOf(of.v)[3]});
}

/// The attribute `scale`, by default 1 / sqrt(size of a head).
static double scaleOf(Node &node, int64_t size) {
  double byDefault = 1 / std::sqrt((double)std::max<int64_t>(1, size));
  return node.has("scale") ? node.number("scale", byDefault) : byDefault;
}

/// The type that softmax computes in: an attribute, or `byDefault`.
static Type softmaxType(Node &node, Type byDefault) {
  if (!node.has("softmax_precision"))
    return byDefault;
  int64_t number = node.integer("softmax_precision", 0);
  Type type = elementTypeOf((int32_t)number, node.context());
  if (type && isa<FloatType>(type))
    return type;
  node.error("softmax_precision " + Twine(number) + " (" + nameOfDataType((int32_t)number) + ") is no float type");
  return {};
}

//===-- Attention ---------------------------------------------------------===//

bool Sight::isNeverEmpty() const {
  if (valid)
    return false;
  for (int64_t i = 0; i < queries; ++i) {
    int64_t at = past + i, first = left < 0 ? 0 : std::max<int64_t>(0, at - left), end = keys - 1;
    end = isCausal ? std::min(end, at) : right >= 0 ? std::min(end, at + right) : end;
    if (first > end)
      return false;
  }
  return true;
}

Value allowedKeys(Node &node, const Sight &sight) {
  if (sight.isOpen())
    return {};
  if (std::max(sight.queries, sight.keys) > kMaxFoldedInts) {
    node.error("masks of " + Twine(sight.queries) + " queries and " + Twine(sight.keys) + " keys are not supported",
               "nncc counts up to " + Twine(kMaxFoldedInts));
    return {};
  }
  Type i32 = node.builder.getI32Type();
  auto count = [&](int64_t n, ArrayRef<int64_t> shape) {
    return node.constant(llvm::to_vector(llvm::seq<int64_t>(0, n)), shape, i32);
  };
  Value key = count(sight.keys, {1, sight.keys}), query = count(sight.queries, {sight.queries, 1});
  Value valid, allowed;
  if (sight.valid)
    valid = node.cast(node.reshape(sight.valid, {shapeOf(sight.valid)[0], 1, 1, 1}), i32);
  Value offset = valid ? node.binary(kind::sub, valid, node.scalar(sight.queries, valid))
                       : node.constant({sight.past}, {1, 1}, i32);
  Value position = node.binary(kind::add, query, offset);
  auto require = [&](BinaryKind kind, Value bound) {
    Value condition = node.binary(kind, key, bound);
    allowed = allowed ? node.binary(kind::logical_and, allowed, condition) : condition;
  };
  auto shifted = [&](int64_t by) { return node.binary(kind::add, position, node.scalar(by, position)); };
  if (sight.isCausal)
    require(kind::less_equal, position);
  // No window is wider than all keys.
  if (sight.left >= 0)
    require(kind::greater_equal, shifted(-std::min(sight.left, sight.keys + sight.queries)));
  if (sight.right >= 0)
    require(kind::less_equal, shifted(std::min(sight.right, sight.keys + sight.queries)));
  if (valid)
    require(kind::less, valid);
  return allowed;
}

/// `attn_mask` with a last dim of all keys: those that it leaves out are not seen.
static Value wholeMask(Node &node, Value mask, int64_t keys) {
  if (!mask)
    return {};
  SmallVector<int64_t> shape(shapeOf(mask));
  if (shape.empty() || shape.back() > keys) {
    node.error("attn_mask has the shape " + describeShape(shape) + ", there are " + Twine(keys) + " keys");
    return {};
  }
  if (shape.back() == keys)
    return mask;
  shape.back() = keys - shape.back();
  bool isBool = elementOf(mask).isInteger(1);
  Value rest = node.splat(isBool ? 0 : -std::numeric_limits<double>::infinity(), shape, elementOf(mask));
  return node.concat({mask, rest}, shape.size() - 1);
}

Value biasOf(Node &node, Value mask, const Sight &sight, Type type) {
  Value allowed = allowedKeys(node, sight);
  bool isBool = mask && elementOf(mask).isInteger(1);
  if (isBool)
    allowed = allowed ? node.binary(kind::logical_and, allowed, mask) : mask;
  Value bias;
  if (allowed) {
    SmallVector<int64_t> ones(rankOf(allowed), 1);
    bias = node.select(allowed, node.splat(0, ones, type),
                       node.splat(-std::numeric_limits<double>::infinity(), ones, type));
  }
  if (!mask || isBool)
    return bias;
  Value added = node.cast(mask, type);
  return bias ? node.binary(kind::add, added, bias) : added;
}

Value biased(Node &node, Value scores, Value bias, StringRef name) {
  if (!bias || !scores)
    return scores;
  Value whole = node.toRank(bias, 4);
  if (rankOf(whole) == 4 && succeeded(broadcastShapes(shapeOf(whole), shapeOf(scores))))
    return node.binary(kind::add, scores, whole);
  node.error(name + " has the shape " + describeShape(shapeOf(bias)) + ", which does not broadcast to " +
             describeShape(shapeOf(scores)));
  return {};
}

/// Softmax over keys; 0 for a query that sees none, which is told by the bias.
static Value probabilitiesOf(Node &node, Value scores, Value bias, bool isNeverEmpty) {
  if (!scores)
    return {};
  Value result = node.make<SoftmaxOp>(scores, rankOf(scores) - 1, false);
  if (!bias || isNeverEmpty || !result)
    return result;
  Value best = node.reduce(ReduceKind::max, bias, {rankOf(bias) - 1});
  if (!best)
    return {};
  Value isBlind = node.binary(kind::equal, best, node.scalar(-std::numeric_limits<double>::infinity(), best));
  return node.select(isBlind, node.scalar(0, result), result);
}

namespace {

/// Reads queries, keys and values, each [B, H, T, D] or packed as [B, T, H * D], and joins them with the past.
Operands readOperands(Node &node) {
  for (size_t i : {0, 1, 2})
    if (!node.requireFloat(i) || !node.requireRank(i, 3, 4))
      return {};
  Operands of{node.input(0), node.input(1), node.input(2)};
  bool isPacked = rankOf(of.q) == 3;
  if (rankOf(of.k) != rankOf(of.q) || rankOf(of.v) != rankOf(of.q)) {
    node.error("queries, keys and values have the ranks " + Twine(rankOf(of.q)) + ", " + Twine(rankOf(of.k)) + " and " +
               Twine(rankOf(of.v)));
    return {};
  }
  int64_t heads = isPacked ? node.requiredInteger("q_num_heads") : 0;
  int64_t keyHeads = isPacked ? node.requiredInteger("kv_num_heads") : 0;
  node.ignore({"q_num_heads", "kv_num_heads"}); // of unpacked operands the shape says it
  if (isPacked && !node.failed())
    of = {splitHeads(node, of.q, heads), splitHeads(node, of.k, keyHeads), splitHeads(node, of.v, keyHeads)};
  if (node.hasInput(4) != node.hasInput(5)) {
    node.error("past_key and past_value go together, one of them is missing");
    return {};
  }
  if (node.hasInput(4) && of && node.requireRank(4, 4, 4) && node.requireRank(5, 4, 4)) {
    of.k = node.concat({node.input(4), of.k}, 2);
    of.v = node.concat({node.input(5), of.v}, 2);
  }
  return of;
}

void importAttention(Node &node) {
  Operands of = readOperands(node);
  if (node.failed() || !checkOperands(node, of))
    return;
  bool isPacked = node.rank(0) == 3;
  Type type = elementOf(of.q);
  double softcap = node.number("softcap", 0), scale = scaleOf(node, shapeOf(of.q)[3]);
  int64_t mode = node.integer("qk_matmul_output_mode", 0);
  Sight sight{node.flag("is_causal", false),
              node.integer("left_window_size", -1),
              node.integer("right_window_size", -1),
              node.hasInput(4) ? node.shape(4)[2] : 0,
              node.input(6),
              of.queries(),
              of.keys()};
  Type precise = softmaxType(node, type);
  if (sight.valid && (!node.requireInteger(6) || node.shape(6) != ArrayRef<int64_t>{of.batch()} || node.hasInput(4)))
    return node.error("nonpad_kv_seqlen must have one value for each of " + Twine(of.batch()) +
                      " rows, and excludes past_key");
  Value mask = wholeMask(node, node.input(3), of.keys());
  if (node.failed())
    return;
  Value bias = biasOf(node, mask, sight, type);
  Value scores = scoresOf(node, of, scale), shown = scores;
  scores = capped(node, scores, softcap);
  shown = mode == 1 ? scores : shown;
  scores = biased(node, scores, bias, "attn_mask");
  if (node.failed())
    return;
  bias = node.toRank(bias, 4);
  shown = mode == 2 ? scores : shown;
  Value probabilities = probabilitiesOf(node, node.cast(scores, precise), bias,
                                        !node.hasInput(3) && !node.failed() && sight.isNeverEmpty());
  shown = mode == 3 ? probabilities : shown;
  if (mode < 0 || mode > 3)
    return node.error("qk_matmul_output_mode " + Twine(mode) + " is not known", "it is 0, 1, 2 or 3");
  Value result = node.cast(weigh(node, of, probabilities), type);
  node.set(0, isPacked ? joinHeads(node, result) : result);
  node.set(1, of.k);
  node.set(2, of.v);
  if (node.wants(3))
    node.set(3, node.cast(shown, type));
}

/// Imports the body of a modifier of FlexAttention, which makes a tensor of the same type from one.
Value modified(Node &node, StringRef name, Value x) {
  if (!node.has(name) || !x)
    return x;
  onnx::GraphProto *body = node.subgraph(name);
  if (!body)
    return {};
  if (body->input_size() != 1 || body->output_size() != 1) {
    node.error(name + " must have one input and one output");
    return {};
  }
  Scope inside = scopeInside(node.graphScope(), node.name() + "/");
  inside.values[body->input(0).name()] = x;
  Value result;
  if (succeeded(node.importer().importGraph(*body, inside)))
    result = node.importer().lookup(inside, body->output(0).name());
  if (!result)
    node.set(0, Value()); // reported inside
  else if (result.getType() != x.getType())
    node.error(name + " makes " + describeShape(shapeOf(result)) + " of " + nameOf(elementOf(result)) + " from " +
               describeShape(shapeOf(x)) + " of " + nameOf(elementOf(x)));
  return result;
}

void importFlexAttention(Node &node) {
  for (size_t i : {0, 1, 2})
    if (!node.requireFloat(i) || !node.requireRank(i, 4, 4))
      return;
  Operands of{node.input(0), node.input(1), node.input(2)};
  if (!checkOperands(node, of))
    return;
  Type type = elementOf(of.q);
  double scale = scaleOf(node, shapeOf(of.q)[3]);
  Type precise = softmaxType(node, type.isF64() ? type : Type(node.builder.getF32Type()));
  Value scores = modified(node, "score_mod", node.cast(scoresOf(node, of, scale), precise));
  if (!scores)
    return;
  Value probabilities = modified(node, "prob_mod", node.make<SoftmaxOp>(scores, 3, false));
  node.set(0, node.cast(weigh(node, of, probabilities), type));
}

//===-- Linear attention --------------------------------------------------===//

/// More steps than this make more code than anybody wants.
constexpr int64_t kMaxSteps = 1024;

/// A state [B, Hkv, D, Dv] that each step decays, corrects, writes to and reads, unrolled, in f32.
class LinearAttention {
public:
  explicit LinearAttention(Node &node) : node(node) {}

  void run() {
    readAttributes();
    if (node.failed() || !readOperands())
      return;
    Value state = node.hasInput(3) ? wide(node.input(3))
                                   : node.splat(0, {of.batch(), keyHeads, size(), shapeOf(of.v)[3]}, real());
    SmallVector<Value> outputs;
    for (int64_t t = 0; t < of.queries() && !node.failed(); ++t) {
      state = next(state, t);
      outputs.push_back(read(state, t));
    }
    if (node.failed())
      return;
    Type stateType = node.hasInput(3) ? node.type(3).getElementType() : node.type(0).getElementType();
    node.set(0, node.cast(joinHeads(node, node.concat(outputs, 2)), node.type(0).getElementType()));
    node.set(1, node.cast(state, stateType));
  }

private:
  Type real() { return node.builder.getF32Type(); }
  Value wide(Value x) { return node.cast(x, real()); }
  int64_t size() const { return shapeOf(of.q)[3]; }
  /// One step of a tensor [B, H, T, ...]: [B, H, 1, ...].
  Value at(Value x, int64_t t) { return node.slice(x, 2, t, 1); }
  Value times(Value a, Value b) { return node.make<MatMulOp>(a, b, Value(), false); }
  Value mul(Value a, Value b) { return node.binary(kind::mul, a, b); }

  void readAttributes() {
    node.ignore({"chunk_size"}); // how others cut the work
    heads = node.requiredInteger("q_num_heads");
    keyHeads = node.requiredInteger("kv_num_heads");
    scale = node.number("scale", 0);
    std::string rule = node.text("update_rule", "gated_delta");
    bool isGated = rule == "gated" || rule == "gated_delta", corrects = rule == "delta" || rule == "gated_delta";
    if (rule != "linear" && !isGated && !corrects)
      return node.error("update_rule '" + rule + "' is not known", "it is linear, gated, delta or gated_delta");
    if (isGated != node.hasInput(4) || corrects != node.hasInput(5))
      return node.error("update_rule '" + rule + "' does not fit the inputs: decay is for gated ones, beta for delta");
    for (size_t i : {0, 1, 2, 4, 5})
      if (node.hasInput(i) && (!node.requireFloat(i) || !node.requireRank(i, 3, 3)))
        return;
  }

  bool readOperands() {
    of = {wide(splitHeads(node, node.input(0), heads)), wide(splitHeads(node, node.input(1), keyHeads)),
          wide(splitHeads(node, node.input(2), keyHeads))};
    if (!checkOperands(node, of))
      return false;
    if (of.queries() != of.keys() || of.queries() < 1 || of.queries() > kMaxSteps) {
      node.error(Twine(of.queries()) + " queries and " + Twine(of.keys()) + " keys are not supported",
                 "nncc unrolls 1 to " + Twine(kMaxSteps) + " steps, as many of queries as of keys");
      return false;
    }
    if (scale == 0)
      scale = 1 / std::sqrt((double)std::max<int64_t>(1, size()));
    // A decay for each head, or for each row of its state; a rate for each head, or for all.
    if (node.hasInput(4))
      decay = wide(splitHeads(node, node.input(4), keyHeads));
    if (node.hasInput(5))
      beta = wide(splitHeads(node, node.input(5), node.shape(5)[2] == 1 ? 1 : keyHeads));
    if (node.failed())
      return false;
    if (node.hasInput(3) && node.shape(3) != ArrayRef<int64_t>{of.batch(), keyHeads, size(), shapeOf(of.v)[3]})
      node.error("past_state has the shape " + describeShape(node.shape(3)) + ", must be " +
                 describeShape({of.batch(), keyHeads, size(), shapeOf(of.v)[3]}));
    auto fits = [&](Value x, int64_t last) {
      return !x || (shapeOf(x)[0] == of.batch() && shapeOf(x)[2] == of.keys() &&
                    (shapeOf(x)[3] == 1 || shapeOf(x)[3] == last));
    };
    if (!fits(decay, size()) || !fits(beta, 1))
      node.error("decay or beta do not fit keys of shape " + describeShape(node.shape(1)));
    return !node.failed();
  }

  Value next(Value state, int64_t t) {
    Value key = at(of.k, t), value = at(of.v, t);
    if (decay) // one factor for each row of the state
      state = mul(state, node.transpose(node.unary(kind::exp, at(decay, t)), {0, 1, 3, 2}));
    if (beta)
      value = mul(at(beta, t), node.binary(kind::sub, value, times(key, state)));
    return node.binary(kind::add, state, mul(node.transpose(key, {0, 1, 3, 2}), value));
  }

  Value read(Value state, int64_t t) {
    Value query = node.reshape(at(of.q, t), {of.batch(), keyHeads, heads / keyHeads, size()});
    Value result = mul(times(query, state), node.splat(scale, {1, 1, 1, 1}, real()));
    return node.reshape(result, {of.batch(), heads, 1, shapeOf(of.v)[3]});
  }

  Node &node;
  int64_t heads = 0, keyHeads = 0;
  double scale = 0;
  Operands of;
  Value decay, beta;
};

void importLinearAttention(Node &node) { LinearAttention(node).run(); }

} // namespace

//===-- Rotary embedding --------------------------------------------------===//

Value rotate(Node &node, Value x, const Rotation &by) {
  if (!x || !by.cos || !by.sin)
    return {};
  int64_t last = rankOf(x) - 1, size = shapeOf(x)[last], half = by.dims / 2;
  Value turning = node.slice(x, last, 0, by.dims), cos = by.cos, sin = by.sin, first, second;
  SmallVector<int64_t> whole(shapeOf(turning)), pairs(whole);
  if (by.isInterleaved) {
    pairs.back() = half;
    pairs.push_back(2);
    turning = node.reshape(turning, pairs);
    first = node.slice(turning, last + 1, 0, 1);
    second = node.slice(turning, last + 1, 1, 1);
    for (Value *angle : {&cos, &sin}) {
      SmallVector<int64_t> shape(shapeOf(*angle));
      shape.push_back(1);
      *angle = node.reshape(*angle, shape);
    }
  } else {
    first = node.slice(turning, last, 0, half);
    second = node.slice(turning, last, half, half);
  }
  auto mul = [&](Value a, Value b) { return node.binary(kind::mul, a, b); };
  Value real = node.binary(kind::sub, mul(first, cos), mul(second, sin));
  Value imaginary = node.binary(kind::add, mul(first, sin), mul(second, cos));
  Value turned = node.concat({real, imaginary}, by.isInterleaved ? last + 1 : last);
  turned = node.reshape(turned, whole);
  return by.dims == size ? turned : node.concat({turned, node.slice(x, last, by.dims, size - by.dims)}, last);
}

namespace {

/// x       [B, H, T, D], or [B, T, H * D] with num_heads
/// caches  [positions, R / 2] with position_ids [B, T], or [B, T, R / 2]
void importRotaryEmbedding(Node &node) {
  for (size_t i : {0, 1, 2})
    if (!node.requireFloat(i) || !node.requireRank(i, i == 0 ? 3 : 2, i == 0 ? 4 : 3))
      return;
  bool isPacked = node.rank(0) == 3;
  int64_t heads = isPacked ? node.requiredInteger("num_heads") : node.shape(0)[1];
  node.ignore({"num_heads"});
  SmallVector<int64_t> shape(node.shape(0));
  if (heads < 1 || (isPacked && shape[2] % heads))
    return node.error("num_heads " + Twine(heads) + " does not divide the last dim of " + describeShape(shape));
  int64_t batch = shape[0], steps = shape[isPacked ? 1 : 2], size = isPacked ? shape[2] / heads : shape[3];
  int64_t dims = node.integer("rotary_embedding_dim", 0);
  Rotation by{{}, {}, dims == 0 ? size : dims, node.flag("interleaved", false)};
  if (by.dims < 0 || by.dims > size || by.dims % 2)
    return node.error("rotary_embedding_dim " + Twine(by.dims) + " must be even and at most " + Twine(size));
  auto angles = [&](size_t i) -> Value {
    Value cache = node.input(i);
    if (cache && node.hasInput(3) && shapeOf(cache)[0] == 0) {
      node.error("a cache of shape " + describeShape(shapeOf(cache)) + " has no positions");
      return {};
    }
    if (node.hasInput(3) && node.requireInteger(3) && node.requireRank(i, 2, 2))
      cache = node.make<GatherOp>(cache, node.cast(node.input(3), node.builder.getI64Type()), 0);
    if (!cache)
      return {};
    if (shapeOf(cache) != ArrayRef<int64_t>{batch, steps, by.dims / 2}) {
      node.error("a cache makes angles of shape " + describeShape(shapeOf(cache)) + ", must be " +
                 describeShape({batch, steps, by.dims / 2}));
      return {};
    }
    SmallVector<int64_t> forAllHeads{batch, 1, steps, by.dims / 2};
    if (isPacked)
      std::swap(forAllHeads[1], forAllHeads[2]);
    return node.reshape(cache, forAllHeads);
  };
  by.cos = angles(1);
  by.sin = angles(2);
  Value x = isPacked ? node.reshape(node.input(0), {batch, steps, heads, size}) : node.input(0);
  node.set(0, node.reshape(rotate(node, x, by), shape));
}

const OpEntry kOps[] = {
    {"Attention", 3, 7, importAttention},
    {"FlexAttention", 3, 3, importFlexAttention, "ai.onnx.preview"},
    {"LinearAttention", 3, 6, importLinearAttention},
    {"RotaryEmbedding", 3, 4, importRotaryEmbedding},
};
} // namespace

ArrayRef<OpEntry> attentionOps() { return kOps; }

} // namespace nncc::import
