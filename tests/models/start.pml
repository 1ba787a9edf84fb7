/* SPDX-License-Identifier: MIT */
/*
 * rseq: the start of modules that are loaded at the same time, and fork() in a thread that starts
 * none. Module 0 owns the process's state. The child is a copy of the memory with one thread, which
 * starts a module of its own.
 *
 *   M_PLAIN    who finds the state free takes it without a comparison
 *   M_NO_PID   the state does not say in which process somebody is busy
 *   M_BASE     what has a base has begun
 */
#define IDLE 0
#define READY 1
#define PARENT 1
#define CHILD 2
#define BUSY(process) (READY + process)

/* Of the parent and of the child: index 0 is not used. */
byte state[3], inside[3];
bool has_base[3], has_begun[3], is_started[12]; /* process * 4 + module */
bool has_forked;

inline lock_state(p)
{
    do
#ifdef M_NO_PID
    :: atomic { state[p] <= READY -> state[p] = BUSY(PARENT); break }
#else
#ifdef M_PLAIN
    :: state[p] <= READY -> state[p] = BUSY(p); break
#else
    :: atomic { state[p] != BUSY(p) -> state[p] = BUSY(p); break }
#endif
#endif
    od
}

inline start(p, m)
{
    lock_state(p);
    atomic { inside[p]++; assert(inside[p] == 1) };
    if
    :: is_started[p * 4 + m]
    :: !is_started[p * 4 + m] ->
#ifdef M_BASE
        if
        :: !has_base[p] -> has_base[p] = 1; has_begun[p] = 1
        :: has_base[p]
        fi;
#else
        if
        :: !has_begun[p] -> has_base[p] = 1; has_begun[p] = 1
        :: has_begun[p]
        fi;
#endif
        is_started[p * 4 + m] = 1
    fi;
    atomic { inside[p]--; state[p] = READY }
}

proctype module(byte p; byte m)
{
    if
    :: m != 0 -> start(p, 0); assert(is_started[p * 4])
    :: m == 0
    fi;
    start(p, m);
    assert(is_started[p * 4 + m] && has_begun[p])
}

proctype forks()
{
    atomic {
        state[CHILD] = state[PARENT];
        has_base[CHILD] = has_base[PARENT];
        has_begun[CHILD] = has_begun[PARENT];
        is_started[8] = is_started[4];
        is_started[9] = is_started[5];
        is_started[10] = is_started[6];
        run module(CHILD, 3)
    }
}

init {
    atomic { run module(PARENT, 0); run module(PARENT, 1); run module(PARENT, 2); run forks() };
    (_nr_pr == 1);
    assert(is_started[5] && is_started[6] && is_started[11]);
    assert(state[PARENT] == READY && state[CHILD] == READY)
}
