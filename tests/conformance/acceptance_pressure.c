/* SPDX-License-Identifier: MIT */
/*
 * More memory than there is: one and a half times, twice, four and sixteen times as much, in the two ways there are.
 * One client creates it all and pages it itself, within its budget, while the commands for what it evicts are still
 * queued. And many devices, a thread each, list it all at the same time, so that they have to take turns; the smallest
 * of them must get its own. All contents are checked. A case that does not end is ended by the harness.
 */
#include "lab.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THERE_IS_MIB 4u
#define PIECE KIB(128)
#define WHOLE (MIB(THERE_IS_MIB) / PIECE)
#define MOST (16 * WHOLE)

/* Halves of what there is. */
static const unsigned halves[] = {3, 4, 8, 32};

/* ---------------------------------------------------------------------------------- one that pages by itself */

#define ROUNDS 400u

struct client {
    struct lab lab;
    uint64_t random;
    unsigned count, first, listed; /* pieces; of QUEUE: the oldest, and how many */
    struct gpu_buffer pieces[MOST];
    uint32_t patterns[MOST];
    bool is_listed[MOST];
    unsigned queue[MOST]; /* of the listed ones, the oldest first */
    unsigned refusals;
};

static void unlist_oldest(struct client *client)
{
    unsigned index = client->queue[client->first++ % MOST];
    client->listed--;
    client->is_listed[index] = false;
    UINT flags = (UINT)(next_random(&client->random) % 2); /* EvictOnlyIfNecessary or not */
    require_success(lab_unlist(&client->lab, &client->pieces[index].allocation, 1, flags, NULL));
}

/* The engine waits for the bytes, the client does not. */
static NTSTATUS list_for_gpu(struct client *client, unsigned index, UINT64 *ret_trim)
{
    struct gpu *gpu = &client->lab.gpu;
    D3DDDI_MAKERESIDENT args = {0};
    args.hPagingQueue = gpu->queue.handle;
    args.NumAllocations = 1;
    args.AllocationList = &client->pieces[index].allocation;
    NTSTATUS status = D3DKMTMakeResident(&args);
    *ret_trim = args.NumBytesToTrim;
    if (status != STATUS_PENDING) return status;
    require_true(args.PagingFenceValue > 0);
    return wait_gpu(gpu->context, gpu->queue.fence, args.PagingFenceValue);
}

static void need(struct client *client, unsigned index)
{
    if (client->is_listed[index]) return;
    for (;;) {
        UINT64 trim = 0;
        NTSTATUS status = list_for_gpu(client, index, &trim);
        if (status == STATUS_SUCCESS) break;
        require_status(STATUS_NO_MEMORY, status);
        require_true(trim > 0 && client->listed > 0);
        client->refusals++;
        for (UINT64 gone = 0; gone < trim && client->listed > 0; gone += PIECE) unlist_oldest(client);
    }
    client->is_listed[index] = true;
    client->queue[(client->first + client->listed++) % MOST] = index;
}

/* Both are listed when the command is submitted; either may be evicted before it runs. */
static void change(struct client *client)
{
    unsigned to = (unsigned)(next_random(&client->random) % client->count);
    unsigned from = (unsigned)(next_random(&client->random) % client->count);
    need(client, to);
    need(client, from);
    if (!client->is_listed[to]) return; /* it was the oldest */
    if (to == from || next_random(&client->random) % 2) {
        client->patterns[to] = (uint32_t)next_random(&client->random);
        require_success(lab_fill(&client->lab, &client->pieces[to], client->patterns[to]));
    } else {
        client->patterns[to] = client->patterns[from];
        require_success(lab_copy(&client->lab, &client->pieces[to], &client->pieces[from]));
    }
}

static void pages_by_itself(void)
{
    static struct client client;
    const struct small_adapter small = {.mib = THERE_IS_MIB};
    use_small(&small);
    for (size_t i = 0; i < LENGTH_OF(halves); i++) {
        udxg_case("%u halves of what there is", halves[i]) {
            memset(&client, 0, sizeof(client));
            client.random = 0xacce97 + i;
            note("seed 0x%llx", (unsigned long long)client.random);
            lab_open(&client.lab, PIECE);
            client.count = (unsigned)(halves[i] * WHOLE / 2);
            for (unsigned k = 0; k < client.count; k++)
                client.pieces[k] = lab_buffer(&client.lab, PIECE, UDXG_SOFT_SEGMENT_LOCAL, 0);
            for (unsigned round = 0; round < ROUNDS; round++) change(&client);
            require_success(lab_finish(&client.lab));
            size_t wrong = 0;
            for (unsigned k = 0; k < client.count; k++) {
                uint64_t hash = 0;
                need(&client, k);
                require_success(lab_hash(&client.lab, &client.pieces[k], &hash));
                wrong += hash != hash_fill(PIECE, client.patterns[k]);
            }
            check_u64(0, wrong);
            check_true(client.refusals > 0);
            check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(client.lab.gpu.device));
            lab_close(&client.lab);
        }
    }
}

/* ------------------------------------------------------------------------------------- many that take turns */

#define PLAYERS 16u
#define TURNS 32u          /* of each player, and more while the smallest is not done */
#define SMALLEST_TURNS 12u /* of the smallest: each waits for its commands */
#define SMALLEST KIB(64)

