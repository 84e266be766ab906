/* SPDX-License-Identifier: MIT */
/*
 * The miniport interface: what a "kernel-mode driver" of udxg implements. It follows the documented DDIs of
 * d3dkmddi.h (named at each function) where they carry memory; the rest of them is not here.
 *
 * A miniport is trusted, its clients are not: private driver data is hostile bytes, already copied, that do
 * not change while a callback runs. Callbacks are called with no lock held and from any thread, several at
 * once, unless they say otherwise. They may block, but create and destroy callbacks should not. All sizes
 * are bytes.
 */
#ifndef UDXG_MINIPORT_H
#define UDXG_MINIPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dxg/d3dkmthk.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UDXG_MINIPORT_VERSION 1u

#define UDXG_MAX_SEGMENTS 32u /* D3DKMT_GET_SEGMENT_CAPS carries no more */
#define UDXG_MAX_NODES 16u
#define UDXG_TDR_DELAY_MS 2000u
#define UDXG_TDR_RESET_DELAY_MS 5000u

/* DXGK_SEGMENTFLAGS, those that mean something here. */
enum udxg_segment_flags {
    UDXG_SEGMENT_APERTURE = 1u << 0,
    UDXG_SEGMENT_CPU_VISIBLE = 1u << 2,
    UDXG_SEGMENT_CACHE_COHERENT = 1u << 4,
    UDXG_SEGMENT_POPULATED_FROM_SYSTEM_MEMORY = 1u << 6,
    UDXG_SEGMENT_USE_64KB_PAGES = 1u << 11,
    UDXG_SEGMENT_APPLICATION_TARGET = 1u << 15,
    UDXG_SEGMENT_LOCAL_BUDGET_GROUP = 1u << 19,
    UDXG_SEGMENT_NON_LOCAL_BUDGET_GROUP = 1u << 20,
};

/* DXGK_SEGMENTDESCRIPTOR4. Segment ids are 1-based: the first element is segment 1. */
struct udxg_segment {
    uint32_t flags;              /* enum udxg_segment_flags */
    uint64_t size_bytes;
    uint64_t commit_limit_bytes; /* aperture only; 0 means size_bytes */
};

/* DXGK_ENGINE_TYPE and what KMTQAITYPE_NODEMETADATA reports. */
struct udxg_node {
    uint32_t engine_type;
    char name[32]; /* UTF-8, for KMTQAITYPE_NODEMETADATA */
};

/* What an adapter is: read from a profile, then completed by the miniport's start(). */
struct udxg_adapter_caps {
    char name[64];        /* the profile's name: soft-discrete, intel-tgl, ... */
    char description[128]; /* what DXCore calls DriverDescription, UTF-8 */
    char miniport[32];    /* soft, intel, ... */
    uint16_t vendor_id, device_id, sub_vendor_id, sub_system_id;
    uint8_t revision_id;
    bool is_hardware;     /* what clients are told (IsHardware): Intel's runtime wants true */
    uint64_t driver_version;      /* DXCore DriverVersion: four 16-bit parts */
    uint32_t wddm_version;        /* KMTQAITYPE_DRIVERVERSION: 2700 is WDDM 2.7 */
    uint32_t gpu_va_bits;         /* width of a GPU virtual address, 32..57 */
    uint64_t aperture_commit_limit_bytes; /* DXGK_DRIVERCAPS.ApertureSegmentCommitLimit; 0 is none */
    uint64_t system_commit_limit_bytes;   /* what evicted allocations may charge; 0: half of the RAM */
    uint64_t clock_hz;            /* of GPU time stamps */
    uint32_t submission_data_bytes; /* most private data of a submission; preset to all that a call takes */
    uint32_t tdr_delay_ms;        /* how long a submission may execute before it is told to stop; 0: 2000 */
    uint32_t tdr_reset_delay_ms;  /* how long it may take then, before the adapter is reset; 0: 5000 */
    char inject[256];             /* what is to go wrong on it, for tests: udxg_inject() in udxg/udxg.h */
    uint32_t segment_count;
    struct udxg_segment segments[UDXG_MAX_SEGMENTS];
    uint32_t node_count;
    struct udxg_node nodes[UDXG_MAX_NODES];
};

/* DXGK_ALLOCATIONINFOFLAGS_WDDM2_0, those that mean something here. */
enum udxg_allocation_flags {
    UDXG_ALLOCATION_CPU_VISIBLE = 1u << 0,
    UDXG_ALLOCATION_PERMANENT_SYS_MEM = 1u << 1,
    UDXG_ALLOCATION_CACHED = 1u << 2,
    UDXG_ALLOCATION_EXISTING_SYS_MEM = 1u << 4,
    UDXG_ALLOCATION_FROM_END_OF_SEGMENT = 1u << 6,
    UDXG_ALLOCATION_ACCESSED_PHYSICALLY = 1u << 15,
};

