/* SPDX-License-Identifier: MIT */
/* UpdateAllocationProperty: the miniport is asked about changes, about nothing else, and has the last word. */
#include "core_fixture.h"

#define SIZE 65536u

static struct {
    struct udxg_miniport miniport;
    struct udxg_update_property seen;
    unsigned asked;
    NTSTATUS answer;
} judge;

static NTSTATUS judge_update(void *adapter, const struct udxg_update_property *args)
{
    (void)adapter;
    judge.seen = *args;
    judge.asked++;
    return judge.answer;
}

static struct udxg_kernel *judged_kernel(void)
{
    static const struct udxg_miniport *miniports[] = {&judge.miniport, NULL};
    struct udxg_kernel *kernel;
    char error[256];
    for (const struct udxg_miniport *const *it = udxg_miniports; *it; it++)
        if (!strcmp((*it)->name, "soft")) judge.miniport = **it;
    judge.miniport.validate_update_property = judge_update;
    assert_int_equal(udxg_kernel_create("soft-discrete", miniports, error, sizeof error, &kernel), STATUS_SUCCESS);
    return kernel;
}

static void the_miniport_is_asked(void **state)
{
    (void)state;
    struct udxg_kernel *kernel = judged_kernel();
    struct gpu g = open_gpu(make_process(kernel));
    struct buffer buffer = make_buffer(&g, SIZE);
    D3DDDI_UPDATEALLOCPROPERTY args = {.hPagingQueue = g.queue, .hAllocation = buffer.allocation};
    args.SetPreferredSegment = 1;
    args.PreferredSegment.SegmentId0 = 1;
    args.PreferredSegment.SegmentId1 = 2;
    DO(g.process, UpdateAllocationProperty, &args); /* the same */
    assert_int_equal(judge.asked, 0);
    args.PreferredSegment.SegmentId0 = 3;
    assert_int_equal(CALL(g.process, UpdateAllocationProperty, &args), STATUS_INVALID_PARAMETER);
    assert_int_equal(judge.asked, 0);
    args.PreferredSegment.SegmentId0 = 2;
    args.PreferredSegment.Direction0 = 1;
    judge.answer = STATUS_UNSUCCESSFUL;
    assert_int_equal(CALL(g.process, UpdateAllocationProperty, &args), STATUS_UNSUCCESSFUL);
    assert_int_equal(judge.asked, 1);
    assert_true(judge.seen.set_preferred && !judge.seen.set_supported_segments);
    assert_int_equal(judge.seen.preferred[0].segment_id, 2);
    assert_true(judge.seen.preferred[0].from_end);
    judge.answer = STATUS_SUCCESS;
    assert_int_equal(CALL(g.process, UpdateAllocationProperty, &args), STATUS_PENDING);
    wait_cpu(&g, g.queue_fence, args.PagingFenceValue);
    close_gpu(&g);
    udxg_process_destroy(g.process);
    udxg_kernel_destroy(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_miniport_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
