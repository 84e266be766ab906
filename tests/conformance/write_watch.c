/* SPDX-License-Identifier: MIT */
/*
 * WriteWatch: the pages that the CPU has written are told by udxg_get_write_watch(), once, in order, and as many as
 * there is room for. That call is udxg's own, so this file is for udxg alone.
 */
#include "endpoint.h"
#include "creation.h"

#include <pthread.h>
#include <stdlib.h>

#include <udxg/udxg.h>

#define PAGES 64u
#define BYTES (PAGES * PAGE_BYTES)

static D3DKMT_HANDLE create_watched(D3DKMT_HANDLE device, int version, uint64_t size_bytes, UINT flags)
{
    struct creation creation;
    creation_buffers(&creation, version, device, 1);
    creation.soft[0].size_bytes = size_bytes;
    creation_set_flags(&creation, WRITE_WATCH | flags);
    require_success(creation_issue(&creation));
    return creation_handle(&creation, 0);
}

struct answer {
    uint64_t pages[PAGES + 8];
    uint32_t count, page_bytes;
};

static NTSTATUS ask(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, uint32_t flags, uint32_t room,
                    struct answer *ret_answer)
{
    for (size_t i = 0; i < LENGTH_OF(ret_answer->pages); i++) ret_answer->pages[i] = SENTINEL64;
    ret_answer->count = room;
    ret_answer->page_bytes = SENTINEL;
    return udxg_get_write_watch(device, allocation, flags, ret_answer->pages, &ret_answer->count,
                                &ret_answer->page_bytes);
}

/* The pages of WANT, numbers of 4 KiB pages in ascending order, and no others, are told. */
static void check_told(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation, uint32_t flags, const uint32_t *want,
                       uint32_t count)
{
    struct answer answer;
    require_success(ask(device, allocation, flags, LENGTH_OF(answer.pages), &answer));
    require_u64(PAGE_BYTES, answer.page_bytes);
    check_u64(count, answer.count);
    for (uint32_t i = 0; i < count && i < answer.count; i++) check_u64(want[i] * PAGE_BYTES, answer.pages[i]);
    check_u64(SENTINEL64, answer.pages[answer.count]);
}

static void check_none(D3DKMT_HANDLE device, D3DKMT_HANDLE allocation)
{
    check_told(device, allocation, 0, NULL, 0);
}

static void touch(uint8_t *data, uint32_t page)
{
    ((volatile uint8_t *)data)[page * PAGE_BYTES + page % PAGE_BYTES]++;
}

/* ------------------------------------------------------------------------------------------------- arguments */

static void arguments(void)
{
    D3DKMT_HANDLE adapter = open_adapter();
    D3DKMT_HANDLE device = create_device(adapter);
    D3DKMT_HANDLE watched = create_watched(device, 2, BYTES, 0);
    D3DKMT_HANDLE dead = create_watched(device, 2, BYTES, 0);
    require_success(destroy_allocation(device, dead));
    const struct {
        const char *name;
        D3DKMT_HANDLE device, allocation;
        uint32_t flags;
    } rows[] = {
        {"device 0", 0, watched, 0},
        {"device is an adapter", adapter, watched, 0},
        {"another device", create_device(adapter), watched, 0},
        {"allocation 0", device, 0, 0},
        {"allocation is no handle", device, BAD_HANDLE, 0},
        {"allocation was destroyed", device, dead, 0},
        {"allocation is a resource", device, create_resource(device, 1, false, NULL), 0},
        {"allocation is not watched", device, create_buffer(device, BYTES), 0},
        {"lowest undefined flag", device, watched, 2},
        {"highest undefined flag", device, watched, 0x80000000u},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        udxg_case("%s", rows[i].name) {
            struct answer answer;
            check_status(STATUS_INVALID_PARAMETER,
                         ask(rows[i].device, rows[i].allocation, rows[i].flags, PAGES, &answer));
            check_u64(PAGES, answer.count);
            check_u64(SENTINEL, answer.page_bytes);
            check_u64(SENTINEL64, answer.pages[0]);
        }
    }
    udxg_case("no array") {
        uint32_t count = 4, page_bytes = SENTINEL;
        check_status(STATUS_INVALID_PARAMETER, udxg_get_write_watch(device, watched, 0, NULL, &count, &page_bytes));
        check_u64(4, count);
        check_u64(SENTINEL, page_bytes);
    }
    udxg_case("no count") {
        uint64_t page = SENTINEL64;
        uint32_t page_bytes = SENTINEL;
        check_status(STATUS_INVALID_PARAMETER, udxg_get_write_watch(device, watched, 0, &page, NULL, &page_bytes));
        check_u64(SENTINEL64, page);
    }
    udxg_case("no page size") {
        uint64_t page = SENTINEL64;
        uint32_t count = 1;
        check_status(STATUS_INVALID_PARAMETER, udxg_get_write_watch(device, watched, 0, &page, &count, NULL));
        check_u64(1, count);
        check_u64(SENTINEL64, page);
    }
}

