/* SPDX-License-Identifier: MIT */
/*
 * Commit: every allocation that is not the caller's own memory charges its size when it is created, up to the limit of
 * the adapter, and gives it back when its memory goes. Beyond the limit there is no memory, and nothing has happened.
 * The adapter is a small one of its own.
 */
#include "gate.h"

#include "creation.h"

#include <pthread.h>

#define LIMIT_BYTES MIB(8)

static const char small[] = "[adapter]\n"
                            "description = small\n"
                            "miniport = soft\n"
                            "wddm = 2700\n"
                            "gpu_va_bits = 48\n"
                            "clock = 1 GHz\n"
                            "system_commit_limit = 8 MiB\n"
                            "[segment.1]\n"
                            "size = 64 MiB\n"
                            "flags = use_64kb_pages, application_target, local_budget_group\n"
                            "[segment.2]\n"
                            "size = 64 MiB\n"
                            "flags = aperture, cpu_visible, cache_coherent, non_local_budget_group\n"
                            "[node.0]\n"
                            "type = 3d\n"
                            "name = 3D\n";

/* What this process has charged: SystemMemory.BytesAllocated of its statistics. */
static UINT64 charged(void)
{
    D3DKMT_QUERYSTATISTICS args;
    memset(&args, 0, sizeof(args));
    args.Type = D3DKMT_QUERYSTATISTICS_PROCESS;
    args.AdapterLuid = first_luid();
    require_success(D3DKMTQueryStatistics(&args));
    return args.QueryResult.ProcessInformation.SystemMemory.BytesAllocated;
}

static bool charge_becomes(UINT64 want)
{
    double start = now_ms();
    while (charged() != want && now_ms() - start < 5000) {
    }
    return charged() == want;
}

static NTSTATUS try_create(D3DKMT_HANDLE device, uint64_t size_bytes, D3DKMT_HANDLE *ret_allocation)
{
    struct creation creation;
    creation_buffers(&creation, 2, device, 1);
    creation.soft[0].size_bytes = size_bytes;
    NTSTATUS status = creation_issue(&creation);
    if (status == STATUS_SUCCESS) *ret_allocation = creation.info2[0].hAllocation;
    return status;
}

static NTSTATUS destroy(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, bool synchronous)
{
    D3DKMT_DESTROYALLOCATION2 args = {0};
    args.hDevice = device;
    args.phAllocationList = &allocation;
    args.AllocationCount = 1;
    args.Flags.SynchronousDestroy = synchronous;
    return D3DKMTDestroyAllocation2(&args);
}

/* -------------------------------------------------------------------------------------------- what is charged */

static void charges(void)
{
    use_profile(small);
    D3DKMT_HANDLE device = create_device(open_adapter());
    const struct {
        const char *name;
        uint64_t size_bytes, charge_bytes;
    } rows[] = {
        {"1 byte", 1, PAGE_BYTES},
        {"a page", PAGE_BYTES, PAGE_BYTES},
        {"a page and a byte", PAGE_BYTES + 1, 2 * PAGE_BYTES},
        {"64 KiB", KIB(64), KIB(64)},
        {"1 MiB less a byte", MIB(1) - 1, MIB(1)},
        {"all there is", LIMIT_BYTES, LIMIT_BYTES},
    };
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(rows); i++) {
            udxg_case("v%d/%s", version, rows[i].name) {
                struct creation creation;
                UINT64 before = charged();
                creation_buffers(&creation, version, device, 1);
                creation.soft[0].size_bytes = rows[i].size_bytes;
                creation_succeeds(&creation);
                check_u64(before + rows[i].charge_bytes, charged());
                creation_undo(&creation);
                check_true(charge_becomes(before));
            }
        }
        udxg_case("v%d/four in a resource", version) {
            struct creation creation;
            UINT64 before = charged();
            creation_buffers(&creation, version, device, 4);
            creation_set_flags(&creation, CREATE_RESOURCE);
            creation_succeeds(&creation);
            check_u64(before + 4 * CREATION_BYTES, charged());
            creation_undo(&creation);
            check_true(charge_becomes(before));
        }
        udxg_case("v%d/AllowNotZeroed charges the same", version) {
            struct creation creation;
            UINT64 before = charged();
            creation_buffers(&creation, version, device, 1);
            creation_set_flags(&creation, ALLOW_NOT_ZEROED);
            creation_succeeds(&creation);
            check_u64(before + CREATION_BYTES, charged());
            creation_undo(&creation);
        }
        udxg_case("v%d/the caller's memory is not charged, as much as it is", version) {
            struct creation creation;
            UINT64 before = charged();
            creation_heap(&creation, version, device, map_pages(2 * LIMIT_BYTES / PAGE_BYTES), 2 * LIMIT_BYTES);
            creation_succeeds(&creation);
            check_u64(before, charged());
            creation_buffers(&creation, version, device, 1);
            creation.soft[0].size_bytes = 2 * LIMIT_BYTES;
            creation_set_memory(&creation, 0, map_pages(2 * LIMIT_BYTES / PAGE_BYTES));
            creation_succeeds(&creation);
            check_u64(before, charged());
        }
        udxg_case("v%d/a section is not charged", version) {
            struct creation creation;
            UINT64 before = charged();
            creation_section(&creation, version, device, fd_handle(create_memory_file(2 * LIMIT_BYTES)),
                             2 * LIMIT_BYTES);
            creation_succeeds(&creation);
            check_u64(before, charged());
        }
        udxg_case("v%d/what is refused charges nothing", version) {
            struct creation creation;
            UINT64 before = charged();
            for (int i = 0; i < 100; i++) {
                creation_buffers(&creation, version, device, 4);
                creation.soft[3].magic ^= 1;
                creation_fails(&creation, STATUS_GRAPHICS_DRIVER_MISMATCH);
                creation_buffers(&creation, version, device, 4);
                creation.soft[3].size_bytes = (uint64_t)1 << 40;
                creation_fails(&creation, STATUS_GRAPHICS_NO_VIDEO_MEMORY);
                creation_buffers(&creation, version, device, 4);
                creation.soft[3].size_bytes = LIMIT_BYTES;
                creation_fails(&creation, STATUS_NO_MEMORY);
            }
            check_u64(before, charged());
        }
    }
    udxg_case("being resident charges nothing more") {
        struct gpu gpu;
        gpu_open(&gpu);
        UINT64 before = charged();
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, MIB(1));
        check_u64(before + MIB(1), charged());
        require_success(evict(gpu.device, buffer.allocation));
        check_u64(before + MIB(1), charged());
        make_resident(&gpu.queue, buffer.allocation);
        check_u64(before + MIB(1), charged());
        require_success(destroy(gpu.device, buffer.allocation, true));
        check_u64(before, charged());
    }
    udxg_case("a device takes its charge along") {
        UINT64 before = charged();
        D3DKMT_DESTROYDEVICE args = {create_device(open_adapter())};
        create_buffer(args.hDevice, MIB(1));
        create_resource(args.hDevice, 4, true, NULL);
        check_u64(before + MIB(1) + KIB(256), charged());
        require_success(D3DKMTDestroyDevice(&args));
        check_true(charge_becomes(before));
    }
}

