/* SPDX-License-Identifier: MIT */
/*
 * The software adapters ("soft-discrete", "soft-uma" and every profile with `miniport = soft`): what their
 * private driver data look like and which commands their engines execute. This is all that a user-mode driver
 * has to know of them.
 *
 * Numbers are little endian. Sizes and pitches are bytes. GPU addresses may be given canonical (sign extended)
 * or not: bits above the address width of the adapter are dropped. Reserved fields are zero.
 *
 * How private data are judged, for allocations and for resources alike:
 *   shorter than the struct, wrong magic, wrong version    STATUS_GRAPHICS_DRIVER_MISMATCH
 *   a field that breaks its rule, no private data at all   STATUS_INVALID_PARAMETER
 * Bytes behind the struct are the client's own: nobody looks at them, openers receive them.
 * Contexts and submissions have no private data: any is STATUS_GRAPHICS_DRIVER_MISMATCH for a context and
 * STATUS_INVALID_PARAMETER for a submission.
 */
#ifndef UDXG_SOFT_H
#define UDXG_SOFT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UDXG_SOFT_VERSION 1u

/* ---- The adapter: D3DKMTQueryAdapterInfo, KMTQAITYPE_UMDRIVERPRIVATE, exactly these 48 bytes ---- */

#define UDXG_SOFT_ADAPTER_MAGIC 0x41544653u /* the bytes "SFTA" */

struct udxg_soft_adapter_info {
    uint32_t magic;               /* UDXG_SOFT_ADAPTER_MAGIC */
    uint32_t version;             /* UDXG_SOFT_VERSION */
    uint64_t clock_hz;            /* of UDXG_SOFT_OP_TIMESTAMP: ticks in a second */
    uint64_t min_alignment_bytes; /* the least alignment an allocation gets that may be in every segment */
    uint64_t local_bytes;         /* all memory segments together; 0: the adapter has only system memory */
    uint32_t segment_count;       /* ids are 1 to segment_count */
    uint32_t local_segment_id;    /* what UDXG_SOFT_SEGMENT_LOCAL stands for */
    uint32_t system_segment_id;   /* what UDXG_SOFT_SEGMENT_SYSTEM stands for */
    uint32_t node_count;          /* every node executes every command */
};

/* ---- Allocations: D3DDDI_ALLOCATIONINFO2.pPrivateDriverData, 56 bytes ---- */

#define UDXG_SOFT_ALLOCATION_MAGIC 0x4d544653u /* the bytes "SFTM" */

/* Elements of udxg_soft_allocation.preferred; 1 to 31 is the segment of that id. */
enum udxg_soft_segment {
    UDXG_SOFT_SEGMENT_NONE = 0,      /* ends the list */
    UDXG_SOFT_SEGMENT_SYSTEM = 0xfe, /* the aperture: system memory, reached by the GPU where it lies */
    UDXG_SOFT_SEGMENT_LOCAL = 0xff,  /* the first memory segment; the aperture where there is none */
};

enum udxg_soft_allocation_flags {
    UDXG_SOFT_CPU_VISIBLE = 1u << 0,         /* D3DKMTLock2 is wanted */
    UDXG_SOFT_CACHED = 1u << 1,              /* CPU cached; needs UDXG_SOFT_CPU_VISIBLE */
    UDXG_SOFT_ONLY_PREFERRED = 1u << 2,      /* lives in the preferred segments and nowhere else */
    UDXG_SOFT_FROM_END = 1u << 3,            /* is placed from the end of a segment */
    UDXG_SOFT_PERMANENT_SYSTEM = 1u << 4,    /* stays in system memory for life; preferences are ignored */
    UDXG_SOFT_ACCESSED_PHYSICALLY = 1u << 5, /* contiguous wherever it is resident */
};

/* The colour formats whose sizes the adapter can compute. */
enum udxg_soft_format {
    UDXG_SOFT_FORMAT_NONE = 0,   /* a buffer: size_bytes says it all */
    UDXG_SOFT_FORMAT_R8 = 1,     /* 1 byte */
    UDXG_SOFT_FORMAT_R16 = 2,    /* 2 bytes */
    UDXG_SOFT_FORMAT_R32 = 3,    /* 4 bytes */
    UDXG_SOFT_FORMAT_RGBA8 = 4,  /* 4 bytes */
    UDXG_SOFT_FORMAT_RGBA16 = 5, /* 8 bytes */
    UDXG_SOFT_FORMAT_RGBA32 = 6, /* 16 bytes */
};

