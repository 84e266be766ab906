/* SPDX-License-Identifier: MIT */
/*
 * Many: a hundred thousand live allocations take neither a file descriptor nor a mapping each, and the handle table
 * takes them all, gives every one another handle, and can be emptied and filled again.
 */
#include "creation.h"

#include <stdio.h>
#include <stdlib.h>

#include "../sanitizer.h"

#define LIVE 100000u
#define HANDLES 300000u

/* Lines of /proc/self/maps. */
static int mapping_count(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    int lines = 0;
    require_true(file != NULL);
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) lines += c == '\n';
    fclose(file);
    return lines;
}

/* COUNT allocations of a page into HANDLES, as many at a time as a call takes; all or the case ends. */
static void create_many(D3DKMT_HANDLE device, D3DKMT_HANDLE *handles, UINT count)
{
    static struct udxg_soft_allocation soft[MAX_ALLOCATIONS];
    static D3DDDI_ALLOCATIONINFO2 infos[MAX_ALLOCATIONS];
    for (UINT done = 0; done < count;) {
        UINT now = count - done < MAX_ALLOCATIONS ? count - done : MAX_ALLOCATIONS;
        D3DKMT_CREATEALLOCATION args = {0};
        for (UINT i = 0; i < now; i++) {
            soft[i] = soft_buffer(PAGE_BYTES);
            infos[i].pPrivateDriverData = &soft[i];
            infos[i].PrivateDriverDataSize = sizeof(soft[i]);
        }
        args.hDevice = device;
        args.NumAllocations = now;
        args.pAllocationInfo2 = infos;
        require_success(D3DKMTCreateAllocation2(&args));
        for (UINT i = 0; i < now; i++) handles[done + i] = infos[i].hAllocation;
        done += now;
    }
}

static void destroy_many(D3DKMT_HANDLE device, const D3DKMT_HANDLE *handles, UINT count)
{
    for (UINT done = 0; done < count;) {
        UINT now = count - done < MAX_ALLOCATIONS ? count - done : MAX_ALLOCATIONS;
        D3DKMT_DESTROYALLOCATION2 args = {0};
        args.hDevice = device;
        args.phAllocationList = handles + done;
        args.AllocationCount = now;
        require_success(D3DKMTDestroyAllocation2(&args));
        done += now;
    }
}

static int compare(const void *left, const void *right)
{
    D3DKMT_HANDLE a = *(const D3DKMT_HANDLE *)left;
    D3DKMT_HANDLE b = *(const D3DKMT_HANDLE *)right;
    return a < b ? -1 : a > b;
}

/* All local and no two alike. Sorts them. */
static bool all_different(D3DKMT_HANDLE *handles, UINT count)
{
    qsort(handles, count, sizeof(*handles), compare);
    for (UINT i = 0; i < count; i++) {
        if (!is_local(handles[i]) || (i > 0 && handles[i] == handles[i - 1])) return false;
    }
    return true;
}

static D3DKMT_HANDLE *room(UINT count)
{
    D3DKMT_HANDLE *handles = (D3DKMT_HANDLE *)calloc(count, sizeof(*handles));
    require_true(handles != NULL);
    return handles;
}

static void live(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("%u allocations: no descriptor, no mapping each", LIVE) {
        D3DKMT_HANDLE *handles = room(LIVE);
        create_many(device, handles, 1);
        int fds = open_fd_count();
        int mappings = mapping_count();
        create_many(device, handles + 1, LIVE - 1);
        check_true(open_fd_count() <= fds + 8);
        if (!WITH_TSAN) check_true(mapping_count() <= mappings + 200); /* its shadow is mapped in pieces */
        note("%d mappings more, %d descriptors", mapping_count() - mappings, open_fd_count() - fds);
        check_true(all_different(handles, LIVE));
        destroy_many(device, handles, LIVE);
        for (UINT i = 0; i < LIVE; i += 997) check_true(!is_alive(device, handles[i]));
        free(handles);
    }
    udxg_case("%u allocations, every hundredth locked and written: each byte is its own", LIVE) {
        D3DKMT_HANDLE *handles = room(LIVE);
        create_many(device, handles, LIVE);
        int mappings = mapping_count();
        for (UINT i = 0; i < LIVE; i += 100) memcpy(lock(device, handles[i]), &i, sizeof(i));
        if (!WITH_TSAN) check_true(mapping_count() <= mappings + 200); /* its shadow is mapped in pieces */
        for (UINT i = 0; i < LIVE; i += 100) {
            UINT found = 0;
            memcpy(&found, lock(device, handles[i]), sizeof(found));
            require_u64(i, found);
        }
        destroy_many(device, handles, LIVE);
        free(handles);
    }
}

static void table(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("%u handles, all different; emptied and filled again", HANDLES) {
        D3DKMT_HANDLE *handles = room(HANDLES);
        for (int round = 0; round < 2; round++) {
            create_many(device, handles, HANDLES);
            require_true(all_different(handles, HANDLES));
            destroy_many(device, handles, HANDLES);
        }
        for (UINT i = 0; i < HANDLES; i += 9973) check_true(!is_alive(device, handles[i]));
        free(handles);
    }
    udxg_case("a handle that died is not had again soon") {
        D3DKMT_HANDLE *handles = room(1000);
        create_many(device, handles, 1);
        D3DKMT_HANDLE dead = handles[0];
        require_success(destroy_allocation(device, dead));
        for (UINT i = 0; i < 1000; i++) {
            create_many(device, &handles[i], 1);
            require_true(handles[i] != dead);
            require_status(STATUS_INVALID_PARAMETER, destroy_allocation(device, dead));
            require_success(destroy_allocation(device, handles[i]));
        }
        check_true(!is_alive(device, dead));
        free(handles);
    }
    udxg_case("holes are filled, and what is around them stays") {
        D3DKMT_HANDLE *handles = room(LIVE), *holes = room(LIVE / 2), *again = room(LIVE / 2);
        create_many(device, handles, LIVE);
        for (UINT i = 0; i < LIVE / 2; i++) holes[i] = handles[2 * i];
        destroy_many(device, holes, LIVE / 2);
        create_many(device, again, LIVE / 2);
        for (UINT i = 0; i < LIVE / 2; i += 499) {
            require_true(is_alive(device, handles[2 * i + 1]));
            require_true(is_alive(device, again[i]));
        }
        for (UINT i = 0; i < LIVE / 2; i++) handles[2 * i] = again[i];
        check_true(all_different(handles, LIVE));
        destroy_many(device, handles, LIVE);
        free(handles);
        free(holes);
        free(again);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"live", ON_EACH, live},
        {"table", ON_DISCRETE, table},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
