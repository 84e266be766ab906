/* SPDX-License-Identifier: MIT */
/*
 * Lanes and their packets. A packet is on its device's timeline from submission to retirement, whatever becomes of
 * it; it holds a reference to its lane. What passes the gate ends in command_over(), once, on the engine's thread or
 * in its stead. Lock: NODE of the lane's engine, never while a packet runs, a wait starts or a packet retires.
 */
#include "core/lane.h"

#include <stdlib.h>
#include <string.h>

#include "abi/thunk.h"
#include "base/os.h"
#include "core/inject.h"
#include "core/stats.h"

struct udxg_packet {
    struct udxg_list link; /* NODE, while queued; whoever took it off owns it after */
    struct udxg_timeline_entry timeline;
    struct udxg_lane *lane;     /* referenced; constant */
    atomic_uint holders;        /* 1; 2 while one has given it up that another's miniport still has */
    enum udxg_packet_kind kind; /* constant */
    uint32_t bytes;             /* of a command: private data; of others: all of it; constant */
    size_t memory_bytes;        /* of the packet; constant */
    uint64_t progress;          /* what the lane's progress fence is after it; 0: what it was; constant */
};

struct command_packet {
    struct udxg_packet packet;
    uint64_t began_ns; /* written before anybody can take it from its thread */
    uint64_t commands_va;
    uint32_t commands_bytes;
    bool null_rendering;
    struct vidmm_view view; /* of memory, as of its submission; constant, like the next */
    struct udxg_gpu_memory memory;
    _Alignas(16) unsigned char private_data[];
};

struct signal_packet {
    struct udxg_packet packet;
    uint32_t count;
    struct {
        struct udxg_sync *sync; /* referenced */
        uint64_t value;
    } items[];
};

struct wait_packet {
    struct udxg_packet packet;
    bool started;          /* the wait hangs in its objects */
    struct udxg_wait wait; /* ends in its waiters; its memory is the packet's */
};

static struct udxg_packet *packet_of(struct udxg_list *link)
{
    return udxg_container_of(link, struct udxg_packet, link);
}

/* ---- state ---- */

static const uint8_t legal_next[] = {
    [UDXG_LANE_IDLE] = 1 << UDXG_LANE_RUNNABLE,
    [UDXG_LANE_RUNNABLE] = 1 << UDXG_LANE_RUNNING | 1 << UDXG_LANE_IDLE,
    [UDXG_LANE_RUNNING] = 1 << UDXG_LANE_RUNNABLE | 1 << UDXG_LANE_IDLE | 1 << UDXG_LANE_WAITING | 1 << UDXG_LANE_GATED,
    [UDXG_LANE_WAITING] = 1 << UDXG_LANE_RUNNABLE | 1 << UDXG_LANE_IDLE,
    [UDXG_LANE_GATED] = 1 << UDXG_LANE_RUNNABLE | 1 << UDXG_LANE_IDLE,
};

static void set_state_locked(struct udxg_lane *lane, enum udxg_lane_state state) UDXG_REQUIRES(NODE)
{
    if (!(legal_next[lane->state] & 1 << state)) abort(); /* ours alone: no client can bring this about */
    if (lane->state == UDXG_LANE_RUNNABLE) udxg_engine_dequeue_locked(lane->engine, lane);
    lane->state = state;
    if (state == UDXG_LANE_RUNNABLE) udxg_engine_enqueue_locked(lane->engine, lane);
}

static void run_if_work_locked(struct udxg_lane *lane) UDXG_REQUIRES(NODE)
{
    set_state_locked(lane, udxg_list_empty(&lane->packets) ? UDXG_LANE_IDLE : UDXG_LANE_RUNNABLE);
}

void udxg_lane_begin_locked(struct udxg_lane *lane)
{
    /* It is runnable, so it has packets, which have references: there is one to add to. */
    atomic_fetch_add(&lane->refs, 1);
    set_state_locked(lane, UDXG_LANE_RUNNING);
    udxg_node_picked_locked(lane);
}

static bool is_cancelled(void *user)
{
    return atomic_load_explicit(&((struct udxg_lane *)user)->cancelled, memory_order_relaxed);
}

/* ---- life ---- */

void udxg_lane_init(struct udxg_lane *lane) UDXG_NO_TSA
{
    atomic_init(&lane->refs, 1);
    udxg_list_init(&lane->run);
    udxg_list_init(&lane->packets);
}

