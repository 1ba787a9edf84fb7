/* SPDX-License-Identifier: MIT */
/*
 * The heap and the areas against fork() in another thread: the child finds both locks free, and
 * nobody waits for ever. B adds a block, which takes both locks, after the first allocation; A
 * forks.
 *
 *   M_LATE    the fork handlers are registered inside the first allocation
 *   M_ORDER   they take the heap's lock first
 */
byte areas, heap; /* who has the lock; 0: nobody */
bool is_registered, child_waits;

inline take(lock, me) { atomic { lock == 0 -> lock = me } }
inline give(lock) { lock = 0 }

proctype allocates()
{
    take(heap, 1);
#ifdef M_LATE
    is_registered = 1;
#endif
    give(heap);
    take(areas, 1);
    take(heap, 1);
    give(heap);
    give(areas)
}

proctype forks()
{
    bool has_prepared;

    if
    :: is_registered ->
#ifdef M_ORDER
        take(heap, 2);
        take(areas, 2);
#else
        take(areas, 2);
        take(heap, 2);
#endif
        has_prepared = 1
    :: !is_registered
    fi;
    /* The child has the memory as it is, and gives back what the handlers took. */
    atomic { child_waits = !has_prepared && (areas != 0 || heap != 0) };
    assert(!child_waits);
    if
    :: has_prepared -> give(heap); give(areas)
    :: !has_prepared
    fi
}

init {
#ifndef M_LATE
    is_registered = 1; /* by a constructor */
#endif
    atomic { run allocates(); run forks() }
}
