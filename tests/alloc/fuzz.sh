#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: fuzz.sh [SECONDS [FOLDER]]     (default 20)
# libFuzzer over sequences of calls to <percpu/alloc.h>, with ASan and UBSan. TAP. FOLDER keeps the
# corpus; what fails is left in it. Longer than a test suite may take: tests/alloc/fuzz.sh 300
set -u
. "$(dirname "$0")/../work.sh"
seconds=${1:-20}
needs clang-sanitizers
folder=${2:-$work/corpus}
mkdir -p "$folder" || exit 1

fuzz() {
    clang-sanitizers -std=gnu17 -O1 -g -Wall -Wextra -Werror -fsanitize=fuzzer,address,undefined \
        -fno-sanitize-recover=all -DPERCPU_PLATFORM_THREAD -I"$root/include" -o "$work/fuzz" \
        "$root/tests/alloc/fuzz.c" "$root/tests/library.c" &&
        "$work/fuzz" -seed=1 -max_len=600 -timeout=60 -print_final_stats=1 -artifact_prefix="$folder/" \
            -max_total_time="$seconds" "$folder" &&
        [ "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" -gt 100 ]
}
check alloc_fuzz fuzz
end
