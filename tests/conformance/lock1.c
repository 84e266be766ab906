/* SPDX-License-Identifier: MIT */
/*
 * Lock and Unlock, the version of WDDM 1: flags, the list of pages, what they wait for and when they rather fail,
 * and that they count together with Lock2 and Unlock2.
 */
#include "gate.h"

#include "creation.h"

enum lock_flag {
    LOCK_READ_ONLY = 1 << 0,
    LOCK_WRITE_ONLY = 1 << 1,
    LOCK_DONOT_WAIT = 1 << 2,
    LOCK_IGNORE_SYNC = 1 << 3,
    LOCK_ENTIRE = 1 << 4,
    LOCK_DONOT_EVICT = 1 << 5,
    LOCK_ACQUIRE_APERTURE = 1 << 6,
    LOCK_DISCARD = 1 << 7,
    LOCK_NO_EXISTING_REFERENCE = 1 << 8,
    LOCK_USE_ALTERNATE_VA = 1 << 9,
    LOCK_IGNORE_READ_SYNC = 1 << 10,
    LOCK_ALL = (1 << 11) - 1,
};

#define BYTES KIB(64)
#define PAGES ((UINT)(BYTES / PAGE_BYTES))

static D3DKMT_LOCK lock_args(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, UINT flags)
{
    D3DKMT_LOCK args;
    memset(&args, 0, sizeof(args));
    args.hDevice = device;
    args.hAllocation = allocation;
    args.PrivateDriverData = SENTINEL;
    args.pData = (PVOID)(uintptr_t)SENTINEL64;
    args.Flags.Value = flags;
    args.GpuVirtualAddress = SENTINEL64;
    return args;
}

static NTSTATUS unlock1(D3DKMT_HANDLE device, const D3DKMT_HANDLE *allocations, UINT count)
{
    D3DKMT_UNLOCK args = {0};
    args.hDevice = device;
    args.phAllocations = allocations;
    args.NumAllocations = count;
    return D3DKMTUnlock(&args);
}

/* WANT comes back, nothing was written, and no lock is held that was not before. */
static void check_refused(D3DKMT_LOCK *args, NTSTATUS want)
{
    D3DKMT_LOCK before;
    memcpy(&before, args, sizeof(before));
    check_status(want, D3DKMTLock(args));
    check_true(memcmp(&before, args, sizeof(before)) == 0);
    check_status(STATUS_INVALID_PARAMETER, unlock1(args->hDevice, &args->hAllocation, 1));
}

/* It succeeds with Lock2's address, and wrote nothing else. It is unlocked again. */
static void check_locks(D3DKMT_LOCK *args)
{
    D3DKMT_LOCK want;
    void *address = lock(args->hDevice, args->hAllocation);
    require_success(unlock(args->hDevice, args->hAllocation));
    memcpy(&want, args, sizeof(want));
    want.pData = address;
    NTSTATUS got = D3DKMTLock(args);
    if (got != STATUS_SUCCESS) note("with flags 0x%x", args->Flags.Value);
    require_success(got);
    check_true(args->pData == address);
    check_true(memcmp(&want, args, sizeof(want)) == 0);
    check_status(STATUS_SUCCESS, unlock1(args->hDevice, &args->hAllocation, 1));
    check_status(STATUS_INVALID_PARAMETER, unlock1(args->hDevice, &args->hAllocation, 1));
}

/* ------------------------------------------------------------------------------------------------ arguments */

