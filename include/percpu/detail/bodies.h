/* SPDX-License-Identifier: MIT */
/*
 * The bodies of percpu.h, in reading order. `p` is always a template address: the address of a
 * per-CPU variable, or a per-CPU pointer.
 */

/* clang-format off */
#include <percpu/detail/warnings_off.h>
#include <percpu/detail/areas.h>
#include <percpu/detail/port.h>
#include <percpu/detail/operand.h>
#include <percpu/detail/restart.h>

/* The platform's header finds the current CPU's area and includes the architecture's headers. */
#if defined(PERCPU_PLATFORM_BARE)
#include <percpu/detail/platform/bare.h>
#elif defined(PERCPU_PLATFORM_THREAD)
#include <percpu/detail/platform/thread.h>
#elif defined(PERCPU_PLATFORM_RSEQ)
#include <percpu/detail/platform/rseq.h>
#else
#include <percpu/detail/platform/single.h>
#endif

#include <percpu/detail/update.h>
#include <percpu/detail/derive.h>

#ifdef PERCPU__PLATFORM_GUARD
#include PERCPU__PLATFORM_GUARD
#else
#include <percpu/detail/guard.h>
#endif
#ifndef percpu__irq_save
struct percpu__guard percpu__guard_irq(void) __attribute__((
    error("percpu: percpu_with_current_irq() is for PERCPU_PLATFORM_BARE and _SINGLE; "
          "here percpu_with_current() is all that is needed")));
#endif
#include <percpu/detail/operations.h>
#include <percpu/detail/warnings_on.h>
/* clang-format on */
