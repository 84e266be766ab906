/* SPDX-License-Identifier: MIT */
/*
 * Keyed mutexes: creation, opening, keys, timeouts, abandonment, private runtime data, and many waiters. The steps of
 * one thread and of two are what Windows was seen to do.
 */
#include "endpoint.h"
#include "gate.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MS 10000ll /* of 100 ns */

static D3DKMT_HANDLE create(UINT64 key, D3DKMT_HANDLE *ret_global)
{
    D3DKMT_CREATEKEYEDMUTEX args = {0};
    args.InitialValue = key;
    require_success(D3DKMTCreateKeyedMutex(&args));
    if (ret_global) *ret_global = args.hSharedHandle;
    return args.hKeyedMutex;
}

static D3DKMT_HANDLE create_with(const void *data, UINT size_bytes, UINT flags, D3DKMT_HANDLE *ret_global)
{
    D3DKMT_CREATEKEYEDMUTEX2 args = {0};
    args.pPrivateRuntimeData = (VOID *)data;
    args.PrivateRuntimeDataSize = size_bytes;
    args.Flags.Value = flags;
    args.hSharedHandle = SENTINEL;
    require_success(D3DKMTCreateKeyedMutex2(&args));
    check_local(args.hKeyedMutex);
    if (ret_global) *ret_global = args.hSharedHandle;
    return args.hKeyedMutex;
}

static NTSTATUS open_global(D3DKMT_HANDLE global, D3DKMT_HANDLE *ret_mutex)
{
    D3DKMT_OPENKEYEDMUTEX args = {0};
    args.hSharedHandle = global;
    NTSTATUS status = D3DKMTOpenKeyedMutex(&args);
    if (ret_mutex) *ret_mutex = args.hKeyedMutex;
    return status;
}

static NTSTATUS destroy(D3DKMT_HANDLE mutex)
{
    D3DKMT_DESTROYKEYEDMUTEX args = {mutex};
    return D3DKMTDestroyKeyedMutex(&args);
}

/* TIMEOUT: in 100 ns; forever without one. */
static NTSTATUS acquire(D3DKMT_HANDLE mutex, UINT64 key, const long long *timeout, UINT64 *ret_fence)
{
    D3DKMT_ACQUIREKEYEDMUTEX args = {0};
    LARGE_INTEGER time;
    if (timeout) time.QuadPart = *timeout;
    args.hKeyedMutex = mutex;
    args.Key = key;
    args.pTimeout = timeout ? &time : NULL;
    args.FenceValue = SENTINEL64;
    NTSTATUS status = D3DKMTAcquireKeyedMutex(&args);
    check_u64(key, args.Key);
    if (ret_fence) *ret_fence = args.FenceValue;
    return status;
}

static const long long poll = 0, short_time = -10 * MS, long_time = -5000 * MS;

static NTSTATUS release(D3DKMT_HANDLE mutex, UINT64 key, UINT64 fence)
{
    D3DKMT_RELEASEKEYEDMUTEX args = {0};
    args.hKeyedMutex = mutex;
    args.Key = key;
    args.FenceValue = fence;
    NTSTATUS status = D3DKMTReleaseKeyedMutex(&args);
    check_u64(key, args.Key);
    check_u64(fence, args.FenceValue);
    return status;
}

/* ------------------------------------------------------------------------------------- creation and opening */

