/* SPDX-License-Identifier: MIT */
/*
 * Many allocations: by default a million of one page and then a million of 64 KiB live at the same time in one
 * process, stand-alone and AllowNotZeroed. Prints TAP. What is looked at:
 *
 *   - an allocation costs at most LIMIT_BYTES of memory for its bookkeeping, no descriptor and no mapping
 *   - creating and destroying one costs about the same whether a thousand are alive or a million
 *   - after the last is destroyed every count is back where it was, and every recount agrees
 *
 *   scale PROFILE [COUNT]
 *
 * With fewer than a million, the figures are shown and the structures checked; memory is only judged where it is the
 * kernel's own and not a sanitizer's. The limit of the handle table itself is tested in tests/unit.
 */
#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <udxg/soft.h>

#include "../sanitizer.h"
#include "core/dispatch.h"
#include "core/process.h"
#include "miniport/miniports.h"

#define MILLION 1000000u
#define PAGE_BYTES UINT64_C(4096)
#define LARGE_BYTES UINT64_C(65536)
#define CALL_LIMIT 1024u  /* allocations of one call, as documented */
#define LIMIT_BYTES 512.0 /* of bookkeeping an allocation */
#define SLOWER_LIMIT 10.0 /* generous: caches are of no help any more, and other programs run too */
#define WINDOW 500u
#define WINDOWS 9u

static struct {
    struct udxg_kernel *kernel;
    struct udxg_process *process;
    D3DKMT_HANDLE device;
    uint32_t count;
    D3DKMT_HANDLE *handles; /* count of them, and the windows' */
    unsigned points;
    bool failed;
} scale = {.count = MILLION};

static void point(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void point(bool good, const char *format, ...)
{
    va_list arguments;
    printf("%s %u - ", good ? "ok" : "not ok", ++scale.points);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    scale.failed = scale.failed || !good;
}

static void need(udxg_status status, const char *what)
{
    if (!udxg_failed(status)) return;
    printf("Bail out! %s: %s\n", what, udxg_status_name(status));
    exit(1);
}

#define CALL(name, args) need(udxg_dispatch(scale.process, UDXG_THUNK_##name, args), #name)

/* ---- calls ---- */

static void open_device(const char *profile)
{
    D3DKMT_OPENADAPTERFROMLUID open = {0};
    D3DKMT_CREATEDEVICE create = {0};
    char error[512] = "";
    udxg_status status = udxg_kernel_create(profile, udxg_miniports, error, sizeof error, &scale.kernel);
    if (udxg_failed(status)) printf("# %s\n", error);
    need(status, "a kernel");
    need(udxg_process_create(scale.kernel, NULL, &scale.process), "a process");
    open.AdapterLuid = scale.kernel->adapters[0]->luid;
    CALL(OpenAdapterFromLuid, &open);
    create.hAdapter = open.hAdapter;
    CALL(CreateDevice, &create);
    scale.device = create.hDevice;
}

static void create(uint32_t count, uint64_t size_bytes, D3DKMT_HANDLE *ret_handles)
{
    static struct udxg_soft_allocation soft[CALL_LIMIT];
    static D3DDDI_ALLOCATIONINFO2 infos[CALL_LIMIT];
    D3DKMT_CREATEALLOCATION args = {.hDevice = scale.device, .NumAllocations = count, .pAllocationInfo2 = infos};
    args.Flags.AllowNotZeroed = 1;
    for (uint32_t i = 0; i < count; i++) {
        soft[i] = (struct udxg_soft_allocation){.magic = UDXG_SOFT_ALLOCATION_MAGIC,
                                                .version = UDXG_SOFT_VERSION,
                                                .size_bytes = size_bytes};
        infos[i] = (D3DDDI_ALLOCATIONINFO2){.pPrivateDriverData = &soft[i], .PrivateDriverDataSize = sizeof soft[i]};
    }
    CALL(CreateAllocation2, &args);
    for (uint32_t i = 0; i < count; i++) ret_handles[i] = infos[i].hAllocation;
}

static void destroy(uint32_t count, const D3DKMT_HANDLE *handles)
{
    D3DKMT_DESTROYALLOCATION2 args = {.hDevice = scale.device, .AllocationCount = count, .phAllocationList = handles};
    CALL(DestroyAllocation2, &args);
}

/* ---- what the process has ---- */

struct holdings {
    double own_bytes; /* resident, without what is shared with others or is a file's: homes are a file's */
    long descriptors, mappings;
};

static long count_lines(const char *path)
{
    long lines = 0;
    int byte;
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    while ((byte = getc(file)) != EOF) lines += byte == '\n';
    fclose(file);
    return lines;
}

static long count_entries(const char *path)
{
    long entries = 0;
    DIR *folder = opendir(path);
    if (!folder) return 0;
    while (readdir(folder)) entries++;
    closedir(folder);
    return entries;
}

static double own_bytes(void)
{
    unsigned long size = 0, resident = 0, shared = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file) return 0;
    if (fscanf(file, "%lu %lu %lu", &size, &resident, &shared) != 3) resident = shared = 0;
    fclose(file);
    return (double)(resident - shared) * (double)PAGE_BYTES;
}

static struct holdings holdings(void)
{
    return (struct holdings){own_bytes(), count_entries("/proc/self/fd"), count_lines("/proc/self/maps")};
}

/* ---- times ---- */

