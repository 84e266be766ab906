/* SPDX-License-Identifier: MIT */
/*
 * Destroying while the GPU has work queued: the handle dies at once, the memory when the work has retired; and the
 * two flags that change this. Usage and addresses tell when the memory goes.
 */
#include "gate.h"

#include <unistd.h>

#define BYTES MIB(1)

enum { ASSUME_NOT_IN_USE = 1, SYNCHRONOUS_DESTROY = 2 };

static NTSTATUS destroy(D3DKMT_HANDLE device, D3DKMT_HANDLE resource, D3DKMT_HANDLE allocation, UINT flags)
{
    D3DKMT_DESTROYALLOCATION2 args = {0};
    args.hDevice = device;
    args.hResource = resource;
    args.phAllocationList = resource == 0 ? &allocation : NULL;
    args.AllocationCount = resource == 0 ? 1 : 0;
    args.Flags.Value = flags;
    return D3DKMTDestroyAllocation2(&args);
}

/* A buffer of BYTES in a resource of its own. */
static struct gpu_buffer create_in_resource(const struct gpu *gpu, D3DKMT_HANDLE *ret_resource)
{
    struct udxg_soft_allocation soft = soft_buffer(BYTES);
    D3DDDI_ALLOCATIONINFO2 info = {0};
    D3DKMT_CREATEALLOCATION args = {0};
    struct gpu_buffer buffer;
    info.pPrivateDriverData = &soft;
    info.PrivateDriverDataSize = sizeof(soft);
    args.hDevice = gpu->device;
    args.NumAllocations = 1;
    args.pAllocationInfo2 = &info;
    args.Flags.CreateResource = 1;
    require_success(D3DKMTCreateAllocation2(&args));
    buffer.allocation = info.hAllocation;
    buffer.size_bytes = BYTES;
    buffer.va = map(&gpu->queue, buffer.allocation, BYTES);
    make_resident(&gpu->queue, buffer.allocation);
    *ret_resource = args.hResource;
    return buffer;
}

/* Every call that takes an allocation refuses this one. */
static void check_dead(struct gpu *gpu, D3DKMT_HANDLE allocation)
{
    void *data = NULL;
    UINT value = SENTINEL;
    D3DKMT_LOCK lock1 = {0};
    D3DKMT_GETALLOCATIONPRIORITY priority = {0};
    D3DKMT_INVALIDATECACHE invalidate = {0};
    lock1.hDevice = priority.hDevice = invalidate.hDevice = gpu->device;
    lock1.hAllocation = invalidate.hAllocation = allocation;
    lock1.Flags.LockEntire = 1;
    priority.phAllocationList = &allocation;
    priority.AllocationCount = 1;
    priority.pPriorities = &value;
    invalidate.Length = PAGE_BYTES;
    check_status(STATUS_INVALID_PARAMETER, try_lock(gpu->device, allocation, &data));
    check_status(STATUS_INVALID_PARAMETER, unlock(gpu->device, allocation));
    check_status(STATUS_INVALID_PARAMETER, D3DKMTLock(&lock1));
    check_status(STATUS_INVALID_PARAMETER, D3DKMTGetAllocationPriority(&priority));
    check_status(STATUS_INVALID_PARAMETER, D3DKMTInvalidateCache(&invalidate));
    check_status(STATUS_INVALID_PARAMETER, try_make_resident(&gpu->queue, allocation));
    check_status(STATUS_INVALID_PARAMETER, evict(gpu->device, allocation));
    check_status(STATUS_INVALID_PARAMETER, try_map(&gpu->queue, allocation, 0, 1, NULL));
    check_status(STATUS_INVALID_PARAMETER, destroy(gpu->device, 0, allocation, 0));
    check_u64(SENTINEL, value);
}

struct destroyer {
    D3DKMT_HANDLE device, resource, allocation;
    NTSTATUS status;
};

static void *destroy_there(void *data)
{
    struct destroyer *destroyer = (struct destroyer *)data;
    destroyer->status = destroy(destroyer->device, destroyer->resource, destroyer->allocation, 0);
    return NULL;
}

static const char *form(bool whole)
{
    return whole ? "resource" : "list";
}

