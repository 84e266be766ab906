/* SPDX-License-Identifier: MIT */
/*
 * Shapes: what the table src/abi/thunks.def says about one struct, field by field. They are constant data and code,
 * made by the preprocessor, so nothing has to be set up before the first call.
 *
 * Each shape has a list of all fields (for documents, tests and traces) and two functions that visit fields in the
 * order of the table: those that need work when a call enters, and those that are written when it leaves. A plain
 * input is in neither: the struct is copied as a whole, and what is left is a few straight instructions.
 */
#ifndef UDXG_ABI_SHAPE_H
#define UDXG_ABI_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct udxg_frame;

/* Who writes a field and when. A plain OUT field reads as zero in the copy; any other as what the client has. */
enum udxg_direction {
    UDXG_NEITHER = 0,
    UDXG_IN = 1,
    UDXG_OUT = 2,    /* written to the client when the call succeeds */
    UDXG_ALWAYS = 4, /* written to the client whatever the status, once the arguments have been accepted */
};

/* What a field is; the names are those of the macros in abi/rows.h. */
enum udxg_field_kind {
    UDXG_KIND_VALUE,
    UDXG_KIND_COUNT,     /* elements or bytes of something else */
    UDXG_KIND_FLAGS,     /* bits outside of the mask are refused */
    UDXG_KIND_HINTS,     /* bits outside of the mask are not looked at */
    UDXG_KIND_RESERVED,  /* refused unless zero */
    UDXG_KIND_IGNORED,   /* anything; the copy has zero */
    UDXG_KIND_REST,      /* what no other field of a union uses; anything */
    UDXG_KIND_HANDLE,    /* a D3DKMT_HANDLE */
    UDXG_KIND_NT_HANDLE, /* a descriptor of the client, by value */
    UDXG_KIND_PROCESS,   /* which process: NULL, -1 or a number, by value */
    UDXG_KIND_ADDRESS,   /* an address in the client, by value: what is there is not the walk's business */
    UDXG_KIND_CALLBACK,  /* a function in the client, by value: called later, or, across processes, told of */
    UDXG_KIND_HANDLES,   /* an array inside of the struct, with its count elsewhere in the struct */
    UDXG_KIND_POINTER,   /* to memory that is copied */
    UDXG_KIND_MAPPED,    /* written as an address of memory that the kernel shows to the client */
    UDXG_KIND_WITHIN,    /* written as an address inside of what a pointer of the call leads to, or NULL */
};

enum udxg_field_action {
    UDXG_NOTHING,
    UDXG_ZERO,     /* the copy gets zeros */
    UDXG_MASK,     /* the copy keeps the bits of the mask */
    UDXG_REFUSE,   /* bits outside of the mask are an error */
    UDXG_AT_LEAST, /* less than the minimum is an error */
    UDXG_CUT,      /* elements after the count get zeros, more of them than there is room are an error */
    UDXG_FOLLOW,   /* the memory is copied, the copy's pointer leads to it */
};

/* What a handle in the table means; the walk does not look handles up. */
enum udxg_handle_kind {
    UDXG_NO_HANDLE,
    UDXG_IS_ADAPTER,
    UDXG_IS_DEVICE,
    UDXG_IS_RESOURCE,
    UDXG_IS_ALLOCATION,
    UDXG_IS_CONTEXT,
    UDXG_IS_HW_QUEUE,
    UDXG_IS_PAGING_QUEUE,
    UDXG_IS_PAGING_QUEUE_OR_ADAPTER,
    UDXG_IS_SYNC,
    UDXG_IS_KEYED_MUTEX,
    UDXG_IS_GLOBAL,
    UDXG_HANDLE_KIND_COUNT,
};

/* A field counts only when the 32 bits at OFFSET, masked, are (or with NEGATE are not) VALUE. All zero: always. */
struct udxg_when {
    uint16_t offset;
    bool negate;
    uint32_t mask, value;
};

#define UDXG_NO_COUNT UINT16_MAX

struct udxg_shape;

struct udxg_field {
    const struct udxg_shape *element; /* of what a pointer leads to; NULL for plain bytes and numbers */
    uint64_t mask;                    /* FLAGS and HINTS: the bits that mean something */
    uint32_t minimum;                 /* COUNT */
    uint32_t maximum;                 /* POINTER and HANDLES: elements */
    struct udxg_when when;
    uint16_t offset, size;           /* in the struct, bytes */
    uint16_t count_offset;           /* POINTER and HANDLES: of the count (of 32 bits), UDXG_NO_COUNT for exactly one */
    uint16_t element_size;           /* POINTER and HANDLES: bytes, 1 for a buffer */
    uint8_t kind, direction, action; /* enums of this file */
    uint8_t handle;                  /* enum udxg_handle_kind */
    bool optional;                   /* POINTER: NULL is legal with any count; HANDLE: 0 is legal */
    bool or_value;    /* POINTER: in its place may stand a value, which is kept in the 8 bytes after it */
    bool short_count; /* POINTER: the count has 16 bits, not 32 */
    bool long_count;  /* POINTER: the count has 64 bits, not 32 */
    bool recount;     /* POINTER: only as many elements are written as the count says afterwards */
    const char *name;
    const char *note;      /* for the documents; NULL for most */
    const char *condition; /* the same as WHEN, in words; NULL for always */
};

struct udxg_shape {
    const char *name; /* of the struct */
    uint32_t size;
    uint32_t field_count, enter_count, leave_count; /* in all, and those that the functions visit */
    const struct udxg_field *fields;                /* field_count of them */
    /* Checks the struct in COPY, and copies what its pointers lead to. */
    udxg_status (*enter)(struct udxg_frame *frame, unsigned char *copy);
    /* Writes those fields to the client that have one of the DIRECTIONS. */
    void (*leave)(const struct udxg_frame *frame, unsigned char *client, const unsigned char *copy,
                  unsigned directions);
};

/* The steps that are not straight code, in abi/walk.c: copies what the pointer FIELD leads to, ... */
udxg_status udxg_walk_follow(struct udxg_frame *frame, const struct udxg_field *field, unsigned char *copy);
/* ... and gives the client its own address of what the address at COPY leads to. */
void udxg_walk_leave_within(const struct udxg_frame *frame, unsigned char *client, const unsigned char *copy);

#endif
