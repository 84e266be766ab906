/* SPDX-License-Identifier: MIT */
/*
 * What DXCore says of adapters is what the kernel says of them: as they are now, when memory is short, and in a
 * forked child, whose kernel may have others. tests/packaging calls every method from C++.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/client.h"
#include "core/dispatch.h"
#include "dxcore_fixture.h"

/* Of DXCoreAdapterProperty and DXCoreAdapterState. */
enum {
    INSTANCE_LUID = 0,
    DRIVER_VERSION = 1,
    DRIVER_DESCRIPTION = 2,
    HARDWARE_ID = 3,
    KMD_MODEL_VERSION = 4,
    DEDICATED_ADAPTER_MEMORY = 7,
    DEDICATED_SYSTEM_MEMORY = 8,
    SHARED_SYSTEM_MEMORY = 9,
    IS_HARDWARE = 11,
    IS_INTEGRATED = 12,
    HARDWARE_ID_PARTS = 14,
    MEMORY_BUDGET = 1,
};

/* The software adapter has video memory of its own, the other one is "hardware". */
enum { SOFTWARE, HARDWARE, ADAPTERS };

static udxg_status describe(uint32_t index, struct udxg_describe_adapter *ret)
{
    memset(ret, 0xA5, sizeof *ret);
    ret->Index = index;
    return udxg_call(UDXG_THUNK_DescribeAdapter, ret);
}

/* The calls FAIL_ID from the FAIL_FROM-th on find no memory. */
static enum udxg_thunk_id fail_id;
static unsigned fail_from, calls;

static bool no_memory(const struct udxg_process *process, enum udxg_thunk_id id, const void *args,
                      udxg_status *ret_status)
{
    (void)process, (void)args;
    if (id != fail_id || ++calls < fail_from) return false;
    *ret_status = STATUS_NO_MEMORY;
    return true;
}

static void fail_call(enum udxg_thunk_id id, unsigned from)
{
    fail_id = id;
    fail_from = from;
    calls = 0;
    udxg_dispatch_set_fault(no_memory);
}

static int left_open;

static void count_handles(const struct udxg_process *process, enum udxg_thunk_id id, const void *args,
                          udxg_status status)
{
    (void)process;
    (void)args;
    if (status != STATUS_SUCCESS) return;
    left_open += (id == UDXG_THUNK_OpenAdapterFromLuid) - (id == UDXG_THUNK_CloseAdapter);
}

/* The adapters by DXCore, in the order of the kernel. */
static void list_all(void *ret_adapters[ADAPTERS])
{
    void *list;

    assert_int_equal(dxcore_create_list(&list), 0);
    assert_int_equal(dxcore_list_count(list), ADAPTERS);
    for (uint32_t i = 0; i < ADAPTERS; i++) assert_non_null(ret_adapters[i] = dxcore_list_at(list, i));
    dxcore_release(list);
}

static int32_t query_budget(void *adapter, uint32_t group, uint64_t budget[4])
{
    uint32_t query[2] = {0, group};

    return dxcore_query_state(adapter, MEMORY_BUDGET, sizeof query, query, 4 * sizeof *budget, budget);
}

static uint64_t number(void *adapter, uint32_t property)
{
    uint64_t value = 0;
    size_t bytes;

    assert_int_equal(dxcore_property_size(adapter, property, &bytes), 0);
    assert_true(bytes <= sizeof value);
    assert_int_equal(dxcore_property(adapter, property, bytes, &value), 0);
    return value;
}

/* ---- the row ---- */

