#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: life.sh [heap|start]      heap: only first allocations; start: these, and modules that start
# Threads that end, processes that fork, memory that comes later: what happens at an awkward moment.
# Programs let one call into the middle of another, so that it does so each time. TAP.
# Environment: CC, CFLAGS.
# shellcheck disable=SC2046,SC2086 # flags are lists of words
set -u
. "$(dirname "$0")/work.sh"
CC=${CC:-gcc}
flags="-std=gnu17 -O2 -D_GNU_SOURCE -pthread ${CFLAGS:-}"
libc=other
echo '#include <limits.h>' | $CC -E -dM - | grep -q __GLIBC__ && libc=glibc
can_step=no # of x86_64 the flag is known
$CC -E -dM - </dev/null | grep -q __x86_64__ && can_step=yes

wraps() { # functions...
    local function
    for function; do
        printf -- '-Wl,--wrap=%s ' "$function"
    done
}

# The library's objects, for programs and shared libraries: others where the sources are.
# objects SOURCES PLATFORM: prints them.
objects() {
    local from=$1 platform=$2 file object
    for file in "$from"/src/*.c "$from"/src/platform/*.c; do
        file=${file#"$from/"}
        if cmp -s "$from/$file" "$root/$file"; then
            object=$work/objects/$platform/${file//\//_}.o
        else
            object=$from/objects/$platform/${file//\//_}.o
        fi
        if [ ! -e "$object" ]; then
            mkdir -p "${object%/*}" && $CC $flags -fPIC -DPERCPU_PLATFORM_$platform \
                -I"$from/include" -c "$from/$file" -o "$object" || return 1
        fi
        echo "$object"
    done
}

# build SOURCES PLATFORM OUTPUT SOURCE FLAGS...: a program or library with percpu in it.
build() {
    local from=$1 platform=$2 output=$3 source=$4 all
    shift 4
    all=$(objects "$from" $platform) &&
        $CC $flags -Wno-prio-ctor-dtor -DPERCPU_PLATFORM_$platform -I"$from/include" \
            -o "$output" "$here/life/$source" $all "$@"
}

ends_right() { # program, arguments...
    local said status
    said=$("$@" 2>&1)
    status=$?
    echo "$said, status $status"
    [ $status = 0 ] && [ "$said" = right ]
}

# hooked NAME FILE SED-SCRIPT PLATFORM SOURCE FLAGS...: $work/NAME/run, of sources that call the program.
hooked() {
    local name=$1 file=$2 script=$3 platform=$4 source=$5
    shift 5
    mutant "$name" "$file" "$script" && build "$work/$name" "$platform" "$work/$name/run" "$source" "$@"
}

# -- The first allocation ----------------------------------------------------------------------------

heap=$(wraps mmap pthread_atfork)
forks_twice() { # platform
    build "$root" $1 "$work/heap-$1.so" blocks.c -fPIC -shared &&
        ends_right "$work/heap-$1" both "$work/heap-$1.so"
}
for platform in RSEQ THREAD SINGLE; do
    check "$platform: a heap is built" build "$root" $platform "$work/heap-$platform" heap.c $heap -ldl
    nth=1
    [ $platform = SINGLE ] && nth=2
    check "$platform: no memory for the first allocation, and then there is" \
        ends_right "$work/heap-$platform" memory $nth
    check "$platform: fork() during the first allocation" ends_right "$work/heap-$platform" fork
    check "$platform: fork handlers allocate" ends_right "$work/heap-$platform" handlers
    [ $platform = SINGLE ] || # it knows no modules
        check "$platform: fork() by a handler that interrupts an allocation, and by another thread" \
            forks_twice $platform
    check "$platform: it cannot have fork handlers" ends_right env ATFORK=1 "$work/heap-$platform" refused
    [ $platform = SINGLE ] || # the platform has some, too
        check "$platform: nor can the areas" ends_right env ATFORK=2 "$work/heap-$platform" refused
done

if [ "${1:-}" = heap ]; then
    end
    exit
fi

# -- fork() while a module starts ------------------------------------------------------------------

build_start() { # sources, folder
    mkdir -p "$2" &&
        build "$1" RSEQ "$2/first.so" blocks.c -fPIC -shared &&
        build "$1" RSEQ "$2/other.so" blocks.c -fPIC -shared &&
        build "$1" RSEQ "$2/stops.so" blocks.c -fPIC -shared -DSTOPS -DVALUES \
            $(wraps mmap mprotect pthread_key_create pthread_atfork) &&
        $CC $flags -rdynamic "$here/life/start.c" -o "$2/start" -ldl
}

# In each call that it makes, until there are no more. The first one is alloc.c's.
stops_anywhere() { # folder, first
    local nth=1
    while ends_right "$1/start" $nth "$2" "$1/stops.so" "$1/other.so"; do
        nth=$((nth + 1))
    done | tee "$work/stops"
    grep -c right "$work/stops"
    [[ $("$1/start" $(($(grep -c right "$work/stops") + 1)) "$2" "$1/stops.so" "$1/other.so") == past ]] &&
        [ "$(grep -c right "$work/stops")" -gt "$3" ]
}

check 'modules that start are built' build_start "$root" "$work/start"
check 'fork() while the first one starts' stops_anywhere "$work/start" - 3
check 'fork() while another one starts' stops_anywhere "$work/start" "$work/start/first.so" 0
if [ "$libc" = glibc ]; then # musl's dlopen() cannot be cancelled
    $CC $flags "$here/life/cancel.c" -o "$work/cancel-ends" -ldl
    check 'dlopen() by a thread that is to be cancelled' ends_right "$work/cancel-ends" "$work/start"
fi

if [ "${1:-}" = start ]; then
    end
    exit
fi

# -- Keys of thread-specific data ---------------------------------------------------------------

# As a program, and as a library of one that is not.
build_keys() { # sources, folder
    mkdir -p "$2" &&
        build "$1" RSEQ "$2/program" keys.c "$here/life/blocks.c" -ldl &&
        build "$1" RSEQ "$2/library.so" blocks.c -fPIC -shared &&
        $CC $flags -Wno-prio-ctor-dtor "$here/life/keys.c" -o "$2/opens" -ldl
}

check 'programs with keys are built' build_keys "$root" "$work/keys"
for keys in 0 40 2000; do
    check "$keys keys, the program has percpu" ends_right env KEYS=$keys "$work/keys/program"
    check "$keys keys, a library has it" ends_right env KEYS=$keys "$work/keys/opens" "$work/keys/library.so"
done

# -- Before the start, and limits ------------------------------------------------------------------

check 'a program that is earlier than the library is built' build "$root" RSEQ "$work/early" early.c
check 'calls before the library has started' ends_right "$work/early"
check 'a program with a limit is built' build "$root" RSEQ "$work/grow" grow.c
check 'objects until there is no more memory, RLIMIT_DATA' ends_right "$work/grow"

check 'a program without a percpu_panic() of its own is built' build "$root" RSEQ "$work/panic" panic.c
check 'it prints a line and ends' ends_right "$work/panic"

# -- The end of a thread -------------------------------------------------------------------------

steps='s/^( *)percpu__signal_fence\(\);/\1{ extern void at_step(void); at_step(); }/
    s/^( *)if \(__atomic_exchange_n\(&percpu__slot_of\(cpu\)->owner, 0/\1extern void at_give_back(unsigned owner);\n\1at_give_back(percpu__area_owner(cpu));\n&/'
check 'a signal comes at each step of a thread that ends in a block' \
    hooked steps "$rseq" "$steps" RSEQ exits.c
check 'its handler has a block' ends_right "$work/steps/run"

if [ "$libc" != glibc ]; then # glibc registers threads itself
    check 'a program with destructors is built' build "$root" RSEQ "$work/leaving" leaving.c
    check 'a thread is not registered after its last destructor' ends_right "$work/leaving"
fi

check 'a program that waits is built' build "$root" RSEQ "$work/wakes" wakes.c $(wraps syscall)
check 'each thread that waits for an area is woken' ends_right "$work/wakes"
check 'a thread of a child that has an area before the fork handler' ends_right "$work/wakes" looked

check 'a program whose waits and clock are its own is built' \
    build "$root" RSEQ "$work/patience" patience.c $(wraps syscall clock_gettime)
for mode in signals woken held reset tries; do
    check "an area that is another's: $mode" ends_right "$work/patience" $mode
done
check 'a handler registers a thread that is about to be registered' \
    ends_right env GLIBC_TUNABLES=glibc.pthread.rseq=0 PERCPU_REGISTER=1 "$work/patience" busy

# -- fork() ---------------------------------------------------------------------------------------

in_list='s/^( *)__asm__ volatile\(PERCPU__RSEQ_DELAY\);/\1{ extern void in_list(void); in_list(); }/'
take='s/^( *)if \(!percpu__sequence_cmpxchg_32\(owner_words\(\), 0/\1{ extern void at_take(void); at_take(); }\n&/
    s/^( *)else if \((is_taken_by\(.*)/\1else if (({ extern void at_taken(void); at_taken(); true; }) \&\& \2/'
check 'a program that forks is built' hooked fork "$rseq" "$in_list; $take" RSEQ fork.c $(wraps syscall)
check 'a block in a child before the fork handler' ends_right "$work/fork/run" early
check 'fork() by a thread that waits for an area' ends_right "$work/fork/run" wait
check 'fork() by a thread that takes an area, which a handler of the child has first' \
    ends_right "$work/fork/run" take
if [ "$libc" = glibc ]; then # it can be told to register no threads
    if [ "$can_step" = yes ]; then
        stepping=$(wraps syscall pthread_setspecific)
        library=$(wraps percpu__join percpu__pin pthread_sigmask)
        check 'a program that steps is built' build "$root" RSEQ "$work/steps-rseq" steps.c \
            -Wl,-z,now $stepping
        check 'it is built as a library' build "$root" RSEQ "$work/steps-library" steps.c \
            "$here/life/library.c" -Wl,-z,now -DLIBRARY $library $stepping
        for what in block one nest move exit fork fork-block fork-early nest-fork; do
            check "at each step of a block, in a handler: $what" ends_right \
                env GLIBC_TUNABLES=glibc.pthread.rseq=0 "$work/steps-rseq" $what
        done
        for what in block fork; do
            check "the same in the last area, which no CPU has: $what" ends_right \
                "$work/steps-rseq" $what stranger
        done
        for what in fork fork-block fork-early; do
            check "at each step of a block of a library without a key: $what" ends_right \
                env GLIBC_TUNABLES=glibc.pthread.rseq=0 KEYS=40 "$work/steps-library" $what
        done
        check 'at each step of a block of a library with a key: fork' ends_right \
            env GLIBC_TUNABLES=glibc.pthread.rseq=0 "$work/steps-library" fork
        check 'a program that steps through list operations is built' \
            build "$root" RSEQ "$work/lists" lists.c -Wl,-z,now $(wraps sched_getcpu)
        check 'at each step of a list operation, in a handler' ends_right \
            env GLIBC_TUNABLES=glibc.pthread.rseq=0 "$work/lists"
    fi
    export GLIBC_TUNABLES=glibc.pthread.rseq=0
    check 'a list in a child before the fork handler' ends_right "$work/fork/run" list
    if unshare --user --pid --fork true 2>/dev/null; then
        check 'a child that has its parent'\''s id' ends_right "$work/fork/run" first
    else
        n=$((n + 1))
        echo "ok $n - a child that has its parent's id # SKIP no namespaces"
    fi
    unset GLIBC_TUNABLES
fi

# -- The heap ---------------------------------------------------------------------------------------

freestanding() { # sources, output: single as a freestanding system has it, on the host
    $CC $flags -ffreestanding -DPERCPU_PLATFORM_SINGLE -DPERCPU_ALLOC_LOCK -I"$1/include" -o "$2" \
        "$here/alloc/far.c" "$here/library.c"
}
# Each symbol of a script that has no slot for initial values, or a small one.
keeps_values() { # template, slot's size
    local symbols=(_percpu_load_start=__PERCPU_value _percpu_load_end=__PERCPU_value+8
        _percpu_start=script_slot "_percpu_end=script_slot+$2")
    [ $1 = 0 ] || symbols+=(_percpu_template=script_template)
    $CC $flags -ffreestanding -fno-pie -no-pie -DPERCPU_PLATFORM_SINGLE -DPERCPU_ALLOC_LOCK \
        -DHAS_TEMPLATE=$1 -DHAS_SLOT=$(($2 / 8)) -I"$root/include" -o "$work/kept" \
        "$here/link/kept.c" "$here/library.c" "${symbols[@]/#/-Wl,--defsym=}" &&
        ends_right "$work/kept"
}
check 'initial values in the slot of a script' keeps_values 1 8
check 'a slot that is too small' keeps_values 1 7
check 'no template' keeps_values 0 8
check 'a freestanding heap is built' freestanding "$root" "$work/far"
check 'objects that are aligned to anything' ends_right "$work/far"

# -- Objects that processes share --------------------------------------------------------------------

shared=$(wraps mmap mremap sched_getcpu)
many_shared() { # of so many CPUs that mappings are few
    echo 0-1022 >"$work/possible"
    $CC $flags -Wno-prio-ctor-dtor -DPERCPU_PLATFORM_RSEQ "-DPERCPU__POSSIBLE=\"$work/possible\"" -I"$root/include" \
        "$here/life/shared.c" "$here/library.c" $shared -o "$work/many-shared" && ends_right "$work/many-shared" many
}
check 'a program that shares is built' build "$root" RSEQ "$work/shared" shared.c $shared
for what in count one free sizes refused threads; do
    check "objects that processes share: $what" ends_right "$work/shared" $what
done
check 'objects that processes share: 1,024 CPUs' many_shared
if [ "$libc" = glibc ]; then # it can be told to register no threads
    for what in count one stale; do
        check "objects that processes share, without sequences: $what" \
            ends_right env GLIBC_TUNABLES=glibc.pthread.rseq=0 "$work/shared" $what
    done
    for what in count one; do
        check "objects that processes share, and the library registers: $what" \
            ends_right env GLIBC_TUNABLES=glibc.pthread.rseq=0 PERCPU_REGISTER=1 "$work/shared" $what
    done
fi

prefork() { # what its workers have counted
    $CC $flags -Wall -Wextra -Werror -DPERCPU_PLATFORM_RSEQ -I"$root/include" "$root/examples/prefork/prefork.c" \
        $(objects "$root" RSEQ) -o "$work/prefork" && "$work/prefork" 3 6 500 | tee "$work/said" &&
        grep -qx 'at the end: 3000 requests, 3000 bytes, 300 refused' "$work/said" &&
        ! "$work/prefork" none 2>"$work/said" && grep -q '^usage: prefork ' "$work/said"
}
check 'examples/prefork' prefork

# -- The lock that the heap and the areas have ------------------------------------------------------

for platform in RSEQ THREAD; do
    check "$platform: a lock is built" build "$root" $platform "$work/lock-$platform" lock.c
    check "$platform: a process of one thread" ends_right "$work/lock-$platform" alone
    check "$platform: who waits sleeps, and is woken" ends_right "$work/lock-$platform" wait
    check "$platform: whose it is in fork()" ends_right "$work/lock-$platform" own
    [ "$can_step" = no ] ||
        check "$platform: fork() by a handler at each step" ends_right "$work/lock-$platform" steps
done

# -- thread: claims ----------------------------------------------------------------------------------

claims=$(wraps pthread_key_create pthread_setspecific sysconf mmap madvise)
check 'claims are built' build "$root" THREAD "$work/claims" claims.c $claims
check 'a claim without a key' ends_right "$work/claims" keys
check 'numbers of CPUs that the system says' ends_right "$work/claims" slots
check 'areas where there is little memory' ends_right "$work/claims" room
check 'a claim of the own CPU, and the end of the areas' ends_right "$work/claims" reg
check 'a first claim in a destructor' ends_right "$work/claims" end
check 'claims with ids are built' build "$root" THREAD "$work/ids" ids.c $(wraps syscall getpid)
if [ "$libc" = glibc ]; then
    check 'blocks with ids are built' build "$root" RSEQ "$work/ids-rseq" ids.c $(wraps syscall getpid)
    check 'a block of a thread that has ended, and one with its id' \
        ends_right env KEYS=40 "$work/ids-rseq"
    check 'a child that has the ids of its parent' ends_right "$work/ids-rseq" first
    check 'the end of a block leaves errno, and wakes nobody where nobody waits' \
        ends_right "$work/ids-rseq" errno
fi
check 'a claim of a thread that has ended, and one with its id' ends_right "$work/ids" same
check 'a claim of a thread of the parent, and one with its id' ends_right "$work/ids" child
check 'a claim while percpu_fini() looks at claims' ends_right "$work/ids" look
check 'the end of a thread gives its CPU back' ends_right "$work/ids" exit
if [ "$can_step" = yes ]; then
    check 'a claim that steps is built' build "$root" THREAD "$work/steps-thread" steps.c -Wl,-z,now
    check 'fork() by a handler at each step of a claim' ends_right "$work/steps-thread" fork
fi

# -- The dynamic linker ------------------------------------------------------------------------------

for platform in RSEQ THREAD SINGLE; do
    check "$platform: built" build "$root" $platform "$work/loader" loader.c $(wraps dl_iterate_phdr)
    check "$platform: the dynamic linker is asked before main() only" ends_right "$work/loader"
done

# -- single: what the system refuses -----------------------------------------------------------------

check 'single is built' build "$root" SINGLE "$work/single" single.c $(wraps mmap madvise pthread_sigmask)
check 'initial values without memory to keep them' ends_right "$work/single" values
check 'dynamic memory of the size that there is' ends_right "$work/single" memory
check 'signals that cannot be blocked' ends_right "$work/single" signals

# -- The two sections of variables -----------------------------------------------------------------

right_sections() {
    local platform order aligned
    for platform in RSEQ THREAD; do
        for order in '' -DOTHER_ORDER; do
            for aligned in -DALIGN=4096 -DALIGN_ISOLATED=4096 -DALIGN=65536 -DALIGN_ISOLATED=65536; do
                build "$root" $platform "$work/sections" sections.c $order $aligned &&
                    ends_right "$work/sections" || return 1
            done
        done
    done
}

check 'variables of two sections, in either order' right_sections

# -- rseq: where areas are ---------------------------------------------------------------------------

places=$(wraps fopen fclose sysconf sched_getaffinity sched_getcpu mmap munmap mprotect madvise getrlimit pwrite \
    syscall pthread_atfork percpu__template_size)

# Each case of its source's table, but what needs another build.
cases_are_right() { # program, source
    local case
    for case in $(sed -n 's/^    {"\([a-z-]*\)", .*/\1/p' "$here/life/$2"); do
        [ "$case" = too-aligned ] || ends_right "$1" "$case" || {
            echo "$case"
            return 1
        }
    done
}

