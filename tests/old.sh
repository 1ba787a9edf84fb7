#!/bin/bash
# SPDX-License-Identifier: MIT
# Compilers, language modes and assemblers that are too old: one error that says what is needed, and
# nothing after it. Today's play old ones; tests/systems.sh has real ones. TAP.
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-gcc}

# refused WORDS COMMAND...: one error, and the one that ends a compilation.
refused() {
    local words=$1
    shift
    ! "$@" -c -o "$work/o" >"$work/said" 2>&1 || return 1
    cat "$work/said"
    grep -q -- "$words" "$work/said" && [ "$(grep -ciE ': (fatal )?error: ' "$work/said")" -le 2 ]
}

clang=
for name in clang clang-19 clang-14; do
    command -v $name >/dev/null && clang=$name && break
done
cat >"$work/user.c" <<END
static PERCPU_DEFINE(int, x);
int f(void) { percpu_with_current(x, p) (*p)++; return percpu_add_return(x, nothing); }
END
for header in percpu list alloc asm; do
    echo "#include <percpu/$header.h>" | cat - "$work/user.c" >"$work/$header.c"
    check "$header.h: GCC 11" refused 'GCC 12, clang 14 or newer' \
        gcc -w -U__GNUC__ -D__GNUC__=11 -I"$root/include" "$work/$header.c"
    check "$header.h: another compiler" refused 'GCC 12, clang 14 or newer' \
        gcc -w -U__GNUC__ -I"$root/include" "$work/$header.c"
    check "$header.h: clang 13" refused 'clang 14, GCC 12 or newer' \
        "${clang:-clang}" -w -U__clang_major__ -D__clang_major__=13 -I"$root/include" "$work/$header.c"
    check "$header.h: gnu89" refused 'or -std=gnu99' \
        "$CC" -std=gnu89 -I"$root/include" "$work/$header.c"
done
# In strict C99 glibc has a macro in place of _Static_assert, which knows no texts.
cat >"$work/c99.c" <<END
#include <percpu/percpu.h>
static PERCPU_DEFINE(float, x);
void f(void);
#ifdef WRONG
void f(void) { percpu_inc(x); }
#else
_Static_assert(sizeof(float) == 4, "the user's");
void f(void) { percpu_reset_to_init(x); }
#endif
END
check 'strict C99: _Static_assert is the keyword' \
    "$CC" -std=c99 -Wall -Wextra -Werror '-D_Static_assert(x,y)=int z[!!(x)]' -I"$root/include" -c -o "$work/o" "$work/c99.c"
check 'strict C99: and says what is wrong' refused 'no integer' \
    "$CC" -std=c99 '-D_Static_assert(x,y)=int z[!!(x)]' -DWRONG -I"$root/include" "$work/c99.c"
echo '#include <percpu/asm.h>' >"$work/code.S"
check 'asm.h in assembly: GCC 11' refused 'GCC 12, clang 14 or newer' \
    gcc -w -U__GNUC__ -D__GNUC__=11 -I"$root/include" "$work/code.S"

# An assembler does not play an older one: the library asks for a newer one.
cat >"$work/x.c" <<END
#include <percpu/percpu.h>
static PERCPU_DEFINE(int, x);
int f(void) { return percpu_inc_return(x); }
END
for file in detail/config.h asm.h; do
    check "$file asks for binutils 999" mutant "as-$(basename $file .h)" "include/percpu/$file" \
        's/gasversion. < 23600/gasversion. < 99900/'
done
for flags in -O0 -O2 -DPERCPU_PLATFORM_THREAD; do
    # shellcheck disable=SC2086
    check "C, $flags: an assembler that is too old" refused 'binutils 2.36 or newer' \
        gcc $flags -I"$work/as-config/include" "$work/x.c"
done
check 'assembly: an assembler that is too old' refused 'binutils 2.36 or newer' \
    gcc -DPERCPU_PLATFORM_THREAD -I"$work/as-asm/include" "$work/code.S"

end
