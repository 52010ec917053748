// AllocationCounter.h: counts what the process allocates while it is told to: proof that a run allocates nothing.
#pragma once

/// Whether allocations can be counted here (glibc).
int allocation_counter_works(void);
/// Starts counting from zero, on all threads.
void allocation_counter_start(void);
/// Stops counting, and gives the number of allocations since the start.
long allocation_counter_stop(void);
/// Allocations of the calling thread since it began, whether or not the counter was started: other threads do not disturb it.
long allocation_counter_own(void);
