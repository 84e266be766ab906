/* SPDX-License-Identifier: MIT */
/*
 * Trim and budget-change notifications. Invariants: a registration is on its process's list from its publishing to
 * the moment somebody, who then ends it, takes it off; it has a reference to its device. Lock: TRIM, never while
 * the vidmm is called.
 *
 * A callback is an address in the client. In-process it is called where it is, on the notifier's thread of the
 * adapter, here and nowhere else. A client elsewhere is sent the notification by its endpoint.
 */
#include "core/trim.h"

#include <stdlib.h>

#include "core/device.h"
#include "core/handlers.h"

#define TRIMS (VIDMM_NOTICE_PERIODIC | VIDMM_NOTICE_RESTART | VIDMM_NOTICE_TRIM)

struct registration {
    struct vidmm_registration vidmm;
    struct udxg_list link UDXG_GUARDED_BY(TRIM);
    struct udxg_device *device; /* referenced; constant */
    uint64_t number;            /* constant once it is on the list */
};

static struct registration *of(struct udxg_list *link)
{
    return udxg_container_of(link, struct registration, link);
}

/* ---- the calls to the client ---- */

/* A client elsewhere; false for one here. The endpoint outlives all registrations. */
static bool send(const struct vidmm_listener *listener, enum udxg_notification_kind kind, uint32_t flags,
                 uint64_t bytes)
{
    const struct udxg_endpoint *endpoint = listener->user;
    struct udxg_notification notification = {kind, flags, bytes, listener->callback, listener->context};

    if (!endpoint) return false;
    endpoint->notify(endpoint, &notification);
    return true;
}

static void tell_trim(const struct vidmm_listener *listener, const struct vidmm_notice *notice)
{
    D3DKMT_TRIMNOTIFICATION args = {.Context = listener->context, .NumBytesToTrim = notice->trim_bytes};

    if (send(listener, UDXG_NOTIFY_TRIM, notice->flags, notice->trim_bytes)) return;
    args.Flags.Value = notice->flags; /* the bits are the same */
    ((PFND3DKMT_TRIMNOTIFICATIONCALLBACK)listener->callback)(&args);
}

static void tell_budget(const struct vidmm_listener *listener, const struct vidmm_notice *notice)
{
    D3DKMT_BUDGETCHANGENOTIFICATION args = {.Context = listener->context, .Budget = notice->budget_bytes};

    if (send(listener, UDXG_NOTIFY_BUDGET, 0, notice->budget_bytes)) return;
    ((PFND3DKMT_BUDGETCHANGENOTIFICATIONCALLBACK)listener->callback)(&args);
}

/* ---- registrations ---- */

void udxg_registrations_init(struct udxg_registrations *registrations)
{
    *registrations = (struct udxg_registrations){0};
    udxg_mutex_init_TRIM(&registrations->lock);
    udxg_list_init(&registrations->list);
}

void udxg_registrations_fini(struct udxg_registrations *registrations)
{
    udxg_mutex_fini_TRIM(&registrations->lock);
}

static void publish(struct udxg_registrations *registrations, struct registration *registration, void **ret_handle)
{
    udxg_lock(TRIM, &registrations->lock);
    registration->number = ++registrations->last_number;
    *ret_handle = (void *)(uintptr_t)registration->number;
    udxg_list_append(&registrations->list, &registration->link);
    udxg_unlock(TRIM, &registrations->lock);
}

/* Takes one off the list: that number and kind, with that callback unless it is NULL. NULL when there is none. */
static struct registration *take(struct udxg_registrations *registrations, const void *handle, uint32_t kind,
                                 void (*callback)(void))
{
    struct registration *found = NULL;

    udxg_lock(TRIM, &registrations->lock);
    udxg_list_for_each(it, &registrations->list)
    {
        const struct vidmm_registration *vidmm = &of(it)->vidmm;
        if (of(it)->number != (uintptr_t)handle || vidmm->wanted != kind) continue;
        if (!callback || callback == vidmm->listener.callback) found = of(it);
    }
    if (found) udxg_list_remove(&found->link);
    udxg_unlock(TRIM, &registrations->lock);
    return found;
}