#define UDXG_SOFT_PITCH_ALIGNMENT_BYTES 64u               /* of a pitch that the adapter chose */
#define UDXG_SOFT_MAX_ALIGNMENT_BYTES (UINT64_C(1) << 30) /* 1 GiB */

/*
 * Where nothing is preferred, UDXG_SOFT_SEGMENT_LOCAL and then UDXG_SOFT_SEGMENT_SYSTEM are. With pSystemMem the
 * allocation is the caller's memory, size_bytes long and a whole number of 4 KiB pages, in the system segment;
 * preferences and the flags UDXG_SOFT_ONLY_PREFERRED, _FROM_END and _PERMANENT_SYSTEM are ignored.
 * Successful creation writes the fields marked "out" back into the caller's buffer.
 */
struct udxg_soft_allocation {
    uint32_t magic;           /* UDXG_SOFT_ALLOCATION_MAGIC */
    uint32_t version;         /* UDXG_SOFT_VERSION */
    uint64_t size_bytes;      /* 0: pitch times height. out: what it has, a whole number of 4 KiB pages */
    uint64_t alignment_bytes; /* 0, or a power of two up to UDXG_SOFT_MAX_ALIGNMENT_BYTES. out: what it has */
    uint32_t flags;           /* enum udxg_soft_allocation_flags */
    uint32_t priority;        /* D3DDDI_ALLOCATIONPRIORITY_*; 0: normal */
    uint8_t preferred[5];     /* enum udxg_soft_segment or segment ids, best first */
    uint8_t reserved[3];
    uint32_t format;        /* enum udxg_soft_format; with NONE the next three are zero */
    uint32_t width, height; /* pixels, at least 1 */
    uint32_t pitch_bytes;   /* from one row to the next; 0: the adapter chooses. out: what it has */
};

/* ---- Resources: D3DKMT_CREATEALLOCATION.pPrivateDriverData, 24 bytes; may be left out ---- */

#define UDXG_SOFT_RESOURCE_MAGIC 0x52544653u /* the bytes "SFTR" */

struct udxg_soft_resource {
    uint32_t magic;            /* UDXG_SOFT_RESOURCE_MAGIC */
    uint32_t version;          /* UDXG_SOFT_VERSION */
    uint32_t allocation_count; /* how many the creating call brings; 0: any number */
    uint32_t reserved;
    uint64_t tag; /* the client's own, for whoever opens the resource */
};

/*
 * ---- Commands: the buffer that D3DKMT_SUBMITCOMMAND.Commands points to ----
 *
 * A buffer is commands one after the other, from its first byte to its last; an empty one is illegal. It begins
 * at a multiple of 8 bytes and so does each command: size_bytes of a command counts its header and is a multiple of
 * 8. Commands of a buffer run in order, and each sees what those before it wrote.
 *
 * A command that touches an address that is not mapped, not resident or not writable puts the device in error:
 * D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT; one that is malformed or unknown: ..._ERROR_DMAFAULT. What ran before
 * it stays done. D3DKMTGetDeviceState with D3DKMT_DEVICESTATE_PAGE_FAULT then tells the address that faulted, or
 * that of the illegal command, as DeviceSpecificCode of FaultErrorCode an enum udxg_soft_error, and as
 * FaultedPrimitiveAPISequenceNumber which command of the buffer it was: the first is 1. There are no pipeline stages
 * and no bind tables: DXGK_RENDER_PIPELINE_STAGE_UNKNOWN, DXGK_BIND_TABLE_ENTRY_UNKNOWN.
 */
enum udxg_soft_opcode {
    UDXG_SOFT_OP_NOP = 1,
    UDXG_SOFT_OP_FILL = 2,
    UDXG_SOFT_OP_COPY = 3,
    UDXG_SOFT_OP_WRITE = 4,
    UDXG_SOFT_OP_ATOMIC_ADD = 5,
    UDXG_SOFT_OP_WAIT = 6,
    UDXG_SOFT_OP_TIMESTAMP = 7,
    UDXG_SOFT_OP_FAULT = 8,
    UDXG_SOFT_OP_SPIN = 9,
};

enum udxg_soft_error {
    UDXG_SOFT_ERROR_ACCESS = 1,    /* an address that cannot be read or written */
    UDXG_SOFT_ERROR_COMMAND = 2,   /* an illegal command */
    UDXG_SOFT_ERROR_CANCELLED = 3, /* the engine was reset in the middle of a command */
};

#define UDXG_SOFT_MAX_ERROR_CODE 0x7fffffffu

struct udxg_soft_command {
    uint32_t opcode;     /* enum udxg_soft_opcode */
    uint32_t size_bytes; /* of the whole command, this header included */
};

