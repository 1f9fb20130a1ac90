// Attention as onnxruntime's tools write it, of com.microsoft: GroupQueryAttention with its cache of keys and values,
// MultiHeadAttention, Attention and QAttention with their projections, RotaryEmbedding.
#include "dialects/nn/Kinds.h"
#include "lib/import/onnx/Attention.h"
#include "lib/import/onnx/Elements.h"
#include "lib/import/onnx/Families.h"
#include "lib/import/onnx/Graph.h"
#include "lib/import/onnx/Quantize.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace nncc::nn;

namespace nncc::import {
namespace {

/// The attribute `scale`; 0, the default, is 1 / sqrt(size of a head).
double scaleOf(Node &node, int64_t size) {
  double scale = node.number("scale", 0);
  return scale != 0 ? scale : 1 / std::sqrt((double)std::max<int64_t>(1, size));
}

/// 0, 1, ... as i32; null with an error where that is a constant of an absurd size.
Value countTo(Node &node, int64_t count, ArrayRef<int64_t> shape) {
  if (count > kMaxFoldedInts) {
    node.error("attention to " + Twine(count) + " keys is not supported", "nncc counts up to " + Twine(kMaxFoldedInts));
    return {};
  }
  return node.constant(llvm::to_vector(llvm::seq<int64_t>(0, count)), shape, node.builder.getI32Type());
}

/// Sines or cosines, input i, of positions [B, S] in a cache [positions, R / 2]: [B, 1, S, R / 2].
Value anglesAt(Node &node, size_t i, Value positions) {
  if (!node.requireFloat(i) || !node.requireRank(i, 2, 2) || !positions)
    return {};
  SmallVector<int64_t> shape(shapeOf(positions));
  if (node.shape(i)[0] == 0) {
    node.error("a cache of shape " + describeShape(node.shape(i)) + " has no positions");
    return {};
  }
  Value rows = node.make<GatherOp>(node.input(i), positions, 0);
  return rows ? node.reshape(rows, {shape[0], 1, shape[1], node.shape(i)[1]}) : Value();
}

/// How a cache, input i, turns heads of a size. error  more dims than the head has
Rotation rotationOf(Node &node, size_t i, Value positions, int64_t size, bool isInterleaved) {
  Rotation by{anglesAt(node, i, positions), anglesAt(node, i + 1, positions), 0, isInterleaved};
  if (!by.cos || !by.sin)
    return {};
  by.dims = 2 * node.shape(i)[1];
  if (by.dims > size || node.shape(i)[1] != node.shape(i + 1)[1])
    node.error("caches of " + describeShape(node.shape(i)) + " and " + describeShape(node.shape(i + 1)) +
               " do not turn heads of " + Twine(size));
  return by;
}

//===-- GroupQueryAttention -----------------------------------------------===//

/// Inputs: query, key, value, past_key, past_value, seqlens_k, total_sequence_length, cos_cache, sin_cache,
/// position_ids, attention_bias, head_sink.
class GroupQueryAttention {
public:
  explicit GroupQueryAttention(Node &node) : node(node) {}

  void run() {
    readAttributes();
    if (node.failed() || !readOperands() || !readLengths())
      return;
    if (turns)
      turn();
    if (node.failed())
      return;
    Value keys = cached(3, of.k), values = cached(4, of.v);
    if (!keys || !values)
      return;
    of.k = keys;
    of.v = values;
    node.set(0, joinHeads(node, attend()));
    node.set(1, keys);
    node.set(2, values);
  }

private:
  void readAttributes() {
    heads = node.requiredInteger("num_heads");
    keyHeads = node.requiredInteger("kv_num_heads");
    softcap = node.number("softcap", 0);
    window = node.integer("local_window_size", -1);
    turns = node.flag("do_rotary", false);
    isInterleaved = node.flag("rotary_interleaved", false);
    isSmooth = node.flag("smooth_softmax", false);
    for (StringRef name : {"k_quant_type", "v_quant_type"})
      if (std::string type = node.text(name, "NONE"); type != "NONE")
        return node.error("a cache that is quantized (" + name + " " + type + ") is not supported");
    if (node.hasInput(12) || node.hasInput(13))
      return node.error("scales of a cache that is quantized are not supported");
    node.ignore({"kv_cache_bit_width", "qk_output"});
    if (node.wants(3))
      node.error("scores as an output are not supported");
  }

