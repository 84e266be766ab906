/* SPDX-License-Identifier: MIT */
/*
 * Resources: created with none, one, many and as many allocations as a call may bring, added to in many calls, and
 * every way to give them back: by list, as a whole, both at once, neither, with the device, in another thread.
 */
#include "creation.h"

#include <pthread.h>
#include <stdlib.h>

/* A call for many allocations of a page. */
struct many {
    struct udxg_soft_allocation soft[MAX_ALLOCATIONS + 1];
    D3DDDI_ALLOCATIONINFO info[MAX_ALLOCATIONS + 1];
    D3DDDI_ALLOCATIONINFO2 info2[MAX_ALLOCATIONS + 1];
    D3DKMT_HANDLE handles[MAX_ALLOCATIONS + 1]; /* of the last success */
    D3DKMT_CREATEALLOCATION args;
};

static struct many *many_create(D3DKMT_HANDLE device)
{
    struct many *many = (struct many *)calloc(1, sizeof(*many));
    require_true(many != NULL);
    for (UINT i = 0; i <= MAX_ALLOCATIONS; i++) {
        many->soft[i] = soft_buffer(PAGE_BYTES);
        many->info[i].pPrivateDriverData = many->info2[i].pPrivateDriverData = &many->soft[i];
        many->info[i].PrivateDriverDataSize = many->info2[i].PrivateDriverDataSize = sizeof(many->soft[i]);
    }
    many->args.hDevice = device;
    return many;
}

/* RESOURCE 0 makes a new one, which is in many->args.hResource then. */
static NTSTATUS many_issue(struct many *many, int version, D3DKMT_HANDLE resource, UINT count)
{
    many->args.hResource = resource;
    many->args.Flags.CreateResource = resource == 0;
    many->args.NumAllocations = count;
    for (UINT i = 0; i <= MAX_ALLOCATIONS; i++) many->info[i].hAllocation = many->info2[i].hAllocation = SENTINEL;
    if (version == 1)
        many->args.pAllocationInfo = many->info;
    else
        many->args.pAllocationInfo2 = many->info2;
    NTSTATUS status = version == 1 ? D3DKMTCreateAllocation(&many->args) : D3DKMTCreateAllocation2(&many->args);
    for (UINT i = 0; i <= MAX_ALLOCATIONS; i++)
        many->handles[i] = version == 1 ? many->info[i].hAllocation : many->info2[i].hAllocation;
    return status;
}

static int compare(const void *left, const void *right)
{
    D3DKMT_HANDLE a = *(const D3DKMT_HANDLE *)left;
    D3DKMT_HANDLE b = *(const D3DKMT_HANDLE *)right;
    return a < b ? -1 : a > b;
}

/* COUNT local handles, all different. */
static bool all_local(const D3DKMT_HANDLE *handles, size_t count)
{
    D3DKMT_HANDLE *sorted = (D3DKMT_HANDLE *)malloc(count * sizeof(*sorted) + 1);
    bool good = sorted != NULL;
    if (good) memcpy(sorted, handles, count * sizeof(*sorted));
    if (good) qsort(sorted, count, sizeof(*sorted), compare);
    for (size_t i = 0; i < count && good; i++) good = is_local(sorted[i]) && (i == 0 || sorted[i] != sorted[i - 1]);
    free(sorted);
    return good;
}

