/* SPDX-License-Identifier: MIT */
/* Registrations and the thread that calls them; the rules stand in the header. */
#include "vidmm/notify.h"

#include <time.h>

#include "base/os.h"
#include "vidmm/budget.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define LONGEST_INTERVAL_NS (UINT64_C(1) << 62)
#define PERIODIC_FLAGS (VIDMM_NOTICE_PERIODIC | VIDMM_NOTICE_RESTART)

/* On a notifier's thread, which waits for no callback: another one may be waiting for it. */
static _Thread_local bool in_callback;

static struct vidmm_adapter *adapter_of(const struct vidmm_registration *registration)
{
    return registration->device->process->adapter;
}

static struct vidmm_registration *sibling_of(struct udxg_list *link)
{
    return udxg_container_of(link, struct vidmm_registration, siblings);
}

static struct vidmm_registration *any_of(struct udxg_list *link)
{
    return udxg_container_of(link, struct vidmm_registration, all_link);
}

static struct vidmm_registration *due_of(struct udxg_list *link)
{
    return udxg_container_of(link, struct vidmm_registration, due_link);
}

/* ---- what is to be told ---- */

static void add_locked(struct vidmm_registration *registration, uint32_t flags) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_notifier *notifier = &adapter_of(registration)->notifier;
    flags &= registration->wanted;
    if (!flags) return;
    registration->pending |= flags;
    if (registration->pending & VIDMM_NOTICE_RESTART) registration->pending &= ~(uint32_t)VIDMM_NOTICE_PERIODIC;
    if (udxg_list_empty(&registration->due_link)) udxg_list_append(&notifier->due, &registration->due_link);
    pthread_cond_signal(&notifier->work);
}

static void add_for_all_locked(struct vidmm_process *process, uint32_t flags) UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(it, &process->registrations) add_locked(sibling_of(it), flags);
}

static enum vidmm_group told_group(const struct vidmm_adapter *adapter)
{
    return adapter->group_bytes[VIDMM_GROUP_LOCAL] ? VIDMM_GROUP_LOCAL : VIDMM_GROUP_NON_LOCAL;
}

static uint64_t told_budget_locked(const struct vidmm_process *process) UDXG_REQUIRES(VIDMM)
{
    return process->budget_bytes[told_group(process->adapter)];
}

void vidmm_notify_trim_locked(struct vidmm_process *process)
{
    add_for_all_locked(process, VIDMM_NOTICE_TRIM);
}

void vidmm_notify_budget_locked(struct vidmm_process *process, enum vidmm_group group)
{
    if (group == told_group(process->adapter)) add_for_all_locked(process, VIDMM_NOTICE_BUDGET);
}

/* What there is to tell now; flags 0 when nothing is left of it. */
static void take_notice_locked(struct vidmm_registration *registration, struct vidmm_notice *ret) UDXG_REQUIRES(VIDMM)
{
    const struct vidmm_process *process = registration->device->process;
    *ret = (struct vidmm_notice){.flags = registration->pending};
    registration->pending = 0;
    if (ret->flags & VIDMM_NOTICE_TRIM) {
        ret->trim_bytes = vidmm_budget_excess_locked(process);
        if (!ret->trim_bytes) ret->flags &= ~(uint32_t)VIDMM_NOTICE_TRIM;
    }
    if (ret->flags & VIDMM_NOTICE_BUDGET) {
        ret->budget_bytes = told_budget_locked(process);
        if (ret->budget_bytes == registration->told_bytes) ret->flags &= ~(uint32_t)VIDMM_NOTICE_BUDGET;
        registration->told_bytes = ret->budget_bytes;
    }
}

/* ---- periodic trims ---- */

static void set_asleep_locked(struct vidmm_registration *registration, bool asleep) UDXG_REQUIRES(VIDMM)
{
    registration->device->sleepers += (uint32_t)asleep - (uint32_t)registration->asleep;
    registration->asleep = asleep;
}

/* Begins the interval anew, if there is one. */
static void begin_interval_locked(struct vidmm_registration *registration) UDXG_REQUIRES(VIDMM)
{
    uint64_t interval_ns = adapter_of(registration)->notifier.interval_ns;
    bool wanted = interval_ns && (registration->wanted & VIDMM_NOTICE_PERIODIC);
    set_asleep_locked(registration, false);
    registration->seen_runs = registration->device->runs;
    registration->deadline_ns = wanted ? udxg_os_now_ns() + interval_ns : 0;
}

static void restart_locked(struct vidmm_registration *registration) UDXG_REQUIRES(VIDMM)
{
    begin_interval_locked(registration);
    if (registration->deadline_ns) add_locked(registration, VIDMM_NOTICE_RESTART);
}

