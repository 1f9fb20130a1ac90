/* Two models in one translation unit, with the runtime's header between them if asked for. */
#include "tiny.h"
#ifdef WITH_RUNTIME
#include "nncc/runtime.h"
#endif
#include "other.h"
#include "tiny.h"
const nncc_model *models(int i);
const nncc_model *models(int i) { return i ? &other_model : &tiny_model; }