static void counts(void)
{
    static const UINT rows[] = {0, 1, 2, 63, 64, 65, 255, 256, MAX_ALLOCATIONS - 1, MAX_ALLOCATIONS};
    D3DKMT_HANDLE device = create_device(open_adapter());
    struct many *many = many_create(device);
    for (int version = 1; version <= 2; version++) {
        for (size_t i = 0; i < LENGTH_OF(rows); i++) {
            udxg_case("v%d/%u in one call", version, rows[i]) {
                require_success(many_issue(many, version, 0, rows[i]));
                check_local(many->args.hResource);
                check_true(all_local(many->handles, rows[i]));
                check_u64(SENTINEL, many->handles[rows[i]]);
                for (UINT k = 0; k < rows[i]; k++) require_true(is_alive(device, many->handles[k]));
                check_status(STATUS_SUCCESS, destroy_resource(device, many->args.hResource));
                for (UINT k = 0; k < rows[i]; k++) require_true(!is_alive(device, many->handles[k]));
            }
        }
        udxg_case("v%d/%u in one call", version, MAX_ALLOCATIONS + 1) {
            check_status(STATUS_INVALID_PARAMETER, many_issue(many, version, 0, MAX_ALLOCATIONS + 1));
            check_u64(0, many->args.hResource);
            check_u64(SENTINEL, many->handles[0]);
        }
        udxg_case("v%d/the last of %u is wrong: none comes to be", version, MAX_ALLOCATIONS) {
            many->soft[MAX_ALLOCATIONS - 1].magic ^= 1;
            D3DKMT_HANDLE last = next_handle(device);
            check_status(STATUS_GRAPHICS_DRIVER_MISMATCH, many_issue(many, version, 0, MAX_ALLOCATIONS));
            check_u64(SENTINEL, many->handles[0]);
            check_u64(0, many->args.hResource);
            check_u64(last + 0x40, next_handle(device));
            many->soft[MAX_ALLOCATIONS - 1].magic ^= 1;
        }
    }
}

static void adding(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    struct many *many = many_create(device);
    for (int version = 1; version <= 2; version++) {
        udxg_case("v%d/to an empty one, in a hundred calls", version) {
            D3DKMT_HANDLE handles[100];
            require_success(many_issue(many, version, 0, 0));
            D3DKMT_HANDLE resource = many->args.hResource;
            for (int i = 0; i < 100; i++) {
                require_success(many_issue(many, version, resource, 1));
                require_u64(resource, many->args.hResource);
                handles[i] = many->handles[0];
            }
            check_true(all_local(handles, 100));
            check_status(STATUS_SUCCESS, destroy_resource(device, resource));
            for (int i = 0; i < 100; i++) check_true(!is_alive(device, handles[i]));
        }
        udxg_case("v%d/ten calls of %u, destroyed at once", version, MAX_ALLOCATIONS) {
            D3DKMT_HANDLE *handles = (D3DKMT_HANDLE *)calloc(10 * MAX_ALLOCATIONS, sizeof(*handles));
            require_true(handles != NULL);
            require_success(many_issue(many, version, 0, 0));
            D3DKMT_HANDLE resource = many->args.hResource;
            for (int i = 0; i < 10; i++) {
                require_success(many_issue(many, version, resource, MAX_ALLOCATIONS));
                memcpy(handles + i * MAX_ALLOCATIONS, many->handles, MAX_ALLOCATIONS * sizeof(*handles));
            }
            check_true(all_local(handles, 10 * MAX_ALLOCATIONS));
            check_status(STATUS_SUCCESS, destroy_resource(device, resource));
            for (UINT i = 0; i < 10 * MAX_ALLOCATIONS; i += 97) check_true(!is_alive(device, handles[i]));
            free(handles);
        }
        udxg_case("v%d/with the other version than it was created with", version) {
            require_success(many_issue(many, version, 0, 2));
            D3DKMT_HANDLE resource = many->args.hResource;
            D3DKMT_HANDLE first = many->handles[0];
            require_success(many_issue(many, 3 - version, resource, 2));
            check_true(is_alive(device, first));
            check_true(is_alive(device, many->handles[1]));
            check_status(STATUS_SUCCESS, destroy_resource(device, resource));
        }
        udxg_case("v%d/after all of it was destroyed", version) {
            require_success(many_issue(many, version, 0, 1));
            D3DKMT_HANDLE resource = many->args.hResource;
            require_success(destroy_allocation(device, many->handles[0]));
            require_success(many_issue(many, version, resource, 1));
            check_true(is_alive(device, many->handles[0]));
        }
        udxg_case("v%d/a failing addition leaves it as it was", version) {
            require_success(many_issue(many, version, 0, 1));
            D3DKMT_HANDLE resource = many->args.hResource;
            D3DKMT_HANDLE first = many->handles[0];
            many->soft[1].magic ^= 1;
            check_status(STATUS_GRAPHICS_DRIVER_MISMATCH, many_issue(many, version, resource, 2));
            many->soft[1].magic ^= 1;
            check_u64(resource, many->args.hResource);
            check_u64(SENTINEL, many->handles[0]);
            check_true(is_alive(device, first));
            check_true(is_live_resource(device, resource));
        }
        udxg_case("v%d/CreateResource and the handle of one", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 1);
            creation.args.hResource = create_resource(device, 1, false, NULL);
            creation_set_flags(&creation, CREATE_RESOURCE);
            NTSTATUS status = creation_issue(&creation);
            /* No page tells; it is refused, for hResource has to be 0 then. */
            check_true(status == STATUS_INVALID_PARAMETER || status == STATUS_INVALID_HANDLE);
            check_u64(SENTINEL, creation_handle(&creation, 0));
        }
        udxg_case("v%d/to a shared one, also when it is empty", version) {
            struct creation creation;
            creation_buffers(&creation, version, device, 0);
            creation_set_flags(&creation, CREATE_RESOURCE | CREATE_SHARED | NT_SECURITY_SHARING);
            require_success(creation_issue(&creation));
            D3DKMT_HANDLE resource = creation.args.hResource;
            creation_buffers(&creation, version, device, 1);
            creation.args.hResource = resource;
            creation_refused(&creation, STATUS_INVALID_PARAMETER);
        }
    }
}