static void creation(void)
{
    const char data[6] = {1, 2, 3, 4, 5, 6};
    udxg_case("NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateKeyedMutex(NULL));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateKeyedMutex2(NULL));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTOpenKeyedMutex(NULL));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTOpenKeyedMutex2(NULL));
        check_status(STATUS_INVALID_PARAMETER, D3DKMTDestroyKeyedMutex(NULL));
    }
    udxg_case("without an adapter: local and global, and next to each other") {
        D3DKMT_HANDLE global, a = create(0, &global), b = create(0, NULL);
        check_local(a);
        check_global(global);
        check_u64(a + 0x40, b);
    }
    udxg_case("version 2: local and global; NtSecuritySharing: no global") {
        D3DKMT_HANDLE global;
        create_with(NULL, 0, 0, &global);
        check_global(global);
        create_with(data, 6, 1, &global);
        check_u64(0, global);
    }
    udxg_case("version 2: wrong arguments") {
        D3DKMT_CREATEKEYEDMUTEX2 args = {0};
        args.Flags.Value = 2;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateKeyedMutex2(&args));
        args.Flags.Value = 0;
        args.PrivateRuntimeDataSize = 6;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTCreateKeyedMutex2(&args));
        check_u64(0, args.hKeyedMutex);
    }
    udxg_case("open") {
        D3DKMT_HANDLE global, mutex = create(0, &global), opened, again;
        check_status(STATUS_INVALID_PARAMETER, open_global(0, NULL));
        check_status(STATUS_INVALID_PARAMETER, open_global(mutex, NULL));
        check_status(STATUS_INVALID_PARAMETER, open_global(global + 0x40, NULL));
        check_status(STATUS_SUCCESS, open_global(global, &opened));
        check_local(opened);
        check_true(opened != mutex);
        check_status(STATUS_INVALID_PARAMETER, destroy(global));
        check_status(STATUS_INVALID_PARAMETER, destroy(0));
        check_status(STATUS_SUCCESS, destroy(mutex));
        check_status(STATUS_INVALID_PARAMETER, destroy(mutex));
        check_status(STATUS_SUCCESS, open_global(global, &again));
        check_status(STATUS_SUCCESS, destroy(opened));
        check_status(STATUS_SUCCESS, destroy(again));
        check_status(STATUS_INVALID_PARAMETER, open_global(global, NULL));
    }
    udxg_case("a failed open takes no handle") {
        D3DKMT_HANDLE a = create(0, NULL);
        check_status(STATUS_INVALID_PARAMETER, open_global(0x40000002, NULL));
        check_u64(a + 0x40, create(0, NULL));
    }
    const struct {
        const char *name;
        UINT has, size;
        bool buffer;
        NTSTATUS want;
    } rows[] = {
        {"no data, 64 and no buffer", 0, 64, false, STATUS_INVALID_PARAMETER},
        {"no data, 64 and a buffer", 0, 64, true, STATUS_SUCCESS},
        {"6 bytes, 0 and no buffer", 6, 0, false, STATUS_SUCCESS},
        {"6 bytes, 64 and no buffer", 6, 64, false, STATUS_INVALID_PARAMETER},
        {"6 bytes, 5 and a buffer", 6, 5, true, STATUS_INVALID_PARAMETER},
        {"6 bytes, 6 and a buffer", 6, 6, true, STATUS_SUCCESS},
        {"6 bytes, 64 and a buffer", 6, 64, true, STATUS_SUCCESS},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("open2/%s", rows[i].name) {
            D3DKMT_OPENKEYEDMUTEX2 args = {0};
            uint8_t buffer[64];
            memset(buffer, 0xcd, sizeof(buffer));
            create_with(data, rows[i].has, 0, &args.hSharedHandle);
            args.PrivateRuntimeDataSize = rows[i].size;
            args.pPrivateRuntimeData = rows[i].buffer ? buffer : NULL;
            check_status(rows[i].want, D3DKMTOpenKeyedMutex2(&args));
            check_u64(rows[i].size, args.PrivateRuntimeDataSize);
            check_true(filled_with(buffer, sizeof(buffer), 0xcd));
            check_true((args.hKeyedMutex != 0) == (rows[i].want == STATUS_SUCCESS));
        }
    }
    udxg_case("from an NT handle: of another type, of none") {
        D3DKMT_CREATESYNCHRONIZATIONOBJECT2 fence = {0};
        D3DKMT_OPENKEYEDMUTEXFROMNTHANDLE args = {0};
        OBJECT_ATTRIBUTES attributes = {0};
        attributes.Length = sizeof(attributes);
        fence.hDevice = create_device(open_adapter());
        fence.Info.Type = D3DDDI_MONITORED_FENCE;
        fence.Info.Flags.Shared = fence.Info.Flags.NtSecuritySharing = 1;
        require_success(D3DKMTCreateSynchronizationObject2(&fence));
        require_success(D3DKMTShareObjects(1, &fence.hSyncObject, &attributes, GENERIC_ALL, &args.hNtHandle));
        check_status(STATUS_OBJECT_TYPE_MISMATCH, D3DKMTOpenKeyedMutexFromNtHandle(&args));
        args.hNtHandle = fd_handle(create_event());
        check_status(STATUS_INVALID_HANDLE, D3DKMTOpenKeyedMutexFromNtHandle(&args));
        check_u64(0, args.hKeyedMutex);
    }
    udxg_case("alone it cannot be shared by NT handle") {
        D3DKMT_HANDLE mutex = create_with(NULL, 0, 1, NULL);
        OBJECT_ATTRIBUTES attributes = {0};
        HANDLE handle = NULL;
        attributes.Length = sizeof(attributes);
        check_status(STATUS_INVALID_PARAMETER, D3DKMTShareObjects(1, &mutex, &attributes, GENERIC_ALL, &handle));
    }
}