static void a_description_is_that_of_the_profile(void **state)
{
    struct udxg_describe_adapter software, hardware;
    D3DKMT_ADAPTERINFO infos[16];
    D3DKMT_ENUMADAPTERS2 all = {.NumAdapters = 16, .pAdapters = infos};

    (void)state;
    assert_int_equal(describe(SOFTWARE, &software), STATUS_SUCCESS);
    assert_int_equal(describe(HARDWARE, &hardware), STATUS_SUCCESS);
    assert_int_equal(udxg_call(UDXG_THUNK_EnumAdapters2, &all), STATUS_SUCCESS);
    assert_int_equal(software.AdapterCount, ADAPTERS);
    assert_int_equal(hardware.AdapterCount, ADAPTERS);
    assert_memory_equal(&software.AdapterLuid, &infos[SOFTWARE].AdapterLuid, sizeof(LUID));
    assert_memory_equal(&hardware.AdapterLuid, &infos[HARDWARE].AdapterLuid, sizeof(LUID));
    assert_string_equal(software.Description, "udxg Software Adapter (discrete)");
    assert_false(software.IsHardware || software.IsStopped || !hardware.IsHardware || hardware.IsStopped);
    assert_int_equal(software.DedicatedVideoBytes, UINT64_C(4) << 30);
    assert_int_equal(hardware.DedicatedVideoBytes, 0);
    assert_int_not_equal(hardware.SharedSystemBytes, 0);
    assert_int_equal(hardware.VendorId, 0x8086);
    assert_int_equal(hardware.DeviceId, 0x9a49);
    assert_int_equal(hardware.SubVendorId, 0x8086);
    assert_int_equal(hardware.SubSystemId, 0x2212);
    assert_int_equal(hardware.RevisionId, 1);
    assert_int_equal(hardware.WddmVersion, 2700);
    assert_int_equal(hardware.DriverVersion, UINT64_C(30) << 48 | UINT64_C(100) << 16 | 9805);
}

static void an_index_that_is_not_there_is_refused(void **state)
{
    struct udxg_describe_adapter args, untouched;

    (void)state;
    memset(&untouched, 0xA5, sizeof untouched);
    untouched.Index = ADAPTERS;
    assert_int_equal(describe(ADAPTERS, &args), STATUS_INVALID_PARAMETER);
    assert_memory_equal(&args, &untouched, sizeof args);
    assert_int_equal(describe(UINT32_MAX, &args), STATUS_INVALID_PARAMETER);
}

/* ---- DXCore ---- */

static void properties_are_what_the_kernel_says(void **state)
{
    void *adapters[ADAPTERS];

    (void)state;
    list_all(adapters);
    for (uint32_t i = 0; i < ADAPTERS; i++) {
        struct udxg_describe_adapter d;
        char text[sizeof d.Description];
        uint32_t id[4], parts[5];
        void *again;
        LUID luid;
        assert_int_equal(describe(i, &d), STATUS_SUCCESS);
        assert_int_equal(dxcore_property(adapters[i], INSTANCE_LUID, sizeof luid, &luid), 0);
        assert_memory_equal(&luid, &d.AdapterLuid, sizeof luid);
        assert_int_equal(dxcore_find_adapter(luid, &again), 0);
        assert_ptr_equal(again, adapters[i]);
        assert_int_equal(dxcore_property(adapters[i], DRIVER_DESCRIPTION, sizeof text, text), 0);
        assert_string_equal(text, d.Description);
        assert_int_equal(dxcore_property(adapters[i], HARDWARE_ID, sizeof id, id), 0);
        assert_memory_equal(id,
                            ((uint32_t[]){d.VendorId, d.DeviceId, d.SubSystemId << 16 | d.SubVendorId, d.RevisionId}),
                            sizeof id);
        assert_int_equal(dxcore_property(adapters[i], HARDWARE_ID_PARTS, sizeof parts, parts), 0);
        assert_memory_equal(parts, ((uint32_t[]){d.VendorId, d.DeviceId, d.SubSystemId, d.SubVendorId, d.RevisionId}),
                            sizeof parts);
        assert_int_equal(number(adapters[i], DRIVER_VERSION), d.DriverVersion);
        assert_int_equal(number(adapters[i], KMD_MODEL_VERSION), d.WddmVersion);
        assert_int_equal(number(adapters[i], DEDICATED_ADAPTER_MEMORY), d.DedicatedVideoBytes);
        assert_int_equal(number(adapters[i], DEDICATED_SYSTEM_MEMORY), d.DedicatedSystemBytes);
        assert_int_equal(number(adapters[i], SHARED_SYSTEM_MEMORY), d.SharedSystemBytes);
        assert_int_equal(number(adapters[i], IS_HARDWARE), i == HARDWARE);
        assert_int_equal(number(adapters[i], IS_INTEGRATED), i == HARDWARE);
    }
}

static void hardware_is_sorted_to_the_front(void **state)
{
    void *adapters[ADAPTERS], *list;

    (void)state;
    list_all(adapters);
    assert_int_equal(dxcore_create_list(&list), 0);
    assert_int_equal(dxcore_list_sort(list), 0);
    assert_ptr_equal(dxcore_list_at(list, 0), adapters[HARDWARE]);
    assert_ptr_equal(dxcore_list_at(list, 1), adapters[SOFTWARE]);
    dxcore_release(list);
}