static void arguments(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    D3DKMT_HANDLE other = create_device(adapter);
    D3DKMT_HANDLE allocation = create_buffer(device, BYTES);
    D3DKMT_HANDLE dead = create_buffer(device, BYTES);
    require_success(destroy_allocation(device, dead));

    udxg_case("lock/NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTLock(NULL));
    }
    udxg_case("unlock/NULL") {
        check_status(STATUS_INVALID_PARAMETER, D3DKMTUnlock(NULL));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE device, allocation;
    } rows[] = {
        {"zeroed", 0, 0},
        {"hDevice 0", 0, allocation},
        {"hDevice is no handle", BAD_HANDLE, allocation},
        {"hDevice is an adapter", adapter, allocation},
        {"hDevice is another device", other, allocation},
        {"hAllocation 0", device, 0},
        {"hAllocation is no handle", device, BAD_HANDLE},
        {"hAllocation is a device", device, device},
        {"hAllocation is a resource", device, create_resource(device, 1, false, NULL)},
        {"hAllocation was destroyed", device, dead},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("lock/%s", rows[i].name) {
            D3DKMT_LOCK args = lock_args(rows[i].device, rows[i].allocation, LOCK_ENTIRE);
            check_refused(&args, STATUS_INVALID_PARAMETER);
        }
        udxg_case("unlock/%s", rows[i].name) {
            lock(device, allocation);
            check_status(STATUS_INVALID_PARAMETER, unlock1(rows[i].device, &rows[i].allocation, 1));
            check_status(STATUS_SUCCESS, unlock1(device, &allocation, 1));
        }
    }
    udxg_case("not CPU visible") {
        struct udxg_soft_allocation soft = soft_buffer(BYTES);
        soft.flags = 0;
        D3DKMT_LOCK args = lock_args(device, create_allocation(device, &soft), LOCK_ENTIRE);
        check_refused(&args, STATUS_INVALID_PARAMETER);
    }
    udxg_case("the caller's memory") {
        struct creation creation;
        void *memory = map_pages(1);
        creation_heap(&creation, 2, device, memory, PAGE_BYTES);
        creation_succeeds(&creation);
        D3DKMT_LOCK args = lock_args(device, creation.info2[0].hAllocation, LOCK_ENTIRE);
        require_success(D3DKMTLock(&args));
        check_true(args.pData == memory);
    }
}

/* ---------------------------------------------------------------------------------------------------- flags */

