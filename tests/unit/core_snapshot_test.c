/* SPDX-License-Identifier: MIT */
/*
 * What a snapshot says of several processes is what each of them is told by its own calls, and what they are told of
 * each other; and it holds together while processes come and go.
 */
#include "core_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/snapshot.h"

#define MIB (UINT64_C(1) << 20)

static const struct udxg_soft_command nop = {UDXG_SOFT_OP_NOP, sizeof(struct udxg_soft_command)};

static struct udxg_snapshot *look(struct udxg_kernel *kernel)
{
    struct udxg_snapshot *snapshot;

    assert_int_equal(udxg_snapshot_create(kernel, &snapshot), STATUS_SUCCESS);
    return snapshot;
}

static const struct udxg_snapshot_part *part_of(const struct udxg_snapshot *snapshot, uint32_t process,
                                                uint32_t adapter)
{
    const struct udxg_snapshot_process *it = &snapshot->processes[process];

    for (uint32_t i = 0; i < it->part_count; i++)
        if (snapshot->parts[it->first_part + i].adapter == adapter) return &snapshot->parts[it->first_part + i];
    fail_msg("process %u has nothing on adapter %u", process, adapter);
    return NULL;
}

static D3DKMT_QUERYSTATISTICS ask(const struct gpu *g, HANDLE whom, D3DKMT_QUERYSTATISTICS_TYPE type, UINT id)
{
    D3DKMT_QUERYSTATISTICS args = {.Type = type, .hProcess = whom};

    args.AdapterLuid = g->process->kernel->adapters[0]->luid;
    args.QueryProcessSegment.SegmentId = id;
    DO(g->process, QueryStatistics, &args);
    return args;
}

/* ---- the same numbers ---- */

static void same_budgets(const struct gpu *g, HANDLE whom, const struct udxg_snapshot_part *part)
{
    for (unsigned group = 0; group < VIDMM_GROUP_COUNT; group++) {
        const struct vidmm_budget *budget = &part->groups[group].budget;
        D3DKMT_QUERYVIDEOMEMORYINFO args = {.hProcess = whom,
                                            .hAdapter = g->adapter,
                                            .MemorySegmentGroup = (D3DKMT_MEMORY_SEGMENT_GROUP)group};
        D3DKMT_QUERYSTATISTICS statistics = ask(g, whom, D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP, group);

        DO(g->process, QueryVideoMemoryInfo, &args);
        assert_int_equal(args.Budget, budget->budget_bytes);
        assert_int_equal(args.CurrentUsage, budget->usage_bytes);
        assert_int_equal(args.CurrentReservation, budget->reservation_bytes);
        assert_int_equal(statistics.QueryResult.ProcessSegmentGroupInformation.Budget, budget->budget_bytes);
        assert_int_equal(statistics.QueryResult.ProcessSegmentGroupInformation.Requested, budget->usage_bytes);
        assert_int_equal(statistics.QueryResult.ProcessSegmentGroupInformation.Usage,
                         part->groups[group].resident_bytes);
    }
}

static void same_nodes(const struct gpu *g, HANDLE whom, const struct udxg_snapshot_part *part)
{
    D3DKMT_QUERYSTATISTICS statistics = ask(g, whom, D3DKMT_QUERYSTATISTICS_PROCESS_NODE, 0);
    const D3DKMT_QUERYSTATISTICS_PROCESS_NODE_INFORMATION *node = &statistics.QueryResult.ProcessNodeInformation;

    assert_int_equal(node->RunningTime.QuadPart, part->nodes[0].running_ns / 100);
    assert_int_equal(node->PacketStatistics.QueuePacket[D3DKMT_RenderCommandBuffer].PacketSubmited,
                     part->nodes[0].submitted[UDXG_PACKET_COMMAND]);
}

/* Of all adapters together: these processes use one. */
static void same_commit(const struct gpu *g, HANDLE whom, const struct udxg_snapshot_part *part)
{
    D3DKMT_QUERYSTATISTICS statistics = ask(g, whom, D3DKMT_QUERYSTATISTICS_PROCESS, 0);

    assert_int_equal(statistics.QueryResult.ProcessInformation.SystemMemory.BytesAllocated, part->usage.commit_bytes);
}

static void same_numbers(const struct gpu *g, HANDLE whom, const struct udxg_snapshot_part *part)
{
    same_budgets(g, whom, part);
    same_nodes(g, whom, part);
    same_commit(g, whom, part);
}

static void same_segments(const struct gpu *g, const struct udxg_snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->adapters[0].caps->segment_count; i++) {
        D3DKMT_QUERYSTATISTICS statistics = ask(g, NULL, D3DKMT_QUERYSTATISTICS_SEGMENT, i);

        assert_int_equal(statistics.QueryResult.SegmentInformation.BytesResident,
                         snapshot->adapters[0].segments[i].resident_bytes);
        assert_int_equal(statistics.QueryResult.SegmentInformation.CommitLimit,
                         snapshot->adapters[0].segments[i].capacity_bytes);
    }
}

