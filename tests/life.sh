#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: life.sh
# Threads that end, processes that fork, memory that comes later: what happens at an awkward moment.
# Programs let one call into the middle of another, so that it does so each time. Each protection is
# taken out of a copy of the sources, too, and then its test must fail. TAP.
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

# The library's objects, for programs and shared libraries: a mutant's are others where it differs.
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

# It was built, and says something else, dies, or hangs until its alarm.
fails() { # program, arguments...
    [ -x "$1" ] && ! ends_right env SECONDS=2 "$@"
}

fails_40() { # program, arguments...
    [ -x "$1" ] && ! ends_right env SECONDS=2 KEYS=40 "$@"
}

# without NAME FILE SED-SCRIPT PLATFORM SOURCE FLAGS...: the program of a mutant, $work/NAME/run.
without() {
    local name=$1 file=$2 script=$3 platform=$4 source=$5
    shift 5
    mutant "$name" "$file" "$script" && build "$work/$name" "$platform" "$work/$name/run" "$source" "$@"
}

rseq=src/platform/rseq.c

# -- Keys of thread-specific data ---------------------------------------------------------------

# As a program, and as a library of one that is not.
build_keys() { # sources, folder
    mkdir -p "$2" &&
        build "$1" RSEQ "$2/program" keys.c "$here/life/blocks.c" -ldl &&
        build "$1" RSEQ "$2/library.so" blocks.c -fPIC -shared &&
        $CC $flags -Wno-prio-ctor-dtor "$here/life/keys.c" -o "$2/opens" -ldl
}

# keys_mutant TITLE NAME SED-SCRIPT
keys_mutant() {
    local title=$1 name=$2 script=$3
    check "a mutant: $title" mutant "$name" $rseq "$script"
    check 'it is built' build_keys "$work/$name" "$work/$name/keys"
}

check 'programs with keys are built' build_keys "$root" "$work/keys"
for keys in 0 40 2000; do
    check "$keys keys, the program has percpu" ends_right env KEYS=$keys "$work/keys/program"
    check "$keys keys, a library has it" ends_right env KEYS=$keys "$work/keys/opens" "$work/keys/library.so"
done
if [ "$libc" = glibc ]; then # musl allocates nothing for a key
    keys_mutant 'any key will do' any-key 's/if \(\*key >= 32\)/if (false)/'
    check 'a handler allocates, the program has percpu' fails_40 "$work/any-key/keys/program"
    check 'a handler allocates, a library has it' \
        fails_40 "$work/any-key/keys/opens" "$work/any-key/keys/library.so"
    keys_mutant 'nobody looks whether an owner is gone' not-gone 's/errno == ESRCH/false/'
    check 'an area is lost with its thread' fails_40 "$work/not-gone/keys/program"
    keys_mutant 'a record is that of any thread with the thread pointer' any-tid \
        's/\(known == tid \|\| .*\)\)$/known != 0)/'
    check 'a thread has the block of one that ended' \
        fails_40 "$work/any-tid/keys/opens" "$work/any-tid/keys/library.so"
    keys_mutant 'a record outlives its thread' stale-record 's/known != 0 && is_gone\(known\)/false/'
    check 'a child has the block of a thread that ended' \
        fails_40 "$work/stale-record/keys/opens" "$work/stale-record/keys/library.so"
    keys_mutant 'a child does not know its record' no-record \
        's/thread = find_record\(0\);/thread = NULL;/'
    check 'its thread owns two areas, or none' \
        fails_40 "$work/no-record/keys/opens" "$work/no-record/keys/library.so"
fi

# -- Before the start, and limits ------------------------------------------------------------------

check 'a program that is earlier than the library is built' build "$root" RSEQ "$work/early" early.c
check 'calls before the library has started' ends_right "$work/early"
check 'a program with a limit is built' build "$root" RSEQ "$work/grow" grow.c
check 'objects until there is no more memory, RLIMIT_DATA' ends_right "$work/grow"

check 'a program without a percpu_panic() of its own is built' build "$root" RSEQ "$work/panic" panic.c
check 'it prints a line and ends' ends_right "$work/panic"

