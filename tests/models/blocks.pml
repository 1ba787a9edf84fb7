/* SPDX-License-Identifier: MIT */
/*
 * rseq: blocks. Threads take the area of the CPU that they run on by a sequence, and give it back by
 * one; who waits leaves a mark by a sequence whose last instruction is atomic. An owner that has
 * moved, or sees a mark, gives back by an exchange. A scheduler preempts and moves threads at any
 * step, and a sequence begins again when it does. A signal handler of thread 0, which comes at any
 * step or never, has a block of its own.
 *
 * THREADS, CPUS, BLOCKS (of each thread), HANDLERS (levels)
 * EXITS     thread 0 ends in its last block; a key's destructor gives the area back
 * NO_KEY    the same without a key: who waits for too long looks whether the owner is gone
 * TRIES     the handler does not wait
 *
 *   M_NO_ABORT    sequences do not begin again
 *   M_NO_COMPARE  a thread sleeps also when the area has been given back meanwhile
 *   M_NO_MARK     a thread that sleeps does not leave a mark
 *   M_PLAIN_MARK  who waits stores the mark plainly
 *   M_ANYWHERE    who waits leaves the mark from any CPU, without a sequence
 *   M_NO_CPU      an area is given back by a sequence on another CPU
 *   M_NO_LOOK     an area is given back by a sequence though somebody waits
 *   M_PLAIN_GIVE  an owner that has moved loads and stores in place of an exchange
 *   M_WAKE_ONE    who gives back wakes one thread
 *   M_NO_TAKING   a thread does not note that it takes or gives back
 *   M_NO_FIND     a handler does not look whether its thread owns an area
 *   M_EARLY       a thread that ends owns nothing, by its counters, before it gives the area back
 *   M_WRONG_ORDER a thread that ends is in no block before it has taken nothing
 *   M_NOT_GONE    nobody looks whether the owner is gone
 *   M_TRY_KEEPS   who does not wait stays in its block's depth
 */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef CPUS
#define CPUS 1
#endif
#ifndef BLOCKS
#define BLOCKS 1
#endif
#ifndef HANDLERS
#define HANDLERS 1
#endif
#define NONE 255
#define WAITED 128

/* The scheduler's. */
byte current[CPUS];        /* the thread that a CPU runs, or NONE */
byte cpu[THREADS];         /* where a thread runs, or ran last */
bool interrupted[THREADS]; /* since its sequence began */
byte sleeps_on[THREADS];   /* the area plus 1 whose futex it sleeps on; 0: awake */
byte level[THREADS];       /* of the handler that runs in it; 0: none */
bool has_ended[THREADS];

/* The library's. */
byte owner[CPUS]; /* a thread plus 1, with WAITED */
byte depth[THREADS], owner_depth[THREADS], calls[THREADS], area[THREADS];

/* Of the claim: which thread is in blocks of an area, and in how many. */
byte inside[CPUS], count[CPUS];

#define RUNS(me, l) (current[cpu[me]] == me && level[me] == l && sleeps_on[me] == 0)
#define IS_READY(t) (!has_ended[t] && sleeps_on[t] == 0 && current[cpu[t]] != t)
#if THREADS > 2
#define ANY_IS_READY (IS_READY(0) || IS_READY(1) || IS_READY(2))
#else
#define ANY_IS_READY (IS_READY(0) || IS_READY(1))
#endif
#if CPUS > 1
#define ANY_RUNS (current[0] != NONE || current[1] != NONE)
#else
#define ANY_RUNS (current[0] != NONE)
#endif
#define OWNER(c) (owner[c] & 127)

/* A step of a thread at a level: only while it runs. */
#define STEP(what) atomic { RUNS(me, l); what }
#define WHEN(condition, what) atomic { RUNS(me, l) && (condition) -> what }

active proctype scheduler()
{
    byte t, c;
end:
    do
    :: atomic {
        ANY_IS_READY;
        select(t : 0 .. THREADS - 1);
        select(c : 0 .. CPUS - 1);
        if
        :: IS_READY(t) ->
            if
            :: current[c] != NONE -> interrupted[current[c]] = 1
            :: else
            fi;
            current[c] = t;
            cpu[t] = c;
            interrupted[t] = 1
        :: else
        fi;
        t = 0;
        c = 0 }
    :: atomic {
        ANY_RUNS;
        select(c : 0 .. CPUS - 1); /* another process runs there */
        if
        :: current[c] != NONE -> interrupted[current[c]] = 1; current[c] = NONE
        :: else
        fi;
        c = 0 }
    od
}

inline enter(c) { STEP(assert(inside[c] == 0 || inside[c] == me + 1); inside[c] = me + 1; count[c]++) }
inline leave(c) { STEP(count[c]--; if :: count[c] == 0 -> inside[c] = 0 :: else fi) }

