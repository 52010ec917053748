// AllocationCounter.h: counts what the process allocates while it is told to: proof that a run allocates nothing.
#pragma once

/// Whether allocations can be counted here (glibc).
int allocation_counter_works(void);
/// Starts counting from zero, on all threads.
void allocation_counter_start(void);
/// Stops counting, and gives the number of allocations since the start.
long allocation_counter_stop(void);
/// Starts counting from zero on the calling thread alone, whatever other threads do.
void allocation_counter_start_here(void);
/// Stops that, and gives the number of allocations of the calling thread since then.
long allocation_counter_stop_here(void);
