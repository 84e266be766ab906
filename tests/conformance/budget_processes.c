/* SPDX-License-Identifier: MIT */
/*
 * Budgets of processes that share an adapter. The test is one of them; the others are children that do what they are
 * told over a socket, one order at a time, and answer with what they see.
 */
#include "fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "endpoint.h"

#define LOCAL D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL
#define PATIENCE_MS 10000

enum order_kind { LOOK, USE, DROP, RESERVE };

struct order {
    enum order_kind kind;
    UINT64 bytes;
};

struct answer {
    NTSTATUS status;
    D3DKMT_QUERYVIDEOMEMORYINFO info;
    UINT trims, budgets; /* notifications, so far */
    UINT64 trim_bytes;   /* of the last one */
};

/* ---- a process that uses memory ---- */

#define MOST_BUFFERS 64

struct user {
    D3DKMT_HANDLE adapter, device;
    struct paging_queue queue;
    D3DKMT_HANDLE buffers[MOST_BUFFERS];
    unsigned count;
};

static UINT trims, budgets;
static UINT64 trim_bytes;

static void APIENTRY on_trim(D3DKMT_TRIMNOTIFICATION *notification)
{
    if (!notification->Flags.TrimToBudget) return;
    __atomic_store_n(&trim_bytes, notification->NumBytesToTrim, __ATOMIC_RELAXED);
    __atomic_fetch_add(&trims, 1, __ATOMIC_RELEASE);
}

static void APIENTRY on_budget(D3DKMT_BUDGETCHANGENOTIFICATION *notification)
{
    (void)notification;
    __atomic_fetch_add(&budgets, 1, __ATOMIC_RELEASE);
}

static void user_begin(struct user *user)
{
    D3DKMT_REGISTERTRIMNOTIFICATION trim = {.Callback = on_trim};
    D3DKMT_REGISTERBUDGETCHANGENOTIFICATION budget = {.Callback = on_budget};
    *user = (struct user){.adapter = open_adapter()};
    user->device = create_device(user->adapter);
    user->queue = create_paging_queue(user->device);
    trim.AdapterLuid = first_luid();
    trim.hDevice = budget.hDevice = user->device;
    require_success(D3DKMTRegisterTrimNotification(&trim));
    require_success(D3DKMTRegisterBudgetChangeNotification(&budget));
}

/* Lists that much more, over the budget if need be, in one allocation. */
static NTSTATUS use(struct user *user, UINT64 bytes)
{
    struct udxg_soft_allocation soft = soft_buffer(bytes);
    D3DKMT_HANDLE buffer;
    D3DDDI_MAKERESIDENT args = {0};
    NTSTATUS status;
    soft.flags = UDXG_SOFT_ONLY_PREFERRED; /* what may live elsewhere is polite and does */
    soft.preferred[0] = UDXG_SOFT_SEGMENT_LOCAL;
    buffer = create_allocation(user->device, &soft);
    args.hPagingQueue = user->queue.handle;
    args.NumAllocations = 1;
    args.AllocationList = &buffer;
    args.Flags.CantTrimFurther = 1;
    status = D3DKMTMakeResident(&args);
    if (status == STATUS_SUCCESS || status == STATUS_PENDING) {
        if (status == STATUS_PENDING) wait_paging(&user->queue, args.PagingFenceValue);
        require_true(user->count < MOST_BUFFERS);
        user->buffers[user->count++] = buffer;
        return STATUS_SUCCESS;
    }
    require_success(destroy_allocation(user->device, buffer));
    return status;
}

static NTSTATUS drop(struct user *user)
{
    while (user->count) require_success(destroy_allocation(user->device, user->buffers[--user->count]));
    return STATUS_SUCCESS;
}

static NTSTATUS reserve(struct user *user, UINT64 bytes)
{
    D3DKMT_CHANGEVIDEOMEMORYRESERVATION args = {0};
    args.hAdapter = user->adapter;
    args.MemorySegmentGroup = LOCAL;
    args.Reservation = bytes;
    return D3DKMTChangeVideoMemoryReservation(&args);
}

static struct answer obey(struct user *user, const struct order *order)
{
    struct answer answer = {0};
    if (order->kind == USE) answer.status = use(user, order->bytes);
    if (order->kind == DROP) answer.status = drop(user);
    if (order->kind == RESERVE) answer.status = reserve(user, order->bytes);
    answer.info = memory_info(user->adapter, LOCAL);
    answer.trims = __atomic_load_n(&trims, __ATOMIC_ACQUIRE);
    answer.budgets = __atomic_load_n(&budgets, __ATOMIC_ACQUIRE);
    answer.trim_bytes = __atomic_load_n(&trim_bytes, __ATOMIC_RELAXED);
    return answer;
}

/* ---- children ---- */

struct child {
    pid_t pid;
    int fd;
};