inline sleep(c) { sleeps_on[me] = c + 1; current[cpu[me]] = NONE; interrupted[me] = 1 }

inline wake(c)
{
    w = 0;
    do
    :: w < THREADS ->
        if
        :: sleeps_on[w] == c + 1 ->
            sleeps_on[w] = 0;
#ifdef M_WAKE_ONE
            break
#endif
        :: else
        fi;
        w++
    :: else -> break
    od;
    w = 0
}

inline find_own(c)
{
    STEP(
        if
        :: OWNER(0) == me + 1 -> c = 0
#if CPUS > 1
        :: OWNER(0) != me + 1 && OWNER(1) == me + 1 -> c = 1
#endif
        :: else -> c = NONE
        fi)
}

#ifdef M_NO_CPU
#define GIVING_CPU c
#else
#define GIVING_CPU cpu[me]
#endif
#ifdef M_NO_LOOK
#define IS_MINE(word) (((word) & 127) == me + 1)
#else
#define IS_MINE(word) ((word) == me + 1)
#endif

inline give_back_slowly(c)
{
#ifdef M_PLAIN_GIVE
    STEP(v = owner[c]; assert((v & 127) == me + 1));
    STEP(owner[c] = 0);
#else
    STEP(v = owner[c]; assert((v & 127) == me + 1); owner[c] = 0);
#endif
    if
    :: WHEN((v & WAITED) != 0, wake(c))
    :: WHEN((v & WAITED) == 0, skip)
    fi;
    v = 0
}

inline give_back(c)
{
    do
    :: STEP(interrupted[me] = 0; d = GIVING_CPU);
        if
        :: WHEN(interrupted[me], skip) /* it begins again */
        :: WHEN(!interrupted[me], v = owner[d]);
            if
            :: WHEN(interrupted[me], skip)
            :: WHEN(!interrupted[me] && IS_MINE(v), owner[d] = 0; v = 0; d = 0); break
            :: WHEN(!interrupted[me] && !IS_MINE(v), v = 1; d = 0); break
            fi
        fi
    od;
    if
    :: WHEN(v == 0, skip)
    :: WHEN(v != 0, skip); give_back_slowly(c)
    fi
}

/* As a sequence does: v is what was there, 0 when the area was taken. */
inline try_take(c)
{
    do
    :: STEP(interrupted[me] = 0; c = cpu[me]);
        if
        :: WHEN(interrupted[me], skip) /* it begins again */
        :: WHEN(!interrupted[me], v = owner[c]);
            if
#ifdef M_NO_ABORT
            :: WHEN(v == 0, owner[c] = me + 1); break
            :: WHEN(v != 0, skip); break
#else
            :: WHEN(interrupted[me], skip)
            :: WHEN(!interrupted[me] && v == 0, owner[c] = me + 1); break
            :: WHEN(!interrupted[me] && v != 0, skip); break
#endif
            fi
        fi
    od
}

/* The mark of one who waits; c is where. Nothing is marked where the owner is another one. */
inline set_waited(c)
{
#ifdef M_ANYWHERE
    STEP(if :: owner[c] == v -> owner[c] = v | WAITED :: else fi);
#else
    do
    :: STEP(interrupted[me] = 0; d = cpu[me]);
        if
        :: WHEN(interrupted[me], skip)
#ifdef M_PLAIN_MARK
        :: WHEN(!interrupted[me] && owner[d] != v, c = d; d = 0); break
        :: WHEN(!interrupted[me] && owner[d] == v, skip);
            if
            :: WHEN(interrupted[me], skip)
            :: WHEN(!interrupted[me], owner[d] = v | WAITED; c = d; d = 0); break
            fi
#else
        :: WHEN(!interrupted[me], if :: owner[d] == v -> owner[d] = v | WAITED :: else fi; c = d; d = 0); break
#endif
        fi
    od;
#endif
    STEP(v = v | WAITED)
}

inline wait_for(c)
{
#ifdef M_NO_MARK
    if
    :: WHEN(owner[c] == v, sleep(c))
    :: WHEN(owner[c] != v, skip)
    fi;
#else
    if
    :: WHEN((v & WAITED) != 0, skip)
    :: WHEN((v & WAITED) == 0, skip); set_waited(c)
    fi;
#ifdef M_NO_COMPARE
    STEP(sleep(c));
#else
    if
    :: WHEN(owner[c] == v, sleep(c))
    :: WHEN(owner[c] != v, skip)
    fi;
#endif
#endif
#if defined(NO_KEY) && !defined(M_NOT_GONE)
    /* It has slept for as long as it may, or was woken. */
    if
    :: WHEN((v & 127) != 0 && has_ended[(v & 127) - 1] && owner[c] == v, owner[c] = 0; wake(c))
    :: WHEN((v & 127) == 0 || !has_ended[(v & 127) - 1] || owner[c] != v, skip)
    fi;
#endif
    skip
}