/* ------------------------------------------------------------------------------------------------- watching */

static void watching(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    for (int version = 1; version <= 2; version++) {
        udxg_case("v%d/nothing was written", version) {
            check_none(device, create_watched(device, version, BYTES, 0));
        }
        udxg_case("v%d/locked, read, and nothing was written", version) {
            D3DKMT_HANDLE allocation = create_watched(device, version, BYTES, 0);
            check_true(filled_with(lock(device, allocation), BYTES, 0));
            check_none(device, allocation);
            require_success(unlock(device, allocation));
            check_none(device, allocation);
        }
        for (uint32_t page = 0; page < PAGES; page += 21) {
            udxg_case("v%d/page %u", version, page) {
                D3DKMT_HANDLE allocation = create_watched(device, version, BYTES, 0);
                touch((uint8_t *)lock(device, allocation), page);
                check_told(device, allocation, 0, &page, 1);
            }
        }
        udxg_case("v%d/the first and the last byte", version) {
            const uint32_t want[] = {0, PAGES - 1};
            D3DKMT_HANDLE allocation = create_watched(device, version, BYTES, 0);
            volatile uint8_t *data = (volatile uint8_t *)lock(device, allocation);
            data[BYTES - 1] = 1;
            data[0] = 1;
            check_told(device, allocation, 0, want, 2);
        }
        udxg_case("v%d/across a boundary", version) {
            const uint32_t want[] = {6, 7};
            D3DKMT_HANDLE allocation = create_watched(device, version, BYTES, 0);
            uint8_t *data = (uint8_t *)lock(device, allocation);
            memset(data + 7 * PAGE_BYTES - 1, 1, 2);
            check_told(device, allocation, 0, want, 2);
        }
        udxg_case("v%d/all, written backwards, told forwards", version) {
            uint32_t want[PAGES];
            D3DKMT_HANDLE allocation = create_watched(device, version, BYTES, 0);
            uint8_t *data = (uint8_t *)lock(device, allocation);
            for (uint32_t i = 0; i < PAGES; i++) {
                want[i] = i;
                touch(data, PAGES - 1 - i);
            }
            check_told(device, allocation, 0, want, PAGES);
        }
        udxg_case("v%d/writing what is there already is a write", version) {
            const uint32_t want = 5;
            D3DKMT_HANDLE allocation = create_watched(device, version, BYTES, 0);
            volatile uint8_t *data = (volatile uint8_t *)lock(device, allocation);
            data[5 * PAGE_BYTES] = 0;
            check_told(device, allocation, 0, &want, on_daemon() ? 0 : 1); /* a daemon compares */
        }
        udxg_case("v%d/after Unlock2, by the address that holds", version) {
            const uint32_t want = 9;
            D3DKMT_HANDLE allocation = create_watched(device, version, BYTES, 0);
            uint8_t *data = (uint8_t *)lock(device, allocation);
            require_success(unlock(device, allocation));
            touch(data, 9);
            check_told(device, allocation, 0, &want, 1);
        }
        udxg_case("v%d/the bytes are what was written", version) {
            D3DKMT_HANDLE allocation = create_watched(device, version, BYTES, 0);
            uint8_t *data = (uint8_t *)lock(device, allocation);
            memset(data, 0x5f, BYTES);
            check_true(filled_with(data, BYTES, 0x5f));
        }
    }
    udxg_case("with AllowNotZeroed") {
        const uint32_t want = 3;
        D3DKMT_HANDLE allocation = create_watched(device, 2, BYTES, ALLOW_NOT_ZEROED);
        uint8_t *data = (uint8_t *)lock(device, allocation);
        check_none(device, allocation);
        touch(data, 3);
        check_told(device, allocation, 0, &want, 1);
    }
    udxg_case("two next to each other, each its own") {
        const uint32_t first = 0, last = PAGES - 1;
        D3DKMT_HANDLE allocations[8];
        uint8_t *data[8];
        for (int i = 0; i < 8; i++) allocations[i] = create_watched(device, 2, BYTES, 0);
        for (int i = 0; i < 8; i++) data[i] = (uint8_t *)lock(device, allocations[i]);
        for (int i = 0; i < 8; i += 2) touch(data[i], i % 4 == 0 ? first : last);
        for (int i = 0; i < 8; i++) {
            if (i % 2 != 0)
                check_none(device, allocations[i]);
            else
                check_told(device, allocations[i], 0, i % 4 == 0 ? &first : &last, 1);
        }
    }
    udxg_case("in the place of one that was written and destroyed") {
        for (int i = 0; i < 8; i++) {
            D3DKMT_HANDLE allocation = create_watched(device, 2, BYTES, 0);
            uint8_t *data = (uint8_t *)lock(device, allocation);
            check_none(device, allocation);
            check_true(filled_with(data, BYTES, 0));
            memset(data, 0xff, BYTES);
            require_success(destroy_allocation(device, allocation));
        }
    }
    udxg_case("in the place of one that was watched: an unwatched one") {
        for (int i = 0; i < 8; i++) {
            D3DKMT_HANDLE allocation = create_watched(device, 2, BYTES, 0);
            memset(lock(device, allocation), 0xff, BYTES);
            require_success(destroy_allocation(device, allocation));
            allocation = create_buffer(device, BYTES);
            void *data = lock(device, allocation);
            check_true(filled_with(data, BYTES, 0));
            memset(data, 0xff, BYTES);
            require_success(destroy_allocation(device, allocation));
        }
    }
    udxg_case("64 MiB: the last page") {
        struct answer answer;
        D3DKMT_HANDLE allocation = create_watched(device, 2, MIB(64), 0);
        volatile uint8_t *data = (volatile uint8_t *)lock(device, allocation);
        data[MIB(64) - 1] = 1;
        require_success(ask(device, allocation, 0, PAGES, &answer));
        check_u64(1, answer.count);
        check_u64(MIB(64) - PAGE_BYTES, answer.pages[0]);
    }
}

