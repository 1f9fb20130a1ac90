// The bytes of the loader, taken in by the assembler.
#include "lib/analyze/LoaderObject.h"

__asm__(".pushsection .rodata\n"
        ".globl nncc_loader_aarch64_begin, nncc_loader_aarch64_end\n"
        ".hidden nncc_loader_aarch64_begin, nncc_loader_aarch64_end\n"
        ".balign 16\n"
        "nncc_loader_aarch64_begin: .incbin \"" NNCC_LOADER_AARCH64 "\"\n"
        "nncc_loader_aarch64_end:\n"
        ".popsection\n");

extern "C" const char nncc_loader_aarch64_begin[], nncc_loader_aarch64_end[];

const llvm::StringRef nncc::embedded::loaderAArch64(nncc_loader_aarch64_begin,
                                                    static_cast<size_t>(nncc_loader_aarch64_end -
                                                                        nncc_loader_aarch64_begin));
