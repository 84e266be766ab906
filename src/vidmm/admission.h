/* SPDX-License-Identifier: MIT */
/*
 * The scheduling gate: which device may run when not all fit.
 *
 *             begin_run refused            all is promised                   all is in place
 *     NONE -----------------------> WAITING --------------> ARRIVING -----------------------> NONE, ready()
 *                                      ^                        |
 *                                      '--- something new is suspended
 *
 * Who waits is served first come, first served: the first takes room from whoever can be made to give it, until all it
 * lists is promised; then the pager brings it in, and the next one is served meanwhile. From its admission on a device
 * has a slice of time, in which nothing of it is taken. While somebody waits, a device whose slice is over is refused
 * and queues behind, so those that run drain and nobody starves. A device that nobody waits for pays a look at three
 * lists.
 *
 * A device whose process is suspended is HELD instead: on no list, in nobody's way, and WAITING once it is resumed.
 * While an order from outside is carried out the gate is closed: nobody begins to run, is served or is let in.
 *
 * Locks: VIDMM. It copies nothing; ready() is called by the pager.
 */
#ifndef UDXG_VIDMM_ADMISSION_H
#define UDXG_VIDMM_ADMISSION_H

#include "vidmm/process.h"

#define VIDMM_SLICE_NS UINT64_C(10000000)

/* The device wants to run, has an operation that waits for room, or lists what nobody else would bring to its place. */
void vidmm_gate_enter_locked(struct vidmm_device *device) UDXG_REQUIRES(VIDMM);
void vidmm_gate_leave_locked(struct vidmm_device *device) UDXG_REQUIRES(VIDMM);
/* Suspends the process: its devices are held. WAKES: until one of them comes to the gate. */
void vidmm_gate_hold_locked(struct vidmm_process *process, bool wakes) UDXG_REQUIRES(VIDMM);
void vidmm_gate_release_locked(struct vidmm_process *process) UDXG_REQUIRES(VIDMM);
/* Closes the gate for all devices, and opens it when it was closed as often. */
void vidmm_gate_close_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);
void vidmm_gate_open_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);
/* Something on the device's lists has changed. */
void vidmm_gate_moved_locked(struct vidmm_device *device) UDXG_REQUIRES(VIDMM);
/* A promise was given back: whoever waits for one, or wants to go back to its segment, is to be looked at. */
void vidmm_room_freed_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

/*
 * Promises what can be promised to those who wait, in their order. *RET_RETRY_NS falls to when the first one is worth
 * another look, unless somebody else's doing makes it so before.
 */
void vidmm_gate_serve_locked(struct vidmm_adapter *adapter, uint64_t now_ns, uint64_t *ret_retry_ns)
    UDXG_REQUIRES(VIDMM);
/* An arriving device that has all in place: it is admitted, and its slice begins. NULL: there is none. */
struct vidmm_device *vidmm_gate_admit_locked(struct vidmm_adapter *adapter, uint64_t now_ns) UDXG_REQUIRES(VIDMM);

const char *vidmm_admission_check_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM);

#endif
