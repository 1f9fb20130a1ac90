#!/usr/bin/env bash
# Compares nncc with other inference engines on this machine: tools/bench/compare.sh [options]. What it measures, and all options: --help.
# With --gpu NAME,... first: GPU code beside ncnn's, by gpu_peer.py.
# Sets up the engines of tools/bench/peers.txt in Python environments of their own in the user's cache, once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

for option in "$@"; do
  case $option in
    -h|--help) exec python3 "$here/compare_engines.py" --help ;;
    # What the tests have is enough for a self-test.
    --self-test) exec "${NNCC_TEST_PYTHON:-$here/../../.cache/venv/bin/python3}" "$here/compare_engines.py" "$@" ;;
  esac
done

cache=${XDG_CACHE_HOME:-$HOME/.cache}/nncc
# folder_of NAME: where the Python environment with what NAME.txt pins lies.
folder_of() { echo "$cache/bench-$1-$(sha256sum "$here/$1.txt" | cut -c1-12)"; }
# make_environment NAME: makes it where it is not there.
make_environment() {
  local folder
  folder=$(folder_of "$1")
  [ ! -e "$folder/complete" ] || return 0
  echo "compare: making the Python environment $folder" >&2
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/python3" -m pip install --quiet --disable-pip-version-check --no-deps -r "$here/$1.txt" || return 1
  touch "$folder/complete"
}
mkdir -p "$cache"
exec 9>"$cache/bench.lock"
flock 9
make_environment peers
# Only LiteRT needs this one, which is large.
case " $* " in
  *\ --peers=*litert*|*\ --peers\ *litert*) wants_litert=1 ;;
  *\ --peers*|*\ --only-aarch64\ *|*\ --gpu\ *) wants_litert= ;;
  *) wants_litert=1 ;;
esac
[ -z "$wants_litert" ] || make_environment converter || echo "compare: the converter for LiteRT cannot be had" >&2
exec 9>&-

[ "${1:-}" != --gpu ] || { shift; exec "$(folder_of peers)/bin/python3" "$here/gpu_peer.py" "$@"; }
exec "$(folder_of peers)/bin/python3" "$here/compare_engines.py" --converter="$(folder_of converter)/bin" "$@"