struct times {
    double create_ns, destroy_ns;
};

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The best of a few windows, with all that is alive staying alive. */
static struct times measure(uint64_t size_bytes)
{
    D3DKMT_HANDLE handles[WINDOW];
    struct times best = {1e18, 1e18};
    for (unsigned window = 0; window < WINDOWS; window++) {
        double start = now_ns(), middle, end;
        for (unsigned i = 0; i < WINDOW; i++) create(1, size_bytes, &handles[i]);
        middle = now_ns();
        for (unsigned i = 0; i < WINDOW; i++) destroy(1, &handles[i]);
        end = now_ns();
        if ((middle - start) / WINDOW < best.create_ns) best.create_ns = (middle - start) / WINDOW;
        if ((end - middle) / WINDOW < best.destroy_ns) best.destroy_ns = (end - middle) / WINDOW;
    }
    printf("#   create %.0f ns, destroy %.0f ns\n", best.create_ns, best.destroy_ns);
    return best;
}

static void compare_times(uint32_t live, const struct times *few, const struct times *many)
{
    point(many->create_ns <= few->create_ns * SLOWER_LIMIT, "creating with %u alive is not much slower than with 1000",
          live);
    point(many->destroy_ns <= few->destroy_ns * SLOWER_LIMIT,
          "destroying with %u alive is not much slower than with 1000", live);
}

/* ---- growing and shrinking ---- */

static void create_up_to(uint32_t from, uint32_t to, uint64_t size_bytes, uint32_t batch)
{
    while (from < to) {
        uint32_t count = to - from < batch ? to - from : batch;
        create(count, size_bytes, &scale.handles[from]);
        from += count;
    }
}

/* In an order that has nothing to do with that of creation: steps of a prime that divides no count of ours. */
static void destroy_all(void)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < scale.count; i++, at = (at + 611953) % scale.count) destroy(1, &scale.handles[at]);
}

static bool recount(uint64_t allocations, uint64_t commit_bytes)
{
    const struct udxg_process_adapter *pa = atomic_load(&scale.process->adapters[0]);
    const char *wrong = udxg_handle_table_check(&scale.process->handles);
    struct vidmm_usage usage;
    if (!wrong) wrong = vidmm_process_check(pa->vidmm);
    if (!wrong) wrong = vidmm_adapter_check(pa->adapter->vidmm);
    if (wrong) printf("# %s\n", wrong);
    vidmm_process_usage(pa->vidmm, &usage);
    return !wrong && usage.allocations == allocations && usage.commit_bytes == commit_bytes;
}

static void judge_holdings(const struct holdings *before)
{
    struct holdings now = holdings();
    double each = (now.own_bytes - before->own_bytes) / scale.count;
    if (WITH_SANITIZER)
        point(true, "bookkeeping of an allocation: %.0f bytes, sanitizer included", each);
    else
        point(each <= LIMIT_BYTES, "bookkeeping of an allocation: %.0f bytes, at most %.0f", each, LIMIT_BYTES);
    point(now.descriptors == before->descriptors, "no descriptors for allocations");
    point(now.mappings - before->mappings <= scale.count / 200, "no mappings for allocations: %ld more in all",
          now.mappings - before->mappings);
}

static void grow_and_shrink(const char *profile, uint64_t size_bytes, uint32_t batch)
{
    static const uint32_t levels[] = {1000, 100000, MILLION};
    struct holdings before_kernel = holdings(), before;
    struct times few = {0};
    uint32_t live = 0;
    double start;
    printf("# %u allocations of %llu KiB, %u in a call\n", scale.count, (unsigned long long)size_bytes / 1024, batch);
    open_device(profile);
    before = holdings();
    for (unsigned i = 0; i < sizeof levels / sizeof *levels && live < scale.count; i++) {
        uint32_t level = levels[i] < scale.count ? levels[i] : scale.count;
        start = now_ns();
        create_up_to(live, level, size_bytes, batch);
        printf("# %u alive, the last %u at %.0f ns each\n", level, level - live, (now_ns() - start) / (level - live));
        live = level;
        struct times times = measure(size_bytes);
        if (i == 0)
            few = times;
        else
            compare_times(live, &few, &times);
    }
    judge_holdings(&before);
    point(recount(scale.count, scale.count * size_bytes), "every recount agrees with %u alive", scale.count);
    start = now_ns();
    destroy_all();
    printf("# destroyed in a wild order, %.0f ns each\n", (now_ns() - start) / scale.count);
    point(recount(0, 0), "drained exactly");
    udxg_process_destroy(scale.process);
    udxg_kernel_destroy(scale.kernel);
    point(holdings().descriptors == before_kernel.descriptors, "the kernel has closed all it had opened");
}

int main(int count, char **arguments)
{
    if (count < 2) return 2;
    if (count > 2) scale.count = (uint32_t)strtoul(arguments[2], NULL, 0);
    if (scale.count < 1000 || scale.count > MILLION) return 2;
    scale.handles = malloc(scale.count * sizeof *scale.handles);
    if (!scale.handles) return 2;
    memset(scale.handles, 0xff, scale.count * sizeof *scale.handles); /* resident before anything is measured */
    grow_and_shrink(arguments[1], PAGE_BYTES, 1);
    grow_and_shrink(arguments[1], LARGE_BYTES, CALL_LIMIT);
    free(scale.handles);
    printf("1..%u\n", scale.points);
    return scale.failed ? 1 : 0;
}
