/* Another wall clock for one process: preloaded (LD_PRELOAD), it adds seconds to CLOCK_REALTIME.
 *
 * The seconds stand as a 64-bit number in the file that TALLY_TEST_CLOCK names. It is mapped, so a test sets the clock of
 * a process that runs, as settimeofday would: what waits until a time of this clock waits by the new one. The kernel
 * knows nothing of it, so such a wait is cut into slices of the clock that nobody sets. Linux with glibc 2.30 or newer.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define NANOS 1000000000L
#define SLICE_NS (20 * 1000000L)
#define OLDEST_WALL_S 1000000000L /* 2001; what is below is a time of CLOCK_MONOTONIC */

static volatile int64_t nothing;
static volatile int64_t *offset_s = &nothing;
static long (*real_syscall)(long, ...);

__attribute__((constructor)) static void begin(void) {
    real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    const char *path = getenv("TALLY_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) abort(); /* a test without its clock must not pass */
    offset_s = mapped;
    close(file);
}

static long forward(long number, long a, long b, long c, long d, long e, long f) {
    if (!real_syscall) real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    return real_syscall(number, a, b, c, d, e, f);
}

/* -- what it shows ------------------------------------------------------------------------------------------------ */

int clock_gettime(clockid_t clock, struct timespec *shown) {
    int result = (int)forward(SYS_clock_gettime, clock, (long)shown, 0, 0, 0, 0);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) shown->tv_sec += *offset_s;
    return result;
}

int gettimeofday(struct timeval *restrict shown, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    shown->tv_sec = now.tv_sec;
    shown->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *shown) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (shown) *shown = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *shown, int base) {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, shown) == 0 ? base : 0;
}

/* -- what waits by it --------------------------------------------------------------------------------------------- */

static int64_t left_ns(const struct timespec *deadline) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (deadline->tv_sec - now.tv_sec) * NANOS + deadline->tv_nsec - now.tv_nsec;
}

static struct timespec slice_of(const struct timespec *deadline) {
    struct timespec end;
    int64_t left = left_ns(deadline);
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t nanos = end.tv_nsec + (left < 0 ? 0 : left > SLICE_NS ? SLICE_NS : left);
    end.tv_sec += nanos / NANOS;
    end.tv_nsec = nanos % NANOS;
    return end;
}

int pthread_cond_timedwait(
    pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex, const struct timespec *restrict deadline) {
    if (deadline->tv_sec < OLDEST_WALL_S) return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, deadline);
    for (;;) {
        struct timespec end = slice_of(deadline);
        int result = pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &end);
        if (result != ETIMEDOUT || left_ns(deadline) <= 0) return result;
    }
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict deadline) {
    /* In glibc they are the same as those of pthreads. */
    int result = pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex, deadline);
    return result == 0 ? thrd_success : result == ETIMEDOUT ? thrd_timedout : thrd_error;
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline) {
    for (;;) {
        struct timespec end = slice_of(deadline);
        int result = sem_clockwait(semaphore, CLOCK_MONOTONIC, &end);
        if (result == 0 || errno != ETIMEDOUT || left_ns(deadline) <= 0) return result;
    }
}

static long futex_wait(long word, long operation, long value, const struct timespec *deadline, long e, long f) {
    for (;;) {
        struct timespec end = slice_of(deadline);
        long result = forward(SYS_futex, word, operation & ~FUTEX_CLOCK_REALTIME, value, (long)&end, e, f);
        if (result == 0 || errno != ETIMEDOUT || left_ns(deadline) <= 0) return result;
    }
}

long syscall(long number, ...) {
    va_list list;
    va_start(list, number);
    long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
    long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
    va_end(list);
    if (number == SYS_clock_gettime) return clock_gettime((clockid_t)a, (struct timespec *)b);
    if (number == SYS_futex && (b & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && (b & FUTEX_CLOCK_REALTIME) && d)
        return futex_wait(a, b, c, (const struct timespec *)d, e, f);
    return forward(number, a, b, c, d, e, f);
}
