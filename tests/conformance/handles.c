/* SPDX-License-Identifier: MIT */
/*
 * Handles: one table of the process for all kinds, numbers that rise by 0x40 and do not come back soon, and
 * every call with a handle of every wrong kind.
 */
#include "fixture.h"

#include <stdlib.h>

static int compare_handles(const void *a, const void *b)
{
    const D3DKMT_HANDLE *x = (const D3DKMT_HANDLE *)a, *y = (const D3DKMT_HANDLE *)b;
    return *x < *y ? -1 : *x > *y;
}

static void numbering(void)
{
    udxg_case("consecutive across kinds") {
        D3DKMT_HANDLE adapter = open_adapter();
        D3DKMT_HANDLE device = create_device(adapter);
        check_local(adapter);
        check_u64(adapter + 0x40, device);
        D3DKMT_HANDLE allocation = create_buffer(device, KIB(64));
        check_u64(device + 0x40, allocation);
        D3DKMT_HANDLE member;
        D3DKMT_HANDLE resource = create_resource(device, 1, false, &member);
        check_u64(allocation + 0x40, resource);
        check_u64(resource + 0x40, member);
        D3DKMT_HANDLE context = create_context(device, 0);
        check_u64(member + 0x40, context);
        D3DKMT_HANDLE fence = create_fence(device, 0).handle;
        check_u64(context + 0x40, fence);
        struct paging_queue queue = create_paging_queue(device);
        check_u64(fence + 0x40, queue.handle < queue.fence ? queue.handle : queue.fence);
        check_u64(fence + 0x80, queue.handle < queue.fence ? queue.fence : queue.handle);
        check_u64(fence + 0xc0, create_device(adapter));
    }
    udxg_case("destroyed handles do not come back at once") {
        D3DKMT_HANDLE device = create_device(open_adapter());
        D3DKMT_HANDLE a = create_buffer(device, KIB(64)), b = create_buffer(device, KIB(64));
        require_success(destroy_allocation(device, a));
        require_success(destroy_allocation(device, b));
        check_u64(b + 0x40, create_buffer(device, KIB(64)));
    }
    udxg_case("twenty in a row rise, each destroyed before the next") {
        D3DKMT_HANDLE device = create_device(open_adapter());
        D3DKMT_HANDLE last = device;
        for (int i = 0; i < 20; i++) {
            D3DKMT_HANDLE next = create_buffer(device, KIB(64));
            check_u64(last + 0x40, next);
            require_success(destroy_allocation(device, next));
            last = next;
        }
    }
    udxg_case("a global handle takes no local number") {
        D3DKMT_HANDLE device = create_device(open_adapter());
        struct udxg_soft_allocation soft = soft_buffer(KIB(64));
        D3DDDI_ALLOCATIONINFO2 info = {0};
        D3DKMT_CREATEALLOCATION args = {0};
        info.pPrivateDriverData = &soft;
        info.PrivateDriverDataSize = sizeof(soft);
        args.hDevice = device;
        args.NumAllocations = 1;
        args.pAllocationInfo2 = &info;
        args.Flags.CreateResource = 1;
        args.Flags.CreateShared = 1;
        require_success(D3DKMTCreateAllocation2(&args));
        check_global(args.hGlobalShare);
        check_u64(device + 0x40, args.hResource);
        check_u64(args.hResource + 0x40, info.hAllocation);
        check_u64(info.hAllocation + 0x40, next_handle(device));
    }
    udxg_case("a hundred thousand lives: always local, never one of the last thousand") {
        D3DKMT_HANDLE device = create_device(open_adapter());
        static D3DKMT_HANDLE recent[1000];
        for (unsigned i = 0; i < 100000; i++) {
            D3DKMT_HANDLE handle = create_buffer(device, PAGE_BYTES);
            require_true(is_local(handle));
            for (size_t k = 0; k < LENGTH_OF(recent); k++) {
                if (handle == recent[k]) require_true(handle != recent[k]);
            }
            recent[i % LENGTH_OF(recent)] = handle;
            require_success(destroy_allocation(device, handle));
        }
    }
    udxg_case("ten thousand alive at once, each its own") {
        enum { COUNT = 10000 };
        static D3DKMT_HANDLE handles[COUNT];
        D3DKMT_HANDLE device = create_device(open_adapter());
        for (int i = 0; i < COUNT; i++) {
            handles[i] = create_buffer(device, PAGE_BYTES);
            require_true(is_local(handles[i]));
        }
        qsort(handles, COUNT, sizeof(handles[0]), compare_handles);
        for (int i = 1; i < COUNT; i++) require_true(handles[i] != handles[i - 1]);
        for (int i = 0; i < COUNT; i++) require_success(destroy_allocation(device, handles[i]));
        for (int i = 0; i < COUNT; i += 997)
            check_status(STATUS_INVALID_PARAMETER, destroy_allocation(device, handles[i]));
    }
}

