/* SPDX-License-Identifier: MIT */
/*
 * The heap and the areas against fork() in another thread: the child finds both locks free, and
 * nobody waits for ever. B adds a block, which takes both locks, after the first allocation; A
 * forks.
 *
 *   M_LATE    the fork handlers are registered inside the first allocation
 *   M_ORDER   they take the heap's lock first
 *
 * HANDLER: B does not add a block; a signal handler that interrupts its allocation forks, too, and
 * does without the areas' lock where its owner is in fork() and waits for the heap's; C changes the
 * areas.
 *
 *   M_WAITS   the handler waits for the areas' lock in any case
 *   M_STALE   who was in fork() is taken for still waiting
 *   M_KEEPS   a child that was made without the areas' lock has it as it was
 */
byte areas, heap; /* who has the lock; 0: nobody */
bool is_registered, child_waits, awaits_heap, are_changing;

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

proctype allocates_and_forks()
{
    bool has_areas;
    byte in_child;

    take(heap, 1);
    if
    :: atomic { areas == 0 -> areas = 1; has_areas = 1 }
#ifndef M_WAITS
    :: atomic { areas != 0 && awaits_heap -> skip }
#endif
    fi;
    atomic {
        assert(!are_changing);
        in_child = (has_areas -> 0 : areas);
#ifndef M_KEEPS
        in_child = 0;
#endif
        assert(in_child == 0)
    };
    if
    :: has_areas -> give(areas)
    :: !has_areas
    fi;
    give(heap)
}

proctype changes()
{
    take(areas, 3);
    are_changing = 1;
    are_changing = 0;
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
        awaits_heap = 1;
        take(heap, 2);
#ifndef M_STALE
        awaits_heap = 0;
#endif
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
#ifdef HANDLER
    atomic { run allocates_and_forks(); run changes(); run forks() }
#else
    atomic { run allocates(); run forks() }
#endif
}