static void child_main(int fd)
{
    struct user user;
    struct order order;
    user_begin(&user);
    while (recv(fd, &order, sizeof order, 0) == (ssize_t)sizeof order) {
        struct answer answer = obey(&user, &order);
        if (send(fd, &answer, sizeof answer, 0) != (ssize_t)sizeof answer) break;
    }
}

static struct answer tell(const struct child *child, enum order_kind kind, UINT64 bytes)
{
    struct order order = {kind, bytes};
    struct answer answer = {0};
    require_true(send(child->fd, &order, sizeof order, 0) == (ssize_t)sizeof order);
    require_true(recv(child->fd, &answer, sizeof answer, 0) == (ssize_t)sizeof answer);
    return answer;
}

/* It is there, with its device, when this returns. */
static struct child child_begin(void)
{
    struct child child;
    int fds[2];
    require_true(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
    fflush(stdout);
    child.pid = fork();
    require_true(child.pid >= 0);
    if (child.pid == 0) {
        alarm(60);
        close(fds[0]);
        child_main(fds[1]);
        _exit(EXIT_SUCCESS);
    }
    close(fds[1]);
    child.fd = fds[0];
    (void)tell(&child, LOOK, 0);
    return child;
}

static void child_end(struct child *child, int signal)
{
    if (signal) kill(child->pid, signal);
    close(child->fd);
    require_true(waitpid(child->pid, NULL, 0) == child->pid);
}

static struct answer look(struct user *user)
{
    struct order order = {LOOK, 0};
    return obey(user, &order);
}

/* What has ended gives its memory back a moment later. */
static bool has_budget(struct user *user, UINT64 bytes)
{
    for (int i = 0; i < PATIENCE_MS; i++) {
        if (look(user).info.Budget == bytes) return true;
        usleep(1000);
    }
    return false;
}

/* A budget is right to within a step of the adapter's memory, and what allocations are rounded to. */
static bool is_about(UINT64 bytes, UINT64 wanted, UINT64 total)
{
    UINT64 slack = total / 32;
    return bytes + slack >= wanted && bytes <= wanted + slack;
}

/* ---- what is to be seen ---- */

static void reservations(void)
{
    struct user user;
    endpoint_set("UDXG_ADAPTERS", PROFILES "/hasty.ini"); /* little memory */
    user_begin(&user);
    UINT64 total = look(&user).info.Budget;
    struct child greedy = child_begin();
    udxg_case("a greedy process gets no further than what others have reserved") {
        UINT64 reserved = look(&user).info.AvailableForReservation / 2 & ~(UINT64)0xffff, got = 0;
        require_true(reserved > 0);
        require_success(reserve(&user, reserved));
        struct answer answer = {0};
        while (got < 2 * total && (answer = tell(&greedy, USE, total / 16)).status == STATUS_SUCCESS) got += total / 16;
        check_status(STATUS_NO_MEMORY, answer.status);
        check_true(got > 0);
        check_true(answer.info.CurrentUsage <= total - reserved);
        check_true(look(&user).info.Budget >= reserved);
        check_status(STATUS_SUCCESS, use(&user, reserved));
        check_true(look(&user).info.CurrentUsage >= reserved);
        check_true(look(&user).info.Budget >= look(&user).info.CurrentUsage);
    }
    udxg_case("and cannot reserve it again") {
        UINT64 available = tell(&greedy, LOOK, 0).info.AvailableForReservation;
        check_status(STATUS_INVALID_PARAMETER, tell(&greedy, RESERVE, available + 4096).status);
        check_status(STATUS_SUCCESS, tell(&greedy, RESERVE, available).status);
        check_true(look(&user).info.CurrentReservation + available <= total);
    }
    child_end(&greedy, 0);
}

static void shares(void)
{
    struct user user;
    endpoint_set("UDXG_ADAPTERS", PROFILES "/hasty.ini"); /* little memory */
    user_begin(&user);
    UINT64 total = look(&user).info.Budget;
    struct child other = child_begin();
    udxg_case("who asks for all gets half, where the other uses as much") {
        require_success(use(&user, total / 2));
        require_success(tell(&other, USE, total / 2).status);
        check_true(is_about(look(&user).info.Budget, total / 2, total));
        check_true(is_about(tell(&other, LOOK, 0).info.Budget, total / 2, total));
    }
    udxg_case("a class that is two above gets four parts of five") {
        int pidfd = (int)syscall(SYS_pidfd_open, other.pid, 0);
        D3DKMT_SCHEDULINGPRIORITYCLASS class = D3DKMT_SCHEDULINGPRIORITYCLASS_IDLE;
        require_true(pidfd > 0);
        require_success(D3DKMTSetProcessSchedulingPriorityClass(fd_handle(pidfd), D3DKMT_SCHEDULINGPRIORITYCLASS_HIGH));
        require_success(D3DKMTGetProcessSchedulingPriorityClass(fd_handle(pidfd), &class));
        check_u64(D3DKMT_SCHEDULINGPRIORITYCLASS_HIGH, class);
        require_success(D3DKMTGetProcessSchedulingPriorityClass(NULL, &class));
        check_u64(D3DKMT_SCHEDULINGPRIORITYCLASS_NORMAL, class);
        check_true(is_about(tell(&other, LOOK, 0).info.Budget, total / 5 * 4, total));
        require_success(tell(&other, USE, total / 16 * 5).status);
        check_true(is_about(look(&user).info.Budget, total / 5, total));
        close(pidfd);
    }
    udxg_case("what one does not use is the other's") {
        require_success(tell(&other, DROP, 0).status);
        check_u64(total, look(&user).info.Budget);
    }
    child_end(&other, 0);
}

static void newcomers(void)
{
    struct user user;
    endpoint_set("UDXG_ADAPTERS", PROFILES "/hasty.ini"); /* little memory */
    user_begin(&user);
    UINT64 total = look(&user).info.Budget;
    require_success(use(&user, total / 4));
    require_success(use(&user, total / 2));
    struct child newcomer = child_begin();
    udxg_case("a newcomer makes the others be told") {
        UINT before = look(&user).trims, budgets_before = look(&user).budgets;
        check_true(tell(&newcomer, LOOK, 0).info.Budget >= total / 2);
        require_success(tell(&newcomer, USE, total / 2).status);
        for (int i = 0; i < PATIENCE_MS && (look(&user).trims == before || look(&user).budgets == budgets_before); i++)
            usleep(1000);
        check_true(look(&user).trims > before);
        check_true(look(&user).budgets > budgets_before);
        check_true(look(&user).trim_bytes > 0);
        check_true(look(&user).info.Budget < look(&user).info.CurrentUsage);
    }
    udxg_case("and is told itself when its own falls") {
        struct answer after = tell(&newcomer, LOOK, 0);
        UINT before = after.trims;
        require_success(D3DKMTSetProcessSchedulingPriorityClass(NULL, D3DKMT_SCHEDULINGPRIORITYCLASS_HIGH));
        for (int i = 0; i < PATIENCE_MS && after.trims == before; i++) {
            usleep(1000);
            after = tell(&newcomer, LOOK, 0);
        }
        check_true(after.trims > before);
        check_true(after.trim_bytes > 0);
        check_true(after.info.Budget < after.info.CurrentUsage);
    }
    udxg_case("its budget comes back when it is killed") {
        child_end(&newcomer, SIGKILL);
        check_true(has_budget(&user, total));
    }
}

static void numbers(void)
{
    struct user user;
    endpoint_set("UDXG_ADAPTERS", PROFILES "/hasty.ini"); /* little memory */
    user_begin(&user);
    UINT64 total = look(&user).info.Budget;
    struct child other = child_begin();
    require_success(tell(&other, RESERVE, total / 8).status);
    require_success(tell(&other, USE, total / 4).status);
    udxg_case("another process is told the same numbers") {
        int pidfd = (int)syscall(SYS_pidfd_open, other.pid, 0);
        struct answer its = tell(&other, LOOK, 0);
        D3DKMT_QUERYVIDEOMEMORYINFO info = {.hProcess = fd_handle(pidfd), .hAdapter = user.adapter};
        info.MemorySegmentGroup = LOCAL;
        require_success(D3DKMTQueryVideoMemoryInfo(&info));
        check_u64(its.info.Budget, info.Budget);
        check_u64(its.info.CurrentUsage, info.CurrentUsage);
        check_u64(its.info.CurrentReservation, info.CurrentReservation);
        check_u64(its.info.AvailableForReservation, info.AvailableForReservation);
        close(pidfd);
    }
    udxg_case("statistics know it too") {
        D3DKMT_QUERYSTATISTICS args = {0};
        int pidfd = (int)syscall(SYS_pidfd_open, other.pid, 0);
        struct answer its = tell(&other, LOOK, 0);
        args.Type = D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP;
        args.AdapterLuid = first_luid();
        args.hProcess = fd_handle(pidfd);
        args.QueryProcessSegmentGroup = LOCAL;
        require_success(D3DKMTQueryStatistics(&args));
        const D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP_INFORMATION *group =
            &args.QueryResult.ProcessSegmentGroupInformation;
        check_u64(its.info.Budget, group->Budget);
        check_u64(its.info.CurrentUsage, group->Requested);
        close(pidfd);
    }
    child_end(&other, 0);
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"reservations", ON_DISCRETE, reservations},
        {"shares", ON_DISCRETE, shares},
        {"newcomers", ON_DISCRETE, newcomers},
        {"numbers", ON_DISCRETE, numbers},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
