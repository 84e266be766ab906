/* SPDX-License-Identifier: MIT */
/*
 * A resource with one allocation that is our own memory. pSystemMem alone says so: no flag for existing system
 * memory is set, the adapter decides that from what it is given. There is private driver data for the resource
 * and for the allocation. The GPU works on our buffer where it lies, and the buffer outlives the resource.
 */
#include <udxg/soft.h>

#include "common.h"

#define BUFFER_BYTES ((size_t)2 << 20)
#define HALF_BYTES (BUFFER_BYTES / 2)
#define COMMANDS_AT (BUFFER_BYTES - 4096) /* in the last page, behind what is checked */
#define PATTERN 0x5eed5eedu

struct resource {
    D3DKMT_HANDLE resource, allocation;
};

static struct resource create_resource(const struct gpu *gpu, const void *memory)
{
    struct udxg_soft_resource about_resource = {.magic = UDXG_SOFT_RESOURCE_MAGIC, .version = UDXG_SOFT_VERSION};
    struct udxg_soft_allocation about_allocation = {.magic = UDXG_SOFT_ALLOCATION_MAGIC, .version = UDXG_SOFT_VERSION};
    about_resource.allocation_count = 1;
    about_allocation.size_bytes = BUFFER_BYTES;
    about_allocation.flags = UDXG_SOFT_CPU_VISIBLE | UDXG_SOFT_CACHED;

    D3DDDI_ALLOCATIONINFO2 info = {.pSystemMem = memory};
    info.pPrivateDriverData = &about_allocation;
    info.PrivateDriverDataSize = sizeof(about_allocation);
    D3DKMT_CREATEALLOCATION create = {.hDevice = gpu->device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    create.pPrivateDriverData = &about_resource;
    create.PrivateDriverDataSize = sizeof(about_resource);
    create.Flags.CreateResource = 1;
    CHECK(D3DKMTCreateAllocation2(&create));
    printf("resource       0x%08x with allocation 0x%08x: %s of our memory at %p\n", (unsigned)create.hResource,
           (unsigned)info.hAllocation, size_text(about_allocation.size_bytes), memory);
    return (struct resource){create.hResource, info.hAllocation};
}

/* With the resource go its allocations, their residency and their GPU addresses. */
static void destroy_resource(const struct gpu *gpu, struct resource resource)
{
    D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = gpu->device, .hResource = resource.resource};
    CHECK(D3DKMTDestroyAllocation2(&destroy));
}

static void expect_at(const void *pointer, const void *memory)
{
    if (pointer == memory) return;
    fprintf(stderr, "error: D3DKMTLock2 gave %p, which is not our memory\n", pointer);
    exit(EXIT_FAILURE);
}

/* What the buffer holds in the end: the lower half as written, the upper half a copy of it up to the pattern. */
static size_t count_wrong(const uint32_t *words)
{
    size_t wrong = 0, half = HALF_BYTES / 4;
    for (size_t i = 0; i < COMMANDS_AT / 4; i++) {
        uint32_t expected = (uint32_t)(i % half) * 3 + 1;
        if (i >= half && i < half + 1024) expected = PATTERN;
        wrong += words[i] != expected;
    }
    return wrong;
}

int main(void)
{
    struct gpu gpu = open_gpu("(discrete)");
    uint32_t *words = aligned_alloc(4096, BUFFER_BYTES); /* page aligned and a whole number of pages */
    if (!words) return EXIT_FAILURE;
    memset(words, 0, BUFFER_BYTES);

    struct resource resource = create_resource(&gpu, words);
    uint32_t *locked = lock(&gpu, resource.allocation);
    expect_at(locked, words);
    for (size_t i = 0; i < HALF_BYTES / 4; i++) locked[i] = (uint32_t)i * 3 + 1;
    unlock(&gpu, resource.allocation);

    D3DGPU_VIRTUAL_ADDRESS va = give_to_gpu(&gpu, resource.allocation, BUFFER_BYTES);
    print_residency(&gpu, resource.allocation);
    print_budget(&gpu, "system memory", D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL);
    printf("GPU address    0x%llx\n", (unsigned long long)va);

    struct {
        struct udxg_soft_copy copy;
        struct udxg_soft_fill fill;
    } commands = {
        udxg_soft_copy_command(va + HALF_BYTES, va, COMMANDS_AT - HALF_BYTES),
        udxg_soft_fill_command(va + HALF_BYTES, 4096, PATTERN),
    };
    memcpy((char *)words + COMMANDS_AT, &commands, sizeof(commands)); /* our memory: no lock needed */
    run_commands(&gpu, va + COMMANDS_AT, sizeof(commands));
    printf("engine         copied %s, filled 4 KiB, fence at %llu\n", size_text(commands.copy.size_bytes),
           (unsigned long long)gpu.fence_value);

    destroy_resource(&gpu, resource);
    close_gpu(&gpu);
    size_t wrong = count_wrong(words);
    printf("verified       %s of our memory after the resource is gone, %zu words wrong\n", size_text(COMMANDS_AT),
           wrong);
    free(words);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