void udxg_lane_unref(struct udxg_lane *lane)
{
    if (atomic_fetch_sub(&lane->refs, 1) == 1) lane->destroy(lane);
}

/* ---- what the process grants ---- */

#define GRANT_PACKETS 1024u
#define GRANT_BYTES (UINT64_C(1) << 20)

/* Adds what WANTED lacks of FREE and *HELD, in chunks, and at most to MOST of all lanes. */
static bool grant(_Atomic uint64_t *granted, uint64_t most, uint64_t chunk, uint64_t wanted, uint64_t *held)
{
    uint64_t more = wanted > *held ? udxg_align_up(wanted - *held, chunk) : 0;

    if (!more) return true;
    if (atomic_fetch_add(granted, more) + more > most) {
        atomic_fetch_sub(granted, more);
        return false;
    }
    *held += more;
    return true;
}

static uint64_t beyond(uint64_t amount, uint64_t free_amount)
{
    return amount > free_amount ? amount - free_amount : 0;
}

/* Whether the process lets the lane have PACKET more. */
static bool is_granted_locked(struct udxg_lane *lane, const struct udxg_packet *packet) UDXG_REQUIRES(NODE)
{
    struct udxg_process_adapter *pa = lane->child.device->pa;
    uint64_t packets = beyond(UINT64_C(1) + lane->queued, UDXG_LANE_FREE_PACKETS);
    uint64_t bytes = beyond(lane->queued_memory + packet->memory_bytes, UDXG_LANE_FREE_BYTES);

    return grant(&pa->granted_packets, UDXG_LANES_MAX_PACKETS, GRANT_PACKETS, packets, &lane->granted_packets) &&
           grant(&pa->granted_bytes, UDXG_LANES_MAX_BYTES, GRANT_BYTES, bytes, &lane->granted_bytes);
}

/* Half of what is free, so that a lane that goes up and down around it does not ask all the time. */
static bool is_shallow_locked(const struct udxg_lane *lane) UDXG_REQUIRES(NODE)
{
    return lane->queued <= UDXG_LANE_FREE_PACKETS / 2 && lane->queued_memory <= UDXG_LANE_FREE_BYTES / 2;
}

static void give_back_locked(struct udxg_lane *lane) UDXG_REQUIRES(NODE)
{
    atomic_fetch_sub(&lane->child.device->pa->granted_packets, lane->granted_packets);
    atomic_fetch_sub(&lane->child.device->pa->granted_bytes, lane->granted_bytes);
    lane->granted_packets = lane->granted_bytes = 0;
}

/* ---- the queue ---- */

static void count_locked(struct udxg_lane *lane, const struct udxg_packet *packet, int sign) UDXG_REQUIRES(NODE)
{
    lane->queued += (uint32_t)sign;
    udxg_node_queued_locked(lane, sign);
    lane->queued_bytes += (uint64_t)((int64_t)sign * packet->bytes);
    lane->queued_memory += (uint64_t)((int64_t)sign * (int64_t)packet->memory_bytes);
    if ((lane->granted_packets | lane->granted_bytes) && is_shallow_locked(lane)) give_back_locked(lane);
}

static struct udxg_packet *pop_locked(struct udxg_lane *lane) UDXG_REQUIRES(NODE)
{
    struct udxg_list *link = udxg_list_pop(&lane->packets);

    if (!link) return NULL;
    count_locked(lane, packet_of(link), -1);
    return packet_of(link);
}

/* Moves everything that has not begun, and the wait it is blocked on, to DISCARDED. */
static void take_packets_locked(struct udxg_lane *lane, struct udxg_list *discarded) UDXG_REQUIRES(NODE)
{
    struct udxg_packet *packet;

    if (lane->blocked) {
        udxg_list_append(discarded, &lane->blocked->link);
        lane->blocked = NULL;
    }
    while ((packet = pop_locked(lane))) udxg_list_append(discarded, &packet->link);
    if (lane->state != UDXG_LANE_RUNNING && lane->state != UDXG_LANE_IDLE) set_state_locked(lane, UDXG_LANE_IDLE);
}

/* ---- the end of a packet ---- */

