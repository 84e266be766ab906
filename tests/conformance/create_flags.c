/* SPDX-License-Identifier: MIT */
/*
 * D3DKMT_CREATEALLOCATIONFLAGS: from each right call, every bit is turned over alone and together with every other
 * bit, and the rules below say what must come of it. A rule names no call: what it demands holds for all.
 */
#include "creation.h"

/* What user mode may set; the others are for kernel-mode callers, or not defined. */
#define USER_FLAGS 0x3fecf7u
#define SHARE_FLAGS (CREATE_RESOURCE | CREATE_SHARED | NT_SECURITY_SHARING)

static const struct rule {
    UINT flag, needs, excludes;
} rules[] = {
    {CREATE_SHARED, CREATE_RESOURCE, 0},
    {NT_SECURITY_SHARING, CREATE_SHARED, 0},
    {NON_SECURE, CREATE_SHARED, NT_SECURITY_SHARING},
    {RESTRICT_SHARED_ACCESS, CREATE_SHARED, 0},
    {PARTIAL_SHARED_CREATION, CREATE_SHARED, 0},
    {SHARED_DISPLAYABLE, CREATE_SHARED, 0},
    {CROSS_ADAPTER, CREATE_RESOURCE | CREATE_SHARED, 0},
    {EXISTING_SYS_MEM, STANDARD_ALLOCATION, EXISTING_SECTION},
    {EXISTING_SECTION, STANDARD_ALLOCATION, EXISTING_SYS_MEM},
    {NO_KMD_ACCESS, STANDARD_ALLOCATION, 0},
};

/* Whose memory a right call is about. */
enum memory {
    VIDEO,   /* of the adapter */
    SYSTEM,  /* the same, that can only ever be in system memory */
    OWN,     /* the caller's, without a flag */
    HEAP,    /* the caller's, as a standard allocation */
    SECTION, /* of a file */
};

static const struct base {
    const char *name;
    enum memory memory;
    UINT flags;
} bases[] = {
    {"video memory", VIDEO, 0},
    {"resource", VIDEO, CREATE_RESOURCE},
    {"shared", VIDEO, SHARE_FLAGS},
    {"cross-adapter", SYSTEM, SHARE_FLAGS | CROSS_ADAPTER},
    {"own memory", OWN, 0},
    {"heap", HEAP, STANDARD_ALLOCATION | EXISTING_SYS_MEM},
    {"shared heap", HEAP, SHARE_FLAGS | STANDARD_ALLOCATION | EXISTING_SYS_MEM},
    {"cross-adapter heap", HEAP, SHARE_FLAGS | CROSS_ADAPTER | STANDARD_ALLOCATION | EXISTING_SYS_MEM},
    {"section", SECTION, STANDARD_ALLOCATION | EXISTING_SECTION},
    {"shared section", SECTION, SHARE_FLAGS | STANDARD_ALLOCATION | EXISTING_SECTION},
};

static NTSTATUS expected(const struct base *base, UINT flags)
{
    bool standard = base->memory == HEAP || base->memory == SECTION;
    if (flags & ~USER_FLAGS) return STATUS_INVALID_PARAMETER;
    for (size_t i = 0; i < LENGTH_OF(rules); i++) {
        if (!(flags & rules[i].flag)) continue;
        if ((flags & rules[i].needs) != rules[i].needs) return STATUS_INVALID_PARAMETER;
        if (flags & rules[i].excludes) return STATUS_INVALID_PARAMETER;
    }
    if ((flags & STANDARD_ALLOCATION) && !(flags & (EXISTING_SYS_MEM | EXISTING_SECTION)))
        return STATUS_INVALID_PARAMETER;
    /* Without the flag the private data are missing, with it the standard allocation is. */
    if (standard != ((flags & STANDARD_ALLOCATION) != 0)) return STATUS_INVALID_PARAMETER;
    if ((flags & WRITE_WATCH) && base->memory != VIDEO && base->memory != SYSTEM) return STATUS_INVALID_PARAMETER;
    /* A descriptor is no address at a page; an address is no descriptor. */
    if (base->memory == SECTION && (flags & EXISTING_SYS_MEM)) return STATUS_INVALID_PARAMETER;
    if (base->memory == HEAP && (flags & EXISTING_SECTION)) return STATUS_INVALID_HANDLE;
    /* It could be in video memory, which another adapter does not reach. */
    if ((flags & CROSS_ADAPTER) && base->memory == VIDEO && on_discrete()) return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static void fill(struct creation *creation, const struct base *base, int version, D3DKMT_HANDLE device)
{
    static void *heap;
    static int file;
    if (heap == NULL) heap = map_pages(CREATION_BYTES / PAGE_BYTES);
    if (file == 0) file = create_memory_file(CREATION_BYTES);
    if (base->memory == HEAP) {
        creation_heap(creation, version, device, heap, CREATION_BYTES);
    } else if (base->memory == SECTION) {
        creation_section(creation, version, device, fd_handle(file), CREATION_BYTES);
    } else {
        creation_buffers(creation, version, device, 1);
        if (base->memory == OWN) creation_set_memory(creation, 0, heap);
        if (base->memory == SYSTEM) {
            creation->soft[0].preferred[0] = UDXG_SOFT_SEGMENT_SYSTEM;
            creation->soft[0].flags |= UDXG_SOFT_ONLY_PREFERRED;
        }
    }
}

/* True when FLAGS asks for what is not there yet. */
static bool needs_global(UINT flags)
{
    return (flags & CREATE_SHARED) && !(flags & NT_SECURITY_SHARING);
}

static void try_flags(const struct base *base, int version, D3DKMT_HANDLE device, UINT flags)
{
    struct creation creation;
    NTSTATUS want = expected(base, flags);
    fill(&creation, base, version, device);
    creation_set_flags(&creation, flags);
    if (want != STATUS_SUCCESS) {
        creation_fails(&creation, want);
    } else {
        creation_succeeds(&creation);
        creation_undo(&creation);
    }
}

/* Turns over bit FIRST, alone and with every higher one. */
static void turn_over(const struct base *base, int version, D3DKMT_HANDLE device, unsigned first)
{
    for (unsigned second = first; second < 32; second++) {
        UINT flags = base->flags ^ (1u << first) ^ (second != first ? 1u << second : 0);
        if (expected(base, flags) == STATUS_SUCCESS && needs_global(flags)) continue;
        try_flags(base, version, device, flags);
    }
}

static void every_pair(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(bases); i++) {
            udxg_case("v%d/%s", version, bases[i].name) {
                try_flags(&bases[i], version, device, bases[i].flags);
            }
            for (unsigned first = 0; first < 32; first++) {
                udxg_case("v%d/%s, bit %u and each above", version, bases[i].name, first) {
                    turn_over(&bases[i], version, device, first);
                }
            }
        }
    }
}

