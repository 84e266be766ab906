/* SPDX-License-Identifier: MIT */
/*
 * A producer and a consumer, each a thread with a device of its own, hand one resource back and forth. The producer
 * makes the resource, a keyed mutex and a fence, and packs them into one NT handle, which is a file descriptor: the
 * consumer gets nothing but that. The key of the mutex says whose turn it is; the value that goes with a release is the
 * fence value which says that the GPU has done its part.
 */
#include <pthread.h>
#include <unistd.h>

#include <udxg/soft.h>

#include "common.h"

#define BYTES 65536u
#define ROUNDS 8u

enum turn { PRODUCER, CONSUMER };

static int handed_over; /* the descriptor */

struct shared {
    struct gpu gpu;
    D3DKMT_HANDLE resource, allocation, mutex, fence;
};

static uint64_t acquire(const struct shared *shared, enum turn turn)
{
    D3DKMT_ACQUIREKEYEDMUTEX args = {.hKeyedMutex = shared->mutex, .Key = turn};
    CHECK(D3DKMTAcquireKeyedMutex(&args));
    return args.FenceValue;
}

static void release(const struct shared *shared, enum turn next, uint64_t fence_value)
{
    D3DKMT_RELEASEKEYEDMUTEX args = {.hKeyedMutex = shared->mutex, .Key = next, .FenceValue = fence_value};
    CHECK(D3DKMTReleaseKeyedMutex(&args));
}

static void wait_for(const struct shared *shared, UINT64 value)
{
    D3DKMT_WAITFORSYNCHRONIZATIONOBJECTFROMCPU args = {.hDevice = shared->gpu.device, .ObjectCount = 1};
    args.ObjectHandleArray = &shared->fence;
    args.FenceValueArray = &value;
    CHECK(D3DKMTWaitForSynchronizationObjectFromCpu(&args));
}

static void signal_from_gpu(const struct shared *shared, UINT64 value)
{
    D3DKMT_SIGNALSYNCHRONIZATIONOBJECTFROMGPU args = {.hContext = shared->gpu.context, .ObjectCount = 1};
    args.ObjectHandleArray = &shared->fence;
    args.MonitoredFenceValueArray = &value;
    CHECK(D3DKMTSignalSynchronizationObjectFromGpu(&args));
}

static uint32_t *map_shared(const struct shared *shared)
{
    D3DKMT_LOCK2 args = {.hDevice = shared->gpu.device, .hAllocation = shared->allocation};
    CHECK(D3DKMTLock2(&args));
    return args.pData;
}

static void unmap_shared(const struct shared *shared)
{
    D3DKMT_UNLOCK2 args = {.hDevice = shared->gpu.device, .hAllocation = shared->allocation};
    CHECK(D3DKMTUnlock2(&args));
}

/* ---- the producer ---- */

static void create(struct shared *shared)
{
    struct udxg_soft_allocation soft = {.magic = UDXG_SOFT_ALLOCATION_MAGIC,
                                        .version = UDXG_SOFT_VERSION,
                                        .size_bytes = BYTES,
                                        .flags = UDXG_SOFT_CPU_VISIBLE};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &soft, .PrivateDriverDataSize = sizeof(soft)};
    D3DKMT_CREATEALLOCATION args = {.hDevice = shared->gpu.device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    D3DKMT_CREATEKEYEDMUTEX2 mutex = {.InitialValue = PRODUCER, .Flags.NtSecuritySharing = 1};
    D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {.hDevice = shared->gpu.device, .Info.Type = D3DDDI_MONITORED_FENCE};

    args.Flags.CreateResource = args.Flags.CreateShared = args.Flags.NtSecuritySharing = 1;
    fence.Info.Flags.Shared = fence.Info.Flags.NtSecuritySharing = 1;
    CHECK(D3DKMTCreateAllocation2(&args));
    CHECK(D3DKMTCreateKeyedMutex2(&mutex));
    CHECK(D3DKMTCreateSynchronizationObject2(&fence));
    shared->resource = args.hResource;
    shared->allocation = info.hAllocation;
    shared->mutex = mutex.hKeyedMutex;
    shared->fence = fence.hSyncObject;
}