  /// Queries, keys and values by themselves, or side by side in the first input.
  bool readOperands() {
    if (!node.requireFloat(0) || !node.requireRank(0, 3, 3))
      return false;
    if (node.hasInput(1) != node.hasInput(2)) {
      node.error("key and value go together, one of them is missing");
      return false;
    }
    if (node.hasInput(1)) {
      for (size_t i : {1, 2})
        if (!node.requireTypeOf(i, 0) || !node.requireRank(i, 3, 3))
          return false;
      of = {splitHeads(node, node.input(0), heads), splitHeads(node, node.input(1), keyHeads),
            splitHeads(node, node.input(2), keyHeads)};
    } else if (Value all = splitHeads(node, node.input(0), heads + 2 * keyHeads)) {
      of = {node.slice(all, 1, 0, heads), node.slice(all, 1, heads, keyHeads),
            node.slice(all, 1, heads + keyHeads, keyHeads)};
    }
    return !node.failed() && checkOperands(node, of);
  }

  /// How many keys there are before and with those of this call: [B] each.
  bool readLengths() {
    if (!node.hasInput(5)) {
      node.error("input 5 (seqlens_k) is missing");
      return false;
    }
    if (!node.requireInteger(5))
      return false;
    std::optional<int64_t> all = node.integerOf(6, "total_sequence_length");
    if (!all)
      return false;
    bool hasPast = node.hasInput(3);
    int64_t batch = of.batch(), kept = hasPast && node.rank(3) == 4 ? node.shape(3)[2] : 0;
    auto fits = [&](size_t i, Value fresh) {
      return node.shape(i) == ArrayRef<int64_t>{batch, keyHeads, kept, shapeOf(fresh)[3]};
    };
    if (hasPast != node.hasInput(4) || (hasPast && (!fits(3, of.k) || !fits(4, of.v)))) {
      node.error("past_key and past_value do not fit keys of shape " + describeShape(shapeOf(of.k)));
      return false;
    }
    if (product(node.shape(5)) != batch || *all < of.queries() || *all > kept + of.queries()) {
      node.error("total_sequence_length is " + Twine(*all) + ", of which " + Twine(of.queries()) +
                     " are new and at most " + Twine(kept) + " are kept; seqlens_k has the shape " +
                     describeShape(node.shape(5)),
                 "seqlens_k has one value for each of " + Twine(batch) + " rows");
      return false;
    }
    isFirst = *all == of.queries();
    present = std::max(kept, *all);
    Value last = node.cast(node.reshape(node.input(5), {batch}), node.builder.getI32Type());
    length = node.binary(kind::add, last, node.scalar(1, last));
    // In the first call rows may be shorter: what stands behind them is seen by nothing before it.
    if (!isFirst)
      before = node.binary(kind::max, node.scalar(0, length),
                           node.binary(kind::sub, length, node.scalar(of.queries(), length)));
    return !node.failed();
  }

  /// Turns queries and keys by their positions.
  void turn() {
    int64_t batch = of.batch(), queries = of.queries();
    Value positions = countTo(node, queries, {1, queries});
    if (node.hasInput(9) && node.requireInteger(9)) {
      if (node.shape(9) != ArrayRef<int64_t>{batch, queries})
        return node.error("position_ids has the shape " + describeShape(node.shape(9)) + ", must be " +
                          describeShape({batch, queries}));
      positions = node.cast(node.input(9), node.builder.getI32Type());
    } else if (before) {
      positions = node.binary(kind::add, node.reshape(before, {batch, 1}), positions);
    } else {
      positions = node.expand(positions, {batch, queries});
    }
    if (!node.hasInput(7) || !node.hasInput(8))
      return node.error("do_rotary needs cos_cache and sin_cache");
    Rotation by = rotationOf(node, 7, positions, shapeOf(of.q)[3], isInterleaved);
    if (node.failed())
      return;
    of.q = rotate(node, of.q, by);
    of.k = rotate(node, of.k, by);
  }

