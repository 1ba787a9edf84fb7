/* SPDX-License-Identifier: MIT */
/* The user's warnings again: warnings_off.h. */
#pragma GCC diagnostic pop