/* ----------------------------------------------------------------------------------------------- giving back */

/* Version 1 has no flags. */
static NTSTATUS destroy(int version, D3DKMT_HANDLE device, D3DKMT_HANDLE resource, const D3DKMT_HANDLE *list,
                        UINT count)
{
    D3DKMT_DESTROYALLOCATION first = {0};
    D3DKMT_DESTROYALLOCATION2 second = {0};
    first.hDevice = second.hDevice = device;
    first.hResource = second.hResource = resource;
    first.phAllocationList = second.phAllocationList = list;
    first.AllocationCount = second.AllocationCount = count;
    return version == 1 ? D3DKMTDestroyAllocation(&first) : D3DKMTDestroyAllocation2(&second);
}

struct job {
    pthread_barrier_t *barrier;
    D3DKMT_HANDLE device, resource;
    D3DKMT_HANDLE allocations[4];
    NTSTATUS status;
};

static void *destroy_list(void *data)
{
    struct job *job = (struct job *)data;
    pthread_barrier_wait(job->barrier);
    job->status = destroy(2, job->device, 0, job->allocations, 4);
    return NULL;
}

static void *destroy_whole(void *data)
{
    struct job *job = (struct job *)data;
    pthread_barrier_wait(job->barrier);
    job->status = destroy(2, job->device, job->resource, NULL, 0);
    return NULL;
}

/* Two threads destroy at the same moment: RUN each its job; how many came out with STATUS_SUCCESS. */
static int race(D3DKMT_HANDLE device, void *(*first)(void *), void *(*second)(void *))
{
    pthread_t threads[2];
    pthread_barrier_t barrier;
    struct job jobs[2];
    jobs[0].barrier = &barrier;
    jobs[0].device = device;
    jobs[0].resource = create_resource(device, 4, false, jobs[0].allocations);
    jobs[1] = jobs[0];
    require_true(pthread_barrier_init(&barrier, NULL, 2) == 0);
    require_true(pthread_create(&threads[0], NULL, first, &jobs[0]) == 0);
    require_true(pthread_create(&threads[1], NULL, second, &jobs[1]) == 0);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    int good = 0;
    for (int i = 0; i < 2; i++) {
        check_true(jobs[i].status == STATUS_SUCCESS || jobs[i].status == STATUS_INVALID_PARAMETER);
        good += jobs[i].status == STATUS_SUCCESS;
    }
    for (int i = 0; i < 4; i++) check_true(!is_alive(device, jobs[0].allocations[i]));
    return good;
}

