/* SPDX-License-Identifier: MIT */
/*
 * The caller's memory, as a standard allocation (ExistingSysMem) and without any flag, as drivers have it: which
 * ranges are refused, what the GPU sees and leaves there, and memory that goes away while it is in use.
 */
#include "endpoint.h"
#include "gate.h"

#include "creation.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES 16u
#define BYTES (PAGES * PAGE_BYTES)

/* Memory at ADDRESS, through private data (no flag) or as a standard allocation. */
static void own_memory(struct creation *creation, bool standard, int version, D3DKMT_HANDLE device, const void *address,
                       uint64_t size_bytes)
{
    if (standard) {
        creation_heap(creation, version, device, address, size_bytes);
        return;
    }
    creation_buffers(creation, version, device, 1);
    creation->soft[0].size_bytes = size_bytes;
    creation_set_memory(creation, 0, address);
}

static void add_flags(struct creation *creation, UINT flags)
{
    creation_set_flags(creation, creation_flags(creation) | flags);
}

static void protect(const void *address, size_t first, size_t count, int protection)
{
    require_true(mprotect((uint8_t *)(uintptr_t)address + first * PAGE_BYTES, count * PAGE_BYTES, protection) == 0);
}

/* COUNT pages of map_pages() are unmapped, and nothing else comes to lie there. */
static void unmap(const void *address, size_t first, size_t count)
{
    require_true(munmap((uint8_t *)(uintptr_t)address + first * PAGE_BYTES, count * PAGE_BYTES) == 0);
}

/* -------------------------------------------------------------------------------------------- which ranges */

static const void *anonymous(void)
{
    return map_pages(PAGES);
}

static const void *shared_anonymous(void)
{
    void *pages = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require_true(pages != MAP_FAILED);
    return pages;
}

static const void *of_file(int flags)
{
    int fd = create_memory_file(BYTES);
    void *pages = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, flags, fd, 0);
    require_true(pages != MAP_FAILED);
    close(fd);
    return pages;
}

static const void *shared_file(void)
{
    return of_file(MAP_SHARED);
}

static const void *private_file(void)
{
    return of_file(MAP_PRIVATE);
}

static const void *inside_a_mapping(void)
{
    return (uint8_t *)map_pages(3 * PAGES) + BYTES;
}

static const void *two_mappings(void)
{
    uint8_t *pages = (uint8_t *)map_pages(PAGES);
    void *upper =
        mmap(pages + BYTES / 2, BYTES / 2, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    require_true(upper != MAP_FAILED);
    return pages;
}

static const void *static_data(void)
{
    static uint8_t data[BYTES + PAGE_BYTES];
    return (uint8_t *)(((uintptr_t)data + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1));
}

static const void *of_malloc(void)
{
    void *memory = aligned_alloc(PAGE_BYTES, BYTES);
    require_true(memory != NULL);
    return memory;
}

static const void *never_touched(void)
{
    void *pages = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require_true(pages != MAP_FAILED);
    return pages;
}

static const void *executable(void)
{
    const void *pages = map_pages(PAGES);
    protect(pages, 0, PAGES, PROT_READ | PROT_WRITE | PROT_EXEC);
    return pages;
}

static const void *read_only(void)
{
    const void *pages = map_pages(PAGES);
    protect(pages, 0, PAGES, PROT_READ);
    return pages;
}

static const void *read_only_first(void)
{
    const void *pages = map_pages(PAGES);
    protect(pages, 0, 1, PROT_READ);
    return pages;
}

static const void *read_only_last(void)
{
    const void *pages = map_pages(PAGES);
    protect(pages, PAGES - 1, 1, PROT_READ);
    return pages;
}

static const void *read_only_file(void)
{
    int fd = create_memory_file(BYTES);
    void *pages = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, fd, 0);
    require_true(pages != MAP_FAILED);
    close(fd);
    return pages;
}

static const void *inaccessible(void)
{
    const void *pages = map_pages(PAGES);
    protect(pages, 0, PAGES, PROT_NONE);
    return pages;
}

static const void *inaccessible_first(void)
{
    const void *pages = map_pages(PAGES);
    protect(pages, 0, 1, PROT_NONE);
    return pages;
}

static const void *inaccessible_middle(void)
{
    const void *pages = map_pages(PAGES);
    protect(pages, PAGES / 2, 1, PROT_NONE);
    return pages;
}