static void a_budget_is_that_of_the_group(void **state)
{
    D3DKMT_OPENADAPTERFROMLUID open = {0};
    struct udxg_describe_adapter description;
    void *adapters[ADAPTERS];
    uint64_t budget[4];

    (void)state;
    list_all(adapters);
    assert_int_equal(describe(SOFTWARE, &description), STATUS_SUCCESS);
    open.AdapterLuid = description.AdapterLuid;
    assert_int_equal(udxg_call(UDXG_THUNK_OpenAdapterFromLuid, &open), STATUS_SUCCESS);
    D3DKMT_CHANGEVIDEOMEMORYRESERVATION reserve = {.hAdapter = open.hAdapter, .Reservation = 1 << 20};
    assert_int_equal(udxg_call(UDXG_THUNK_ChangeVideoMemoryReservation, &reserve), STATUS_SUCCESS);
    for (uint32_t group = 0; group < 2; group++) {
        D3DKMT_QUERYVIDEOMEMORYINFO info = {.hAdapter = open.hAdapter,
                                            .MemorySegmentGroup = (D3DKMT_MEMORY_SEGMENT_GROUP)group};
        assert_int_equal(udxg_call(UDXG_THUNK_QueryVideoMemoryInfo, &info), STATUS_SUCCESS);
        assert_int_equal(query_budget(adapters[SOFTWARE], group, budget), 0);
        assert_int_equal(budget[0], info.Budget);
        assert_int_equal(budget[1], info.CurrentUsage);
        assert_int_equal(budget[2], info.AvailableForReservation);
        assert_int_equal(budget[3], group ? 0 : 1 << 20);
    }
    assert_int_equal(query_budget(adapters[SOFTWARE], 2, budget), DXCORE_INVALID_ARGUMENT);
}

static void a_stopped_adapter_is_not_valid_until_it_comes_back(void **state)
{
    struct udxg_describe_adapter description;
    void *adapters[ADAPTERS], *list, *fewer;
    uint64_t budget[4];

    (void)state;
    list_all(adapters);
    assert_int_equal(dxcore_create_list(&list), 0);
    assert_int_equal(describe(SOFTWARE, &description), STATUS_SUCCESS);
    struct udxg_stop_adapter stop = {.AdapterLuid = description.AdapterLuid};
    struct udxg_start_adapter start = {.AdapterLuid = description.AdapterLuid};
    assert_int_equal(udxg_call(UDXG_THUNK_StopAdapter, &stop), STATUS_SUCCESS);
    assert_false(dxcore_is_valid(adapters[SOFTWARE]));
    assert_true(dxcore_is_valid(adapters[HARDWARE]));
    assert_true(dxcore_list_is_stale(list));
    assert_int_equal(query_budget(adapters[SOFTWARE], 0, budget), DXCORE_DEVICE_REMOVED);
    assert_int_equal(number(adapters[SOFTWARE], DEDICATED_ADAPTER_MEMORY), UINT64_C(4) << 30); /* still told */
    assert_int_equal(dxcore_create_list(&fewer), 0);
    assert_int_equal(dxcore_list_count(fewer), 1);
    assert_ptr_equal(dxcore_list_at(fewer, 0), adapters[HARDWARE]);
    assert_false(dxcore_list_is_stale(fewer));
    assert_int_equal(udxg_call(UDXG_THUNK_StartAdapter, &start), STATUS_SUCCESS);
    assert_true(dxcore_is_valid(adapters[SOFTWARE]));
    assert_false(dxcore_list_is_stale(list));
    assert_int_equal(query_budget(adapters[SOFTWARE], 0, budget), 0);
    dxcore_release(fewer);
    dxcore_release(list);
}