check 'a program is built, for which the system answers otherwise' build "$root" RSEQ "$work/places" places.c $places
check 'areas have their number, their place and initial values' cases_are_right "$work/places" places.c
check 'it is built with a variable that is aligned to 128 KiB' \
    build "$root" RSEQ "$work/too-aligned" places.c $places -DSTRICT=131072
check 'the process ends' ends_right "$work/too-aligned" too-aligned

# -- The modules of a process ------------------------------------------------------------------------

check 'a program is built, for which the dynamic linker has another list' \
    build "$root" RSEQ "$work/joins" joins.c $(wraps dl_iterate_phdr getauxval dlsym)
check 'marks, owners, alignments, symbols' cases_are_right "$work/joins" joins.c
if [ "$libc" = glibc ]; then # it registers threads
    check 'it is built with areas by mm_cid' $CC $flags -Wno-prio-ctor-dtor -DPERCPU_PLATFORM_RSEQ \
        -DPERCPU_RSEQ_MM_CID -I"$root/include" "$here/life/joins.c" "$here/library.c" \
        $(wraps dl_iterate_phdr getauxval dlsym) -o "$work/joins-cid"
    check 'kernels have mm_cid or not' cases_are_right "$work/joins-cid" joins.c
fi

# -- Where the library registers threads -------------------------------------------------------------