static const void *inaccessible_last(void)
{
    const void *pages = map_pages(PAGES);
    protect(pages, PAGES - 1, 1, PROT_NONE);
    return pages;
}

static const void *unmapped(void)
{
    const void *pages = map_pages(PAGES);
    unmap(pages, 0, PAGES);
    return pages;
}

static const void *unmapped_first(void)
{
    const void *pages = map_pages(PAGES);
    unmap(pages, 0, 1);
    return pages;
}

static const void *unmapped_middle(void)
{
    const void *pages = map_pages(PAGES);
    unmap(pages, PAGES / 2, 1);
    return pages;
}

static const void *unmapped_last(void)
{
    const void *pages = map_pages(PAGES);
    unmap(pages, PAGES - 1, 1);
    return pages;
}

static const void *page_1(void)
{
    return (const void *)(uintptr_t)PAGE_BYTES;
}

static const void *beyond_user_space(void)
{
    return (const void *)(uintptr_t)0xffff800000000000ull;
}

static const void *not_canonical(void)
{
    return (const void *)(uintptr_t)0x0001000000000000ull;
}

static const void *end_of_everything(void)
{
    return (const void *)(UINTPTR_MAX - BYTES + 1);
}

static const void *off_by_1(void)
{
    return (const uint8_t *)map_pages(PAGES + 1) + 1;
}

static const void *off_by_half(void)
{
    return (const uint8_t *)map_pages(PAGES + 1) + PAGE_BYTES / 2;
}

static const struct {
    const char *name;
    const void *(*make)(void);
    bool writable, readable;
} ranges[] = {
    {"anonymous", anonymous, true, true},
    {"shared anonymous", shared_anonymous, true, true},
    {"shared file", shared_file, true, true},
    {"private file", private_file, true, true},
    {"inside a larger mapping", inside_a_mapping, true, true},
    {"across two mappings", two_mappings, true, true},
    {"static data", static_data, true, true},
    {"from the C library", of_malloc, true, true},
    {"never touched", never_touched, true, true},
    {"executable", executable, true, true},
    {"read-only", read_only, false, true},
    {"read-only at its first page", read_only_first, false, true},
    {"read-only at its last page", read_only_last, false, true},
    {"read-only mapping of a file", read_only_file, false, true},
    {"not accessible", inaccessible, false, false},
    {"first page not accessible", inaccessible_first, false, false},
    {"middle page not accessible", inaccessible_middle, false, false},
    {"last page not accessible", inaccessible_last, false, false},
    {"not mapped", unmapped, false, false},
    {"first page not mapped", unmapped_first, false, false},
    {"middle page not mapped", unmapped_middle, false, false},
    {"last page not mapped", unmapped_last, false, false},
    {"page 1", page_1, false, false},
    {"beyond user space", beyond_user_space, false, false},
    {"not canonical", not_canonical, false, false},
    {"up to the end of everything", end_of_everything, false, false},
    {"1 byte off", off_by_1, false, false},
    {"half a page off", off_by_half, false, false},
};

static const char *how(bool standard)
{
    return standard ? "heap" : "no flag";
}

