#!/usr/bin/env bash
# From a fresh clone to a trained network running in a C program: installs, builds, compiles tools/demo/digits.onnx, links, runs.
# Takes 2 GB of packages and some minutes; docs/packages.md has what needs neither.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/quickstart

if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold= plain=; fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() { printf '$ %s\n' "$*"; "$@"; }

# On a terminal Ninja says how far it is, in one line; elsewhere it is quiet.
if [ -t 1 ]; then ninja=(ninja); else ninja=(ninja --quiet); fi
printf 'On a fresh system this takes about 2 GB of packages (LLVM and MLIR are most of it), 400 MB for the build, and %s minutes\n' $((1 + 14 / $(nproc)))
printf 'of compiling on %s cores; a second time, seconds. `pip install` of the wheel takes a minute at most: docs/packages.md.\n' "$(nproc)"

step "1. What nncc is built from"
tools/setup.sh --build

step "2. Building nncc"
cmake --preset release --log-level=ERROR
"${ninja[@]}" -C build -j "$(nproc)" nncc

step "3. From ONNX to a static library"
mkdir -p "$out"
show build/bin/nncc compile tools/demo/digits.onnx -o "$out"

step "4. Into a C program"
show "${CC:-clang-22}" -std=c99 -O2 -Wall -I "$out" tools/demo/digits.c "$out/libdigits.a" -o "$out/digits"

step "5. Run"
show "$out/digits"

step "What is where"
printf '  %-34s %s\n' \
  "$out/libdigits.a" "$(stat -c %s "$out/libdigits.a") bytes: code and weights" \
  "$out/digits.h" "the header: types, sizes, digits_init, digits_run" \
  "$out/digits.json" "the manifest: kernels, memory map, symbols" \
  "tools/demo/digits.c" "the program, to copy from" \
  "tools/demo/digits.onnx" "the network ($(stat -c %s tools/demo/digits.onnx) bytes), made by tools/demo/train_digits.py"
step "What next, with a model of your own"
cat <<'TEXT'
  build/bin/nncc inspect MODEL.onnx                 what it needs: inputs, dims to bind, memory
  build/bin/nncc report MODEL.onnx -o report.html   a page to look at: graph, memory, time, loops
  build/bin/nncc run MODEL.onnx                     compile and run it here, on random inputs
  build/bin/nncc compile MODEL.onnx -o out          the library for this machine
  build/bin/nncc compile MODEL.onnx -o out --target=aarch64-linux-gnu --cpu=cortex-a53
  build/bin/nncc --help                             everything else; docs/using-in-c.md; tools/test.sh runs the tests
TEXT