static void deferred(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    for (int whole = 0; whole <= 1; whole++) {
        udxg_case("%s/the handle dies at once, the memory when the work has retired", form(whole)) {
            struct gate gate;
            D3DKMT_HANDLE resource;
            struct gpu_buffer buffer = create_in_resource(&gpu, &resource);
            gate_busy(&gate, &gpu, &buffer, 0x5e5e5e5e);
            UINT64 busy = local_usage(gpu.adapter);
            double start = now_ms();
            check_status(STATUS_SUCCESS, destroy(gpu.device, whole ? resource : 0, buffer.allocation, 0));
            check_true(came_at_once(start));
            check_dead(&gpu, buffer.allocation);
            if (whole) check_status(STATUS_INVALID_PARAMETER, destroy(gpu.device, resource, 0, 0));
            check_u64(busy, local_usage(gpu.adapter));
            usleep(20000);
            check_u64(busy, local_usage(gpu.adapter));
            gate_open(&gate);
            check_true(usage_becomes(gpu.adapter, busy - BYTES));
            gpu_finish(&gpu);
            check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        }
        udxg_case("%s/its addresses are not given away before", form(whole)) {
            struct gate gate;
            D3DKMT_HANDLE resource;
            struct gpu_buffer buffer = create_in_resource(&gpu, &resource);
            gate_busy(&gate, &gpu, &buffer, 0x5e5e5e5e);
            require_success(destroy(gpu.device, whole ? resource : 0, buffer.allocation, 0));
            /* Whatever is mapped now must not be hit by the fill that is queued. */
            struct gpu_buffer next = create_gpu_buffer(&gpu, BYTES);
            check_true(next.va + BYTES <= buffer.va || buffer.va + BYTES <= next.va);
            gate_open(&gate);
            gpu_finish(&gpu);
            check_true(filled_with(lock(gpu.device, next.allocation), BYTES, 0));
            check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        }
        udxg_case("%s/an idle one is given back soon", form(whole)) {
            D3DKMT_HANDLE resource;
            gpu_finish(&gpu);
            UINT64 before = local_usage(gpu.adapter);
            struct gpu_buffer buffer = create_in_resource(&gpu, &resource);
            check_u64(before + BYTES, local_usage(gpu.adapter));
            check_status(STATUS_SUCCESS, destroy(gpu.device, whole ? resource : 0, buffer.allocation, 0));
            check_true(usage_becomes(gpu.adapter, before));
        }
        udxg_case("%s/work that is queued later is not waited for", form(whole)) {
            struct gate gate;
            D3DKMT_HANDLE resource;
            gpu_finish(&gpu);
            UINT64 before = local_usage(gpu.adapter);
            struct gpu_buffer buffer = create_in_resource(&gpu, &resource);
            require_success(destroy(gpu.device, whole ? resource : 0, buffer.allocation, 0));
            gate_close(&gate, &gpu);
            check_true(usage_becomes(gpu.adapter, before));
            gate_open(&gate);
            gpu_finish(&gpu);
        }
        udxg_case("%s/work of another device is not waited for", form(whole)) {
            struct gpu other;
            struct gate gate;
            D3DKMT_HANDLE resource;
            gpu_open_on(&other, gpu.adapter);
            gpu_finish(&gpu);
            gate_close(&gate, &other);
            UINT64 before = local_usage(gpu.adapter);
            struct gpu_buffer buffer = create_in_resource(&gpu, &resource);
            require_success(destroy(gpu.device, whole ? resource : 0, buffer.allocation, 0));
            check_true(usage_becomes(gpu.adapter, before));
            gate_open(&gate);
        }
        udxg_case("%s/work of every context of the device is waited for", form(whole)) {
            struct gpu second = gpu;
            struct gate gates[2];
            D3DKMT_HANDLE resource;
            second.context = create_context(gpu.device, 1);
            second.done = create_fence(gpu.device, 0);
            second.last = 0;
            struct gpu_buffer buffer = create_in_resource(&gpu, &resource);
            gate_busy(&gates[0], &gpu, &buffer, 1);
            gate_busy(&gates[1], &second, &buffer, 2);
            UINT64 busy = local_usage(gpu.adapter);
            require_success(destroy(gpu.device, whole ? resource : 0, buffer.allocation, 0));
            gate_open(&gates[0]);
            gpu_finish(&gpu);
            usleep(20000);
            check_u64(busy, local_usage(gpu.adapter));
            gate_open(&gates[1]);
            check_true(usage_becomes(gpu.adapter, busy - BYTES));
            gpu_finish(&second);
            check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        }
        udxg_case("%s/from another thread than it was created on", form(whole)) {
            struct gate gate;
            D3DKMT_HANDLE resource;
            struct gpu_buffer buffer = create_in_resource(&gpu, &resource);
            gate_busy(&gate, &gpu, &buffer, 1);
            UINT64 busy = local_usage(gpu.adapter);
            struct destroyer destroyer = {gpu.device, whole ? resource : 0, buffer.allocation, STATUS_PENDING};
            pthread_t thread;
            require_true(pthread_create(&thread, NULL, destroy_there, &destroyer) == 0);
            require_true(pthread_join(thread, NULL) == 0);
            check_status(STATUS_SUCCESS, destroyer.status);
            check_dead(&gpu, buffer.allocation);
            check_u64(busy, local_usage(gpu.adapter));
            gate_open(&gate);
            check_true(usage_becomes(gpu.adapter, busy - BYTES));
        }
    }
    udxg_case("hundred in a row, each behind the same gate") {
        struct gate gate;
        struct gpu_buffer buffers[100];
        for (size_t i = 0; i < LENGTH_OF(buffers); i++) buffers[i] = create_gpu_buffer(&gpu, KIB(64));
        gate_busy(&gate, &gpu, &buffers[99], 1);
        UINT64 busy = local_usage(gpu.adapter);
        for (size_t i = 0; i < LENGTH_OF(buffers); i++)
            check_status(STATUS_SUCCESS, destroy(gpu.device, 0, buffers[i].allocation, 0));
        check_u64(busy, local_usage(gpu.adapter));
        gate_open(&gate);
        check_true(usage_becomes(gpu.adapter, busy - 100 * KIB(64)));
    }
    udxg_case("the device is destroyed while a destroy is deferred") {
        struct gpu own;
        struct gate gate;
        UINT64 before = local_usage(gpu.adapter);
        gpu_open_on(&own, gpu.adapter);
        struct gpu_buffer buffer = create_gpu_buffer(&own, BYTES);
        gate_busy(&gate, &own, &buffer, 1);
        require_success(destroy(own.device, 0, buffer.allocation, 0));
        D3DKMT_DESTROYDEVICE args = {own.device};
        check_status(STATUS_SUCCESS, D3DKMTDestroyDevice(&args));
        check_true(usage_becomes(gpu.adapter, before));
    }
    udxg_case("the context is destroyed while a destroy is deferred: what waits is given up") {
        struct gpu own;
        struct gate gate;
        gpu_open_on(&own, gpu.adapter);
        struct gpu_buffer buffer = create_gpu_buffer(&own, BYTES);
        gate_busy(&gate, &own, &buffer, 1);
        UINT64 busy = local_usage(gpu.adapter);
        require_success(destroy(own.device, 0, buffer.allocation, 0));
        D3DKMT_DESTROYCONTEXT args = {own.context};
        check_status(STATUS_SUCCESS, D3DKMTDestroyContext(&args));
        check_true(usage_becomes(gpu.adapter, busy - BYTES));
    }
    udxg_case("the device falls into error while a destroy is deferred") {
        struct gpu own;
        struct gate gate;
        gpu_open_on(&own, gpu.adapter);
        struct gpu_buffer buffer = create_gpu_buffer(&own, BYTES);
        struct udxg_soft_fill fill = udxg_soft_fill_command(PAGE_BYTES, PAGE_BYTES, 1); /* nothing is there */
        gate_busy(&gate, &own, &buffer, 1);
        require_success(submit(&own, &fill, sizeof(fill)));
        UINT64 busy = local_usage(gpu.adapter);
        require_success(destroy(own.device, 0, buffer.allocation, 0));
        gate_open(&gate);
        check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(own.device));
        check_true(usage_becomes(gpu.adapter, busy - BYTES));
    }
}

