/* SPDX-License-Identifier: MIT */
/*
 * An allocation in video memory that belongs to no resource. How large it is stands in the private driver data,
 * which the adapter understands: here a picture whose pitch and size the adapter computes and tells us. The CPU
 * writes the upper half, the GPU copies it to the lower half and fills the first row, the CPU checks all of it.
 */
#include <udxg/soft.h>

#include "common.h"

#define WIDTH 640u
#define HEIGHT 480u
#define COLOUR 0xff8040c0u

struct commands {
    struct udxg_soft_copy copy;
    struct udxg_soft_fill fill;
};

static D3DKMT_HANDLE create_allocation(const struct gpu *gpu, struct udxg_soft_allocation *data)
{
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = data, .PrivateDriverDataSize = sizeof(*data)};
    D3DKMT_CREATEALLOCATION create = {.hDevice = gpu->device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    data->magic = UDXG_SOFT_ALLOCATION_MAGIC;
    data->version = UDXG_SOFT_VERSION;
    CHECK(D3DKMTCreateAllocation2(&create));
    return info.hAllocation;
}

static void destroy_allocation(const struct gpu *gpu, D3DKMT_HANDLE allocation)
{
    D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = gpu->device, .AllocationCount = 1};
    destroy.phAllocationList = &allocation;
    CHECK(D3DKMTDestroyAllocation2(&destroy));
}

static uint32_t painted(uint32_t x, uint32_t y)
{
    return y * 0x10001u + x * 0x101u + 1;
}

static void paint_upper_half(uint8_t *picture, uint32_t pitch_bytes)
{
    for (uint32_t y = 0; y < HEIGHT / 2; y++) {
        uint32_t *row = (uint32_t *)(picture + (size_t)y * pitch_bytes);
        for (uint32_t x = 0; x < WIDTH; x++) row[x] = painted(x, y);
    }
}

static uint32_t count_wrong(const uint8_t *picture, uint32_t pitch_bytes)
{
    uint32_t wrong = 0;
    for (uint32_t y = 0; y < HEIGHT; y++) {
        const uint32_t *row = (const uint32_t *)(picture + (size_t)y * pitch_bytes);
        for (uint32_t x = 0; x < WIDTH; x++) wrong += row[x] != (y ? painted(x, y % (HEIGHT / 2)) : COLOUR);
    }
    return wrong;
}

/* The commands stand in an allocation too: in system memory, which the GPU reads through the aperture. */
static D3DKMT_HANDLE create_commands(const struct gpu *gpu, const struct commands *commands)
{
    struct udxg_soft_allocation data = {.size_bytes = sizeof(*commands), .flags = UDXG_SOFT_CPU_VISIBLE};
    data.preferred[0] = UDXG_SOFT_SEGMENT_SYSTEM;
    D3DKMT_HANDLE buffer = create_allocation(gpu, &data);
    memcpy(lock(gpu, buffer), commands, sizeof(*commands));
    unlock(gpu, buffer);
    return buffer;
}

int main(void)
{
    struct gpu gpu = open_gpu("(discrete)");

    struct udxg_soft_allocation data = {.format = UDXG_SOFT_FORMAT_RGBA8, .width = WIDTH, .height = HEIGHT};
    data.flags = UDXG_SOFT_CPU_VISIBLE;
    data.preferred[0] = UDXG_SOFT_SEGMENT_LOCAL;
    D3DKMT_HANDLE picture = create_allocation(&gpu, &data);
    printf("allocation     0x%08x: %ux%u RGBA8, pitch %u, %s, aligned to %s\n", (unsigned)picture, WIDTH, HEIGHT,
           data.pitch_bytes, size_text(data.size_bytes), size_text(data.alignment_bytes));

    paint_upper_half(lock(&gpu, picture), data.pitch_bytes);
    unlock(&gpu, picture);

    print_budget(&gpu, "video memory", D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL);
    D3DGPU_VIRTUAL_ADDRESS va = give_to_gpu(&gpu, picture, data.size_bytes);
    print_budget(&gpu, "video memory", D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL);
    print_residency(&gpu, picture);
    printf("GPU address    0x%llx\n", (unsigned long long)va);

    uint64_t half_bytes = (uint64_t)data.pitch_bytes * (HEIGHT / 2);
    struct commands commands = {
        .copy = udxg_soft_copy_command(va + half_bytes, va, half_bytes),
        .fill = udxg_soft_fill_command(va, WIDTH * 4, COLOUR),
    };
    D3DKMT_HANDLE buffer = create_commands(&gpu, &commands);
    run_commands(&gpu, give_to_gpu(&gpu, buffer, sizeof(commands)), sizeof(commands));
    printf("engine         copied %s, filled %s, fence at %llu\n", size_text(half_bytes), size_text(WIDTH * 4),
           (unsigned long long)gpu.fence_value);

    uint32_t wrong = count_wrong(lock(&gpu, picture), data.pitch_bytes);
    unlock(&gpu, picture);
    printf("verified       %u pixels, %u wrong\n", WIDTH * HEIGHT, wrong);

    destroy_allocation(&gpu, buffer);
    destroy_allocation(&gpu, picture);
    print_budget(&gpu, "video memory", D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL);
    close_gpu(&gpu);
    return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
