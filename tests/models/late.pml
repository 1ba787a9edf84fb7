/* SPDX-License-Identifier: MIT */
/*
 * The first allocation against a CPU that comes late: the heap's alignment is right on that CPU, or
 * the CPU is refused. `published`: others can see its area; `coming`: it is about to be there.
 *
 *   M_UNSEEN   the allocation does not look for what is coming
 *   M_LIMIT    it looks for it after it has looked at the areas
 *   M_TELL     it tells of the heap after it has looked
 */
bool coming, published, told, heap_lock, is_ready, knows, refused;

proctype comes()
{
    coming = 1;
    if
    :: told ->
        atomic { !heap_lock -> heap_lock = 1 };
        refused = is_ready && !knows; /* its distance is not what the alignment was made for */
        heap_lock = 0
    :: !told
    fi;
    if
    :: !refused -> published = 1
    :: refused
    fi;
    coming = 0
}

proctype allocates()
{
    bool is_coming;

    atomic { !heap_lock -> heap_lock = 1 };
#ifndef M_TELL
    told = 1;
#endif
#ifdef M_LIMIT
    knows = published;
    is_coming = coming;
    knows = knows || is_coming;
#else
#ifndef M_UNSEEN
    is_coming = coming;
#endif
    knows = published || is_coming;
#endif
#ifdef M_TELL
    told = 1;
#endif
    is_ready = 1;
    heap_lock = 0
}

init {
    atomic { run comes(); run allocates() };
    (_nr_pr == 1);
    assert(!published || knows)
}