inline do_not_enter(c)
{
#ifndef M_TRY_KEEPS
    STEP(owner_depth[me] = depth[me] - 1);
    STEP(depth[me]--);
#endif
    c = NONE
}

inline own(c)
{
    if
    :: WHEN(calls[me] == 0 && depth[me] > 0, depth[me]++; c = area[me])
    :: WHEN(calls[me] != 0 || depth[me] == 0, c = NONE);
#ifndef M_NO_FIND
        if
        :: WHEN(calls[me] > 0, skip); find_own(c)
        :: WHEN(calls[me] == 0, skip)
        fi;
#endif
        if
        :: c != NONE -> STEP(depth[me]++)
        :: c == NONE ->
#ifndef M_NO_TAKING
            STEP(calls[me]++);
#endif
            STEP(depth[me]++);
            STEP(owner_depth[me] = depth[me]);
            do
            :: try_take(c);
                if
                :: v == 0 -> STEP(area[me] = c); break
#ifdef TRIES
                :: v != 0 && l > 0 -> do_not_enter(c); break
                :: v != 0 && l == 0 -> wait_for(c)
#else
                :: v != 0 -> wait_for(c)
#endif
                fi
            od;
#ifndef M_NO_TAKING
            STEP(calls[me]--);
#endif
        fi
    fi;
    v = 0
}

inline disown(c)
{
    STEP(c = area[me]);
    if
    :: WHEN(depth[me] > owner_depth[me], depth[me]--)
    :: WHEN(depth[me] <= owner_depth[me], skip);
#ifndef M_NO_TAKING
        STEP(calls[me]++);
#endif
        STEP(owner_depth[me]--);
        STEP(depth[me]--);
        give_back(c);
#ifndef M_NO_TAKING
        STEP(calls[me]--);
#endif
    fi
}

/* The destructor of a thread that is in a block. */
inline thread_exits(c)
{
    find_own(c);
#ifndef M_EARLY
    STEP(calls[me] = 1);
#endif
#ifdef M_WRONG_ORDER
    STEP(depth[me] = 0);
    STEP(owner_depth[me] = 0);
#else
    STEP(owner_depth[me] = 0);
    STEP(depth[me] = 0);
#endif
    give_back_slowly(c);
    STEP(calls[me] = 0)
}

proctype thread(byte me; byte l)
{
    byte c, d, v, n, w;

    do
    :: n < BLOCKS ->
        n++;
        own(c);
        enter(c);
        leave(area[me]);
#if defined(EXITS) || defined(NO_KEY)
        if
        :: me == 0 && n == BLOCKS -> break
        :: me != 0 || n < BLOCKS
        fi;
#endif
        disown(c)
    :: n == BLOCKS -> break
    od;
#ifdef EXITS
    if
    :: me == 0 -> thread_exits(c)
    :: me != 0
    fi;
#endif
#ifndef NO_KEY
    STEP(assert(depth[me] == 0 && owner_depth[me] == 0 && calls[me] == 0));
#endif
    STEP(has_ended[me] = 1; current[cpu[me]] = NONE)
}

#if defined(NO_KEY) && !defined(M_NOT_GONE)
/* Nobody sleeps for ever. */
active proctype clock()
{
end:
    do
    :: atomic { sleeps_on[1] != 0 && has_ended[0] -> sleeps_on[1] = 0 }
    od
}
#endif

proctype handler(byte me; byte l)
{
    byte c, d, v, w, first, was_depth, was_taken, was_taking;

    if
    :: atomic { !has_ended[me] && level[me] == l - 1 && current[cpu[me]] == me && sleeps_on[me] == 0 ->
        level[me] = l; interrupted[me] = 1 }
    :: atomic { !has_ended[me] && level[me] == l - 1 && sleeps_on[me] != 0 -> /* EINTR */
        sleeps_on[me] = 0; level[me] = l; interrupted[me] = 1 }
    :: has_ended[me] -> goto nothing
    fi;
    was_depth = depth[me];
    was_taken = owner_depth[me];
    was_taking = calls[me];
    own(c);
    first = c;
    if
    :: first != NONE -> enter(first); leave(first); disown(c)
    :: first == NONE
    fi;
    STEP(assert(depth[me] == was_depth && calls[me] == was_taking &&
                (owner_depth[me] == was_taken || owner_depth[me] == was_depth));
         level[me] = l - 1; interrupted[me] = 1);
nothing:
    skip
}

init { atomic {
    byte i;

    current[0] = 0;
#if CPUS > 1
    current[1] = 1;
    cpu[1] = 1;
#endif
    for (i : 0 .. THREADS - 1) { run thread(i, 0) }
#if HANDLERS > 0
    for (i : 1 .. HANDLERS) { run handler(0, i) }
#endif
} }
