/* SPDX-License-Identifier: MIT */
/*
 * Mutexes with a class each, checked by clang (-Wthread-safety): a field says UDXG_GUARDED_BY(CLASS), a
 * function UDXG_REQUIRES(CLASS). A class is a token, not an instance: that is coarser than the truth and
 * needs no help from the reader. The classes and their order stand in base/lock_order.h.
 */
#ifndef UDXG_BASE_LOCK_H
#define UDXG_BASE_LOCK_H

#include <pthread.h>

#include "base/leaf_lock.h"

#if defined(__clang__)
#define UDXG_TSA(attribute) __attribute__((attribute))
#else
#define UDXG_TSA(attribute)
#endif

#define UDXG_CAPABILITY UDXG_TSA(capability("mutex"))
#define UDXG_GUARDED_BY(class) UDXG_TSA(guarded_by(udxg_lock_##class))
#define UDXG_REQUIRES(class) UDXG_TSA(requires_capability(udxg_lock_##class))
#define UDXG_EXCLUDES(class) UDXG_TSA(locks_excluded(udxg_lock_##class))
#define UDXG_ACQUIRE(class) UDXG_TSA(acquire_capability(udxg_lock_##class))
#define UDXG_RELEASE(class) UDXG_TSA(release_capability(udxg_lock_##class))
#define UDXG_NO_TSA UDXG_TSA(no_thread_safety_analysis)

/* Only declared: the analysis wants a name, nobody wants storage. */
struct UDXG_CAPABILITY udxg_lock_class {
    char unused;
};

/* Declares the class token and the typed lock and unlock of one lock class, on a lock of TYPE. */
#define UDXG_LOCK_CLASS_(class, type, init, fini, take, give)                                   \
    extern struct udxg_lock_class udxg_lock_##class;                                            \
    struct udxg_mutex_##class {                                                                 \
        type mutex;                                                                             \
    };                                                                                          \
    static inline void udxg_mutex_init_##class(struct udxg_mutex_##class *m)                    \
    {                                                                                           \
        init(&m->mutex);                                                                        \
    }                                                                                           \
    static inline void udxg_mutex_fini_##class(struct udxg_mutex_##class *m)                    \
    {                                                                                           \
        fini(&m->mutex);                                                                        \
    }                                                                                           \
    static inline void udxg_lock_##class##_(struct udxg_mutex_##class *m) UDXG_ACQUIRE(class)   \
        UDXG_NO_TSA;                                                                            \
    static inline void udxg_lock_##class##_(struct udxg_mutex_##class *m)                       \
    {                                                                                           \
        take(&m->mutex);                                                                        \
    }                                                                                           \
    static inline void udxg_unlock_##class##_(struct udxg_mutex_##class *m) UDXG_RELEASE(class) \
        UDXG_NO_TSA;                                                                            \
    static inline void udxg_unlock_##class##_(struct udxg_mutex_##class *m)                     \
    {                                                                                           \
        give(&m->mutex);                                                                        \
    }

#define UDXG_MUTEX_INIT_(mutex) pthread_mutex_init(mutex, NULL)
#define UDXG_LEAF_FINI_(leaf) ((void)(leaf))

/* With condition variables, or held for long. */
#define UDXG_LOCK_CLASS(class) \
    UDXG_LOCK_CLASS_(class, pthread_mutex_t, UDXG_MUTEX_INIT_, pthread_mutex_destroy, pthread_mutex_lock, \
                     pthread_mutex_unlock)
/* Innermost, held for a few instructions, many times in a call. */
#define UDXG_LEAF_LOCK_CLASS(class) \
    UDXG_LOCK_CLASS_(class, struct udxg_leaf_lock, udxg_leaf_lock_init, UDXG_LEAF_FINI_, udxg_leaf_lock_take, \
                     udxg_leaf_lock_give)

#define udxg_lock(class, m) udxg_lock_##class##_(m)
#define udxg_unlock(class, m) udxg_unlock_##class##_(m)

#include "base/lock_order.h"

#endif
