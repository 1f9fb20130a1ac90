// Shared libraries: the objects of a model, linked in process by LLD for programs that load models while they run.
#ifndef NNCC_CODEGEN_EMIT_SHAREDLIBRARY_H
#define NNCC_CODEGEN_EMIT_SHAREDLIBRARY_H
#include "codegen/emit/ModelPlan.h"
#include "codegen/emit/OutputFiles.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <string>

namespace nncc {

/// Runs LLD on a command line, `ld.lld` first. May be called from several threads at once; they wait for each other.
///
/// error  what LLD said, without its name
llvm::Error runLinker(llvm::ArrayRef<std::string> words);

/// Adds libM.so to the files of a compile. It exports the public symbols of the code object, needs the C library of its
/// target for memcpy, memset and memmove at most, has no executable stack, and nothing writable once it is loaded.
///
/// plan          of a target with a loader of libraries: Linux and Android
/// writeWeights  writes the weights' object (writeWeightsObject); null for a model that has none inside
/// error         a failed write; else our mistakes
llvm::Error writeSharedLibrary(const ModelPlan &plan, llvm::MemoryBufferRef code,
                               const OutputFiles::Writer *writeWeights, OutputFiles &files);

} // namespace nncc
#endif