/* ------------------------------------------------------------------------------ every call, every wrong kind */

enum kind { NONE, ADAPTER, DEVICE, RESOURCE, ALLOCATION, CONTEXT, SYNC, QUEUE, JUNK, KINDS };

static const char *const kind_names[KINDS] = {"0",       "adapter", "device", "resource", "allocation",
                                              "context", "sync",    "queue",  "junk"};

/* The objects of a call that is right but for the handle in question. */
struct objects {
    D3DKMT_HANDLE handle[KINDS];
};

static void close_adapter(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DKMT_CLOSEADAPTER args = {h};
    check_status(STATUS_INVALID_PARAMETER, D3DKMTCloseAdapter(&args));
}

static void make_device(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DKMT_CREATEDEVICE args = {0};
    args.hAdapter = h;
    check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateDevice(&args));
}

static void query_adapter(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    BOOL data = FALSE;
    D3DKMT_QUERYADAPTERINFO args = {0};
    args.hAdapter = h;
    args.Type = KMTQAITYPE_CHECKDRIVERUPDATESTATUS;
    args.pPrivateDriverData = &data;
    args.PrivateDriverDataSize = sizeof(data);
    check_status(STATUS_INVALID_PARAMETER, D3DKMTQueryAdapterInfo(&args));
}

static void query_memory(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DKMT_QUERYVIDEOMEMORYINFO args = {0};
    args.hAdapter = h;
    check_status(STATUS_INVALID_PARAMETER, D3DKMTQueryVideoMemoryInfo(&args));
}

static void free_address(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DKMT_FREEGPUVIRTUALADDRESS args = {0};
    args.hAdapter = h;
    args.BaseAddress = 1ull << 40;
    args.Size = KIB(64);
    check_status(STATUS_INVALID_PARAMETER, D3DKMTFreeGpuVirtualAddress(&args));
}

static void destroy_device(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DKMT_DESTROYDEVICE args = {h};
    check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyDevice(&args));
}

static void device_state(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DKMT_GETDEVICESTATE args = {0};
    args.hDevice = h;
    args.StateType = D3DKMT_DEVICESTATE_EXECUTION;
    check_status(STATUS_INVALID_PARAMETER, D3DKMTGetDeviceState(&args));
}

static void create_in_device(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    struct udxg_soft_allocation soft = soft_buffer(KIB(64));
    D3DDDI_ALLOCATIONINFO2 info = {0};
    D3DKMT_CREATEALLOCATION args = {0};
    info.pPrivateDriverData = &soft;
    info.PrivateDriverDataSize = sizeof(soft);
    args.hDevice = h;
    args.NumAllocations = 1;
    args.pAllocationInfo2 = &info;
    check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateAllocation2(&args));
}

static void create_in_resource(struct objects *o, D3DKMT_HANDLE h)
{
    if (h == 0) return; /* right: a stand-alone allocation */
    struct udxg_soft_allocation soft = soft_buffer(KIB(64));
    D3DDDI_ALLOCATIONINFO2 info = {0};
    D3DKMT_CREATEALLOCATION args = {0};
    info.pPrivateDriverData = &soft;
    info.PrivateDriverDataSize = sizeof(soft);
    args.hDevice = o->handle[DEVICE];
    args.hResource = h;
    args.NumAllocations = 1;
    args.pAllocationInfo2 = &info;
    check_status(STATUS_INVALID_HANDLE, D3DKMTCreateAllocation2(&args));
}

