/* Names of status codes and element types.
 * The interface is nncc/runtime.h. */
#include "nncc/runtime.h"

const char *nncc_status_string(nncc_status status) {
  switch (status) {
  case NNCC_OK:
    return "ok";
  case NNCC_MORE:
    return "kernels are left to run";
  case NNCC_NULL_POINTER:
    return "a required pointer is NULL";
  case NNCC_ARENA_TOO_SMALL:
    return "the arena is smaller than M_ARENA_BYTES";
  case NNCC_ARENA_MISALIGNED:
    return "the arena is not aligned to M_ARENA_ALIGN";
  case NNCC_BAD_OPTIONS:
    return "the options have an unknown size, or set something that this "
           "library does not know";
  case NNCC_CPU_UNSUPPORTED:
    return "the model was compiled for a CPU with more features than this one";
  case NNCC_NOT_INITIALIZED:
    return "the context was not initialized by M_init of this model";
  case NNCC_NOT_STARTED:
    return "no run is started";
  case NNCC_POINTER_MISALIGNED:
    return "an input or output is not aligned to its element";
  case NNCC_POINTERS_OVERLAP:
    return "an output overlaps another output, an input or the arena";
  case NNCC_WEIGHTS_MISSING:
    return "the model's weights lie outside of it, and options->weights is NULL";
  case NNCC_WEIGHTS_MISALIGNED:
    return "the weights are not aligned to M_WEIGHTS_ALIGN";
  case NNCC_WEIGHTS_TRUNCATED:
    return "fewer bytes of weights than M_WEIGHTS_BYTES";
  case NNCC_WEIGHTS_OF_ANOTHER_MODEL:
    return "no weights file, or one that was written for other code";
  case NNCC_WEIGHTS_CORRUPT:
    return "the weights are damaged: their hash differs";
  case NNCC_ARENA_NOT_OF_DEVICE:
    return "the arena is no memory that the device allocated";
  case NNCC_DEVICE_FAILED:
    return "the device cannot run the model, or failed, and the CPU is not wanted";
  case NNCC_DEVICE_LOST:
    return "the device was lost, and with it an input in its memory";
  case NNCC_DEVICE_HUNG:
    return "the device did not finish in time";
  case NNCC_CANCELLED:
    return "the program cancelled it";
  }
  return "unknown status";
}

const char *nncc_type_string(uint32_t type) {
  switch (type) {
  case NNCC_F32:
    return "f32";
  case NNCC_F16:
    return "f16";
  case NNCC_BF16:
    return "bf16";
  case NNCC_F64:
    return "f64";
  case NNCC_BOOL:
    return "bool";
  case NNCC_I8:
    return "i8";
  case NNCC_I16:
    return "i16";
  case NNCC_I32:
    return "i32";
  case NNCC_I64:
    return "i64";
  case NNCC_U8:
    return "u8";
  case NNCC_U16:
    return "u16";
  case NNCC_U32:
    return "u32";
  case NNCC_U64:
    return "u64";
  }
  return "?";
}

size_t nncc_type_bytes(uint32_t type) {
  switch (type) {
  case NNCC_BOOL:
  case NNCC_I8:
  case NNCC_U8:
    return 1;
  case NNCC_F16:
  case NNCC_BF16:
  case NNCC_I16:
  case NNCC_U16:
    return 2;
  case NNCC_F32:
  case NNCC_I32:
  case NNCC_U32:
    return 4;
  case NNCC_F64:
  case NNCC_I64:
  case NNCC_U64:
    return 8;
  }
  return 0;
}
