/* SPDX-License-Identifier: MIT */
/*
 * DestroyAllocation and DestroyAllocation2. The first test repeats what Windows was seen to do; then come lists
 * with one wrong element, which destroy nothing, the flags, and work that is still queued.
 */
#include "fixture.h"

#include <time.h>

/* Version 1 has no flags. */
static NTSTATUS destroy(int version, D3DKMT_HANDLE device, D3DKMT_HANDLE resource, const D3DKMT_HANDLE *list,
                        UINT count)
{
    if (version == 1) {
        D3DKMT_DESTROYALLOCATION args = {0};
        args.hDevice = device;
        args.hResource = resource;
        args.phAllocationList = list;
        args.AllocationCount = count;
        return D3DKMTDestroyAllocation(&args);
    }
    D3DKMT_DESTROYALLOCATION2 args = {0};
    args.hDevice = device;
    args.hResource = resource;
    args.phAllocationList = list;
    args.AllocationCount = count;
    return D3DKMTDestroyAllocation2(&args);
}

static void observed(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        udxg_case("v%d/NULL", version) {
            check_status(STATUS_INVALID_PARAMETER,
                         version == 1 ? D3DKMTDestroyAllocation(NULL) : D3DKMTDestroyAllocation2(NULL));
        }
        udxg_case("v%d/zeroed", version) {
            check_status(STATUS_INVALID_PARAMETER, destroy(version, 0, 0, NULL, 0));
        }
        udxg_case("v%d/nothing to destroy", version) {
            check_status(STATUS_SUCCESS, destroy(version, device, 0, NULL, 0));
        }
        udxg_case("v%d/count 1, list NULL", version) {
            check_status(STATUS_INVALID_PARAMETER, destroy(version, device, 0, NULL, 1));
        }
        udxg_case("v%d/list of one, twice", version) {
            D3DKMT_HANDLE allocation = create_buffer(device, KIB(64));
            check_status(STATUS_SUCCESS, destroy(version, device, 0, &allocation, 1));
            check_status(STATUS_INVALID_PARAMETER, destroy(version, device, 0, &allocation, 1));
        }
        udxg_case("v%d/only allocation of a resource, then the empty resource, twice", version) {
            D3DKMT_HANDLE allocation;
            D3DKMT_HANDLE resource = create_resource(device, 1, false, &allocation);
            check_status(STATUS_SUCCESS, destroy(version, device, 0, &allocation, 1));
            check_true(is_live_resource(device, resource));
            check_status(STATUS_SUCCESS, destroy(version, device, resource, NULL, 0));
            check_status(STATUS_INVALID_PARAMETER, destroy(version, device, resource, NULL, 0));
        }
        udxg_case("v%d/a resource takes its allocations along", version) {
            D3DKMT_HANDLE allocations[3];
            D3DKMT_HANDLE resource = create_resource(device, 3, false, allocations);
            check_status(STATUS_SUCCESS, destroy(version, device, resource, NULL, 0));
            for (int i = 0; i < 3; i++)
                check_status(STATUS_INVALID_PARAMETER, destroy(version, device, 0, &allocations[i], 1));
            check_status(STATUS_INVALID_PARAMETER, destroy(version, device, resource, NULL, 0));
        }
        udxg_case("v%d/resource, and a list of count 0 that is ignored", version) {
            D3DKMT_HANDLE allocation;
            D3DKMT_HANDLE resource = create_resource(device, 1, false, &allocation);
            D3DKMT_HANDLE junk = BAD_HANDLE;
            check_status(STATUS_SUCCESS, destroy(version, device, resource, &junk, 0));
            check_true(!is_alive(device, allocation));
        }
        udxg_case("v%d/list of several", version) {
            D3DKMT_HANDLE allocations[5];
            for (int i = 0; i < 5; i++) allocations[i] = create_buffer(device, KIB(64));
            check_status(STATUS_SUCCESS, destroy(version, device, 0, allocations, 5));
            for (int i = 0; i < 5; i++) check_true(!is_alive(device, allocations[i]));
        }
        udxg_case("v%d/some allocations of a resource leave the others", version) {
            D3DKMT_HANDLE allocations[3];
            D3DKMT_HANDLE resource = create_resource(device, 3, false, allocations);
            check_status(STATUS_SUCCESS, destroy(version, device, 0, allocations, 2));
            check_true(!is_alive(device, allocations[0]));
            check_true(!is_alive(device, allocations[1]));
            check_true(is_alive(device, allocations[2]));
            check_status(STATUS_SUCCESS, destroy(version, device, resource, NULL, 0));
            check_true(!is_alive(device, allocations[2]));
        }
    }
}