  /// Rows of the past, input i, then `fresh` ones, then zeros: [B, Hkv, present, D].
  Value cached(size_t i, Value fresh) {
    int64_t batch = of.batch(), kept = node.hasInput(i) ? node.shape(i)[2] : 0, added = of.queries();
    SmallVector<int64_t> rest(shapeOf(fresh));
    if (isFirst) {
      rest[2] = present - added;
      return rest[2] ? node.concat({fresh, node.splat(0, rest, elementOf(fresh))}, 2) : fresh;
    }
    rest[2] = 1;
    Value rows = node.concat({node.input(i), fresh, node.splat(0, rest, elementOf(fresh))}, 2);
    SmallVector<Value> pieces;
    for (int64_t b = 0; b < batch && rows && !node.failed(); ++b) {
      Value at = countTo(node, present, {present}), start = node.slice(before, 0, b, 1);
      Value ofFresh = node.binary(kind::sub, at, start);
      auto number = [&](int64_t value) { return node.scalar(value, at); };
      Value isNew = node.binary(kind::less, ofFresh, number(added));
      Value moved = node.select(isNew, node.binary(kind::add, ofFresh, number(kept)), number(kept + added));
      Value from = node.select(node.binary(kind::less, at, start), at, moved);
      // Lengths that do not fit the past read what is there.
      from = node.binary(kind::min, from, number(kept + added));
      pieces.push_back(node.make<GatherOp>(node.slice(rows, 0, b, 1), from, 2));
    }
    return node.failed() || pieces.empty() ? Value() : node.concat(pieces, 0);
  }

  Value attend() {
    Value scores = capped(node, scoresOf(node, of, scaleOf(node, shapeOf(of.q)[3])), softcap);
    if (!scores)
      return {};
    Sight sight{true, window > 0 ? window - 1 : -1, -1, 0, isFirst ? Value() : length, of.queries(), of.keys()};
    Value bias = node.hasInput(10) ? node.input(10) : Value();
    if (bias && (!node.requireTypeOf(10, 0) || !node.requireRank(10, 4, 4)))
      return {};
    if (bias && shapeOf(bias)[3] < of.keys()) { // no one sees what it leaves out
      SmallVector<int64_t> rest(shapeOf(bias));
      rest[3] = of.keys() - rest[3];
      bias = node.concat({bias, node.splat(0, rest, elementOf(bias))}, 3);
    }
    scores = biased(node, scores, biasOf(node, bias, sight, elementOf(scores)), "attention_bias");
    return scores ? weigh(node, of, probabilities(scores)) : Value();
  }

  /// Softmax over keys and one more score that weighs nothing, where there is one: 0, or that of the head.
  Value probabilities(Value scores) {
    Value sink;
    if (node.hasInput(11) && node.requireTypeOf(11, 0)) {
      if (product(node.shape(11)) != heads) {
        node.error("head_sink has the shape " + describeShape(node.shape(11)) + ", must have " + Twine(heads) +
                   " values");
        return {};
      }
      sink = node.reshape(node.input(11), {1, heads, 1, 1});
    } else if (isSmooth) {
      sink = node.splat(0, {1, 1, 1, 1}, elementOf(scores));
    }
    if (!sink)
      return node.make<SoftmaxOp>(scores, 3, false);
    sink = node.expand(sink, {of.batch(), heads, of.queries(), 1});
    Value all = node.make<SoftmaxOp>(node.concat({scores, sink}, 3), 3, false);
    return node.slice(all, 3, 0, of.keys());
  }

