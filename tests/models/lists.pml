/* SPDX-License-Identifier: MIT */
/*
 * rseq: lists (list.h), and drains of a CPU's list from elsewhere: close, fence, open. Two threads
 * on CPU 0 push, pop and take all by sequences, which begin again when the thread was preempted or
 * the fence came. The CPU's stores wait in a buffer before others see them. Each node is in the
 * list, or is one thread's, or one drainer's; none is lost, and none is had twice.
 *
 * OPS (of each thread), DRAINERS
 * LOCKED    no sequences (rseq_list.c): operations of threads on any CPU are loops over compare-and-
 *           exchange; pop and take all hold the area's lock, pop marks the head; the fence waits for
 *           the lock (percpu__wait_for_lists()). A node that a drainer has may be gone: nobody reads
 *           it
 * HANDLER   (LOCKED) a signal handler comes once between two steps of thread 0: it pops one node and
 *           then another, and pushes the first, under the lock that its thread may have, and waits
 *           for nothing then
 *
 *   M_NO_ABORT     sequences do not begin again
 *   M_NO_LOOK      an operation does not look for the mark of a closed list
 *   M_NO_FENCE     a drain has no fence
 *   M_ORDERS_ONLY  the fence is a barrier on the CPU, and aborts no sequence
 *   M_OPEN_STORES  a list is opened by a store in place of a compare-and-exchange
 *   M_NO_MUTEX     two drainers drain at a time
 *   M_NEXT_EARLY   pop reads the first node's next before its sequence
 *   M_NO_LOCK      (LOCKED) operations do not hold the lock
 *   M_NO_WAIT      (LOCKED) the fence does not wait for the lock
 *   M_NO_POPPING   (LOCKED HANDLER) pop does not mark the head
 *   M_WAITS_OPEN   (LOCKED HANDLER) a handler waits while the list is closed
 *   M_WAITS_LOCK   (LOCKED HANDLER) a handler waits for its own thread's lock
 */
#ifndef OPS
#define OPS 1
#endif
#ifndef DRAINERS
#define DRAINERS 1
#endif
#define NONE 255
#define MARK 8
#define POPPING 16
#define IN_LIST 0

byte word[3];   /* 0: the list's head; 1, 2: the nodes' next */
byte has[3];    /* of the claim: who has a node; IN_LIST, a thread plus 1, a drainer plus 10 */
byte running;   /* the thread that CPU 0 runs, or NONE */
bool interrupted[2];
bool has_ended[2];
byte drainers_done;
bool mutex;
byte locked;    /* LOCKED: the thread that has the lock plus 1, a drainer plus 10 */
bool handles;   /* thread 0 is in its handler */
bool was_interrupted;

/* -- CPU 0's stores ---------------------------------------------------------------------------- */

#ifdef LOCKED
#define RUNS(me) (me != 0 || !handles)
#define LOAD(x) word[x]
#define HAS_ROOM true
inline store(to, what) { word[to] = what }
inline flush() { skip }
#else
#define RUNS(me) (running == me)
byte buffered, at[3], buffer[3];
#define FIRST(x) (buffered > 0 && at[0] == x -> buffer[0] : word[x])
#define SECOND(x) (buffered > 1 && at[1] == x -> buffer[1] : FIRST(x))
#define LOAD(x) (buffered > 2 && at[2] == x -> buffer[2] : SECOND(x))
#define HAS_ROOM (buffered < 3)
inline store(to, what) { at[buffered] = to; buffer[buffered] = what; buffered++ }
inline drop_one()
{
    word[at[0]] = buffer[0];
    at[0] = at[1]; buffer[0] = buffer[1];
    at[1] = at[2]; buffer[1] = buffer[2];
    at[2] = 0; buffer[2] = 0;
    buffered--
}
inline flush() { do :: buffered > 0 -> drop_one() :: else -> break od }

active proctype leaves_buffer()
{
end:
    do
    :: atomic { buffered > 0 -> drop_one() }
    od
}

active proctype scheduler()
{
end:
    do
    :: atomic { running != 0 && !has_ended[0] ->
        flush();
        if :: running != NONE -> interrupted[running] = 1 :: else fi;
        running = 0; interrupted[0] = 1 }
    :: atomic { running != 1 && !has_ended[1] ->
        flush();
        if :: running != NONE -> interrupted[running] = 1 :: else fi;
        running = 1; interrupted[1] = 1 }
    od
}
#endif

#define STEP(what) atomic { RUNS(me); what }
#define WHEN(condition, what) atomic { RUNS(me) && (condition) -> what }
#ifdef M_NO_ABORT
#define ABORTS false
#else
#define ABORTS interrupted[me]
#endif
#ifdef M_NO_LOOK
#define CLOSED(o) false
#define NODE(o) ((o) & 7)
#else
#define CLOSED(o) ((o) & MARK)
#define NODE(o) (o)
#endif