check 'a program is built, for which the kernel registers otherwise' build "$root" RSEQ "$work/registers" \
    registers.c $(wraps syscall pthread_key_create pthread_setspecific __rseq_size)
check 'who is registered, and where the others update' cases_are_right "$work/registers" registers.c
check 'a library is built, where libc registers no threads' build "$root" RSEQ "$work/registers-joins" joins.c \
    -DREGISTERS $(wraps dl_iterate_phdr getauxval dlsym syscall __rseq_size)
check 'a library in a program that does not use percpu registers none' \
    cases_are_right "$work/registers-joins" joins.c

# -- thread: the areas -------------------------------------------------------------------------------

areas=$(wraps percpu__reg_claim percpu__reg_release_all percpu__template_copy mmap)
check 'areas are built' build "$root" THREAD "$work/areas" areas.c $areas
check 'percpu_fini() between a look at the areas and a claim' ends_right "$work/areas" claim
check 'areas that come again elsewhere between the two' ends_right "$work/areas" claim-moved
check 'a claim between percpu_fini()'\''s look at claims and the end of the areas' \
    ends_right "$work/areas" fini
check 'fork() while another thread makes the areas' ends_right "$work/areas" fork
check 'fork handlers make areas and give them up' ends_right "$work/areas" handlers
check 'the first allocation while a CPU comes late' ends_right "$work/areas" late
check 'a block that is added while a CPU comes late' ends_right "$work/areas" block
check 'an allocation after a CPU has come late' ends_right "$work/areas" coming
end
