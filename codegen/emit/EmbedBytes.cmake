# Writes files into a C++ source as byte arrays: cmake -DOUT=x.cpp "-DFILES=name=path;name=path" -P EmbedBytes.cmake
# Each becomes nncc::embedded::<name>, an llvm::StringRef over constant data.
set(text "// Made by codegen/emit/EmbedBytes.cmake: files that the compiler carries inside itself.\n#include \"codegen/emit/Embedded.h\"\n")
foreach(entry IN LISTS FILES)
  string(REGEX MATCH "^([^=]*)=(.*)$" _ "${entry}")
  set(name ${CMAKE_MATCH_1})
  file(READ "${CMAKE_MATCH_2}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  # 64-byte alignment: bitcode is read in place.
  string(APPEND text "alignas(64) static const unsigned char ${name}Bytes[] = {${bytes}0};\n"
    "const llvm::StringRef nncc::embedded::${name}(reinterpret_cast<const char *>(${name}Bytes), sizeof ${name}Bytes - 1);\n")
endforeach()
file(WRITE "${OUT}" "${text}")