/* -- Operations -------------------------------------------------------------------------------- */

#ifdef LOCKED
#define BITS (MARK | POPPING)
#define GOES RUNS(me)

inline lock()
{
#ifndef M_NO_LOCK
    atomic { GOES && locked == 0 -> locked = me + 1 }
#else
    skip
#endif
}

inline unlock()
{
#ifndef M_NO_LOCK
    atomic { GOES; locked = 0 }
#else
    skip
#endif
}

/* o: the node that is the thread's now, or 0 */
inline pop(o)
{
    lock();
    do
    :: atomic { GOES && (word[0] & MARK) -> o = 0 };
        unlock();
        atomic { GOES && !(word[0] & MARK); skip };
        lock()
    :: atomic { GOES && word[0] == 0 -> o = 0 }; break
    :: atomic { GOES && word[0] != 0 && !(word[0] & MARK) ->
            o = word[0] & 7;
#ifndef M_NO_POPPING
            word[0] = o | POPPING
#endif
        };
        atomic { GOES; assert(has[o] != 10 && has[o] != 11); x = word[o] };
        atomic {
            GOES;
#ifndef M_NO_POPPING
            seen = (o | POPPING);
#else
            seen = o;
#endif
            if
            :: word[0] == seen ->
                word[0] = x; assert(has[o] == IN_LIST); has[o] = me + 1; x = 0; seen = 0; break
            :: else -> x = 0; seen = 0
            fi }
    od;
    unlock()
}

inline push(n)
{
    do
    :: atomic { GOES && !(word[0] & MARK) -> seen = word[0]; word[n] = (seen & 7) };
        atomic {
            GOES;
            if
            :: word[0] == seen ->
                assert(has[n] == me + 1); word[0] = n; has[n] = IN_LIST; o = 0; seen = 0; break
            :: else -> seen = 0
            fi }
    od
}

inline take_all(o)
{
    lock();
    do
    :: atomic { GOES && (word[0] & MARK) -> o = 0 };
        unlock();
        atomic { GOES && !(word[0] & MARK); skip };
        lock()
    :: atomic { GOES && !(word[0] & MARK) ->
            o = word[0] & 7;
            word[0] = 0;
            if
            :: o != 0 ->
                assert(has[o] == IN_LIST);
                has[o] = me + 1;
                x = word[o];
                if :: x != 0 -> assert(has[x] == IN_LIST); has[x] = me + 1 :: else fi;
                x = 0
            :: else
            fi };
        break
    od;
    unlock()
}

#ifdef HANDLER
/* Nobody but pushers and drainers change the list while its thread has the lock: a pop is a step. */
inline pop_in_handler(o)
{
    atomic {
#ifdef M_WAITS_OPEN
        !(word[0] & MARK);
#endif
        o = word[0] & 7;
        if
        :: o != 0 -> assert(has[o] == IN_LIST); has[o] = 1; word[0] = word[o]
        :: else
        fi }
}

active proctype handler()
{
    byte first, second, seen;
    bool is_nested;

end:
    atomic { !has_ended[0] && !was_interrupted -> was_interrupted = 1; handles = 1 };
#ifdef M_WAITS_LOCK
    atomic { locked == 0 -> locked = 1 };
#else
    atomic {
        if
        :: locked == 1 -> is_nested = 1
        :: locked == 0 && !(word[0] & MARK) -> locked = 1
        :: !has_ended[0] && locked > 1 -> handles = 0; goto done
        fi };
#endif
    pop_in_handler(first);
    pop_in_handler(second);
    if
    :: first != 0 ->
        do
        :: atomic { seen = word[0]; word[first] = (seen & 7) };
            atomic {
                if
                :: word[0] == seen ->
                    assert(has[first] == 1); word[0] = first; has[first] = IN_LIST; break
                :: else
                fi }
        od
    :: else
    fi;
    if
    :: second != 0 ->
        do
        :: atomic { seen = word[0]; word[second] = (seen & 7) };
            atomic {
                if
                :: word[0] == seen ->
                    assert(has[second] == 1); word[0] = second; has[second] = IN_LIST; break
                :: else
                fi }
        od
    :: else
    fi;
    atomic { if :: !is_nested -> locked = 0 :: else fi; handles = 0 };
done:
    skip
}
#endif

#else
inline begin()
{
    STEP(interrupted[me] = 0)
}

inline done()
{
    skip
}

