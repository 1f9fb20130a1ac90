// The functions of elements that other ops are written out with. Apart from the tables that they are rows of, so that a
// new row of UnaryKind.td or BinaryKind.td compiles only what knows all of them: Elementwise.cpp checks the numbers.
#ifndef NNCC_DIALECTS_NN_KINDS_H
#define NNCC_DIALECTS_NN_KINDS_H
#include "dialects/nn/NN.h"

namespace nncc::nn::kind {

inline constexpr UnaryKind abs{0}, neg{1}, exp{2}, log{3}, sqrt{4}, rsqrt{5}, reciprocal{6}, floor{7}, round{9},
    logical_not{11}, erf{13}, tanh{22}, sigmoid{26}, leaky_relu{28}, silu{35}, clip{41};
inline constexpr BinaryKind add{0}, sub{1}, mul{2}, div{3}, pow{4}, mod{5}, min{7}, max{8}, logical_and{10}, equal{18},
    less{19}, less_equal{20}, greater{21}, greater_equal{22};

} // namespace nncc::nn::kind
#endif