static NTSTATUS flags_give(UINT flags)
{
    if (flags & ~(UINT)LOCK_ALL) return STATUS_INVALID_PARAMETER;
    if ((flags & LOCK_READ_ONLY) && (flags & LOCK_WRITE_ONLY)) return STATUS_INVALID_PARAMETER;
    if ((flags & LOCK_IGNORE_SYNC) && (flags & LOCK_ACQUIRE_APERTURE)) return STATUS_INVALID_PARAMETER;
    if ((flags & LOCK_USE_ALTERNATE_VA) && !(flags & LOCK_ACQUIRE_APERTURE)) return STATUS_INVALID_PARAMETER;
    if ((flags & LOCK_NO_EXISTING_REFERENCE) && !(flags & LOCK_DISCARD)) return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static void try_flags(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, UINT flags)
{
    D3DKMT_LOCK args = lock_args(device, allocation, flags);
    NTSTATUS want = flags_give(flags);
    if (want == STATUS_SUCCESS)
        check_locks(&args);
    else
        check_refused(&args, want);
}

static void flags(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    D3DKMT_HANDLE allocation = create_buffer(device, BYTES);
    udxg_case("none") {
        try_flags(device, allocation, 0);
    }
    for (unsigned first = 0; first < 32; first++) {
        udxg_case("bit %u, alone and with each other", first) {
            for (unsigned second = 0; second < 32; second++) try_flags(device, allocation, 1u << first | 1u << second);
        }
    }
    for (UINT low = 0; low < 16; low++) {
        udxg_case("every combination that has 0x%x", low) {
            for (UINT high = 0; high <= LOCK_ALL >> 4; high++) try_flags(device, allocation, high << 4 | low);
        }
    }
    udxg_case("UseAlternateVA on a shared allocation") {
        D3DKMT_HANDLE shared;
        create_resource(device, 1, true, &shared);
        D3DKMT_LOCK args = lock_args(device, shared, LOCK_ENTIRE | LOCK_ACQUIRE_APERTURE | LOCK_USE_ALTERNATE_VA);
        check_refused(&args, STATUS_INVALID_PARAMETER);
        args = lock_args(device, shared, LOCK_ENTIRE | LOCK_ACQUIRE_APERTURE);
        check_locks(&args);
    }
    udxg_case("Discard keeps handle and address: nothing is renamed") {
        void *address = lock(device, allocation);
        require_success(unlock(device, allocation));
        for (int i = 0; i < 10; i++) {
            D3DKMT_LOCK args = lock_args(device, allocation, LOCK_ENTIRE | LOCK_DISCARD | LOCK_NO_EXISTING_REFERENCE);
            require_success(D3DKMTLock(&args));
            check_u64(allocation, args.hAllocation);
            check_true(args.pData == address);
            require_success(unlock1(device, &allocation, 1));
        }
    }
}

/* ---------------------------------------------------------------------------------------------------- pages */

static void pages(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    D3DKMT_HANDLE allocation = create_buffer(device, BYTES);
    UINT all[PAGES];
    for (UINT i = 0; i < PAGES; i++) all[i] = i;
    const UINT last[] = {PAGES - 1}, beyond[] = {PAGES}, far[] = {0xffffffffu}, twice[] = {3, 3}, down[] = {9, 4, 0};
    const UINT beyond_late[] = {0, 1, PAGES, 2};
    const struct {
        const char *name;
        const UINT *pages;
        UINT count;
        bool good; /* without LockEntire; with it, all are */
    } rows[] = {
        {"none", NULL, 0, true},
        {"none, with a pointer", (const UINT *)(uintptr_t)16, 0, true},
        {"the first", all, 1, true},
        {"the last", last, 1, true},
        {"all", all, PAGES, true},
        {"one twice", twice, 2, true},
        {"downwards", down, 3, true},
        {"one behind the last", beyond, 1, false},
        {"0xffffffff", far, 1, false},
        {"one behind the last, after good ones", beyond_late, 4, false},
        {"at NULL", NULL, 1, false},
        {"not mapped", (const UINT *)(uintptr_t)16, 1, false},
        {"0xffffffff of them", all, 0xffffffffu, false},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            D3DKMT_LOCK args = lock_args(device, allocation, 0);
            args.pPages = rows[i].pages;
            args.NumPages = rows[i].count;
            if (rows[i].good)
                check_locks(&args);
            else
                check_refused(&args, STATUS_INVALID_PARAMETER);
        }
        udxg_case("%s, LockEntire", rows[i].name) {
            D3DKMT_LOCK args = lock_args(device, allocation, LOCK_ENTIRE);
            args.pPages = rows[i].pages;
            args.NumPages = rows[i].count;
            check_locks(&args);
        }
    }
    udxg_case("of an allocation of 5000 bytes: it has two") {
        const UINT second[] = {1}, third[] = {2};
        D3DKMT_HANDLE odd = create_buffer(device, 5000);
        D3DKMT_LOCK args = lock_args(device, odd, 0);
        args.NumPages = 1;
        args.pPages = second;
        check_locks(&args);
        args = lock_args(device, odd, 0);
        args.NumPages = 1;
        args.pPages = third;
        check_refused(&args, STATUS_INVALID_PARAMETER);
    }
}

/* ------------------------------------------------------------------------------------------------- counting */

static void counts(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("Lock and Lock2 count together, whichever ends them") {
        for (unsigned order = 0; order < 16; order++) {
            D3DKMT_HANDLE allocation = create_buffer(device, BYTES);
            for (unsigned i = 0; i < 2; i++) {
                D3DKMT_LOCK args = lock_args(device, allocation, LOCK_ENTIRE);
                if (order >> i & 1)
                    require_success(D3DKMTLock(&args));
                else
                    lock(device, allocation);
            }
            for (unsigned i = 2; i < 4; i++)
                check_status(STATUS_SUCCESS,
                             order >> i & 1 ? unlock1(device, &allocation, 1) : unlock(device, allocation));
            check_status(STATUS_INVALID_PARAMETER, unlock1(device, &allocation, 1));
            check_status(STATUS_INVALID_PARAMETER, unlock(device, allocation));
        }
    }
    udxg_case("the address is Lock2's, and the bytes are") {
        D3DKMT_HANDLE allocation = create_buffer(device, BYTES);
        D3DKMT_LOCK args = lock_args(device, allocation, LOCK_ENTIRE | LOCK_WRITE_ONLY);
        require_success(D3DKMTLock(&args));
        check_true(filled_with(args.pData, BYTES, 0));
        memset(args.pData, 0x3a, BYTES);
        require_success(unlock1(device, &allocation, 1));
        check_true(lock(device, allocation) == args.pData);
        check_true(filled_with(args.pData, BYTES, 0x3a));
    }
    udxg_case("ten times") {
        D3DKMT_HANDLE allocation = create_buffer(device, BYTES);
        for (int i = 0; i < 10; i++) {
            D3DKMT_LOCK args = lock_args(device, allocation, LOCK_READ_ONLY | LOCK_ENTIRE);
            require_success(D3DKMTLock(&args));
        }
        for (int i = 0; i < 10; i++) check_status(STATUS_SUCCESS, unlock1(device, &allocation, 1));
        check_status(STATUS_INVALID_PARAMETER, unlock1(device, &allocation, 1));
    }
    udxg_case("a locked allocation can be destroyed") {
        D3DKMT_HANDLE allocation = create_buffer(device, BYTES);
        D3DKMT_LOCK args = lock_args(device, allocation, LOCK_ENTIRE);
        require_success(D3DKMTLock(&args));
        check_status(STATUS_SUCCESS, destroy_allocation(device, allocation));
        check_status(STATUS_INVALID_PARAMETER, unlock1(device, &allocation, 1));
    }
}

