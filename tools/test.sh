#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests: the quick ones and those on real networks. Ends with CTest's summary.
# Usage: tools/test.sh [argument of ctest...], e.g. tools/test.sh -L quick. NNCC_REQUIRE_MODELS=1: a network that cannot be had fails.
set -euo pipefail
cd "$(dirname "$0")/.."

selection=("$@")
# All cases of onnx-suite are in onnx-suite-all.
[ ${#selection[@]} -gt 0 ] || selection=(-L '^(quick|models)$' -E '^onnx-suite$')

tools/setup.sh
cmake --preset release --log-level=WARNING
ninja -C build -j "$(nproc)"
.cache/venv/bin/python3 tools/fetch-models.py --optional
exec ctest --test-dir build --output-on-failure -j "$(nproc)" "${selection[@]}"
