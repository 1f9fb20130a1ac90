// What nncc-reduce does to nn IR: values become arguments, writes go, and what nobody needs then goes, too.
#ifndef NNCC_TOOLS_NNCC_REDUCE_REDUCEGRAPH_H
#define NNCC_TOOLS_NNCC_REDUCE_REDUCEGRAPH_H

namespace nncc {

/// Registers the pass `reduce-graph`.
void registerReduceGraphPass();

} // namespace nncc
#endif
