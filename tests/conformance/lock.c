/* SPDX-License-Identifier: MIT */
/* Lock2 and Unlock2: they count, never wait, and the address holds for the life of the allocation. */
#include "escape.h"
#include "opening.h"

#include <time.h>

static void arguments(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    D3DKMT_HANDLE other = create_device(adapter);
    D3DKMT_HANDLE allocation = create_buffer(device, KIB(64));
    D3DKMT_HANDLE dead = create_buffer(device, KIB(64));
    require_success(destroy_allocation(device, dead));

    udxg_case("lock/NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTLock2(NULL));
    }
    udxg_case("unlock/NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTUnlock2(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE device, allocation;
        UINT flags;
    } rows[] = {
        {"zeroed", 0, 0, 0},
        {"hDevice 0", 0, allocation, 0},
        {"hDevice is no handle", BAD_HANDLE, allocation, 0},
        {"hDevice is an adapter", adapter, allocation, 0},
        {"hDevice is another device", other, allocation, 0},
        {"hAllocation 0", device, 0, 0},
        {"hAllocation is no handle", device, BAD_HANDLE, 0},
        {"hAllocation is a device", device, device, 0},
        {"hAllocation is a resource", device, create_resource(device, 1, false, NULL), 0},
        {"hAllocation was destroyed", device, dead, 0},
        {"lowest flag", device, allocation, 1},
        {"highest flag", device, allocation, 0x80000000u},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("lock/%s", rows[i].name) {
            D3DKMT_LOCK2 args = {0};
            args.hDevice = rows[i].device;
            args.hAllocation = rows[i].allocation;
            args.Flags.Value = rows[i].flags;
            args.pData = (PVOID)(uintptr_t)SENTINEL;
            check_status(STATUS_INVALID_PARAMETER, D3DKMTLock2(&args));
            check_u64(SENTINEL, (uintptr_t)args.pData);
            /* The failed lock does not count. */
            check_status(STATUS_INVALID_PARAMETER, unlock(device, allocation));
        }
        if (rows[i].flags != 0) continue;
        udxg_case("unlock/%s", rows[i].name) {
            lock(device, allocation);
            check_status(STATUS_INVALID_PARAMETER, unlock(rows[i].device, rows[i].allocation));
            check_status(STATUS_SUCCESS, unlock(device, allocation));
        }
    }
}

static void counts(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("unlock of what was never locked") {
        check_status(STATUS_INVALID_PARAMETER, unlock(device, create_buffer(device, KIB(64))));
    }
    udxg_case("locks nest, the address is the same") {
        D3DKMT_HANDLE allocation = create_buffer(device, KIB(64));
        void *first = lock(device, allocation);
        check_u64(0, (uintptr_t)first % PAGE_BYTES);
        for (int i = 0; i < 9; i++) check_true(lock(device, allocation) == first);
        for (int i = 0; i < 10; i++) check_status(STATUS_SUCCESS, unlock(device, allocation));
        check_status(STATUS_INVALID_PARAMETER, unlock(device, allocation));
    }
    udxg_case("the address is the same after unlock, and so are the bytes") {
        D3DKMT_HANDLE allocation = create_buffer(device, KIB(64));
        void *first = lock(device, allocation);
        memset(first, 0x31, KIB(64));
        require_success(unlock(device, allocation));
        check_true(lock(device, allocation) == first);
        check_true(filled_with(first, KIB(64), 0x31));
    }
    udxg_case("every byte of every allocation of a resource is its own") {
        D3DKMT_HANDLE allocations[4];
        uint8_t *data[4];
        create_resource(device, 4, false, allocations);
        for (int i = 0; i < 4; i++) {
            data[i] = (uint8_t *)lock(device, allocations[i]);
            memset(data[i], 0x10 + i, KIB(64));
        }
        for (int i = 0; i < 4; i++) check_true(filled_with(data[i], KIB(64), (uint8_t)(0x10 + i)));
    }
}

static void zeroed(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    const uint64_t sizes[] = {PAGE_BYTES, KIB(12), KIB(64), KIB(260), MIB(1), MIB(8)};
    for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
        udxg_case("fresh, and after others were filled and destroyed, %llu bytes", (unsigned long long)sizes[i]) {
            for (int round = 0; round < 8; round++) {
                D3DKMT_HANDLE allocation = create_buffer(device, sizes[i]);
                void *data = lock(device, allocation);
                check_true(filled_with(data, sizes[i], 0));
                memset(data, 0xee, sizes[i]);
                require_success(unlock(device, allocation));
                require_success(destroy_allocation(device, allocation));
            }
        }
    }
    udxg_case("also where the GPU wrote before") {
        struct gpu gpu;
        gpu_open(&gpu);
        for (int round = 0; round < 4; round++) {
            struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(256));
            struct gpu_buffer copy = create_gpu_buffer(&gpu, KIB(256));
            struct udxg_soft_copy look = udxg_soft_copy_command(copy.va, buffer.va, KIB(256));
            struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, KIB(256), 0xdddddddd);
            require_success(submit(&gpu, &look, sizeof(look)));
            require_success(submit(&gpu, &fill, sizeof(fill)));
            gpu_finish(&gpu);
            check_true(filled_with(lock(gpu.device, copy.allocation), KIB(256), 0));
            require_success(destroy_allocation(gpu.device, buffer.allocation));
        }
    }
}

