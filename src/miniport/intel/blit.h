/* SPDX-License-Identifier: MIT */
/*
 * The copy engine's two commands of Gen12 LP: XY_BLOCK_COPY_BLT and XY_FAST_COLOR_BLT, on linear surfaces.
 *
 * A surface is a base address, a pitch in bytes and a pixel size; a blit covers the rectangle [x1, x2) x
 * [y1, y2) of the destination, and for a copy as much of the source from its own corner on. Tiled surfaces
 * are recognised and refused: a linear copy of one would put the bytes in the wrong place.
 *
 * No state; addresses are masked to 48 bits.
 */
#ifndef UDXG_MINIPORT_INTEL_BLIT_H
#define UDXG_MINIPORT_INTEL_BLIT_H

#include <stdbool.h>
#include <stdint.h>

#include <udxg/miniport.h>

struct udxg_blit {
    uint64_t to_va; /* of the first byte of the rectangle */
    uint64_t to_pitch;
    uint64_t from_va;
    uint64_t from_pitch;
    uint64_t row_bytes;
    uint64_t rows;
    uint32_t pixel_bytes;
    uint8_t colour[16]; /* the first pixel_bytes of it */
};

enum udxg_blit_kind {
    UDXG_BLIT_OTHER, /* not a command of ours */
    UDXG_BLIT_BROKEN,
    UDXG_BLIT_UNSUPPORTED,
    UDXG_BLIT_COPY,
    UDXG_BLIT_FILL,
};

enum udxg_blit_kind udxg_blit_decode(const uint32_t *command, uint32_t dwords, struct udxg_blit *ret_blit);

struct udxg_blit_memory {
    const struct udxg_gpu_memory *memory;
    bool (*stop)(void *context); /* may be NULL */
    void *stop_context;
    /* out */
    uint64_t bytes_moved;
    uint64_t fault_va;
    bool fault_write;
    bool cancelled;
};

/* Both do the rows in order and stop at the first that faults. */
NTSTATUS udxg_blit_copy(const struct udxg_blit *blit, struct udxg_blit_memory *memory);
NTSTATUS udxg_blit_fill(const struct udxg_blit *blit, struct udxg_blit_memory *memory);

#endif
