#!/usr/bin/env bash
# Builds and runs one of docs/examples, or all, as a user of an installed nncc would: nothing here knows where it is installed.
# Usage: run-example.sh EXAMPLE|all EXAMPLES WORK [NNCC_SOURCE]   EXAMPLES: docs/examples or its installed copy; WORK is emptied
# EXAMPLE is one of the functions below. CMAKE_PREFIX_PATH and PKG_CONFIG_PATH lead to an nncc that is not installed in /usr.
set -euo pipefail
examples=$(realpath "$2") work=$3 source=${4-}
cross=(-DCMAKE_TOOLCHAIN_FILE="$examples/cmake/aarch64-linux-gnu.cmake")
qemu="qemu-aarch64 -L /usr/aarch64-linux-gnu"
export PKG_CONFIG_PATH_FOR_BUILD=${PKG_CONFIG_PATH-}

# build_and_test FOLDER SOURCE OPTION...: CMake and CTest; Ninja is the default here, "Unix Makefiles" with -G.
build_and_test() {
  cmake -G Ninja -S "$2" -B "$work/$1" "${@:3}"
  cmake --build "$work/$1"
  ctest --test-dir "$work/$1" --output-on-failure --no-tests=error
}
# fails COMMAND...: the command fails.
fails() { ! "$@" 2>&1; }
# says TEXT COMMAND...: the command prints the text.
says() {
  "${@:2}" | tee "$work/output"
  grep -q "$1" "$work/output" || { echo "not said: $1"; exit 1; }
}

cmake-host() {
  build_and_test ninja "$examples/cmake" && says "x86_64-linux-gnu: a 2" "$work/ninja/digit"
  build_and_test "with blanks" "$examples/cmake" -G "Unix Makefiles"
}
cmake-cross() { build_and_test cross "$examples/cmake" "${cross[@]}" && says "aarch64-linux-gnu: a 2" $qemu "$work/cross/digit"; }
two-models() {
  build_and_test host "$examples/two-models"
  build_and_test cross "$examples/two-models" "${cross[@]}" && says "2 models agree" $qemu "$work/cross/two-models"
}
cmake-subdirectory() {
  [ -n "$source" ] || { echo "needs the sources of nncc"; return 1; }
  local nncc=${NNCC_EXECUTABLE-$(command -v nncc)}
  build_and_test host "$examples/cmake-subdirectory" -DNNCC_SOURCE_DIR="$source" -DNNCC_EXECUTABLE="$nncc"
  build_and_test cross "$examples/cmake-subdirectory" -DNNCC_SOURCE_DIR="$source" -DNNCC_EXECUTABLE="$nncc" "${cross[@]}"
  says "aarch64-linux-gnu: a 2" $qemu "$work/cross/digit"
}
# Not among all: builds the compiler as a part of the project, whose own warnings and -Werror are not meant for it.
cmake-subdirectory-full() {
  build_and_test full "$examples/cmake-subdirectory" -DNNCC_SOURCE_DIR="$source" -DCMAKE_C_COMPILER=clang-22 \
    -DCMAKE_CXX_COMPILER=clang++-22 "-DCMAKE_CXX_FLAGS=-Wconversion -Werror"
}
meson() {
  command meson setup "$work/host" "$examples/meson"
  command meson test -C "$work/host"
  says "x86_64-linux-gnu: a 2" "$work/host/digit"
  command meson setup --cross-file "$examples/meson/aarch64-linux-gnu.ini" "$work/cross" "$examples/meson"
  command meson test -C "$work/cross"
  says "aarch64-linux-gnu: a 2" $qemu "$work/cross/digit"
}
make() {
  local cc=(CC=aarch64-linux-gnu-gcc TARGET=aarch64-linux-gnu OUT="$work/cross")
  says "x86_64-linux-gnu: a 2" command make -C "$examples/make" OUT="$work/host" run
  says "aarch64-linux-gnu: a 2" command make -C "$examples/make" "${cc[@]}" RUN="$qemu" run
  # The depfile holds: nothing to do, then a newer model.
  command make -C "$examples/make" "${cc[@]}" -q "$work/cross/digit"
  ! command make -C "$examples/make" "${cc[@]}" -W ../digits.onnx -q "$work/cross/digit"
}
firmware() { says "frame 3: a 9" command make -C "$examples/firmware" CC=aarch64-linux-gnu-gcc OUT="$work/out" run; }
# Not among all: needs what stands in for Zephyr, beside this script.
zephyr() {
  local stub=$(realpath "$(dirname "$0")/../zephyr/inputs") module=${CMAKE_PREFIX_PATH:-/usr}/share/nncc/zephyr
  # A variable of the application may be called as a word of a call.
  local options=(-G Ninja -S "$examples/zephyr" -DZephyr_DIR="$stub" -DZEPHYR_EXTRA_MODULES="$module" -DCPU=MODEL)
  for cpu in "" cortex-a72 cortex-a72+nocrypto cortex-r82; do
    rm -rf "$work/board" && cmake "${options[@]}" -B "$work/board" -DGCC_M_CPU=$cpu && cmake --build "$work/board"
    says "a 2, with probability" $qemu "$work/board/zephyr.elf"
    grep '"cpu"' "$work/board/nncc_models/digits/digits.json" >>"$work/cpus"
  done
  grep -o '[a-z]*-*[a-z0-9]*",' "$work/cpus" | tr -d '\n' | grep -q '^generic",cortex-a72",cortex-a72",generic",$'
  # A module that is there and not asked for adds nothing.
  cp -r "$examples/zephyr" "$work/without" && sed -i s/CONFIG_NNCC=y// "$work/without/prj.conf"
  says 'Unknown CMake command "nncc_add_zephyr_model"' fails cmake "${options[@]}" -S "$work/without" -B "$work/without/build"
}

all=(cmake-host cmake-cross two-models cmake-subdirectory meson make firmware)
if [ "$1" = all ]; then
  for example in "${all[@]}"; do
    "$0" "$example" "$examples" "$work/$example" "$source" >"$work.log" 2>&1 || { cat "$work.log"; echo "FAILED: $example"; exit 1; }
    echo "passed: $example"
  done
elif [[ " ${all[*]} cmake-subdirectory-full zephyr " = *" $1 "* ]]; then
  rm -rf "$work" && mkdir -p "$work"
  set -x
  "$1"
else
  sed -n '2,5s/^# //p' "$0"
  exit 2
fi