/* ---------------------------------------------------------------------------------------- acquire and release */

static void one_thread(void)
{
    udxg_case("step by step, as observed") {
        D3DKMT_HANDLE mutex = create(0, NULL);
        UINT64 fence;
        check_status(STATUS_INVALID_PARAMETER, D3DKMTAcquireKeyedMutex(NULL));
        check_status(STATUS_INVALID_PARAMETER, acquire(BAD_HANDLE, 0xdeadbeef, &short_time, &fence));
        check_u64(SENTINEL64, fence);
        check_status(STATUS_TIMEOUT, acquire(mutex, 0xdeadbeef, &short_time, &fence));
        check_u64(0, fence);
        check_status(STATUS_SUCCESS, acquire(mutex, 0, &short_time, &fence));
        check_u64(0, fence);
        check_status(STATUS_INVALID_PARAMETER, D3DKMTReleaseKeyedMutex(NULL));
        check_status(STATUS_INVALID_PARAMETER, release(BAD_HANDLE, 1, 2));
        check_status(STATUS_SUCCESS, release(mutex, 1, 1234));
        check_status(STATUS_INVALID_PARAMETER, release(mutex, 1, 1234));
        check_status(STATUS_TIMEOUT, acquire(mutex, 0, &short_time, &fence));
        check_u64(0, fence);
        check_status(STATUS_SUCCESS, acquire(mutex, 1, &short_time, &fence));
        check_u64(1234, fence);
        check_status(STATUS_SUCCESS, release(mutex, 0, 0));
        check_status(STATUS_SUCCESS, acquire(mutex, 0, &short_time, &fence));
        check_u64(0, fence);
    }
    udxg_case("who owns it has to wait for it like anybody else") {
        D3DKMT_HANDLE mutex = create(7, NULL);
        check_status(STATUS_SUCCESS, acquire(mutex, 7, NULL, NULL));
        check_status(STATUS_TIMEOUT, acquire(mutex, 7, &poll, NULL));
    }
    udxg_case("only the handle that owns it releases it") {
        D3DKMT_HANDLE global, a = create(0, &global), b;
        require_success(open_global(global, &b));
        require_success(acquire(a, 0, &poll, NULL));
        check_status(STATUS_INVALID_PARAMETER, release(b, 0, 0));
        check_status(STATUS_TIMEOUT, acquire(b, 0, &poll, NULL));
        check_status(STATUS_SUCCESS, release(a, 0, 0));
        check_status(STATUS_SUCCESS, acquire(b, 0, &poll, NULL));
    }
    udxg_case("every key is a key") {
        D3DKMT_HANDLE mutex = create(~0ull, NULL);
        check_status(STATUS_SUCCESS, acquire(mutex, ~0ull, &poll, NULL));
        check_status(STATUS_SUCCESS, release(mutex, 1ull << 63, 0));
        check_status(STATUS_SUCCESS, acquire(mutex, 1ull << 63, &poll, NULL));
    }
    udxg_case("poll, relative and absolute times") {
        D3DKMT_HANDLE mutex = create(0, NULL);
        struct timespec now;
        long long past = 1, at;
        double start = now_ms();
        check_status(STATUS_TIMEOUT, acquire(mutex, 1, &poll, NULL));
        check_status(STATUS_TIMEOUT, acquire(mutex, 1, &past, NULL));
        check_true(now_ms() - start < 1000);
        const long long relative = -60 * MS;
        start = now_ms();
        check_status(STATUS_TIMEOUT, acquire(mutex, 1, &relative, NULL));
        check_true(now_ms() - start >= 59);
        clock_gettime(CLOCK_REALTIME, &now);
        at = ((long long)now.tv_sec + 11644473600ll) * 10000000ll + now.tv_nsec / 100 + 60 * MS;
        start = now_ms();
        check_status(STATUS_TIMEOUT, acquire(mutex, 1, &at, NULL));
        check_true(now_ms() - start >= 50 && now_ms() - start < 5000);
    }
    udxg_case("the shortest and the longest time there is") {
        D3DKMT_HANDLE mutex = create(0, NULL);
        const long long shortest = -1, longest = INT64_MIN, last = INT64_MAX;
        check_status(STATUS_TIMEOUT, acquire(mutex, 1, &shortest, NULL));
        check_status(STATUS_SUCCESS, acquire(mutex, 0, &longest, NULL));
        check_status(STATUS_SUCCESS, release(mutex, 0, 0));
        check_status(STATUS_SUCCESS, acquire(mutex, 0, &last, NULL));
    }
}