/* Failing with every wrong pair, one call after the other, uses no handle. */
static void no_handle(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (size_t i = 0; i < LENGTH_OF(bases); i++) {
        udxg_case("%s", bases[i].name) {
            unsigned failures = 0;
            D3DKMT_HANDLE last = next_handle(device);
            for (unsigned pair = 0; pair < 32 * 32; pair++) {
                UINT flags = bases[i].flags ^ (1u << pair % 32) ^ (pair % 32 != pair / 32 ? 1u << pair / 32 : 0);
                NTSTATUS want = expected(&bases[i], flags);
                if (want == STATUS_SUCCESS) continue;
                struct creation creation;
                fill(&creation, &bases[i], 2, device);
                creation_set_flags(&creation, flags);
                creation_fails(&creation, want);
                failures++;
            }
            note("%u failures", failures);
            check_true(failures > 100);
            check_u64(last + 0x40, next_handle(device));
        }
    }
}

/* Those of the pairs that share by a global handle. */
static void global(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (size_t i = 0; i < LENGTH_OF(bases); i++) {
        for (unsigned first = 0; first < 32; first++) {
            for (unsigned second = first; second < 32; second++) {
                UINT flags = bases[i].flags ^ (1u << first) ^ (second != first ? 1u << second : 0);
                if (expected(&bases[i], flags) != STATUS_SUCCESS || !needs_global(flags)) continue;
                udxg_case("%s, flags 0x%x", bases[i].name, flags) {
                    struct creation creation;
                    fill(&creation, &bases[i], 2, device);
                    creation_set_flags(&creation, flags);
                    require_success(creation_issue(&creation));
                    check_global(creation.args.hGlobalShare);
                    check_local(creation.args.hResource);
                }
            }
        }
    }
}

/* More than two at once: the flags of real programs, and all that may be together. */
static void together(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    const UINT free = READ_ONLY | SWAP_CHAIN_BACK_BUFFER | ZEROED | ALLOW_NOT_ZEROED | PHYSICALLY_CONTIGUOUS;
    const UINT sharing = RESTRICT_SHARED_ACCESS | PARTIAL_SHARED_CREATION | SHARED_DISPLAYABLE;
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(bases); i++) {
            UINT flags = bases[i].flags | free;
            if (flags & CREATE_SHARED) flags |= sharing;
            if (flags & STANDARD_ALLOCATION) flags |= NO_KMD_ACCESS;
            if (bases[i].memory <= SYSTEM) flags |= WRITE_WATCH;
            udxg_case("v%d/%s, flags 0x%x", version, bases[i].name, flags) {
                try_flags(&bases[i], version, device, flags);
            }
            udxg_case("v%d/%s, all 32 bits", version, bases[i].name) {
                try_flags(&bases[i], version, device, 0xffffffffu);
            }
        }
    }
}

/* ------------------------------------------------------------------------------------- what flags promise */