static void destroy_in_device(struct objects *o, D3DKMT_HANDLE h)
{
    check_status(STATUS_INVALID_PARAMETER, destroy_allocation(h, o->handle[ALLOCATION]));
}

static void destroy_one(struct objects *o, D3DKMT_HANDLE h)
{
    check_status(STATUS_INVALID_PARAMETER, destroy_allocation(o->handle[DEVICE], h));
}

static void destroy_a_resource(struct objects *o, D3DKMT_HANDLE h)
{
    if (h == 0) return; /* right: nothing to destroy */
    check_status(STATUS_INVALID_PARAMETER, destroy_resource(o->handle[DEVICE], h));
}

static void lock_in_device(struct objects *o, D3DKMT_HANDLE h)
{
    void *data;
    check_status(STATUS_INVALID_PARAMETER, try_lock(h, o->handle[ALLOCATION], &data));
}

static void lock_one(struct objects *o, D3DKMT_HANDLE h)
{
    void *data;
    check_status(STATUS_INVALID_PARAMETER, try_lock(o->handle[DEVICE], h, &data));
}

static void make_queue(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DKMT_CREATEPAGINGQUEUE args = {0};
    args.hDevice = h;
    check_status(STATUS_INVALID_PARAMETER, D3DKMTCreatePagingQueue(&args));
}

static void destroy_queue(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DDDI_DESTROYPAGINGQUEUE args = {h};
    check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyPagingQueue(&args));
}

static void resident_by(struct objects *o, D3DKMT_HANDLE h)
{
    struct paging_queue queue = {h, 0, NULL};
    check_status(STATUS_INVALID_PARAMETER, try_make_resident(&queue, o->handle[ALLOCATION]));
}

static void resident_one(struct objects *o, D3DKMT_HANDLE h)
{
    struct paging_queue queue = {o->handle[QUEUE], 0, NULL};
    check_status(STATUS_INVALID_PARAMETER, try_make_resident(&queue, h));
}

static void evict_in(struct objects *o, D3DKMT_HANDLE h)
{
    check_status(STATUS_INVALID_PARAMETER, evict(h, o->handle[ALLOCATION]));
}

static void evict_one(struct objects *o, D3DKMT_HANDLE h)
{
    check_status(STATUS_INVALID_PARAMETER, evict(o->handle[DEVICE], h));
}

static void reserve_by(struct objects *o, D3DKMT_HANDLE h)
{
    if (h == o->handle[QUEUE] || h == o->handle[ADAPTER]) return; /* both are right */
    D3DDDI_RESERVEGPUVIRTUALADDRESS args = {0};
    args.hPagingQueue = h;
    args.Size = KIB(64);
    check_status(STATUS_INVALID_PARAMETER, D3DKMTReserveGpuVirtualAddress(&args));
}

static void map_by(struct objects *o, D3DKMT_HANDLE h)
{
    struct paging_queue queue = {h, 0, NULL};
    check_status(STATUS_INVALID_PARAMETER, try_map(&queue, o->handle[ALLOCATION], 0, 16, NULL));
}

static void map_one(struct objects *o, D3DKMT_HANDLE h)
{
    struct paging_queue queue = {o->handle[QUEUE], 0, NULL};
    check_status(STATUS_INVALID_PARAMETER, try_map(&queue, h, 0, 16, NULL));
}

static void make_context(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DKMT_CREATECONTEXTVIRTUAL args = {0};
    args.hDevice = h;
    check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateContextVirtual(&args));
}

static void destroy_context(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DKMT_DESTROYCONTEXT args = {h};
    check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyContext(&args));
}

static void submit_to_context(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DKMT_SUBMITCOMMAND args = {0};
    args.Commands = 1ull << 40;
    args.CommandLength = 8;
    args.BroadcastContextCount = 1;
    args.BroadcastContext[0] = h;
    check_status(STATUS_INVALID_PARAMETER, D3DKMTSubmitCommand(&args));
}