/* ---------------------------------------------------------------------------------------------------- flags */

static void assume_not_in_use(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    for (UINT flags = ASSUME_NOT_IN_USE; flags <= (ASSUME_NOT_IN_USE | SYNCHRONOUS_DESTROY); flags += 2) {
        for (int whole = 0; whole <= 1; whole++) {
            udxg_case("flags %u, %s/memory goes at once, whatever is queued", flags, form(whole)) {
                struct gate gate;
                D3DKMT_HANDLE resource;
                struct gpu_buffer buffer = create_in_resource(&gpu, &resource);
                /* Work that does not use it, so that nobody lied. */
                gate_close(&gate, &gpu);
                UINT64 busy = local_usage(gpu.adapter);
                double start = now_ms();
                check_status(STATUS_SUCCESS, destroy(gpu.device, whole ? resource : 0, buffer.allocation, flags));
                check_true(came_at_once(start));
                check_u64(busy - BYTES, local_usage(gpu.adapter));
                check_dead(&gpu, buffer.allocation);
                gate_open(&gate);
                gpu_finish(&gpu);
                check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
            }
            udxg_case("flags %u, %s/who lied is in error, and hits nothing else", flags, form(whole)) {
                struct gpu own;
                struct gate gate;
                D3DKMT_HANDLE resource;
                gpu_open_on(&own, gpu.adapter);
                struct gpu_buffer buffer = create_in_resource(&own, &resource);
                gate_busy(&gate, &own, &buffer, 0x5e5e5e5e);
                require_success(destroy(own.device, whole ? resource : 0, buffer.allocation, flags));
                D3DKMT_HANDLE next = create_buffer(own.device, BYTES);
                void *data = lock(own.device, next);
                gate_open(&gate);
                check_u64(D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT, wait_for_error(own.device));
                check_true(filled_with(data, BYTES, 0));
            }
        }
    }
}