/* --------------------------------------------------------------------------------------- asking again, and room */

static void asking(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("without reset: told again, with what came since") {
        const uint32_t want[] = {2, 4, 8};
        D3DKMT_HANDLE allocation = create_watched(device, 2, BYTES, 0);
        uint8_t *data = (uint8_t *)lock(device, allocation);
        touch(data, 4);
        check_told(device, allocation, 0, want + 1, 1);
        check_told(device, allocation, 0, want + 1, 1);
        touch(data, 8);
        touch(data, 2);
        check_told(device, allocation, 0, want, 3);
    }
    udxg_case("with reset: told once") {
        const uint32_t want[] = {4, 8};
        D3DKMT_HANDLE allocation = create_watched(device, 2, BYTES, 0);
        uint8_t *data = (uint8_t *)lock(device, allocation);
        touch(data, 4);
        check_told(device, allocation, UDXG_WRITE_WATCH_RESET, want, 1);
        check_none(device, allocation);
        touch(data, 8);
        check_told(device, allocation, UDXG_WRITE_WATCH_RESET, want + 1, 1);
        touch(data, 4);
        touch(data, 8);
        check_told(device, allocation, UDXG_WRITE_WATCH_RESET, want, 2);
        check_none(device, allocation);
    }
    udxg_case("with reset, a hundred times") {
        D3DKMT_HANDLE allocation = create_watched(device, 2, BYTES, 0);
        uint8_t *data = (uint8_t *)lock(device, allocation);
        for (uint32_t i = 0; i < 100; i++) {
            const uint32_t want = i * 7 % PAGES;
            touch(data, want);
            check_told(device, allocation, UDXG_WRITE_WATCH_RESET, &want, 1);
        }
    }
    udxg_case("less room than pages, with reset: the next queries tell the rest") {
        D3DKMT_HANDLE allocation = create_watched(device, 2, BYTES, 0);
        uint8_t *data = (uint8_t *)lock(device, allocation);
        for (uint32_t i = 0; i < 10; i++) touch(data, i * 5);
        for (uint32_t told = 0; told < 10;) {
            struct answer answer;
            require_success(ask(device, allocation, UDXG_WRITE_WATCH_RESET, 4, &answer));
            require_u64(10 - told < 4 ? 10 - told : 4, answer.count);
            for (uint32_t i = 0; i < answer.count; i++) check_u64((told + i) * 5 * PAGE_BYTES, answer.pages[i]);
            check_u64(SENTINEL64, answer.pages[answer.count]);
            told += answer.count;
        }
        check_none(device, allocation);
    }
    udxg_case("just enough room") {
        struct answer answer;
        D3DKMT_HANDLE allocation = create_watched(device, 2, BYTES, 0);
        uint8_t *data = (uint8_t *)lock(device, allocation);
        for (uint32_t i = 0; i < 3; i++) touch(data, i);
        require_success(ask(device, allocation, UDXG_WRITE_WATCH_RESET, 3, &answer));
        check_u64(3, answer.count);
        check_none(device, allocation);
    }
    udxg_case("no room: nothing is told, and nothing forgotten") {
        struct answer answer;
        const uint32_t want = 11;
        D3DKMT_HANDLE allocation = create_watched(device, 2, BYTES, 0);
        touch((uint8_t *)lock(device, allocation), 11);
        NTSTATUS status = ask(device, allocation, UDXG_WRITE_WATCH_RESET, 0, &answer);
        check_true(status == STATUS_SUCCESS || status == STATUS_INVALID_PARAMETER);
        check_u64(0, answer.count);
        check_u64(SENTINEL64, answer.pages[0]);
        check_told(device, allocation, 0, &want, 1);
    }
}

