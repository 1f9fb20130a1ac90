"""The contract of include/nncc/abi.h and compiler.h in ctypes: the names, orders and types of those two files, no more."""
from __future__ import annotations

import ctypes as c

ABI_VERSION = 1
OK, MORE = 0, 1  # nncc_status

# nncc_type: the name in messages, the type of numpy. bf16 has none: the bits of its elements.
TYPES = {1: ("f32", "float32"), 2: ("f16", "float16"), 3: ("bf16", "uint16"), 4: ("f64", "float64"), 5: ("bool", "bool"),
         6: ("i8", "int8"), 7: ("i16", "int16"), 8: ("i32", "int32"), 9: ("i64", "int64"),
         10: ("u8", "uint8"), 11: ("u16", "uint16"), 12: ("u32", "uint32"), 13: ("u64", "uint64")}

# The bits of cpu_features, by the names that users know.
CPU_FEATURES = {0: "NEON", 1: "FP16", 2: "DotProd", 3: "I8MM", 4: "BF16", 5: "LSE", 6: "RDM", 7: "SVE", 8: "SVE2",
                32: "x86-64-v2", 33: "x86-64-v3 (AVX2)", 34: "x86-64-v4 (AVX-512)", 35: "AVX512-VNNI", 36: "AVX-VNNI",
                37: "AVX512-BF16", 38: "AVX512-FP16"}


class Tensor(c.Structure):
    """nncc_tensor"""
    _fields_ = [("name", c.c_char_p), ("identifier", c.c_char_p), ("dims", c.POINTER(c.c_int64)), ("rank", c.c_uint32),
                ("type", c.c_uint32), ("bytes", c.c_uint64)]


class Kernel(c.Structure):
    """nncc_kernel"""
    _fields_ = [("name", c.c_char_p), ("op", c.c_char_p), ("macs", c.c_uint64)]


class Variant(c.Structure):
    """nncc_variant"""
    _fields_ = [("cpu", c.c_char_p), ("cpu_required", c.c_uint64), ("arena_bytes", c.c_uint64), ("num_kernels", c.c_uint32),
                ("reserved", c.c_uint32), ("kernels", c.POINTER(Kernel))]


class Options(c.Structure):
    """nncc_options, up to what is used here: a library takes shorter ones of older programs."""
    _fields_ = [("size", c.c_uint32), ("threads", c.c_uint32), ("parallel_for", c.c_void_p), ("on_kernel", c.c_void_p),
                ("user", c.c_void_p), ("cpu_features", c.c_uint64), ("weights", c.c_void_p), ("weights_bytes", c.c_uint64),
                ("trust_weights", c.c_uint64)]


# Calls release the interpreter's lock.
Init = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_size_t, c.POINTER(Options))
Run = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_void_p)
Step = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_uint32)
ChosenVariant = c.CFUNCTYPE(c.c_uint32, c.c_void_p)


class Model(c.Structure):
    """nncc_model; what is behind `step` may be missing where num_variants is 0: libraries of older versions are shorter"""
    _fields_ = [("abi_version", c.c_uint32), ("size", c.c_uint32), ("name", c.c_char_p), ("target", c.c_char_p), ("cpu", c.c_char_p),
                ("arena_bytes", c.c_uint64), ("arena_align", c.c_uint64), ("context_bytes", c.c_uint64), ("weights_bytes", c.c_uint64),
                ("cpu_required", c.c_uint64), ("num_inputs", c.c_uint32), ("num_outputs", c.c_uint32), ("num_kernels", c.c_uint32),
                ("num_variants", c.c_uint32), ("inputs", c.POINTER(Tensor)), ("outputs", c.POINTER(Tensor)), ("kernels", c.POINTER(Kernel)),
                ("init", Init), ("run", Run), ("start", Run), ("step", Step), ("weights_file_bytes", c.c_uint64),
                ("device_program", c.c_void_p), ("variants", c.POINTER(Variant)), ("variant", ChosenVariant)]


class Pool(c.Structure):
    """nncc_pool"""
    _fields_ = [("opaque", c.c_uint64 * 128)]


Strings = c.POINTER(c.c_char_p)
Message = c.CFUNCTYPE(None, c.c_void_p, c.c_int, c.c_char_p)
SEVERITIES = ("note", "warning", "error")  # nncc_severity


class CompileOptions(c.Structure):
    """nncc_compile_options"""
    _fields_ = [("size", c.c_uint32), ("debug_info", c.c_uint32), ("model", c.c_char_p), ("output_directory", c.c_char_p),
                ("name", c.c_char_p), ("target", c.c_char_p), ("cpu", c.c_char_p), ("dims", Strings), ("num_dims", c.c_size_t),
                ("binds", Strings), ("num_binds", c.c_size_t), ("on_message", Message), ("user", c.c_void_p), ("inputs", Strings),
                ("num_inputs", c.c_size_t), ("extern_weights", c.c_uint32), ("shared_library", c.c_uint32),
                ("output_layouts", Strings), ("num_output_layouts", c.c_size_t), ("shapes", Strings), ("num_shapes", c.c_size_t),
                ("renames", Strings), ("num_renames", c.c_size_t), ("tuning", c.c_char_p), ("arena_slack", c.c_char_p),
                ("optimize_for_size", c.c_uint32), ("begin", Strings), ("num_begin", c.c_size_t), ("end", Strings), ("num_end", c.c_size_t),
                ("float_format", c.c_char_p)]
