/* Counts the bytes that a process copies, by standing in front of the C library (LD_PRELOAD): memcpy and its kin add up
 * what they are asked to copy and pass it on. bench/copies/__main__.py compiles it; Python asks through ctypes.
 *
 * Build: cc -O2 -fPIC -shared -fno-builtin count_copies.c -o count_copies.so -ldl */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

typedef void *(*mover)(void *, const void *, size_t);

static _Atomic unsigned long long copied;
static _Atomic(mover) library_move;

unsigned long long dads_copied_bytes(void) { return atomic_load(&copied); }

__attribute__((constructor)) static void find(void) { library_move = (mover)dlsym(RTLD_NEXT, "memmove"); }

/* Before `find` has run, byte by byte: the loader copies little. */
static void *move(void *to, const void *from, size_t size) {
    atomic_fetch_add_explicit(&copied, size, memory_order_relaxed);
    mover found = atomic_load_explicit(&library_move, memory_order_relaxed);
    if (found)
        return found(to, from, size);
    volatile unsigned char *out = to;
    const volatile unsigned char *in = from;
    if (out < in)
        for (size_t i = 0; i < size; i++)
            out[i] = in[i];
    else
        for (size_t i = size; i > 0; i--)
            out[i - 1] = in[i - 1];
    return to;
}

void *memcpy(void *to, const void *from, size_t size) { return move(to, from, size); }
void *memmove(void *to, const void *from, size_t size) { return move(to, from, size); }
void *mempcpy(void *to, const void *from, size_t size) { return (char *)move(to, from, size) + size; }
void *__memcpy_chk(void *to, const void *from, size_t size, size_t room) { (void)room; return move(to, from, size); }
void *__memmove_chk(void *to, const void *from, size_t size, size_t room) { (void)room; return move(to, from, size); }
