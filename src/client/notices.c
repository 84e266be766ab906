/* SPDX-License-Identifier: MIT */
/*
 * A notice names the function and the context that were registered; it is called if somebody has them registered when
 * it arrives. The daemon may have sent it before it heard of an unregistering; the list here decides.
 */
#include "client/notices.h"

#include <stdlib.h>

#include "base/os.h"
#include "base/socket.h"
#include "core/process.h"
#include "wire/packet.h"

struct registration {
    struct udxg_list link;
    enum udxg_notification_kind kind;
    D3DKMT_HANDLE device;
    const void *handle, *context;
    void (*callback)(void);
    unsigned running; /* 1 while it is called */
    bool ended;       /* it is off the list, and whoever calls it frees it */
};

void udxg_notices_init(struct udxg_notices *notices, int socket_fd)
{
    notices->socket_fd = socket_fd;
    pthread_mutex_init(&notices->lock, NULL);
    pthread_cond_init(&notices->changed, NULL);
    udxg_list_init(&notices->registrations);
    notices->started = false;
    notices->registering = 0;
}

/* ---- the thread ---- */

static void call(const struct wire_notice *notice)
{
    void *context = (void *)(uintptr_t)notice->context;

    if (notice->what == UDXG_NOTIFY_TRIM) {
        D3DKMT_TRIMNOTIFICATION args = {.Context = context, .NumBytesToTrim = notice->bytes};
        args.Flags.Value = notice->flags;
        ((PFND3DKMT_TRIMNOTIFICATIONCALLBACK)(uintptr_t)notice->callback)(&args);
    } else {
        D3DKMT_BUDGETCHANGENOTIFICATION args = {.Context = context, .Budget = notice->bytes};
        ((PFND3DKMT_BUDGETCHANGENOTIFICATIONCALLBACK)(uintptr_t)notice->callback)(&args);
    }
}

static struct registration *find_locked(struct udxg_notices *notices, const struct wire_notice *notice)
{
    udxg_list_for_each(it, &notices->registrations)
    {
        struct registration *registration = udxg_container_of(it, struct registration, link);
        if (registration->kind == notice->what && (uintptr_t)registration->callback == notice->callback &&
            (uintptr_t)registration->context == notice->context)
            return registration;
    }
    return NULL;
}

static void deliver(struct udxg_notices *notices, const struct wire_notice *notice)
{
    struct registration *registration;

    pthread_mutex_lock(&notices->lock);
    while (!(registration = find_locked(notices, notice)) && notices->registering)
        pthread_cond_wait(&notices->changed, &notices->lock);
    if (registration) {
        registration->running = 1;
        pthread_mutex_unlock(&notices->lock);
        call(notice);
        pthread_mutex_lock(&notices->lock);
        registration->running = 0;
        if (registration->ended) free(registration);
        pthread_cond_broadcast(&notices->changed);
    }
    pthread_mutex_unlock(&notices->lock);
}

static void *listen_main(void *argument)
{
    struct udxg_notices *notices = argument;
    struct wire_notice notice;
    struct udxg_packet packet;

    while (!udxg_failed(udxg_socket_receive(notices->socket_fd, &notice, sizeof notice, -1, &packet))) {
        udxg_packet_close(&packet);
        if (packet.size_bytes == sizeof notice && notice.kind == WIRE_NOTICE) deliver(notices, &notice);
    }
    return NULL;
}

/* ---- registrations ---- */

static bool registers(enum udxg_thunk_id id)
{
    return id == UDXG_THUNK_RegisterTrimNotification || id == UDXG_THUNK_RegisterBudgetChangeNotification;
}

udxg_status udxg_notices_before(struct udxg_notices *notices, enum udxg_thunk_id id)
{
    bool started;

    if (!registers(id)) return STATUS_SUCCESS;
    pthread_mutex_lock(&notices->lock);
    if (!notices->started)
        notices->started = udxg_os_thread_create(&notices->thread, "udxg-notices", listen_main, notices);
    started = notices->started;
    notices->registering += started;
    pthread_mutex_unlock(&notices->lock);
    return started ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

/* NULL: out of memory. Then it is never called, as when a notice gets lost. */
static struct registration *make(enum udxg_thunk_id id, const void *args)
{
    const D3DKMT_REGISTERTRIMNOTIFICATION *trim = args;
    const D3DKMT_REGISTERBUDGETCHANGENOTIFICATION *budget = args;
    struct registration *registration = calloc(1, sizeof *registration);

    if (!registration) return NULL;
    if (id == UDXG_THUNK_RegisterTrimNotification)
        *registration = (struct registration){.kind = UDXG_NOTIFY_TRIM,
                                              .device = trim->hDevice,
                                              .handle = trim->Handle,
                                              .callback = (void (*)(void))trim->Callback,
                                              .context = trim->Context};
    else
        *registration = (struct registration){.kind = UDXG_NOTIFY_BUDGET,
                                              .device = budget->hDevice,
                                              .handle = budget->Handle,
                                              .callback = (void (*)(void))budget->Callback,
                                              .context = budget->Context};
    return registration;
}

static void add(struct udxg_notices *notices, enum udxg_thunk_id id, const void *args, bool succeeded)
{
    struct registration *registration = succeeded ? make(id, args) : NULL;

    pthread_mutex_lock(&notices->lock);
    if (registration) udxg_list_append(&notices->registrations, &registration->link);
    notices->registering--;
    pthread_cond_broadcast(&notices->changed);
    pthread_mutex_unlock(&notices->lock);
}

/* The one with that handle, or one of the device. */
static struct registration *find_ended_locked(struct udxg_notices *notices, const void *handle, D3DKMT_HANDLE device)
{
    udxg_list_for_each(it, &notices->registrations)
    {
        struct registration *registration = udxg_container_of(it, struct registration, link);
        if (handle ? registration->handle == handle : registration->device == device) return registration;
    }
    return NULL;
}

static void end(struct udxg_notices *notices, const void *handle, D3DKMT_HANDLE device)
{
    struct registration *registration;

    pthread_mutex_lock(&notices->lock);
    while ((registration = find_ended_locked(notices, handle, device))) {
        udxg_list_remove(&registration->link);
        bool inside = registration->running && pthread_equal(pthread_self(), notices->thread);
        while (registration->running && !inside) pthread_cond_wait(&notices->changed, &notices->lock);
        if (inside)
            registration->ended = true;
        else
            free(registration);
    }
    pthread_mutex_unlock(&notices->lock);
}

void udxg_notices_after(struct udxg_notices *notices, enum udxg_thunk_id id, const void *args, udxg_status status)
{
    if (registers(id))
        add(notices, id, args, !udxg_failed(status));
    else if (udxg_failed(status))
        return;
    else if (id == UDXG_THUNK_UnregisterTrimNotification)
        end(notices, ((const D3DKMT_UNREGISTERTRIMNOTIFICATION *)args)->Handle, 0);
    else if (id == UDXG_THUNK_UnregisterBudgetChangeNotification)
        end(notices, ((const D3DKMT_UNREGISTERBUDGETCHANGENOTIFICATION *)args)->Handle, 0);
    else if (id == UDXG_THUNK_DestroyDevice)
        end(notices, NULL, ((const D3DKMT_DESTROYDEVICE *)args)->hDevice);
}
