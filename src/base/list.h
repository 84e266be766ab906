/* SPDX-License-Identifier: MIT */
/*
 * An intrusive doubly linked list: the user embeds a udxg_list in its struct and the list allocates nothing.
 * A head is a udxg_list too. An element that is on no list points to itself, so removal is always legal.
 */
#ifndef UDXG_BASE_LIST_H
#define UDXG_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct udxg_list {
    struct udxg_list *next, *prev;
};

#define udxg_container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void udxg_list_init(struct udxg_list *list)
{
    list->next = list->prev = list;
}

static inline bool udxg_list_empty(const struct udxg_list *list)
{
    return list->next == list;
}

static inline void udxg_list_insert_before(struct udxg_list *position, struct udxg_list *element)
{
    element->prev = position->prev;
    element->next = position;
    position->prev->next = element;
    position->prev = element;
}

static inline void udxg_list_append(struct udxg_list *head, struct udxg_list *element)
{
    udxg_list_insert_before(head, element);
}

static inline void udxg_list_remove(struct udxg_list *element)
{
    element->prev->next = element->next;
    element->next->prev = element->prev;
    udxg_list_init(element);
}

static inline struct udxg_list *udxg_list_first(const struct udxg_list *head)
{
    return udxg_list_empty(head) ? NULL : head->next;
}

/* Removes and returns the first element, NULL when there is none. */
static inline struct udxg_list *udxg_list_pop(struct udxg_list *head)
{
    struct udxg_list *first = udxg_list_first(head);
    if (first) udxg_list_remove(first);
    return first;
}

/* The body may remove the current element, no other. */
#define udxg_list_for_each(it, head)                                                                  \
    for (struct udxg_list *it = (head)->next, *it##_next = it->next; it != (head); \
         it = it##_next, it##_next = it->next)

#endif