/* With the wait's last reference: wait_done() may look at the lane until then. */
static void wait_free(struct udxg_wait *wait)
{
    struct wait_packet *packet = udxg_container_of(wait, struct wait_packet, wait);

    udxg_lane_unref(packet->packet.lane);
    free(packet);
}

void udxg_packet_free(struct udxg_packet *packet)
{
    struct udxg_lane *lane = packet->lane;

    if (packet->kind == UDXG_PACKET_WAIT) {
        udxg_wait_unref(&((struct wait_packet *)packet)->wait);
        return;
    }
    if (packet->kind == UDXG_PACKET_SIGNAL) {
        struct signal_packet *signal = (struct signal_packet *)packet;
        for (uint32_t i = 0; i < signal->count; i++) udxg_sync_unref(signal->items[i].sync);
    }
    free(packet);
    udxg_lane_unref(lane);
}

static void packet_put(struct udxg_packet *packet)
{
    if (atomic_fetch_sub(&packet->holders, 1) == 1) udxg_packet_free(packet);
}

void udxg_packet_hold(struct udxg_packet *packet)
{
    atomic_fetch_add(&packet->holders, 1);
}

struct udxg_device *udxg_packet_device(const struct udxg_packet *packet)
{
    return packet->lane->child.device;
}

/* The packet is over, one way or another: what was destroyed while it might still be needed can go. */
static void packet_retire(struct udxg_packet *packet)
{
    udxg_device_retire(packet->lane->child.device, &packet->timeline);
}

/* ---- its signals ---- */

/* What it signals: a signal packet's objects, and the progress fence of a command. */
static void for_each_signalled(struct udxg_packet *packet, void (*visit)(struct udxg_sync *sync))
{
    struct signal_packet *signal = (struct signal_packet *)packet;

    if (packet->progress) visit(packet->lane->progress);
    if (packet->kind != UDXG_PACKET_SIGNAL) return;
    for (uint32_t i = 0; i < signal->count; i++) visit(signal->items[i].sync);
}

/* The device is in error: what waits for a signal of this packet waits for nothing. */
static void end_signalled(struct udxg_packet *packet)
{
    struct signal_packet *signal = (struct signal_packet *)packet;
    struct udxg_list fired;

    udxg_list_init(&fired);
    if (packet->progress) udxg_sync_end_collect(packet->lane->progress, &fired);
    for (uint32_t i = 0; packet->kind == UDXG_PACKET_SIGNAL && i < signal->count; i++)
        udxg_sync_end_collect(signal->items[i].sync, &fired);
    udxg_waiters_fire(&fired);
}

static void packet_forget(struct udxg_packet *packet)
{
    for_each_signalled(packet, udxg_sync_expect_no_more);
    packet_put(packet);
}

/* Ends a submitted packet that will not run (any more). */
static void packet_discard(struct udxg_packet *packet)
{
    struct wait_packet *wait = (struct wait_packet *)packet;

    if (packet->kind == UDXG_PACKET_WAIT && wait->started) udxg_wait_cancel(&wait->wait);
    packet_retire(packet);
}

/* Nothing that was submitted before it executes any more. */
static void lost(struct udxg_timeline_entry *marker)
{
    struct udxg_packet *packet = udxg_container_of(marker, struct udxg_packet, timeline);

    end_signalled(packet);
    packet_forget(packet);
}

/*
 * Of one that has retired: whoever waits for its signals is told when what ran before it has stopped, as he may write
 * then what that has read. Takes a hold of the packet.
 */
static void tell_loss(struct udxg_packet *packet)
{
    if (!udxg_device_in_error(packet->lane->child.device)) {
        packet_forget(packet); /* its context went, with all that it would have done: nobody is promised anything */
        return;
    }
    packet->timeline.fire = lost;
    udxg_device_when_retired(packet->lane->child.device, &packet->timeline);
}

/* The same for one whose submission was a success. */
static void packet_lose(struct udxg_packet *packet)
{
    packet_discard(packet);
    tell_loss(packet);
}

void udxg_packets_discard(struct udxg_list *packets) UDXG_NO_TSA
{
    struct udxg_list *link;

    while ((link = udxg_list_pop(packets))) packet_lose(packet_of(link));
}

/* Retirement and what becomes visible with it are one step. */
struct retirement {
    struct udxg_packet *packet;
    struct udxg_list fired; /* waits to release */
    bool stored;            /* its signals were made */
};