static void interval_over_locked(struct vidmm_registration *registration) UDXG_REQUIRES(VIDMM)
{
    bool ran = registration->seen_runs != registration->device->runs;
    begin_interval_locked(registration);
    if (!ran) {
        registration->deadline_ns = 0;
        set_asleep_locked(registration, true);
    }
    add_locked(registration, VIDMM_NOTICE_PERIODIC);
}

/* Handles the intervals that are over; returns when the next one will be, 0 when there is none. */
static uint64_t next_deadline_locked(struct vidmm_notifier *notifier) UDXG_REQUIRES(VIDMM)
{
    uint64_t next = 0, now = udxg_os_now_ns();
    udxg_list_for_each(it, &notifier->all)
    {
        struct vidmm_registration *registration = any_of(it);
        if (registration->deadline_ns && registration->deadline_ns <= now) interval_over_locked(registration);
        uint64_t deadline = registration->deadline_ns;
        if (deadline && (!next || deadline < next)) next = deadline;
    }
    return next;
}

static void wake_sleepers_locked(struct vidmm_device *device) UDXG_REQUIRES(VIDMM)
{
    udxg_list_for_each(it, &device->process->registrations)
    {
        struct vidmm_registration *registration = sibling_of(it);
        if (registration->device == device && registration->asleep) restart_locked(registration);
    }
}

void vidmm_notify_run_locked(struct vidmm_device *device)
{
    if (device->sleepers) wake_sleepers_locked(device);
    device->runs++; /* after the waking: the run belongs to the new interval */
}

void vidmm_adapter_set_trim_interval(struct vidmm_adapter *adapter, uint64_t interval_100ns)
{
    struct vidmm_notifier *notifier = &adapter->notifier;
    udxg_lock(VIDMM, &adapter->lock);
    notifier->interval_ns = interval_100ns < LONGEST_INTERVAL_NS / 100 ? interval_100ns * 100 : LONGEST_INTERVAL_NS;
    udxg_list_for_each(it, &notifier->all) restart_locked(any_of(it));
    pthread_cond_signal(&notifier->work);
    udxg_unlock(VIDMM, &adapter->lock);
}

/* ---- the thread ---- */

/* One who is due, taken off the list with what to tell him; NULL when nobody is. */
static struct vidmm_registration *next_locked(struct vidmm_notifier *notifier, struct vidmm_notice *ret)
    UDXG_REQUIRES(VIDMM)
{
    struct udxg_list *link;
    while ((link = udxg_list_pop(&notifier->due))) {
        take_notice_locked(due_of(link), ret);
        if (ret->flags) return due_of(link);
    }
    return NULL;
}

static void sleep_locked(struct vidmm_adapter *adapter, uint64_t deadline_ns) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_notifier *notifier = &adapter->notifier;
    struct timespec until = {
        .tv_sec = (time_t)(deadline_ns / NS_PER_SECOND),
        .tv_nsec = (long)(deadline_ns % NS_PER_SECOND),
    };
    if (deadline_ns)
        (void)pthread_cond_timedwait(&notifier->work, &adapter->lock.mutex, &until);
    else
        pthread_cond_wait(&notifier->work, &adapter->lock.mutex);
}

/* Somebody to call, with his words; false when the thread has to end. */
static bool wait_for_next_locked(struct vidmm_adapter *adapter, struct vidmm_listener *ret_listener,
                                 struct vidmm_notice *ret_notice) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_notifier *notifier = &adapter->notifier;
    while (!notifier->stop) {
        struct vidmm_registration *registration = next_locked(notifier, ret_notice);
        if (registration) {
            *ret_listener = registration->listener;
            notifier->current = registration;
            notifier->current_device = registration->device;
            return true;
        }
        uint64_t deadline = next_deadline_locked(notifier);
        if (udxg_list_empty(&notifier->due)) sleep_locked(adapter, deadline);
    }
    return false;
}

static void *run(void *argument)
{
    struct vidmm_adapter *adapter = argument;
    struct vidmm_notifier *notifier = &adapter->notifier;
    struct vidmm_listener listener;
    struct vidmm_notice notice;
    in_callback = true;
    for (;;) {
        udxg_lock(VIDMM, &adapter->lock);
        bool call = wait_for_next_locked(adapter, &listener, &notice);
        udxg_unlock(VIDMM, &adapter->lock);
        if (!call) return NULL;
        listener.notify(&listener, &notice);
        udxg_lock(VIDMM, &adapter->lock);
        notifier->current = NULL;
        notifier->current_device = NULL;
        pthread_cond_broadcast(&notifier->done);
        udxg_unlock(VIDMM, &adapter->lock);
    }
}

static bool start_locked(struct vidmm_adapter *adapter) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_notifier *notifier = &adapter->notifier;
    if (!notifier->started) notifier->started = udxg_os_thread_create(&notifier->thread, "udxg-notifier", run, adapter);
    return notifier->started;
}