static void promises(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("AllowNotZeroed: what is said to be zeroed is") {
        for (int round = 0; round < 32; round++) {
            struct creation creation;
            creation_buffers(&creation, 2, gpu.device, 1);
            creation_set_flags(&creation, ALLOW_NOT_ZEROED);
            require_success(creation_issue(&creation));
            void *data = lock(gpu.device, creation.info2[0].hAllocation);
            check_true(!(creation_flags(&creation) & ZEROED) || filled_with(data, CREATION_BYTES, 0));
            memset(data, 0x99, CREATION_BYTES);
            require_success(destroy_allocation(gpu.device, creation.info2[0].hAllocation));
        }
    }
    udxg_case("Zeroed comes back for all or for none: one of two is the caller's memory") {
        struct creation creation;
        creation_buffers(&creation, 2, gpu.device, 2);
        creation_set_flags(&creation, ZEROED);
        creation_set_memory(&creation, 1, map_pages(CREATION_BYTES / PAGE_BYTES));
        creation_succeeds(&creation);
        check_u64(0, creation_flags(&creation) & ZEROED);
    }
    udxg_case("PhysicallyContiguous: can be used as any other") {
        struct creation creation;
        creation_buffers(&creation, 2, gpu.device, 1);
        creation_set_flags(&creation, PHYSICALLY_CONTIGUOUS);
        creation_succeeds(&creation);
        D3DKMT_HANDLE allocation = creation.info2[0].hAllocation;
        UINT64 va = map(&gpu.queue, allocation, CREATION_BYTES);
        make_resident(&gpu.queue, allocation);
        struct udxg_soft_fill fill = udxg_soft_fill_command(va, CREATION_BYTES, 0x21212121);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        check_true(filled_with(lock(gpu.device, allocation), CREATION_BYTES, 0x21));
    }
    udxg_case("ReadOnly: the GPU reads") {
        struct creation creation;
        struct gpu_buffer to = create_gpu_buffer(&gpu, CREATION_BYTES);
        creation_buffers(&creation, 2, gpu.device, 1);
        creation_set_flags(&creation, READ_ONLY);
        creation_succeeds(&creation);
        D3DKMT_HANDLE allocation = creation.info2[0].hAllocation;
        D3DDDI_MAPGPUVIRTUALADDRESS args = {0};
        args.hPagingQueue = gpu.queue.handle;
        args.hAllocation = allocation;
        args.SizeInPages = CREATION_BYTES / PAGE_BYTES;
        NTSTATUS status = D3DKMTMapGpuVirtualAddress(&args);
        require_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
        make_resident(&gpu.queue, allocation);
        memset(lock(gpu.device, to.allocation), 0x11, CREATION_BYTES);
        require_success(unlock(gpu.device, to.allocation));
        struct udxg_soft_copy copy = udxg_soft_copy_command(to.va, args.VirtualAddress, CREATION_BYTES);
        require_success(submit(&gpu, &copy, sizeof(copy)));
        gpu_finish(&gpu);
        check_true(filled_with(lock(gpu.device, to.allocation), CREATION_BYTES, 0));
    }
    udxg_case("ReadOnly: the GPU does not write") {
        struct creation creation;
        struct gpu own;
        UINT64 va = 0;
        gpu_open_on(&own, gpu.adapter);
        creation_buffers(&creation, 2, own.device, 1);
        creation_set_flags(&creation, READ_ONLY);
        creation_succeeds(&creation);
        D3DKMT_HANDLE allocation = creation.info2[0].hAllocation;
        NTSTATUS status = try_map(&own.queue, allocation, 0, CREATION_BYTES / PAGE_BYTES, &va);
        check_true(status == STATUS_SUCCESS || status == STATUS_INVALID_PARAMETER);
        if (status == STATUS_SUCCESS) {
            make_resident(&own.queue, allocation);
            struct udxg_soft_fill fill = udxg_soft_fill_command(va, CREATION_BYTES, 0x21212121);
            require_success(submit(&own, &fill, sizeof(fill)));
            check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(own.device));
        }
        check_true(filled_with(lock(own.device, allocation), CREATION_BYTES, 0));
    }
    udxg_case("NoKmdAccess: the heap can be used as any other") {
        struct creation creation;
        void *heap = map_pages(CREATION_BYTES / PAGE_BYTES);
        creation_heap(&creation, 2, gpu.device, heap, CREATION_BYTES);
        creation_set_flags(&creation, STANDARD_ALLOCATION | EXISTING_SYS_MEM | NO_KMD_ACCESS);
        creation_succeeds(&creation);
        D3DKMT_HANDLE allocation = creation.info2[0].hAllocation;
        UINT64 va = map(&gpu.queue, allocation, CREATION_BYTES);
        make_resident(&gpu.queue, allocation);
        struct udxg_soft_fill fill = udxg_soft_fill_command(va, CREATION_BYTES, 0x21212121);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        check_true(filled_with(heap, CREATION_BYTES, 0x21));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"pair", ON_EACH, every_pair},   {"no handle", ON_DISCRETE, no_handle}, {"global", ON_DISCRETE, global},
        {"together", ON_EACH, together}, {"promise", ON_EACH, promises},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
