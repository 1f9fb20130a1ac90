// Pieces of attention that ONNX's own operators and those of other tools share.
#ifndef NNCC_LIB_IMPORT_ONNX_ATTENTION_H
#define NNCC_LIB_IMPORT_ONNX_ATTENTION_H
#include "lib/import/onnx/Node.h"

namespace nncc::import {

/// [B, T, H * D] as [B, H, T, D].
/// error   heads that do not divide the last dim
Value splitHeads(Node &node, Value x, int64_t heads);

/// [B, H, T, D] as [B, T, H * D].
Value joinHeads(Node &node, Value x);

/// Queries [B, H, S, D], keys [B, Hkv, T, D] and values [B, Hkv, T, Dv]; each head of keys serves H / Hkv of queries.
struct Operands {
  Value q, k, v;

  explicit operator bool() const { return q && k && v; }
  int64_t batch() const { return shapeOf(q)[0]; }
  int64_t heads() const { return shapeOf(q)[1]; }
  int64_t queries() const { return shapeOf(q)[2]; }
  int64_t keys() const { return shapeOf(k)[2]; }
  /// Queries as the heads of keys see them: [B, Hkv, H / Hkv * S, last].
  SmallVector<int64_t> grouped(int64_t last) const {
    int64_t keyHeads = shapeOf(k)[1];
    return {batch(), keyHeads, heads() / keyHeads * queries(), last};
  }
};

/// error   operands that do not fit each other; returns false
bool checkOperands(Node &node, const Operands &of);

/// Scores [B, H, S, T] of all keys for all queries. Queries are scaled before the product, whose sums may not fit half
/// floats otherwise.
Value scoresOf(Node &node, const Operands &of, double scale);

/// tanh(scores / cap) * cap, where the cap is above 0.
Value capped(Node &node, Value scores, double cap);

/// Values [B, H, S, Dv] weighed by probabilities [B, H, S, T].
Value weigh(Node &node, const Operands &of, Value probabilities);

/// Which keys a query sees besides a mask. Windows of -1 are open.
struct Sight {
  bool isCausal;
  int64_t left, right;
  int64_t past; ///< how many keys are before the first query, where `valid` is absent
  Value valid;  ///< [B]: how many keys of each row are there, or null
  int64_t queries, keys;

  /// True when all see all.
  bool isOpen() const { return !isCausal && left < 0 && right < 0 && !valid; }
  /// True when each query sees a key whatever the data is.
  bool isNeverEmpty() const;
};

/// True where a query sees a key, [S, T] or [B, 1, S, T]; null when all see all.
/// error   more queries or keys than are counted
Value allowedKeys(Node &node, const Sight &sight);

/// What is added to the scores, in their type: 0, or minus infinity where a key is not seen. Null: nothing.
///
/// mask  booleans or numbers that broadcast to [B, H, S, T], or null
Value biasOf(Node &node, Value mask, const Sight &sight, Type type);

/// Adds a bias (null: nothing) that has to broadcast to the scores.
/// error   one that does not
Value biased(Node &node, Value scores, Value bias, StringRef name);

/// What turns the pairs of each head: sines and cosines for half of the dims that turn.
struct Rotation {
  Value cos, sin; ///< of the rank of the tensor that is turned
  int64_t dims;   ///< how many of each head turn
  bool isInterleaved;
};

/// Turns the first dims of the last axis, pair by pair: halves, or neighbours where they are interleaved.
Value rotate(Node &node, Value x, const Rotation &by);

} // namespace nncc::import
#endif
