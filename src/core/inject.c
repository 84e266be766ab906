/* SPDX-License-Identifier: MIT */
/* Rules at work; what they mean stands in ddi/inject.h. Lock: INJECT, never while anything is done about a rule. */
#include "core/inject.h"

#include "base/os.h"
#include "core/adapter.h"
#include "core/handlers.h"
#include "core/kernel.h"
#include "core/process.h"

#define HANG_NAP_NS 1000000u
#define NS_PER_MS UINT64_C(1000000)

void udxg_inject_init(struct udxg_inject *inject)
{
    udxg_mutex_init_INJECT(&inject->lock);
}

void udxg_inject_fini(struct udxg_inject *inject)
{
    udxg_mutex_fini_INJECT(&inject->lock);
}

static bool is_for(const struct udxg_inject_rule *rule, uint32_t adapter)
{
    return rule->adapter == UDXG_INJECT_ALL || rule->adapter == adapter;
}

/* When, from now, the rules take that adapter away; 0: never. */
static uint64_t removal_ns(const struct udxg_inject_rules *rules, uint32_t adapter)
{
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct udxg_inject_rule *rule = &rules->rules[i];
        if (rule->kind == UDXG_INJECT_REMOVE && !rule->first && is_for(rule, adapter))
            return udxg_os_now_ns() + rule->after_ms * NS_PER_MS;
    }
    return 0;
}

udxg_status udxg_inject_set(struct udxg_kernel *kernel, const struct udxg_inject_rules *rules)
{
    struct udxg_inject *inject = &kernel->inject;
    udxg_status status = STATUS_SUCCESS;

    udxg_lock(INJECT, &inject->lock);
    inject->rules = *rules;
    for (uint32_t i = 0; i < UDXG_INJECT_RULES; i++) inject->seen[i] = 0;
    atomic_store(&inject->active, rules->count > 0);
    atomic_fetch_add(&inject->changes, 1);
    udxg_unlock(INJECT, &inject->lock);
    for (uint32_t i = 0; i < kernel->adapter_count && !udxg_failed(status); i++)
        status = udxg_watchdog_remove_at(&kernel->adapters[i]->watchdog, removal_ns(rules, i));
    return status;
}

/* It has happened once more: whether the rule is about this time. */
static bool strikes_locked(struct udxg_inject *inject, uint32_t i) UDXG_REQUIRES(INJECT)
{
    const struct udxg_inject_rule *rule = &inject->rules.rules[i];
    uint64_t time = ++inject->seen[i];

    if (time < rule->first || !rule->first) return false;
    return time == rule->first || (rule->step && (time - rule->first) % rule->step == 0);
}

/* Whether the call fails; the adapters that go before it are bits of *ret_removed. */
static bool call_locked(struct udxg_inject *inject, enum udxg_thunk_id id, udxg_status *ret_status,
                        uint32_t *ret_removed) UDXG_REQUIRES(INJECT)
{
    bool fails = false;

    *ret_removed = 0;
    for (uint32_t i = 0; i < inject->rules.count; i++) {
        const struct udxg_inject_rule *rule = &inject->rules.rules[i];
        bool about = rule->kind == UDXG_INJECT_CALL ? rule->thunk == UDXG_INJECT_ALL || rule->thunk == id
                                                    : rule->kind == UDXG_INJECT_REMOVE;
        if (!about || !strikes_locked(inject, i)) continue;
        if (rule->kind == UDXG_INJECT_REMOVE) {
            *ret_removed |= rule->adapter == UDXG_INJECT_ALL ? UINT32_MAX : 1u << rule->adapter;
        } else if (!fails) {
            fails = true;
            *ret_status = rule->status;
        }
    }
    return fails;
}

bool udxg_inject_call(struct udxg_kernel *kernel, enum udxg_thunk_id id, udxg_status *ret_status)
{
    struct udxg_inject *inject = &kernel->inject;
    uint32_t removed;
    bool fails;

    if (!atomic_load_explicit(&inject->active, memory_order_relaxed) || udxg_thunks[id].control) return false;
    udxg_lock(INJECT, &inject->lock);
    fails = call_locked(inject, id, ret_status, &removed);
    udxg_unlock(INJECT, &inject->lock);
    for (uint32_t i = 0; removed && i < kernel->adapter_count; i++)
        if (removed & 1u << i) udxg_adapter_stop(kernel->adapters[i]);
    return fails;
}

enum udxg_inject_kind udxg_inject_packet(struct udxg_inject *inject, uint32_t adapter)
{
    enum udxg_inject_kind kind = UDXG_INJECT_CALL;

    if (!atomic_load_explicit(&inject->active, memory_order_relaxed)) return kind;
    udxg_lock(INJECT, &inject->lock);
    for (uint32_t i = 0; i < inject->rules.count; i++) {
        const struct udxg_inject_rule *rule = &inject->rules.rules[i];
        if (rule->kind == UDXG_INJECT_CALL || rule->kind == UDXG_INJECT_REMOVE || !is_for(rule, adapter)) continue;
        if (strikes_locked(inject, i) && kind == UDXG_INJECT_CALL) kind = rule->kind;
    }
    udxg_unlock(INJECT, &inject->lock);
    return kind;
}

void udxg_inject_hang(struct udxg_inject *inject, bool (*cancelled)(void *user), void *user)
{
    uint32_t changes = atomic_load(&inject->changes);

    while (atomic_load(&inject->changes) == changes && !(cancelled && cancelled(user))) udxg_os_nap_ns(HANG_NAP_NS);
}

/* The text ends where the client said it does: with its zero. */
udxg_status thunk_Inject(struct udxg_process *process, struct udxg_inject_text *args)
{
    struct udxg_inject_rules rules = {0};

    if (!udxg_process_may_disturb(process)) return STATUS_ACCESS_DENIED;
    if (args->TextBytes && args->pText[args->TextBytes - 1]) return STATUS_INVALID_PARAMETER;
    if (args->TextBytes && udxg_inject_parse(args->pText, UDXG_INJECT_ALL, &rules)) return STATUS_INVALID_PARAMETER;
    return udxg_inject_set(process->kernel, &rules);
}
