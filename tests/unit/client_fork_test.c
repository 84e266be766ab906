/* SPDX-License-Identifier: MIT */
/*
 * A process that forks while it uses the library: the child has a kernel of its own, and nothing that the parent
 * has mapped, seen or counted leads it astray. Each child says by its exit status how it fared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <udxg/soft.h>

#include "client/client.h"
#include "core/stats.h"

static D3DKMT_HANDLE open_adapter(void)
{
    D3DKMT_ADAPTERINFO infos[16];
    D3DKMT_ENUMADAPTERS2 args = {.NumAdapters = 16, .pAdapters = infos};

    return udxg_call(UDXG_THUNK_EnumAdapters2, &args) == STATUS_SUCCESS ? infos[0].hAdapter : 0;
}

static D3DKMT_HANDLE create_device(void)
{
    D3DKMT_CREATEDEVICE args = {.hAdapter = open_adapter()};

    return udxg_call(UDXG_THUNK_CreateDevice, &args) == STATUS_SUCCESS ? args.hDevice : 0;
}

/* The address of a locked allocation. */
static void *lock_memory(D3DKMT_HANDLE device)
{
    struct udxg_soft_allocation soft = {.magic = UDXG_SOFT_ALLOCATION_MAGIC,
                                        .version = UDXG_SOFT_VERSION,
                                        .size_bytes = 4096};
    D3DDDI_ALLOCATIONINFO2 info = {.pPrivateDriverData = &soft, .PrivateDriverDataSize = sizeof soft};
    D3DKMT_CREATEALLOCATION create = {.hDevice = device, .NumAllocations = 1, .pAllocationInfo2 = &info};
    D3DKMT_LOCK2 lock = {.hDevice = device};

    soft.flags = UDXG_SOFT_CPU_VISIBLE;
    if (udxg_call(UDXG_THUNK_CreateAllocation2, &create) != STATUS_SUCCESS) return NULL;
    lock.hAllocation = info.hAllocation;
    return udxg_call(UDXG_THUNK_Lock2, &lock) == STATUS_SUCCESS ? lock.pData : NULL;
}

/* How CHILD ends in a process of its own: its exit status, or 128 and the signal. */
static int in_child(bool (*child)(void *argument), void *argument)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (!pid) {
        alarm(20);
        signal(SIGSEGV, SIG_DFL); /* not cmocka's, which would go on with the tests */
        _exit(child(argument) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool lives_anew(void *parents_device)
{
    D3DKMT_DESTROYDEVICE destroy = {*(D3DKMT_HANDLE *)parents_device};

    if (udxg_call(UDXG_THUNK_DestroyDevice, &destroy) != STATUS_INVALID_PARAMETER) return false;
    return lock_memory(create_device()) != NULL;
}

static void a_child_has_a_kernel_of_its_own(void **state)
{
    D3DKMT_HANDLE device = create_device();

    (void)state;
    assert_int_not_equal(device, 0);
    assert_int_equal(in_child(lives_anew, &device), 0);
    assert_non_null(lock_memory(device)); /* and the parent keeps its own */
}

static bool is_refused(void *arguments)
{
    return udxg_call(UDXG_THUNK_CloseAdapter, arguments) == STATUS_INVALID_PARAMETER;
}

/* What the parent has mapped is not in the child: an address there is one that leads nowhere. */
static void a_child_does_not_trust_what_its_parent_saw(void **state)
{
    D3DKMT_CLOSEADAPTER *arguments = lock_memory(create_device());

    (void)state;
    assert_non_null(arguments);
    arguments->hAdapter = open_adapter();
    assert_int_equal(udxg_call(UDXG_THUNK_CloseAdapter, arguments), STATUS_SUCCESS);
    assert_int_equal(in_child(is_refused, arguments), 0);
}

/* The page of counters is not in the child either; when it cannot be had again, nobody counts. */
static void a_child_counts_anew_or_not_at_all(void **state)
{
    (void)state;
    assert_int_not_equal(unlink(getenv("UDXG_STATS")), -1);
    D3DKMT_HANDLE device = create_device();
    assert_int_equal(in_child(lives_anew, &device), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_has_a_kernel_of_its_own),
        cmocka_unit_test(a_child_does_not_trust_what_its_parent_saw),
        cmocka_unit_test(a_child_counts_anew_or_not_at_all),
    };
    char stats[] = P_tmpdir "/udxg-stats-XXXXXX";
    int fd = mkstemp(stats);

    if (fd < 0 || ftruncate(fd, sizeof(struct udxg_stats))) return 1;
    close(fd);
    setenv("UDXG_STATS", stats, 1);
    setenv("UDXG_ADAPTERS", "soft-uma", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
