/* SPDX-License-Identifier: MIT */
/* See fixture.h. */
#include "fixture.h"

#include <dirent.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_RESOURCE_ALLOCATIONS 8u

/* ----------------------------------------------------------------------------------- adapter and device */

static D3DKMT_ADAPTERINFO first_adapter(void)
{
    D3DKMT_ADAPTERINFO infos[64];
    D3DKMT_ENUMADAPTERS2 args = {0};
    args.NumAdapters = LENGTH_OF(infos);
    args.pAdapters = infos;
    require_success(D3DKMTEnumAdapters2(&args));
    require_true(args.NumAdapters > 0);
    for (UINT i = 1; i < args.NumAdapters; i++) {
        D3DKMT_CLOSEADAPTER close = {infos[i].hAdapter};
        require_success(D3DKMTCloseAdapter(&close));
    }
    return infos[0];
}

D3DKMT_HANDLE open_adapter(void)
{
    return first_adapter().hAdapter;
}

LUID first_luid(void)
{
    D3DKMT_ADAPTERINFO info = first_adapter();
    D3DKMT_CLOSEADAPTER close = {info.hAdapter};
    require_success(D3DKMTCloseAdapter(&close));
    return info.AdapterLuid;
}

D3DKMT_HANDLE create_device(D3DKMT_HANDLE adapter)
{
    D3DKMT_CREATEDEVICE args = {0};
    args.hAdapter = adapter;
    require_success(D3DKMTCreateDevice(&args));
    return args.hDevice;
}

struct udxg_soft_adapter_info soft_info(D3DKMT_HANDLE adapter)
{
    struct udxg_soft_adapter_info info;
    D3DKMT_QUERYADAPTERINFO args = {0};
    memset(&info, 0, sizeof(info));
    args.hAdapter = adapter;
    args.Type = KMTQAITYPE_UMDRIVERPRIVATE;
    args.pPrivateDriverData = &info;
    args.PrivateDriverDataSize = sizeof(info);
    require_success(D3DKMTQueryAdapterInfo(&args));
    require_u64(UDXG_SOFT_ADAPTER_MAGIC, info.magic);
    return info;
}

D3DKMT_QUERYVIDEOMEMORYINFO memory_info(D3DKMT_HANDLE adapter, D3DKMT_MEMORY_SEGMENT_GROUP group)
{
    D3DKMT_QUERYVIDEOMEMORYINFO args = {0};
    args.hAdapter = adapter;
    args.MemorySegmentGroup = group;
    require_success(D3DKMTQueryVideoMemoryInfo(&args));
    return args;
}

UINT gpu_va_bits(D3DKMT_HANDLE adapter)
{
    D3DKMT_QUERY_GPUMMU_CAPS caps = {0};
    D3DKMT_QUERYADAPTERINFO args = {0};
    args.hAdapter = adapter;
    args.Type = KMTQAITYPE_QUERY_GPUMMU_CAPS;
    args.pPrivateDriverData = &caps;
    args.PrivateDriverDataSize = sizeof(caps);
    require_success(D3DKMTQueryAdapterInfo(&args));
    return caps.Caps.VirtualAddressBitCount;
}

struct paging_queue create_paging_queue(D3DKMT_HANDLE device)
{
    D3DKMT_CREATEPAGINGQUEUE args = {0};
    args.hDevice = device;
    args.Priority = D3DDDI_PAGINGQUEUE_PRIORITY_NORMAL;
    require_success(D3DKMTCreatePagingQueue(&args));
    struct paging_queue queue;
    queue.handle = args.hPagingQueue;
    queue.fence = args.hSyncObject;
    queue.value = (const volatile UINT64 *)args.FenceValueCPUVirtualAddress;
    return queue;
}

void wait_paging(const struct paging_queue *queue, UINT64 fence_value)
{
    for (int i = 0; i < 10000 && *queue->value < fence_value; i++) usleep(1000);
    require_true(*queue->value >= fence_value);
}