  Node &node;
  int64_t heads = 0, keyHeads = 0, window = -1, present = 0;
  double softcap = 0;
  bool turns = false, isInterleaved = false, isSmooth = false;
  bool isFirst = false; ///< nothing is kept of earlier calls
  Operands of;
  Value length, before;
};

void importGroupQueryAttention(Node &node) { GroupQueryAttention(node).run(); }

//===-- MultiHeadAttention ------------------------------------------------===//

/// The lowest finite number of a type of floats.
double lowestOf(Type type) {
  return llvm::APFloat::getLargest(cast<FloatType>(type).getFloatSemantics(), /*Negative=*/true).convertToDouble();
}

/// What is added to scores for keys that are not seen, in their type: where that has no number so low, its lowest one.
Value biasOfSeen(Node &node, Value isSeen, Type type) {
  double filter = node.number("mask_filter_value", -10000);
  if (std::isfinite(filter))
    filter = std::max(filter, lowestOf(type));
  return node.select(isSeen, node.splat(0, {1, 1, 1, 1}, type), node.splat(filter, {1, 1, 1, 1}, type));
}

/// What is added to scores for keys that a mask of integers leaves out, [B, T] or [B, S, T], or how many of each row
/// there are, [B]; null with an error for another shape.
Value biasOfPadding(Node &node, size_t i, const Operands &of, Type type) {
  if (!node.requireInteger(i))
    return {};
  Value mask = node.cast(node.input(i), node.builder.getI32Type());
  SmallVector<int64_t> shape(shapeOf(mask));
  int64_t batch = of.batch(), queries = of.queries(), keys = of.keys();
  Value isSeen;
  // Lengths, then where queries and keys begin if all rows are packed, which they are not here.
  if (shape == SmallVector<int64_t>{3 * batch + 2} && batch > 0) {
    mask = node.slice(mask, 0, 0, batch);
    shape = {batch};
  }
  if (shape == SmallVector<int64_t>{batch})
    isSeen = node.binary(kind::less, countTo(node, keys, {1, 1, 1, keys}), node.reshape(mask, {batch, 1, 1, 1}));
  else if (shape == SmallVector<int64_t>{batch, keys})
    mask = node.reshape(mask, {batch, 1, 1, keys});
  else if (shape == SmallVector<int64_t>{batch, queries, keys})
    mask = node.reshape(mask, {batch, 1, queries, keys});
  else {
    node.error("a mask of shape " + describeShape(shape) + " is not supported",
               "nncc supports " + describeShape({batch}) + ", " + describeShape({3 * batch + 2}) + ", " +
                   describeShape({batch, keys}) + " and " + describeShape({batch, queries, keys}));
    return {};
  }
  if (!isSeen)
    isSeen = node.binary(kind::less, node.scalar(0, mask), mask);
  return biasOfSeen(node, isSeen, type);
}

/// Attention with what is added to scores: `bias` of the model, in its type, and `padding`, in that of wideType().
///
/// Keys behind a causal query get the lowest number, whatever stands for padding: a query that sees nothing but padding
/// of that value weighs all keys alike. Scores of f16 are widened: its lowest number is not far enough from them.
/// source  onnxruntime's kernels for the CPU
Value attendTo(Node &node, const Operands &of, const Sight &sight, Value bias, Value padding, StringRef paddingName) {
  Type type = elementOf(of.q), precise = wideType(type);
  Value scores = scoresOf(node, of, scaleOf(node, shapeOf(of.q)[3])), unseen = padding;
  if (sight.isCausal && (bias || padding))
    unseen =
        node.select(node.toRank(allowedKeys(node, sight), 4), padding ? padding : node.splat(0, {1, 1, 1, 1}, precise),
                    node.splat(lowestOf(precise), {1, 1, 1, 1}, precise));
  else if (sight.isCausal)
    unseen = biasOf(node, Value(), sight, precise);
  if (bias || unseen)
    scores = node.cast(scores, precise);
  scores = biased(node, scores, bias ? node.cast(bias, precise) : Value(), "attention_bias");
  scores = biased(node, scores, unseen, paddingName);
  return scores ? weigh(node, of, node.cast(node.make<SoftmaxOp>(scores, 3, false), type)) : Value();
}

/// Inputs: query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value.
class MultiHeadAttention {
public:
  explicit MultiHeadAttention(Node &node) : node(node) {}

  void run() {
    heads = node.requiredInteger("num_heads");
    bool isCausal = node.flag("unidirectional", false);
    if (node.wants(3))
      node.error("scores as an output are not supported");
    if (node.failed() || !readOperands() || !checkOperands(node, of))
      return;
    int64_t past = 0;
    if (node.hasInput(6) != node.hasInput(7))
      return node.error("past_key and past_value go together, one of them is missing");
    if (node.hasInput(6) && node.requireRank(6, 4, 4) && node.requireRank(7, 4, 4)) {
      past = node.shape(6)[2];
      of.k = node.concat({node.input(6), of.k}, 2);
      of.v = node.concat({node.input(7), of.v}, 2);
    }
    if (node.failed() || !of)
      return;
    Type type = wideType(elementOf(of.q));
    Value padding = node.hasInput(4) ? biasOfPadding(node, 4, of, type) : Value();
    node.ignore({"mask_filter_value"});
    Value bias = node.hasInput(5) && node.requireTypeOf(5, 0) ? node.input(5) : Value();
    if (node.failed())
      return;
    Sight sight{isCausal, -1, -1, past, Value(), of.queries(), of.keys()};
    Value result = attendTo(node, of, sight, bias, padding, "key_padding_mask");
    if (!result)
      return;
    node.set(0, joinHeads(node, result));
    node.set(1, of.k);
    node.set(2, of.v);
  }

private:
  /// A bias for queries, keys and values, one behind the other, input 3: that of `part`, [1, H, 1, D].
  Value withBias(Value x, int64_t begin) {
    if (!x || !node.hasInput(3) || node.failed())
      return x;
    int64_t size = shapeOf(x)[3], count = heads * size;
    if (!node.requireTypeOf(3, 0) || node.rank(3) != 1 || node.shape(3)[0] < begin + count) {
      node.error("the bias has the shape " + describeShape(node.shape(3)) + ", must have a value for each column");
      return {};
    }
    return node.binary(kind::add, x, node.reshape(node.slice(node.input(3), 0, begin, count), {1, heads, 1, size}));
  }

