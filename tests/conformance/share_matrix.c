/* SPDX-License-Identifier: MIT */
/*
 * Who has a shared resource ends: its creator, two openers, an NT handle and a copy of it, in every order, on one
 * device, on several, on two adapters, and all at once on threads. Whoever is left sees the bytes; at the end nothing
 * is left.
 */
#include "opening.h"

#include <pthread.h>
#include <unistd.h>

enum holder { CREATOR, OPENER, SECOND, HANDLE_, COPY, HOLDERS };
#define ORDERS 120 /* 5! */

/* One resource and all that hold it. */
struct scene {
    D3DKMT_HANDLE devices[3]; /* of the creator and the openers */
    D3DKMT_HANDLE resources[3], allocations[3];
    HANDLE handles[HOLDERS];
    bool by_device; /* a resource ends with its device */
    struct creation creation;
    struct opening opening;
};

enum place { ONE_DEVICE, THREE_DEVICES, TWO_ADAPTERS };

static D3DKMT_HANDLE adapters[2];

static void find_adapters(unsigned want)
{
    D3DKMT_ADAPTERINFO infos[8];
    D3DKMT_ENUMADAPTERS2 args;
    memset(&args, 0, sizeof(args));
    args.NumAdapters = LENGTH_OF(infos);
    args.pAdapters = infos;
    require_success(D3DKMTEnumAdapters2(&args));
    require_u64(want, args.NumAdapters);
    adapters[0] = adapters[1] = infos[0].hAdapter;
    if (want > 1) adapters[1] = infos[1].hAdapter;
}

static void set_up(struct scene *scene, enum place place)
{
    scene->devices[0] = create_device(adapters[0]);
    for (int i = 1; i < 3; i++)
        scene->devices[i] = place == ONE_DEVICE ? scene->devices[0] : create_device(adapters[place == TWO_ADAPTERS]);
    creation_buffers(&scene->creation, 2, scene->devices[0], 1);
    scene->creation.soft[0].preferred[0] = UDXG_SOFT_SEGMENT_SYSTEM;
    scene->creation.soft[0].flags = UDXG_SOFT_CPU_VISIBLE | UDXG_SOFT_ONLY_PREFERRED;
    creation_set_flags(&scene->creation, SHARE_NT | (place == TWO_ADAPTERS ? CROSS_ADAPTER : 0));
    require_success(creation_issue(&scene->creation));
    scene->resources[0] = scene->creation.args.hResource;
    scene->allocations[0] = creation_handle(&scene->creation, 0);
    *(uint32_t *)lock(scene->devices[0], scene->allocations[0]) = 4711;
    scene->handles[HANDLE_] = share_resource(scene->resources[0], ACCESS_ALL);
    scene->handles[COPY] = fd_handle(dup((int)(intptr_t)scene->handles[HANDLE_]));
    for (int i = 1; i < 3; i++) {
        open_prepare(&scene->opening, OPEN_NT, scene->devices[i], 0, scene->handles[HANDLE_]);
        require_success(open_issue(&scene->opening));
        scene->resources[i] = scene->opening.nt.hResource;
        scene->allocations[i] = opened_allocation(&scene->opening, 0);
    }
}

/* The holder sees the bytes and ends; false when something is not as it should be. */
static bool end(struct scene *scene, enum holder holder)
{
    void *data;
    if (holder >= HANDLE_) return close((int)(intptr_t)scene->handles[holder]) == 0;
    if (try_lock(scene->devices[holder], scene->allocations[holder], &data) != STATUS_SUCCESS) return false;
    if (*(uint32_t *)data != 4711) return false;
    if (!scene->by_device) return destroy_resource(scene->devices[holder], scene->resources[holder]) == STATUS_SUCCESS;
    D3DKMT_DESTROYDEVICE destroy = {scene->devices[holder]};
    return D3DKMTDestroyDevice(&destroy) == STATUS_SUCCESS;
}

/* The devices that are still there. */
static void tear_down(struct scene *scene, enum place place)
{
    for (int i = 0; i < (place == ONE_DEVICE ? 1 : 3) && !scene->by_device; i++) {
        D3DKMT_DESTROYDEVICE destroy = {scene->devices[i]};
        require_success(D3DKMTDestroyDevice(&destroy));
    }
}

static uint64_t usage(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < 2; i++)
        sum += memory_info(adapters[i], D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL).CurrentUsage +
               memory_info(adapters[i], D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL).CurrentUsage;
    return sum;
}

/* What is given back is so within 100 ms. */
static void nothing_is_left(int descriptors)
{
    for (int i = 0; i < 100 && (usage() || open_fd_count() != descriptors); i++) usleep(1000);
    check_u64(0, usage());
    check_u64(descriptors, open_fd_count());
}

/* The NUMBERth order of all holders. */
static void order_of(unsigned number, enum holder *ret_order)
{
    enum holder left[HOLDERS] = {CREATOR, OPENER, SECOND, HANDLE_, COPY};
    for (unsigned count = HOLDERS; count; count--) {
        unsigned pick = number % count;
        number /= count;
        ret_order[HOLDERS - count] = left[pick];
        memmove(&left[pick], &left[pick + 1], (count - pick - 1) * sizeof(*left));
    }
}

/* Starts what lasts for the process's life. */
static int warm_up(enum place place)
{
    static struct scene scene;
    set_up(&scene, place);
    for (int i = 0; i < HOLDERS; i++) require_true(end(&scene, (enum holder)i));
    tear_down(&scene, place);
    return open_fd_count();
}

