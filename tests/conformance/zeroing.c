/* SPDX-License-Identifier: MIT */
/*
 * No byte of an earlier owner is ever seen: at every size, memory is filled by the CPU and by the GPU, given back,
 * had again, and every byte of it is zero, for the CPU and for the GPU.
 */
#include "creation.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Every power of two, what lies beside it, and what is no whole page. */
static const uint64_t sizes[] = {
    1,          4095,       4096,      4097,       KIB(8),     KIB(8) + 1, KIB(12),   KIB(16),   KIB(20),     KIB(28),
    KIB(32),    KIB(36),    KIB(60),   KIB(64),    KIB(68),    KIB(124),   KIB(128),  KIB(132),  KIB(252),    KIB(256),
    KIB(260),   KIB(508),   KIB(512),  KIB(516),   KIB(1020),  MIB(1),     KIB(1028), KIB(2044), MIB(2),      KIB(2052),
    1234567,    MIB(3),     KIB(4092), MIB(4),     KIB(4100),  KIB(8188),  MIB(8),    KIB(8196), MIB(16) - 1, MIB(16),
    KIB(16388), KIB(32764), MIB(32),   KIB(32772), KIB(65532), MIB(64),
};

/* What a size becomes: whole pages. */
static uint64_t whole(uint64_t size_bytes)
{
    return (size_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

static D3DKMT_HANDLE create(D3DKMT_HANDLE device, uint64_t size_bytes, UINT flags)
{
    struct creation creation;
    creation_buffers(&creation, 2, device, 1);
    creation.soft[0].size_bytes = size_bytes;
    creation_set_flags(&creation, flags);
    require_success(creation_issue(&creation));
    require_u64(whole(size_bytes), creation.soft[0].size_bytes);
    return creation.info2[0].hAllocation;
}

/* At once, so that the next creation can have the memory. */
static void destroy(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    D3DKMT_DESTROYALLOCATION2 args = {0};
    args.hDevice = device;
    args.phAllocationList = &allocation;
    args.AllocationCount = 1;
    args.Flags.SynchronousDestroy = 1;
    require_success(D3DKMTDestroyAllocation2(&args));
}

static void check_zero(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, uint64_t size_bytes)
{
    require_true(filled_with(lock(device, allocation), whole(size_bytes), 0));
    require_success(unlock(device, allocation));
}

static void fill(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, uint64_t size_bytes, uint8_t byte)
{
    memset(lock(device, allocation), byte, whole(size_bytes));
    require_success(unlock(device, allocation));
}

/* ------------------------------------------------------------------------------------------------- the CPU */

static void by_the_cpu(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
        unsigned long long size = sizes[i];
        udxg_case("%llu bytes, one after the other", size) {
            for (int round = 0; round < 4; round++) {
                D3DKMT_HANDLE allocation = create(device, size, 0);
                check_zero(device, allocation, size);
                fill(device, allocation, size, 0xe1);
                destroy(device, allocation);
            }
        }
        udxg_case("%llu bytes, after one that need not be zeroed", size) {
            for (int round = 0; round < 4; round++) {
                D3DKMT_HANDLE allocation = create(device, size, ALLOW_NOT_ZEROED);
                fill(device, allocation, size, 0xe2);
                destroy(device, allocation);
                allocation = create(device, size, 0);
                check_zero(device, allocation, size);
                fill(device, allocation, size, 0xe3);
                destroy(device, allocation);
            }
        }
    }
    udxg_case("a large one's place for many small ones, and back") {
        for (int round = 0; round < 4; round++) {
            D3DKMT_HANDLE small[64];
            D3DKMT_HANDLE large = create(device, MIB(4), 0);
            check_zero(device, large, MIB(4));
            fill(device, large, MIB(4), 0xe4);
            destroy(device, large);
            for (size_t i = 0; i < LENGTH_OF(small); i++) {
                small[i] = create(device, KIB(60), 0);
                check_zero(device, small[i], KIB(60));
            }
            for (size_t i = 0; i < LENGTH_OF(small); i++) fill(device, small[i], KIB(60), 0xe5);
            for (size_t i = 0; i < LENGTH_OF(small); i++) destroy(device, small[(i * 37) % LENGTH_OF(small)]);
        }
    }
    udxg_case("of a resource, and of a device, that was destroyed") {
        for (int round = 0; round < 8; round++) {
            D3DKMT_HANDLE allocations[4];
            D3DKMT_HANDLE other = create_device(open_adapter());
            D3DKMT_DESTROYDEVICE args = {other};
            D3DKMT_HANDLE resource = create_resource(other, 4, round % 2 != 0, allocations);
            for (int i = 0; i < 4; i++) {
                check_zero(other, allocations[i], KIB(64));
                fill(other, allocations[i], KIB(64), 0xe6);
            }
            if (round % 4 < 2) require_success(destroy_resource(other, resource));
            require_success(D3DKMTDestroyDevice(&args));
        }
    }
    udxg_case("after a creation that failed") {
        for (int round = 0; round < 20; round++) {
            struct creation creation;
            D3DKMT_HANDLE before = create(device, KIB(64), 0);
            fill(device, before, KIB(64), 0xe7);
            destroy(device, before);
            creation_buffers(&creation, 2, device, 3);
            creation.soft[2].size_bytes = (uint64_t)1 << 50;
            creation_fails(&creation, STATUS_GRAPHICS_NO_VIDEO_MEMORY);
            D3DKMT_HANDLE after = create(device, KIB(64), 0);
            check_zero(device, after, KIB(64));
            destroy(device, after);
        }
    }
}

/* ------------------------------------------------------------------------------------------------- the GPU */

/* Lets the GPU read ALLOCATION into a buffer of its own, and looks at every byte. */
static void check_zero_for_gpu(struct gpu *gpu, UINT64 va, uint64_t size_bytes, const struct gpu_buffer *into)
{
    struct udxg_soft_fill stain = udxg_soft_fill_command(into->va, whole(size_bytes), 0xacacacac);
    struct udxg_soft_copy copy = udxg_soft_copy_command(into->va, va, whole(size_bytes));
    require_success(submit(gpu, &stain, sizeof(stain)));
    require_success(submit(gpu, &copy, sizeof(copy)));
    gpu_finish(gpu);
    require_true(filled_with(lock(gpu->device, into->allocation), whole(size_bytes), 0));
    require_success(unlock(gpu->device, into->allocation));
}

static void by_the_gpu(void)
{
    for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
        unsigned long long size = sizes[i];
        for (int visible = 0; visible <= 1; visible++) {
            udxg_case("%llu bytes%s", size, visible ? "" : ", not CPU visible") {
                struct gpu gpu;
                gpu_open(&gpu);
                struct gpu_buffer into = create_gpu_buffer(&gpu, whole(size));
                for (int round = 0; round < 3; round++) {
                    struct udxg_soft_allocation soft = soft_buffer(size);
                    if (!visible) soft.flags = 0;
                    D3DKMT_HANDLE allocation = create_allocation(gpu.device, &soft);
                    UINT64 va = map(&gpu.queue, allocation, whole(size));
                    make_resident(&gpu.queue, allocation);
                    check_zero_for_gpu(&gpu, va, size, &into);
                    struct udxg_soft_fill fill = udxg_soft_fill_command(va, whole(size), 0xbdbdbdbd);
                    require_success(submit(&gpu, &fill, sizeof(fill)));
                    gpu_finish(&gpu);
                    destroy(gpu.device, allocation);
                }
                D3DKMT_DESTROYDEVICE args = {gpu.device};
                check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&args));
            }
        }
    }
    udxg_case("what was evicted leaves its place clean") {
        struct gpu gpu;
        gpu_open(&gpu);
        struct gpu_buffer into = create_gpu_buffer(&gpu, MIB(1));
        for (int round = 0; round < 8; round++) {
            struct gpu_buffer stained = create_gpu_buffer(&gpu, MIB(1));
            struct udxg_soft_fill fill = udxg_soft_fill_command(stained.va, MIB(1), 0xcececece);
            require_success(submit(&gpu, &fill, sizeof(fill)));
            gpu_finish(&gpu);
            require_success(evict(gpu.device, stained.allocation));
            struct gpu_buffer fresh = create_gpu_buffer(&gpu, MIB(1));
            check_zero_for_gpu(&gpu, fresh.va, MIB(1), &into);
            check_true(filled_with(lock(gpu.device, stained.allocation), MIB(1), 0xce));
        }
    }
}