/* What a cancelled lane would have signalled is lost. */
static void store_values(void *user)
{
    struct retirement *step = user;
    struct udxg_lane *lane = step->packet->lane;

    if (is_cancelled(lane)) return;
    step->stored = true;
    if (step->packet->progress)
        udxg_sync_store_collect(lane->progress, lane->child.device, step->packet->progress, &step->fired);
    if (step->packet->kind != UDXG_PACKET_SIGNAL) return;
    struct signal_packet *signal = (struct signal_packet *)step->packet;
    for (uint32_t i = 0; i < signal->count; i++)
        udxg_sync_store_collect(signal->items[i].sync, lane->child.device, signal->items[i].value, &step->fired);
}

/* The part of a signal that needs no lock, and must not be made with one: events. */
static void notify_all(const struct signal_packet *signal)
{
    for (uint32_t i = 0; i < signal->count; i++) udxg_sync_notify(signal->items[i].sync);
}

/*
 * Who has waited for the fence finds the device idle and what was destroyed before it gone, and who has waited for
 * the device to be idle finds the fence signalled.
 */
static void retire_and_store(struct udxg_packet *packet)
{
    struct retirement step = {.packet = packet};

    udxg_list_init(&step.fired);
    udxg_device_retire_with(packet->lane->child.device, &packet->timeline, store_values, &step);
    udxg_waiters_fire(&step.fired);
    if (!step.stored) {
        udxg_packet_hold(packet);
        tell_loss(packet);
        return;
    }
    if (packet->kind == UDXG_PACKET_SIGNAL) notify_all((struct signal_packet *)packet);
    for_each_signalled(packet, udxg_sync_expect_no_more);
}

/* ---- commands ---- */

static void describe(struct udxg_lane *lane, const struct command_packet *command,
                     struct udxg_submission *ret_submission)
{
    *ret_submission = (struct udxg_submission){
        .commands_va = command->commands_va,
        .commands_bytes = command->commands_bytes,
        .null_rendering = command->null_rendering,
        .private_data = command->private_data,
        .private_data_bytes = command->packet.bytes,
        .memory = &command->memory,
        .cancelled = is_cancelled,
        .cancelled_context = lane,
    };
}

enum gate { GATE_PASSED, GATE_LATER, GATE_DISCARD };

/*
 * Whether the device's memory is in place, and stays so until vidmm_device_end_run(); if not, the lane is gated and the
 * packet is back in its queue.
 */
static enum gate pass_gate(struct udxg_lane *lane, struct udxg_packet *packet)
{
    struct vidmm_device *vidmm = &lane->child.device->vidmm;
    enum gate gate = GATE_LATER;

    if (vidmm_device_begin_run(vidmm)) return GATE_PASSED;
    udxg_lock(NODE, &lane->engine->lock);
    if (is_cancelled(lane)) {
        gate = GATE_DISCARD;
    } else {
        udxg_list_insert_before(lane->packets.next, &packet->link);
        count_locked(lane, packet, 1);
        set_state_locked(lane, UDXG_LANE_GATED);
        /* Asked again: it may have become ready before we were seen to be gated. */
        if (vidmm_device_begin_run(vidmm)) {
            vidmm_device_end_run(vidmm);
            set_state_locked(lane, UDXG_LANE_RUNNABLE);
        }
    }
    udxg_unlock(NODE, &lane->engine->lock);
    return gate;
}

/* The one end of what passed the gate; what holds the packet stays. */
static void command_over(struct udxg_packet *packet, udxg_status status, const struct udxg_submit_fault *fault)
{
    struct udxg_lane *lane = packet->lane;
    uint64_t running_ns = udxg_os_now_ns() - udxg_container_of(packet, struct command_packet, packet)->began_ns;

    vidmm_device_end_run(&lane->child.device->vidmm);
    udxg_lock(NODE, &lane->engine->lock);
    udxg_node_ran_locked(lane, running_ns, udxg_failed(status));
    udxg_unlock(NODE, &lane->engine->lock);
    udxg_stats_executed(udxg_failed(status));
    if (udxg_failed(status) && !is_cancelled(lane))
        udxg_device_fail(lane->child.device,
                         status == STATUS_ACCESS_VIOLATION ? D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT
                                                           : D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT,
                         fault);
    retire_and_store(packet);
}