/* ---------------------------------------------------------------------------------------------- the limit */

static void limit(void)
{
    use_profile(small);
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        udxg_case("v%d/a page more than there is", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 1);
            creation.soft[0].size_bytes = LIMIT_BYTES + PAGE_BYTES;
            creation_refused(&creation, STATUS_NO_MEMORY);
        }
        udxg_case("v%d/a page when all is taken", version) {
            struct creation creation;
            D3DKMT_HANDLE all = 0;
            require_success(try_create(device, LIMIT_BYTES, &all));
            creation_buffers(&creation, version, device, 1);
            creation.soft[0].size_bytes = PAGE_BYTES;
            creation_refused(&creation, STATUS_NO_MEMORY);
            check_status(STATUS_SUCCESS, destroy(device, all, true));
            creation_succeeds(&creation);
            creation_undo(&creation);
            check_true(charge_becomes(0));
        }
        for (UINT wrong = 0; wrong < 4; wrong++) {
            udxg_case("v%d/the allocation %u of four is too much: all of them are not there", version, wrong) {
                struct creation creation;
                D3DKMT_HANDLE all = 0;
                creation_buffers(&creation, version, device, 4);
                creation.soft[wrong].size_bytes = LIMIT_BYTES - 2 * CREATION_BYTES;
                creation_refused(&creation, STATUS_NO_MEMORY);
                /* To the last page. */
                check_status(STATUS_SUCCESS, try_create(device, LIMIT_BYTES, &all));
                check_status(STATUS_SUCCESS, destroy(device, all, true));
            }
        }
        udxg_case("v%d/in a new resource: neither is there", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 2);
            creation_set_flags(&creation, CREATE_RESOURCE);
            creation.soft[1].size_bytes = LIMIT_BYTES;
            creation_refused(&creation, STATUS_NO_MEMORY);
        }
        udxg_case("v%d/added to a resource, which stays as it was", version) {
            struct creation creation;
            D3DKMT_HANDLE allocation;
            D3DKMT_HANDLE resource = create_resource(device, 1, false, &allocation);
            creation_buffers(&creation, version, device, 1);
            creation.args.hResource = resource;
            creation.soft[0].size_bytes = LIMIT_BYTES;
            creation_refused(&creation, STATUS_NO_MEMORY);
            check_true(is_alive(device, allocation));
            check_true(is_live_resource(device, resource));
            check_status(STATUS_SUCCESS, destroy_resource(device, resource));
            check_true(charge_becomes(0));
        }
    }
    udxg_case("page by page, and not one more") {
        static D3DKMT_HANDLE pages[LIMIT_BYTES / PAGE_BYTES];
        D3DKMT_HANDLE more = 0;
        for (size_t i = 0; i < LENGTH_OF(pages); i++) require_success(try_create(device, PAGE_BYTES, &pages[i]));
        check_status(STATUS_NO_MEMORY, try_create(device, PAGE_BYTES, &more));
        check_u64(LIMIT_BYTES, charged());
        check_status(STATUS_SUCCESS, destroy(device, pages[777], true));
        check_status(STATUS_SUCCESS, try_create(device, PAGE_BYTES, &pages[777]));
        check_status(STATUS_NO_MEMORY, try_create(device, PAGE_BYTES, &more));
        for (size_t i = 0; i < LENGTH_OF(pages); i++) require_success(destroy(device, pages[i], false));
        check_true(charge_becomes(0));
    }
    udxg_case("another device of the process shares it") {
        D3DKMT_HANDLE other = create_device(open_adapter());
        D3DKMT_HANDLE all = 0, more = 0;
        require_success(try_create(other, LIMIT_BYTES, &all));
        check_status(STATUS_NO_MEMORY, try_create(device, PAGE_BYTES, &more));
        check_status(STATUS_SUCCESS, destroy(other, all, true));
        check_status(STATUS_SUCCESS, try_create(device, PAGE_BYTES, &more));
        check_status(STATUS_SUCCESS, destroy(device, more, true));
    }
}