static void which_ranges(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < 2 * LENGTH_OF(ranges); i++) {
            size_t row = i / 2;
            bool standard = i % 2 != 0;
            udxg_case("v%d/%s/%s", version, how(standard), ranges[row].name) {
                struct creation creation;
                own_memory(&creation, standard, version, device, ranges[row].make(), BYTES);
                if (!ranges[row].writable) {
                    creation_fails(&creation, STATUS_INVALID_PARAMETER);
                } else {
                    creation_succeeds(&creation);
                    check_true(lock(device, creation_handle(&creation, 0)) == creation.info[0].pSystemMem);
                    creation_undo(&creation);
                }
            }
            udxg_case("v%d/%s/%s, ReadOnly", version, how(standard), ranges[row].name) {
                struct creation creation;
                own_memory(&creation, standard, version, device, ranges[row].make(), BYTES);
                add_flags(&creation, READ_ONLY);
                if (!ranges[row].readable) {
                    creation_fails(&creation, STATUS_INVALID_PARAMETER);
                } else {
                    creation_succeeds(&creation);
                    creation_undo(&creation);
                }
            }
        }
        for (int standard = 0; standard <= 1; standard++) {
            udxg_case("v%d/%s/sizes that are not whole pages", version, how(standard)) {
                static const uint64_t sizes[] = {1, 64, PAGE_BYTES - 1, PAGE_BYTES + 1, BYTES - 64, BYTES - 1};
                for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
                    struct creation creation;
                    own_memory(&creation, standard, version, device, anonymous(), sizes[i]);
                    creation_refused(&creation, STATUS_INVALID_PARAMETER);
                }
            }
            udxg_case("v%d/%s/sizes that wrap around", version, how(standard)) {
                static const uint64_t sizes[] = {~(uint64_t)0 - PAGE_BYTES + 1, (uint64_t)1 << 63};
                for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
                    struct creation creation;
                    own_memory(&creation, standard, version, device, anonymous(), sizes[i]);
                    creation_refused(&creation, STATUS_INVALID_PARAMETER);
                }
            }
            udxg_case("v%d/%s/one page larger than the mapping", version, how(standard)) {
                struct creation creation;
                uint8_t *pages = (uint8_t *)map_pages(PAGES + 1);
                protect(pages, PAGES, 1, PROT_NONE);
                own_memory(&creation, standard, version, device, pages, BYTES + PAGE_BYTES);
                creation_refused(&creation, STATUS_INVALID_PARAMETER);
            }
            udxg_case("v%d/%s/the same memory twice", version, how(standard)) {
                struct creation first, second;
                const void *memory = anonymous();
                own_memory(&first, standard, version, device, memory, BYTES);
                own_memory(&second, standard, version, device, memory, BYTES);
                creation_succeeds(&first);
                creation_succeeds(&second);
                creation_undo(&first);
                check_true(lock(device, creation_handle(&second, 0)) == memory);
            }
        }
        udxg_case("v%d/one of three is the caller's memory", version) {
            struct creation creation;
            void *memory = map_pages(PAGES);
            creation_buffers(&creation, version, device, 3);
            creation_set_memory(&creation, 1, memory);
            creation_succeeds(&creation);
            check_true(lock(device, creation_handle(&creation, 1)) == memory);
            check_true(lock(device, creation_handle(&creation, 0)) != memory);
        }
        udxg_case("v%d/the last of three is not mapped", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 3);
            for (UINT i = 0; i < 3; i++) creation_set_memory(&creation, i, i < 2 ? anonymous() : inaccessible());
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
        }
    }
}

/* ----------------------------------------------------------------------- memory that the library gave out */

static void of_the_library(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    D3DKMT_HANDLE buffer = create_buffer(device, BYTES);
    uint8_t *home = (uint8_t *)lock(device, buffer);
    const struct {
        const char *name;
        const void *address;
        uint64_t size_bytes;
    } rows[] = {
        {"all of it", home, BYTES},
        {"its first page", home, PAGE_BYTES},
        {"its last page", home + BYTES - PAGE_BYTES, PAGE_BYTES},
        {"from its middle", home + BYTES / 2, BYTES / 2},
    };
    for (int standard = 0; standard <= 1; standard++) {
        for (size_t i = 0; i < LENGTH_OF(rows); i++) {
            udxg_case("%s/what Lock2 gave, %s", how(standard), rows[i].name) {
                struct creation creation;
                own_memory(&creation, standard, 2, device, rows[i].address, rows[i].size_bytes);
                creation_refused(&creation, STATUS_INVALID_PARAMETER);
                add_flags(&creation, READ_ONLY);
                creation_refused(&creation, STATUS_INVALID_PARAMETER);
            }
        }
        udxg_case("%s/what Lock2 gave, after Unlock2", how(standard)) {
            struct creation creation;
            D3DKMT_HANDLE other = create_buffer(device, BYTES);
            void *data = lock(device, other);
            require_success(unlock(device, other));
            own_memory(&creation, standard, 2, device, data, BYTES);
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
        }
        udxg_case("%s/what Lock2 gave on another device", how(standard)) {
            struct creation creation;
            own_memory(&creation, standard, 2, create_device(open_adapter()), home, BYTES);
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
        }
        udxg_case("%s/a fence's value", how(standard)) {
            struct creation creation;
            struct fence fence = create_fence(device, 0);
            uintptr_t page = (uintptr_t)fence.value & ~(uintptr_t)(PAGE_BYTES - 1);
            own_memory(&creation, standard, 2, device, (const void *)page, PAGE_BYTES);
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
        }
        udxg_case("%s/what Lock2 gave of the caller's memory is the caller's memory", how(standard)) {
            struct creation first, second;
            own_memory(&first, standard, 2, device, anonymous(), BYTES);
            creation_succeeds(&first);
            own_memory(&second, standard, 2, device, lock(device, first.info2[0].hAllocation), BYTES);
            creation_succeeds(&second);
        }
    }
}