static udxg_status execute(struct udxg_lane *lane, const struct udxg_submission *submission,
                           struct udxg_submit_fault *fault)
{
    const struct udxg_adapter *adapter = lane->child.device->adapter;
    enum udxg_inject_kind kind = udxg_inject_packet(adapter->inject, adapter->index);

    if (kind == UDXG_INJECT_FAULT) {
        fault->va = submission->commands_va;
        return STATUS_ACCESS_VIOLATION;
    }
    if (kind == UDXG_INJECT_HANG) udxg_inject_hang(adapter->inject, is_cancelled, lane);
    if (kind == UDXG_INJECT_STUCK) udxg_inject_hang(adapter->inject, NULL, NULL);
    if (kind != UDXG_INJECT_CALL && is_cancelled(lane)) return STATUS_UNSUCCESSFUL;
    return adapter->miniport->execute(lane->mp_context, submission, fault);
}

/* False when the packet was taken from this thread, which then owns no more than its memory. */
static bool run_command(struct udxg_lane *lane, struct command_packet *command)
{
    struct udxg_submit_fault fault = {.bind_table_entry = DXGK_BIND_TABLE_ENTRY_UNKNOWN};
    struct udxg_submission submission;
    udxg_status status;
    bool ours;

    describe(lane, command, &submission);
    command->began_ns = udxg_os_now_ns();
    udxg_engine_begin(lane->engine, &command->packet, !lane->no_timeout);
    status = execute(lane, &submission, &fault);
    ours = udxg_engine_end(lane->engine, &command->packet);
    if (ours) command_over(&command->packet, status, &fault);
    packet_put(&command->packet);
    return ours;
}

void udxg_lane_give_up(struct udxg_packet *packet)
{
    struct udxg_lane *lane = packet->lane;

    command_over(packet, STATUS_UNSUCCESSFUL, NULL);
    udxg_lock(NODE, &lane->engine->lock);
    run_if_work_locked(lane);
    udxg_unlock(NODE, &lane->engine->lock);
    packet_put(packet);
}

/* ---- waits ---- */

/* The lane may go on: its wait is satisfied. Runs on whichever thread signals. */
static bool wait_done(struct udxg_wait *wait)
{
    struct udxg_packet *packet = &udxg_container_of(wait, struct wait_packet, wait)->packet;
    struct udxg_lane *lane = packet->lane;
    bool ours;

    udxg_lock(NODE, &lane->engine->lock);
    ours = lane->blocked == packet && !is_cancelled(lane);
    if (ours) {
        lane->blocked = NULL;
        udxg_node_completed_locked(lane, UDXG_PACKET_WAIT);
        run_if_work_locked(lane);
    }
    udxg_unlock(NODE, &lane->engine->lock);
    if (!ours) return false; /* it was discarded meanwhile, or will be, and the discarder ends it */
    packet_retire(packet);
    packet_put(packet);
    return true;
}

/* A closing lane does not wait: what is behind an unsatisfied wait is given up. */
static void give_up_if_closing(struct udxg_lane *lane, struct wait_packet *wait)
{
    struct udxg_list discarded;
    bool over;

    udxg_list_init(&discarded);
    udxg_lock(NODE, &lane->engine->lock);
    if ((lane->closing || is_cancelled(lane)) && lane->blocked == &wait->packet) take_packets_locked(lane, &discarded);
    over = lane->blocked != &wait->packet;
    udxg_unlock(NODE, &lane->engine->lock);
    udxg_packets_discard(&discarded);
    /* Who discarded it while it was being started has not seen the waiters that were hung in after that. */
    if (over) udxg_wait_cancel(&wait->wait);
}

static void run_wait(struct udxg_lane *lane, struct wait_packet *wait)
{
    atomic_fetch_add(&wait->wait.refs, 1); /* the packet outlives wait_done() */
    wait->started = true;
    udxg_lock(NODE, &lane->engine->lock);
    lane->blocked = &wait->packet;
    set_state_locked(lane, UDXG_LANE_WAITING);
    udxg_unlock(NODE, &lane->engine->lock);
    udxg_wait_start(&wait->wait);
    give_up_if_closing(lane, wait);
    udxg_wait_unref(&wait->wait);
}

/* ---- running ---- */

