// AllocationCounter.c: malloc and its kin, defined in the test program so that they come before the C library's.
#include "AllocationCounter.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#if defined(__GLIBC__)
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_long group_count;

// Not reached by malloc itself: these are in the program's own thread-local block.
static __thread int counting_here, in_group;
static __thread long count_here;

static void note(void) {
  if (in_group) atomic_fetch_add(&group_count, 1);
  if (counting_here) ++count_here;
}

void *malloc(size_t size) {
  note();
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
  note();
  return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size) {
  note();
  return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  note();
  void *memory = __libc_memalign(alignment, size);
  if (!memory) return ENOMEM;
  *result = memory;
  return 0;
}

int allocation_counter_works(void) { return 1; }

void allocation_counter_join(void) { in_group = 1; }
void allocation_counter_leave(void) { in_group = 0; }
long allocation_counter_of_group(void) { return atomic_load(&group_count); }

void allocation_counter_start_here(void) {
  count_here = 0;
  counting_here = 1;
}

long allocation_counter_stop_here(void) {
  counting_here = 0;
  return count_here;
}
#else
int allocation_counter_works(void) { return 0; }
void allocation_counter_start_here(void) {}
long allocation_counter_stop_here(void) { return -1; }
void allocation_counter_join(void) {}
void allocation_counter_leave(void) {}
long allocation_counter_of_group(void) { return -1; }
#endif
