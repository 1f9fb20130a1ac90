// The rows of BinaryKind.td. `dialects/nn/NN.h` declares the type; who names a row includes this.
#ifndef NNCC_DIALECTS_NN_BINARYKIND_H
#define NNCC_DIALECTS_NN_BINARYKIND_H
#include "dialects/nn/NN.h"

#include "dialects/nn/BinaryKind.h.inc"
#endif
