/* SPDX-License-Identifier: MIT */
/*
 * The failures that the page of CreateAllocation2 names, each alone, and two at once: which of them is told is
 * decision 2, the order of struct fault below. The adapter is a small one, so that its memory can run out.
 * (STATUS_DEVICE_REMOVED has a file of its own.)
 */
#include "creation.h"

#include <stdlib.h>
#include <sys/mman.h>

#define LOCAL_BYTES MIB(4)
#define APERTURE_BYTES MIB(16)
#define COMMIT_BYTES MIB(8)

static const char small[] = "[adapter]\n"
                            "description = small\n"
                            "miniport = soft\n"
                            "wddm = 2700\n"
                            "gpu_va_bits = 48\n"
                            "clock = 1 GHz\n"
                            "system_commit_limit = 8 MiB\n"
                            "[segment.1]\n"
                            "size = 4 MiB\n"
                            "flags = use_64kb_pages, application_target, local_budget_group\n"
                            "[segment.2]\n"
                            "size = 16 MiB\n"
                            "flags = aperture, cpu_visible, cache_coherent, non_local_budget_group\n"
                            "[node.0]\n"
                            "type = 3d\n"
                            "name = 3D\n";

static D3DKMT_HANDLE small_device(void)
{
    use_profile(small);
    return create_device(open_adapter());
}

/* --------------------------------------------------------------------------------------------- fits nowhere */

/* Where an allocation may live. */
enum place { ANYWHERE, LOCAL_ONLY, APERTURE_ONLY, PLACES };

static void place(struct udxg_soft_allocation *soft, enum place where, uint64_t size_bytes)
{
    soft->size_bytes = size_bytes;
    if (where == ANYWHERE) return;
    soft->preferred[0] = where == LOCAL_ONLY ? UDXG_SOFT_SEGMENT_LOCAL : UDXG_SOFT_SEGMENT_SYSTEM;
    soft->flags |= UDXG_SOFT_ONLY_PREFERRED;
    /* What the CPU is to see must be able to leave a segment that it does not see. */
    if (where == LOCAL_ONLY) soft->flags &= ~(uint32_t)UDXG_SOFT_CPU_VISIBLE;
}