/* ---------------------------------------------------------------------------------------------- creating */

/* Nobody else maps anything there: the system gives out the highest place that is free. It is none of a sanitizer's. */
#define FAR_BELOW ((uint8_t *)(uintptr_t)0x40000000)

void *map_pages(size_t count)
{
    static uint8_t *next = FAR_BELOW;
    void *pages = mmap(next, count * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require_true(pages != MAP_FAILED);
    next += (count + 1) * PAGE_BYTES;
    return pages;
}

struct udxg_soft_allocation soft_buffer(uint64_t size_bytes)
{
    struct udxg_soft_allocation soft;
    memset(&soft, 0, sizeof(soft));
    soft.magic = UDXG_SOFT_ALLOCATION_MAGIC;
    soft.version = UDXG_SOFT_VERSION;
    soft.size_bytes = size_bytes;
    soft.flags = UDXG_SOFT_CPU_VISIBLE;
    return soft;
}

D3DKMT_HANDLE create_allocation(D3DKMT_HANDLE device, const struct udxg_soft_allocation *soft)
{
    struct udxg_soft_allocation data = *soft;
    D3DDDI_ALLOCATIONINFO2 info = {0};
    D3DKMT_CREATEALLOCATION args = {0};
    info.pPrivateDriverData = &data;
    info.PrivateDriverDataSize = sizeof(data);
    args.hDevice = device;
    args.NumAllocations = 1;
    args.pAllocationInfo2 = &info;
    require_success(D3DKMTCreateAllocation2(&args));
    return info.hAllocation;
}

D3DKMT_HANDLE create_buffer(D3DKMT_HANDLE device, uint64_t size_bytes)
{
    struct udxg_soft_allocation soft = soft_buffer(size_bytes);
    return create_allocation(device, &soft);
}

D3DKMT_HANDLE create_resource(D3DKMT_HANDLE device, UINT count, bool shared, D3DKMT_HANDLE *ret_allocations)
{
    struct udxg_soft_allocation soft[MAX_RESOURCE_ALLOCATIONS];
    D3DDDI_ALLOCATIONINFO2 infos[MAX_RESOURCE_ALLOCATIONS];
    D3DKMT_CREATEALLOCATION args = {0};
    require_true(count <= MAX_RESOURCE_ALLOCATIONS);
    memset(infos, 0, sizeof(infos));
    for (UINT i = 0; i < count; i++) {
        soft[i] = soft_buffer(KIB(64));
        infos[i].pPrivateDriverData = &soft[i];
        infos[i].PrivateDriverDataSize = sizeof(soft[i]);
    }
    args.hDevice = device;
    args.NumAllocations = count;
    args.pAllocationInfo2 = infos;
    args.Flags.CreateResource = 1;
    args.Flags.CreateShared = shared ? 1 : 0;
    args.Flags.NtSecuritySharing = shared ? 1 : 0;
    require_success(D3DKMTCreateAllocation2(&args));
    for (UINT i = 0; i < count && ret_allocations != NULL; i++) ret_allocations[i] = infos[i].hAllocation;
    return args.hResource;
}

D3DKMT_HANDLE next_handle(D3DKMT_HANDLE device)
{
    struct fence fence = create_fence(device, 0);
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT destroy = {fence.handle};
    require_success(D3DKMTDestroySynchronizationObject(&destroy));
    return fence.handle;
}

NTSTATUS destroy_allocation(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    D3DKMT_DESTROYALLOCATION2 args = {0};
    args.hDevice = device;
    args.phAllocationList = &allocation;
    args.AllocationCount = 1;
    return D3DKMTDestroyAllocation2(&args);
}

NTSTATUS destroy_resource(D3DKMT_HANDLE device, D3DKMT_HANDLE resource)
{
    D3DKMT_DESTROYALLOCATION2 args = {0};
    args.hDevice = device;
    args.hResource = resource;
    return D3DKMTDestroyAllocation2(&args);
}

NTSTATUS try_lock(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, void **ret_data)
{
    D3DKMT_LOCK2 args = {0};
    args.hDevice = device;
    args.hAllocation = allocation;
    NTSTATUS status = D3DKMTLock2(&args);
    if (status == STATUS_SUCCESS) *ret_data = args.pData;
    return status;
}

void *lock(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    void *data = NULL;
    require_success(try_lock(device, allocation, &data));
    require_true(data != NULL);
    return data;
}

NTSTATUS unlock(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    D3DKMT_UNLOCK2 args = {0};
    args.hDevice = device;
    args.hAllocation = allocation;
    return D3DKMTUnlock2(&args);
}

bool is_alive(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    void *data = NULL;
    if (try_lock(device, allocation, &data) != STATUS_SUCCESS) return false;
    require_success(unlock(device, allocation));
    return true;
}

bool is_live_resource(D3DKMT_HANDLE device, D3DKMT_HANDLE resource)
{
    struct udxg_soft_allocation soft = soft_buffer(PAGE_BYTES);
    D3DDDI_ALLOCATIONINFO2 info = {0};
    D3DKMT_CREATEALLOCATION args = {0};
    info.pPrivateDriverData = &soft;
    info.PrivateDriverDataSize = sizeof(soft);
    args.hDevice = device;
    args.hResource = resource;
    args.NumAllocations = 1;
    args.pAllocationInfo2 = &info;
    if (D3DKMTCreateAllocation2(&args) != STATUS_SUCCESS) return false;
    require_success(destroy_allocation(device, info.hAllocation));
    return true;
}

/* ---------------------------------------------------------------------------------------------- residency */

NTSTATUS try_make_resident(const struct paging_queue *queue, D3DKMT_HANDLE allocation)
{
    D3DDDI_MAKERESIDENT args = {0};
    args.hPagingQueue = queue->handle;
    args.NumAllocations = 1;
    args.AllocationList = &allocation;
    NTSTATUS status = D3DKMTMakeResident(&args);
    if (status != STATUS_PENDING) return status;
    wait_paging(queue, args.PagingFenceValue);
    return STATUS_SUCCESS;
}

void make_resident(const struct paging_queue *queue, D3DKMT_HANDLE allocation)
{
    require_success(try_make_resident(queue, allocation));
}

NTSTATUS evict(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    D3DKMT_EVICT args = {0};
    args.hDevice = device;
    args.NumAllocations = 1;
    args.AllocationList = &allocation;
    return D3DKMTEvict(&args);
}

/* ------------------------------------------------------------------------------------------ GPU addresses */

NTSTATUS try_map(const struct paging_queue *queue, D3DKMT_HANDLE allocation, UINT64 base, UINT64 pages, UINT64 *ret_va)
{
    D3DDDI_MAPGPUVIRTUALADDRESS args = {0};
    args.hPagingQueue = queue->handle;
    args.BaseAddress = base;
    args.hAllocation = allocation;
    args.SizeInPages = pages;
    args.Protection.Write = 1;
    NTSTATUS status = D3DKMTMapGpuVirtualAddress(&args);
    if (status == STATUS_PENDING) {
        wait_paging(queue, args.PagingFenceValue);
        status = STATUS_SUCCESS;
    }
    if (status == STATUS_SUCCESS && ret_va != NULL) *ret_va = args.VirtualAddress;
    return status;
}

UINT64 map(const struct paging_queue *queue, D3DKMT_HANDLE allocation, uint64_t size_bytes)
{
    UINT64 va = 0;
    require_success(try_map(queue, allocation, 0, size_bytes / PAGE_BYTES, &va));
    return va;
}

/* ----------------------------------------------------------------------------------------- synchronisation */

struct fence create_fence(D3DKMT_HANDLE device, UINT64 initial_value)
{
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 args = {0};
    args.hDevice = device;
    args.Info.Type = D3DDDI_MONITORED_FENCE;
    args.Info.MonitoredFence.InitialFenceValue = initial_value;
    require_success(D3DKMTCreateSynchronizationObject2(&args));
    struct fence fence;
    fence.handle = args.hSyncObject;
    fence.value = (const volatile UINT64 *)args.Info.MonitoredFence.FenceValueCPUVirtualAddress;
    fence.gpu_va = args.Info.MonitoredFence.FenceValueGPUVirtualAddress;
    return fence;
}

NTSTATUS signal_cpu(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, UINT64 value, UINT flags)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMCPU args = {0};
    args.hDevice = device;
    args.ObjectCount = 1;
    args.ObjectHandleArray = &fence;
    args.FenceValueArray = &value;
    args.Flags.Value = flags;
    return D3DKMTSignalSynchronizationObjectFromCpu(&args);
}

