// Every op of the nn dialect, one file per family.
#ifndef NNCC_DIALECTS_NN_NNOPS_TD
#define NNCC_DIALECTS_NN_NNOPS_TD
include "dialects/nn/NNAttributes.td"
include "dialects/nn/NNDialect.td"
include "dialects/nn/Conv.td"
include "dialects/nn/Elementwise.td"
include "dialects/nn/Index.td"
include "dialects/nn/Kernel.td"
include "dialects/nn/Layout.td"
include "dialects/nn/MatMul.td"
include "dialects/nn/Norm.td"
include "dialects/nn/Pool.td"
include "dialects/nn/Quant.td"
include "dialects/nn/Reduce.td"
include "dialects/nn/Resample.td"
include "dialects/nn/Slice.td"
#endif
