/* SPDX-License-Identifier: MIT */
/*
 * A right call of CreateAllocation or CreateAllocation2, which a test then spoils in one place, and what must be
 * so when it was refused. Both versions' arrays are always filled alike: the one that is not asked for must not
 * be touched.
 *
 * A creation points into itself: it is filled where it stands and not copied, but to be compared.
 */
#ifndef UDXG_CONFORMANCE_CREATION_H
#define UDXG_CONFORMANCE_CREATION_H

#include "fixture.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CREATION_MAX 4u /* allocations of one creation; one more element stands behind them, for nobody */
#define CREATION_BYTES KIB(64)

/* Limits that the documentation names. */
#define MAX_ALLOCATIONS 1024u  /* in one call */
#define MAX_DATA_BYTES 131071u /* of runtime data and of private data */

/* D3DKMT_CREATEALLOCATIONFLAGS as a number. */
enum create_flag {
    CREATE_RESOURCE = 1 << 0,
    CREATE_SHARED = 1 << 1,
    NON_SECURE = 1 << 2,
    CREATE_PROTECTED = 1 << 3,
    RESTRICT_SHARED_ACCESS = 1 << 4,
    EXISTING_SYS_MEM = 1 << 5,
    NT_SECURITY_SHARING = 1 << 6,
    READ_ONLY = 1 << 7,
    CREATE_WRITE_COMBINED = 1 << 8,
    CREATE_CACHED = 1 << 9,
    SWAP_CHAIN_BACK_BUFFER = 1 << 10,
    CROSS_ADAPTER = 1 << 11,
    OPEN_CROSS_ADAPTER = 1 << 12,
    PARTIAL_SHARED_CREATION = 1 << 13,
    ZEROED = 1 << 14,
    WRITE_WATCH = 1 << 15,
    STANDARD_ALLOCATION = 1 << 16,
    EXISTING_SECTION = 1 << 17,
    ALLOW_NOT_ZEROED = 1 << 18,
    PHYSICALLY_CONTIGUOUS = 1 << 19,
    NO_KMD_ACCESS = 1 << 20,
    SHARED_DISPLAYABLE = 1 << 21,
};

struct creation {
    int version; /* of the call: 1 or 2 */
    D3DKMT_CREATEALLOCATION args;
    D3DKMT_CREATESTANDARDALLOCATION standard;
    struct udxg_soft_resource soft_resource;
    struct udxg_soft_allocation soft[CREATION_MAX];
    D3DDDI_ALLOCATIONINFO info[CREATION_MAX + 1];
    D3DDDI_ALLOCATIONINFO2 info2[CREATION_MAX + 1];
};

/* COUNT stand-alone buffers of CREATION_BYTES that private data describe. */
void creation_buffers(struct creation *creation, int version, D3DKMT_HANDLE device, UINT count);
/* One existing-heap standard allocation of SIZE_BYTES at MEMORY: ExistingSysMem. */
void creation_heap(struct creation *creation, int version, D3DKMT_HANDLE device, const void *memory,
                   uint64_t size_bytes);
/* One existing-heap standard allocation of the first SIZE_BYTES of the file: ExistingSection. */
void creation_section(struct creation *creation, int version, D3DKMT_HANDLE device, HANDLE section,
                      uint64_t size_bytes);

void creation_set_flags(struct creation *creation, UINT flags);
UINT creation_flags(const struct creation *creation);
void creation_set_memory(struct creation *creation, UINT index, const void *memory);
void creation_set_private(struct creation *creation, UINT index, void *data, UINT size_bytes);
void creation_set_info_flags(struct creation *creation, UINT index, UINT flags);

NTSTATUS creation_issue(struct creation *creation);
D3DKMT_HANDLE creation_handle(const struct creation *creation, UINT index);

/* Issues it: WANT comes back, and no byte was written. */
void creation_fails(struct creation *creation, NTSTATUS want);
/*
 * The same, and no handle was used. Handles rise by 0x40 only while a process has not had many: this is not for
 * long loops.
 */
void creation_refused(struct creation *creation, NTSTATUS want);
/* Issues it: it succeeds, and nothing was written but the outputs, with the values they must have. */
void creation_succeeds(struct creation *creation);
/* Destroys what it created. */
void creation_undo(struct creation *creation);

/* A memory file of SIZE_BYTES. Never fd 0. */
int create_memory_file(uint64_t size_bytes);

/* Makes the one adapter of this process that PROFILE, the text of an .ini file, describes. */
void use_profile(const char *profile);

#ifdef __cplusplus
}
#endif
#endif