struct player {
    struct lab lab;
    pthread_t thread;
    uint64_t random;
    unsigned count;
    struct gpu_buffer pieces[WHOLE];
    uint32_t patterns[WHOLE];
    atomic_bool *smallest_is_done;
    atomic_uint *hungry; /* players that have not had their turns yet */
    NTSTATUS status;     /* the first that was not success */
    unsigned wrong, checked;
};

static void open_player(struct player *player, D3DKMT_HANDLE adapter, unsigned index, unsigned count)
{
    memset(player, 0, sizeof(*player));
    lab_open_on(&player->lab, adapter, index % 2, PIECE);
    player->random = index + 1;
    player->count = count;
    for (unsigned i = 0; i < count; i++) {
        player->pieces[i] = lab_buffer(&player->lab, PIECE, UDXG_SOFT_SEGMENT_LOCAL, 0);
        require_success(lab_list(&player->lab, &player->pieces[i].allocation, 1, 0, NULL));
    }
}

static NTSTATUS check_one(struct player *player, unsigned index)
{
    uint64_t hash = 0;
    NTSTATUS status = lab_hash(&player->lab, &player->pieces[index], &hash);
    if (status == STATUS_SUCCESS && hash != hash_fill(PIECE, player->patterns[index])) player->wrong++;
    player->checked++;
    return status;
}

static NTSTATUS take_turn(struct player *player, unsigned turn)
{
    unsigned to = (unsigned)(next_random(&player->random) % player->count);
    unsigned from = (unsigned)(next_random(&player->random) % player->count);
    if (turn % 16 == 15) return check_one(player, to);
    if (turn % 2 || to == from) {
        player->patterns[to] = (uint32_t)next_random(&player->random);
        return lab_fill(&player->lab, &player->pieces[to], player->patterns[to]);
    }
    player->patterns[to] = player->patterns[from];
    return lab_copy(&player->lab, &player->pieces[to], &player->pieces[from]);
}

static void *play(void *data)
{
    struct player *player = (struct player *)data;
    for (unsigned turn = 0; turn < TURNS || !atomic_load(player->smallest_is_done); turn++) {
        player->status = take_turn(player, turn);
        bool failed = player->status != STATUS_SUCCESS;
        if (turn + 1 == TURNS || (failed && turn + 1 < TURNS)) atomic_fetch_sub(player->hungry, 1);
        if (failed) return NULL;
    }
    for (unsigned i = 0; i < player->count && player->status == STATUS_SUCCESS; i++)
        player->status = check_one(player, i);
    return NULL;
}

/* As long as the others have not had all their turns, and the other way round: neither side is alone. */
static void be_smallest(struct lab *lab, const struct gpu_buffer *buffer, atomic_uint *hungry)
{
    double longest = 0;
    uint32_t turn = 1;
    for (; turn <= SMALLEST_TURNS || atomic_load(hungry) > 0; turn++) {
        uint64_t hash = 0;
        double start = now_ms();
        require_success(lab_fill(lab, buffer, turn));
        require_success(lab_hash(lab, buffer, &hash));
        check_u64(hash_fill(SMALLEST, turn), hash);
        if (now_ms() - start > longest) longest = now_ms() - start;
    }
    note("the smallest had %u turns and waited %.1f ms at most", turn - 1, longest);
}

static void compete(struct player *players, unsigned halves_wanted)
{
    atomic_bool done = false;
    struct lab smallest;
    unsigned count = halves_wanted < 4 ? 2 : halves_wanted / 2;
    atomic_uint hungry = count;
    unsigned pieces = (unsigned)(halves_wanted * WHOLE / 2 / count);
    /* Commands and windows are in the same segment there. */
    if (!on_discrete() && pieces > WHOLE - 2) pieces = WHOLE - 2;
    lab_open(&smallest, SMALLEST);
    struct gpu_buffer buffer = lab_buffer(&smallest, SMALLEST, UDXG_SOFT_SEGMENT_LOCAL, 0);
    require_success(lab_list(&smallest, &buffer.allocation, 1, 0, NULL));
    for (unsigned i = 0; i < count; i++) {
        open_player(&players[i], smallest.gpu.adapter, i, pieces);
        players[i].smallest_is_done = &done;
        players[i].hungry = &hungry;
    }
    for (unsigned i = 0; i < count; i++) require_true(pthread_create(&players[i].thread, NULL, play, &players[i]) == 0);
    be_smallest(&smallest, &buffer, &hungry);
    atomic_store(&done, true);
    for (unsigned i = 0; i < count; i++) {
        require_true(pthread_join(players[i].thread, NULL) == 0);
        check_status(STATUS_SUCCESS, players[i].status);
        check_u64(0, players[i].wrong);
        check_true(players[i].checked >= players[i].count);
        check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(players[i].lab.gpu.device));
        lab_close(&players[i].lab);
    }
    lab_close(&smallest);
}

static void take_turns(void)
{
    static struct player players[PLAYERS];
    const struct small_adapter small = {.mib = THERE_IS_MIB, .unbudgeted = true};
    use_small(&small);
    for (size_t i = 0; i < LENGTH_OF(halves); i++)
        udxg_case("%u halves of what there is, and a small one", halves[i]) compete(players, halves[i]);
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"pages by itself", ON_EACH, pages_by_itself},
        {"take turns", ON_EACH, take_turns},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