  /// Keys and values are packed as queries are, or stand as [B, H, T, D] (those of an encoder).
  bool readOperands() {
    if (!node.hasInput(1) || !node.hasInput(2)) {
      node.error("heads that are packed side by side are not supported");
      return false;
    }
    if (!node.requireFloat(0) || !node.requireRank(0, 3, 3) || !node.requireTypeOf(1, 0) || !node.requireTypeOf(2, 0) ||
        !node.requireRank(1, 3, 4) || !node.requireRank(2, node.rank(1), node.rank(1)))
      return false;
    bool isSplit = node.rank(1) == 4;
    of = {splitHeads(node, node.input(0), heads), isSplit ? node.input(1) : splitHeads(node, node.input(1), heads),
          isSplit ? node.input(2) : splitHeads(node, node.input(2), heads)};
    if (node.failed() || !of)
      return false;
    int64_t columns = heads * shapeOf(of.q)[3];
    of = {withBias(of.q, 0), withBias(of.k, columns), withBias(of.v, 2 * columns)};
    return !node.failed();
  }

  Node &node;
  int64_t heads = 0;
  Operands of;
};

void importMultiHeadAttention(Node &node) { MultiHeadAttention(node).run(); }

//===-- Attention, QAttention ---------------------------------------------===//

/// Attention to what is projected by one matrix of weights, [inputs, queries | keys | values]; in QAttention input and
/// weights are bytes. Inputs: input, weights, bias, mask_index, past, attention_bias, past_sequence_length; input,
/// weights, bias, input_scale, weight_scale, mask_index, input_zero_point, weight_zero_point, past.
class ProjectedAttention {
public:
  ProjectedAttention(Node &node, bool isQuantized) : node(node), isQuantized(isQuantized) {}

  void run() {
    heads = node.requiredInteger("num_heads");
    bool isCausal = node.flag("unidirectional", false);
    for (StringRef name : {"do_rotary", "past_present_share_buffer"})
      if (node.flag(name, false))
        return node.error(name + " is not supported");
    node.ignore({"rotary_embedding_dim"});
    if (node.failed() || !readSizes() || !readOperands() || !checkOperands(node, of))
      return;
    int64_t before = 0;
    if (size_t i = isQuantized ? 8 : 4; node.hasInput(i) && !joinPast(i, before))
      return;
    Type type = wideType(elementOf(of.q));
    Value padding = paddingOf(isQuantized ? 5 : 3, type);
    node.ignore({"mask_filter_value"});
    Value bias = !isQuantized && node.hasInput(5) && node.requireTypeOf(5, 0) ? node.input(5) : Value();
    if (node.failed())
      return;
    Sight sight{isCausal, -1, -1, before, Value(), of.queries(), of.keys()};
    Value result = attendTo(node, of, sight, bias, padding, "mask_index");
    if (!result)
      return;
    node.set(0, joinHeads(node, result));
    if (!node.wants(1))
      return;
    if (shapeOf(of.k) != shapeOf(of.v))
      return node.error("keys of shape " + describeShape(shapeOf(of.k)) + " and values of " +
                        describeShape(shapeOf(of.v)) + " are not one tensor `present`");
    node.set(1, node.concat({asPast(of.k), asPast(of.v)}, 0));
  }

private:
  /// How many columns of the weights are queries, keys and values.
  bool readSizes() {
    sizes = node.integers("qkv_hidden_sizes");
    if (!node.requireRank(0, 3, 3) || !node.requireRank(1, 2, 2) || !node.requireRank(2, 1, 1))
      return false;
    int64_t columns = node.shape(1)[1];
    if (sizes.empty())
      sizes.assign(3, columns / 3);
    bool arePositive = llvm::all_of(sizes, [&](int64_t size) { return size > 0 && size <= columns; });
    if (sizes.size() != 3 || !arePositive || sizes[0] + sizes[1] + sizes[2] != columns || sizes[0] != sizes[1]) {
      node.error("weights of shape " + describeShape(node.shape(1)) + " are not those of queries, keys and values of " +
                     describeShape(sizes) + " columns",
                 "queries and keys have equally many");
      return false;
    }
    if (node.hasInput(2) && node.shape(2)[0] != columns) {
      node.error("the bias has the shape " + describeShape(node.shape(2)) + ", must have a value for each column of " +
                 describeShape(node.shape(1)));
      return false;
    }
    return true;
  }

