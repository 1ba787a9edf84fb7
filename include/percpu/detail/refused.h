/* SPDX-License-Identifier: MIT */
/* Ends a compilation that an #error has refused, before the errors that would follow from it. */
#include <percpu/detail/see-the-error-above>