static NTSTATUS acquire2(D3DKMT_HANDLE mutex, void *data, UINT size_bytes)
{
    D3DKMT_ACQUIREKEYEDMUTEX2 args = {0};
    LARGE_INTEGER time;
    time.QuadPart = 0;
    args.hKeyedMutex = mutex;
    args.pTimeout = &time;
    args.pPrivateRuntimeData = data;
    args.PrivateRuntimeDataSize = size_bytes;
    return D3DKMTAcquireKeyedMutex2(&args);
}

static NTSTATUS release2(D3DKMT_HANDLE mutex, const void *data, UINT size_bytes)
{
    D3DKMT_RELEASEKEYEDMUTEX2 args = {0};
    args.hKeyedMutex = mutex;
    args.pPrivateRuntimeData = (VOID *)data;
    args.PrivateRuntimeDataSize = size_bytes;
    return D3DKMTReleaseKeyedMutex2(&args);
}

static void private_data(void)
{
    udxg_case("an acquire delivers what was created and what was released with") {
        D3DKMT_HANDLE mutex = create_with("first!", 6, 0, NULL);
        char data[6] = {0};
        check_status(STATUS_SUCCESS, acquire2(mutex, data, 6));
        check_true(!memcmp(data, "first!", 6));
        check_status(STATUS_SUCCESS, release2(mutex, "second", 6));
        check_status(STATUS_SUCCESS, acquire2(mutex, data, 6));
        check_true(!memcmp(data, "second", 6));
        check_status(STATUS_SUCCESS, release2(mutex, NULL, 0));
        check_status(STATUS_SUCCESS, acquire2(mutex, NULL, 0));
        check_status(STATUS_SUCCESS, release(mutex, 0, 0));
        check_status(STATUS_SUCCESS, acquire2(mutex, data, 6));
        check_true(!memcmp(data, "second", 6));
    }
    udxg_case("its size must be right, or nothing happens") {
        D3DKMT_HANDLE mutex = create_with("first!", 6, 0, NULL);
        char data[7] = {0};
        check_status(STATUS_INVALID_PARAMETER, acquire2(mutex, data, 5));
        check_status(STATUS_INVALID_PARAMETER, acquire2(mutex, data, 7));
        check_status(STATUS_INVALID_PARAMETER, acquire2(mutex, data, 0));
        check_status(STATUS_INVALID_PARAMETER, acquire2(mutex, NULL, 6));
        check_true(filled_with(data, 7, 0));
        require_success(acquire2(mutex, data, 6));
        check_status(STATUS_INVALID_PARAMETER, release2(mutex, data, 5));
        check_status(STATUS_INVALID_PARAMETER, release2(mutex, data, 7));
        check_status(STATUS_SUCCESS, release2(mutex, data, 6));
    }
    udxg_case("a mutex without data takes none") {
        D3DKMT_HANDLE mutex = create(0, NULL);
        char data[1] = {5};
        check_status(STATUS_INVALID_PARAMETER, acquire2(mutex, data, 1));
        check_status(STATUS_SUCCESS, acquire2(mutex, data, 0));
        check_status(STATUS_INVALID_PARAMETER, release2(mutex, data, 1));
        check_status(STATUS_SUCCESS, release2(mutex, data, 0));
    }
    udxg_case("a timeout writes no data") {
        D3DKMT_HANDLE mutex = create_with("first!", 6, 0, NULL);
        char data[6] = {0};
        require_success(acquire2(mutex, NULL, 0));
        check_status(STATUS_TIMEOUT, acquire2(mutex, data, 6));
        check_true(filled_with(data, 6, 0));
    }
}