/* NOP is a header with any size from 8 bytes up: what it covers is skipped. */

/* Writes a 32-bit pattern again and again. */
struct udxg_soft_fill {
    struct udxg_soft_command header; /* 32 bytes */
    uint64_t va;                     /* multiple of 4 */
    uint64_t size_bytes;             /* multiple of 4; 0 does nothing */
    uint32_t pattern;
    uint32_t reserved;
};

/* Copies any number of bytes. When the ranges overlap, the bytes they share are unspecified. */
struct udxg_soft_copy {
    struct udxg_soft_command header; /* 32 bytes */
    uint64_t to_va;
    uint64_t from_va;
    uint64_t size_bytes; /* 0 does nothing */
};

/* Writes the bytes that follow this struct, which are padded to a multiple of 8. */
struct udxg_soft_write {
    struct udxg_soft_command header; /* 24 bytes and the padded data */
    uint64_t va;
    uint32_t data_bytes; /* at least 1, without the padding */
    uint32_t reserved;
};

/* Adds to a number in memory, atomically among all engines; wraps around. */
struct udxg_soft_atomic_add {
    struct udxg_soft_command header; /* 40 bytes */
    uint64_t va;                     /* multiple of operand_bytes */
    uint64_t value;
    uint64_t old_va;        /* where the old value goes, operand_bytes of it; 0: nowhere */
    uint32_t operand_bytes; /* 4 or 8 */
    uint32_t reserved;
};

enum udxg_soft_compare {
    UDXG_SOFT_COMPARE_GREATER_EQUAL = 0, /* unsigned */
    UDXG_SOFT_COMPARE_EQUAL = 1,
    UDXG_SOFT_COMPARE_NOT_EQUAL = 2,
};

/* Holds the engine until the number in memory compares as wanted to VALUE. */
struct udxg_soft_wait {
    struct udxg_soft_command header; /* 32 bytes */
    uint64_t va;                     /* multiple of operand_bytes */
    uint64_t value;
    uint32_t operand_bytes; /* 4 or 8 */
    uint32_t compare;       /* enum udxg_soft_compare */
};

/* Writes the 64-bit time of the adapter's clock, in ticks of udxg_soft_adapter_info.clock_hz. */
struct udxg_soft_timestamp {
    struct udxg_soft_command header; /* 16 bytes */
    uint64_t va;                     /* multiple of 8 */
};

/* Faults on purpose: the device goes into error with this record. */
struct udxg_soft_fault {
    struct udxg_soft_command header; /* 24 bytes */
    uint64_t va;                     /* what FaultedVirtualAddress shall be */
    uint32_t error_code;             /* what DeviceSpecificCode shall be, up to UDXG_SOFT_MAX_ERROR_CODE */
    uint32_t write;                  /* 1: as if by a write, 0: as if by a read */
};

/*
 * Holds the engine for a time, or until it is told to stop: for tests of scheduling and timeouts. One that cannot be
 * stopped is what the rule engine:stuck of udxg_inject() makes.
 */
struct udxg_soft_spin {
    struct udxg_soft_command header; /* 16 bytes */
    uint64_t duration_ns;
};

/* ---- Building them ---- */

static inline struct udxg_soft_command udxg_soft_header(uint32_t opcode, uint32_t size_bytes)
{
    struct udxg_soft_command header;
    header.opcode = opcode;
    header.size_bytes = size_bytes;
    return header;
}

static inline struct udxg_soft_fill udxg_soft_fill_command(uint64_t va, uint64_t size_bytes, uint32_t pattern)
{
    struct udxg_soft_fill command;
    command.header = udxg_soft_header(UDXG_SOFT_OP_FILL, sizeof(command));
    command.va = va;
    command.size_bytes = size_bytes;
    command.pattern = pattern;
    command.reserved = 0;
    return command;
}

static inline struct udxg_soft_copy udxg_soft_copy_command(uint64_t to_va, uint64_t from_va, uint64_t size_bytes)
{
    struct udxg_soft_copy command;
    command.header = udxg_soft_header(UDXG_SOFT_OP_COPY, sizeof(command));
    command.to_va = to_va;
    command.from_va = from_va;
    command.size_bytes = size_bytes;
    return command;
}

static inline struct udxg_soft_spin udxg_soft_spin_command(uint64_t duration_ns)
{
    struct udxg_soft_spin command;
    command.header = udxg_soft_header(UDXG_SOFT_OP_SPIN, sizeof(command));
    command.duration_ns = duration_ns;
    return command;
}

#ifdef __cplusplus
}
#endif
#endif