/* --------------------------------------------------------------------------------------------------- in use */

/* The caller's memory where the GPU reaches it. */
static struct gpu_buffer reach(struct gpu *gpu, bool standard, const void *memory, uint64_t size_bytes, UINT flags)
{
    struct creation creation;
    struct gpu_buffer buffer;
    own_memory(&creation, standard, 2, gpu->device, memory, size_bytes);
    add_flags(&creation, flags);
    require_success(creation_issue(&creation));
    buffer.allocation = creation.info2[0].hAllocation;
    buffer.size_bytes = size_bytes;
    if (flags & READ_ONLY) {
        D3DDDI_MAPGPUVIRTUALADDRESS args = {0};
        args.hPagingQueue = gpu->queue.handle;
        args.hAllocation = buffer.allocation;
        args.SizeInPages = size_bytes / PAGE_BYTES;
        NTSTATUS status = D3DKMTMapGpuVirtualAddress(&args);
        require_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
        wait_paging(&gpu->queue, args.PagingFenceValue);
        buffer.va = args.VirtualAddress;
    } else {
        buffer.va = map(&gpu->queue, buffer.allocation, size_bytes);
    }
    make_resident(&gpu->queue, buffer.allocation);
    return buffer;
}

static void fill(struct gpu *gpu, UINT64 va, uint64_t size_bytes, uint32_t pattern)
{
    struct udxg_soft_fill command = udxg_soft_fill_command(va, size_bytes, pattern);
    require_success(submit(gpu, &command, sizeof(command)));
}

static void copy(struct gpu *gpu, UINT64 to, UINT64 from, uint64_t size_bytes)
{
    struct udxg_soft_copy command = udxg_soft_copy_command(to, from, size_bytes);
    require_success(submit(gpu, &command, sizeof(command)));
}