/* ------------------------------------------------------------------------------------------------ all mixed */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void mixed(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (uint64_t seed = 1; seed <= 4; seed++) {
        udxg_case("seed %llu", (unsigned long long)seed) {
            struct {
                D3DKMT_HANDLE handle;
                uint64_t size_bytes;
            } live[40];
            uint64_t state = seed;
            memset(live, 0, sizeof(live));
            for (int step = 0; step < 2000; step++) {
                size_t i = next_random(&state) % LENGTH_OF(live);
                if (live[i].handle != 0) {
                    destroy(device, live[i].handle);
                    live[i].handle = 0;
                    continue;
                }
                UINT flags = next_random(&state) % 4 == 0 ? ALLOW_NOT_ZEROED : 0;
                live[i].size_bytes = 1 + next_random(&state) % (next_random(&state) % 8 == 0 ? MIB(2) : KIB(100));
                live[i].handle = create(device, live[i].size_bytes, flags);
                if (flags == 0) check_zero(device, live[i].handle, live[i].size_bytes);
                fill(device, live[i].handle, live[i].size_bytes, (uint8_t)(step | 1));
            }
            for (size_t i = 0; i < LENGTH_OF(live); i++) {
                if (live[i].handle != 0) destroy(device, live[i].handle);
            }
        }
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"CPU", ON_EACH, by_the_cpu},
        {"GPU", ON_EACH, by_the_gpu},
        {"mixed", ON_EACH, mixed},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
