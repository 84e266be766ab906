/* SPDX-License-Identifier: MIT */
/* The public calls, for rows. No state; any thread. */
#include "client.h"

#include <udxg/soft.h>

#include <string.h>
#include <sys/socket.h>

#include "measure.h"

static void check(NTSTATUS status, const char *call)
{
    if (status != STATUS_SUCCESS) measure_die("%s -> 0x%08X", call, (unsigned)status);
}

#define CHECK(function, ...) check(function(__VA_ARGS__), #function)

/* ---- devices ---- */

static bool is_wanted(D3DKMT_HANDLE adapter)
{
    struct udxg_soft_adapter_info info = {0};
    D3DKMT_QUERYADAPTERINFO query = {.hAdapter = adapter, .Type = KMTQAITYPE_UMDRIVERPRIVATE};
    query.pPrivateDriverData = &info;
    query.PrivateDriverDataSize = sizeof info;
    return D3DKMTQueryAdapterInfo(&query) == STATUS_SUCCESS && info.magic == UDXG_SOFT_ADAPTER_MAGIC &&
           !info.local_bytes;
}

static D3DKMT_HANDLE open_adapter(void)
{
    D3DKMT_ADAPTERINFO infos[64];
    D3DKMT_ENUMADAPTERS2 adapters = {.NumAdapters = 64, .pAdapters = infos};
    CHECK(D3DKMTEnumAdapters2, &adapters);
    for (ULONG i = 0; i < adapters.NumAdapters; i++)
        if (is_wanted(infos[i].hAdapter)) return infos[i].hAdapter;
    measure_die("there is no software adapter without memory of its own (soft-uma)");
}

static void open_device(struct client *client)
{
    D3DKMT_CREATEDEVICE device = {.hAdapter = client->adapter};
    CHECK(D3DKMTCreateDevice, &device);
    client->device = device.hDevice;
    D3DKMT_CREATEPAGINGQUEUE queue = {.hDevice = client->device, .Priority = D3DDDI_PAGINGQUEUE_PRIORITY_NORMAL};
    CHECK(D3DKMTCreatePagingQueue, &queue);
    client->paging_queue = queue.hPagingQueue;
}

void client_open(struct client *client)
{
    client->adapter = open_adapter();
    open_device(client);
}

void client_open_another(const struct client *first, struct client *client)
{
    client->adapter = first->adapter;
    open_device(client);
}

/* ---- allocations ---- */

static void describe(uint64_t size_bytes, struct udxg_soft_allocation *data, D3DDDI_ALLOCATIONINFO2 *info)
{
    *data = (struct udxg_soft_allocation){
        .magic = UDXG_SOFT_ALLOCATION_MAGIC,
        .version = UDXG_SOFT_VERSION,
        .size_bytes = size_bytes,
        .flags = UDXG_SOFT_CPU_VISIBLE,
    };
    *info = (D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = data, .PrivateDriverDataSize = sizeof *data};
}

void client_create(const struct client *client, uint32_t count, uint64_t size_bytes, bool zeroed,
                   D3DKMT_HANDLE *ret_allocations)
{
    D3DDDI_ALLOCATIONINFO2 infos[CLIENT_BATCH];
    struct udxg_soft_allocation data[CLIENT_BATCH];
    for (uint32_t i = 0; i < count; i++) describe(size_bytes, &data[i], &infos[i]);
    D3DKMT_CREATEALLOCATION create = {.hDevice = client->device, .NumAllocations = count, .pAllocationInfo2 = infos};
    create.Flags.AllowNotZeroed = !zeroed;
    CHECK(D3DKMTCreateAllocation2, &create);
    for (uint32_t i = 0; i < count; i++) ret_allocations[i] = infos[i].hAllocation;
}