/* ---- processes of other numbers ---- */

/* A real process that does nothing, so that its number can be asked for. */
static pid_t start_sleeper(int *ret_pidfd)
{
    pid_t pid = fork();

    if (!pid) {
        pause();
        _exit(0);
    }
    assert_true(pid > 0);
    *ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(*ret_pidfd > 0);
    return pid;
}

static void end_sleeper(pid_t pid, int pidfd)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(pidfd);
}

static HANDLE handle_of(int fd)
{
    return (HANDLE)(intptr_t)fd;
}

static udxg_status ask_status(struct udxg_process *process, HANDLE whom)
{
    D3DKMT_QUERYSTATISTICS args = {.Type = D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER, .hProcess = whom};

    args.AdapterLuid = process->kernel->adapters[0]->luid;
    return CALL(process, QueryStatistics, &args);
}

static udxg_status list(struct udxg_process *process, uint32_t adapter, ULONG *pids, UINT64 *count)
{
    D3DKMT_ENUMPROCESSES args = {.AdapterLuid = process->kernel->adapters[adapter]->luid,
                                 .Buffer = pids,
                                 .BufferCount = *count};
    udxg_status status = CALL(process, EnumProcesses, &args);

    *count = args.BufferCount;
    return status;
}

struct crowd {
    struct udxg_kernel *kernel;
    struct udxg_process *one, *two, *idle;
    struct gpu first, second;
    pid_t sleeper;
    int pidfd; /* of two */
};

static struct crowd gather(void)
{
    struct crowd c = {.kernel = make_kernel("soft-discrete,soft-uma")};

    c.sleeper = start_sleeper(&c.pidfd);
    c.one = make_process(c.kernel);
    c.two = make_process(c.kernel);
    c.idle = make_process(c.kernel);
    c.two->pid = (uint32_t)c.sleeper;
    c.idle->pid = 1;
    c.first = open_gpu(c.one);
    c.second = open_gpu(c.two);
    make_buffer(&c.first, 24 * MIB);
    make_buffer(&c.second, 5 * MIB);
    make_buffer(&c.second, 3 * MIB);
    submit(&c.second, &nop, sizeof nop);
    wait_idle(&c.first);
    wait_idle(&c.second);
    return c;
}

static void disperse(struct crowd *c)
{
    udxg_process_destroy(c->one);
    udxg_process_destroy(c->two);
    udxg_process_destroy(c->idle);
    udxg_kernel_destroy(c->kernel);
    end_sleeper(c->sleeper, c->pidfd);
}

static void numbers_are_those_of_the_calls(void **state)
{
    struct crowd c = gather();
    struct udxg_snapshot *snapshot = look(c.kernel);
    const struct udxg_snapshot_part *one = part_of(snapshot, 0, 0), *two = part_of(snapshot, 1, 0);

    (void)state;
    assert_int_equal(snapshot->adapter_count, 2);
    assert_int_equal(snapshot->process_count, 3);
    assert_int_equal(snapshot->processes[0].pid, getpid());
    assert_int_equal(snapshot->processes[1].pid, c.sleeper);
    assert_int_equal(snapshot->processes[0].serial + 2, snapshot->processes[2].serial);
    assert_int_equal(snapshot->processes[2].part_count, 0);
    assert_true(one->resident_bytes >= 24 * MIB && two->resident_bytes >= 8 * MIB);
    assert_true(two->nodes[0].submitted[UDXG_PACKET_COMMAND] == 1);
    same_numbers(&c.first, NULL, one);
    same_numbers(&c.second, NULL, two);
    same_segments(&c.first, snapshot);
    /* And the first one asks about the second. */
    same_numbers(&c.first, handle_of(c.pidfd), two);
    assert_int_equal(snapshot->adapters[0].segments[0].resident_bytes +
                         snapshot->adapters[0].segments[1].resident_bytes,
                     one->resident_bytes + two->resident_bytes);
    udxg_snapshot_destroy(snapshot);
    disperse(&c);
}

static void devices_contexts_and_handles_are_counted(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process), other = open_gpu(process);
    D3DKMT_DESTROYCONTEXT destroy = {create_context(&g, 0)};
    struct udxg_snapshot *before = look(kernel), *after;

    (void)state;
    assert_int_equal(part_of(before, 0, 0)->devices, 2);
    assert_int_equal(part_of(before, 0, 0)->contexts, 3);
    DO(process, DestroyContext, &destroy);
    close_gpu(&other);
    after = look(kernel);
    assert_int_equal(part_of(after, 0, 0)->devices, 1);
    assert_int_equal(part_of(after, 0, 0)->contexts, 1);
    /* A context; a device with a queue and its fence, a context, a fence. */
    assert_int_equal(before->processes[0].handles - after->processes[0].handles, 6);
    udxg_snapshot_destroy(before);
    udxg_snapshot_destroy(after);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