/* And leaves nothing behind. */
static void what_cannot_be_asked_is_out_of_memory(void **state)
{
    void *adapters[ADAPTERS], *list = adapters;
    uint64_t budget[4];

    (void)state;
    list_all(adapters);
    udxg_dispatch_set_trace(count_handles);
    fail_call(UDXG_THUNK_DescribeAdapter, 2);
    assert_int_equal(dxcore_create_list(&list), DXCORE_OUT_OF_MEMORY); /* and not one that lacks the second */
    assert_null(list);
    fail_call(UDXG_THUNK_OpenAdapterFromLuid, 1);
    assert_int_equal(query_budget(adapters[HARDWARE], 0, budget), DXCORE_OUT_OF_MEMORY);
    fail_call(UDXG_THUNK_QueryVideoMemoryInfo, 1);
    assert_int_equal(query_budget(adapters[HARDWARE], 0, budget), DXCORE_OUT_OF_MEMORY);
    udxg_dispatch_set_fault(NULL);
    assert_int_equal(query_budget(adapters[HARDWARE], 0, budget), 0);
    udxg_dispatch_set_trace(NULL);
    assert_int_equal(left_open, 0);
}

/* ---- forked children ---- */

/* CHILD in a process of its own, which has only the hardware; it says by its exit status how it fared. */
static void in_child(bool (*child)(void *adapters[ADAPTERS]))
{
    void *adapters[ADAPTERS];
    int status;
    pid_t pid;

    list_all(adapters);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        alarm(20);
        signal(SIGSEGV, SIG_DFL); /* not cmocka's, which would go on with the tests */
        setenv("UDXG_ADAPTERS", "intel-tgl", 1);
        _exit(child(adapters) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* The first adapter is another one now, the second is gone. */
static bool asks_anew(void *adapters[ADAPTERS])
{
    uint64_t bytes = 1, budget[4];
    void *list, *none;
    LUID luid;
    size_t size;

    if (!dxcore_is_valid(adapters[0]) || dxcore_is_valid(adapters[1])) return false;
    if (dxcore_property(adapters[0], DEDICATED_ADAPTER_MEMORY, sizeof bytes, &bytes) || bytes) return false;
    if (dxcore_property(adapters[1], INSTANCE_LUID, sizeof luid, &luid) != DXCORE_DEVICE_REMOVED) return false;
    if (dxcore_property_size(adapters[1], INSTANCE_LUID, &size) != DXCORE_DEVICE_REMOVED) return false;
    if (query_budget(adapters[0], 0, budget)) return false;
    if (query_budget(adapters[1], 0, budget) != DXCORE_DEVICE_REMOVED) return false;
    if (dxcore_create_list(&list) || dxcore_list_count(list) != 1 || dxcore_list_at(list, 0) != adapters[0])
        return false;
    if (dxcore_property(adapters[0], INSTANCE_LUID, sizeof luid, &luid)) return false;
    luid.LowPart++; /* the parent's second */
    return dxcore_find_adapter(luid, &none) == DXCORE_INVALID_ARGUMENT;
}

static void a_child_asks_anew(void **state)
{
    (void)state;
    in_child(asks_anew);
    properties_are_what_the_kernel_says(NULL); /* and the parent knows what it knew */
}

static bool may_ask_again(void *adapters[ADAPTERS])
{
    void *list = adapters;
    LUID luid;

    fail_call(UDXG_THUNK_DescribeAdapter, 1);
    if (dxcore_create_list(&list) != DXCORE_OUT_OF_MEMORY || list) return false;
    if (dxcore_property(adapters[0], INSTANCE_LUID, sizeof luid, &luid) != DXCORE_OUT_OF_MEMORY) return false;
    udxg_dispatch_set_fault(NULL);
    return !dxcore_property(adapters[0], INSTANCE_LUID, sizeof luid, &luid) && !dxcore_create_list(&list);
}

static void who_got_no_answer_may_ask_again(void **state)
{
    (void)state;
    in_child(may_ask_again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_description_is_that_of_the_profile),
        cmocka_unit_test(an_index_that_is_not_there_is_refused),
        cmocka_unit_test(properties_are_what_the_kernel_says),
        cmocka_unit_test(hardware_is_sorted_to_the_front),
        cmocka_unit_test(a_budget_is_that_of_the_group),
        cmocka_unit_test(a_stopped_adapter_is_not_valid_until_it_comes_back),
        cmocka_unit_test(what_cannot_be_asked_is_out_of_memory),
        cmocka_unit_test(a_child_asks_anew),
        cmocka_unit_test(who_got_no_answer_may_ask_again),
    };

    setenv("UDXG_ADAPTERS", "soft-discrete,intel-tgl", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
