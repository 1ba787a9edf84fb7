/* SPDX-License-Identifier: MIT */
/*
 * thread: percpu_fini() against percpu_init_reg() of another thread. Who was told 0 has an area
 * until it gives its claim back. The areas may come again, elsewhere, between two steps of the
 * claim.
 *
 *   M_ONCE    percpu_fini() looks at the claims once
 *   M_BLIND   a claim looks whether percpu_fini() is at work, and not whether there still are areas
 *   M_DEAF    a claim looks whether there still are areas, and not whether percpu_fini() is at work
 */
byte areas = 1; /* a number for each time that they were made; 0: none */
byte made = 1;
bool closing, claim;

proctype finishes()
{
    if
    :: claim -> goto busy
    :: !claim
    fi;
    closing = 1;
#ifndef M_ONCE
    if
    :: claim -> closing = 0; goto busy
    :: !claim
    fi;
#endif
    areas = 0;
    closing = 0;
    made++;
    areas = made;
busy:
    skip
}

proctype claims()
{
    byte mine;

again:
    mine = areas;
    if
    :: mine == 0 -> goto none
    :: mine != 0
    fi;
    claim = 1;
    if
#ifndef M_DEAF
    :: closing -> claim = 0; (!closing); goto again
    :: !closing ->
#else
    :: true ->
#endif
#ifndef M_BLIND
        if
        :: areas != mine -> claim = 0; goto again
        :: areas == mine
        fi
#else
        skip
#endif
    fi;
    assert(areas == mine);
    (timeout) -> assert(areas == mine);
none:
    skip
}

init { atomic { run finishes(); run claims() } }
