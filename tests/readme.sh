#!/bin/sh
# SPDX-License-Identifier: MIT
# The code of README.md and docs/rseq.md does what the page says: it compiles without a warning, the
# kernel links with the lines for its linker script, the programs run. No document has a dead link; the list
# of files of the last port is complete.
# CC is the host's C compiler.
set -u
. "$(dirname "$0")/work.sh"
CC="${CC:-cc}"

# Each block of C begins with its file's name; the block of linker script has none.
extract() {
    awk -v folder="$work" '
        /^```/ { inside = !inside; file = ""; if ($0 == "```ld") file = folder "/lines.ld"; next }
        inside && file == "" && /^\/\* [a-z]+\.c \*\/$/ { file = folder "/" $2 }
        inside && file != "" { print > file }
    ' "$root/README.md" "$root/docs/rseq.md" && [ -s "$work/kernel.c" ] && [ -s "$work/program.c" ] &&
        [ -s "$work/drain.c" ] && [ -s "$work/lines.ld" ]
}

warnings='-std=gnu17 -Wall -Wextra -Wpedantic -Wconversion -Werror'

# kernel_builds COMPILER...
kernel_builds() {
    freestanding='-O2 -ffreestanding -nostdlib -fno-pic -fno-stack-protector'
    # shellcheck disable=SC2086
    "$@" $freestanding $warnings -I"$root/include" -c "$work/kernel.c" -o "$work/kernel.o"
}

kernel_links() {
    {
        echo 'ENTRY(boot) SECTIONS { . = 0x100000; .text : { *(.text .text.*) }'
        echo '.rodata : { *(.rodata .rodata.*) } .data : { *(.data .data.*) }'
        cat "$work/lines.ld"
        echo '.bss : { *(.bss .bss.* COMMON) } /DISCARD/ : { *(.eh_frame .comment .note.*) } }'
    } >"$work/kernel.lds"
    echo 'void *memcpy(void *to, const void *from, unsigned long n) { (void)from; (void)n; return to; }' \
        >"$work/memcpy.c"
    # shellcheck disable=SC2086
    $CC -O2 -ffreestanding -nostdlib -static -no-pie -fno-pic -fno-stack-protector -mgeneral-regs-only \
        -I"$root/include" -L"$root/ld" -Wl,-T,"$work/kernel.lds" -Wl,--build-id=none -o "$work/kernel" \
        "$work/kernel.c" "$work/memcpy.c" "$root"/src/*.c "$root"/src/platform/*.c
}

# program_runs NAME OUTPUT [VARIABLE=VALUE]
program_runs() {
    # shellcheck disable=SC2086
    $CC -O2 $warnings -I"$root/include" -pthread -o "$work/$1" "$work/$1.c" \
        "$root"/src/*.c "$root"/src/platform/*.c && output=$(env ${3-} "$work/$1") || return 1
    echo "$output"
    [ "$output" = "$2" ]
}

# Every relative link of every document leads somewhere; so does every path in `code` of README.md.
links() {
    status=0
    for file in README.md CONTRIBUTING.md CHANGELOG.md docs/*.md; do
        [ -f "$root/$file" ] || continue
        for link in $(grep -o ']([^)#:]*[)#]' "$root/$file" | sed 's/^](//; s/[)#]$//'); do
            [ -e "$root/$(dirname "$file")/$link" ] || { echo "$file: $link" && status=1; }
        done
    done
    for path in $(grep -o '`\(examples\|include\|src\|docs\|tests\)/[^` ]*`' "$root/README.md" | tr -d '`'); do
        [ -e "$root/$path" ] || { echo "README.md: $path" && status=1; }
    done
    return $status
}

# docs/porting-to.md has a command, and the files that it prints.
port() {
    page=docs/porting-to.md
    sh -c "$(sed -n '/^    { grep -rli/,/ sort -u$/p' $page)" >"$work/port"
    sed -n '/^```files/,/^```$/ { /^```/d; p }' $page >"$work/listed"
    diff "$work/listed" "$work/port" && [ -s "$work/port" ]
}

cd "$root" || exit 1
check 'the documents have the code' extract
# shellcheck disable=SC2086
check 'the kernel compiles, x86_64' kernel_builds $CC
for target in aarch64-none-elf armv7a-none-eabi riscv64-none-elf loongarch64-none-gnusf; do
    with clang check "the kernel compiles, ${target%%-*}" kernel_builds clang --target=$target
done
check 'the kernel links with the lines for its linker script' kernel_links
check 'the program runs and counts' program_runs program '8000 requests'
check 'docs/rseq.md: the drain finds every node' program_runs drain '4000 nodes'
check 'docs/rseq.md: the same on atomics' program_runs drain '4000 nodes' \
    GLIBC_TUNABLES=glibc.pthread.rseq=0
check 'no dead links' links
check 'the files of the last port' port
end
