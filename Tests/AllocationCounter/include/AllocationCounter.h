// AllocationCounter.h: counts what the process allocates while it is told to: proof that a run allocates nothing.
#pragma once

/// Whether allocations can be counted here (glibc).
int allocation_counter_works(void);
/// The calling thread's allocations count for the group from now on: the workers of a pool, say.
void allocation_counter_join(void);
/// They do no longer.
void allocation_counter_leave(void);
/// The allocations of all threads of the group so far.
long allocation_counter_of_group(void);
/// Starts counting from zero on the calling thread alone, whatever other threads do.
void allocation_counter_start_here(void);
/// Stops that, and gives the number of allocations of the calling thread since then.
long allocation_counter_stop_here(void);
