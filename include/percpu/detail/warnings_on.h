/* SPDX-License-Identifier: MIT */
/* Ends warnings_off.h: the user's warnings apply again. */
#pragma GCC diagnostic pop