/* ------------------------------------------------------------------------------------------------ with a GPU */

static void with_gpu(void)
{
    struct gpu gpu;
    gpu_open(&gpu);
    udxg_case("resident and evicted: the CPU's writes are told, before and after") {
        const uint32_t want[] = {1, 30};
        D3DKMT_HANDLE allocation = create_watched(gpu.device, 2, BYTES, 0);
        uint8_t *data = (uint8_t *)lock(gpu.device, allocation);
        touch(data, 1);
        require_success(unlock(gpu.device, allocation));
        make_resident(&gpu.queue, allocation);
        require_success(evict(gpu.device, allocation));
        lock(gpu.device, allocation);
        touch(data, 30);
        struct answer answer;
        require_success(ask(gpu.device, allocation, 0, LENGTH_OF(answer.pages), &answer));
        /* Moving it may look like writing it; missing a write would not do. */
        for (int k = 0; k < 2; k++) {
            bool found = false;
            for (uint32_t i = 0; i < answer.count; i++) found = found || answer.pages[i] == want[k] * PAGE_BYTES;
            check_true(found);
        }
    }
    udxg_case("the GPU writes it as any other") {
        D3DKMT_HANDLE allocation = create_watched(gpu.device, 2, BYTES, 0);
        UINT64 va = map(&gpu.queue, allocation, BYTES);
        make_resident(&gpu.queue, allocation);
        struct udxg_soft_fill fill = udxg_soft_fill_command(va, BYTES, 0x48484848);
        require_success(submit(&gpu, &fill, sizeof(fill)));
        gpu_finish(&gpu);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(gpu.device));
        check_true(filled_with(lock(gpu.device, allocation), BYTES, 0x48));
    }
    udxg_case("destroyed while it is locked and written") {
        for (int i = 0; i < 50; i++) {
            D3DKMT_HANDLE allocation = create_watched(gpu.device, 2, BYTES, 0);
            memset(lock(gpu.device, allocation), 1, BYTES);
            check_status(STATUS_SUCCESS, destroy_allocation(gpu.device, allocation));
        }
    }
}

/* Four threads write, one page each at a time; every page is told in the end. */
struct writer {
    pthread_t thread;
    uint8_t *data;
    uint32_t first;
};

static void *write_pages(void *data)
{
    struct writer *writer = (struct writer *)data;
    for (uint32_t page = writer->first; page < PAGES; page += 4) touch(writer->data, page);
    return NULL;
}

static void threads(void)
{
    D3DKMT_HANDLE device = create_device(open_adapter());
    udxg_case("four threads write while another asks: none is missed") {
        for (int round = 0; round < 20; round++) {
            struct writer writers[4];
            bool told[PAGES] = {false};
            D3DKMT_HANDLE allocation = create_watched(device, 2, BYTES, 0);
            uint8_t *data = (uint8_t *)lock(device, allocation);
            for (uint32_t i = 0; i < 4; i++) {
                writers[i].data = data;
                writers[i].first = i;
                require_true(pthread_create(&writers[i].thread, NULL, write_pages, &writers[i]) == 0);
            }
            for (int query = 0; query < 5; query++) {
                struct answer answer;
                if (query == 4) {
                    for (int i = 0; i < 4; i++) pthread_join(writers[i].thread, NULL);
                }
                require_success(ask(device, allocation, UDXG_WRITE_WATCH_RESET, PAGES, &answer));
                for (uint32_t i = 0; i < answer.count; i++) told[answer.pages[i] / PAGE_BYTES] = true;
            }
            for (uint32_t i = 0; i < PAGES; i++) require_true(told[i]);
            require_success(destroy_allocation(device, allocation));
        }
        check_none(device, create_watched(device, 2, BYTES, 0));
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"argument", ON_DISCRETE, arguments}, {"watching", ON_EACH, watching}, {"asking", ON_EACH, asking},
        {"GPU", ON_EACH, with_gpu},           {"thread", ON_EACH, threads},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
