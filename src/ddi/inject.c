/* SPDX-License-Identifier: MIT */
/* Reads rules of what is to go wrong; nothing here makes anything go wrong. No state. */
#include "ddi/inject.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "abi/thunk.h"

/* Each reader returns NULL or the rule that the text breaks. */

static const char *read_number(const char *text, char **ret_rest, uint64_t *ret_value)
{
    errno = 0;
    if (!isdigit((unsigned char)*text)) return "a number is missing";
    *ret_value = strtoull(text, ret_rest, 0);
    return errno ? "the number is above 2^64 - 1" : NULL;
}

static const char *read_when(const char *text, struct udxg_inject_rule *rule)
{
    char *rest;
    const char *broken = read_number(text, &rest, &rule->first);

    rule->step = 0;
    if (broken) return broken;
    if (!rule->first) return "when= counts from 1";
    if (!strcmp(rest, "+")) {
        rule->step = 1;
        return NULL;
    }
    if (*rest == '+') {
        broken = read_number(rest + 1, &rest, &rule->step);
        if (broken) return broken;
        if (!rule->step) return "when=N+M repeats after at least 1";
    }
    return *rest ? "when= is N, N+ or N+M" : NULL;
}

static const char *read_status(const char *text, struct udxg_inject_rule *rule)
{
    uint64_t number;
    char *rest;

    if (isdigit((unsigned char)*text)) {
        const char *broken = read_number(text, &rest, &number);
        if (broken || *rest || number > UINT32_MAX) return "a status is a name or a number of 32 bits";
        rule->status = (udxg_status)(uint32_t)number;
    } else if (!udxg_status_by_name(text, &rule->status)) {
        return "no status has this name";
    }
    return udxg_failed(rule->status) ? NULL : "a call fails only with an error status";
}

static const char *read_call(const char *name, struct udxg_inject_rule *rule)
{
    rule->kind = UDXG_INJECT_CALL;
    rule->thunk = UDXG_INJECT_ALL;
    if (!strcmp(name, "*")) return NULL;
    for (uint32_t i = 0; i < UDXG_THUNK_COUNT; i++) {
        if (!udxg_thunks[i].implemented || udxg_thunks[i].control || strcmp(udxg_thunks[i].name, name)) continue;
        rule->thunk = i;
        return NULL;
    }
    return "it is engine, adapter, or a call that is there, without D3DKMT";
}

static const char *read_engine(const char *what, struct udxg_inject_rule *rule)
{
    if (!strcmp(what, "fault"))
        rule->kind = UDXG_INJECT_FAULT;
    else if (!strcmp(what, "hang"))
        rule->kind = UDXG_INJECT_HANG;
    else if (!strcmp(what, "stuck"))
        rule->kind = UDXG_INJECT_STUCK;
    else
        return "an engine can fault, hang or be stuck";
    return NULL;
}

/* The value of KEY= at the head of TEXT, or NULL. */
static const char *value_of(const char *text, const char *key)
{
    size_t length = strlen(key);
    return text && !strncmp(text, key, length) && text[length] == '=' ? text + length + 1 : NULL;
}

/* The part after the next colon, which becomes an end; NULL when there is none. */
static char *cut(char *text)
{
    char *colon = text ? strchr(text, ':') : NULL;

    if (!colon) return NULL;
    *colon = 0;
    return colon + 1;
}

static const char *read_removal(const char *how, struct udxg_inject_rule *rule)
{
    const char *when = value_of(how, "when"), *after = value_of(how, "after"), *broken;
    char *rest;

    if (when) {
        broken = read_when(when, rule);
        return !broken && rule->step ? "an adapter is removed once: when=N" : broken;
    }
    if (!after) return "say when=N or after=MS";
    rule->first = rule->step = 0;
    broken = read_number(after, &rest, &rule->after_ms);
    if (!broken && (*rest || rule->after_ms > UINT32_MAX)) return "after= is milliseconds, of 32 bits";
    return broken;
}

/* One rule, which it cuts into pieces. */
static const char *read_rule(char *text, struct udxg_inject_rule *rule)
{
    char *what = cut(text), *when = cut(what);
    const char *broken, *value;

    if (!what) return "a rule is WHOM:WHAT, with :when=WHEN or without";
    if (!strcmp(text, "adapter")) {
        rule->kind = UDXG_INJECT_REMOVE;
        return strcmp(what, "remove") ? "an adapter can be removed" : read_removal(when, rule);
    }
    if (!strcmp(text, "engine")) {
        broken = read_engine(what, rule);
    } else {
        broken = read_call(text, rule);
        value = value_of(what, "status");
        if (!broken) broken = value ? read_status(value, rule) : "a call fails with status=NAME";
    }
    if (broken || !when) return broken;
    value = value_of(when, "when");
    return value ? read_when(value, rule) : "the last part is when=WHEN";
}

const char *udxg_inject_parse(const char *text, uint32_t adapter, struct udxg_inject_rules *rules)
{
    struct udxg_inject_rules added = *rules;
    char copy[UDXG_INJECT_TEXT], *next, *rule = copy;

    if (strlen(text) >= sizeof copy) return "the text is too long";
    memcpy(copy, text, strlen(text) + 1);
    for (; *copy && rule; rule = next) {
        const char *broken;
        next = strchr(rule, ',');
        if (next) *next++ = 0;
        rule += strspn(rule, " ");
        if (added.count == UDXG_INJECT_RULES) return "there are at most 32 rules";
        added.rules[added.count] = (struct udxg_inject_rule){.adapter = adapter, .first = 1, .step = 1};
        broken = read_rule(rule, &added.rules[added.count++]);
        if (broken) return broken;
    }
    *rules = added;
    return NULL;
}