static uint64_t queued_of(struct udxg_kernel *kernel, uint32_t process)
{
    struct udxg_snapshot *snapshot = look(kernel);
    uint64_t queued = part_of(snapshot, process, 0)->nodes[0].queued;

    udxg_snapshot_destroy(snapshot);
    return queued;
}

static uint64_t queued_of_all(struct udxg_kernel *kernel)
{
    struct udxg_snapshot *snapshot = look(kernel);
    uint64_t queued = snapshot->adapters[0].nodes[0].queued;

    udxg_snapshot_destroy(snapshot);
    return queued;
}

/* Engines take packets when they get to it. */
static void queued_becomes(struct udxg_kernel *kernel, uint64_t queued)
{
    for (int i = 0; i < 10000 && queued_of(kernel, 0) != queued; i++) usleep(1000);
    assert_int_equal(queued_of(kernel, 0), queued);
    assert_int_equal(queued_of_all(kernel), queued); /* nobody else works */
}

/* A packet runs, the rest wait behind it. */
static void queued_packets_are_counted(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel), *other = make_process(kernel);
    struct gpu g = open_gpu(process);
    struct buffer flag = make_buffer(&g, 4096);
    struct udxg_snapshot *snapshot;

    (void)state;
    (void)open_gpu(other);
    submit_spin(&g, flag.va);
    for (int i = 0; i < 5; i++) submit(&g, &nop, sizeof nop);
    queued_becomes(kernel, 5); /* the first has begun */
    assert_int_equal(queued_of(kernel, 1), 0);
    __atomic_store_n((uint32_t *)lock(&g, flag.allocation), 1, __ATOMIC_RELEASE);
    wait_idle(&g);
    assert_int_equal(queued_of(kernel, 0), 0);
    snapshot = look(kernel);
    assert_true(part_of(snapshot, 0, 0)->nodes[0].running_ns > 0);
    udxg_snapshot_destroy(snapshot);
    udxg_process_destroy(process);
    udxg_process_destroy(other);
    udxg_kernel_destroy(kernel);
}