static void in_use(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    for (int standard = 0; standard <= 1; standard++) {
        udxg_case("%s/the GPU writes and reads the caller's own pages", how(standard)) {
            uint8_t *memory = (uint8_t *)map_pages(PAGES);
            struct gpu_buffer buffer = reach(&gpu, standard, memory, BYTES, 0);
            struct gpu_buffer other = create_gpu_buffer(&gpu, BYTES);
            fill(&gpu, buffer.va, BYTES, 0x47474747);
            gpu_finish(&gpu);
            check_true(filled_with(memory, BYTES, 0x47));
            memset(memory, 0x74, BYTES);
            copy(&gpu, other.va, buffer.va, BYTES);
            gpu_finish(&gpu);
            check_true(filled_with(lock(gpu.device, other.allocation), BYTES, 0x74));
        }
        udxg_case("%s/evicted and made resident: not a byte moves", how(standard)) {
            uint8_t *memory = (uint8_t *)map_pages(PAGES);
            memset(memory, 0x33, BYTES);
            struct gpu_buffer buffer = reach(&gpu, standard, memory, BYTES, 0);
            for (int i = 0; i < 20; i++) {
                require_success(evict(gpu.device, buffer.allocation));
                memory[i] = (uint8_t)i;
                make_resident(&gpu.queue, buffer.allocation);
                check_u64(i, memory[i]);
            }
            check_true(filled_with(memory + 20, BYTES - 20, 0x33));
        }
        udxg_case("%s/nothing beside the range is written", how(standard)) {
            uint8_t *memory = (uint8_t *)map_pages(3 * PAGES);
            struct gpu_buffer buffer = reach(&gpu, standard, memory + BYTES, BYTES, 0);
            fill(&gpu, buffer.va, BYTES, 0x55555555);
            gpu_finish(&gpu);
            check_true(filled_with(memory, BYTES, 0));
            check_true(filled_with(memory + BYTES, BYTES, 0x55));
            check_true(filled_with(memory + 2 * BYTES, BYTES, 0));
        }
        udxg_case("%s/two devices, one memory", how(standard)) {
            struct gpu second;
            uint8_t *memory = (uint8_t *)map_pages(PAGES);
            gpu_open_on(&second, gpu.adapter);
            struct gpu_buffer one = reach(&gpu, standard, memory, BYTES, 0);
            struct gpu_buffer two = reach(&second, standard, memory, BYTES, 0);
            fill(&gpu, one.va, BYTES / 2, 0x01010101);
            fill(&second, two.va + BYTES / 2, BYTES / 2, 0x02020202);
            gpu_finish(&gpu);
            gpu_finish(&second);
            check_true(filled_with(memory, BYTES / 2, 1));
            check_true(filled_with(memory + BYTES / 2, BYTES / 2, 2));
        }
        udxg_case("%s/destroyed: the memory and its bytes stay the caller's", how(standard)) {
            uint8_t *memory = (uint8_t *)map_pages(PAGES);
            struct gpu_buffer buffer = reach(&gpu, standard, memory, BYTES, 0);
            fill(&gpu, buffer.va, BYTES, 0x12121212);
            gpu_finish(&gpu);
            check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, buffer.allocation));
            check_true(filled_with(memory, BYTES, 0x12));
            memset(memory, 0x13, BYTES);
            check_true(munmap(memory, BYTES) == 0);
        }
        udxg_case("%s/read-only memory with ReadOnly: the GPU reads it", how(standard)) {
            uint8_t *memory = (uint8_t *)map_pages(PAGES);
            struct gpu_buffer other = create_gpu_buffer(&gpu, BYTES);
            memset(memory, 0x66, BYTES);
            protect(memory, 0, PAGES, PROT_READ);
            struct gpu_buffer buffer = reach(&gpu, standard, memory, BYTES, READ_ONLY);
            copy(&gpu, other.va, buffer.va, BYTES);
            gpu_finish(&gpu);
            check_true(filled_with(lock(gpu.device, other.allocation), BYTES, 0x66));
        }
        udxg_case("%s/read-only memory with ReadOnly: the GPU does not write it", how(standard)) {
            struct gpu own;
            UINT64 va = 0;
            uint8_t *memory = (uint8_t *)map_pages(PAGES);
            gpu_open_on(&own, gpu.adapter);
            memset(memory, 0x66, BYTES);
            protect(memory, 0, PAGES, PROT_READ);
            struct gpu_buffer buffer = reach(&own, standard, memory, BYTES, READ_ONLY);
            if (try_map(&own.queue, buffer.allocation, 0, PAGES, &va) != STATUS_SUCCESS) va = buffer.va;
            fill(&own, va, BYTES, 0x99999999);
            check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(own.device));
            check_true(filled_with(memory, BYTES, 0x66));
        }
        udxg_case("%s/writable memory with ReadOnly: the GPU does not write it", how(standard)) {
            struct gpu own;
            UINT64 va = 0;
            uint8_t *memory = (uint8_t *)map_pages(PAGES);
            gpu_open_on(&own, gpu.adapter);
            memset(memory, 0x66, BYTES);
            struct gpu_buffer buffer = reach(&own, standard, memory, BYTES, READ_ONLY);
            if (try_map(&own.queue, buffer.allocation, 0, PAGES, &va) != STATUS_SUCCESS) va = buffer.va;
            fill(&own, va, BYTES, 0x99999999);
            check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(own.device));
            check_true(filled_with(memory, BYTES, 0x66));
        }
    }
}

/* ----------------------------------------------------------------------------------------------- goes away */

enum goes { UNMAPPED, INACCESSIBLE, LAST_PAGE, FILE_CUT, WAYS };

static const char *const ways[] = {"unmapped", "made inaccessible", "its last page unmapped", "its file cut"};

/* Memory that take_away() can take away. */
static uint8_t *away_map(enum goes way, uint64_t size_bytes, int *ret_fd)
{
    *ret_fd = -1;
    if (way != FILE_CUT) return (uint8_t *)map_pages(size_bytes / PAGE_BYTES);
    *ret_fd = create_memory_file(size_bytes);
    void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *ret_fd, 0);
    require_true(memory != MAP_FAILED);
    return (uint8_t *)memory;
}