/* DXGK_SEGMENTPREFERENCE, one of five. */
struct udxg_segment_preference {
    uint8_t segment_id; /* 1..31, 0 ends the list */
    bool from_end;
};

/* DXGK_ALLOCATIONINFO. */
struct udxg_allocation_info {
    /* in */
    void *private_data; /* of the client; may be changed, the client gets it back */
    uint32_t private_data_bytes;
    const void *system_memory; /* pSystemMem: the client's address, not to be read here; NULL for video memory */
    uint32_t video_present_source_id;
    bool primary;
    /* out, preset to zero but for what is named */
    uint64_t size_bytes;      /* > 0 */
    uint64_t alignment_bytes; /* power of two; preset to one page */
    struct udxg_segment_preference preferred[5];
    uint32_t supported_segments; /* bit 0 is segment 1: SupportedWriteSegmentSet */
    uint32_t eviction_segments;  /* apertures only; 0 is system memory */
    uint32_t flags;              /* enum udxg_allocation_flags */
    uint32_t priority;           /* preset to D3DDDI_ALLOCATIONPRIORITY_NORMAL; 0 is invalid */
    void *allocation;            /* the miniport's own, given to every other callback; may be NULL */
};

/* DXGKARG_CREATEALLOCATION. */
struct udxg_create_allocation {
    const void *private_data; /* of the resource */
    uint32_t private_data_bytes;
    uint32_t count;
    struct udxg_allocation_info *infos;
    bool create_resource; /* Flags.Resource with a resource not seen before */
    void *resource;       /* in/out: the miniport's own resource; NULL before the first call */
};

/* DXGKARG_OPENALLOCATION, one allocation. */
struct udxg_open_allocation {
    void *device;     /* from create_device */
    void *allocation; /* from create_allocation */
    void *private_data; /* changeable only with CREATE */
    uint32_t private_data_bytes;
    bool create;    /* the creating device's own opening */
    bool read_only;
    void *binding; /* out: the miniport's own, for close_allocation; may stay NULL */
};

/* DXGKARG_GETSTANDARDALLOCATIONDRIVERDATA for a GDI surface that stands for existing memory. */
struct udxg_standard_allocation {
    uint64_t size_bytes;
    void *allocation_data;          /* NULL asks for the sizes */
    uint32_t allocation_data_bytes; /* in/out */
    void *resource_data;
    uint32_t resource_data_bytes; /* in/out */
};

/*
 * GPU memory as an engine sees it: through the address space of the submitting process, page by page. Every
 * function returns STATUS_SUCCESS or the reason of a fault, and then sets *ret_fault_va to the address that
 * faulted, with what came before it done. Addresses are not sign extended: mask canonical ones first.
 */
struct udxg_gpu_memory {
    void *context; /* first argument of the functions */
    NTSTATUS (*read)(void *context, uint64_t va, void *buffer, uint64_t size_bytes, uint64_t *ret_fault_va);
    NTSTATUS (*write)(void *context, uint64_t va, const void *buffer, uint64_t size_bytes, uint64_t *ret_fault_va);
    NTSTATUS (*copy)(void *context, uint64_t to_va, uint64_t from_va, uint64_t size_bytes, uint64_t *ret_fault_va);
    NTSTATUS (*fill)(void *context, uint64_t va, uint32_t pattern, uint64_t size_bytes, uint64_t *ret_fault_va);
    /* Atomic for 4 and 8 bytes, naturally aligned: adds, returns the old value. */
    NTSTATUS (*fetch_add)(void *context, uint64_t va, uint64_t value, uint32_t size_bytes, uint64_t *ret_old,
                          uint64_t *ret_fault_va);
};

/* DXGKARG_SUBMITCOMMANDVIRTUAL. */
struct udxg_submission {
    uint64_t commands_va; /* D3DKMT_SUBMITCOMMAND.Commands */
    uint64_t commands_bytes;
    bool null_rendering;
    const void *private_data;
    uint32_t private_data_bytes;
    const struct udxg_gpu_memory *memory;
    /* True once the engine is to stop (reset, device destroyed): a long command polls it. */
    bool (*cancelled)(void *context);
    void *cancelled_context;
};

/*
 * What became of a submission that did not succeed: the fault record of D3DKMT_DEVICEPAGEFAULT_STATE. Preset to what
 * is said of something unknown.
 */
struct udxg_submit_fault {
    uint64_t va;
    bool write;
    uint32_t error_code;       /* FaultErrorCode: the miniport's own */
    uint64_t sequence_number;  /* FaultedPrimitiveAPISequenceNumber: of the draw, dispatch or command; 0: unknown */
    uint32_t pipeline_stage;   /* DXGK_RENDER_PIPELINE_STAGE */
    uint32_t bind_table_entry; /* or DXGK_BIND_TABLE_ENTRY_UNKNOWN */
};