  bool readOperands() {
    if (isQuantized) {
      if (!requireByte(node, 0) || !requireByte(node, 1) || !requireScale(node, 3) || !requireScale(node, 4) ||
          !node.requireTypeOf(6, 0) || !node.requireTypeOf(7, 1) || !node.requireFloat(2) || !requireOne(node, 3) ||
          !requireOne(node, 6))
        return false;
    } else if (!node.requireFloat(0) || !node.requireTypeOf(1, 0) || !node.requireTypeOf(2, 0)) {
      return false;
    }
    of = {splitHeads(node, project(0, sizes[0]), heads), splitHeads(node, project(sizes[0], sizes[1]), heads),
          splitHeads(node, project(2 * sizes[0], sizes[2]), heads)};
    return !node.failed();
  }

  /// `size` columns of the product, from `begin` on. Weights are cut, not what they make: constants are cut here.
  Value project(int64_t begin, int64_t size) {
    Value x = node.input(0), weights = node.slice(node.input(1), 1, begin, size);
    auto cut = [&](size_t i) { // parameters of all columns, or one for each
      Value value = node.hasInput(i) ? perColumn(node, node.input(i), node.input(1)) : Value();
      return value && shapeOf(value)[1] != 1 ? node.slice(value, 1, begin, size) : value;
    };
    if (!x || !weights || node.failed())
      return {};
    Value product;
    if (isQuantized) {
      Value zero = node.hasInput(6) ? alongAxis(node, node.input(6), -2, x) : Value();
      Value scale = node.binary(kind::mul, alongAxis(node, node.input(3), -2, x), cut(4));
      product = node.binary(kind::mul, multiplyBytes(node, x, weights, zero, cut(7)), scale);
    } else {
      product = multiplyMatrices(node, x, weights);
    }
    if (!product || !node.hasInput(2))
      return product;
    return node.binary(kind::add, product, node.slice(node.input(2), 0, begin, size));
  }

  /// Puts keys and values of earlier calls in front, input i: [2, B, H, past, D].
  bool joinPast(size_t i, int64_t &before) {
    if (!node.requireRank(i, 5, 5))
      return false;
    SmallVector<int64_t> shape(node.shape(i)), fresh(shapeOf(of.k));
    if (shape != SmallVector<int64_t>{2, fresh[0], fresh[1], shape[3], fresh[3]} || shapeOf(of.v) != shapeOf(of.k)) {
      node.error("past has the shape " + describeShape(shape) + ", which does not fit keys of shape " +
                 describeShape(fresh));
      return false;
    }
    if (elementOf(node.input(i)) != elementOf(of.k)) {
      node.error("past is of " + nameOf(elementOf(node.input(i))) + ", keys of " + nameOf(elementOf(of.k)));
      return false;
    }
    before = shape[3];
    ArrayRef<int64_t> each = ArrayRef(shape).drop_front();
    auto past = [&](int64_t at) { return node.reshape(node.slice(node.input(i), 0, at, 1), each); };
    of.k = node.concat({past(0), of.k}, 2);
    of.v = node.concat({past(1), of.v}, 2);
    return (bool)of;
  }

  Value asPast(Value x) {
    SmallVector<int64_t> shape(shapeOf(x));
    shape.insert(shape.begin(), 1);
    return node.reshape(x, shape);
  }