/* Others who map something, as the library and sanitizers may at any time, do not get the place. */
static void check_nobody_gets(const uint8_t *place, uint64_t size_bytes)
{
    void *other = mmap(NULL, size_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require_true(other != MAP_FAILED);
    check_true(other != place);
    require_true(munmap(other, size_bytes) == 0);
}

static void take_away(enum goes way, uint8_t *memory, uint64_t size_bytes, int fd)
{
    uint64_t first = way == LAST_PAGE ? size_bytes - PAGE_BYTES : 0;
    if (way == INACCESSIBLE) require_true(mprotect(memory, size_bytes, PROT_NONE) == 0);
    if (way == UNMAPPED || way == LAST_PAGE) {
        unmap(memory, first / PAGE_BYTES, (size_bytes - first) / PAGE_BYTES);
        check_nobody_gets(memory + first, size_bytes - first);
    }
    if (way == FILE_CUT) require_true(ftruncate(fd, 0) == 0);
}

/* The device is in error for an address of BUFFER. */
static void check_faulted(D3DKMT_HANDLE device, const struct gpu_buffer *buffer)
{
    check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(device));
    D3DKMT_GETDEVICESTATE args = {0};
    args.hDevice = device;
    args.StateType = D3DKMT_DEVICESTATE_PAGE_FAULT;
    require_success(D3DKMTGetDeviceState(&args));
    check_true(args.PageFaultState.FaultedVirtualAddress >= buffer->va);
    check_true(args.PageFaultState.FaultedVirtualAddress < buffer->va + buffer->size_bytes);
}

/* A daemon reaches the memory through a descriptor of /proc/self/mem, to which protections mean nothing. */
static bool goes(enum goes way)
{
    return way != INACCESSIBLE || !on_daemon();
}

static void goes_away(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    for (int standard = 0; standard <= 1; standard++) {
        for (int way = 0; way < WAYS; way++) {
            if (!goes((enum goes)way)) continue;
            for (int writes = 0; writes <= 1; writes++) {
                udxg_case("%s/%s before the GPU %s it", how(standard), ways[way], writes ? "writes" : "reads") {
                    struct gpu gpu;
                    struct gate gate;
                    int fd;
                    gpu_open_on(&gpu, adapter);
                    uint8_t *memory = away_map((enum goes)way, BYTES, &fd);
                    struct gpu_buffer buffer = reach(&gpu, standard, memory, BYTES, 0);
                    struct gpu_buffer other = create_gpu_buffer(&gpu, BYTES);
                    gate_close(&gate, &gpu);
                    copy(&gpu, writes ? buffer.va : other.va, writes ? other.va : buffer.va, BYTES);
                    take_away((enum goes)way, memory, BYTES, fd);
                    gate_open(&gate);
                    check_faulted(gpu.device, &buffer);
                    check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, buffer.allocation));
                }
            }
            udxg_case("%s/%s in the middle of copies", how(standard), ways[way]) {
                const uint64_t size = MIB(16);
                struct gpu gpu;
                struct gate gate;
                int fd;
                gpu_open_on(&gpu, adapter);
                uint8_t *memory = away_map((enum goes)way, size, &fd);
                struct gpu_buffer buffer = reach(&gpu, standard, memory, size, 0);
                struct gpu_buffer other = create_gpu_buffer(&gpu, size);
                gate_close(&gate, &gpu);
                /* The last finds the memory gone, whatever the others found. */
                for (int i = 0; i < 40; i++) copy(&gpu, other.va, buffer.va, size);
                struct gate last;
                gate_close(&last, &gpu);
                copy(&gpu, buffer.va, other.va, size);
                gate_open(&gate);
                usleep(5000);
                take_away((enum goes)way, memory, size, fd);
                /* The fault may have come first, and has done away with the fence then. */
                signal_cpu(gpu.device, last.fence.handle, 1, 0);
                check_faulted(gpu.device, &buffer);
            }
        }
        udxg_case("%s/unmapped, and something else comes to lie there", how(standard)) {
            struct gpu gpu;
            gpu_open_on(&gpu, adapter);
            uint8_t *memory = (uint8_t *)map_pages(PAGES);
            struct gpu_buffer buffer = reach(&gpu, standard, memory, BYTES, 0);
            void *again = mmap(memory, BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            require_true(again == memory);
            fill(&gpu, buffer.va, BYTES, 0x42424242);
            if (on_daemon()) {
                gpu_finish(&gpu);
                check_true(filled_with(memory, BYTES, 0x42)); /* it is still the client's own memory */
            } else {
                check_faulted(gpu.device, &buffer);
                check_true(filled_with(memory, BYTES, 0));
            }
        }
        udxg_case("%s/unmapped: all that needs no byte of it still works", how(standard)) {
            struct gpu gpu;
            gpu_open_on(&gpu, adapter);
            uint8_t *memory = (uint8_t *)map_pages(PAGES);
            struct gpu_buffer buffer = reach(&gpu, standard, memory, BYTES, 0);
            unmap(memory, 0, PAGES);
            check_status(STATUS_SUCCESS, evict(gpu.device, buffer.allocation));
            check_status(STATUS_SUCCESS, try_make_resident(&gpu.queue, buffer.allocation));
            check_true(lock(gpu.device, buffer.allocation) == memory);
            check_status(STATUS_SUCCESS, unlock(gpu.device, buffer.allocation));
            check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, buffer.allocation));
        }
    }
}

