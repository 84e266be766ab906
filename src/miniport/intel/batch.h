/* SPDX-License-Identifier: MIT */
/*
 * The walker of command batches: executes of a batch what a driver needs to see happen, and passes over the
 * rest by its length.
 *
 * Executed: batch start (chained and second level) and end, immediate stores, post-sync writes of
 * PIPE_CONTROL and MI_FLUSH_DW, semaphore waits on memory, atomics, register loads and stores with the ALU,
 * block copies and colour fills of linear surfaces (Gen12 LP forms).
 * Not executed: shader kernels; they are counted. 3D and media state means nothing here.
 *
 * A batch is hostile: it ends with a fault after a bounded number of commands, at a bounded depth, or when
 * it is not decodable; memory is reached only through struct udxg_gpu_memory with 48-bit addresses. Only a
 * semaphore that nobody signals could last, so waits poll env->cancelled and end after env->nap_limit naps: not
 * after a time, which also passes while a debugger holds the program.
 * The walker has no state between batches and takes no lock.
 */
#ifndef UDXG_MINIPORT_INTEL_BATCH_H
#define UDXG_MINIPORT_INTEL_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <udxg/miniport.h>

/* Commands of one submission, all levels together: more than any real client packs into one. */
#define UDXG_BATCH_COMMAND_LIMIT (1u << 24)

/* What surrounds the engine. All members must be set, but for CANCELLED. */
struct udxg_batch_env {
    const struct udxg_gpu_memory *memory;
    bool (*cancelled)(void *context);
    void *cancelled_context;
    uint64_t (*now_ns)(void);
    void (*nap)(void); /* between two looks at a semaphore */
    uint64_t nap_limit;
    uint64_t clock_hz; /* of time stamps */
};

/* Why a batch ended early; goes to the client as FaultErrorCode. */
enum udxg_batch_fault {
    UDXG_BATCH_OK,
    UDXG_BATCH_FAULT_MEMORY,      /* an address that is not there */
    UDXG_BATCH_FAULT_COMMAND,     /* not decodable, or too long */
    UDXG_BATCH_FAULT_BUDGET,      /* too many commands */
    UDXG_BATCH_FAULT_DEPTH,       /* too many levels */
    UDXG_BATCH_FAULT_UNSUPPORTED, /* a copy that we cannot do right, such as a tiled one */
    UDXG_BATCH_FAULT_WAIT,        /* a semaphore that nobody signalled */
    UDXG_BATCH_FAULT_CANCELLED,   /* the engine was told to stop */
};

struct udxg_batch_result {
    enum udxg_batch_fault fault;
    uint64_t fault_va; /* the address that faulted, or of the command that did */
    bool fault_write;
    uint64_t commands;
    uint64_t kernels_skipped;
    uint64_t bytes_moved; /* by copies and fills */
};

/* Runs the batch at VA to its end. The status is that of the fault, with *ret_result set in any case. */
NTSTATUS udxg_batch_run(const struct udxg_batch_env *env, uint64_t va, struct udxg_batch_result *ret_result);

/* GPU time in ticks of HZ. */
static inline uint64_t udxg_intel_ticks(uint64_t ns, uint64_t hz)
{
    return ns / 1000000000u * hz + ns % 1000000000u * hz / 1000000000u;
}

/* Masks a canonical address to what the address space knows. */
static inline uint64_t udxg_intel_va(uint64_t va)
{
    return va & ((1ull << 48) - 1);
}

#endif
