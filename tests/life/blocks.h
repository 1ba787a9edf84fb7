/* SPDX-License-Identifier: MIT */
/* A module with blocks: what keys.c calls. */
#ifndef BLOCKS_H
#define BLOCKS_H

struct blocks {
    void (*block)(void (*inside)(void)); /* calls it in a block */
    long (*sum)(void);                   /* of blocks entered */
};

#endif
