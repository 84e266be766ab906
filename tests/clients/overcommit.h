/* SPDX-License-Identifier: MIT */
/*
 * What the clients do that allocate more than the device has: many pieces of memory, written, copied around on the
 * device and read back, every byte of them checked. How a piece is made and moved is the interface's matter, behind
 * struct overcommit_memory; the pattern is the same, so that a page that comes back as another's shows.
 */
#ifndef UDXG_TESTS_CLIENTS_OVERCOMMIT_H
#define UDXG_TESTS_CLIENTS_OVERCOMMIT_H

#include <stdint.h>

#include "tap.h"

#define PIECE_BYTES ((size_t)4 << 20)
#define PIECE_LIMIT 1024

/* False from any of them is a failed call; it says itself which one. */
struct overcommit_memory {
    const char *name;
    bool (*make)(unsigned piece);
    bool (*write)(unsigned piece, const void *from); /* both wait until the bytes are where they belong */
    bool (*read)(unsigned piece, void *to);
    bool (*copy)(unsigned to, unsigned from); /* on the device; need not wait */
    bool (*wait)(void);
    bool (*release)(unsigned piece);
};

static inline uint64_t overcommit_mix(uint64_t i)
{
    i = (i + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    return i ^ i >> 29;
}

static inline void overcommit_paint(uint64_t *words, unsigned seed)
{
    for (uint64_t i = 0; i < PIECE_BYTES / 8; i++) words[i] = overcommit_mix((uint64_t)seed << 32 | i);
}

static inline bool overcommit_painted(const uint64_t *words, unsigned seed)
{
    for (uint64_t i = 0; i < PIECE_BYTES / 8; i++)
        if (words[i] != overcommit_mix((uint64_t)seed << 32 | i)) return false;
    return true;
}

static inline void overcommit_report(const struct overcommit_memory *memory, const char *what, bool good)
{
    char name[96];

    snprintf(name, sizeof(name), "%s: %s", memory->name, what);
    tap_line(good, name, "a call failed or bytes differ");
}

/* Piece I holds the pattern I - SHIFT, around the circle. */
static inline bool overcommit_check(const struct overcommit_memory *memory, unsigned pieces, unsigned shift,
                                    uint64_t *words)
{
    bool good = true;

    for (unsigned i = 0; good && i < pieces; i++) {
        memset(words, 0xee, PIECE_BYTES);
        good = memory->read(i, words) && overcommit_painted(words, (i + pieces - shift) % pieces);
    }
    return good;
}

/* Every piece takes the contents of the one before it; piece PIECES is the spare. */
static inline bool overcommit_rotate(const struct overcommit_memory *memory, unsigned pieces)
{
    bool good = memory->copy(pieces, pieces - 1);

    for (unsigned i = pieces - 1; good && i > 0; i--) good = memory->copy(i, i - 1);
    return good && memory->copy(0, pieces) && memory->wait();
}

static inline void overcommit_run(const struct overcommit_memory *memory, unsigned pieces)
{
    uint64_t *words = aligned_alloc(4096, PIECE_BYTES);
    bool good = words != NULL;

    for (unsigned i = 0; good && i <= pieces; i++) good = memory->make(i);
    overcommit_report(memory, "twice the device's memory is there", good);
    for (unsigned i = 0; good && i < pieces; i++) {
        overcommit_paint(words, i);
        good = memory->write(i, words);
    }
    overcommit_report(memory, "all of it is written", good);
    good = good && overcommit_check(memory, pieces, 0, words);
    overcommit_report(memory, "all of it comes back", good);
    for (unsigned round = 1; round <= 3; round++) {
        good = good && overcommit_rotate(memory, pieces);
        overcommit_report(memory, "each piece is copied to the next", good);
    }
    good = good && overcommit_check(memory, pieces, 3, words);
    overcommit_report(memory, "the copies come back", good);
    for (unsigned i = 0; good && i <= pieces; i++) good = memory->release(i);
    overcommit_report(memory, "all of it is released", good);
    free(words);
}

/* Pieces for the total that the one argument names, or for 128 MiB. 0: it says what is wrong. */
static inline unsigned overcommit_pieces(int argc, char **argv)
{
    size_t total = argc > 1 ? tap_size(argv[1]) : (size_t)128 << 20;

    if (argc <= 2 && total >= 2 * PIECE_BYTES && total / PIECE_BYTES < PIECE_LIMIT)
        return (unsigned)(total / PIECE_BYTES);
    fprintf(stderr, "usage: %s [SIZE]    from 8M to under 4G\n", argv[0]);
    return 0;
}

#endif