static void giving_back(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    struct many *many = many_create(device);
    for (int version = 1; version <= 2; version++) {
        udxg_case("v%d/%u in one list", version, MAX_ALLOCATIONS) {
            require_success(many_issue(many, version, 0, MAX_ALLOCATIONS));
            check_status(STATUS_SUCCESS, destroy(version, device, 0, many->handles, MAX_ALLOCATIONS));
            check_true(is_live_resource(device, many->args.hResource));
            check_status(STATUS_INVALID_PARAMETER, destroy(version, device, 0, many->handles, MAX_ALLOCATIONS));
        }
        udxg_case("v%d/%u in one list", version, MAX_ALLOCATIONS + 1) {
            D3DKMT_HANDLE resource;
            require_success(many_issue(many, version, 0, MAX_ALLOCATIONS));
            resource = many->args.hResource;
            D3DKMT_HANDLE *list = (D3DKMT_HANDLE *)calloc(MAX_ALLOCATIONS + 1, sizeof(*list));
            require_true(list != NULL);
            memcpy(list, many->handles, MAX_ALLOCATIONS * sizeof(*list));
            require_success(many_issue(many, version, resource, 1));
            list[MAX_ALLOCATIONS] = many->handles[0];
            check_status(STATUS_INVALID_PARAMETER, destroy(version, device, 0, list, MAX_ALLOCATIONS + 1));
            check_true(is_alive(device, list[0]));
            check_true(is_alive(device, list[MAX_ALLOCATIONS]));
            free(list);
        }
        udxg_case("v%d/a resource and a list: the list is not looked at", version) {
            D3DKMT_HANDLE alone = create_buffer(device, PAGE_BYTES);
            D3DKMT_HANDLE allocation;
            D3DKMT_HANDLE resource = create_resource(device, 1, false, &allocation);
            check_status(STATUS_SUCCESS, destroy(version, device, resource, &alone, 1));
            check_true(is_alive(device, alone));
            check_true(!is_alive(device, allocation));
            resource = create_resource(device, 1, false, &allocation);
            check_status(STATUS_SUCCESS,
                         destroy(version, device, resource, (const D3DKMT_HANDLE *)(uintptr_t)16, 0xffffffffu));
            check_true(!is_alive(device, allocation));
        }
        udxg_case("v%d/neither, with a list and no count", version) {
            D3DKMT_HANDLE alone = create_buffer(device, PAGE_BYTES);
            check_status(STATUS_SUCCESS, destroy(version, device, 0, &alone, 0));
            check_true(is_alive(device, alone));
        }
        udxg_case("v%d/the list is not mapped", version) {
            check_status(STATUS_INVALID_PARAMETER,
                         destroy(version, device, 0, (const D3DKMT_HANDLE *)(uintptr_t)16, 1));
        }
        udxg_case("v%d/0xffffffff in one list", version) {
            D3DKMT_HANDLE alone = create_buffer(device, PAGE_BYTES);
            check_status(STATUS_INVALID_PARAMETER, destroy(version, device, 0, &alone, 0xffffffffu));
            check_true(is_alive(device, alone));
        }
    }
    udxg_case("with the device") {
        D3DKMT_HANDLE other = create_device(adapter);
        D3DKMT_HANDLE allocations[4];
        D3DKMT_HANDLE alone = create_buffer(other, PAGE_BYTES);
        D3DKMT_HANDLE resource = create_resource(other, 4, false, allocations);
        D3DKMT_DESTROYDEVICE args = {other};
        require_success(D3DKMTDestroyDevice(&args));
        check_status(STATUS_INVALID_PARAMETER, destroy_resource(other, resource));
        check_status(STATUS_INVALID_PARAMETER, destroy_allocation(other, alone));
        check_status(STATUS_INVALID_PARAMETER, destroy_resource(device, resource));
        check_status(STATUS_INVALID_PARAMETER, destroy_allocation(device, alone));
        for (int i = 0; i < 4; i++) check_true(!is_alive(device, allocations[i]));
    }
    udxg_case("in another thread, whole and whole: one wins") {
        for (int i = 0; i < 50; i++) require_u64(1, race(device, destroy_whole, destroy_whole));
    }
    udxg_case("in another thread, list and list: one wins") {
        for (int i = 0; i < 3000; i++) require_u64(1, race(device, destroy_list, destroy_list));
    }
    udxg_case("in another thread, whole and list: the whole always succeeds") {
        /* When the list comes first an empty resource is left, which goes as well as a full one. */
        for (int i = 0; i < 50; i++) require_true(race(device, destroy_whole, destroy_list) >= 1);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"count", ON_DISCRETE, counts},
        {"adding", ON_DISCRETE, adding},
        {"giving back", ON_EACH, giving_back},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
