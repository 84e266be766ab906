/* SPDX-License-Identifier: MIT */
/*
 * A lane: an ordered queue of packets (commands, signals, waits) for one node of the adapter. A context has one and
 * so has a hardware queue; both embed it and differ in what may be queued and by which call.
 *
 *   IDLE ----submit----> RUNNABLE --engine picks--> RUNNING --more--> RUNNABLE
 *     ^                     ^  ^                     |  |  '--none--> IDLE
 *     |                     |  '------ ready --------|--'-- not resident --> GATED
 *     '---- cancel          '--------- satisfied ----'---- wait packet ----> WAITING
 *
 * set_state() in lane.c is the only writer. A lane is on its engine's run queue exactly while it is RUNNABLE.
 * Cancelling empties the queue at once and for good; a packet that runs is asked to stop, and when it does not it
 * may be taken from its thread (udxg_lane_give_up()).
 */
#ifndef UDXG_CORE_LANE_H
#define UDXG_CORE_LANE_H

#include "core/device.h"
#include "core/engine.h"
#include "core/sync.h"

/* What one lane may have queued; one more packet is STATUS_NO_MEMORY. Of commands, bytes are those of private data. */
#define UDXG_LANE_MAX_PACKETS 65536u
#define UDXG_LANE_MAX_BYTES (UINT64_C(64) << 20)

/*
 * What all lanes of a process on one adapter may have queued beyond what each has for nothing; bytes are those of the
 * packets themselves. A lane that gets deep is granted a chunk at a time, and gives all back when it is shallow again,
 * so that threads with lanes of their own share nothing.
 */
#define UDXG_LANE_FREE_PACKETS 64u
#define UDXG_LANE_FREE_BYTES UINT64_C(65536)
#define UDXG_LANES_MAX_PACKETS (UINT64_C(1) << 20)
#define UDXG_LANES_MAX_BYTES (UINT64_C(256) << 20)

enum udxg_lane_state {
    UDXG_LANE_IDLE,
    UDXG_LANE_RUNNABLE,
    UDXG_LANE_RUNNING,
    UDXG_LANE_WAITING,
    UDXG_LANE_GATED,
};

struct udxg_packet;

/* Embeddable. */
struct udxg_lane {
    struct udxg_child child;
    atomic_uint refs;                        /* the handle, every packet, the engine while it has picked it */
    void (*destroy)(struct udxg_lane *lane); /* with the last reference; constant, like the next four */
    struct udxg_engine *engine;
    void *mp_context;
    bool null_rendering, no_timeout;
    enum udxg_lane_state state UDXG_GUARDED_BY(NODE);
    struct udxg_list run UDXG_GUARDED_BY(NODE);     /* in the engine's queue */
    struct udxg_list packets UDXG_GUARDED_BY(NODE); /* not begun */
    uint32_t queued UDXG_GUARDED_BY(NODE);          /* of packets, how many */
    uint64_t queued_bytes UDXG_GUARDED_BY(NODE);    /* of packets: struct udxg_packet */
    uint64_t queued_memory UDXG_GUARDED_BY(NODE);   /* of packets, what they take themselves */
    uint64_t granted_packets UDXG_GUARDED_BY(NODE); /* by the process */
    uint64_t granted_bytes UDXG_GUARDED_BY(NODE);
    struct udxg_packet *blocked UDXG_GUARDED_BY(NODE); /* the wait packet of a WAITING lane */
    bool closing UDXG_GUARDED_BY(NODE);                /* no handle: what cannot run now never will */
    atomic_bool cancelled;                             /* polled by the running packet */
    int priority UDXG_GUARDED_BY(NODE);                /* SetContextSchedulingPriority */
    int in_process_priority UDXG_GUARDED_BY(NODE);
    struct udxg_sync *progress;                   /* of a hardware queue, referenced; constant */
    uint64_t last_progress UDXG_GUARDED_BY(NODE); /* what the last packet with a value will set it to */
};

/* Fills in a zeroed lane with one reference, of nobody's list yet; the owner fills in what is constant before. */
void udxg_lane_init(struct udxg_lane *lane);
void udxg_lane_unref(struct udxg_lane *lane);
/* Its handle is gone: what can run does run, in order; an unsatisfied wait and all behind it are given up. */
void udxg_lane_close(struct udxg_lane *lane);
/* The same with the handle still there; what is given up goes to DISCARDED, for udxg_packets_discard(). */
void udxg_lane_drain(struct udxg_lane *lane, struct udxg_list *discarded);
void udxg_packets_discard(struct udxg_list *packets);
void udxg_lane_set_priority(struct udxg_lane *lane, int priority, bool in_process);
int udxg_lane_priority(struct udxg_lane *lane, bool in_process);

/* ---- packets: made, then submitted or freed. Each make returns a packet that nobody else knows. ---- */

struct udxg_command {
    uint64_t commands_va;
    uint32_t commands_bytes;
    bool null_rendering;
    const void *private_data; /* copied */
    uint32_t private_data_bytes;
    uint64_t progress; /* a hardware queue's: what its progress fence is when the packet is done; 0: nothing */
};

/* Asks the miniport for its early word too. */
udxg_status udxg_packet_make_command(struct udxg_lane *lane, const struct udxg_command *args,
                                     struct udxg_packet **ret_packet) UDXG_MUST_CHECK;
/* Both take references of their own to SYNCS. VALUES may be NULL where no object is a fence. */
udxg_status udxg_packet_make_signal(struct udxg_lane *lane, uint32_t count, struct udxg_sync *const *syncs,
                                    const uint64_t *values, struct udxg_packet **ret_packet) UDXG_MUST_CHECK;
udxg_status udxg_packet_make_wait(struct udxg_lane *lane, uint32_t count, struct udxg_sync *const *syncs,
                                  const uint64_t *values, struct udxg_packet **ret_packet) UDXG_MUST_CHECK;
/* Ends a packet that was not submitted. */
void udxg_packet_free(struct udxg_packet *packet);
/*
 * Queues packets of lanes of one device, all or none; they are taken in any case. STATUS_NO_MEMORY: a lane is full,
 * or the lanes of the process are.
 * STATUS_INVALID_PARAMETER: a progress value that is not above the last one's, or a lane that is closing.
 */
udxg_status udxg_packets_submit(uint32_t count, struct udxg_packet *const *packets) UDXG_MUST_CHECK;

/* ---- the engine's side ---- */

/* The engine has picked a runnable lane: a reference that udxg_lane_run() ends. */
void udxg_lane_begin_locked(struct udxg_lane *lane) UDXG_REQUIRES(NODE);
/*
 * Runs the next packet of a lane that the engine has picked; on the engine's thread, without locks. False when the
 * packet was taken from this thread meanwhile: it is no engine's any more and has to end.
 */
bool udxg_lane_run(struct udxg_lane *lane) UDXG_MUST_CHECK;
/* Retires in its thread's stead a packet that udxg_engine_abandon() has taken from it, and ends the hold. */
void udxg_lane_give_up(struct udxg_packet *packet);
/* The device of a packet that is executing, and a hold on it for udxg_lane_give_up(): the caller keeps it from ending.
 */
struct udxg_device *udxg_packet_device(const struct udxg_packet *packet);
void udxg_packet_hold(struct udxg_packet *packet);

/* ---- all lanes of a device ---- */

/* The device's whole residency list is in place: gated lanes go on. */
void udxg_lanes_ready(struct udxg_device *device);
/* Empties every lane of the device for good. */
void udxg_lanes_cancel(struct udxg_device *device);

#endif
