/* SPDX-License-Identifier: MIT */
/*
 * PERCPU_RESTART: an update is a sequence: it reads which CPU it is on, loads the CPU's word, and
 * stores the sum. Whatever interrupts it sets the pc that it returns to by percpu_restart_pc(): in
 * a sequence, to its beginning. Two tasks on two CPUs; interrupts, whose handlers update the same
 * word, and which on their way back may be preempted, before they have computed the pc and after
 * it; on CPU 0 an NMI, which updates the word, too. No update is lost, and none counts twice.
 *
 *   M_NO_CALL       interrupts do not call percpu_restart_pc()
 *   M_SAME_TASK     an interrupt does so only where it returns to the task that it has interrupted
 *   M_NOT_NMI       the NMI does not call it
 *   M_NOT_NESTED    the NMI calls it where it returns to a task only
 *   M_FORGETS       a task that is switched out loses the pc that was computed
 *   M_END_LATE      the entry of a sequence covers what is behind its last instruction
 *   M_END_EARLY     it does not cover its last instruction
 */
#define NONE 255

byte word[2], updates[2];
byte running[2];  /* the task of a CPU, or NONE */
byte cpu[2];      /* where a task runs, or ran last */
byte level[2];    /* of a CPU: 0 its task runs, 1 an interrupt's handler, 2 the NMI's */
bool is_ready[2]; /* switched out; */
bool is_computed[2]; /* and its pc had been computed by then */
bool has_ended[2];

/* Of the frames: contexts 0 and 1 are tasks, 2 and 3 the handlers of the CPUs' interrupts. */
bool is_inside[4]; /* the pc lies in a sequence, behind its first instruction */
bool restarts[4];  /* the pc was set to the sequence's beginning */

#define TASK_RUNS(t) (running[cpu[t]] == t && level[cpu[t]] == 0)
#define HANDLER_RUNS(c) (level[c] == 1)

inline restart_pc(context) { if :: is_inside[context] -> restarts[context] = 1 :: else fi }

/* An update in a context, while `runs` holds; d: the CPU that it has read. */
#define update(context, runs, here)                                                                \
    do                                                                                             \
    :: atomic { runs -> restarts[context] = 0; d = here; is_inside[context] = 1 };                 \
        if                                                                                         \
        :: atomic { runs && restarts[context] -> skip }                                            \
        :: atomic { runs && !restarts[context] -> v = word[d]; BEFORE_LAST(context) };             \
            if                                                                                     \
            :: atomic { runs && restarts[context] -> skip }                                        \
            :: atomic { runs && !restarts[context] ->                                              \
                word[d] = v + 1; updates[d]++; v = 0; AFTER_LAST(context) };                       \
                BEHIND(context, runs);                                                             \
                break                                                                              \
            fi                                                                                     \
        fi                                                                                         \
    od
#ifdef M_END_EARLY
#define BEFORE_LAST(context) is_inside[context] = 0
#else
#define BEFORE_LAST(context) skip
#endif
#ifdef M_END_LATE
#define AFTER_LAST(context) skip
#define BEHIND(context, runs)                                                                      \
    if                                                                                             \
    :: atomic { runs && restarts[context] -> word[d] = word[d] + 1; is_inside[context] = 0 }       \
    :: atomic { runs && !restarts[context] -> is_inside[context] = 0 }                             \
    fi
#else
#define AFTER_LAST(context) is_inside[context] = 0
#define BEHIND(context, runs) skip
#endif

proctype task(byte t)
{
    byte d, v;

    update(t, TASK_RUNS(t), cpu[t]);
    atomic { TASK_RUNS(t) -> has_ended[t] = 1; running[cpu[t]] = NONE }
}

/* The other task takes the CPU, or nobody. */
inline preempt(c, computed)
{
    is_computed[running[c]] = computed;
    is_ready[running[c]] = 1;
    if
    :: is_ready[1 - running[c]] ->
        running[c] = 1 - running[c];
        is_ready[running[c]] = 0;
        cpu[running[c]] = c
    :: true -> running[c] = NONE; level[c] = 0
    fi
}

proctype interrupt(byte c)
{
    byte d, v, first; /* the interrupted task plus 1; NONE: the CPU was idle */
    bool came;

    /* One interrupt, and each time that the idle CPU takes a task. */
    do
    :: atomic { level[c] == 0 && running[c] == NONE && (is_ready[0] || is_ready[1]) ->
        if
        :: is_ready[0] -> running[c] = 0
        :: is_ready[1] -> running[c] = 1
        fi;
        is_ready[running[c]] = 0;
        cpu[running[c]] = c;
        level[c] = 1;
        first = NONE };
        if
        :: atomic { HANDLER_RUNS(c) && is_computed[running[c]] -> goto computed }
        :: atomic { HANDLER_RUNS(c) && !is_computed[running[c]] -> goto not_computed }
        fi
    :: atomic { level[c] == 0 && running[c] != NONE && !came ->
        came = 1; level[c] = 1; first = running[c] + 1 };
        update(2 + c, HANDLER_RUNS(c), c);
        if
        :: atomic { HANDLER_RUNS(c) -> preempt(c, 0) };
            if
            :: atomic { running[c] == NONE || level[c] == 0 -> goto again }
            :: atomic { HANDLER_RUNS(c) && running[c] != NONE && is_computed[running[c]] -> goto computed }
            :: atomic { HANDLER_RUNS(c) && running[c] != NONE && !is_computed[running[c]] -> skip }
            fi
        :: atomic { HANDLER_RUNS(c) -> skip }
        fi;
not_computed:
        atomic { HANDLER_RUNS(c) ->
#ifndef M_NO_CALL
#ifdef M_SAME_TASK
            if :: first == running[c] + 1 -> restart_pc(running[c]) :: else fi
#else
            restart_pc(running[c])
#endif
#endif
        };
        if
        :: atomic { HANDLER_RUNS(c) ->
#ifdef M_FORGETS
            restarts[running[c]] = 0;
#endif
            preempt(c, 1) };
            if
            :: atomic { running[c] == NONE || level[c] == 0 -> goto again }
            :: atomic { HANDLER_RUNS(c) && running[c] != NONE && is_computed[running[c]] -> skip }
            :: atomic { HANDLER_RUNS(c) && running[c] != NONE && !is_computed[running[c]] ->
                goto not_computed }
            fi
        :: atomic { HANDLER_RUNS(c) -> skip }
        fi;
computed:
        atomic { HANDLER_RUNS(c) -> is_computed[running[c]] = 0; level[c] = 0 };
again:
        skip
    :: atomic { has_ended[0] && has_ended[1] && level[c] == 0 -> break }
    od
}

proctype nmi()
{
    byte was, v;

    if
    :: atomic { level[0] < 2 && running[0] != NONE -> was = level[0]; level[0] = 2 };
        v = word[0];
        atomic { word[0] = v + 1; updates[0]++ };
#ifndef M_NOT_NMI
        atomic {
            if
#ifndef M_NOT_NESTED
            :: was == 1 -> restart_pc(2)
#endif
            :: was == 0 -> restart_pc(running[0])
            :: else
            fi };
#endif
        atomic { level[0] = was }
    :: atomic { has_ended[0] && has_ended[1] -> skip }
    fi
}

active proctype claim()
{
    atomic {
        has_ended[0] && has_ended[1] && level[0] == 0 && level[1] == 0;
        assert(word[0] == updates[0] && word[1] == updates[1])
    }
}

init { atomic {
    running[1] = NONE;
    is_ready[1] = 1;
    run task(0);
    run task(1);
    run interrupt(0);
    run interrupt(1);
    run nmi()
} }
