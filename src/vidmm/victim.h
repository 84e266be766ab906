/* SPDX-License-Identifier: MIT */
/*
 * Who gives way, and who comes back. Every listed allocation that has a segment to be in hangs in one bucket of one of
 * the devices that list it, by segment, by shelf and by class of its priority; the buckets with something in them
 * stand on their segment's shelf:
 *
 *     HELD       room of the segment is promised to it
 *     DEMOTED    it is in system memory, and would rather be in the segment
 *     SUSPENDED  the segment has no room for it, nor has anything else
 *
 * So a decision looks at devices, never at allocations. Within a class the device that ran longest ago gives first.
 * What several devices list belongs to the one that ran last; it is moved there when it is looked at, not when devices
 * run, so running costs nothing here.
 *
 * Locks: VIDMM. It moves and promises nothing.
 */
#ifndef UDXG_VIDMM_VICTIM_H
#define UDXG_VIDMM_VICTIM_H

#include "vidmm/process.h"

struct vidmm_bucket {
    struct udxg_list allocs UDXG_GUARDED_BY(VIDMM);
    struct udxg_list on_shelf UDXG_GUARDED_BY(VIDMM); /* exactly while there is something in it */
    struct vidmm_device *device;                      /* constant, like segment, shelf and class_index */
    struct vidmm_segment *segment;
    uint8_t shelf, class_index;
    uint64_t bytes UDXG_GUARDED_BY(VIDMM); /* what all of it needs of the segment */
};

/* What a device lists of a segment; vidmm_device.segments has one for each. */
struct vidmm_device_segment {
    uint64_t listed_bytes UDXG_GUARDED_BY(VIDMM); /* with this target, promised or not */
    struct vidmm_bucket buckets[VIDMM_SHELVES][VIDMM_CLASSES];
};

/* Makes DEVICE able to list something. False when memory is out. */
bool vidmm_buckets_create_locked(struct vidmm_device *device) UDXG_REQUIRES(VIDMM);
/* Nothing may be listed. */
void vidmm_buckets_destroy_locked(struct vidmm_device *device) UDXG_REQUIRES(VIDMM);

/* The class of a priority: 0 is MINIMUM, the last one MAXIMUM. */
unsigned vidmm_class_of(uint32_t priority);

/* Hangs a listed allocation in the right bucket of its first lister, and nowhere else. */
void vidmm_bucket_put_locked(struct vidmm_alloc *alloc, enum vidmm_shelf shelf, struct vidmm_segment *segment)
    UDXG_REQUIRES(VIDMM);
void vidmm_bucket_remove_locked(struct vidmm_alloc *alloc) UDXG_REQUIRES(VIDMM);

/* Somebody looks for room. */
struct vidmm_quest {
    const struct vidmm_device *device; /* whose: nothing that it lists is taken */
    uint64_t now_ns;
    bool polite;          /* takes lower classes than CLASS only, and CLASS itself from those over budget */
    unsigned class_index; /* of the one that wants the room */
    uint64_t retry_ns;    /* out: when somebody's slice ends who is spared until then; UINT64_MAX: nobody's */
};

/*
 * Who on the shelf gives way, NULL when nobody can: allocations of other processes before those of the same one,
 * lower classes first, MAXIMUM only when there is nothing else. Never what a running device lists, or one in its slice.
 */
struct vidmm_alloc *vidmm_victim_locked(struct vidmm_segment *segment, enum vidmm_shelf shelf,
                                        struct vidmm_quest *quest) UDXG_REQUIRES(VIDMM);
/* What could be taken altogether, or a bit more: what is shared is counted with its bucket. */
uint64_t vidmm_victims_bytes_locked(struct vidmm_segment *segment, struct vidmm_quest *quest) UDXG_REQUIRES(VIDMM);

/* Whether nothing of the device may be taken now. */
bool vidmm_device_is_spared_locked(const struct vidmm_device *device, uint64_t now_ns) UDXG_REQUIRES(VIDMM);

/*
 * Who comes back to the segment next, of those that there is room for: best class first and the suspended before the
 * demoted; NULL for nobody. Of a device's one class a few are looked at, and others the next time. Of a running device
 * nobody comes: its list stays in place. *RET_BUSY says that this was the reason.
 */
struct vidmm_alloc *vidmm_returner_locked(struct vidmm_segment *segment, bool *ret_busy) UDXG_REQUIRES(VIDMM);

const char *vidmm_victim_check_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