NTSTATUS wait_cpu(D3DKMT_HANDLE device, D3DKMT_HANDLE fence, UINT64 value, int event_fd)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {0};
    args.hDevice = device;
    args.ObjectCount = 1;
    args.ObjectHandleArray = &fence;
    args.FenceValueArray = &value;
    args.hAsyncEvent = event_fd >= 0 ? fd_handle(event_fd) : NULL;
    return D3DKMTWaitForSynchronizationObjectFromCpu(&args);
}

NTSTATUS signal_gpu(D3DKMT_HANDLE context, D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU args = {0};
    args.hContext = context;
    args.ObjectCount = 1;
    args.ObjectHandleArray = &fence;
    args.MonitoredFenceValueArray = &value;
    return D3DKMTSignalSynchronizationObjectFromGpu(&args);
}

NTSTATUS wait_gpu(D3DKMT_HANDLE context, D3DKMT_HANDLE fence, UINT64 value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMGPU args = {0};
    args.hContext = context;
    args.ObjectCount = 1;
    args.ObjectHandleArray = &fence;
    args.MonitoredFenceValueArray = &value;
    return D3DKMTWaitForSynchronizationObjectFromGpu(&args);
}

HANDLE fd_handle(int fd)
{
    return (HANDLE)(intptr_t)fd;
}