D3DKMT_HANDLE client_create_shared(const struct client *client, uint64_t size_bytes, int *ret_fd)
{
    D3DDDI_ALLOCATIONINFO2 info;
    struct udxg_soft_allocation data;
    HANDLE shared;
    describe(size_bytes, &data, &info);
    D3DKMT_CREATEALLOCATION create = {.hDevice = client->device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    create.Flags.CreateResource = 1;
    create.Flags.CreateShared = 1;
    create.Flags.NtSecuritySharing = 1;
    CHECK(D3DKMTCreateAllocation2, &create);
    CHECK(D3DKMTShareObjects, 1, &create.hResource, NULL, 0, &shared);
    *ret_fd = (int)(intptr_t)shared;
    return create.hResource;
}

D3DKMT_HANDLE client_open_shared(const struct client *client, int fd, D3DKMT_HANDLE *ret_allocation)
{
    struct udxg_soft_allocation data;
    char runtime[64], resource[64];
    D3DDDI_OPENALLOCATIONINFO2 info = {0};
    D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = {.hDevice = client->device, .hNtHandle = (HANDLE)(intptr_t)fd};
    query.pPrivateRuntimeData = runtime;
    query.PrivateRuntimeDataSize = sizeof runtime;
    CHECK(D3DKMTQueryResourceInfoFromNtHandle, &query);
    D3DKMT_OPENRESOURCEFROMNTHANDLE open = {.hDevice = client->device, .hNtHandle = (HANDLE)(intptr_t)fd};
    open.NumAllocations = 1;
    open.pOpenAllocationInfo2 = &info;
    open.pPrivateRuntimeData = runtime;
    open.PrivateRuntimeDataSize = query.PrivateRuntimeDataSize;
    open.pResourcePrivateDriverData = resource;
    open.ResourcePrivateDriverDataSize = query.ResourcePrivateDriverDataSize;
    open.pTotalPrivateDriverDataBuffer = &data;
    open.TotalPrivateDriverDataBufferSize = query.TotalPrivateDriverDataSize;
    CHECK(D3DKMTOpenResourceFromNtHandle, &open);
    *ret_allocation = info.hAllocation;
    return open.hResource;
}

void client_destroy_resource(const struct client *client, D3DKMT_HANDLE resource)
{
    D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = client->device, .hResource = resource};
    CHECK(D3DKMTDestroyAllocation2, &destroy);
}

void client_destroy(const struct client *client, uint32_t count, const D3DKMT_HANDLE *allocations)
{
    D3DKMT_DESTROYALLOCATION2 destroy = {.hDevice = client->device, .AllocationCount = count};
    destroy.phAllocationList = allocations;
    CHECK(D3DKMTDestroyAllocation2, &destroy);
}

void *client_lock(const struct client *client, D3DKMT_HANDLE allocation)
{
    D3DKMT_LOCK2 lock = {.hDevice = client->device, .hAllocation = allocation};
    CHECK(D3DKMTLock2, &lock);
    return lock.pData;
}

void client_unlock(const struct client *client, D3DKMT_HANDLE allocation)
{
    D3DKMT_UNLOCK2 unlock = {.hDevice = client->device, .hAllocation = allocation};
    CHECK(D3DKMTUnlock2, &unlock);
}

/* ---- residency; on this adapter it is bookkeeping and never pends ---- */

void client_make_resident(const struct client *client, uint32_t count, const D3DKMT_HANDLE *allocations)
{
    D3DDDI_MAKERESIDENT resident = {.hPagingQueue = client->paging_queue, .NumAllocations = count};
    resident.AllocationList = allocations;
    CHECK(D3DKMTMakeResident, &resident);
}

void client_evict(const struct client *client, uint32_t count, const D3DKMT_HANDLE *allocations)
{
    D3DKMT_EVICT evict = {.hDevice = client->device, .NumAllocations = count};
    evict.AllocationList = allocations;
    CHECK(D3DKMTEvict, &evict);
}

/* ---- GPU addresses; updates are complete on return ---- */

D3DGPU_VIRTUAL_ADDRESS client_map(const struct client *client, D3DKMT_HANDLE allocation, uint64_t size_bytes)
{
    D3DDDI_MAPGPUVIRTUALADDRESS map = {.hPagingQueue = client->paging_queue, .hAllocation = allocation};
    map.SizeInPages = size_bytes / 4096;
    map.Protection.Write = 1;
    CHECK(D3DKMTMapGpuVirtualAddress, &map);
    return map.VirtualAddress;
}

void client_unmap(const struct client *client, D3DGPU_VIRTUAL_ADDRESS va, uint64_t size_bytes)
{
    D3DKMT_FREEGPUVIRTUALADDRESS unmap = {.hAdapter = client->adapter, .BaseAddress = va, .Size = size_bytes};
    CHECK(D3DKMTFreeGpuVirtualAddress, &unmap);
}

/* ---- descriptors ---- */

union descriptor_room {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

void client_send_descriptor(int socket, int fd)
{
    union descriptor_room room = {.header = {CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec part = {"", 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};
    memcpy(CMSG_DATA(&room.header), &fd, sizeof fd);
    if (sendmsg(socket, &message, 0) != 1) measure_die("a descriptor cannot be sent");
}

int client_receive_descriptor(int socket)
{
    union descriptor_room room;
    char byte;
    int fd;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) measure_die("no descriptor has come");
    memcpy(&fd, CMSG_DATA(&room.header), sizeof fd);
    return fd;
}