/* What is thrown away with its context is queued no longer. */
static void discarded_packets_are_not_queued(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct gpu g = open_gpu(process);
    D3DKMT_DESTROYCONTEXT destroy = {g.context};

    (void)state;
    assert_int_equal(wait_gpu(&g, g.context, g.fence, 7), STATUS_SUCCESS);
    for (int i = 0; i < 3; i++) submit(&g, &nop, sizeof nop);
    queued_becomes(kernel, 3); /* the wait has begun */
    DO(process, DestroyContext, &destroy);
    queued_becomes(kernel, 0);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- who may be named ---- */

static void processes_are_listed(void **state)
{
    struct crowd c = gather();
    ULONG pids[4] = {0};
    UINT64 count = 4;

    (void)state;
    assert_int_equal(list(c.one, 0, pids, &count), STATUS_SUCCESS);
    assert_int_equal(count, 2); /* the third uses no adapter */
    assert_int_equal(pids[0], getpid());
    assert_int_equal(pids[1], c.sleeper);
    assert_int_equal(pids[2], 0);
    count = 2;
    assert_int_equal(list(c.one, 0, pids, &count), STATUS_SUCCESS);
    count = 1;
    pids[0] = 77;
    assert_int_equal(list(c.one, 0, pids, &count), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(count, 1);
    assert_int_equal(pids[0], 77);
    count = 4;
    assert_int_equal(list(c.one, 1, pids, &count), STATUS_SUCCESS);
    assert_int_equal(count, 0);
    count = 0;
    assert_int_equal(list(c.one, 0, pids, &count), STATUS_INVALID_PARAMETER);
    count = UINT64_C(1) << 32 | 2;
    assert_int_equal(list(c.one, 0, pids, &count), STATUS_INVALID_PARAMETER);
    disperse(&c);
}

static void other_users_processes_are_not_there(void **state)
{
    struct crowd c = gather();
    ULONG pids[4];
    UINT64 count = 4;

    (void)state;
    udxg_process_introduce(c.one, 1000, "one");
    udxg_process_introduce(c.two, 1001, "two");
    assert_int_equal(ask_status(c.one, handle_of(c.pidfd)), STATUS_INVALID_PARAMETER);
    assert_int_equal(list(c.one, 0, pids, &count), STATUS_SUCCESS);
    assert_int_equal(count, 1);
    assert_int_equal(pids[0], getpid());
    udxg_process_introduce(c.two, 1000, "two");
    assert_int_equal(ask_status(c.one, handle_of(c.pidfd)), STATUS_SUCCESS);
    disperse(&c);
}

static void handles_name_processes(void **state)
{
    struct crowd c = gather();
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0), stranger, pipe_fds[2];
    pid_t sleeper = start_sleeper(&stranger);
    D3DKMT_CHANGEVIDEOMEMORYRESERVATION reserve = {.hProcess = handle_of(c.pidfd), .hAdapter = c.first.adapter};

    (void)state;
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(ask_status(c.one, NULL), STATUS_SUCCESS);
    assert_int_equal(ask_status(c.one, handle_of(-1)), STATUS_SUCCESS);
    assert_int_equal(ask_status(c.one, handle_of(self)), STATUS_SUCCESS);
    assert_int_equal(ask_status(c.one, handle_of(c.pidfd)), STATUS_SUCCESS);
    assert_int_equal(ask_status(c.one, handle_of(stranger)), STATUS_INVALID_PARAMETER);
    assert_int_equal(ask_status(c.one, handle_of(pipe_fds[0])), STATUS_INVALID_HANDLE);
    assert_int_equal(ask_status(c.one, handle_of(12345)), STATUS_INVALID_HANDLE);
    assert_int_equal(ask_status(c.one, (HANDLE)(intptr_t)0x100000000), STATUS_INVALID_HANDLE);
    /* To look is not to change. */
    assert_int_equal(CALL(c.one, ChangeVideoMemoryReservation, &reserve), STATUS_INVALID_HANDLE);
    end_sleeper(sleeper, stranger);
    stranger = (int)syscall(SYS_pidfd_open, c.sleeper, 0);
    kill(c.sleeper, SIGKILL);
    waitpid(c.sleeper, NULL, 0);
    assert_int_equal(ask_status(c.one, handle_of(stranger)), STATUS_INVALID_HANDLE); /* it is gone */
    close(stranger);
    close(self);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    disperse(&c);
}

/* A name is for terminals, which obey some of what a client may call itself. */
static void names_are_plain(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-uma");
    struct udxg_process *process = make_process(kernel);
    struct udxg_snapshot *snapshot = look(kernel);

    (void)state;
    assert_string_equal(snapshot->processes[0].name, "");
    assert_false(snapshot->processes[0].has_uid);
    udxg_snapshot_destroy(snapshot);
    udxg_process_introduce(process, 5, "a\033[2Jb\xff\x7f and something long");
    snapshot = look(kernel);
    assert_string_equal(snapshot->processes[0].name, "a?[2Jb?? and so");
    assert_true(snapshot->processes[0].has_uid && snapshot->processes[0].uid == 5);
    udxg_snapshot_destroy(snapshot);
    udxg_process_destroy(process);
    udxg_kernel_destroy(kernel);
}

/* ---- while others work ---- */

static atomic_bool done;

static void *come_and_go(void *argument)
{
    while (!atomic_load(&done)) {
        struct udxg_process *process = make_process(argument);
        struct gpu g = open_gpu(process);
        struct buffer buffer = make_buffer(&g, MIB);

        submit(&g, &nop, sizeof nop);
        evict(&g, buffer.allocation);
        udxg_process_destroy(process);
    }
    return NULL;
}

static void snapshots_of_a_coming_and_going(void **state)
{
    struct udxg_kernel *kernel = make_kernel("soft-discrete");
    pthread_t threads[3];

    (void)state;
    atomic_store(&done, false);
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, kernel), 0);
    for (int i = 0; i < 300; i++) {
        struct udxg_snapshot *snapshot = look(kernel);
        assert_true(snapshot->process_count <= 3);
        for (uint32_t k = 1; k < snapshot->process_count; k++)
            assert_true(snapshot->processes[k].serial > snapshot->processes[k - 1].serial);
        udxg_snapshot_destroy(snapshot);
    }
    atomic_store(&done, true);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    assert_null(vidmm_adapter_check(kernel->adapters[0]->vidmm));
    udxg_kernel_destroy(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_the_calls),
        cmocka_unit_test(devices_contexts_and_handles_are_counted),
        cmocka_unit_test(queued_packets_are_counted),
        cmocka_unit_test(discarded_packets_are_not_queued),
        cmocka_unit_test(processes_are_listed),
        cmocka_unit_test(other_users_processes_are_not_there),
        cmocka_unit_test(handles_name_processes),
        cmocka_unit_test(names_are_plain),
        cmocka_unit_test(snapshots_of_a_coming_and_going),
    };
    return cmocka_run_group_tests_name("core_snapshot", tests, NULL, NULL);
}
