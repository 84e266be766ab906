/* SPDX-License-Identifier: MIT */
/*
 * Registrations for trim and budget-change notifications. The vidmm says when (vidmm/notify.h); here is who: a
 * registration belongs to a device and has a number in its process, which is the Handle of the public calls. It is
 * no D3DKMT_HANDLE, so that registering takes none.
 *
 * A client has to unregister before it destroys the device; what it forgot is unregistered for it.
 */
#ifndef UDXG_CORE_TRIM_H
#define UDXG_CORE_TRIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/lock.h"

struct udxg_device;

/* Embeddable: a process's registrations. */
struct udxg_registrations {
    struct udxg_mutex_TRIM lock;
    struct udxg_list list UDXG_GUARDED_BY(TRIM);
    uint64_t last_number UDXG_GUARDED_BY(TRIM);
};

void udxg_registrations_init(struct udxg_registrations *registrations);
/* None may be left. */
void udxg_registrations_fini(struct udxg_registrations *registrations);

/* Unregisters all of the device. A callback under way is not waited for: vidmm_device_silence() was. */
void udxg_registrations_drop(struct udxg_registrations *registrations, struct udxg_device *device);

#endif