static int pack(const struct shared *shared)
{
    const D3DKMT_HANDLE objects[] = {shared->resource, shared->mutex, shared->fence};
    OBJECT_ATTRIBUTES attributes = {.Length = sizeof(attributes)};
    HANDLE handle = NULL;

    CHECK(D3DKMTShareObjects(3, objects, &attributes, GENERIC_ALL, &handle));
    return (int)(intptr_t)handle;
}

static void produce(struct shared *shared)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        wait_for(shared, acquire(shared, PRODUCER));
        uint32_t *words = map_shared(shared);
        for (uint32_t i = 0; i < BYTES / sizeof(*words); i++) words[i] = round * 1000003u + i;
        unmap_shared(shared);
        signal_from_gpu(shared, 2 * round - 1);
        release(shared, CONSUMER, 2 * round - 1);
    }
    wait_for(shared, acquire(shared, PRODUCER));
    release(shared, PRODUCER, 0);
}

/* ---- the consumer ---- */

static void unpack(struct shared *shared, int fd)
{
    D3DKMT_QUERYRESOURCEINFOFROMNTHANDLE query = {.hDevice = shared->gpu.device, .hNtHandle = (HANDLE)(intptr_t)fd};
    CHECK(D3DKMTQueryResourceInfoFromNtHandle(&query));

    D3DDDI_OPENALLOCATIONINFO2 info = {0};
    char *data = malloc(query.TotalPrivateDriverDataSize + 1);
    if (!data) exit(EXIT_FAILURE);
    D3DKMT_OPENRESOURCEFROMNTHANDLE args = {.hDevice = shared->gpu.device, .hNtHandle = query.hNtHandle};
    args.NumAllocations = query.NumAllocations;
    args.pOpenAllocationInfo2 = &info;
    args.TotalPrivateDriverDataBufferSize = query.TotalPrivateDriverDataSize;
    args.pTotalPrivateDriverDataBuffer = data;
    args.pPrivateRuntimeData = data; /* there is none: a size of 0 */
    CHECK(D3DKMTOpenResourceFromNtHandle(&args));
    free(data);
    shared->resource = args.hResource;
    shared->allocation = info.hAllocation;
    shared->mutex = args.hKeyedMutex;
    shared->fence = args.hSyncObject;
}

static void consume(struct shared *shared)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        wait_for(shared, acquire(shared, CONSUMER));
        const uint32_t *words = map_shared(shared);
        for (uint32_t i = 0; i < BYTES / sizeof(*words); i++)
            if (words[i] != round * 1000003u + i) {
                fprintf(stderr, "error: round %u, word %u is %u\n", round, i, words[i]);
                exit(EXIT_FAILURE);
            }
        unmap_shared(shared);
        printf("round %u        %s seen by the consumer\n", round, size_text(BYTES));
        signal_from_gpu(shared, 2 * round);
        release(shared, PRODUCER, 2 * round);
    }
}

static void *consumer(void *unused)
{
    struct shared shared = {.gpu = open_gpu("(discrete)")};
    (void)unused;
    unpack(&shared, handed_over);
    close(handed_over);
    consume(&shared);

    D3DKMT_DESTROYALLOCATION2 resource = {.hDevice = shared.gpu.device, .hResource = shared.resource};
    D3DKMT_DESTROYKEYEDMUTEX mutex = {shared.mutex};
    D3DKMT_DESTROYSYNCHRONIZATIONOBJECT fence = {shared.fence};
    CHECK(D3DKMTDestroyAllocation2(&resource));
    CHECK(D3DKMTDestroyKeyedMutex(&mutex));
    CHECK(D3DKMTDestroySynchronizationObject(&fence));
    close_gpu(&shared.gpu);
    return NULL;
}

int main(void)
{
    struct shared shared = {.gpu = open_gpu("(discrete)")};
    pthread_t thread;

    create(&shared);
    handed_over = pack(&shared);
    if (pthread_create(&thread, NULL, consumer, NULL)) return EXIT_FAILURE;
    produce(&shared);
    pthread_join(thread, NULL);
    close_gpu(&shared.gpu); /* and what the device has goes with it */
    printf("done           %u rounds\n", ROUNDS);
    return EXIT_SUCCESS;
}