/* ------------------------------------------------------------------------------------------------- very large */

/* Bytes of this process that are in memory. */
static uint64_t resident_bytes(void)
{
    unsigned long long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    require_true(file != NULL);
    require_true(fscanf(file, "%llu %llu", &total, &resident) == 2);
    fclose(file);
    return resident * PAGE_BYTES;
}

static uint8_t *map_large(uint64_t size_bytes)
{
    void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require_true(memory != MAP_FAILED);
    return (uint8_t *)memory;
}

static void very_large(void)
{
    const uint64_t four = (uint64_t)4 << 30;
    const uint64_t size = four + KIB(64);
    D3DKMT_HANDLE adapter = open_adapter();
    for (int standard = 0; standard <= 1; standard++) {
        udxg_case("%s/4 GiB and 64 KiB: the GPU reaches the last byte, and no other instead", how(standard)) {
            struct gpu gpu;
            gpu_open_on(&gpu, adapter);
            uint8_t *memory = map_large(size);
            uint64_t before = resident_bytes();
            struct gpu_buffer buffer = reach(&gpu, standard, memory, size, 0);
            /* Checking it and holding it do not bring it into memory. */
            check_true(resident_bytes() < before + MIB(64));
            fill(&gpu, buffer.va + four, KIB(64), 0x24242424);
            gpu_finish(&gpu);
            check_true(filled_with(memory + four, KIB(64), 0x24));
            check_true(filled_with(memory, KIB(64), 0));
            check_true(lock(gpu.device, buffer.allocation) == memory);
            check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, buffer.allocation));
            munmap(memory, size);
        }
        udxg_case("%s/4 GiB and 64 KiB, of which the last page is not accessible", how(standard)) {
            struct creation creation;
            uint8_t *memory = map_large(size);
            protect(memory, size / PAGE_BYTES - 1, 1, PROT_NONE);
            own_memory(&creation, standard, 2, create_device(adapter), memory, size);
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
            munmap(memory, size);
        }
        udxg_case("%s/4 GiB and 64 KiB, of which only the first 64 KiB are accessible", how(standard)) {
            struct creation creation;
            uint8_t *memory = map_large(size);
            protect(memory, KIB(64) / PAGE_BYTES, four / PAGE_BYTES, PROT_NONE);
            own_memory(&creation, standard, 2, create_device(adapter), memory, size);
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
            munmap(memory, size);
        }
        udxg_case("%s/larger than the aperture", how(standard)) {
            struct creation creation;
            const uint64_t aperture = (uint64_t)64 << 30;
            uint8_t *memory = map_large(aperture + PAGE_BYTES);
            own_memory(&creation, standard, 2, create_device(adapter), memory, aperture + PAGE_BYTES);
            creation_refused(&creation, STATUS_GRAPHICS_NO_VIDEO_MEMORY);
            munmap(memory, aperture + PAGE_BYTES);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"range", ON_EACH, which_ranges},  {"library", ON_EACH, of_the_library}, {"in use", ON_EACH, in_use},
        {"goes away", ON_EACH, goes_away}, {"very large", ON_EACH, very_large},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