/* ------------------------------------------------------------------------------------------------ two threads */

struct waiter {
    D3DKMT_HANDLE mutex;
    UINT64 key, fence;
    NTSTATUS status;
    volatile bool back;
    pthread_t thread;
};

static void *wait_for_it(void *arg)
{
    struct waiter *waiter = (struct waiter *)arg;
    D3DKMT_ACQUIREKEYEDMUTEX args = {0};
    args.hKeyedMutex = waiter->mutex;
    args.Key = waiter->key;
    waiter->status = D3DKMTAcquireKeyedMutex(&args);
    waiter->fence = args.FenceValue;
    waiter->back = true;
    return NULL;
}

static void start(struct waiter *waiter, D3DKMT_HANDLE mutex, UINT64 key)
{
    waiter->mutex = mutex;
    waiter->key = key;
    waiter->back = false;
    require_true(pthread_create(&waiter->thread, NULL, wait_for_it, waiter) == 0);
    usleep(100000);
}

static void two_threads(void)
{
    udxg_case("a release wakes who waits for its key, and nobody else") {
        D3DKMT_HANDLE global, mutex = create(0, &global), other;
        struct waiter one, two;
        require_success(open_global(global, &other));
        require_success(acquire(mutex, 0, &poll, NULL));
        start(&one, other, 1);
        start(&two, other, 2);
        check_status(STATUS_SUCCESS, release(mutex, 2, 77));
        pthread_join(two.thread, NULL);
        check_status(STATUS_SUCCESS, two.status);
        check_u64(77, two.fence);
        check_true(!one.back);
        check_status(STATUS_SUCCESS, release(other, 1, 78));
        pthread_join(one.thread, NULL);
        check_status(STATUS_SUCCESS, one.status);
        check_u64(78, one.fence);
    }
    udxg_case("its owner's handle is destroyed: abandoned, for good") {
        D3DKMT_HANDLE global, mutex = create(0, &global), other;
        struct waiter waiter;
        UINT64 fence;
        require_success(open_global(global, &other));
        require_success(acquire(mutex, 0, &poll, NULL));
        start(&waiter, other, 0);
        check_true(!waiter.back);
        check_status(STATUS_SUCCESS, destroy(mutex));
        pthread_join(waiter.thread, NULL);
        check_status(STATUS_ABANDONED, waiter.status);
        for (UINT64 key = 0; key < 3; key++) {
            check_status(STATUS_ABANDONED, acquire(other, key, &long_time, &fence));
            check_u64(0, fence);
        }
        check_status(STATUS_INVALID_PARAMETER, release(other, 0, 0));
        check_status(STATUS_SUCCESS, destroy(other));
    }
    udxg_case("the handle of one that waits is destroyed: it is told, the mutex is not abandoned") {
        D3DKMT_HANDLE global, mutex = create(0, &global), other;
        struct waiter waiter;
        require_success(open_global(global, &other));
        require_success(acquire(mutex, 0, &poll, NULL));
        start(&waiter, other, 0);
        check_status(STATUS_SUCCESS, destroy(other));
        pthread_join(waiter.thread, NULL);
        check_status(STATUS_INVALID_PARAMETER, waiter.status);
        check_status(STATUS_SUCCESS, release(mutex, 0, 0));
        check_status(STATUS_SUCCESS, acquire(mutex, 0, &poll, NULL));
    }
    udxg_case("destroyed by one that does not own it: nothing happens to it") {
        D3DKMT_HANDLE global, mutex = create(0, &global), other;
        require_success(open_global(global, &other));
        check_status(STATUS_SUCCESS, destroy(mutex));
        check_status(STATUS_SUCCESS, acquire(other, 0, &poll, NULL));
        check_status(STATUS_SUCCESS, release(other, 0, 0));
    }
}