static void make_fence(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {0};
    args.hDevice = h;
    args.Info.Type = D3DDDI_MONITORED_FENCE;
    check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateSynchronizationObject2(&args));
}

static void destroy_fence(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT args = {h};
    check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroySynchronizationObject(&args));
}

static void wait_cpu_in(struct objects *o, D3DKMT_HANDLE h)
{
    check_status(STATUS_INVALID_PARAMETER, wait_cpu(h, o->handle[SYNC], 0, -1));
}

static void wait_cpu_for(struct objects *o, D3DKMT_HANDLE h)
{
    check_status(STATUS_INVALID_PARAMETER, wait_cpu(o->handle[DEVICE], h, 0, -1));
}

static void signal_cpu_in(struct objects *o, D3DKMT_HANDLE h)
{
    check_status(STATUS_INVALID_PARAMETER, signal_cpu(h, o->handle[SYNC], 1, 0));
}

static void signal_cpu_one(struct objects *o, D3DKMT_HANDLE h)
{
    check_status(STATUS_INVALID_PARAMETER, signal_cpu(o->handle[DEVICE], h, 1, 0));
}

static void wait_gpu_in(struct objects *o, D3DKMT_HANDLE h)
{
    check_status(STATUS_INVALID_PARAMETER, wait_gpu(h, o->handle[SYNC], 0));
}

static void wait_gpu_for(struct objects *o, D3DKMT_HANDLE h)
{
    check_status(STATUS_INVALID_PARAMETER, wait_gpu(o->handle[CONTEXT], h, 0));
}

static void signal_gpu_in(struct objects *o, D3DKMT_HANDLE h)
{
    check_status(STATUS_INVALID_PARAMETER, signal_gpu(h, o->handle[SYNC], 1));
}

static void signal_gpu_one(struct objects *o, D3DKMT_HANDLE h)
{
    check_status(STATUS_INVALID_PARAMETER, signal_gpu(o->handle[CONTEXT], h, 1));
}

static void escape_in(struct objects *o, D3DKMT_HANDLE h)
{
    (void)o;
    D3DKMT_VIDMM_ESCAPE escape = {0};
    D3DKMT_ESCAPE args = {0};
    escape.Type = D3DKMT_VIDMMESCAPETYPE_GET_VAD_INFO;
    escape.GetVads.Command = D3DKMT_VAD_ESCAPE_GET_SEGMENT_CAPS;
    args.hAdapter = h;
    args.Type = D3DKMT_ESCAPE_VIDMM;
    args.pPrivateDriverData = &escape;
    args.PrivateDriverDataSize = sizeof(escape);
    check_status(STATUS_INVALID_PARAMETER, D3DKMTEscape(&args));
}

static const struct {
    const char *name;
    enum kind right;
    void (*issue)(struct objects *o, D3DKMT_HANDLE h);
} users[] = {
    {"CloseAdapter", ADAPTER, close_adapter},
    {"CreateDevice", ADAPTER, make_device},
    {"QueryAdapterInfo", ADAPTER, query_adapter},
    {"QueryVideoMemoryInfo", ADAPTER, query_memory},
    {"FreeGpuVirtualAddress", ADAPTER, free_address},
    {"Escape", ADAPTER, escape_in},
    {"DestroyDevice", DEVICE, destroy_device},
    {"GetDeviceState", DEVICE, device_state},
    {"CreateAllocation2 hDevice", DEVICE, create_in_device},
    {"CreateAllocation2 hResource", RESOURCE, create_in_resource},
    {"DestroyAllocation2 hDevice", DEVICE, destroy_in_device},
    {"DestroyAllocation2 phAllocationList", ALLOCATION, destroy_one},
    {"DestroyAllocation2 hResource", RESOURCE, destroy_a_resource},
    {"Lock2 hDevice", DEVICE, lock_in_device},
    {"Lock2 hAllocation", ALLOCATION, lock_one},
    {"CreatePagingQueue", DEVICE, make_queue},
    {"DestroyPagingQueue", QUEUE, destroy_queue},
    {"MakeResident hPagingQueue", QUEUE, resident_by},
    {"MakeResident AllocationList", ALLOCATION, resident_one},
    {"Evict hDevice", DEVICE, evict_in},
    {"Evict AllocationList", ALLOCATION, evict_one},
    {"ReserveGpuVirtualAddress", QUEUE, reserve_by},
    {"MapGpuVirtualAddress hPagingQueue", QUEUE, map_by},
    {"MapGpuVirtualAddress hAllocation", ALLOCATION, map_one},
    {"CreateContextVirtual", DEVICE, make_context},
    {"DestroyContext", CONTEXT, destroy_context},
    {"SubmitCommand", CONTEXT, submit_to_context},
    {"CreateSynchronizationObject2", DEVICE, make_fence},
    {"DestroySynchronizationObject", SYNC, destroy_fence},
    {"WaitForSynchronizationObjectFromCpu hDevice", DEVICE, wait_cpu_in},
    {"WaitForSynchronizationObjectFromCpu objects", SYNC, wait_cpu_for},
    {"SignalSynchronizationObjectFromCpu hDevice", DEVICE, signal_cpu_in},
    {"SignalSynchronizationObjectFromCpu objects", SYNC, signal_cpu_one},
    {"WaitForSynchronizationObjectFromGpu hContext", CONTEXT, wait_gpu_in},
    {"WaitForSynchronizationObjectFromGpu objects", SYNC, wait_gpu_for},
    {"SignalSynchronizationObjectFromGpu hContext", CONTEXT, signal_gpu_in},
    {"SignalSynchronizationObjectFromGpu objects", SYNC, signal_gpu_one},
};