# -- The end of a thread -------------------------------------------------------------------------

steps='s/^( *)step\(\);/\1{ extern void at_step(void); at_step(); }/
    s/^( *)if \(__atomic_exchange_n\(&slot_of\(cpu\)->owner, 0/\1extern void at_give_back(unsigned owner);\n\1at_give_back(owner_of(cpu));\n&/'
check 'a signal comes at each step of a thread that ends in a block' \
    without steps $rseq "$steps" RSEQ exits.c
check 'its handler has a block' ends_right "$work/steps/run"
check 'a mutant: the thread owns nothing before the area is given back' without early-end $rseq \
    "$steps;"'s/thread->taking = 1;/thread->taking = 0;/' RSEQ exits.c
check 'the area is given back twice' fails "$work/early-end/run"
check 'a mutant: it is in no block before it has taken nothing' without wrong-order $rseq \
    "$steps;"'/taking = 1;/,/taking = 0;/{ s/taken = 0/TEMPORARY/; s/depth = 0/taken = 0/; s/TEMPORARY/depth = 0/ }' \
    RSEQ exits.c
check 'the area is given back twice then, too' fails "$work/wrong-order/run"

if [ "$libc" != glibc ]; then # glibc registers threads itself
    check 'a program with destructors is built' build "$root" RSEQ "$work/leaving" leaving.c
    check 'a thread is not registered after its last destructor' ends_right "$work/leaving"
    check 'a mutant: it is' without late-register $rseq \
        's/cancelable != PTHREAD_CANCEL_ENABLE \|\|/false ||/' RSEQ leaving.c
    check 'the kernel keeps its address' fails "$work/late-register/run"
fi

check 'a program that waits is built' build "$root" RSEQ "$work/wakes" wakes.c $(wraps syscall)
check 'each thread that waits for an area is woken' ends_right "$work/wakes"
check 'a thread of a child that has an area before the fork handler' ends_right "$work/wakes" looked

# -- fork() ---------------------------------------------------------------------------------------

in_list='s/^( *)__asm__ volatile\(PERCPU__RSEQ_DELAY\);/\1{ extern void in_list(void); in_list(); }/'
take='s/^( *)if \(percpu__sequence_cmpxchg_32\(word/\1{ extern void at_take(void); at_take(); }\n&/
    s/^( *)else if \((is_taken_by\(.*)/\1else if (({ extern void at_taken(void); at_taken(); true; }) \&\& \2/'
no_pid='s/if \(getpid\(\) != process->pid\)/if (false)/; s/if \(getpid\(\) == process->pid\)/if (true)/'
check 'a program that forks is built' without fork $rseq "$in_list; $take" RSEQ fork.c $(wraps syscall)
check 'a block in a child before the fork handler' ends_right "$work/fork/run" early
check 'fork() by a thread that waits for an area' ends_right "$work/fork/run" wait
check 'fork() by a thread that takes an area, which a handler of the child has first' \
    ends_right "$work/fork/run" take
check 'a mutant: the thread has it, too' without not-taken $rseq \
    "$in_list; $take; "'/^static bool is_taken_by/,/^}/ s/return .* == now;/return true;/' RSEQ fork.c \
    $(wraps syscall)
check 'another enters its block' fails "$work/not-taken/run" take
check 'a mutant: nobody looks whether this is a child' \
    without no-pid $rseq "$in_list; $take; $no_pid; s/errno == ESRCH/false/" RSEQ fork.c $(wraps syscall)
check 'a block waits for a thread of the parent' fails "$work/no-pid/run" early
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
    fi
    export GLIBC_TUNABLES=glibc.pthread.rseq=0
    check 'a list in a child before the fork handler' ends_right "$work/fork/run" list
    check 'without the look it waits for a thread of the parent' fails "$work/no-pid/run" list
    if unshare --user --pid --fork true 2>/dev/null; then
        check 'a child that has its parent'\''s id' ends_right "$work/fork/run" first
        check 'a mutant: it is not looked at' without no-first $rseq \
            "$in_list; $take; s/process->pid = 0;//" RSEQ fork.c $(wraps syscall)
        check 'it waits for a thread of the parent, too' fails "$work/no-first/run" first
    else
        n=$((n + 1))
        echo "ok $n - a child that has its parent's id # SKIP no namespaces"
    fi
    unset GLIBC_TUNABLES
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
check 'a mutant: who is busy is in every process' \
    mutant busy $rseq 's/mine = READY \+ getpid\(\)/mine = READY + 1/'
check 'it is built' build_start "$work/busy" "$work/busy/start"
check 'the child waits for a thread of the parent' \
    fails "$work/busy/start/start" 2 - "$work/busy/start/stops.so" "$work/busy/start/other.so"
check 'a mutant: what has a base has begun' \
    mutant base $rseq 's/is_first = !process->has_begun/is_first = !process->base/'
check 'it is built' build_start "$work/base" "$work/base/start"
check 'the child goes on in the middle' \
    fails "$work/base/start/start" 4 - "$work/base/start/stops.so" "$work/base/start/other.so"
check 'a mutant: a place is taken when it is filled' mutant late-used $rseq \
    '/^static bool place_template/,/^}/{ s/^    p->used = at \+ size;.*//; s/^    return all_views;/    p->used = at + size;\n&/ }'
check 'it is built' build_start "$work/late-used" "$work/late-used/start"
late_used=$work/late-used/start
check 'the child has values of the module that was not finished' \
    fails "$late_used/start" 2 "$late_used/first.so" "$late_used/stops.so" "$late_used/other.so"

if [ "$libc" = glibc ]; then # musl's dlopen() cannot be cancelled
    $CC $flags "$here/life/cancel.c" -o "$work/cancel-ends" -ldl
    check 'dlopen() by a thread that is to be cancelled' ends_right "$work/cancel-ends" "$work/start"
    check 'a mutant: it can be' mutant cancel $rseq \
        '/^static struct percpu__joined start/,/^}/ s/PTHREAD_CANCEL_DISABLE/PTHREAD_CANCEL_ENABLE/'
    check 'it is built' build_start "$work/cancel" "$work/cancel/start"
    check 'the locks of dlopen() stay taken' fails "$work/cancel-ends" "$work/cancel/start"
fi

# -- The heap ---------------------------------------------------------------------------------------

heap=$(wraps mmap pthread_atfork)
for platform in RSEQ THREAD SINGLE; do
    check "$platform: a heap is built" build "$root" $platform "$work/heap-$platform" heap.c $heap
    nth=1
    [ $platform = SINGLE ] && nth=2
    check "$platform: no memory for the first allocation, and then there is" \
        ends_right "$work/heap-$platform" memory $nth
    check "$platform: fork() during the first allocation" ends_right "$work/heap-$platform" fork
    check "$platform: fork handlers allocate" ends_right "$work/heap-$platform" handlers
    check "$platform: it cannot have fork handlers" ends_right env ATFORK=1 "$work/heap-$platform" refused
    [ $platform = SINGLE ] || # the platform has some, too
        check "$platform: nor can the areas" ends_right env ATFORK=2 "$work/heap-$platform" refused
done
check 'a mutant: a heap without memory is ready' without ready src/alloc.c \
    's/if \(error == -PERCPU_ENOMEM\)/if (false)/' RSEQ heap.c $heap
check 'there is never any' fails "$work/ready/run" memory 1
check 'a mutant: fork handlers are registered by the first allocation' without first src/alloc.c \
    's/^__attribute__\(\(constructor\(101\)\)\) //; s/^( *)page = .*/&\n\1tell_of_forks();/' \
    RSEQ heap.c $heap
check 'the child waits for a thread of the parent' fails "$work/first/run" fork
check 'a mutant: the lock is closed to who forks' without closed src/alloc.c \
    's/percpu__is_forking\(&fork_lock\) \?/false ?/' RSEQ heap.c $heap
check 'a fork handler waits for its own thread' fails "$work/closed/run" handlers

freestanding() { # sources, output: single as a freestanding system has it, on the host
    $CC $flags -ffreestanding -DPERCPU_PLATFORM_SINGLE -DPERCPU_ALLOC_LOCK -I"$1/include" -o "$2" \
        "$here/alloc/far.c" "$1"/src/*.c "$1"/src/platform/*.c
}
# Each symbol of a script that has no slot for initial values, or a small one.
keeps_values() { # template, slot's size
    local symbols=(_percpu_load_start=__PERCPU_value _percpu_load_end=__PERCPU_value+8
        _percpu_start=script_slot "_percpu_end=script_slot+$2")
    [ $1 = 0 ] || symbols+=(_percpu_template=script_template)
    $CC $flags -ffreestanding -fno-pie -no-pie -DPERCPU_PLATFORM_SINGLE -DPERCPU_ALLOC_LOCK \
        -DHAS_TEMPLATE=$1 -DHAS_SLOT=$(($2 / 8)) -I"$root/include" -o "$work/kept" \
        "$here/link/kept.c" "$root"/src/*.c "$root"/src/platform/*.c "${symbols[@]/#/-Wl,--defsym=}" &&
        ends_right "$work/kept"
}
check 'initial values in the slot of a script' keeps_values 1 8
check 'a slot that is too small' keeps_values 1 7
check 'no template' keeps_values 0 8
check 'a freestanding heap is built' freestanding "$root" "$work/far"
check 'objects that are aligned to anything' ends_right "$work/far"

# -- The lock that the heap and the areas have ------------------------------------------------------

for platform in RSEQ THREAD; do
    check "$platform: a lock is built" build "$root" $platform "$work/lock-$platform" lock.c
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

places=$(wraps fopen fclose sysconf sched_getaffinity sched_getcpu mmap mprotect madvise getrlimit pwrite \
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
check 'it is built with segments aligned to 4 MiB' \
    build "$root" RSEQ "$work/too-aligned" places.c $places -Wl,-z,max-page-size=0x400000
check 'the process ends' ends_right "$work/too-aligned" too-aligned

# -- The modules of a process ------------------------------------------------------------------------

check 'a program is built, for which the dynamic linker has another list' \
    build "$root" RSEQ "$work/joins" joins.c $(wraps dl_iterate_phdr getauxval dlsym)
check 'marks, owners, alignments, symbols' cases_are_right "$work/joins" joins.c
if [ "$libc" = glibc ]; then # it registers threads
    check 'it is built with areas by mm_cid' $CC $flags -Wno-prio-ctor-dtor -DPERCPU_PLATFORM_RSEQ \
        -DPERCPU_RSEQ_MM_CID -I"$root/include" "$here/life/joins.c" "$root"/src/*.c "$root"/src/platform/*.c \
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
thread=src/platform/thread.c
check 'a mutant: a claim does not look again for areas' without claim $thread \
    's/\|\| cpu >= percpu__limit \|\|/|| (false \&\&/; s/percpu__delta\[cpu\] != delta\)/&)/' \
    THREAD areas.c $areas
check 'a thread has a claim on nothing' fails "$work/claim/run" claim
check 'a mutant: percpu_fini() does not say that it is at work' without unsaid $thread \
    's/__atomic_store_n\(&closing, true.*/;/' THREAD areas.c $areas
check 'a thread has an area that goes' fails "$work/unsaid/run" fini
check 'a mutant: nobody tells of forks' without untold $thread \
    's/pthread_once\(&once, tell_of_forks\);/(void)once, (void)tell_of_forks;/' THREAD areas.c $areas
check 'the child waits for a thread of the parent' fails "$work/untold/run" fork-open
check 'a mutant: the lock is closed to who forks' without closed-areas src/areas.c \
    's/if \(!percpu__is_forking\(&fork_lock\)\)/if (true)/' THREAD areas.c $areas
check 'a fork handler waits for its own thread' fails "$work/closed-areas/run" handlers
check 'a mutant: nobody sees what is coming' without unseen src/areas.c \
    's/if \(late != PERCPU__ABSENT\)/if (false)/' THREAD areas.c $areas
check 'an object is not aligned on the late CPU' fails "$work/unseen/run" late

end