/* Back from running: the next packet, or none. */
static void finish(struct udxg_lane *lane)
{
    udxg_lock(NODE, &lane->engine->lock);
    run_if_work_locked(lane);
    udxg_unlock(NODE, &lane->engine->lock);
}

static void finish_signal(struct udxg_lane *lane)
{
    udxg_lock(NODE, &lane->engine->lock);
    udxg_node_completed_locked(lane, UDXG_PACKET_SIGNAL);
    run_if_work_locked(lane);
    udxg_unlock(NODE, &lane->engine->lock);
}

static struct udxg_packet *take_packet(struct udxg_lane *lane)
{
    struct udxg_packet *packet;

    udxg_lock(NODE, &lane->engine->lock);
    packet = pop_locked(lane);
    if (!packet) run_if_work_locked(lane); /* cancelled between picking and running */
    udxg_unlock(NODE, &lane->engine->lock);
    return packet;
}

static bool run_packet(struct udxg_lane *lane, struct udxg_packet *packet)
{
    enum gate gate = is_cancelled(lane) ? GATE_DISCARD : GATE_PASSED;

    if (gate == GATE_PASSED && packet->kind == UDXG_PACKET_COMMAND) gate = pass_gate(lane, packet);
    if (gate == GATE_LATER) return true;
    if (gate == GATE_DISCARD) {
        packet_lose(packet);
    } else if (packet->kind == UDXG_PACKET_WAIT) {
        run_wait(lane, (struct wait_packet *)packet);
        return true;
    } else if (packet->kind == UDXG_PACKET_COMMAND) {
        if (!run_command(lane, (struct command_packet *)packet)) return false;
    } else {
        retire_and_store(packet);
        packet_put(packet);
        finish_signal(lane);
        return true;
    }
    finish(lane);
    return true;
}

bool udxg_lane_run(struct udxg_lane *lane)
{
    struct udxg_packet *packet = take_packet(lane);
    bool ours = !packet || run_packet(lane, packet);

    udxg_lane_unref(lane);
    return ours;
}

/* ---- making packets ---- */

static void packet_init(struct udxg_packet *packet, enum udxg_packet_kind kind, struct udxg_lane *lane,
                        size_t memory_bytes)
{
    packet->kind = kind;
    packet->lane = lane;
    packet->bytes = kind == UDXG_PACKET_COMMAND ? 0 : (uint32_t)memory_bytes;
    packet->memory_bytes = memory_bytes;
    packet->progress = 0;
    atomic_init(&packet->holders, 1);
    atomic_fetch_add(&lane->refs, 1);
    udxg_list_init(&packet->link);
}

udxg_status udxg_packet_make_command(struct udxg_lane *lane, const struct udxg_command *args,
                                     struct udxg_packet **ret_packet)
{
    const struct udxg_miniport *miniport = lane->child.device->adapter->miniport;
    const uint32_t most_bytes = lane->child.device->adapter->caps.submission_data_bytes;
    const size_t size_bytes = sizeof(struct command_packet) + args->private_data_bytes;
    struct command_packet *command = malloc(size_bytes);
    struct udxg_submission submission;
    udxg_status status;

    if (!command) return STATUS_NO_MEMORY;
    packet_init(&command->packet, UDXG_PACKET_COMMAND, lane, size_bytes);
    command->packet.bytes = args->private_data_bytes;
    command->packet.progress = args->progress;
    vidmm_gpu_memory(&lane->child.device->vidmm, &command->view, &command->memory);
    command->commands_va = args->commands_va;
    command->commands_bytes = args->commands_bytes;
    command->null_rendering = args->null_rendering || lane->null_rendering;
    if (args->private_data_bytes) memcpy(command->private_data, args->private_data, args->private_data_bytes);
    describe(lane, command, &submission);
    status = args->private_data_bytes > most_bytes ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
    if (!udxg_failed(status) && miniport->check_submission)
        status = miniport->check_submission(lane->mp_context, &submission);
    if (udxg_failed(status)) {
        udxg_packet_free(&command->packet);
        return status;
    }
    *ret_packet = &command->packet;
    return STATUS_SUCCESS;
}