static void residency(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("address and bytes survive a thousand evictions") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        uint8_t *data = (uint8_t *)lock(gpu.device, buffer.allocation);
        for (int i = 0; i < 1000; i++) {
            memset(data, i & 0xff, KIB(64));
            require_success(evict(gpu.device, buffer.allocation));
            require_true(filled_with(data, KIB(64), (uint8_t)i));
            make_resident(&gpu.queue, buffer.allocation);
            require_true(filled_with(data, KIB(64), (uint8_t)i));
        }
        check_true(lock(gpu.device, buffer.allocation) == data);
    }
    udxg_case("unlocked: bytes survive eviction and come back by the same address") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(256));
        void *address = lock(gpu.device, buffer.allocation);
        memset(address, 0x4d, KIB(256));
        require_success(unlock(gpu.device, buffer.allocation));
        for (int i = 0; i < 20; i++) {
            require_success(evict(gpu.device, buffer.allocation));
            make_resident(&gpu.queue, buffer.allocation);
        }
        check_true(lock(gpu.device, buffer.allocation) == address);
        check_true(filled_with(address, KIB(256), 0x4d));
    }
    udxg_case("what the GPU wrote is seen at the old address") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        void *address = lock(gpu.device, buffer.allocation);
        require_success(unlock(gpu.device, buffer.allocation));
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, KIB(64), 0x2f2f2f2f);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        check_true(lock(gpu.device, buffer.allocation) == address);
        check_true(filled_with(address, KIB(64), 0x2f));
    }
    udxg_case("the GPU works on a locked allocation, too") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        void *address = lock(gpu.device, buffer.allocation);
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, KIB(64), 0x6a6a6a6a);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        check_true(filled_with(address, KIB(64), 0x6a));
    }
    udxg_case("a lock does not wait for the GPU") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        struct fence gate = create_fence(gpu.device, 0);
        struct timespec start, end;
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, KIB(64), 0x7e7e7e7e);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        clock_gettime(CLOCK_MONOTONIC, &start);
        void *address = lock(gpu.device, buffer.allocation);
        clock_gettime(CLOCK_MONOTONIC, &end);
        check_true(end.tv_sec - start.tv_sec < 2);
        check_true(filled_with(address, KIB(64), 0));
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        gpu_finish(&gpu);
        check_true(filled_with(address, KIB(64), 0x7e));
    }
}

/* Two openings of one memory. */
static void openings(void)
{
    static struct creation creation;
    static struct opening opening;
    struct gpu gpu;
    gpu_open(&gpu);
    D3DKMT_HANDLE other = create_device(gpu.adapter), mine, theirs;
    create_shared(&creation, gpu.device, 1, CREATE_RESOURCE | CREATE_SHARED);
    mine = creation_handle(&creation, 0);
    open_prepare(&opening, OPEN_RESOURCE2, other, creation.args.hGlobalShare, NULL);
    require_success(open_issue(&opening));
    theirs = opened_allocation(&opening, 0);
    udxg_case("who did not lock cannot unlock") {
        lock(gpu.device, mine);
        check_status(STATUS_INVALID_PARAMETER, unlock(other, theirs));
        check_status(STATUS_SUCCESS, unlock(gpu.device, mine));
        check_status(STATUS_INVALID_PARAMETER, unlock(gpu.device, mine));
    }
    udxg_case("each counts its own, at one address") {
        check_true(lock(gpu.device, mine) == lock(other, theirs));
        lock(other, theirs);
        check_status(STATUS_SUCCESS, unlock(gpu.device, mine));
        check_status(STATUS_INVALID_PARAMETER, unlock(gpu.device, mine));
        check_status(STATUS_SUCCESS, unlock(other, theirs));
        check_status(STATUS_SUCCESS, unlock(other, theirs));
        check_status(STATUS_INVALID_PARAMETER, unlock(other, theirs));
    }
    udxg_case("the locks of an opening end with it") {
        lock(other, theirs);
        lock(other, theirs);
        make_resident(&gpu.queue, mine);
        check_u64(D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY, residency_of(gpu.device, mine));
        require_success(evict(gpu.device, mine));
        require_success(destroy_resource(other, opening.args.hResource));
        make_resident(&gpu.queue, mine);
        check_u64(D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY, residency_of(gpu.device, mine));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"argument", ON_DISCRETE, arguments}, {"count", ON_EACH, counts},          {"zeroed", ON_EACH, zeroed},
        {"residency", ON_EACH, residency},    {"openings", ON_DISCRETE, openings},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