static void unlocking(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    D3DKMT_HANDLE other = create_device(adapter);
    D3DKMT_HANDLE dead = create_buffer(device, PAGE_BYTES);
    D3DKMT_HANDLE elsewhere = create_buffer(other, PAGE_BYTES);
    require_success(destroy_allocation(device, dead));
    lock(other, elsewhere);

    static const UINT good[] = {1, 2, 64, MAX_ALLOCATIONS};
    for (size_t i = 0; i < LENGTH_OF(good); i++) {
        udxg_case("%u at once", good[i]) {
            static D3DKMT_HANDLE list[MAX_ALLOCATIONS];
            for (UINT k = 0; k < good[i]; k++) {
                list[k] = create_buffer(device, PAGE_BYTES);
                lock(device, list[k]);
            }
            check_status(STATUS_SUCCESS, unlock1(device, list, good[i]));
            for (UINT k = 0; k < good[i]; k++) require_status(STATUS_INVALID_PARAMETER, unlock(device, list[k]));
        }
    }
    static const UINT bad[] = {0, MAX_ALLOCATIONS + 1, 0x7fffffff, 0x80000000u, 0xffffffffu};
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        udxg_case("%u at once", bad[i]) {
            static D3DKMT_HANDLE list[MAX_ALLOCATIONS + 1];
            for (UINT k = 0; k < LENGTH_OF(list); k++) list[k] = create_buffer(device, PAGE_BYTES);
            for (UINT k = 0; k < LENGTH_OF(list); k++) lock(device, list[k]);
            check_status(STATUS_INVALID_PARAMETER, unlock1(device, list, bad[i]));
            for (UINT k = 0; k < LENGTH_OF(list); k++) require_success(unlock(device, list[k]));
        }
    }
    udxg_case("list at NULL") {
        check_status(STATUS_INVALID_PARAMETER, unlock1(device, NULL, 1));
    }
    udxg_case("list not mapped") {
        check_status(STATUS_INVALID_PARAMETER, unlock1(device, (const D3DKMT_HANDLE *)(uintptr_t)16, 1));
    }
    const struct {
        const char *name;
        D3DKMT_HANDLE handle;
    } wrongs[] = {
        {"0", 0},
        {"no handle", BAD_HANDLE},
        {"dead", dead},
        {"of another device", elsewhere},
        {"not locked", create_buffer(device, PAGE_BYTES)},
        {"a resource", create_resource(device, 1, false, NULL)},
        {"a device", device},
    };
    for (size_t i = 0; i < LENGTH_OF(wrongs); i++) {
        for (int place = 0; place < 3; place++) {
            udxg_case("%s, at %d: none is unlocked", wrongs[i].name, place) {
                D3DKMT_HANDLE list[3];
                for (int k = 0; k < 3; k++) {
                    list[k] = k == place ? wrongs[i].handle : create_buffer(device, PAGE_BYTES);
                    if (k != place) lock(device, list[k]);
                }
                check_status(STATUS_INVALID_PARAMETER, unlock1(device, list, 3));
                for (int k = 0; k < 3; k++) {
                    if (k != place) check_status(STATUS_SUCCESS, unlock(device, list[k]));
                }
            }
        }
    }
    udxg_case("one locked twice, twice in the list") {
        D3DKMT_HANDLE list[2];
        list[0] = list[1] = create_buffer(device, PAGE_BYTES);
        lock(device, list[0]);
        lock(device, list[0]);
        check_status(STATUS_SUCCESS, unlock1(device, list, 2));
        check_status(STATUS_INVALID_PARAMETER, unlock(device, list[0]));
    }
    udxg_case("one locked once, twice in the list: it stays locked") {
        D3DKMT_HANDLE list[3];
        list[0] = list[2] = create_buffer(device, PAGE_BYTES);
        list[1] = create_buffer(device, PAGE_BYTES);
        lock(device, list[0]);
        lock(device, list[1]);
        check_status(STATUS_INVALID_PARAMETER, unlock1(device, list, 3));
        check_status(STATUS_SUCCESS, unlock(device, list[0]));
        check_status(STATUS_SUCCESS, unlock(device, list[1]));
    }
}