  /// What is added for keys that mask_index, input i, leaves out; null without one, or for one that is there for show.
  Value paddingOf(size_t i, Type type) {
    if (!node.hasInput(i) || !node.requireInteger(i))
      return {};
    int64_t batch = of.batch(), keys = of.keys();
    SmallVector<int64_t> shape(node.shape(i));
    bool isDummy = shape.size() == 2 && (shape[0] == batch || shape[0] == 1) && shape[1] == 1;
    if (isDummy)
      return {};
    if (shape != SmallVector<int64_t>{2 * batch})
      return biasOfPadding(node, i, of, type);
    // Ends, then starts of what is seen of each row.
    Value bounds = node.reshape(node.cast(node.input(i), node.builder.getI32Type()), {2 * batch, 1, 1, 1});
    Value at = countTo(node, keys, {1, 1, 1, keys});
    Value ends = node.slice(bounds, 0, 0, batch), starts = node.slice(bounds, 0, batch, batch);
    Value isSeen =
        node.binary(kind::logical_and, node.binary(kind::less, at, ends), node.binary(kind::less_equal, starts, at));
    return biasOfSeen(node, isSeen, type);
  }

  Node &node;
  bool isQuantized;
  int64_t heads = 0;
  SmallVector<int64_t> sizes;
  Operands of;
};

void importProjectedAttention(Node &node) { ProjectedAttention(node, false).run(); }
void importQAttention(Node &node) { ProjectedAttention(node, true).run(); }

//===-- RotaryEmbedding ---------------------------------------------------===//

/// Inputs: x [B, H, T, D] or [B, T, H * D], position_ids [B, T] or one offset, cos_cache, sin_cache.
void importRotaryEmbedding(Node &node) {
  for (size_t i : {0, 2, 3})
    if (!node.requireFloat(i) || !node.requireRank(i, i == 0 ? 3 : 2, i == 0 ? 4 : 2))
      return;
  int64_t heads = node.integer("num_heads", 0), dims = node.integer("rotary_embedding_dim", 0);
  bool isInterleaved = node.flag("interleaved", false), isPacked = node.rank(0) == 3;
  if (node.number("scale", 1) != 1 || node.flag("is_packed_batching", false))
    return node.error("a scale and packed batches are not supported");
  if (!node.requireInteger(1) || !node.requireRank(1, 0, 2))
    return;
  SmallVector<int64_t> shape(node.shape(0));
  if (isPacked && heads == 0) { // heads turn whole
    int64_t size = dims ? 0 : 2 * node.shape(2)[1];
    heads = size > 0 ? shape[2] / size : 0;
  }
  Value x = isPacked ? splitHeads(node, node.input(0), heads) : node.input(0);
  if (!x)
    return;
  int64_t batch = shapeOf(x)[0], steps = shapeOf(x)[2], size = shapeOf(x)[3];
  Value positions = node.cast(node.input(1), node.builder.getI32Type());
  if (product(shapeOf(positions)) == 1) {
    positions = node.binary(kind::add, node.reshape(positions, {1, 1}), countTo(node, steps, {1, steps}));
    positions = node.expand(positions, {batch, steps});
  } else if (shapeOf(positions) != ArrayRef<int64_t>{batch, steps}) {
    return node.error("position_ids has the shape " + describeShape(shapeOf(positions)) + ", must be " +
                      describeShape({batch, steps}) + " or one offset");
  }
  Rotation by = rotationOf(node, 2, positions, size, isInterleaved);
  if (!node.failed() && dims != 0 && dims != by.dims)
    return node.error("rotary_embedding_dim " + Twine(dims) + " does not fit caches of " +
                      describeShape(node.shape(2)));
  if (node.failed())
    return;
  Value turned = rotate(node, x, by);
  node.set(0, isPacked ? joinHeads(node, turned) : turned);
}

constexpr const char *kMicrosoft = "com.microsoft";
const OpEntry kOps[] = {
    {"Attention", 2, 7, importProjectedAttention, kMicrosoft},
    {"QAttention", 5, 9, importQAttention, kMicrosoft},
    {"GroupQueryAttention", 1, 14, importGroupQueryAttention, kMicrosoft},
    {"MultiHeadAttention", 1, 8, importMultiHeadAttention, kMicrosoft},
    {"RotaryEmbedding", 4, 4, importRotaryEmbedding, kMicrosoft},
};
} // namespace

ArrayRef<OpEntry> fusedAttentionOps() { return kOps; }

} // namespace nncc::import