/* DXGKARG_VALIDATEUPDATEALLOCPROPERTY: the fields that are set are to change. */
struct udxg_update_property {
    void *allocation; /* from create_allocation */
    bool set_supported_segments, set_preferred, set_accessed_physically, set_unmoveable;
    uint32_t supported_segments;
    struct udxg_segment_preference preferred[5];
    bool accessed_physically, unmoveable;
};

struct udxg_miniport {
    uint32_t version; /* UDXG_MINIPORT_VERSION */
    const char *name; /* what a profile says under miniport */

    /* DxgkDdiStartDevice and QueryAdapterInfo: CAPS holds the profile and may be completed. */
    NTSTATUS (*start)(struct udxg_adapter_caps *caps, void **ret_adapter);
    void (*stop)(void *adapter);

    /* DXGKQAITYPE_UMDRIVERPRIVATE: fills all of DATA, or STATUS_INVALID_PARAMETER for a size it does not know. */
    NTSTATUS (*query_umd_private)(void *adapter, void *data, uint32_t size_bytes);
    /* The folder that KMTQAITYPE_QUERYREGISTRY gives as driver store path; NULL: where our own libraries lie. */
    const char *(*driver_store_path)(void *adapter);

    /*
     * DxgkDdiCreateAllocation. STATUS_SUCCESS, STATUS_INVALID_PARAMETER, STATUS_NO_MEMORY,
     * STATUS_GRAPHICS_DRIVER_MISMATCH. On failure nothing is kept. What it says is checked against vidmm.md
     * 18.2's rules before use; when it breaks one, destroy_allocation is called for all and the client gets
     * STATUS_INVALID_PARAMETER.
     */
    NTSTATUS (*create_allocation)(void *adapter, struct udxg_create_allocation *args);
    /* DxgkDdiDestroyAllocation: COUNT may be 0; RESOURCE is not NULL when the resource goes with this call. */
    void (*destroy_allocation)(void *adapter, uint32_t count, void *const *allocations, void *resource);
    /* DxgkDdiOpenAllocation and DxgkDdiCloseAllocation: one device's binding. May be NULL, both. */
    NTSTATUS (*open_allocation)(void *adapter, struct udxg_open_allocation *args);
    void (*close_allocation)(void *adapter, void *binding);
    /* DxgkDdiGetStandardAllocationDriverData, called twice: sizes, then data. May be NULL: not supported. */
    NTSTATUS (*get_standard_allocation)(void *adapter, struct udxg_standard_allocation *args);

    /* DxgkDdiCreateDevice, DxgkDdiDestroyDevice. May be NULL, both. */
    NTSTATUS (*create_device)(void *adapter, void **ret_device);
    void (*destroy_device)(void *adapter, void *device);

    /* DxgkDdiCreateContext for a virtual-addressing context. */
    NTSTATUS (*create_context)(void *adapter, void *device, uint32_t node, void *private_data,
                               uint32_t private_data_bytes, void **ret_context);
    void (*destroy_context)(void *adapter, void *context);

    /*
     * DxgkDdiSubmitCommandVirtual, early part: called on the submitting thread to judge the private data.
     * STATUS_SUCCESS or STATUS_INVALID_PARAMETER. May be NULL: anything goes.
     */
    NTSTATUS (*check_submission)(void *context, const struct udxg_submission *submission);
    /*
     * Executes one submission to its end, on the engine's own thread: one call at a time for a node, but for one
     * that was left behind (reset_engine).
     * STATUS_SUCCESS, or the reason why the device is in error now, with *ret_fault set: STATUS_ACCESS_VIOLATION,
     * which is what struct udxg_gpu_memory says of a page fault, makes it a page fault; anything else is a
     * fault of the commands. What it returns once it is cancelled does not matter.
     */
    NTSTATUS (*execute)(void *context, const struct udxg_submission *submission, struct udxg_submit_fault *ret_fault);
    /*
     * DxgkDdiResetEngine: forgets what the node was doing. Called on another thread while execute() runs, after
     * what runs was cancelled because it took too long. What does not return then is left behind: its thread stays
     * inside, and the node goes on with another. May be NULL.
     */
    NTSTATUS (*reset_engine)(void *adapter, uint32_t node);

    /* DxgkDdiEscape for D3DKMT_ESCAPE_DRIVERPRIVATE. May be NULL: STATUS_NOT_SUPPORTED. */
    NTSTATUS (*escape)(void *adapter, void *device, void *data, uint32_t size_bytes);

    /*
     * DxgkDdiValidateUpdateAllocationProperty: whether the allocation can do with it; segments that do not exist have
     * been refused before. Any failure goes to the client. May be NULL: anything goes.
     */
    NTSTATUS (*validate_update_property)(void *adapter, const struct udxg_update_property *args);
};

#ifdef __cplusplus
}
#endif
#endif
