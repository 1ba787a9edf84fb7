/* SPDX-License-Identifier: MIT */
/*
 * src/remote.c: a caller sets a bit in the word of a CPU that counts in it, by sequences of a read
 * and a store that the store buffer delays. The bit says that `data` has been written; the CPU may
 * read that early, before the word. When the call has returned the bit stays, no count is lost, and
 * nobody enters by percpu_add_unless(); who sees the bit sees the data.
 *
 *   M_NO_FENCE   nothing is fenced between the change and the look at it
 *   M_NO_LOOK    the caller does not look whether the change has stayed
 *   M_NO_FIRST   nothing is fenced before the change
 *   M_NO_ABORT   the fence is a barrier, and aborts no sequence
 *   M_PLAIN      the bit is set by a read and a store
 */
#define BIT 64
#ifndef COUNTS
#define COUNTS 3
#endif

byte word, buffered, counted;
bool has_buffered, aborted, in_sequence, data, early, has_early, returned, is_over;

#define SEEN (has_buffered -> buffered : word)

inline fence()
{
    atomic {
        if
        :: has_buffered -> word = buffered; has_buffered = 0
        :: else
        fi;
#ifndef M_NO_ABORT
        aborted = in_sequence;
#endif
        has_early = 0
    }
}

active proctype counts()
{
    byte n, old;

    do
    :: n < COUNTS ->
again:
        atomic { in_sequence = 1; aborted = 0 };
        if /* a read that the processor makes before the one above it in the program */
        :: atomic { early = data; has_early = 1 }
        :: true
        fi;
        old = SEEN;
        if
        :: atomic { aborted -> aborted = 0 } -> goto again
        :: atomic { !aborted && (old & BIT) == 0 && !has_buffered ->
            assert(!returned);
            in_sequence = 0; buffered = old + 1; has_buffered = 1; counted++; n++; has_early = 0 }
        :: atomic { !aborted && (old & BIT) != 0 -> in_sequence = 0 }
            assert((has_early -> early : data));
            break
        fi
    :: else -> break
    od;
    is_over = 1
}

active proctype drains()
{
end:
    do
    :: atomic { has_buffered -> word = buffered; has_buffered = 0 }
    od
}

active proctype changes()
{
    byte old;

    data = 1; /* its own store buffer is empty before the first fence is over */
#ifndef M_NO_FIRST
    fence();
#endif
    do
    :: true ->
#ifdef M_PLAIN
        old = word;
        word = old | BIT;
#else
        atomic { word = word | BIT };
#endif
#ifndef M_NO_FENCE
        fence();
#endif
#ifdef M_NO_LOOK
        break
#else
        if
        :: (word & BIT) != 0 -> break
        :: else
        fi
#endif
    od;
    returned = 1;
    (is_over && !has_buffered);
    assert(word == (counted | BIT))
}
