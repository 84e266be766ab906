/* SPDX-License-Identifier: MIT */
/*
 * Stripes. What many threads take from and give to all the time (handles, objects of a slab, commit, homes) has a
 * few stripes, each with a leaf lock and a small stock of its own before the part that all share. What is done for a
 * device goes through the device's stripe: so two devices in different stripes meet only when a stock is filled up or
 * emptied, and what a program is given does not depend on which processor it happened to run on.
 *
 * Stripe 0 is where everything begins, and where what belongs to no device stays.
 *
 * A stripe is a number below UDXG_STRIPES. It is a hint, never a promise: any stripe will do at any time, on any
 * thread, and nothing is refused because it lies in another stripe's stock.
 */
#ifndef UDXG_BASE_STRIPE_H
#define UDXG_BASE_STRIPE_H

#define UDXG_STRIPES 8u

/*
 * A stripe's struct has so many bytes before and behind what is written all the time, so that this shares no cache line
 * with another stripe, nor with what everybody reads beside the stripes, wherever the array begins.
 */
#define UDXG_STRIPE_GAP 64u

#endif
