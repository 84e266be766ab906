/* SPDX-License-Identifier: MIT */
/*
 * A small adapter and the tools to put pressure on it: memory of known contents, moved and read by the GPU alone, so
 * that a test can tell where bytes are and whether they are still the right ones.
 *
 * Functions that return an NTSTATUS check nothing and may be called on any thread, one thread for each lab. The others
 * end the running case when they fail, and are for its thread.
 */
#ifndef UDXG_CONFORMANCE_LAB_H
#define UDXG_CONFORMANCE_LAB_H

#include "escape.h"
#include "gate.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LAB_COMMANDS KIB(64)

/* What use_small() makes: video memory and an aperture where the test is for discrete, otherwise the aperture alone. */
struct small_adapter {
    unsigned mib;    /* of video memory, or of the aperture that stands for it */
    bool visible;    /* the CPU sees video memory where it is */
    bool unbudgeted; /* in no segment group: nothing keeps one process from listing more than there is */
    unsigned tdr_ms; /* both limits of engines; 0: as good as none */
    bool limited;    /* commit for system memory is 64 MiB */
};

/* Makes it the one adapter of this process, which is that of a test: a second one in the same test is ignored. */
void use_small(const struct small_adapter *small);

/* Command memory and a page of system memory to look into, both resident as long as the lab is open. */
struct lab {
    struct gpu gpu;
    struct gpu_buffer commands, window;
    char *command_bytes;
    uint8_t *window_bytes;
    uint64_t used; /* bytes of commands since they were last all done */
};

void lab_open(struct lab *lab, uint64_t window_bytes);
/* The same on an adapter that is open; the context is on NODE. */
void lab_open_on(struct lab *lab, D3DKMT_HANDLE adapter, UINT node, uint64_t window_bytes);
/* Destroys its device and all that is on it. */
void lab_close(struct lab *lab);

/* A mapped allocation, not resident. SEGMENT is the only one it may live in; UDXG_SOFT_SEGMENT_NONE: everywhere. */
struct gpu_buffer lab_buffer(const struct lab *lab, uint64_t size_bytes, uint8_t segment, uint32_t flags);

/* One call for COUNT allocations. Waits for the fence; *ret_args may be NULL. */
NTSTATUS lab_list(const struct lab *lab, const D3DKMT_HANDLE *list, UINT count, UINT flags,
                  D3DDDI_MAKERESIDENT *ret_args);
/* *ret_trim (may be NULL) is NumBytesToTrim. */
NTSTATUS lab_unlist(const struct lab *lab, const D3DKMT_HANDLE *list, UINT count, UINT flags, UINT64 *ret_trim);

NTSTATUS lab_submit(struct lab *lab, const void *commands, UINT size_bytes);
NTSTATUS lab_fill(struct lab *lab, const struct gpu_buffer *to, uint32_t pattern);
NTSTATUS lab_copy(struct lab *lab, const struct gpu_buffer *to, const struct gpu_buffer *from);
/* Waits until everything submitted has run or was given up. */
NTSTATUS lab_finish(struct lab *lab);

/* Contents that follow from a seed, for sizes that are a multiple of 8. */
void write_contents(void *to, uint64_t size_bytes, uint64_t seed);
uint64_t hash_bytes(const void *data, uint64_t size_bytes);
uint64_t hash_contents(uint64_t size_bytes, uint64_t seed);
uint64_t hash_fill(uint64_t size_bytes, uint32_t pattern);
uint64_t next_random(uint64_t *state);

/* By the GPU, through the window, which must be as large as the buffer. The buffer is resident. */
NTSTATUS lab_write(struct lab *lab, const struct gpu_buffer *to, uint64_t seed);
NTSTATUS lab_hash(struct lab *lab, const struct gpu_buffer *buffer, uint64_t *ret_hash);

/* An eviction may happen a moment after the call. */
bool leaves(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation);
D3DKMT_DEVICEPAGEFAULT_STATE fault_of(D3DKMT_HANDLE device);
NTSTATUS destroy_device(D3DKMT_HANDLE device);

#ifdef __cplusplus
}
#endif
#endif
