/* SPDX-License-Identifier: MIT */
/*
 * Lanes. What many threads take from and give to all the time (handles, objects of a slab, commit, homes) has a
 * few lanes, each with a leaf lock and a small stock of its own before the part that all share. What is done for a
 * device goes through the device's lane: so two devices in different lanes meet only when a stock is filled up or
 * emptied, and what a program is given does not depend on which processor it happened to run on.
 *
 * Lane 0 is where everything begins, and where what belongs to no device stays.
 *
 * A lane is a number below UDXG_LANES. It is a hint, never a promise: any lane will do at any time, on any thread,
 * and nothing is refused because it lies in another lane's stock.
 */
#ifndef UDXG_BASE_LANE_H
#define UDXG_BASE_LANE_H

#define UDXG_LANES 8u

/*
 * A lane's struct has so many bytes before and behind what is written all the time, so that this shares no cache line
 * with another lane, nor with what everybody reads beside the lanes, wherever the array begins.
 */
#define UDXG_LANE_GAP 64u

#endif
