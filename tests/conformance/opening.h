/* SPDX-License-Identifier: MIT */
/*
 * A shared resource, and a right call that opens it, by each of the three calls there are, which a test then spoils in
 * one place.
 *
 * An opening points into itself: it is filled where it stands and not copied.
 */
#ifndef UDXG_CONFORMANCE_OPENING_H
#define UDXG_CONFORMANCE_OPENING_H

#include "creation.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHARE_NT (CREATE_RESOURCE | CREATE_SHARED | NT_SECURITY_SHARING)
#define SHARE_GLOBAL (CREATE_RESOURCE | CREATE_SHARED)
#define RUNTIME_BYTES 5u
#define ACCESS_WRITE 0x1u /* SHARED_ALLOCATION_WRITE */
#define ACCESS_READ 0x20000u
#define ACCESS_ALL 0x10000000u

/* COUNT buffers of CREATION_BYTES with RUNTIME_BYTES of runtime data and private data of the resource. */
void create_shared(struct creation *creation, D3DKMT_HANDLE device, UINT count, UINT flags);
NTSTATUS try_share(D3DKMT_HANDLE resource, UINT access, HANDLE *ret_handle);
HANDLE share_resource(D3DKMT_HANDLE resource, UINT access);
void close_handle(HANDLE handle);

enum open_call { OPEN_RESOURCE = 1, OPEN_RESOURCE2, OPEN_NT, OPEN_CALLS = OPEN_NT };

struct opening {
    enum open_call call;
    D3DKMT_OPENRESOURCE args;
    D3DKMT_OPENRESOURCEFROMNTHANDLE nt;
    D3DDDI_OPENALLOCATIONINFO info[CREATION_MAX + 1];
    D3DDDI_OPENALLOCATIONINFO2 info2[CREATION_MAX + 1];
    uint8_t runtime[64], private_data[256], total[1024];
};

/* The fields that all calls have, in the arguments of the opening's own. */
struct opening_fields {
    D3DKMT_HANDLE *device;
    UINT *count, *runtime_bytes, *private_bytes, *total_bytes;
    void **elements, **runtime, **private_data, **total;
    D3DKMT_HANDLE *resource;
};
struct opening_fields fields_of(struct opening *opening);

/* A right call that opens what has GLOBAL or NT, with sizes as queried and more room than needed for the total. */
void open_prepare(struct opening *opening, enum open_call call, D3DKMT_HANDLE device, D3DKMT_HANDLE global, HANDLE nt);
NTSTATUS open_issue(struct opening *opening);
D3DKMT_HANDLE opened_allocation(const struct opening *opening, UINT index);

/* Issues it: WANT comes back, and no byte was written. */
void open_fails(struct opening *opening, NTSTATUS want);
/* Issues it: it succeeds, and all that CREATION was made with is there, nothing else was written. */
void open_succeeds(struct opening *opening, const struct creation *creation);

#ifdef __cplusplus
}
#endif
#endif
