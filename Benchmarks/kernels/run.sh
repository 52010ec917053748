#!/bin/sh
# Builds the benchmark of the micro-kernels with clang, as the package builds them, and runs it:
#   run.sh [instruction set, as a number of sk_isa] [repetitions] [families: g r c d e]
set -eu
cd "$(dirname "$0")"
build=${TMPDIR:-/tmp}/swiftlet-kernels-bench
mkdir -p "$build"
sources=../../Sources/CKernels
clang -O2 -o "$build/bench" main.c "$sources/dispatch.c" "$sources"/isa/*.c
exec "$build/bench" "$@"
