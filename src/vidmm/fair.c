/* SPDX-License-Identifier: MIT */
/*
 * Fair shares; the rule stands in the header.
 *
 * What all take together grows with the level in straight pieces: somebody starts to grow at the level that gives
 * him his reservation, and stops at the one that gives him what he wants. Between two neighbours of these 2 * count
 * levels, the points, it is fixed + slope * level. One sorted array of points serves every claim: the claim's own
 * part is taken out, and put in without its end.
 *
 * Levels have a few binary digits behind the point, so that a share that is a quotient of small weights is right to
 * the byte.
 */
#include "vidmm/fair.h"

#include <stdlib.h>

#define DIGITS 8u

struct vidmm_fair_point {
    uint64_t level;
    uint64_t fixed, slope; /* from here to the next point */
};

/* Where the sum is straight, the claim's own part made endless. */
struct piece {
    uint64_t level, fixed, slope;
};

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t level_of(uint64_t bytes, const struct vidmm_claim *claim)
{
    return (bytes << DIGITS) / claim->weight;
}

static uint64_t least_of(const struct vidmm_claim *claim)
{
    return claim->reserved_bytes;
}

static uint64_t most_of(const struct vidmm_claim *claim)
{
    return max_of(claim->wanted_bytes, claim->reserved_bytes);
}

udxg_status vidmm_fair_reserve(struct vidmm_fair *fair, size_t room)
{
    if (room <= fair->room) return STATUS_SUCCESS;
    room += room / 2 + 4;
    struct vidmm_claim *claims = malloc(room * sizeof *claims);
    struct vidmm_fair_point *points = malloc(2 * room * sizeof *points);
    if (!claims || !points) {
        free(claims);
        free(points);
        return STATUS_NO_MEMORY;
    }
    vidmm_fair_fini(fair);
    *fair = (struct vidmm_fair){.room = room, .claims = claims, .points = points};
    return STATUS_SUCCESS;
}

void vidmm_fair_fini(struct vidmm_fair *fair)
{
    free(fair->claims);
    free(fair->points);
    *fair = (struct vidmm_fair){0};
}

static int compare_points(const void *a, const void *b)
{
    uint64_t left = ((const struct vidmm_fair_point *)a)->level, right = ((const struct vidmm_fair_point *)b)->level;
    return left < right ? -1 : left > right;
}

/* Each point with what changes there; then, in order, with what holds from there. Returns what holds before. */
static uint64_t make_points(struct vidmm_fair *fair, size_t count)
{
    uint64_t reserved = 0;
    for (size_t i = 0; i < count; i++) {
        const struct vidmm_claim *claim = &fair->claims[i];
        uint64_t least = least_of(claim), most = most_of(claim);
        fair->points[2 * i] = (struct vidmm_fair_point){level_of(least, claim), 0 - least, claim->weight};
        fair->points[2 * i + 1] = (struct vidmm_fair_point){level_of(most, claim), most, 0 - (uint64_t)claim->weight};
        reserved += least;
    }
    qsort(fair->points, 2 * count, sizeof *fair->points, compare_points);
    uint64_t fixed = reserved, slope = 0;
    for (size_t i = 0; i < 2 * count; i++) {
        fixed = fair->points[i].fixed += fixed;
        slope = fair->points[i].slope += slope;
    }
    return reserved;
}

static struct piece piece_at(const struct vidmm_fair_point *point, const struct vidmm_claim *claim)
{
    struct piece piece = {point->level, point->fixed, point->slope};
    if (piece.level < level_of(most_of(claim), claim)) return piece;
    piece.fixed -= most_of(claim);
    piece.slope += claim->weight;
    return piece;
}

static uint64_t taken_at(const struct piece *piece)
{
    return piece->fixed + (uint64_t)(((unsigned __int128)piece->slope * piece->level) >> DIGITS);
}

/* The last piece that begins within the total. RESERVED is taken before the first. */
static struct piece find_piece(const struct vidmm_fair *fair, size_t count, const struct vidmm_claim *claim,
                               uint64_t reserved, uint64_t total_bytes)
{
    struct piece found = {0, reserved, 0};
    size_t low = 0, high = 2 * count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct piece piece = piece_at(&fair->points[middle], claim);
        if (taken_at(&piece) <= total_bytes) {
            found = piece;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return found;
}

static uint64_t share_of(const struct piece *piece, const struct vidmm_claim *claim, uint64_t total_bytes)
{
    uint64_t level = piece->level;
    if (piece->slope) level = max_of(level, ((total_bytes - piece->fixed) << DIGITS) / piece->slope);
    return max_of((level * claim->weight + (1u << (DIGITS - 1))) >> DIGITS, claim->reserved_bytes);
}

void vidmm_fair_solve(struct vidmm_fair *fair, uint64_t total_bytes, size_t count)
{
    uint64_t reserved = make_points(fair, count);
    for (size_t i = 0; i < count; i++) {
        struct vidmm_claim *claim = &fair->claims[i];
        struct piece piece = find_piece(fair, count, claim, reserved, total_bytes);
        claim->share_bytes = share_of(&piece, claim, total_bytes);
    }
}