enum { MANY = 2000 };

static struct {
    unsigned served[MANY], count;
    D3DKMT_HANDLE mutex;
} queue;

static void *take_a_number(void *arg)
{
    D3DKMT_ACQUIREKEYEDMUTEX args = {0};
    args.hKeyedMutex = queue.mutex;
    args.Key = 1;
    if (D3DKMTAcquireKeyedMutex(&args) == STATUS_SUCCESS) {
        queue.served[queue.count++] = (unsigned)(uintptr_t)arg; /* the mutex keeps others out */
        D3DKMT_RELEASEKEYEDMUTEX give = {queue.mutex, 1, 0};
        (void)D3DKMTReleaseKeyedMutex(&give);
    }
    return NULL;
}

static void many(void)
{
    udxg_case("waiters of a key are served in the order in which they came") {
        pthread_t threads[20];
        queue.mutex = create(0, NULL);
        queue.count = 0;
        for (uintptr_t i = 0; i < LENGTH_OF(threads); i++) {
            require_true(pthread_create(&threads[i], NULL, take_a_number, (void *)i) == 0);
            usleep(50000); /* it is among the waiters by then, also on a busy machine */
        }
        require_success(acquire(queue.mutex, 0, &poll, NULL));
        require_success(release(queue.mutex, 1, 0));
        for (size_t i = 0; i < LENGTH_OF(threads); i++) pthread_join(threads[i], NULL);
        require_u64(LENGTH_OF(threads), queue.count);
        for (unsigned i = 0; i < LENGTH_OF(threads); i++) check_u64(i, queue.served[i]);
    }
    const unsigned many = on_daemon() ? MANY / 10 : MANY; /* each has a thread there, too: there is a limit */
    udxg_case("%u waiters", many) {
        static pthread_t threads[MANY];
        static bool seen[MANY];
        pthread_attr_t small;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 128 << 10);
        queue.mutex = create(0, NULL);
        queue.count = 0;
        for (uintptr_t i = 0; i < many; i++)
            require_true(pthread_create(&threads[i], &small, take_a_number, (void *)i) == 0);
        require_success(acquire(queue.mutex, 0, &poll, NULL));
        require_success(release(queue.mutex, 1, 0));
        for (size_t i = 0; i < many; i++) pthread_join(threads[i], NULL);
        check_u64(many, queue.count);
        for (unsigned i = 0; i < queue.count; i++) seen[queue.served[i]] = true;
        bool all = true;
        for (unsigned i = 0; i < many; i++) all &= seen[i];
        check_true(all);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"create and open", ON_DISCRETE, creation},
        {"one thread", ON_DISCRETE, one_thread},
        {"private data", ON_DISCRETE, private_data},
        {"two threads", ON_DISCRETE, two_threads},
        {"many", ON_DISCRETE, many},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