int create_event(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd == 0) {
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        close(0);
    }
    require_true(fd > 0);
    return fd;
}

bool event_is_set(int event_fd, int timeout_ms)
{
    struct pollfd poll_fd = {event_fd, POLLIN, 0};
    return poll(&poll_fd, 1, timeout_ms) == 1;
}

/* ------------------------------------------------------------------------------------------------ a GPU */

D3DKMT_HANDLE create_context(D3DKMT_HANDLE device, UINT node)
{
    D3DKMT_CREATECONTEXTVIRTUAL args = {0};
    args.hDevice = device;
    args.NodeOrdinal = node;
    args.ClientHint = D3DKMT_CLIENTHINT_VULKAN;
    require_success(D3DKMTCreateContextVirtual(&args));
    return args.hContext;
}

void gpu_open(struct gpu *gpu)
{
    gpu_open_on(gpu, open_adapter());
}

void gpu_open_on(struct gpu *gpu, D3DKMT_HANDLE adapter)
{
    gpu->adapter = adapter;
    gpu->device = create_device(gpu->adapter);
    gpu->queue = create_paging_queue(gpu->device);
    gpu->context = create_context(gpu->device, 0);
    gpu->done = create_fence(gpu->device, 0);
    gpu->last = 0;
}

struct gpu_buffer create_gpu_buffer(const struct gpu *gpu, uint64_t size_bytes)
{
    struct gpu_buffer buffer;
    buffer.size_bytes = size_bytes;
    buffer.allocation = create_buffer(gpu->device, size_bytes);
    buffer.va = map(&gpu->queue, buffer.allocation, size_bytes);
    make_resident(&gpu->queue, buffer.allocation);
    return buffer;
}

