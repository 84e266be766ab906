/* SPDX-License-Identifier: MIT */
/*
 * No double fetch: the walk is linked with doors to the client's memory that keep a record, so that a
 * second look at anything is seen. And what a door that fails at a given moment does: nothing is written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "abi/thunk.h"
#include "base/os.h"

enum door { READ, PROBE };

static struct {
    enum door door;
    const unsigned char *start;
    size_t size;
} visits[256];
static unsigned visit_count;
static unsigned fail_at; /* this visit fails, counted from 1; 0 is never */

static udxg_status visit(enum door door, const void *start, size_t size)
{
    assert_true(visit_count < sizeof(visits) / sizeof(visits[0]));
    visits[visit_count].door = door;
    visits[visit_count].start = start;
    visits[visit_count].size = size;
    return ++visit_count == fail_at ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

udxg_status udxg_os_copy_in(void *destination, const void *client, size_t size_bytes)
{
    udxg_status status = visit(READ, client, size_bytes);
    if (!udxg_failed(status)) memcpy(destination, client, size_bytes);
    return status;
}

udxg_status udxg_os_probe_argument(const void *client, uint64_t size_bytes, bool write)
{
    assert_true(write);
    return visit(PROBE, client, size_bytes);
}

/* Each stretch of memory passes a door once: to be read, or to be read and written. */
static void no_byte_is_asked_for_twice(void)
{
    for (unsigned i = 0; i < visit_count; i++) {
        for (unsigned j = 0; j < i; j++) {
            assert_true(visits[i].start >= visits[j].start + visits[j].size ||
                        visits[j].start >= visits[i].start + visits[i].size);
        }
    }
}

static bool was_asked_for(enum door door, const void *start, size_t size)
{
    for (unsigned i = 0; i < visit_count; i++) {
        if (visits[i].door == door && visits[i].start == start && visits[i].size == size) return true;
    }
    return false;
}

static unsigned char data[3][64];
static const char runtime[8] = "runtime";
static D3DDDI_ALLOCATIONINFO2 infos[3];

static D3DKMT_CREATEALLOCATION creation(void)
{
    for (unsigned i = 0; i < 3; i++) {
        memset(data[i], 0x40 + (int)i, sizeof(data[i]));
        infos[i] = (D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = data[i], .PrivateDriverDataSize = sizeof(data[i])};
    }
    return (D3DKMT_CREATEALLOCATION){.NumAllocations = 3,
                                     .pAllocationInfo2 = infos,
                                     .pPrivateRuntimeData = runtime,
                                     .PrivateRuntimeDataSize = sizeof(runtime)};
}

static udxg_status call(D3DKMT_CREATEALLOCATION *args)
{
    static struct udxg_frame frame;
    void *copy;
    visit_count = 0;
    udxg_status status = udxg_thunk_enter(UDXG_THUNK_CreateAllocation2, args, &frame, &copy);
    return udxg_failed(status) ? status : udxg_thunk_leave(&frame, STATUS_SUCCESS);
}

static void each_stretch_is_asked_for_once(void **state)
{
    (void)state;
    D3DKMT_CREATEALLOCATION args = creation();
    fail_at = 0;
    assert_int_equal(call(&args), STATUS_SUCCESS);
    no_byte_is_asked_for_twice();
    assert_int_equal(visit_count, 6);
    assert_true(was_asked_for(PROBE, &args, sizeof(args)));
    assert_true(was_asked_for(PROBE, infos, sizeof(infos)));
    for (unsigned i = 0; i < 3; i++) assert_true(was_asked_for(PROBE, data[i], sizeof(data[i])));
    assert_true(was_asked_for(READ, runtime, sizeof(runtime)));
}

static void every_door_may_fail(void **state)
{
    (void)state;
    for (fail_at = 1; fail_at <= 6; fail_at++) {
        D3DKMT_CREATEALLOCATION args = creation();
        args.hGlobalShare = 0x1eadbeed;
        assert_int_equal(call(&args), STATUS_INVALID_PARAMETER);
        assert_int_equal(visit_count, fail_at);
        assert_int_equal(args.hGlobalShare, 0x1eadbeed);
    }
}

/* A handler's view does not change with the client's memory, and neither do the places of the outputs. */
static void the_copy_stands_alone(void **state)
{
    (void)state;
    static struct udxg_frame frame;
    D3DKMT_CREATEALLOCATION args = creation(), *copy;
    void *copied;
    fail_at = visit_count = 0;
    assert_int_equal(udxg_thunk_enter(UDXG_THUNK_CreateAllocation2, &args, &frame, &copied), STATUS_SUCCESS);
    copy = copied;
    D3DDDI_ALLOCATIONINFO2 before[3];
    memcpy(before, copy->pAllocationInfo2, sizeof(before));
    memset(data, 0xee, sizeof(data));
    memset(&args, 0xee, sizeof(args));
    memset(infos, 0xee, sizeof(infos));
    assert_int_equal(copy->NumAllocations, 3);
    assert_memory_equal(before, copy->pAllocationInfo2, sizeof(before));
    assert_int_equal(((unsigned char *)copy->pAllocationInfo2[1].pPrivateDriverData)[0], 0x41);
    copy->pAllocationInfo2[1].hAllocation = 0x40000040;
    assert_int_equal(udxg_thunk_leave(&frame, STATUS_SUCCESS), STATUS_SUCCESS);
    assert_int_equal(infos[1].hAllocation, 0x40000040);
    assert_int_equal(infos[1].PrivateDriverDataSize, 0xeeeeeeee);
    assert_int_equal(data[1][0], 0x41);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_stretch_is_asked_for_once),
        cmocka_unit_test(every_door_may_fail),
        cmocka_unit_test(the_copy_stands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
