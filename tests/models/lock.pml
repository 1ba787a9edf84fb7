/* SPDX-License-Identifier: MIT */
/*
 * src/fork.h: a lock whose word is the thread that has it, with a mark when somebody may wait. One
 * thread at most has it, and nobody sleeps for ever. Threads 1 and 2 look the same to the futex, as
 * where the upper halves of their addresses differ only.
 *
 *   M_NO_MARK     who waits leaves no mark
 *   M_FORGETS     who has waited takes the lock without the mark
 *   M_NO_COMPARE  a thread sleeps also when the lock has been given back meanwhile
 */
#ifndef THREADS
#define THREADS 3
#endif
#define WAITED 128
#define HALF(word) (((word) & 127) == 2 -> 1 | ((word) & WAITED) : (word))

byte word, inside;
bool sleeps[THREADS + 1];

proctype thread(byte me)
{
    byte n, seen, mine, w;

    do
    :: n < 2 ->
        n++;
        mine = me;
        do
        :: atomic { word == 0 -> word = mine; seen = 0; break }
        :: atomic { word != 0 -> seen = word };
#ifndef M_NO_MARK
            if
            :: atomic { word == seen -> word = seen | WAITED; seen = seen | WAITED }
            :: word != seen -> goto anew
            fi;
#endif
            if
#ifdef M_NO_COMPARE
            :: true -> sleeps[me] = 1; !sleeps[me]
#else
            :: atomic { HALF(word) == HALF(seen) -> sleeps[me] = 1 }; !sleeps[me]
            :: HALF(word) != HALF(seen)
#endif
            fi;
anew:
#ifndef M_FORGETS
            mine = me | WAITED
#else
            skip
#endif
        od;
        inside++;
        assert(inside == 1);
        inside--;
        atomic { seen = word; word = 0 };
        if
        :: (seen & WAITED) != 0 ->
            atomic {
                w = 1;
                do
                :: w <= THREADS && !sleeps[w] -> w++
                :: w <= THREADS && sleeps[w] -> sleeps[w] = 0; break
                :: w > THREADS -> break
                od;
                w = 0
            }
        :: else
        fi;
        seen = 0
    :: else -> break
    od
}

init { atomic { run thread(1); run thread(2); run thread(3) } }