/* -------------------------------------------------------------------------------------------------- waiting */

/* Waits until nothing is queued on the device, not even the end of what a fence has told the end of. */
static void wait_idle(D3DKMT_HANDLE device)
{
    D3DKMT_WAITFORIDLE args = {device};
    require_success(D3DKMTWaitForIdle(&args));
}

enum behaviour { WAITS, DOES_NOT, FAILS };

static void waiting(void)
{
    /* The GPU has queued a write when the lock comes. */
    static const struct {
        const char *name;
        UINT flags;
        enum behaviour behaviour;
    } rows[] = {
        {"no flag", 0, WAITS},
        {"ReadOnly", LOCK_READ_ONLY, WAITS},
        {"WriteOnly", LOCK_WRITE_ONLY, WAITS},
        {"IgnoreReadSync, and it is a write", LOCK_IGNORE_READ_SYNC, WAITS},
        {"DonotEvict", LOCK_DONOT_EVICT, WAITS},
        {"AcquireAperture", LOCK_ACQUIRE_APERTURE, WAITS},
        {"DonotWait", LOCK_DONOT_WAIT, FAILS},
        {"DonotWait, ReadOnly", LOCK_DONOT_WAIT | LOCK_READ_ONLY, FAILS},
        {"DonotWait, IgnoreReadSync", LOCK_DONOT_WAIT | LOCK_IGNORE_READ_SYNC, FAILS},
        {"IgnoreSync", LOCK_IGNORE_SYNC, DOES_NOT},
        {"IgnoreSync, DonotWait", LOCK_IGNORE_SYNC | LOCK_DONOT_WAIT, DOES_NOT},
        {"Discard", LOCK_DISCARD, WAITS},
        {"Discard, DonotWait", LOCK_DISCARD | LOCK_DONOT_WAIT, WAITS},
        {"Discard, IgnoreSync", LOCK_DISCARD | LOCK_IGNORE_SYNC, WAITS},
        {"Discard, DonotWait, IgnoreSync", LOCK_DISCARD | LOCK_DONOT_WAIT | LOCK_IGNORE_SYNC, WAITS},
    };
    struct gpu gpu;
    gpu_open(&gpu);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("busy/%s", rows[i].name) {
            struct gate gate;
            struct gpu_buffer buffer = create_gpu_buffer(&gpu, BYTES);
            void *address = lock(gpu.device, buffer.allocation);
            require_success(unlock(gpu.device, buffer.allocation));
            gate_busy(&gate, &gpu, &buffer, 0x2a2a2a2a);
            D3DKMT_LOCK args = lock_args(gpu.device, buffer.allocation, rows[i].flags | LOCK_ENTIRE);
            gate_open_later(&gate);
            double start = now_ms();
            if (rows[i].behaviour == FAILS) {
                check_refused(&args, STATUS_GRAPHICS_ALLOCATION_BUSY);
                check_true(came_at_once(start));
            } else {
                require_success(D3DKMTLock(&args));
                check_true(rows[i].behaviour == WAITS ? waited(start) : came_at_once(start));
                check_true(args.pData == address);
                if (rows[i].behaviour == WAITS) check_true(filled_with(address, BYTES, 0x2a));
                check_status(STATUS_SUCCESS, unlock1(gpu.device, &buffer.allocation, 1));
            }
            gate_join(&gate);
            gpu_finish(&gpu);
            check_true(filled_with(lock(gpu.device, buffer.allocation), BYTES, 0x2a));
        }
        udxg_case("idle/%s", rows[i].name) {
            struct gpu_buffer buffer = create_gpu_buffer(&gpu, BYTES);
            struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, BYTES, 0x2a2a2a2a);
            require_success(submit(&gpu, &fill, sizeof(fill)));
            wait_idle(gpu.device);
            D3DKMT_LOCK args = lock_args(gpu.device, buffer.allocation, rows[i].flags | LOCK_ENTIRE);
            check_locks(&args);
        }
    }
    udxg_case("work that is queued after the lock has begun is not waited for") {
        struct gate gate;
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, BYTES);
        D3DKMT_LOCK args = lock_args(gpu.device, buffer.allocation, LOCK_ENTIRE);
        require_success(D3DKMTLock(&args));
        gate_busy(&gate, &gpu, &buffer, 0x2a2a2a2a);
        check_status(STATUS_SUCCESS, unlock1(gpu.device, &buffer.allocation, 1));
        gate_open(&gate);
        gpu_finish(&gpu);
        check_true(filled_with(args.pData, BYTES, 0x2a));
    }
    udxg_case("another device's work is not waited for") {
        struct gpu second;
        struct gate gate;
        gpu_open_on(&second, gpu.adapter);
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, BYTES);
        struct gpu_buffer theirs = create_gpu_buffer(&second, BYTES);
        wait_idle(gpu.device);
        gate_busy(&gate, &second, &theirs, 0x2a2a2a2a);
        D3DKMT_LOCK args = lock_args(gpu.device, buffer.allocation, LOCK_ENTIRE | LOCK_DONOT_WAIT);
        check_locks(&args);
        gate_open(&gate);
        gpu_finish(&second);
    }
    udxg_case("who has waited for the fence behind the last work finds the device idle") {
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, BYTES);
        for (int i = 0; i < 200; i++) {
            struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, BYTES, 0x2a2a2a2a);
            require_success(submit(&gpu, &fill, sizeof(fill)));
            gpu_finish(&gpu);
            D3DKMT_LOCK args = lock_args(gpu.device, buffer.allocation, LOCK_ENTIRE | LOCK_DONOT_WAIT);
            require_success(D3DKMTLock(&args));
            require_success(unlock1(gpu.device, &buffer.allocation, 1));
        }
    }
    udxg_case("Lock2 does not wait while Lock does") {
        struct gate gate;
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, BYTES);
        gate_busy(&gate, &gpu, &buffer, 0x2a2a2a2a);
        double start = now_ms();
        lock(gpu.device, buffer.allocation);
        check_true(came_at_once(start));
        D3DKMT_LOCK args = lock_args(gpu.device, buffer.allocation, LOCK_ENTIRE | LOCK_DONOT_WAIT);
        check_status(STATUS_GRAPHICS_ALLOCATION_BUSY, D3DKMTLock(&args));
        check_status(STATUS_SUCCESS, unlock1(gpu.device, &buffer.allocation, 1));
        gate_open(&gate);
        gpu_finish(&gpu);
    }
    udxg_case("a wrong flag is told before it waits") {
        struct gate gate;
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, BYTES);
        gate_busy(&gate, &gpu, &buffer, 0x2a2a2a2a);
        D3DKMT_LOCK args = lock_args(gpu.device, buffer.allocation, LOCK_READ_ONLY | LOCK_WRITE_ONLY);
        double start = now_ms();
        check_refused(&args, STATUS_INVALID_PARAMETER);
        check_true(came_at_once(start));
        gate_open(&gate);
        gpu_finish(&gpu);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"argument", ON_DISCRETE, arguments}, {"flag", ON_EACH, flags},           {"page", ON_DISCRETE, pages},
        {"count", ON_DISCRETE, counts},       {"unlock", ON_DISCRETE, unlocking}, {"waiting", ON_EACH, waiting},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
