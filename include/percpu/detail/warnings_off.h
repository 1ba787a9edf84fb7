/* SPDX-License-Identifier: MIT */
/*
 * Warnings of style are off from here to warnings_on.h: the headers' functions are both C99 and
 * C++, with C's casts, and users compile them under options of their own. Macros expand in the
 * user's code, under the user's options, so they are written to cause no such warning.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#ifdef __cplusplus
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wzero-as-null-pointer-constant"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wuseless-cast"
#endif
#else
#pragma GCC diagnostic ignored "-Wbad-function-cast"
#pragma GCC diagnostic ignored "-Wdeclaration-after-statement"
#pragma GCC diagnostic ignored "-Wnested-externs"
#endif
