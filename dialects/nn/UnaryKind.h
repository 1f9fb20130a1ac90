// The rows of UnaryKind.td. `dialects/nn/NN.h` declares the type; who names a row includes this.
#ifndef NNCC_DIALECTS_NN_UNARYKIND_H
#define NNCC_DIALECTS_NN_UNARYKIND_H
#include "dialects/nn/NN.h"

#include "dialects/nn/UnaryKind.h.inc"
#endif
