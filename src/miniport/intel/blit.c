/* SPDX-License-Identifier: MIT */
/* Decoding and doing blits; what they are stands in blit.h. */
#include "miniport/intel/blit.h"

#include <string.h>

#include "miniport/intel/batch.h"

#define FILL_CHUNK 4096u
/* What is copied between two looks at stop(). */
#define STOP_INTERVAL_BYTES (64ull << 20)
/* The caller tells a stop from a fault by memory->cancelled. */
#define STOPPED ((NTSTATUS)STATUS_GRAPHICS_GPU_EXCEPTION_ON_DEVICE)

enum { BLIT_BLOCK_COPY = 0x41, BLIT_FAST_COLOUR = 0x44 };
enum { COPY_DWORDS = 12, FILL_DWORDS = 11 };

static uint32_t pixel_bytes(uint32_t depth)
{
    switch (depth) {
    case 0:
        return 1;
    case 1:
        return 2;
    case 2:
        return 4;
    case 3:
        return 8;
    case 4:
        return 12;
    case 5:
        return 16;
    default:
        return 0;
    }
}

static uint64_t wide(const uint32_t *dwords)
{
    return dwords[0] | (uint64_t)dwords[1] << 32;
}

/* The dword that carries a surface's pitch and tiling. */
static uint64_t pitch_of(uint32_t dword)
{
    return (dword & 0x3ffff) + 1;
}

static bool is_tiled(uint32_t dword)
{
    return dword >> 30 != 0;
}

/* The first byte of pixel (x, y), both given in one dword, of a surface whose origin is shifted by OFFSET. */
static uint64_t corner(uint64_t base, uint64_t pitch, uint32_t pixel, uint32_t xy, uint32_t offset)
{
    uint64_t x = (xy & 0xffff) + (offset & 0x3fff);
    uint64_t y = (xy >> 16) + (offset >> 16 & 0x3fff);

    return udxg_intel_va(base + y * pitch + x * pixel);
}

enum udxg_blit_kind udxg_blit_decode(const uint32_t *command, uint32_t dwords, struct udxg_blit *ret_blit)
{
    uint32_t opcode = command[0] >> 22 & 0x7f;
    bool is_copy = opcode == BLIT_BLOCK_COPY;
    struct udxg_blit blit = {.pixel_bytes = pixel_bytes(command[0] >> 19 & 7)};
    uint32_t from, to;

    if (opcode != BLIT_BLOCK_COPY && opcode != BLIT_FAST_COLOUR) return UDXG_BLIT_OTHER;
    if (dwords < (is_copy ? COPY_DWORDS : FILL_DWORDS) || blit.pixel_bytes == 0) return UDXG_BLIT_BROKEN;
    if (is_tiled(command[1]) || (is_copy && is_tiled(command[8]))) return UDXG_BLIT_UNSUPPORTED;
    from = command[2];
    to = command[3];
    if ((to & 0xffff) > (from & 0xffff))
        blit.row_bytes = ((to & 0xffff) - (from & 0xffff)) * (uint64_t)blit.pixel_bytes;
    if (to >> 16 > from >> 16) blit.rows = (to >> 16) - (from >> 16);
    blit.to_pitch = pitch_of(command[1]);
    blit.to_va = corner(wide(command + 4), blit.to_pitch, blit.pixel_bytes, from, command[6]);
    if (is_copy) {
        blit.from_pitch = pitch_of(command[8]);
        blit.from_va = corner(wide(command + 9), blit.from_pitch, blit.pixel_bytes, command[7], command[11]);
    } else {
        memcpy(blit.colour, command + 7, sizeof(blit.colour));
    }
    *ret_blit = blit;
    return is_copy ? UDXG_BLIT_COPY : UDXG_BLIT_FILL;
}

/* Makes one long row of a rectangle without gaps. */
static struct udxg_blit flatten(const struct udxg_blit *blit, bool is_copy)
{
    struct udxg_blit flat = *blit;

    if (flat.row_bytes == 0) flat.rows = 0;
    if (flat.to_pitch != flat.row_bytes || (is_copy && flat.from_pitch != flat.row_bytes)) return flat;
    flat.row_bytes *= flat.rows;
    flat.rows = flat.rows > 0;
    return flat;
}

static bool stopped(struct udxg_blit_memory *memory)
{
    memory->cancelled = memory->stop && memory->stop(memory->stop_context);
    return memory->cancelled;
}

static NTSTATUS copy_run(struct udxg_blit_memory *memory, uint64_t to_va, uint64_t from_va, uint64_t bytes)
{
    const struct udxg_gpu_memory *gpu = memory->memory;
    NTSTATUS status;

    while (bytes > 0) {
        uint64_t part = bytes < STOP_INTERVAL_BYTES ? bytes : STOP_INTERVAL_BYTES;

        if (stopped(memory)) return STOPPED;
        memory->fault_va = from_va;
        status = gpu->copy(gpu->context, to_va, from_va, part, &memory->fault_va);
        if (status != STATUS_SUCCESS) {
            memory->fault_write = memory->fault_va >= to_va && memory->fault_va < to_va + part;
            return status;
        }
        memory->bytes_moved += part;
        to_va += part;
        from_va += part;
        bytes -= part;
    }
    return STATUS_SUCCESS;
}

NTSTATUS udxg_blit_copy(const struct udxg_blit *blit, struct udxg_blit_memory *memory)
{
    struct udxg_blit flat = flatten(blit, true);
    NTSTATUS status = STATUS_SUCCESS;

    for (uint64_t row = 0; row < flat.rows && status == STATUS_SUCCESS; row++)
        status = copy_run(memory, udxg_intel_va(flat.to_va + row * flat.to_pitch),
                          udxg_intel_va(flat.from_va + row * flat.from_pitch), flat.row_bytes);
    return status;
}

/* FILL_CHUNK bytes of the colour, rounded down to whole pixels; returns how many. */
static uint32_t paint(const struct udxg_blit *blit, uint8_t *chunk)
{
    uint32_t bytes = FILL_CHUNK - FILL_CHUNK % blit->pixel_bytes;

    for (uint32_t at = 0; at < bytes; at += blit->pixel_bytes) memcpy(chunk + at, blit->colour, blit->pixel_bytes);
    return bytes;
}

static NTSTATUS fill_run(struct udxg_blit_memory *memory, uint64_t va, uint64_t bytes, const uint8_t *chunk,
                         uint32_t chunk_bytes)
{
    const struct udxg_gpu_memory *gpu = memory->memory;
    NTSTATUS status;

    while (bytes > 0) {
        uint64_t part = bytes < chunk_bytes ? bytes : chunk_bytes;

        if (stopped(memory)) return STOPPED;
        memory->fault_va = va;
        status = gpu->write(gpu->context, va, chunk, part, &memory->fault_va);
        if (status != STATUS_SUCCESS) {
            memory->fault_write = true;
            return status;
        }
        memory->bytes_moved += part;
        va += part;
        bytes -= part;
    }
    return STATUS_SUCCESS;
}

NTSTATUS udxg_blit_fill(const struct udxg_blit *blit, struct udxg_blit_memory *memory)
{
    struct udxg_blit flat = flatten(blit, false);
    uint8_t chunk[FILL_CHUNK];
    uint32_t chunk_bytes = paint(&flat, chunk);
    NTSTATUS status = STATUS_SUCCESS;

    for (uint64_t row = 0; row < flat.rows && status == STATUS_SUCCESS; row++)
        status = fill_run(memory, udxg_intel_va(flat.to_va + row * flat.to_pitch), flat.row_bytes, chunk, chunk_bytes);
    return status;
}