void vidmm_notifier_init(struct vidmm_notifier *notifier)
{
    pthread_condattr_t monotonic;
    *notifier = (struct vidmm_notifier){.interval_ns = UINT64_C(100) * VIDMM_TRIM_INTERVAL_DEFAULT};
    udxg_list_init(&notifier->all);
    udxg_list_init(&notifier->due);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&notifier->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&notifier->done, NULL);
}

void vidmm_notifier_fini(struct vidmm_adapter *adapter)
{
    struct vidmm_notifier *notifier = &adapter->notifier;
    udxg_lock(VIDMM, &adapter->lock);
    notifier->stop = true;
    bool started = notifier->started;
    pthread_t thread = notifier->thread;
    pthread_cond_signal(&notifier->work);
    udxg_unlock(VIDMM, &adapter->lock);
    if (started) pthread_join(thread, NULL);
    pthread_cond_destroy(&notifier->work);
    pthread_cond_destroy(&notifier->done);
}

/* ---- registrations ---- */

static void add_registration_locked(struct vidmm_registration *registration) UDXG_REQUIRES(VIDMM)
{
    struct vidmm_process *process = registration->device->process;
    udxg_list_append(&process->registrations, &registration->siblings);
    udxg_list_append(&process->adapter->notifier.all, &registration->all_link);
    registration->told_bytes = told_budget_locked(process);
    begin_interval_locked(registration);
    if (vidmm_budget_excess_locked(process)) add_locked(registration, VIDMM_NOTICE_TRIM);
    pthread_cond_signal(&process->adapter->notifier.work);
}

udxg_status vidmm_register(struct vidmm_registration *registration, struct vidmm_device *device, uint32_t wanted,
                           const struct vidmm_listener *listener)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    *registration = (struct vidmm_registration){.listener = *listener, .device = device, .wanted = wanted};
    udxg_list_init(&registration->siblings);
    udxg_list_init(&registration->all_link);
    udxg_list_init(&registration->due_link);
    udxg_lock(VIDMM, &adapter->lock);
    bool started = start_locked(adapter);
    if (started) add_registration_locked(registration);
    udxg_unlock(VIDMM, &adapter->lock);
    return started ? STATUS_SUCCESS : STATUS_NO_MEMORY;
}

/* It may have been silenced before, and its lists are empty then. */
static void silence_locked(struct vidmm_registration *registration) UDXG_REQUIRES(VIDMM)
{
    set_asleep_locked(registration, false);
    udxg_list_remove(&registration->siblings);
    udxg_list_remove(&registration->all_link);
    udxg_list_remove(&registration->due_link);
}

void vidmm_unregister(struct vidmm_registration *registration, bool wait)
{
    struct vidmm_adapter *adapter = adapter_of(registration);
    struct vidmm_notifier *notifier = &adapter->notifier;
    udxg_lock(VIDMM, &adapter->lock);
    silence_locked(registration);
    wait = wait && !in_callback;
    while (wait && notifier->current == registration) pthread_cond_wait(&notifier->done, &adapter->lock.mutex);
    /* Another one may get its address, and is not to wait for this one's last call. */
    if (notifier->current == registration) notifier->current = NULL;
    udxg_unlock(VIDMM, &adapter->lock);
}

void vidmm_device_silence(struct vidmm_device *device)
{
    struct vidmm_adapter *adapter = device->process->adapter;
    struct vidmm_notifier *notifier = &adapter->notifier;
    udxg_lock(VIDMM, &adapter->lock);
    udxg_list_for_each(it, &device->process->registrations) if (sibling_of(it)->device == device)
        silence_locked(sibling_of(it));
    while (notifier->current_device == device && !in_callback) pthread_cond_wait(&notifier->done, &adapter->lock.mutex);
    if (notifier->current_device == device) notifier->current_device = NULL;
    udxg_unlock(VIDMM, &adapter->lock);
}

/* ---- check ---- */

const char *vidmm_notifier_check_locked(struct vidmm_adapter *adapter)
{
    struct vidmm_notifier *notifier = &adapter->notifier;
    udxg_list_for_each(it, &notifier->all)
    {
        struct vidmm_registration *registration = any_of(it);
        bool listed = !udxg_list_empty(&registration->due_link);
        if (listed != (registration->pending != 0)) return "a registration is due without words, or has them in vain";
        if (registration->pending & ~registration->wanted) return "a registration is to hear what it does not want";
        if ((registration->pending & PERIODIC_FLAGS) == PERIODIC_FLAGS) return "a trim both begins and begins anew";
        if (registration->asleep && registration->deadline_ns) return "a registration sleeps and is to be woken";
        if (registration->asleep && !registration->device->sleepers) return "a device does not know of its sleepers";
    }
    return NULL;
}