static void fill_objects(struct objects *o, D3DKMT_HANDLE *ret_member)
{
    o->handle[NONE] = 0;
    o->handle[ADAPTER] = open_adapter();
    o->handle[DEVICE] = create_device(o->handle[ADAPTER]);
    o->handle[RESOURCE] = create_resource(o->handle[DEVICE], 1, false, ret_member);
    o->handle[ALLOCATION] = create_buffer(o->handle[DEVICE], KIB(64));
    o->handle[CONTEXT] = create_context(o->handle[DEVICE], 0);
    o->handle[SYNC] = create_fence(o->handle[DEVICE], 0).handle;
    o->handle[QUEUE] = create_paging_queue(o->handle[DEVICE]).handle;
    o->handle[JUNK] = BAD_HANDLE;
}

static void wrong_kinds(void)
{
    for (size_t i = 0; i < LENGTH_OF(users); i++) {
        for (int kind = 0; kind < KINDS; kind++) {
            bool right = kind == (int)users[i].right;
            udxg_case("%s/%s", users[i].name, right ? "one bit changed" : kind_names[kind]) {
                struct objects o;
                D3DKMT_HANDLE member;
                fill_objects(&o, &member);
                if (right) {
                    for (int bit = 0; bit < 6; bit++) users[i].issue(&o, o.handle[kind] ^ (1u << bit));
                } else {
                    users[i].issue(&o, o.handle[kind]);
                }
                /* Nothing was harmed. */
                check_true(is_alive(o.handle[DEVICE], member));
                check_true(is_alive(o.handle[DEVICE], o.handle[ALLOCATION]));
                check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(o.handle[DEVICE]));
            }
        }
    }
}

/* Each object is destroyed, others of its kind take its slot again and again: the old handle stays dead. */
static void stale(void)
{
    for (size_t i = 0; i < LENGTH_OF(users); i++) {
        udxg_case("%s", users[i].name) {
            struct objects o, old;
            D3DKMT_HANDLE member;
            fill_objects(&old, &member);
            D3DKMT_DESTROYDEVICE device = {old.handle[DEVICE]};
            D3DKMT_CLOSEADAPTER adapter = {old.handle[ADAPTER]};
            require_success(D3DKMTDestroyDevice(&device));
            require_success(D3DKMTCloseAdapter(&adapter));
            fill_objects(&o, &member);
            users[i].issue(&o, old.handle[users[i].right]);
            check_true(is_alive(o.handle[DEVICE], o.handle[ALLOCATION]));
        }
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"number", ON_EACH, numbering},
        {"kind", ON_DISCRETE, wrong_kinds},
        {"stale", ON_DISCRETE, stale},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