static struct registration *take_of_device(struct udxg_registrations *registrations, const struct udxg_device *device)
{
    struct registration *found = NULL;

    udxg_lock(TRIM, &registrations->lock);
    udxg_list_for_each(it, &registrations->list) if (of(it)->device == device) found = of(it);
    if (found) udxg_list_remove(&found->link);
    udxg_unlock(TRIM, &registrations->lock);
    return found;
}

static void end(struct registration *registration, bool wait)
{
    vidmm_unregister(&registration->vidmm, wait);
    udxg_account_discharge(registration->device->pa->account, UDXG_CHARGE_REGISTRATIONS, 1);
    udxg_device_unref(registration->device);
    free(registration);
}

void udxg_registrations_drop(struct udxg_registrations *registrations, struct udxg_device *device)
{
    struct registration *registration;

    while ((registration = take_of_device(registrations, device))) end(registration, false);
}

/* The device is pinned. */
static udxg_status add(struct udxg_device *device, uint32_t kind, const struct vidmm_listener *listener,
                       void **ret_handle)
{
    struct udxg_account *account = device->pa->account;
    struct registration *registration;
    udxg_status status;

    if (!listener->callback) return STATUS_INVALID_PARAMETER;
    registration = calloc(1, sizeof *registration);
    if (!registration) return STATUS_NO_MEMORY;
    status = udxg_account_charge(account, UDXG_CHARGE_REGISTRATIONS, 1);
    if (!udxg_failed(status)) {
        status = vidmm_register(&registration->vidmm, &device->vidmm, kind, listener);
        if (udxg_failed(status)) udxg_account_discharge(account, UDXG_CHARGE_REGISTRATIONS, 1);
    }
    if (udxg_failed(status)) {
        free(registration);
        return status;
    }
    registration->device = device;
    atomic_fetch_add(&device->refs, 1);
    publish(&device->process->registrations, registration, ret_handle);
    return STATUS_SUCCESS;
}

/* ---- calls ---- */

udxg_status thunk_RegisterTrimNotification(struct udxg_process *process, D3DKMT_REGISTERTRIMNOTIFICATION *args)
{
    struct vidmm_listener listener = {tell_trim, (void (*)(void))args->Callback, args->Context, process->endpoint};
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    if (udxg_kernel_find_adapter(process->kernel, args->AdapterLuid) == device->adapter)
        status = add(device, TRIMS, &listener, &args->Handle);
    else
        status = STATUS_INVALID_PARAMETER;
    udxg_device_put(device);
    return status;
}

udxg_status thunk_UnregisterTrimNotification(struct udxg_process *process, D3DKMT_UNREGISTERTRIMNOTIFICATION *args)
{
    struct registration *registration =
        take(&process->registrations, args->Handle, TRIMS, (void (*)(void))args->Callback);

    if (!registration) return STATUS_INVALID_PARAMETER;
    end(registration, true);
    return STATUS_SUCCESS;
}

udxg_status thunk_RegisterBudgetChangeNotification(struct udxg_process *process,
                                                   D3DKMT_REGISTERBUDGETCHANGENOTIFICATION *args)
{
    struct vidmm_listener listener = {tell_budget, (void (*)(void))args->Callback, args->Context, process->endpoint};
    struct udxg_device *device;
    udxg_status status = udxg_device_get(process, args->hDevice, &device);

    if (udxg_failed(status)) return status;
    status = add(device, VIDMM_NOTICE_BUDGET, &listener, &args->Handle);
    udxg_device_put(device);
    return status;
}

udxg_status thunk_UnregisterBudgetChangeNotification(struct udxg_process *process,
                                                     D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION *args)
{
    struct registration *registration = take(&process->registrations, args->Handle, VIDMM_NOTICE_BUDGET, NULL);

    if (!registration) return STATUS_INVALID_PARAMETER;
    end(registration, true);
    return STATUS_SUCCESS;
}