NTSTATUS submit_to(struct gpu *gpu, D3DKMT_HANDLE context, const void *data, UINT size_bytes)
{
    struct gpu_buffer commands = create_gpu_buffer(gpu, (size_bytes + PAGE_BYTES) / PAGE_BYTES * PAGE_BYTES);
    memcpy(lock(gpu->device, commands.allocation), data, size_bytes);
    require_success(unlock(gpu->device, commands.allocation));

    D3DKMT_SUBMITCOMMAND args = {0};
    args.Commands = commands.va;
    args.CommandLength = size_bytes;
    args.BroadcastContextCount = 1;
    args.BroadcastContext[0] = context;
    return D3DKMTSubmitCommand(&args);
}

NTSTATUS submit(struct gpu *gpu, const void *data, UINT size_bytes)
{
    return submit_to(gpu, gpu->context, data, size_bytes);
}

void gpu_finish(struct gpu *gpu)
{
    gpu->last++;
    require_success(signal_gpu(gpu->context, gpu->done.handle, gpu->last));
    require_success(wait_cpu(gpu->device, gpu->done.handle, gpu->last, -1));
    require_true(*gpu->done.value >= gpu->last);
}

D3DKMT_DEVICEEXECUTION_STATE execution_state(D3DKMT_HANDLE device)
{
    D3DKMT_GETDEVICESTATE args = {0};
    args.hDevice = device;
    args.StateType = D3DKMT_DEVICESTATE_EXECUTION;
    require_success(D3DKMTGetDeviceState(&args));
    return args.ExecutionState;
}

D3DKMT_DEVICEEXECUTION_STATE wait_for_error(D3DKMT_HANDLE device)
{
    D3DKMT_DEVICEEXECUTION_STATE state = D3DKMT_DEVICEEXECUTION_ACTIVE;
    for (int i = 0; i < 5000; i++) {
        state = execution_state(device);
        if (state != D3DKMT_DEVICEEXECUTION_ACTIVE) break;
        usleep(1000);
    }
    require_true(state != D3DKMT_DEVICEEXECUTION_ACTIVE);
    return state;
}

/* ------------------------------------------------------------------------------------------------- memory */

bool filled_with(const void *data, size_t size_bytes, uint8_t byte)
{
    const uint8_t *bytes = (const uint8_t *)data;
    return size_bytes == 0 || (bytes[0] == byte && memcmp(bytes, bytes + 1, size_bytes - 1) == 0);
}

bool is_writable(const volatile void *address)
{
    int ends[2];
    uint64_t value = *(const volatile uint64_t *)address;
    require_true(pipe(ends) == 0);
    require_true(write(ends[1], &value, sizeof(value)) == (ssize_t)sizeof(value));
    /* The system call reports a page that may not be written, where a store would end the process. */
    ssize_t got = read(ends[0], (void *)(uintptr_t)address, sizeof(value));
    close(ends[0]);
    close(ends[1]);
    return got == (ssize_t)sizeof(value);
}

/*
 * Counts descriptors; those of pipes whose other end is gone, too, but for the standard ones. One that is closed
 * meanwhile does not count.
 */
static int count_fds(int *ret_hung_up)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;
    require_true(dir != NULL);
    *ret_hung_up = 0;
    while ((entry = readdir(dir)) != NULL) {
        struct pollfd fd = {atoi(entry->d_name), 0, 0};
        struct stat file;
        if (entry->d_name[0] == '.' || fstat(fd.fd, &file) != 0) continue;
        count++;
        if (fd.fd <= STDERR_FILENO || !S_ISFIFO(file.st_mode) || poll(&fd, 1, 0) != 1) continue;
        if (fd.revents & (POLLHUP | POLLERR | POLLNVAL)) ++*ret_hung_up;
    }
    closedir(dir);
    return count;
}

int open_fd_count(void)
{
    struct timespec now;
    int hung_up, count = count_fds(&hung_up);
    require_true(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    time_t start = now.tv_sec;
    while (hung_up && now.tv_sec - start < 10) {
        usleep(100);
        count = count_fds(&hung_up);
        require_true(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    }
    return count;
}
