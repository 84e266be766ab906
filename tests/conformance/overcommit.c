/* SPDX-License-Identifier: MIT */
/*
 * Devices that together list more video memory than there is: each one's MakeResident succeeds, each one's commands
 * run, and no byte is lost. Budgets keep one process from listing so much, so the adapter is one of our own, without
 * budgets; UDXG_TEST_PROFILE names it.
 */
#include "fixture.h"
#include "endpoint.h"

#include <stdlib.h>

#define LOCAL MIB(4)
#define PIECES 12u
#define PIECE KIB(256) /* three quarters of the video memory for each device */
#define DEVICES 4u
#define ROUNDS 24u

struct player {
    struct gpu gpu;
    struct gpu_buffer pieces[PIECES];
    struct gpu_buffer commands, result; /* in system memory */
    char *command_bytes;
    const uint32_t *result_words;
    uint32_t patterns[PIECES];
};

static void use_own_adapter(void)
{
    const char *profile = getenv("UDXG_TEST_PROFILE");
    require_true(profile != NULL);
    endpoint_set("UDXG_ADAPTERS", profile);
}

static struct gpu_buffer make_buffer(struct gpu *gpu, uint64_t size_bytes, uint8_t segment)
{
    struct udxg_soft_allocation soft = soft_buffer(size_bytes);
    struct gpu_buffer buffer;
    soft.preferred[0] = segment;
    if (segment == UDXG_SOFT_SEGMENT_LOCAL) soft.flags = 0; /* the CPU does not see it there */
    soft.flags |= UDXG_SOFT_ONLY_PREFERRED;
    buffer.size_bytes = size_bytes;
    buffer.allocation = create_allocation(gpu->device, &soft);
    buffer.va = map(&gpu->queue, buffer.allocation, size_bytes);
    return buffer;
}

static NTSTATUS list_piece(struct player *player, unsigned index, UINT64 *ret_fence)
{
    D3DDDI_MAKERESIDENT args = {0};
    args.hPagingQueue = player->gpu.queue.handle;
    args.NumAllocations = 1;
    args.AllocationList = &player->pieces[index].allocation;
    args.Flags.CantTrimFurther = 1;
    NTSTATUS status = D3DKMTMakeResident(&args);
    *ret_fence = args.PagingFenceValue;
    return status;
}

static void open_player(struct player *player)
{
    gpu_open(&player->gpu);
    require_u64(LOCAL, soft_info(player->gpu.adapter).local_bytes);
    player->commands = make_buffer(&player->gpu, KIB(64), UDXG_SOFT_SEGMENT_SYSTEM);
    player->command_bytes = (char *)lock(player->gpu.device, player->commands.allocation);
    make_resident(&player->gpu.queue, player->commands.allocation);
    player->result = make_buffer(&player->gpu, PIECE, UDXG_SOFT_SEGMENT_SYSTEM);
    player->result_words = (const uint32_t *)lock(player->gpu.device, player->result.allocation);
    make_resident(&player->gpu.queue, player->result.allocation);
    for (unsigned i = 0; i < PIECES; i++) player->pieces[i] = make_buffer(&player->gpu, PIECE, UDXG_SOFT_SEGMENT_LOCAL);
}

static void list_all(struct player *player)
{
    for (unsigned i = 0; i < PIECES; i++) {
        UINT64 fence = 0;
        NTSTATUS status = list_piece(player, i, &fence);
        check_true(status == STATUS_SUCCESS || (status == STATUS_PENDING && fence > 0));
        wait_paging(&player->gpu.queue, fence);
    }
}

/* Submits SIZE bytes of commands at an OFFSET that nothing else uses. */
static void submit_at(struct player *player, uint64_t offset, const void *commands, UINT size_bytes)
{
    D3DKMT_SUBMITCOMMAND args = {0};
    memcpy(player->command_bytes + offset, commands, size_bytes);
    args.Commands = player->commands.va + offset;
    args.CommandLength = size_bytes;
    args.BroadcastContextCount = 1;
    args.BroadcastContext[0] = player->gpu.context;
    check_status(STATUS_SUCCESS, D3DKMTSubmitCommand(&args));
}

/* One piece is filled, and copied to the next one. Nothing of it is waited for. */
static void play(struct player *player, unsigned round)
{
    struct {
        struct udxg_soft_fill fill;
        struct udxg_soft_copy copy;
    } commands;
    unsigned from = round % PIECES, to = (round + 1) % PIECES;
    player->patterns[from] = player->patterns[to] += 0x01000193u;
    commands.fill = udxg_soft_fill_command(player->pieces[from].va, PIECE, player->patterns[from]);
    commands.copy = udxg_soft_copy_command(player->pieces[to].va, player->pieces[from].va, PIECE);
    submit_at(player, round * sizeof(commands), &commands, sizeof(commands));
}

static void check_piece(struct player *player, unsigned index)
{
    struct udxg_soft_copy copy = udxg_soft_copy_command(player->result.va, player->pieces[index].va, PIECE);
    size_t wrong = 0;
    submit_at(player, 0, &copy, sizeof(copy));
    gpu_finish(&player->gpu);
    for (size_t i = 0; i < PIECE / sizeof(*player->result_words); i++)
        wrong += player->result_words[i] != player->patterns[index];
    check_u64(0, wrong);
}

static void everybody_runs(void)
{
    static struct player players[DEVICES];
    use_own_adapter();
    udxg_case("each device may list as if it were alone") {
        for (unsigned i = 0; i < DEVICES; i++) {
            open_player(&players[i]);
            list_all(&players[i]);
        }
    }
    udxg_case("each one's commands run, and find what they need") {
        for (unsigned round = 0; round < ROUNDS; round++)
            for (unsigned i = 0; i < DEVICES; i++) play(&players[i], round);
        for (unsigned i = 0; i < DEVICES; i++) {
            gpu_finish(&players[i].gpu);
            check_u64(D3DKMT_DEVICEEXECUTION_ACTIVE, execution_state(players[i].gpu.device));
        }
    }
    udxg_case("no byte is lost") {
        for (unsigned i = 0; i < DEVICES; i++)
            for (unsigned piece = 0; piece < PIECES; piece++) check_piece(&players[i], piece);
    }
}

/* More than one device alone could ever have in place is refused, and nothing has changed. */
static void alone(void)
{
    static struct player player;
    use_own_adapter();
    udxg_case("what never fits is refused, with what is missing") {
        open_player(&player);
        list_all(&player);
        struct gpu_buffer more = make_buffer(&player.gpu, LOCAL - PIECES * PIECE + KIB(64), UDXG_SOFT_SEGMENT_LOCAL);
        D3DDDI_MAKERESIDENT args = {0};
        args.hPagingQueue = player.gpu.queue.handle;
        args.NumAllocations = 1;
        args.AllocationList = &more.allocation;
        args.Flags.CantTrimFurther = 1;
        check_status(STATUS_NO_MEMORY, D3DKMTMakeResident(&args));
        check_u64(KIB(64), args.NumBytesToTrim);
        check_status(STATUS_INVALID_PARAMETER, evict(player.gpu.device, more.allocation));
        check_status(STATUS_SUCCESS, evict(player.gpu.device, player.pieces[0].allocation));
        args.NumAllocations = 1;
        NTSTATUS status = D3DKMTMakeResident(&args);
        check_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
    }
}

int main(int argc, char **argv)
{
    static const struct udxg_test tests[] = {
        {"everybody runs", ON_DISCRETE, everybody_runs},
        {"alone", ON_DISCRETE, alone},
    };
    return conformance_main(argc, argv, tests, LENGTH_OF(tests));
}