udxg_status udxg_packet_make_signal(struct udxg_lane *lane, uint32_t count, struct udxg_sync *const *syncs,
                                    const uint64_t *values, struct udxg_packet **ret_packet)
{
    struct signal_packet *signal;
    const size_t size_bytes = sizeof *signal + count * sizeof signal->items[0];

    signal = malloc(size_bytes);
    if (!signal) return STATUS_NO_MEMORY;
    packet_init(&signal->packet, UDXG_PACKET_SIGNAL, lane, size_bytes);
    signal->count = count;
    for (uint32_t i = 0; i < count; i++) {
        udxg_sync_ref(syncs[i]);
        signal->items[i].sync = syncs[i];
        signal->items[i].value = values ? values[i] : 0;
    }
    *ret_packet = &signal->packet;
    return STATUS_SUCCESS;
}

udxg_status udxg_packet_make_wait(struct udxg_lane *lane, uint32_t count, struct udxg_sync *const *syncs,
                                  const uint64_t *values, struct udxg_packet **ret_packet)
{
    static const struct udxg_wait_ops ops = {wait_done, wait_free};
    const size_t size_bytes = udxg_wait_bytes(offsetof(struct wait_packet, wait), count);
    struct wait_packet *wait = malloc(size_bytes);

    if (!wait) return STATUS_NO_MEMORY;
    packet_init(&wait->packet, UDXG_PACKET_WAIT, lane, size_bytes);
    wait->started = false;
    udxg_wait_init(&wait->wait, count, syncs, values, false, lane->child.device, &ops);
    *ret_packet = &wait->packet;
    return STATUS_SUCCESS;
}

/* ---- submission ---- */

/* Reserves the packet's place. */
static udxg_status admit_locked(struct udxg_lane *lane, const struct udxg_packet *packet) UDXG_REQUIRES(NODE)
{
    if (lane->closing) return STATUS_INVALID_PARAMETER;
    if (packet->progress && packet->progress <= lane->last_progress) return STATUS_INVALID_PARAMETER;
    if (lane->queued == UDXG_LANE_MAX_PACKETS || lane->queued_bytes + packet->bytes > UDXG_LANE_MAX_BYTES)
        return STATUS_NO_MEMORY;
    if (!is_granted_locked(lane, packet)) return STATUS_NO_MEMORY;
    if (packet->progress) lane->last_progress = packet->progress;
    count_locked(lane, packet, 1);
    return STATUS_SUCCESS;
}

/* Into the place that was reserved. False when the lane is cancelled: its device is in error or going. */
static bool append_locked(struct udxg_lane *lane, struct udxg_packet *packet) UDXG_REQUIRES(NODE)
{
    if (is_cancelled(lane)) {
        count_locked(lane, packet, -1);
        return false;
    }
    udxg_list_append(&lane->packets, &packet->link);
    udxg_node_submitted_locked(lane, packet->kind);
    if (lane->state == UDXG_LANE_IDLE) set_state_locked(lane, UDXG_LANE_RUNNABLE);
    return true;
}

/* A call that succeeds has lost its packet when the device is in error; one that fails has changed nothing. */
static void not_queued(struct udxg_packet *packet, udxg_status status)
{
    if (!udxg_failed(status)) {
        packet_lose(packet);
        return;
    }
    packet_discard(packet);
    packet_forget(packet);
}

/* Values of a progress fence must reach the queue in the order in which they were admitted: in one step. */
static udxg_status submit_one(struct udxg_packet *packet)
{
    struct udxg_lane *lane = packet->lane;
    bool queued = false;
    udxg_status status;

    udxg_lock(NODE, &lane->engine->lock);
    status = admit_locked(lane, packet);
    if (!udxg_failed(status)) queued = append_locked(lane, packet);
    udxg_unlock(NODE, &lane->engine->lock);
    if (!queued) not_queued(packet, status);
    return status;
}

static udxg_status admit_all(uint32_t count, struct udxg_packet *const *packets)
{
    udxg_status status = STATUS_SUCCESS;
    uint32_t admitted = 0;

    while (admitted < count && !udxg_failed(status)) {
        struct udxg_lane *lane = packets[admitted]->lane;
        udxg_lock(NODE, &lane->engine->lock);
        status = admit_locked(lane, packets[admitted]);
        udxg_unlock(NODE, &lane->engine->lock);
        if (!udxg_failed(status)) admitted++;
    }
    while (udxg_failed(status) && admitted--) {
        struct udxg_lane *lane = packets[admitted]->lane;
        udxg_lock(NODE, &lane->engine->lock);
        count_locked(lane, packets[admitted], -1);
        udxg_unlock(NODE, &lane->engine->lock);
    }
    return status;
}