static void synchronous(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    for (int whole = 0; whole <= 1; whole++) {
        udxg_case("%s/comes back when the memory has gone", form(whole)) {
            struct gate gate;
            D3DKMT_HANDLE resource;
            struct gpu_buffer buffer = create_in_resource(&gpu, &resource);
            gate_busy(&gate, &gpu, &buffer, 0x5e5e5e5e);
            UINT64 busy = local_usage(gpu.adapter);
            gate_open_later(&gate);
            double start = now_ms();
            check_status(STATUS_SUCCESS,
                         destroy(gpu.device, whole ? resource : 0, buffer.allocation, SYNCHRONOUS_DESTROY));
            check_true(waited(start));
            check_u64(busy - BYTES, local_usage(gpu.adapter));
            gate_join(&gate);
            check_dead(&gpu, buffer.allocation);
            check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        }
        udxg_case("%s/nothing queued: does not wait", form(whole)) {
            D3DKMT_HANDLE resource;
            gpu_finish(&gpu);
            UINT64 before = local_usage(gpu.adapter);
            struct gpu_buffer buffer = create_in_resource(&gpu, &resource);
            double start = now_ms();
            check_status(STATUS_SUCCESS,
                         destroy(gpu.device, whole ? resource : 0, buffer.allocation, SYNCHRONOUS_DESTROY));
            check_true(came_at_once(start));
            check_u64(before, local_usage(gpu.adapter));
        }
        udxg_case("%s/another device's work does not hold it up", form(whole)) {
            struct gpu other;
            struct gate gate;
            D3DKMT_HANDLE resource;
            gpu_open_on(&other, gpu.adapter);
            gpu_finish(&gpu);
            struct gpu_buffer buffer = create_in_resource(&gpu, &resource);
            gate_close(&gate, &other);
            double start = now_ms();
            check_status(STATUS_SUCCESS,
                         destroy(gpu.device, whole ? resource : 0, buffer.allocation, SYNCHRONOUS_DESTROY));
            check_true(came_at_once(start));
            gate_open(&gate);
        }
    }
    udxg_case("a refused one does not wait") {
        struct gate gate;
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, BYTES);
        gate_busy(&gate, &gpu, &buffer, 1);
        double start = now_ms();
        check_status(STATUS_INVALID_PARAMETER, destroy(gpu.device, 0, BAD_HANDLE, SYNCHRONOUS_DESTROY));
        check_status(STATUS_INVALID_PARAMETER, destroy(gpu.device, BAD_HANDLE, 0, SYNCHRONOUS_DESTROY));
        check_true(came_at_once(start));
        gate_open(&gate);
        gpu_finish(&gpu);
    }
}

/* Contents, too, last as long as queued work needs them. */
static void contents(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("queued copies read what was there, though others were created meanwhile") {
        struct gate gate;
        struct gpu_buffer from = create_gpu_buffer(&gpu, BYTES);
        struct gpu_buffer to = create_gpu_buffer(&gpu, BYTES);
        memset(lock(gpu.device, from.allocation), 0x6b, BYTES);
        require_success(unlock(gpu.device, from.allocation));
        gate_close(&gate, &gpu);
        struct udxg_soft_copy copy = udxg_soft_copy_command(to.va, from.va, BYTES);
        require_success(submit(&gpu, &copy, sizeof(copy)));
        require_success(destroy(gpu.device, 0, from.allocation, 0));
        for (int i = 0; i < 20; i++) memset(lock(gpu.device, create_buffer(gpu.device, BYTES)), 0xbb, BYTES);
        gate_open(&gate);
        gpu_finish(&gpu);
        check_true(filled_with(lock(gpu.device, to.allocation), BYTES, 0x6b));
    }
    udxg_case("Lock2's address is nobody else's before the memory has gone") {
        struct gate gate;
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, BYTES);
        uint8_t *old = (uint8_t *)lock(gpu.device, buffer.allocation);
        gate_busy(&gate, &gpu, &buffer, 1);
        require_success(destroy(gpu.device, 0, buffer.allocation, 0));
        for (int i = 0; i < 20; i++) {
            uint8_t *data = (uint8_t *)lock(gpu.device, create_buffer(gpu.device, BYTES));
            check_true(data + BYTES <= old || old + BYTES <= data);
        }
        gate_open(&gate);
        gpu_finish(&gpu);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"deferred", ON_EACH, deferred},
        {"AssumeNotInUse", ON_EACH, assume_not_in_use},
        {"SynchronousDestroy", ON_EACH, synchronous},
        {"contents", ON_EACH, contents},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
