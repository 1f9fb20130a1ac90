// The resampling family has no inferred types: sizes are the model's word.
#include "dialects/nn/NN.h"