udxg_status udxg_packets_submit(uint32_t count, struct udxg_packet *const *packets)
{
    udxg_status status;

    for (uint32_t i = 0; i < count; i++) {
        for_each_signalled(packets[i], udxg_sync_expect);
        udxg_device_submit(packets[i]->lane->child.device, &packets[i]->timeline);
    }
    if (count == 1) return submit_one(packets[0]);
    status = admit_all(count, packets);
    for (uint32_t i = 0; i < count; i++) {
        struct udxg_lane *lane = packets[i]->lane;
        bool queued = false;
        udxg_lock(NODE, &lane->engine->lock);
        if (!udxg_failed(status)) queued = append_locked(lane, packets[i]);
        udxg_unlock(NODE, &lane->engine->lock);
        if (!queued) not_queued(packets[i], status);
    }
    return status;
}

/* ---- closing, priorities ---- */

void udxg_lane_drain(struct udxg_lane *lane, struct udxg_list *discarded)
{
    udxg_lock(NODE, &lane->engine->lock);
    lane->closing = true;
    if (lane->state == UDXG_LANE_WAITING) take_packets_locked(lane, discarded);
    udxg_unlock(NODE, &lane->engine->lock);
}

void udxg_lane_close(struct udxg_lane *lane)
{
    struct udxg_list discarded;

    udxg_list_init(&discarded);
    udxg_lane_drain(lane, &discarded);
    udxg_device_child_closed(&lane->child);
    udxg_packets_discard(&discarded);
    udxg_lane_unref(lane);
}

/* A runnable lane changes queues with its priority. */
void udxg_lane_set_priority(struct udxg_lane *lane, int priority, bool in_process)
{
    bool runnable;

    udxg_lock(NODE, &lane->engine->lock);
    runnable = lane->state == UDXG_LANE_RUNNABLE;
    if (runnable) udxg_engine_dequeue_locked(lane->engine, lane);
    *(in_process ? &lane->in_process_priority : &lane->priority) = priority;
    if (lane->in_process_priority) lane->engine->uneven = true;
    if (runnable) udxg_engine_enqueue_locked(lane->engine, lane);
    udxg_unlock(NODE, &lane->engine->lock);
}

int udxg_lane_priority(struct udxg_lane *lane, bool in_process)
{
    int priority;

    udxg_lock(NODE, &lane->engine->lock);
    priority = in_process ? lane->in_process_priority : lane->priority;
    udxg_unlock(NODE, &lane->engine->lock);
    return priority;
}

/* ---- all lanes of a device ---- */

static const enum udxg_handle_type lane_types[] = {UDXG_HANDLE_CONTEXT, UDXG_HANDLE_HW_QUEUE};

static void cancel_locked(struct udxg_lane *lane, struct udxg_list *discarded)
{
    udxg_lock(NODE, &lane->engine->lock);
    atomic_store(&lane->cancelled, true);
    take_packets_locked(lane, discarded);
    udxg_engine_watch_locked(lane->engine, lane);
    udxg_unlock(NODE, &lane->engine->lock);
}

void udxg_lanes_cancel(struct udxg_device *device)
{
    struct udxg_list discarded;

    udxg_list_init(&discarded);
    udxg_lock(DEVICE, &device->lock);
    for (int i = 0; i < 2; i++)
        udxg_list_for_each(link, &device->children[lane_types[i]])
            cancel_locked(udxg_container_of(link, struct udxg_lane, child.link), &discarded);
    udxg_unlock(DEVICE, &device->lock);
    udxg_packets_discard(&discarded);
}

static void ready_locked(struct udxg_lane *lane)
{
    udxg_lock(NODE, &lane->engine->lock);
    if (lane->state == UDXG_LANE_GATED) set_state_locked(lane, UDXG_LANE_RUNNABLE);
    udxg_unlock(NODE, &lane->engine->lock);
}

void udxg_lanes_ready(struct udxg_device *device)
{
    udxg_lock(DEVICE, &device->lock);
    for (int i = 0; i < 2; i++)
        udxg_list_for_each(link, &device->children[lane_types[i]])
            ready_locked(udxg_container_of(link, struct udxg_lane, child.link));
    udxg_unlock(DEVICE, &device->lock);
}