/* ------------------------------------------------------------------------------------------ deferred destroys */

static void deferred(void)
{
    struct gpu gpu;
    use_profile(small);
    gpu_open(&gpu);
    udxg_case("a deferred destroy is charged until the work has retired; then the creation can be tried again") {
        struct gate gate;
        D3DKMT_HANDLE more = 0;
        struct gpu_buffer buffer = create_gpu_buffer(&gpu, MIB(6));
        gate_busy(&gate, &gpu, &buffer, 0x77777777);
        UINT64 busy = charged();
        require_success(destroy(gpu.device, buffer.allocation, false));
        check_u64(busy, charged());
        check_status(STATUS_NO_MEMORY, try_create(gpu.device, MIB(6), &more));
        gate_open(&gate);
        check_true(charge_becomes(busy - MIB(6)));
        check_status(STATUS_SUCCESS, try_create(gpu.device, MIB(6), &more));
        void *data = lock(gpu.device, more);
        check_true(filled_with(data, MIB(6), 0));
        require_success(destroy(gpu.device, more, true));
    }
    udxg_case("as a client does it: destroy, fail, wait for the last work, succeed") {
        for (int round = 0; round < 20; round++) {
            D3DKMT_HANDLE next = 0;
            struct gpu_buffer buffer = create_gpu_buffer(&gpu, MIB(6));
            struct udxg_soft_fill fill = udxg_soft_fill_command(buffer.va, MIB(6), 0x77777777);
            require_success(submit(&gpu, &fill, sizeof(fill)));
            require_success(destroy(gpu.device, buffer.allocation, false));
            NTSTATUS status = try_create(gpu.device, MIB(6), &next);
            check_true(status == STATUS_SUCCESS || status == STATUS_NO_MEMORY);
            if (status != STATUS_SUCCESS) {
                D3DKMT_WAITFORIDLE idle = {gpu.device};
                require_success(D3DKMTWaitForIdle(&idle));
                require_success(try_create(gpu.device, MIB(6), &next));
            }
            require_success(destroy(gpu.device, next, true));
        }
    }
}

/* ------------------------------------------------------------------------------------------------- many threads */

struct worker {
    pthread_t thread;
    D3DKMT_HANDLE device;
    unsigned created, refused, wrong;
};

static void *work(void *data)
{
    struct worker *worker = (struct worker *)data;
    for (int i = 0; i < 500; i++) {
        D3DKMT_HANDLE allocation = 0;
        NTSTATUS status = try_create(worker->device, MIB(3), &allocation);
        worker->created += status == STATUS_SUCCESS;
        worker->refused += status == STATUS_NO_MEMORY;
        worker->wrong += status != STATUS_SUCCESS && status != STATUS_NO_MEMORY;
        if (status == STATUS_SUCCESS) worker->wrong += destroy(worker->device, allocation, true) != STATUS_SUCCESS;
    }
    return NULL;
}

static void threads(void)
{
    use_profile(small);
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("four threads want three eighths each: no status but the two, and nothing is lost") {
        struct worker workers[4];
        unsigned created = 0;
        memset(workers, 0, sizeof(workers));
        for (int i = 0; i < 4; i++) {
            workers[i].device = device;
            require_true(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
        }
        for (int i = 0; i < 4; i++) {
            pthread_join(workers[i].thread, NULL);
            check_u64(0, workers[i].wrong);
            check_u64(500, workers[i].created + workers[i].refused);
            created += workers[i].created;
        }
        check_true(created > 0); /* how many is the scheduler's: who is refused is soon done */
        check_true(charge_becomes(0));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"charge", ON_DISCRETE, charges},
        {"limit", ON_DISCRETE, limit},
        {"deferred", ON_DISCRETE, deferred},
        {"thread", ON_DISCRETE, threads},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
