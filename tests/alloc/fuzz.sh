#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: fuzz.sh [SECONDS [FOLDER]]     (default 20)
# libFuzzer over sequences of calls to <percpu/alloc.h>, with ASan and UBSan. TAP. FOLDER keeps the
# corpus; what fails is left in it. Longer than a test suite may take: tests/alloc/fuzz.sh 300
set -u
seconds=${1:-20}
root=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
. "$root/tests/tools.sh"
needs clang-sanitizers
folder=${2:-$tmp/corpus}
mkdir -p "$folder" || exit 1

echo 1..1
clang-sanitizers -std=gnu17 -O1 -g -Wall -Wextra -Werror -fsanitize=fuzzer,address,undefined \
    -fno-sanitize-recover=all -DPERCPU_PLATFORM_THREAD -I"$root/include" -o "$tmp/fuzz" \
    "$root/tests/alloc/fuzz.c" "$root"/src/*.c "$root"/src/platform/*.c >"$tmp/log" 2>&1 &&
    "$tmp/fuzz" -seed=1 -max_len=600 -timeout=60 -print_final_stats=1 -artifact_prefix="$folder/" \
        -max_total_time="$seconds" "$folder" >"$tmp/log" 2>&1
status=$?
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$tmp/log")
tail -n 25 "$tmp/log" | sed 's/^/# /'
if [ $status -eq 0 ] && [ "${runs:-0}" -gt 100 ]; then
    echo "ok 1 - alloc_fuzz"
else
    echo "not ok 1 - alloc_fuzz"
    exit 1
fi