/* o: the node that was first and is the thread's now, or 0 */
inline pop(o)
{
    do
    :: o = 0; x = 0;
#ifdef M_NEXT_EARLY
        STEP(x = LOAD(0) & 7; if :: x != 0 -> x = LOAD(x) :: else fi);
#endif
        begin();
        if
        :: WHEN(ABORTS, skip)
        :: WHEN(!ABORTS, o = LOAD(0); o = NODE(o));
            if
            :: WHEN(CLOSED(o) || (ABORTS && o != 0), skip)
            :: WHEN(o == 0, skip); done(); break
#ifdef M_NEXT_EARLY
            :: WHEN(!CLOSED(o) && !ABORTS && o != 0, skip);
#else
            :: WHEN(!CLOSED(o) && !ABORTS && o != 0, x = LOAD(o));
#endif
                if
                :: WHEN(ABORTS, skip)
                :: WHEN(!ABORTS && HAS_ROOM,
                    store(0, x); assert(has[o] == IN_LIST); has[o] = me + 1; x = 0); done(); break
                fi
            fi
        fi;
        done()
    od
}

inline push(n)
{
    do
    :: begin();
        if
        :: WHEN(ABORTS, skip)
        :: WHEN(!ABORTS, o = LOAD(0); o = NODE(o));
            if
            :: WHEN(CLOSED(o) || ABORTS, skip)
            :: WHEN(!CLOSED(o) && !ABORTS && HAS_ROOM, store(n, o));
                if
                :: WHEN(ABORTS, skip)
                :: WHEN(!ABORTS && HAS_ROOM,
                    assert(has[n] == me + 1); store(0, n); has[n] = IN_LIST; o = 0); done(); break
                fi
            fi
        fi;
        done()
    od
}

inline take_all(o)
{
    do
    :: begin();
        if
        :: WHEN(ABORTS, skip)
        :: WHEN(!ABORTS, o = LOAD(0); o = NODE(o));
            if
            :: WHEN(CLOSED(o) || ABORTS, skip)
            :: WHEN(!CLOSED(o) && !ABORTS && HAS_ROOM,
                store(0, 0);
                if
                :: o != 0 ->
                    assert(has[o] == IN_LIST);
                    has[o] = me + 1;
                    x = LOAD(o);
                    if :: x != 0 -> assert(has[x] == IN_LIST); has[x] = me + 1 :: else fi;
                    x = 0
                :: else
                fi); done(); break
            fi
        fi;
        done()
    od
}

#endif

proctype thread(byte me)
{
    byte o, x, n, mine, rest, seen;

    do
    :: n < OPS ->
        n++;
        if
        :: pop(o); mine = o; rest = 0
        :: take_all(o); mine = o; STEP(if :: o != 0 -> rest = LOAD(o) :: else -> rest = 0 fi)
        fi;
        o = 0;
        if :: mine != 0 -> push(mine) :: mine == 0 fi;
        if :: rest != 0 -> push(rest) :: rest == 0 fi;
        mine = 0; rest = 0
    :: n == OPS -> break
    od;
    STEP(flush(); has_ended[me] = 1; if :: running == me -> running = NONE :: else fi)
}

/* -- A drain, docs/rseq.md --------------------------------------------------------------------- */

inline fence()
{
#ifdef LOCKED
#ifndef M_NO_WAIT
    atomic { locked == 0 -> locked = me + 10 };
    locked = 0
#else
    skip
#endif
#else
    atomic {
        flush();
#ifndef M_ORDERS_ONLY
        if :: running != NONE -> interrupted[running] = 1 :: else fi
#endif
    }
#endif
}

proctype drainer(byte me)
{
    byte first, second;
    bool is_open;

#ifndef M_NO_MUTEX
    atomic { !mutex -> mutex = 1 };
#endif
    do
    :: atomic { first = word[0] & 7; word[0] = (first | MARK) };
#ifndef M_NO_FENCE
        fence();
#endif
        atomic {
#ifdef M_OPEN_STORES
            is_open = 1;
#else
            is_open = (word[0] == (first | MARK));
#endif
            if :: is_open -> word[0] = 0 :: else fi;
            if
            :: is_open && first != 0 ->
                assert(has[first] == IN_LIST);
                has[first] = me + 10;
                second = word[first];
                if :: second != 0 -> assert(has[second] == IN_LIST); has[second] = me + 10 :: else fi;
                second = 0
            :: else
            fi };
        if :: is_open -> break :: !is_open fi
    od;
    atomic { mutex = 0; first = 0; drainers_done++ }
}

/* In the end what nobody has is in the list. */
active proctype claim()
{
    byte node;

    atomic {
        has_ended[0] && has_ended[1] && drainers_done == DRAINERS;
        flush();
        assert(!(word[0] & MARK));
        node = word[0];
        do
        :: node != 0 -> assert(has[node] == IN_LIST); has[node] = NONE; node = word[node]
        :: else -> break
        od;
        assert(has[1] != IN_LIST && has[2] != IN_LIST)
    }
}

init { atomic {
    byte d;

    running = NONE;
    word[0] = 1;
    word[1] = 2;
    run thread(0);
    run thread(1);
    for (d : 0 .. DRAINERS - 1) { run drainer(d) }
} }