static void fits_nowhere(void)
{
    static const struct {
        const char *name;
        enum place place;
        uint64_t size_bytes;
        NTSTATUS want;
    } rows[] = {
        {"as large as the local segment", LOCAL_ONLY, LOCAL_BYTES, STATUS_SUCCESS},
        {"a page larger than the local segment", LOCAL_ONLY, LOCAL_BYTES + PAGE_BYTES, STATUS_GRAPHICS_NO_VIDEO_MEMORY},
        {"a byte larger than the local segment", LOCAL_ONLY, LOCAL_BYTES + 1, STATUS_GRAPHICS_NO_VIDEO_MEMORY},
        {"larger than the local segment, may be in the aperture", ANYWHERE, LOCAL_BYTES + PAGE_BYTES, STATUS_SUCCESS},
        {"a page larger than the aperture", APERTURE_ONLY, APERTURE_BYTES + PAGE_BYTES,
         STATUS_GRAPHICS_NO_VIDEO_MEMORY},
        {"larger than each", ANYWHERE, APERTURE_BYTES + PAGE_BYTES, STATUS_GRAPHICS_NO_VIDEO_MEMORY},
        {"larger than both together", ANYWHERE, LOCAL_BYTES + APERTURE_BYTES + PAGE_BYTES,
         STATUS_GRAPHICS_NO_VIDEO_MEMORY},
        {"1 TiB", ANYWHERE, (uint64_t)1 << 40, STATUS_GRAPHICS_NO_VIDEO_MEMORY},
        {"2^63", ANYWHERE, (uint64_t)1 << 63, STATUS_GRAPHICS_NO_VIDEO_MEMORY},
        {"as large as may be committed", ANYWHERE, COMMIT_BYTES, STATUS_SUCCESS},
        {"fits the aperture, more than may be committed", APERTURE_ONLY, COMMIT_BYTES + PAGE_BYTES, STATUS_NO_MEMORY},
        {"fits the aperture exactly, more than may be committed", APERTURE_ONLY, APERTURE_BYTES, STATUS_NO_MEMORY},
    };
    D3DKMT_HANDLE device = small_device();
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(rows); i++) {
            for (UINT count = 1; count <= 2; count++) {
                udxg_case("v%d/%s, %u of %u", version, rows[i].name, count, count) {
                    struct creation creation;
                    creation_buffers(&creation, version, device, count);
                    creation.soft[0].size_bytes = PAGE_BYTES;
                    place(&creation.soft[count - 1], rows[i].place, rows[i].size_bytes);
                    NTSTATUS want = rows[i].want;
                    /* The first of two takes a page. */
                    if (count == 2 && rows[i].size_bytes == COMMIT_BYTES) want = STATUS_NO_MEMORY;
                    if (want == STATUS_SUCCESS) {
                        creation_succeeds(&creation);
                        creation_undo(&creation);
                    } else {
                        creation_refused(&creation, want);
                    }
                }
            }
        }
        udxg_case("v%d/the caller's memory is larger than the aperture", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 1);
            creation.soft[0].size_bytes = APERTURE_BYTES + PAGE_BYTES;
            creation_set_memory(&creation, 0, map_pages(APERTURE_BYTES / PAGE_BYTES + 1));
            creation_refused(&creation, STATUS_GRAPHICS_NO_VIDEO_MEMORY);
        }
        udxg_case("v%d/a heap is larger than the aperture", version) {
            struct creation creation;
            creation_heap(&creation, version, device, map_pages(APERTURE_BYTES / PAGE_BYTES + 1),
                          APERTURE_BYTES + PAGE_BYTES);
            creation_refused(&creation, STATUS_GRAPHICS_NO_VIDEO_MEMORY);
        }
        udxg_case("v%d/the caller's memory is as large as the aperture, and is not charged", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 1);
            creation.soft[0].size_bytes = APERTURE_BYTES;
            creation_set_memory(&creation, 0, map_pages(APERTURE_BYTES / PAGE_BYTES));
            creation_succeeds(&creation);
            creation_undo(&creation);
        }
    }
}

/* ------------------------------------------------------------------------------------------- two at once */

static void undefined_flag(struct creation *creation)
{
    creation_set_flags(creation, creation_flags(creation) | 1u << 31);
}

static void kernel_flag(struct creation *creation)
{
    creation_set_flags(creation, creation_flags(creation) | CREATE_CACHED);
}

static void too_many(struct creation *creation)
{
    creation->args.NumAllocations = MAX_ALLOCATIONS + 1;
}

static void no_array(struct creation *creation)
{
    creation->args.pAllocationInfo2 = NULL;
}

static void runtime_data_too_long(struct creation *creation)
{
    static uint8_t data[MAX_DATA_BYTES + 1];
    creation->args.pPrivateRuntimeData = data;
    creation->args.PrivateRuntimeDataSize = sizeof(data);
}

static void no_device(struct creation *creation)
{
    creation->args.hDevice = BAD_HANDLE;
}

static void existing_alone(struct creation *creation)
{
    creation_set_flags(creation, creation_flags(creation) | EXISTING_SYS_MEM);
}

static void not_at_a_page(struct creation *creation)
{
    creation_set_memory(creation, 2, (uint8_t *)map_pages(17) + 64);
}

static void no_resource(struct creation *creation)
{
    creation->args.hResource = BAD_HANDLE;
}

static void mismatch(struct creation *creation)
{
    creation->soft[1].magic ^= 1;
}

static void memory_not_there(struct creation *creation)
{
    void *memory = map_pages(CREATION_BYTES / PAGE_BYTES);
    require_true(mprotect(memory, CREATION_BYTES, PROT_NONE) == 0);
    creation_set_memory(creation, 3, memory);
}