static void in_every_order(enum place place, bool by_device)
{
    static struct scene scene;
    enum holder order[HOLDERS];
    int descriptors = warm_up(place);
    memset(&scene, 0, sizeof(scene));
    scene.by_device = by_device;
    for (unsigned number = 0; number < ORDERS; number++) {
        order_of(number, order);
        set_up(&scene, place);
        for (int i = 0; i < HOLDERS; i++)
            if (!check_true(end(&scene, order[i]))) note("order %u, step %d", number, i);
        tear_down(&scene, place);
    }
    nothing_is_left(descriptors);
}

static void orders(void)
{
    find_adapters(1);
    udxg_case("one device") in_every_order(ONE_DEVICE, false);
    udxg_case("three devices") in_every_order(THREE_DEVICES, false);
    udxg_case("three devices, which end") in_every_order(THREE_DEVICES, true);
}

static void orders_across(void)
{
    find_adapters(2);
    udxg_case("resources") in_every_order(TWO_ADAPTERS, false);
    udxg_case("devices") in_every_order(TWO_ADAPTERS, true);
}

struct runner {
    pthread_t thread;
    struct scene *scene;
    enum holder holder;
    pthread_barrier_t *start;
    bool good;
};

static void *run(void *argument)
{
    struct runner *runner = (struct runner *)argument;
    pthread_barrier_wait(runner->start);
    runner->good = end(runner->scene, runner->holder);
    return NULL;
}

static void all_at_once(enum place place, bool by_device)
{
    static struct scene scene;
    struct runner runners[HOLDERS];
    pthread_barrier_t start;
    int descriptors = warm_up(place);
    bool good = true;
    memset(&scene, 0, sizeof(scene));
    scene.by_device = by_device;
    require_true(pthread_barrier_init(&start, NULL, HOLDERS) == 0);
    for (int round = 0; round < 100; round++) {
        set_up(&scene, place);
        for (int i = 0; i < HOLDERS; i++) {
            runners[i] = (struct runner){.scene = &scene, .holder = (enum holder)i, .start = &start};
            require_true(pthread_create(&runners[i].thread, NULL, run, &runners[i]) == 0);
        }
        for (int i = 0; i < HOLDERS; i++) {
            pthread_join(runners[i].thread, NULL);
            good &= runners[i].good;
        }
        tear_down(&scene, place);
    }
    check_true(good);
    nothing_is_left(descriptors);
}

static void threads(void)
{
    find_adapters(1);
    udxg_case("one device") all_at_once(ONE_DEVICE, false);
    udxg_case("three devices, which end") all_at_once(THREE_DEVICES, true);
}

static void threads_across(void)
{
    find_adapters(2);
    udxg_case("resources") all_at_once(TWO_ADAPTERS, false);
    udxg_case("devices") all_at_once(TWO_ADAPTERS, true);
}

/* Opens while others end it: an opening either is refused or is whole. */
struct race {
    pthread_barrier_t start;
    D3DKMT_HANDLE device, global;
    bool good;
};

static void *open_by_number(void *argument)
{
    struct race *race = (struct race *)argument;
    struct opening opening;
    memset(&opening, 0, sizeof(opening));
    opening.call = OPEN_RESOURCE;
    opening.args.hDevice = race->device;
    opening.args.hGlobalShare = race->global;
    opening.args.NumAllocations = 1;
    opening.args.pOpenAllocationInfo = opening.info;
    opening.args.pTotalPrivateDriverDataBuffer = opening.total;
    opening.args.TotalPrivateDriverDataBufferSize = sizeof(opening.total);
    pthread_barrier_wait(&race->start);
    NTSTATUS status = D3DKMTOpenResource(&opening.args);
    race->good = status == STATUS_INVALID_PARAMETER;
    if (status != STATUS_SUCCESS) return NULL;
    void *data;
    race->good = try_lock(race->device, opening.info[0].hAllocation, &data) == STATUS_SUCCESS &&
                 *(uint32_t *)data == 4711 && destroy_resource(race->device, opening.args.hResource) == STATUS_SUCCESS;
    return NULL;
}

static void opening_while_it_ends(void)
{
    find_adapters(1);
    udxg_case("by number") {
        struct race race;
        struct creation creation;
        D3DKMT_HANDLE device = create_device(adapters[0]);
        bool good = true;
        race.device = create_device(adapters[0]);
        require_true(pthread_barrier_init(&race.start, NULL, 2) == 0);
        for (int i = 0; i < 1000; i++) {
            pthread_t thread;
            creation_buffers(&creation, 2, device, 1);
            creation_set_flags(&creation, SHARE_GLOBAL);
            require_success(creation_issue(&creation));
            *(uint32_t *)lock(device, creation_handle(&creation, 0)) = 4711;
            race.global = creation.args.hGlobalShare;
            require_true(pthread_create(&thread, NULL, open_by_number, &race) == 0);
            pthread_barrier_wait(&race.start);
            require_success(destroy_resource(device, creation.args.hResource));
            pthread_join(thread, NULL);
            good &= race.good;
        }
        check_true(good);
        check_u64(0, usage());
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"every order", ON_EACH, orders},
        {"every order, two adapters", ON_BOTH, orders_across},
        {"at once", ON_EACH, threads},
        {"at once, two adapters", ON_BOTH, threads_across},
        {"opening", ON_EACH, opening_while_it_ends},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