/* One wrong element in a list of live ones, at each place: refused, and all of them live on. */
static void wrong_element(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    D3DKMT_HANDLE other = create_device(adapter);
    D3DKMT_HANDLE in_resource[1], dead = create_buffer(device, KIB(64));
    D3DKMT_HANDLE resource = create_resource(device, 1, false, in_resource);
    require_success(destroy_allocation(device, dead));

    const struct {
        const char *name;
        D3DKMT_HANDLE handle;
    } rows[] = {
        {"0", 0},
        {"no handle", BAD_HANDLE},
        {"dead", dead},
        {"of another device", create_buffer(other, KIB(64))},
        {"a resource", resource},
        {"a device", device},
        {"an allocation of a resource among stand-alone ones", in_resource[0]},
    };
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(rows); i++) {
            for (int place = 0; place < 3; place++) {
                udxg_case("v%d/%s, at %d", version, rows[i].name, place) {
                    D3DKMT_HANDLE list[3];
                    for (int k = 0; k < 3; k++) list[k] = k == place ? rows[i].handle : create_buffer(device, KIB(64));
                    check_status(STATUS_INVALID_PARAMETER, destroy(version, device, 0, list, 3));
                    for (int k = 0; k < 3; k++) check_true(k == place || is_alive(device, list[k]));
                    check_true(is_alive(device, in_resource[0]));
                }
            }
        }
        udxg_case("v%d/the same allocation twice in a list", version) {
            D3DKMT_HANDLE list[2];
            list[0] = list[1] = create_buffer(device, KIB(64));
            check_status(STATUS_INVALID_PARAMETER, destroy(version, device, 0, list, 2));
            check_true(is_alive(device, list[0]));
            check_status(STATUS_SUCCESS, destroy(version, device, 0, list, 1));
        }
        udxg_case("v%d/allocations of two resources", version) {
            D3DKMT_HANDLE list[2];
            create_resource(device, 1, false, &list[0]);
            create_resource(device, 1, false, &list[1]);
            check_status(STATUS_INVALID_PARAMETER, destroy(version, device, 0, list, 2));
            check_true(is_alive(device, list[0]));
            check_true(is_alive(device, list[1]));
        }
        udxg_case("v%d/an allocation of a shared resource alone", version) {
            D3DKMT_HANDLE allocation;
            D3DKMT_HANDLE shared = create_resource(device, 1, true, &allocation);
            check_status(STATUS_INVALID_PARAMETER, destroy(version, device, 0, &allocation, 1));
            check_true(is_alive(device, allocation));
            check_status(STATUS_SUCCESS, destroy(version, device, shared, NULL, 0));
        }
    }
}

static void wrong_argument(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    D3DKMT_HANDLE other = create_device(adapter);
    D3DKMT_HANDLE allocation, resource = create_resource(device, 1, false, &allocation);

    const struct {
        const char *name;
        D3DKMT_HANDLE device, resource;
    } rows[] = {
        {"hDevice 0", 0, resource},
        {"hDevice is no handle", BAD_HANDLE, resource},
        {"hDevice is an adapter", adapter, resource},
        {"hDevice is another device", other, resource},
        {"hResource is no handle", device, BAD_HANDLE},
        {"hResource is a device", device, device},
        {"hResource is an allocation", device, allocation},
        {"hResource is an adapter", device, adapter},
    };
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(rows); i++) {
            udxg_case("v%d/%s", version, rows[i].name) {
                check_status(STATUS_INVALID_PARAMETER, destroy(version, rows[i].device, rows[i].resource, NULL, 0));
                check_true(is_alive(device, allocation));
            }
        }
        udxg_case("v%d/stand-alone allocation through another device", version) {
            D3DKMT_HANDLE alone = create_buffer(device, KIB(64));
            check_status(STATUS_INVALID_PARAMETER, destroy(version, other, 0, &alone, 1));
            check_true(is_alive(device, alone));
        }
    }

    const struct {
        const char *name;
        UINT flags;
        NTSTATUS want;
    } flags[] = {
        {"AssumeNotInUse", 1, STATUS_SUCCESS},
        {"SynchronousDestroy", 2, STATUS_SUCCESS},
        {"AssumeNotInUse and SynchronousDestroy", 3, STATUS_SUCCESS},
        {"lowest reserved flag", 4, STATUS_INVALID_PARAMETER},
        {"highest reserved flag", 0x40000000, STATUS_INVALID_PARAMETER},
        {"SystemUseOnly", 0x80000000u, STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < LENGTH_OF(flags); i++) {
        udxg_case("%s", flags[i].name) {
            D3DKMT_HANDLE alone = create_buffer(device, KIB(64));
            D3DKMT_DESTROYALLOCATION2 args = {0};
            args.hDevice = device;
            args.phAllocationList = &alone;
            args.AllocationCount = 1;
            args.Flags.Value = flags[i].flags;
            check_status(flags[i].want, D3DKMTDestroyAllocation2(&args));
            check_true(is_alive(device, alone) == (flags[i].want != STATUS_SUCCESS));
        }
    }
}