static void too_much(struct creation *creation)
{
    creation->soft[0].size_bytes = COMMIT_BYTES + PAGE_BYTES;
}

static void too_large(struct creation *creation)
{
    creation->soft[0].size_bytes = 4 * APERTURE_BYTES;
}

/* In the order of decision 2; of two in the same step either may be told first. */
static const struct fault {
    const char *name;
    void (*make)(struct creation *creation);
    int step;
    NTSTATUS want;
} faults[] = {
    {"undefined flag", undefined_flag, 1, STATUS_INVALID_PARAMETER},
    {"kernel flag", kernel_flag, 1, STATUS_INVALID_PARAMETER},
    {"NumAllocations", too_many, 1, STATUS_INVALID_PARAMETER},
    {"no array", no_array, 1, STATUS_INVALID_PARAMETER},
    {"runtime data", runtime_data_too_long, 1, STATUS_INVALID_PARAMETER},
    {"hDevice", no_device, 2, STATUS_INVALID_PARAMETER},
    {"flags that do not fit", existing_alone, 3, STATUS_INVALID_PARAMETER},
    {"pSystemMem not at a page", not_at_a_page, 3, STATUS_INVALID_PARAMETER},
    {"hResource", no_resource, 4, STATUS_INVALID_HANDLE},
    {"private data", mismatch, 5, STATUS_GRAPHICS_DRIVER_MISMATCH},
    {"memory that is not there", memory_not_there, 6, STATUS_INVALID_PARAMETER},
    {"more than can be committed", too_much, 7, STATUS_NO_MEMORY},
    {"fits nowhere", too_large, 7, STATUS_GRAPHICS_NO_VIDEO_MEMORY},
};

static void order(void)
{
    D3DKMT_HANDLE device = small_device();
    for (int version = 1; version <= 2; version++) {
        udxg_case("v%d/none", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 4);
            creation_succeeds(&creation);
            creation_undo(&creation);
        }
        for (size_t first = 0; first < LENGTH_OF(faults); first++) {
            udxg_case("v%d/%s", version, faults[first].name) {
                struct creation creation;
                creation_buffers(&creation, version, device, 4);
                faults[first].make(&creation);
                creation_refused(&creation, faults[first].want);
            }
            for (size_t second = first + 1; second < LENGTH_OF(faults); second++) {
                if (faults[second].step == faults[first].step) continue;
                udxg_case("v%d/%s before %s", version, faults[first].name, faults[second].name) {
                    struct creation creation;
                    creation_buffers(&creation, version, device, 4);
                    faults[second].make(&creation);
                    faults[first].make(&creation);
                    creation_fails(&creation, faults[first].want);
                }
            }
        }
    }
}

/* The same for the standard allocation, which has faults of its own. */
static void standard_order(void)
{
    D3DKMT_HANDLE device = small_device();
    void *heap = map_pages(1);
    udxg_case("resource data of a driver, before hResource") {
        struct creation creation;
        creation_heap(&creation, 2, device, heap, PAGE_BYTES);
        creation.args.PrivateDriverDataSize = 64;
        creation.args.hResource = BAD_HANDLE;
        creation_refused(&creation, STATUS_INVALID_PARAMETER);
    }
    udxg_case("an unaligned size, before hResource") {
        struct creation creation;
        creation_heap(&creation, 2, device, heap, PAGE_BYTES - 1);
        creation.args.hResource = BAD_HANDLE;
        creation_refused(&creation, STATUS_INVALID_PARAMETER);
    }
    udxg_case("hResource, before memory that is not there") {
        struct creation creation;
        creation_heap(&creation, 2, device, heap, PAGE_BYTES);
        memory_not_there(&creation);
        creation_set_memory(&creation, 0, creation.info2[3].pSystemMem);
        creation.args.hResource = BAD_HANDLE;
        creation_refused(&creation, STATUS_INVALID_HANDLE);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"fits nowhere", ON_DISCRETE, fits_nowhere},
        {"order", ON_DISCRETE, order},
        {"standard", ON_DISCRETE, standard_order},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