/* --------------------------------------------------------------------------------------- what goes with it */

static void goes_along(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("the handle is dead for every call") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        void *data = NULL;
        require_success(destroy_allocation(gpu.device, buffer.allocation));
        check_status(STATUS_INVALID_PARAMETER, try_lock(gpu.device, buffer.allocation, &data));
        check_status(STATUS_INVALID_PARAMETER, unlock(gpu.device, buffer.allocation));
        check_status(STATUS_INVALID_PARAMETER, try_make_resident(&gpu.queue, buffer.allocation));
        check_status(STATUS_INVALID_PARAMETER, evict(gpu.device, buffer.allocation));
        check_status(STATUS_INVALID_PARAMETER, try_map(&gpu.queue, buffer.allocation, 0, 16, NULL));
        check_status(STATUS_INVALID_PARAMETER, destroy_allocation(gpu.device, buffer.allocation));
    }
    udxg_case("a locked, resident, mapped allocation can be destroyed") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        lock(gpu.device, buffer.allocation);
        lock(gpu.device, buffer.allocation);
        check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, buffer.allocation));
        check_status(STATUS_INVALID_PARAMETER, unlock(gpu.device, buffer.allocation));
    }
    udxg_case("its GPU addresses are free again") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, KIB(64));
        UINT64 second = map(&gpu.queue, buffer.allocation, KIB(64));
        require_success(destroy_allocation(gpu.device, buffer.allocation));
        D3DKMT_HANDLE next = create_buffer(gpu.device, KIB(64));
        UINT64 va = 0;
        check_status(STATUS_SUCCESS, try_map(&gpu.queue, next, buffer.va, 16, &va));
        check_u64(buffer.va, va);
        check_status(STATUS_SUCCESS, try_map(&gpu.queue, next, second, 16, &va));
        check_u64(second, va);
    }
    udxg_case("its usage is given back") {
        UINT64 before = memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage;
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, MIB(2));
        check_u64(before + MIB(2), memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage);
        require_success(destroy_allocation(gpu.device, buffer.allocation));
        gpu_finish(&gpu);
        check_u64(before, memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage);
    }
}

/* ---------------------------------------------------------------------------------------- work in the queue */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void queued_work(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("default: queued work still finds the memory, the caller does not wait") {
        struct gpu_buffer from = create_gpu_buffer(&gpu, KIB(64));
        struct gpu_buffer to = create_gpu_buffer(&gpu, KIB(64));
        struct fence gate = create_fence(gpu.device, 0);
        memset(lock(gpu.device, from.allocation), 0x6b, KIB(64));
        require_success(unlock(gpu.device, from.allocation));
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        struct udxg_soft_copy copy = udxg_soft_copy_command(to.va, from.va, KIB(64));
        require_success(submit(&gpu, &copy, sizeof(copy)));

        double start = seconds();
        check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, from.allocation));
        check_true(seconds() - start < 1.0);
        check_status(STATUS_INVALID_PARAMETER, destroy_allocation(gpu.device, from.allocation));

        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        gpu_finish(&gpu);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        check_true(filled_with(lock(gpu.device, to.allocation), KIB(64), 0x6b));
    }
    udxg_case("default: usage follows the real free") {
        UINT64 before = memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage;
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, MIB(1));
        struct fence gate = create_fence(gpu.device, 0);
        require_success(wait_gpu(gpu.context, gate.handle, 1));
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, MIB(1), 1);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        require_success(destroy_allocation(gpu.device, buffer.allocation));
        check_true(memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage >= before + MIB(1));
        require_success(signal_cpu(gpu.device, gate.handle, 1, 0));
        gpu_finish(&gpu);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        /* What remains is the buffer of the commands. */
        check_true(memory_info(gpu.adapter, D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage < before + MIB(1));
    }
    udxg_case("AssumeNotInUse: queued work that uses it faults") {
        struct gpu lying;
        gpu_open_on(&lying, gpu.adapter);
        struct gpu_buffer buffer = create_gpu_buffer(&lying, KIB(64));
        struct fence gate = create_fence(lying.device, 0);
        require_success(wait_gpu(lying.context, gate.handle, 1));
        struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, KIB(64), 1);
        require_success(submit(&lying, &fill, sizeof(fill)));
        D3DKMT_DESTROYALLOCATION2 args = {0};
        args.hDevice = lying.device;
        args.phAllocationList = &buffer.allocation;
        args.AllocationCount = 1;
        args.Flags.AssumeNotInUse = 1;
        require_success(D3DKMTDestroyAllocation2(&args));
        require_success(signal_cpu(lying.device, gate.handle, 1, 0));
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(lying.device));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"observed", ON_EACH, observed},           {"element", ON_DISCRETE, wrong_element},
        {"argument", ON_DISCRETE, wrong_argument}, {"along", ON_EACH, goes_along},
        {"queued", ON_EACH, queued_work},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
